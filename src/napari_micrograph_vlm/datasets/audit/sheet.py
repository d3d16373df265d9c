"""The review sheet: one HTML file with everything in it, pictures too."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...errors import MicrographError
from ...whole_files import write_whole
from ..labelled import CLOSED, Labelled
from ..teacher.pictures import Picture
from .claims import Claim

__all__ = ["fill_sheet", "write_sheet"]

SIDE = 512
"""Longest side of a picture on the sheet, in pixels."""


def write_sheet(
    path: Path,
    labelled: Labelled,
    claims: Sequence[Claim],
    verdicts: dict[str, dict[str, str]],
) -> list[str]:
    """Write a review sheet.

    Parameters
    ----------
    path : Path
        The HTML file.
    labelled : Labelled
        The folder that the claims are about.
    claims : sequence of Claim
        Those about one picture together.
    verdicts : dict
        Verdicts kept already, by the id of the claim; the sheet starts with them.

    Returns
    -------
    list of str
        One sentence for each picture that is broken and therefore not on the sheet.
    """
    by_image: dict[str, list[Claim]] = {}
    for claim in claims:
        by_image.setdefault(claim.image, []).append(claim)
    cards: list[dict[str, Any]] = []
    skipped: list[str] = []
    for image, about in by_image.items():
        try:
            url, width, height = _embedded(labelled.folder / image)
        except MicrographError as error:
            skipped.append(f"{image}: {' '.join(str(error).split())}")
            continue
        cards.append(
            {
                "image": image,
                "url": url,
                "width": width,
                "height": height,
                "claims": [_shown(claim, verdicts) for claim in about],
            }
        )
    ids = "".join(item["id"] for card in cards for item in card["claims"])
    data = {
        "sheet": sha256(ids.encode()).hexdigest()[:16],
        "folder": labelled.folder.resolve().name,
        "cards": cards,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fill_sheet(path, (files(__package__) / "sheet.html").read_text(encoding="utf-8"), data)
    return skipped


def fill_sheet(path: Path, template: str, data: dict[str, Any]) -> None:
    """Write a page with its data in the place of ``"DATA"``."""
    # "</script>" inside a text would end the script.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    write_whole(path, template.replace('"DATA"', text))


def _shown(claim: Claim, verdicts: dict[str, dict[str, str]]) -> dict[str, str]:
    return {
        "id": claim.id,
        "kind": claim.kind,
        "asked": claim.asked,
        "said": claim.said,
        "allowed": _allowed(claim),
        "verdict": verdicts.get(claim.id, {}).get("verdict", ""),
    }


def _allowed(claim: Claim) -> str:
    """Return what else could have been said, which one must know to judge it."""
    values = CLOSED.get(claim.kind.replace(" ", "_"), ())
    return f"One of: {', '.join(values)}" if values else ""


def _embedded(path: Path) -> tuple[str, int, int]:
    """Return a picture as a ``data:`` address with its width and height."""
    image = Picture(path, path.name, path.name).show(SIDE).image
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    url = "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
    return url, image.width, image.height
