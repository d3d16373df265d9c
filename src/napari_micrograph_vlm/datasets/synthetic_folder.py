"""Synthetic micrographs on disk: pictures, masks and exact records, as a labelled folder."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import SourceError
from ..models.student.physical import expand
from .facts import Facts, Mask
from .labelled import (
    LABELS_FILE,
    NO_DEFECT,
    TRUTH,
    Record,
    append_line,
    cut_torn_line,
    place_word,
    read_labelled,
)
from .questions import questions_about
from .synthetic.synthesize import synthesize
from .synthetic.truth import Micrograph
from .wording import describe

__all__ = ["FIRST_SEED", "KEPT_SEEDS", "Drawing", "draw_folder"]

FIRST_SEED = 20_000_000
"""Seeds from here on are neither trained on nor measured with by the student that we ship."""

KEPT_SEEDS = range(9_000_000, FIRST_SEED)
"""Seeds of the pictures that students are calibrated and measured with; nobody is to learn them."""

MOST_COVERED = 0.05
"""Share of a defect that others may cover in the file of all defects."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn.

    Attributes
    ----------
    size : int
        Rows and columns in pixels.
    categories : tuple of str
        Picture i is of the i-th, in turns; empty: drawn.
    defects : tuple of str
        Likewise, of ``DEFECT_KINDS``, ``"any"`` or ``"none"``; empty: ``"any"``.
    """

    size: int = 384
    categories: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    def draw(self, seed: int) -> Micrograph:
        """Draw the picture of a seed.

        Raises
        ------
        SourceError
            If there is no such category, defect or size, or the two do not go together.
        """
        n = len(self.categories)
        category = self.categories[seed % n] if n else None
        # Categories take turns within each defect, so that all pairs come up.
        defect = self.defects[seed // max(n, 1) % len(self.defects)] if self.defects else "any"
        try:
            return synthesize(
                seed, category=category, defect=None if defect == "none" else defect, size=self.size
            )
        except (ValueError, RuntimeError) as error:
            raise SourceError(str(error)) from None


def draw_folder(
    folder: Path,
    seeds: Sequence[int],
    drawing: Drawing,
    *,
    processes: int = 1,
    on_picture: Callable[[], None] = lambda: None,
) -> int:
    """Draw the pictures that the folder does not hold yet.

    Parameters
    ----------
    folder : Path
        Gets ``images/``, ``masks/`` and the file of records.
    seeds : sequence of int
        One for each picture.
    drawing : Drawing
        What is drawn.
    processes : int
        How many pictures are drawn at a time.
    on_picture : callable
        Called after each picture.

    Returns
    -------
    int
        How many were drawn.

    Raises
    ------
    SourceError
        If the folder holds other labels, the drawing is impossible, or a seed is kept for the
        test.
    """
    if any(seed in KEPT_SEEDS for seed in seeds):
        raise SourceError(
            f"Seeds from {KEPT_SEEDS.start} to {KEPT_SEEDS.stop - 1} are kept for validation and "
            f"test; choose others, such as {FIRST_SEED} and more."
        )
    labels = folder / LABELS_FILE
    cut_torn_line(labels)
    done: set[str] = set()
    if labels.is_file():
        records = read_labelled(folder).records
        if any(record.get("teacher") != TRUTH for record in records):
            raise SourceError(f"{folder} holds labels of other pictures; choose another folder.")
        done = {str(record["image"]) for record in records}
    todo = [seed for seed in seeds if _name(seed) not in done]
    if not todo:
        return 0
    drawing.draw(todo[0])  # a wrong name is said before anything is made
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with closing(_records(todo, partial(_draw, folder, drawing), processes)) as made:
        for record in made:
            append_line(labels, record)
            on_picture()
    return len(todo)


def _records(
    seeds: Sequence[int], draw: Callable[[int], Record], processes: int
) -> Generator[Record]:
    if processes <= 1:
        yield from map(draw, seeds)
        return
    # Not forked: a program with threads, such as one that has used torch, must not be.
    # Ctrl-C reaches them too; they finish their picture and are told to end.
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield from pool.map(draw, seeds)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _name(seed: int) -> str:
    return f"images/{seed:09d}.png"


def _draw(folder: Path, drawing: Drawing, seed: int) -> Record:
    """Draw one picture, save it and its masks, and return its record."""
    micrograph = drawing.draw(seed)
    name = _name(seed)
    objects, defects = f"masks/{seed:09d}_objects.png", f"masks/{seed:09d}_defects.png"
    seen = [d.mask for d in micrograph.defects if d.mask.any()]  # as the facts count them
    ids, covered = _numbered(seen, micrograph.image.shape)
    alone = {i: f"masks/{seed:09d}_defect_{i}.png" for i in covered}
    _save(folder / objects, _white(micrograph.object_mask))
    _save(folder / defects, ids)
    for i, mask in covered.items():
        _save(folder / alone[i], _white(mask))
    _save(folder / name, micrograph.image)
    record = {**_record(name, micrograph), "object_masks": objects, "defect_masks": defects}
    return {**record, "covered_defects": alone} if alone else record


def _save(path: Path, pixels: NDArray[Any]) -> None:
    Image.fromarray(pixels).save(path)


def _white(mask: Mask) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * 255


def _numbered(
    masks: Sequence[Mask], shape: tuple[int, ...]
) -> tuple[NDArray[Any], dict[int, Mask]]:
    """Return an image with i where the i-th mask lies, the later above the earlier.

    With it come the masks of which too much is covered to be known from the image, by number.
    """
    ids = np.zeros(shape, np.uint16 if len(masks) > 255 else np.uint8)
    for i, mask in enumerate(masks, 1):
        ids[mask] = i
    covered = {
        i: mask
        for i, mask in enumerate(masks, 1)
        if (ids == i).sum() < (1 - MOST_COVERED) * mask.sum()
    }
    return ids, covered


def _record(name: str, micrograph: Micrograph) -> Record:
    """Put the truth into the format that a teacher's labels have."""
    facts = Facts.of(micrograph)
    rng = np.random.default_rng([micrograph.seed, 6])
    # A follow-up cannot be understood without the turns before it.
    asked = [(item.question, item) for item in questions_about(facts, rng) if not item.turns]
    # A reader of the record is told lengths; the student reckons them from shares by itself.
    across = micrograph.pixel_size_nm * max(micrograph.image.shape)
    defects = [{"kind": d.kind, "where": place_word(d.where)} for d in facts.defects or ()]
    return {
        "image": name,
        "group": f"synthetic-{micrograph.seed}",
        "technique": micrograph.technique,
        "category": micrograph.category,
        "shape": None,
        "arrangement": micrograph.arrangement or None,
        "density": micrograph.density or None,
        "size_uniformity": None,
        "contrast": micrograph.contrast or None,
        "surface": None,
        "orientation": micrograph.orientation or None,
        "count": "not countable" if micrograph.count is None else micrograph.count,
        "defects": defects or [{"kind": NO_DEFECT, "where": "spread"}],
        "scale_bar": micrograph.extra.get("scale_bar", ""),
        "annotations": [micrograph.extra["label"]] if "label" in micrograph.extra else [],
        "description": describe(facts),
        "qa": [[q, expand(item.answer, across, question=q)] for q, item in asked],
        "qa_kinds": [item.kind for _, item in asked],
        "teacher": TRUTH,
        "objects": micrograph.objects,
        "quality": list(micrograph.quality),
        "pixel_size_nm": round(micrograph.pixel_size_nm, 6),
        "seed": micrograph.seed,
    }
