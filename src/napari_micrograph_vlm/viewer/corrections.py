"""What a person says of the classes found: kept beside the shapes and in the run's journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Shapes
from qtpy.QtCore import QObject, Signal

from ..regions import Region
from ..results import Classification
from .features import corrections, write_labels
from .handler_connections import Connections
from .region_shapes import shape_indices

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Corrections"]


class Corrections(QObject):
    """The corrections of one panel's last classification.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose run book is kept in step.
    connections : Connections
        Undone when the panel is closed.

    Signals
    -------
    changed(list)
        The regions at these places of the classification are called otherwise than before.
    """

    changed = Signal(list)

    def __init__(self, viewer: Viewer, connections: Connections) -> None:
        super().__init__()
        from .run_book import RunBook

        self._book = RunBook.of(viewer)
        self._found: Classification | None = None
        self._shapes: Shapes | None = None
        self._keys: dict[str, int] = {}
        self._said: dict[int, str] = {}
        connections.add(self._book.changed, self._changed_elsewhere)
        connections.add(self._book.opened, self._opened)

    def of(self, index: int) -> str:
        """Return what a person says a region is; empty: nothing."""
        return self._said.get(index, "")

    def take(self, found: Classification, shapes: Shapes | None, labels: Any) -> None:
        """Begin with a new classification; what was said before of its shapes still counts.

        Parameters
        ----------
        found : Classification
            The new one.
        shapes : Shapes or None
            Where its regions were drawn.
        labels : LabelSet
            What was chosen from.
        """
        from .run_book import item_of

        self._found, self._shapes = found, shapes
        self._keys = {item_of(region).key: i for i, region in enumerate(found.regions)}
        self._said = {}
        if shapes is not None:
            said = corrections(shapes)
            for i, place in enumerate(self._places()):
                if place is not None and place in said:
                    self._said[i] = said[place]
        self._book.take(found, labels)

    def correct(self, index: int, name: str) -> None:
        """Record what a person says a region is; empty takes it back."""
        self._note(index, name)
        place = self._places()[index]
        if self._shapes is not None and place is not None:
            write_labels(self._shapes, {place: name})
        for key, i in self._keys.items():
            if i == index:
                self._tell_book(key, name)

    def unwritten(self) -> list[tuple[Region, str]]:
        """Return the corrected regions that are no shapes of a layer, and their classes."""
        if self._found is None:
            return []
        places = self._places()
        return [
            (self._found.regions[i], name)
            for i, name in sorted(self._said.items())
            if name and places[i] is None
        ]

    def _places(self) -> list[int | None]:
        """Return the shape of each region, where it still is one."""
        assert self._found is not None
        regions = self._found.regions
        if self._shapes is None:
            return [None] * len(regions)
        ids = [region.placement.shape_id if region.placement else None for region in regions]
        return shape_indices(self._shapes, ids)

    def _note(self, index: int, name: str) -> None:
        if self.of(index) != name:
            self._said[index] = name
            self.changed.emit([index])

    def _tell_book(self, key: str, name: str) -> None:
        journal = self._book.journal
        finding = None if journal is None else journal.finding(key)
        if finding is not None and finding.corrected != name:
            self._book.correct(key, name)

    def _changed_elsewhere(self, keys: list[str]) -> None:
        journal = self._book.journal
        mine = [key for key in keys if key in self._keys]
        if journal is not None and mine:
            for finding in journal.findings(mine, pictures=False):
                self._note(self._keys[finding.item.key], finding.corrected)

    def _opened(self, journal: Any) -> None:
        # What the layer already said, the new journal is told.
        for key, i in self._keys.items():
            if self.of(i):
                self._tell_book(key, self.of(i))
        self._changed_elsewhere(list(self._keys))
