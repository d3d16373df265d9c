"""Measures what the answer that is shown is about, in workers of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from ..measuring.wording import summary_of
from ..regions import Region
from ..results import Answer
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, sentence_of
from .handler_show import image_of
from .keeping import path_of
from .measure_layer import in_order, show_all, show_only
from .panel_jobs import PanelJobs
from .region_window import scale_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..measuring.measurement import Measurement
    from ..widgets.ask_view import AskView
    from .ask_handler_entries import Entry

__all__ = ["MeasureHandler"]

_TABLES = "CSV (*.csv);;JSON (*.json);;Parquet (*.parquet)"


class MeasureHandler(QObject):
    """Looks after the part of the question panel that measures.

    Parameters
    ----------
    view : AskView
        What the user sees.
    viewer : napari.Viewer
        Whose images get the objects.
    shown : callable
        Returns the entry whose answer is shown, or None.
    pointed : callable
        Returns that answer with the maps that are shown: of all of it, of one word or one step.
    """

    def __init__(
        self,
        view: AskView,
        viewer: Viewer,
        shown: Callable[[], Entry | None],
        pointed: Callable[[], Answer | None],
    ) -> None:
        super().__init__()
        self._view = view
        self._viewer = viewer
        self._shown = shown
        self._pointed = pointed
        self._jobs = PanelJobs()
        self._measuring: dict[Job, Entry] = {}
        self.connections = Connections()
        self.connections.add(view.measure.measure_wanted, self.measure)
        self.connections.add(view.measure.table_wanted, self._table_wanted)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being measured or written."""
        return self._jobs.is_busy

    def measure(self) -> None:
        """Measure what the answer that is shown is about, in all its regions or frames.

        With the pixel size that the image has now: it may have got one since it was asked about.
        """
        entry, answer = self._shown(), self._pointed()
        if entry is None or entry.answer is None or answer is None or self._measures(entry):
            return

        now = replace(answer, regions=tuple(map(self._as_scaled, answer.regions)))

        def work(report: Any, cancel: Event) -> tuple[Measurement, ...]:
            from ..measuring.measurement import measure

            every = range(len(now.regions))
            return tuple(in_order([measure(now, index, cancel=cancel) for index in every]))

        def ended(outcome: Outcome) -> None:
            self._measuring.pop(job, None)
            if outcome.value is not None:
                entry.measured = outcome.value
                self._show(entry)
            self._tell()
            if outcome.error:
                self._view.messages.warn(outcome.error)

        job = self._jobs.start(work, ended)
        self._measuring[job] = entry
        self._tell()

    def refresh(self) -> None:
        """Show what is known about the answer that is shown, and its objects alone."""
        self._tell()
        entry = self._shown()
        show_only(self._viewer, () if entry is None else entry.measured)

    def _tell(self) -> None:
        bar, entry = self._view.measure, self._shown()
        if entry is None or entry.answer is None:
            bar.clear()
        elif self._measures(entry):
            bar.show_busy()
        else:
            bar.show_sizes(summary_of(entry.measured), any(one.count for one in entry.measured))

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job; ``deleted``: Qt is deleting the view."""
        self._jobs.close()
        self._measuring.clear()
        self.connections.close(deleted=deleted)

    def _measures(self, entry: Entry) -> bool:
        return any(one is entry for one in self._measuring.values())

    def _as_scaled(self, region: Region) -> Region:
        """Return a region with the pixel size that its image has now, if that is still there."""
        image = image_of(self._viewer, region)
        if image is None or region.placement is None:
            return region
        return replace(region, **scale_of(image, region.placement.axes))

    def _show(self, entry: Entry) -> None:
        """Add the objects to their image; visible if it is the answer that is shown."""
        try:
            layers = show_all(self._viewer, entry.measured)
        except Exception as error:
            self._view.messages.warn(sentence_of(error))
            return
        if entry is not self._shown():
            for layer in layers:
                layer.visible = False

    def _table_wanted(self) -> None:
        entry = self._shown()
        if entry is None or not entry.measured:
            return
        measured = entry.measured
        placement = measured[0].region.placement
        layer = placement.layer() if placement is not None and placement.layer else None
        beside = path_of(layer)
        start = "sizes.csv" if beside is None else str(beside.with_suffix(".sizes.csv"))
        name, chosen = QFileDialog.getSaveFileName(
            self._view, "Save the sizes of all objects", start, _TABLES
        )
        if not name:
            return
        path = Path(name)
        if not path.suffix:
            path = path.with_suffix(chosen.partition("*")[2].rstrip(")") or ".csv")

        def work(report: Any, cancel: Event) -> Path:
            from ..measuring.table_file import write_objects

            write_objects(measured, path)
            return path

        def ended(outcome: Outcome) -> None:
            if outcome.error:
                self._view.messages.warn(outcome.error)
            elif outcome.value is not None:
                self._view.messages.inform(f"Saved {path.name} in {path.parent}.")

        self._jobs.start(work, ended)
