"""Real micrographs with the labels that a large teacher model wrote for them.

The pictures are read where they lie and never copied: they are not ours to redistribute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import SourceError
from .facts import ACROSS, SPREAD, DefectFact, Facts
from .synthetic.truth import CATEGORIES

__all__ = ["RealPicture", "facts_of_record", "in_test", "read_teacher_labels"]

LABELS_FILE = "teacher_labels.jsonl"

TEST_SHARE = 0.2
"""Share of the groups that is kept for the test."""

_KINDS = {
    "agglomerate": "agglomerate",
    "pore or void": "pore",
    "contamination": "residue",
    "crack": "crack",
    "broken part": "break",
    "scratch": "scratch",
    "delamination": "delamination",
}
"""The teacher's names -> ours; grain boundaries and missing parts have none."""

_PLACES = {
    "spread": SPREAD,
    "centre": "in the centre",
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
    "top left": "at the top left",
    "top right": "at the top right",
    "bottom left": "at the bottom left",
    "bottom right": "at the bottom right",
    "across": ACROSS,
}

_TECHNIQUES = ("SEM", "TEM", "STEM")


@dataclass(frozen=True, eq=False)
class RealPicture:
    """A real micrograph, or a window of one.

    Attributes
    ----------
    path : Path
        The image file.
    group : str
        Pictures of one group (paper, image) are never split between training and test.
    facts : Facts
        What is known of it.
    box : (int, int, int, int) or None
        The window ``y0, x0, y1, x1`` in pixels; None for the whole picture.
    """

    path: Path
    group: str
    facts: Facts
    box: tuple[int, int, int, int] | None = None

    @property
    def in_test(self) -> bool:
        """Whether it belongs to the test split."""
        return in_test(self.group)

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels, (H, W) uint8: colour figures are grey micrographs in RGB files."""
        with Image.open(self.path) as image:
            pixels = np.asarray(image.convert("L"))
        if self.box is None:
            return pixels
        y0, x0, y1, x1 = self.box
        return pixels[y0:y1, x0:x1]


def in_test(group: str) -> bool:
    """Whether a group is kept for the test, by a hash that never changes."""
    share = int.from_bytes(sha256(group.encode()).digest()[:4], "big") / 2**32
    return share < TEST_SHARE


def read_teacher_labels(folder: Path) -> Iterator[RealPicture]:
    """Read the labelled pictures of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``teacher_labels.jsonl`` and the images it names.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    labels = folder / LABELS_FILE
    if not labels.is_file():
        raise SourceError(f"{folder} holds no {LABELS_FILE}; give the folder that does.")
    with labels.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            path = folder / record["image"]
            yield RealPicture(path, str(record["group"]), facts_of_record(record))


def facts_of_record(record: dict[str, Any]) -> Facts:
    """Take the facts of one record; what the teacher left open stays unknown."""
    category = record["category"] if record["category"] in CATEGORIES else None
    count: int | str | None = record["count"]
    if count == "not countable":
        count = None
    facts = Facts(
        category=category,
        technique=record["technique"] if record["technique"] in _TECHNIQUES else None,
        objects=_objects(category),
        count=count,
        density=record["density"],
        orientation=record["orientation"],
        contrast=record["contrast"],
        arrangement=record["arrangement"],
        defects=_defects(record["defects"]),
        shape=record["shape"] if record["shape"] != "none" else None,
        description=record["description"] or None,
        qa=tuple((str(q), str(a)) for q, a in record["qa"]),
        source="teacher",
    )
    # Without a name for the objects a count has nothing to count.
    return facts if facts.objects else replace(facts, count=None)


def _objects(category: str | None) -> str | None:
    return {
        "particles": "particles",
        "powder": "particles",
        "fibres": "fibres",
        "nanowires": "nanowires",
        "porous sponge": "pores",
    }.get(category or "")


def _defects(found: list[dict[str, str]]) -> tuple[DefectFact, ...] | None:
    """Take the defects that have a name of ours; None where one has not."""
    defects = []
    for item in found:
        if item["kind"] == "none visible":
            continue
        if item["kind"] not in _KINDS:
            return None
        defects.append(DefectFact(_KINDS[item["kind"]], place=_PLACES.get(item["where"])))
    return tuple(defects)
