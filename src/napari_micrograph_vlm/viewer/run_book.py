"""The run that a viewer's panels look at: its journal, and where its items lie on layers."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..labelling.label_sets import LabelSet, label_set_of
from ..regions import Placement, Region
from ..results import Classification
from ..runs.findings import Run
from ..runs.items import Item, Task
from .handler_jobs import Job, Outcome
from .item_features import write_correction
from .region_view import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..runs.journal import Journal

__all__ = ["RunBook", "item_of"]

Said = dict[tuple[Any, ...], tuple[str, bool]]
"""By place: the class that a person gave or agreed to, and whether it was given."""

_books: weakref.WeakKeyDictionary[Any, RunBook] = weakref.WeakKeyDictionary()


class RunBook(QObject):
    """Holds the journal that table and review of one viewer work on.

    Use it in the window's thread only.

    Parameters
    ----------
    viewer : napari.Viewer
        It is not kept alive; when it goes, the journal is closed.

    Signals
    -------
    opened(object)
        Another journal is looked at, or None: no longer any.
    changed(object)
        The findings of these keys are new or others than before: a list of str.
    failed(str)
        A classification could not be taken over; one sentence.
    """

    opened = Signal(object)
    changed = Signal(object)
    failed = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._held: list[Any] = []
        self._job: Job | None = None
        self.places: dict[str, Placement] = {}
        """Where items lie that came from layers of this viewer, by key."""
        self._finalizer = weakref.finalize(viewer, _close_all, self._held)

    @classmethod
    def of(cls, viewer: Viewer) -> RunBook:
        """Return the one book of a viewer."""
        viewer = unwrapped(viewer)
        book = _books.get(viewer)
        if book is None:
            book = _books[viewer] = cls(viewer)
        return book

    @property
    def journal(self) -> Journal | None:
        """What is looked at; None: nothing yet."""
        return self._held[-1] if self._held else None

    @property
    def is_taking(self) -> bool:
        """Whether a classification is still being taken over."""
        return self._job is not None

    def open(self, journal: Journal | None, places: dict[str, Placement] | None = None) -> None:
        """Look at another journal; the book closes it in the end, and closes the one before now.

        Parameters
        ----------
        journal : Journal or None
            None: look at none.
        places : dict, optional
            See :attr:`places`.
        """
        before = self.journal
        self.places = dict(places or {})
        if journal is before:
            self.opened.emit(journal)
            return
        self._held[:] = [] if journal is None else [journal]
        self.opened.emit(journal)
        if before is not None:
            before.close()

    def take(self, classification: Classification, labels: Sequence[str] | LabelSet) -> None:
        """Look at what a panel has just classified, in a journal that is never saved by itself.

        What a person said before about the same shapes is kept. It is done in a worker;
        ``opened`` tells when.

        Parameters
        ----------
        classification : Classification
            Of regions on layers of this viewer.
        labels : sequence of str or LabelSet
            What was chosen from.
        """
        label_set = label_set_of(labels)
        before = self.journal
        # Only a journal in memory is replaced by the next one like it.
        said: Said = {}
        file = None if before is None else before.path
        if before is not None and file is None:
            said = _said_by_people(before)
        if self._job is not None:
            self._job.stop()

        def work(report: Any, cancel: Event) -> Any:
            if file is not None:
                # Opened anew: the book may close its own meanwhile.
                with _open(file) as journal:
                    said.update(_said_by_people(journal))
            return journal_of(classification, label_set, said, cancel)

        self._job = Job(work)
        self._job.signals.ended.connect(self._taken)
        self._job.start()

    def now(self, item: Item) -> Item:
        """Return an item with the name that its shape has now: layers get new ones each day."""
        placement = self.places.get(item.key)
        if placement is None or placement.shape_id is None:
            return item
        return replace(item, shape_id=placement.shape_id)

    def correct(self, key: str, name: str) -> None:
        """Record the class that a person gives an item; an empty one takes it back."""
        if self.journal is None:
            return
        self.journal.correct(key, name)
        viewer, finding = self._viewer(), self.journal.finding(key)
        if viewer is not None and finding is not None:
            write_correction(viewer, replace(finding, item=self.now(finding.item)))
        self.changed.emit([key])

    def review(self, key: str, reviewed: bool = True) -> None:
        """Record that a person has looked at an item, or take that back."""
        if self.journal is None:
            return
        self.journal.review(key, reviewed)
        self.changed.emit([key])

    def _taken(self, job: Job, outcome: Outcome) -> None:
        if job is not self._job:
            if outcome.value is not None:
                outcome.value[0].close()
            return
        self._job = None
        if outcome.error:
            self.failed.emit(outcome.error)
        elif outcome.value is not None:
            self.open(*outcome.value)


def journal_of(
    classification: Classification,
    label_set: LabelSet,
    said: Said,
    cancel: Event,
) -> tuple[Journal, dict[str, Placement]]:
    """Return a journal in memory of a classification, and where its items lie."""
    from ..errors import Cancelled
    from ..runs.finding_of import finding_of
    from ..runs.journal import Journal

    at = classification.provenance
    names = sorted({region.source for region in classification.regions})
    run = Run(
        at.model,
        at.revision,
        at.device,
        Task(label_set=label_set, threshold=classification.threshold),
        {"kind": "panel", "layers": names},
    )
    journal = Journal.create(":memory:", run)
    places = {}
    try:
        for row, region in enumerate(classification.regions):
            if cancel.is_set():
                raise Cancelled
            item = item_of(region)
            journal.add(finding_of(item, region, classification, index=row))
            if region.placement is not None:
                places[item.key] = region.placement
            _carry(journal, item, said)
    except BaseException:
        journal.close()
        raise
    return journal, places


def item_of(region: Region) -> Item:
    """Return the item that a region is, named by its shape where it was drawn."""
    placement = region.placement
    if placement is None:
        return Item(f"{region.source}|{region.box}", region.source, box=region.box)
    shape_id = placement.shape_id
    outline = tuple((float(y), float(x)) for y, x in placement.outline)
    key = f"{shape_id or region.source}|{placement.plane}|{region.box}"
    return Item(
        key,
        region.source,
        plane=placement.plane,
        box=region.box,
        outline=outline,
        label=_label_of(shape_id),
        shape_id=shape_id,
    )


def _label_of(shape_id: str | None) -> int | None:
    kind, _, rest = (shape_id or "").partition(":")
    number = rest.rpartition(":")[2]
    return int(number) if kind == "label" and number.isdecimal() else None


def _place_of(item: Item) -> tuple[Any, ...]:
    """Return what a place keeps from run to run.

    Not its shape's number: that changes when an earlier shape is removed.
    """
    parts = (item.shape_id or item.source).split(":")
    if len(parts) > 3 and parts[0] == "shape":
        del parts[2]
    return (*parts, item.plane, item.box)


def _said_by_people(journal: Journal) -> Said:
    return {
        _place_of(one.item): (one.final, bool(one.corrected))
        for one in journal.findings(pictures=False)
        if one.corrected or (one.reviewed and one.final)
    }


def _carry(journal: Journal, item: Item, said: Said) -> None:
    """Keep what a person said of the same place before, also where it was the model's class."""
    name, always = said.get(_place_of(item), ("", False))
    if not name:
        return
    found = journal.finding(item.key)
    if always or found is None or found.best != name:
        journal.correct(item.key, name)
    journal.review(item.key, True)


def _open(path: Any) -> Journal:
    from ..runs.journal import Journal

    return Journal.open(path)


def _close_all(held: list[Any]) -> None:
    while held:
        held.pop().close()
