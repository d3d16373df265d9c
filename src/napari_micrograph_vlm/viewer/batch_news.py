"""What the worker of a run tells the batch panel, and what it reads for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..regions import Placement
from ..runs.findings import Finding
from ..runs.items import Item, Source
from .layer_sources import LayerSource

__all__ = ["Begun", "finished", "known_places"]


@dataclass(frozen=True)
class Begun:
    """What the worker tells when the journal is open."""

    path: Path
    resumed: bool
    known: int
    why: str
    places: dict[str, Placement]
    items: dict[str, Item]


def known_places(source: Source) -> tuple[dict[str, Placement], dict[str, Item]]:
    """Return where items of layers lie, and the items as they are now, by key."""
    if not isinstance(source, LayerSource):
        return {}, {}
    return source.places, {key: item for key, (item, _cutout) in source.entries.items()}


def finished(begun: Begun) -> tuple[Any, list[Finding], list[str]]:
    """Read what is to be written beside shapes and objects (in a worker)."""
    from ..runs.journal import Journal

    with Journal.open(begun.path) as journal:
        keys = list(journal.done())
        # With the names that layers have now: an earlier part of the run may be of another day.
        found = [
            replace(one, item=begun.items[one.item.key])
            for one in journal.findings(pictures=False)
            if one.item.key in begun.items
        ]
        return journal.run, found, keys
