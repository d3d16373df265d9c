"""Measures what the answer that is shown is about, in workers of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from ..errors import Cancelled
from ..results import Answer
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, sentence_of
from .keeping import path_of
from .measure_layer import regions_in_view, show_objects
from .panel_jobs import PanelJobs

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
        """Measure what the answer that is shown is about: its regions, or the frame in view."""
        entry, answer = self._shown(), self._pointed()
        if entry is None or entry.answer is None or answer is None or self._measures(entry):
            return

        chosen = regions_in_view(self._viewer, answer.regions)

        def work(report: Any, cancel: Event) -> tuple[Measurement, ...]:
            from ..measuring.measurement import measure

            found = []
            for index in chosen:
                if cancel.is_set():
                    raise Cancelled
                found.append(measure(answer, index))
            return tuple(found)

        def ended(outcome: Outcome) -> None:
            self._measuring.pop(job, None)
            if outcome.value is not None:
                new = outcome.value
                again = {id(one.region) for one in new}
                kept = (one for one in entry.measured if id(one.region) not in again)
                entry.measured = (*kept, *new)
                self._show(new)
            self.refresh()
            if outcome.error:
                self._view.messages.warn(outcome.error)

        job = self._jobs.start(work, ended)
        self._measuring[job] = entry
        self.refresh()

    def refresh(self) -> None:
        """Show what is known about the answer that is shown."""
        bar, entry = self._view.measure, self._shown()
        if entry is None or entry.answer is None:
            bar.clear()
        elif self._measures(entry):
            bar.show_busy()
        else:
            sentences = [one.summary() for one in entry.measured]
            if len(sentences) > 1:
                names = [one.region.label for one in entry.measured]
                sentences = [
                    f"{name or f'Region {n}'}: {text}"
                    for n, (name, text) in enumerate(zip(names, sentences, strict=True), start=1)
                ]
            bar.show_sizes("\n".join(sentences), any(one.count for one in entry.measured))

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job; ``deleted``: Qt is deleting the view."""
        self._jobs.close()
        self._measuring.clear()
        self.connections.close(deleted=deleted)

    def _measures(self, entry: Entry) -> bool:
        return any(one is entry for one in self._measuring.values())

    def _show(self, measured: tuple[Measurement, ...]) -> None:
        """Show the objects on their image, whatever the user looks at by now."""
        for one in measured:
            try:
                show_objects(self._viewer, one)
            except Exception as error:
                self._view.messages.warn(sentence_of(error))
                return

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
