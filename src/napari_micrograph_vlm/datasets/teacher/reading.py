"""Getting JSON out of what a model wrote around it."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["Unreadable", "read_json"]

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_COMMA = re.compile(r",(\s*[}\]])")


class Unreadable(ValueError):  # noqa: N818 - what happened, in a word
    """An answer without the JSON that was asked for."""


def read_json(text: str) -> dict[str, Any]:
    """Return the first JSON object in a text with code fences, thoughts or chatter around it.

    Raises
    ------
    Unreadable
        If there is none.
    """
    text = _THOUGHT.sub("", text)
    for candidate in (text, _COMMA.sub(r"\1", text)):
        start = candidate.find("{")
        while start >= 0:
            try:
                found, _ = json.JSONDecoder().raw_decode(candidate, start)
            except (ValueError, RecursionError):
                pass
            else:
                if isinstance(found, dict) and found:
                    return {str(k).strip().lower().replace(" ", "_"): v for k, v in found.items()}
            start = candidate.find("{", start + 1)
    raise Unreadable("the answer holds no JSON object")
