"""A search for more like an example: what was looked for, where, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from napari.layers import Image, Shapes

from ..finding.candidates import Candidate, SimilarityMap
from ..finding.fields import Field, Fields
from ..finding.similar import Example, Grids, Search, find_similar
from .handler_jobs import Report, Work
from .models import Key, ModelHolder
from .region_window import data_kept
from .similar_fields import SharedEyes
from .similar_layers import ACCEPTED, COLOURS, PROPOSED, REJECTED, Row

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Found", "Hunt", "searching"]

KEPT_MAPS = 64 * 2**20
"""Bytes of similarity maps that are kept to be shown."""

_MARKS = {PROPOSED: "", ACCEPTED: "✓", REJECTED: "✗"}


@dataclass(eq=False)
class Hunt:
    """A search and what came of it; it keeps no layer alive."""

    image: ReferenceType[Image]
    axes: tuple[int, int]
    fields: Fields
    examples: list[Example]
    most: int
    grids: Grids = field(default_factory=Grids)
    rows: list[Row] = field(default_factory=list)
    maps: dict[Any, SimilarityMap] = field(default_factory=dict)
    layers: dict[Path | None, tuple[ReferenceType[Image], ReferenceType[Shapes]]] = field(
        default_factory=dict
    )

    def with_verdict(self, verdict: str) -> list[Row]:
        """Return the rows of which the user said so."""
        return [row for row in self.rows if row.verdict == verdict]

    @property
    def note(self) -> str:
        """How many candidates there are, and what was said of them."""
        yes, no = (len(self.with_verdict(verdict)) for verdict in (ACCEPTED, REJECTED))
        number = "1 candidate" if len(self.rows) == 1 else f"{len(self.rows)} candidates"
        if yes or no:
            number = f"{len(self.rows) - yes - no} new, {yes + no} judged"
        return f"{number} · {yes} accepted · {no} rejected"

    def line(self, index: int) -> tuple[str, str]:
        """Return how a candidate is listed: text, and colour (empty: the theme's)."""
        row = self.rows[index]
        where = row.candidate.field
        y0, x0, y1, x1 = row.candidate.box
        text = f"{index + 1}   {row.candidate.similarity:.2f}".replace("-", "\u2212")
        text += f"   row {(y0 + y1) // 2}, column {(x0 + x1) // 2}"
        if where.path is not None:
            text += f"   {where.path.name}"
        elif where.plane:
            text += f"   slice {', '.join(map(str, where.plane))}"
        mark = _MARKS[row.verdict]
        text += f"   {mark} {row.name or row.verdict}" if mark else ""
        return text, "" if row.verdict == PROPOSED else COLOURS[row.verdict]

    def axes_of(self, where: Field) -> tuple[int, int]:
        """Return the data axes of a field's layer that are its rows and columns."""
        before = len(where.plane)
        return self.axes if where.path is None else (before, before + 1)

    def open_layers(self, viewer: Viewer) -> list[tuple[Image, Shapes]]:
        """Return the images and candidate layers that are still there."""
        found = []
        for weak_image, weak_shapes in self.layers.values():
            image, shapes = weak_image(), weak_shapes()
            if image is not None and image in viewer.layers and shapes in viewer.layers:
                found.append((image, shapes))
        return found

    def image_of(self, viewer: Viewer, where: Field) -> Image | None:
        """Return the image that a field is of, if it is open and still holds the same data."""
        pair = self.layers.get(where.path)
        image = pair[0]() if pair is not None else None
        if image is None or image not in viewer.layers:
            return None
        if where.path is None and isinstance(where.key, tuple):
            # Other data in the same layer is another image.
            return image if data_kept(image)["data_id"] == where.key[0] else None
        return image


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found: ``skipped`` says why files were passed over."""

    hunt: Hunt
    candidates: list[Candidate]
    maps: dict[Any, SimilarityMap]
    skipped: list[str]


def searching(
    models: ModelHolder,
    which: Key,
    prepare: Callable[[], Hunt],
    judged: Callable[[Hunt], Sequence[Row]],
) -> Work:
    """Return the work of a search.

    Parameters
    ----------
    models, which
        Where the model comes from, and which.
    prepare : callable
        Gives the hunt; called in the worker.
    judged : callable
        Gives rows of a hunt that were accepted or rejected: further examples.
    """

    def work(report: Any, cancel: Event) -> Found:
        hunt = prepare()
        with models.use(
            *which, cancel=cancel, on_load=lambda: report(Report.STAGE, "Loading the model…")
        ) as model:
            eyes = SharedEyes(models, which, model, cancel)
        more = judged(hunt)
        search = Search(
            eyes,
            [*hunt.examples, *(_example(row) for row in more if row.verdict == ACCEPTED)],
            [_example(row) for row in more if row.verdict == REJECTED],
            grids=hunt.grids,
            cancel=cancel,
        )
        maps: dict[Any, SimilarityMap] = {}

        def keep(made: SimilarityMap) -> None:
            if sum(one.values.nbytes for one in maps.values()) < KEPT_MAPS:
                maps[made.field.key] = made

        candidates = find_similar(
            search,
            hunt.fields,
            most=hunt.most,
            on_progress=lambda share, name: report(Report.COUNT, (share, name)),
            on_map=keep,
        )
        return Found(hunt, candidates, maps, list(getattr(hunt.fields, "skipped", ())))

    return work


def _example(row: Row) -> Example:
    y0, x0, y1, x1 = (float(n) for n in row.candidate.box)
    return Example(row.candidate.field, (y0, x0, y1, x1))
