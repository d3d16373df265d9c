"""The review sheet of figure texts: one HTML file with everything in it, pictures too."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

from ...errors import MicrographError
from ..audit.sheet import fill_sheet
from .review import Review, Reviewed
from .subjects import subject_of

__all__ = ["draw_sample", "picture_of", "write_review_sheet"]

SIDE = 720
"""Longest side of a picture on the sheet, in pixels."""


def draw_sample(review: Review, number: int | None, seed: int = 0) -> list[Reviewed]:
    """Draw texts by chance, all those about one figure together; None: all there are.

    Figures whose texts are not judged yet come before those that are.
    """
    by_figure: dict[str, list[Reviewed]] = {}
    for one in review.texts:
        by_figure.setdefault(_name(one), []).append(one)
    names = list(by_figure)
    if number is not None:
        Random(seed).shuffle(names)
        names.sort(key=lambda name: all(one.verdict != "open" for one in by_figure[name]))
    drawn: list[Reviewed] = []
    for name in names:
        if number is not None and drawn and len(drawn) + len(by_figure[name]) > number:
            continue
        drawn += by_figure[name]
        if number is not None and len(drawn) >= number:
            break
    return drawn


def write_review_sheet(path: Path, review: Review, texts: Sequence[Reviewed]) -> list[str]:
    """Write a review sheet.

    Parameters
    ----------
    path : Path
        The HTML file.
    review : Review
        The folder that the texts are from.
    texts : sequence of Reviewed
        Those about one figure together; the sheet starts with the verdicts that are kept.

    Returns
    -------
    list of str
        One sentence for each figure that is broken and therefore not on the sheet.
    """
    by_figure: dict[str, list[Reviewed]] = {}
    for one in texts:
        by_figure.setdefault(_name(one), []).append(one)
    cards: list[dict[str, Any]] = []
    skipped: list[str] = []
    for name, about in by_figure.items():
        first = about[0]
        try:
            data, width, height = picture_of(review.folder, first, SIDE)
        except MicrographError as error:
            skipped.append(f"{name}: {' '.join(str(error).split())}")
            continue
        cards.append(
            {
                "url": "data:image/jpeg;base64," + base64.b64encode(data).decode(),
                "width": width,
                "height": height,
                "where": first.where,
                "caption": first.caption,
                "texts": [_shown(one) for one in about],
            }
        )
    folder = review.folder.resolve()
    data_of_sheet = {
        # What was said in the browser and not saved is there on the next sheet of the folder, too.
        "sheet": sha256(str(folder).encode(errors="replace")).hexdigest()[:16],
        "folder": folder.name,
        "cards": cards,
    }
    template = (files(__package__) / "review.html").read_text(encoding="utf-8")
    fill_sheet(path, template, data_of_sheet)
    return skipped


def picture_of(folder: Path, one: Reviewed, side: int) -> tuple[bytes, int, int]:
    """Return a text's picture as JPEG, with its width and height.

    Raises
    ------
    MicrographError
        If it cannot be read.
    """
    image = subject_of(folder, one.figure, one.panel).show(side).image
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    return data.getvalue(), image.width, image.height


def _name(one: Reviewed) -> str:
    return one.figure.id if one.panel is None else f"{one.figure.id} ({one.panel.letter})"


def _shown(one: Reviewed) -> dict[str, str]:
    return {
        "id": one.id,
        "kind": one.text.kind,
        "support": one.text.support,
        "asked": one.asked,
        "said": one.said,
        "first_asked": one.text.asked,
        "first_said": one.text.said,
        "verdict": one.verdict,
    }
