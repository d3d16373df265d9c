"""Binds the table of results to the journal that the viewer looks at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtGui import QGuiApplication

from ..errors import MicrographError
from ..runs.findings import Finding
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, sentence_of
from .handler_show import Back, style_of
from .item_frame import remove_frame
from .item_places import go_to, plan_region
from .panel_jobs import PanelJobs
from .preferences import Preferences, read_preferences
from .region_view import unwrapped
from .results_rows import card_of, table_of, title_of, titles_of
from .run_book import RunBook

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..runs.journal import Journal
    from ..widgets.results_view import ResultsView

__all__ = ["ResultsHandler"]

DELAY = 400
"""Milliseconds in which what a run finds is gathered before the table is made anew."""


class ResultsHandler(QObject):
    """Shows the findings of the viewer's :class:`RunBook`, and writes them to files.

    Parameters
    ----------
    view : ResultsView
        What the user sees.
    viewer : napari.Viewer
        Where items are shown.
    preferences : callable
        Returns how overlays look.
    """

    def __init__(
        self,
        view: ResultsView,
        viewer: Viewer,
        preferences: Callable[[], Preferences] = read_preferences,
    ) -> None:
        super().__init__()
        self.view = view
        self.viewer = viewer
        self.preferences = preferences
        self.book = RunBook.of(viewer)
        self.closed = False
        self.finding: Finding | None = None
        self._frame: Any = None
        self._changed: dict[str, None] = {}  # a set that keeps its order
        self._jobs = PanelJobs()
        self._reading: Job | None = None
        self._looking: Job | None = None
        self._writing: Job | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self.connections = Connections()
        for signal, slot in (
            (self._timer.timeout, self._read_changed),
            (view.chosen, self.choose),
            (view.open_wanted, self.open),
            (view.table_wanted, self.save_table),
            (view.report_wanted, self.write_report),
            (view.figure_wanted, self.save_figure),
            (view.methods_wanted, self.copy_methods),
            (view.closed, self._view_closed),
            (self.book.opened, self._opened),
            (self.book.changed, self._findings_changed),
            (self.book.failed, view.messages.warn),
        ):
            self.connections.add(signal, slot)
        view.destroyed.connect(self._view_deleted)
        if self.book.journal is not None:
            self._opened(self.book.journal)

    @property
    def is_busy(self) -> bool:
        """Whether something is being read or written."""
        return self._jobs.is_busy or self._timer.isActive()

    def close(self, *, deleted: bool = False) -> None:
        """Let go of view and viewer.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.closed:
            return
        self.closed = True
        self._timer.stop()
        self._jobs.close()
        remove_frame(unwrapped(self.viewer))
        if deleted:
            # The book lives on: Qt undoes only the connections of the view. When the whole
            # program ends, the book may be gone first.
            with suppress(RuntimeError, TypeError):
                self.book.opened.disconnect(self._opened)
                self.book.changed.disconnect(self._findings_changed)
        self.connections.close(deleted=deleted)

    def open(self, path: str) -> None:
        """Look at the journal of an earlier run."""

        def work(report: Any, cancel: Any) -> Any:
            from ..runs.journal import Journal

            return Journal.open(path)

        def opened(outcome: Outcome) -> None:
            if outcome.value is not None:
                self.book.open(outcome.value)
            elif outcome.error:
                self.view.messages.warn(outcome.error)

        self.view.messages.clear()
        self._jobs.start(work, opened, pool=Pool.THUMBNAILS)

    def choose(self, key: str) -> None:
        """Show an item: its place, where the model looked, and its card."""
        journal = self.book.journal
        if journal is None:
            return
        self._jobs.stop(self._looking)

        def shown(outcome: Outcome) -> None:
            self._looking = None
            if outcome.value is None:
                if outcome.error and journal is self.book.journal:
                    self.view.messages.warn(outcome.error)
                return
            if journal is self.book.journal and self.view.key == key:
                self._show(outcome.value)

        self._looking = self._jobs.start(lambda report, cancel: journal.finding(key), shown)

    def save_table(self, path: str) -> None:
        """Write all rows as CSV, JSON or Parquet."""

        def write(journal: Journal) -> None:
            from ..reporting.table import frame_of, write_table

            write_table(frame_of(journal, probabilities=True), path)

        self._write(path, write)

    def write_report(self, path: str) -> None:
        """Write the run as a web page."""

        def write(journal: Journal) -> None:
            from ..reporting.html import write_report

            write_report(journal, path)

        self._write(path, write)

    def save_figure(self, path: str) -> None:
        """Save the chosen item as a figure."""
        finding = self.finding
        if finding is None or not finding.maps:
            self.view.messages.warn("Choose a row of the table that the model looked at first.")
            return
        try:
            plan = plan_region(self.viewer, finding)
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            return
        attention, text = finding.maps[0], finding.final
        if not text and finding.said:
            text = finding.said[0].text
        colormap = self.preferences().colormap

        def write(_journal: Journal) -> None:
            from ..reporting.figure import COLORMAPS, save_figure

            save_figure(
                path,
                plan(),
                attention,
                text=text,
                colormap=colormap if colormap in COLORMAPS else "magma",
            )

        self._write(path, write)

    def copy_methods(self) -> None:
        """Copy the sentence for a paper."""
        from ..reporting.methods import methods_sentence

        journal, clipboard = self.book.journal, QGuiApplication.clipboard()
        if journal is None or clipboard is None:
            return
        method = self.finding.maps[0].method if self.finding and self.finding.maps else ""
        clipboard.setText(methods_sentence(journal.run, method=method))
        self.view.messages.inform("The sentence is on the clipboard.")

    def _write(self, path: str, write: Callable[[Journal], None]) -> None:
        journal = self.book.journal
        if journal is None:
            self.view.messages.warn("Open the journal of a run first.")
            return
        if self._writing is not None:
            self.view.messages.warn("Something is being written already; wait until it is done.")
            return
        file = journal.path

        def work(report: Any, cancel: Any) -> None:
            if file is None:
                write(journal)
                return
            from ..runs.journal import Journal

            # Opened anew: the table may turn to another journal meanwhile.
            with Journal.open(file) as own:
                write(own)

        def written(outcome: Outcome) -> None:
            self._writing = None
            self.view.show_idle()
            if outcome.error:
                self.view.messages.warn(outcome.error)
            elif not outcome.stopped:
                self.view.messages.inform(f"Saved as {Path(path).name}.")

        self.view.messages.clear()
        self.view.show_busy()
        self._writing = self._jobs.start(work, written)

    def _opened(self, journal: Journal | None) -> None:
        """Read everything of another journal."""
        self._jobs.stop(self._reading)
        self._reading = None
        self._changed.clear()
        self._frame, self.finding = None, None
        self.view.card.clear()
        self.view.figure.setEnabled(False)
        if journal is None:
            self.view.show_titled("", "")
            self._show_frame(table_of((), None), None)
            return
        run = journal.run

        def read(outcome: Outcome) -> None:
            self._reading = None
            if journal is not self.book.journal:
                return
            if outcome.value is None:
                if outcome.error:
                    self.view.messages.warn(outcome.error)
                return
            self._show_frame(outcome.value, journal)
            if self._changed:
                self._timer.start()

        self._reading = self._jobs.start(
            lambda report, cancel: table_of(journal.findings(pictures=False), run), read
        )

    def _findings_changed(self, keys: list[str]) -> None:
        self._changed.update(dict.fromkeys(keys))
        if not self._timer.isActive():
            self._timer.start()
        if self.finding is not None and self.finding.item.key in keys and self.view.key:
            self._read_card(self.view.key)

    def _read_changed(self) -> None:
        """Put what is new into the table."""
        journal, before = self.book.journal, self._frame
        if journal is None or self._reading is not None or before is None:
            return  # once everything is read, this is called again
        keys, self._changed = list(self._changed), {}
        run = journal.run

        def work(report: Any, cancel: Any) -> Any:
            import pandas as pd

            new = table_of(journal.findings(keys, pictures=False), run)
            known = new.index.isin(before.index)
            frame = before
            if known.any():
                frame = before.copy()
                for name in frame.columns:
                    column = frame[name].to_numpy(copy=True)
                    column[frame.index.get_indexer(new.index[known])] = new[name].to_numpy()[known]
                    frame[name] = column
            parts = [part for part in (frame, new[~known]) if len(part)]
            return pd.concat(parts) if len(parts) > 1 else (parts or [frame])[0]

        def read(outcome: Outcome) -> None:
            self._reading = None
            if outcome.value is not None and journal is self.book.journal:
                self._show_frame(outcome.value, journal)
            if self._changed:
                self._timer.start()

        self._reading = self._jobs.start(work, read)

    def _show_frame(self, frame: Any, journal: Journal | None) -> None:
        self._frame = frame
        run = None if journal is None else journal.run
        if run is not None and journal is not None:
            where = "What was just classified" if journal.path is None else journal.path.stem
            self.view.show_titled(*title_of(run, len(frame), where))
        skipped = bool((frame["status"] == "skipped").any())
        self.view.show_rows(frame, titles_of(run, skipped=skipped))

    def _read_card(self, key: str) -> None:
        """Show the card of the chosen item again, without going there."""
        journal = self.book.journal
        if journal is None:
            return

        def read(outcome: Outcome) -> None:
            if outcome.value is not None and self.view.key == key:
                self._show_card(outcome.value)

        self._jobs.start(lambda report, cancel: journal.finding(key), read)

    def _show_card(self, finding: Finding) -> None:
        self.finding = finding
        journal = self.book.journal
        name, where, bars, threshold, said = card_of(
            finding, None if journal is None else journal.run
        )
        self.view.card.show_item(name, where, finding.thumbnail, bars, threshold, said)
        self.view.figure.setEnabled(bool(finding.maps))

    def _show(self, finding: Finding) -> None:
        self._show_card(finding)

        def arrived(back: Back, sentence: str) -> None:
            if self.closed:
                return
            if back is Back.REGION:
                self.view.messages.clear()
            else:
                gone = "The image of this item is not open; open it to see the place."
                told = sentence if sentence and sentence != Back.NOTHING.value else gone
                self.view.messages.warn(told)

        try:
            go_to(self.viewer, finding, style=style_of(self.preferences()), then=arrived)
        except MicrographError as error:
            self.view.messages.warn(sentence_of(error))

    def _view_closed(self) -> None:
        self.close()

    def _view_deleted(self) -> None:
        self.close(deleted=True)
