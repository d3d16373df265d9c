"""Real micrographs with the labels that a large teacher model wrote for them.

The pictures are read where they lie and never copied: they are not ours to redistribute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..readers.micrograph import read_micrograph
from ..regions import Cutout
from .facts import ACROSS, SPREAD, DefectFact, Facts, Mask, on_grid
from .mask_files import read_mask
from .synthetic.truth import CATEGORIES, DEFECT_KINDS

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

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue in grey."""

_MASK_SIDE = 192
"""Masks beside records are kept on a grid of so many cells a side, or thousands fill the memory."""

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

_WORDS = (
    "category",
    "technique",
    "objects",
    "density",
    "orientation",
    "contrast",
    "arrangement",
    "shape",
    "description",
    "object_masks",
    "defect_masks",
)
"""Fields that are a text or not known."""

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
        """Return the pixels, (H, W) uint8: colour figures are grey micrographs in RGB files.

        Raises
        ------
        SourceError
            If the file is missing or damaged.
        """
        pixels: NDArray[Any] = read_micrograph(self.path, 0).array
        if pixels.dtype != np.uint8 or pixels.ndim != 2:
            # As the plugin shows it: 16 bit between its percentiles.
            seen = Cutout.of_array(pixels).read().pixels
            grey = seen if seen.ndim == 2 else seen[..., :3] @ _LUMINANCE
            pixels = np.round(255 * grey)
        y0, x0, y1, x1 = self.box or (0, 0, *pixels.shape)
        window: NDArray[np.uint8] = pixels[y0:y1, x0:x1].astype(np.uint8, copy=False)
        return window


def in_test(group: str) -> bool:
    """Whether a group is kept for the test, by a hash that never changes."""
    share = int.from_bytes(sha256(group.encode()).digest()[:4], "big") / 2**32
    return share < TEST_SHARE


def read_teacher_labels(folder: Path, broken: list[str] | None = None) -> Iterator[RealPicture]:
    """Read the labelled pictures of a folder; records and masks that are broken are left out.

    Parameters
    ----------
    folder : Path
        Holds ``teacher_labels.jsonl`` and the images it names.
    broken : list of str, optional
        Gets one sentence for each line, record and mask that cannot be read.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    # Imported here: that module takes the name of the file from this one.
    from .labelled import read_labelled

    labelled = read_labelled(folder)
    broken = [] if broken is None else broken
    broken += labelled.broken
    for record in labelled.records:
        try:
            facts = _with_masks(facts_of_record(record), record, labelled.folder)
        except SourceError as error:
            broken.append(f"{LABELS_FILE}, {record['image']}: {error}")
        else:
            yield RealPicture(labelled.path(record), str(record["group"]), facts)


def facts_of_record(record: dict[str, Any]) -> Facts:
    """Take the facts of one record; what is null or missing stays unknown.

    Parameters
    ----------
    record : dict
        A line of ``teacher_labels.jsonl``, of a teacher or of synthetic truth.

    Raises
    ------
    SourceError
        If a field holds what it cannot hold.
    """
    for name in _WORDS:
        if not isinstance(record.get(name), str | None):
            raise SourceError(f"Its {name} must be a text, not {record[name]!r:.40}.")
    category = record.get("category")
    category = category if category in CATEGORIES else None
    count = record.get("count")
    if not isinstance(count, int | None) and count not in ("many", "not countable"):
        raise SourceError(f"Its count must be a whole number, not {count!r:.40}.")
    pairs = _list(record, "qa")
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs or ()):
        raise SourceError("Its questions are not pairs of question and answer.")
    technique, shape = record.get("technique"), record.get("shape")
    exact = record.get("teacher") == "truth"
    quality = _list(record, "quality")
    facts = Facts(
        category=category,
        technique=technique if technique in _TECHNIQUES else None,
        objects=record.get("objects") or _objects(category),
        count=None if count == "not countable" else count,
        density=record.get("density"),
        orientation=record.get("orientation"),
        contrast=record.get("contrast"),
        arrangement=record.get("arrangement"),
        defects=_defects(_list(record, "defects"), category),
        shape=shape if shape != "none" else None,
        description=record.get("description") or None,
        # What follows from exact truth is asked in many more words than a record holds.
        qa=() if exact else tuple((str(q), str(a)) for q, a in pairs or ()),
        source="synthetic" if exact else "teacher",
        quality=None if quality is None else tuple(map(str, quality)),
    )
    # Without a name for the objects a count has nothing to count.
    return facts if facts.objects else replace(facts, count=None)


def _list(record: dict[str, Any], name: str) -> list[Any] | None:
    found = record.get(name)
    if not isinstance(found, list | tuple | None):
        raise SourceError(f"Its {name} must be a list, not {found!r:.40}.")
    return None if found is None else list(found)


def _with_masks(facts: Facts, record: dict[str, Any], folder: Path) -> Facts:
    """Add the masks that a record names: of the objects, and of each defect by its number."""
    if record.get("object_masks"):
        objects = read_mask(folder / record["object_masks"]) > 0
        wide = objects.shape[1]
        pixel = record.get("pixel_size_nm")
        if not isinstance(pixel, int | float | None):
            raise SourceError(f"Its pixel_size_nm must be a number, not {pixel!r:.40}.")
        facts = replace(
            facts,
            object_mask=on_grid(objects, _MASK_SIDE),
            aspect=wide / objects.shape[0],
            field_of_view_nm=float(pixel) * wide if pixel else None,
        )
    if record.get("defect_masks") and facts.defects:
        ids = read_mask(folder / record["defect_masks"])
        masks: list[Mask] = [ids == i for i in range(1, len(facts.defects) + 1)]
        covered = record.get("covered_defects") or {}
        numbers = {str(i): i - 1 for i in range(1, len(masks) + 1)}
        if not isinstance(covered, dict) or not set(covered) <= set(numbers):
            raise SourceError("Its covered_defects are not numbers of its defects.")
        for number, name in covered.items():
            whole: Mask = read_mask(folder / str(name)) > 0
            masks[numbers[number]] = whole
        facts = replace(
            facts,
            aspect=ids.shape[1] / ids.shape[0],
            # A defect that others cover keeps its place alone.
            defects=tuple(
                replace(d, mask=on_grid(mask, _MASK_SIDE)) if mask.any() else d
                for d, mask in zip(facts.defects, masks, strict=True)
            ),
        )
    return facts


def _objects(category: str | None) -> str | None:
    return {
        "particles": "particles",
        "powder": "particles",
        "fibres": "fibres",
        "nanowires": "nanowires",
        "porous sponge": "pores",
    }.get(category or "")


def _defects(found: list[Any] | None, category: str | None) -> tuple[DefectFact, ...] | None:
    """Take the defects that have a name of ours; None where one has not."""
    if found is None:
        return None
    defects = []
    for item in found:
        if not isinstance(item, dict) or not isinstance(item.get("kind"), str):
            raise SourceError("One of its defects names no kind.")
        if not isinstance(item.get("where"), str | None):
            raise SourceError(f"The place of a defect must be a text, not {item['where']!r:.40}.")
        name = item["kind"]
        if name == "none visible":
            continue
        kind = _KINDS.get(name, name if name in DEFECT_KINDS else None)
        if kind is None:
            return None
        if kind == "break" and name == "broken part" and category in ("particles", "powder"):
            kind = "broken particle"
        defects.append(DefectFact(kind, place=_PLACES.get(item.get("where") or "")))
    return tuple(defects)
