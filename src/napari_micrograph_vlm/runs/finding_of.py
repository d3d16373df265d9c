"""From what a model said about one item to a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from ..regions import Region
from ..results import Answer, Classification
from .findings import Finding, Said, Status
from .items import Item
from .measured import sizes_of
from .thumbnails import thumbnail_of

__all__ = ["finding_of", "skipped"]


def finding_of(
    item: Item,
    region: Region,
    classification: Classification | None,
    answers: Sequence[Answer] = (),
    *,
    index: int = 0,
    thumbnail: bytes | None = None,
    seconds: float | None = None,
    measured: bool = False,
    cancel: Event | None = None,
) -> Finding:
    """Put together what was found out about one item.

    Parameters
    ----------
    item : Item
        Which.
    region : Region
        Its pixels.
    classification : Classification or None
        Its class, where one was wanted.
    answers : sequence of Answer
        About this item alone, in the order of the questions.
    index : int
        The item's row in ``classification``.
    thumbnail : bytes, optional
        Made from the region where it is not given.
    seconds : float, optional
        How long the model took for this item; else what the results say.
    measured : bool
        Whether what was found is measured.
    cancel : threading.Event, optional
        Looked at while it is measured.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    best, probability, probabilities = "", float("nan"), {}
    maps = [attention for answer in answers for attention in answer.attention[:1]]
    if classification is not None:
        row = classification.probabilities[index]
        probabilities = dict(zip(classification.labels, map(float, row), strict=True))
        best, probability = classification.best[index], max(probabilities.values())
        maps.insert(0, classification.attention[index])
    if seconds is None:
        whole = 0.0 if classification is None else classification.provenance.seconds
        parts = sum(answer.provenance.seconds for answer in answers)
        seconds = whole / max(len(classification or ()), 1) + parts
    if region.left_out is not None:
        item = replace(item, seen=region.box)
    return Finding(
        item=item,
        best=best,
        probability=probability,
        probabilities=probabilities,
        said=tuple(
            Said(
                one.question,
                one.text,
                one.confidence,
                one.warnings,
                tuple(map(str, one.citations)),
            )
            for one in answers
        ),
        maps=tuple(maps),
        shape=region.shape,
        pixel_size=region.pixel_size,
        unit=region.unit,
        thumbnail=thumbnail_of(region) if thumbnail is None else thumbnail,
        seconds=seconds,
        sizes=sizes_of(classification, answers, index=index, cancel=cancel) if measured else None,
    )


def skipped(item: Item, reason: str) -> Finding:
    """Return the finding of an item that could not be looked at."""
    return Finding(item=item, status=Status.SKIPPED, error=reason)
