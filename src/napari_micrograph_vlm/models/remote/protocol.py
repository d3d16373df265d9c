"""The chat completions protocol: what is sent, and what is read out of what comes back."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Broken", "Piece", "Token", "events", "picture_part", "pieces", "text_of", "text_part"]


class Broken(ValueError):  # noqa: N818 - what happened, in a word
    """An answer that is not what the protocol says, or that ends too early."""


@dataclass(frozen=True)
class Token:
    """One token of an answer.

    Attributes
    ----------
    text : str
        What it adds.
    logprob : float
        Logarithm of its probability.
    top : mapping of str to float
        The most probable tokens in its place and their logarithms, as far as the server tells.
    """

    text: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """One piece of an answer.

    Attributes
    ----------
    text : str
        What it adds to the answer.
    tokens : tuple of Token
        The tokens it is made of; empty where the server tells nothing about them.
    """

    text: str
    tokens: tuple[Token, ...] = ()


def text_part(text: str) -> dict[str, Any]:
    """Return a part of a message that is text."""
    return {"type": "text", "text": text}


def picture_part(image: Image) -> dict[str, Any]:
    """Return a part of a message that is a picture: a PNG in a ``data:`` address.

    It holds pixels and nothing else: no name, no place, no date.
    """
    data = io.BytesIO()
    image.save(data, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Read server-sent events until ``[DONE]``.

    Raises
    ------
    Broken
        If something is no JSON, the server reports an error, or the lines end before the answer.
    """
    finished = False
    for event in _data(lines):
        if event == b"[DONE]":
            return
        found = read_json(event)
        if found.get("error"):
            raise Broken(f"reported an error{said_in(found)}")
        finished = finished or any(
            isinstance(choice, dict) and choice.get("finish_reason") is not None
            for choice in found.get("choices") or ()
        )
        yield found
    if not finished:  # some servers leave out the last line
        raise Broken("ended in the middle of the answer")


def pieces(found: dict[str, Any], *, whole: bool = False) -> Iterator[Piece]:
    """Return the text in one event, or in a ``whole`` answer that came at once."""
    try:
        choice = found["choices"][0]
        message = choice["message" if whole else "delta"]
    except (KeyError, IndexError, TypeError):
        return
    text = text_of(message)
    if text:
        yield Piece(text, _tokens(choice.get("logprobs")))


def text_of(message: Any) -> str:
    """Return the text of a message; some servers send it in parts."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def read_json(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    Broken
        If it is none.
    """
    try:
        found = json.loads(data)
    except ValueError:
        raise Broken("answered with something that is not JSON") from None
    if not isinstance(found, dict):
        raise Broken("answered with something that is not JSON")
    return found


def said_in(found: Any) -> str:
    """Return the server's own words about an error, in one short line after a colon."""
    said = found.get("error", found) if isinstance(found, dict) else found
    text = said.get("message", "") if isinstance(said, dict) else said
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(printable.split()).rstrip(".")[:200]
    return f": {line}" if line else ""


def _data(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of each event; comments and other fields are passed over."""
    data: list[bytes] = []
    for line in lines:
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


def _tokens(told: Any) -> tuple[Token, ...]:
    """Read what a server tells about tokens; whatever is not as it should be counts as nothing."""
    content = told.get("content") if isinstance(told, dict) else None
    found = []
    for one in content if isinstance(content, Sequence) else ():
        try:
            top = {str(t["token"]): float(t["logprob"]) for t in one.get("top_logprobs") or ()}
            found.append(Token(str(one["token"]), float(one["logprob"]), top))
        except (KeyError, TypeError, ValueError, AttributeError):
            return ()
    return tuple(found)
