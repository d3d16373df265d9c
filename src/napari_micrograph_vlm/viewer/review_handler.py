"""Binds the review panel to the run that the viewer looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from ..runs.findings import Finding
from ..runs.item_names import item_place
from ..widgets.class_chooser import NUMBERED
from ..widgets.review_list import Line
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, sentence_of
from .handler_show import Back
from .item_frame import remove_frame
from .item_places import go_to
from .keys import KeyBindings
from .region_view import unwrapped
from .review_rows import Order, ReviewRow, arranged, heading_of, rows_of, score_of, whose
from .run_book import RunBook

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..runs.journal import Journal
    from ..widgets.review_view import ReviewView

__all__ = ["ReviewHandler"]

NOTHING = "Nothing to review yet: classify regions, run a batch, or open its results."
GONE = "The image of this item is no longer open."
ALL_HIDDEN = "Everything here is reviewed."

_BARS = 5
_POLL = 2000
_AT_ONCE = 8
"""So many findings are read in the window's thread; more of them in a worker."""


class ReviewHandler(QObject):
    """Goes through the findings of a run, and records what a person says of them.

    Parameters
    ----------
    view : ReviewView
        What the user sees.
    viewer : napari.Viewer
        Where the regions are shown.
    """

    def __init__(self, view: ReviewView, viewer: Viewer) -> None:
        super().__init__()
        self.view = view
        self.viewer = viewer
        self.book = RunBook.of(viewer)
        self.closed = False
        self._rows: dict[str, ReviewRow] = {}
        self._lines: dict[str, Line] = {}
        self._shown: list[ReviewRow] = []
        self._current = ""
        self._undo: list[tuple[str, str, bool]] = []
        self._reading: Job | None = None
        self._pending: set[str] = set()
        self._journal: Journal | None = None
        self.keys = KeyBindings(viewer, view)
        self.connections = Connections()
        for signal, callback in (
            (self.keys.changed, self._keys_changed),
            (view.chosen, self.go),
            (view.next_wanted, partial(self.step, 1)),
            (view.previous_wanted, partial(self.step, -1)),
            (view.accepted, self.accept),
            (view.corrected, self.correct),
            (view.undone, self.undo),
            (view.arranged, self._arrange),
            (view.closed, self.close),
        ):
            self.connections.add(signal, callback)
        # The book outlives the view, so its signals are always disconnected.
        self.book.opened.connect(self._opened)
        self.book.changed.connect(self._changed)
        view.destroyed.connect(self._view_deleted)
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL)
        self._poll.timeout.connect(self._look_for_more)
        self._poll.start()
        self._bind_keys()
        self._opened(self.book.journal)

    @property
    def current(self) -> str:
        """The key of the region that is looked at; empty: none."""
        return self._current

    @property
    def is_reading(self) -> bool:
        """Whether findings are being read."""
        return self._reading is not None

    def close(self, *, deleted: bool = False) -> None:
        """Let go of view, keys and viewer; the journal is the book's.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.closed:
            return
        self.closed = True
        self._poll.stop()
        self._stop_reading()
        self.keys.close(deleted=deleted)
        self.connections.close(deleted=deleted)
        remove_frame(unwrapped(self.viewer))
        self.book.opened.disconnect(self._opened)
        self.book.changed.disconnect(self._changed)
        if not deleted:
            self.view.destroyed.disconnect(self._view_deleted)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn any error in the ``with`` block into a sentence in the panel."""
        try:
            yield
        except Exception as error:
            self.view.messages.warn(sentence_of(error))

    def go(self, key: str) -> None:
        """Go to a region: show it in the panel and in the viewer."""
        self._current = key
        if self.view.hides_reviewed:
            self._arrange()  # the region before may be one to hide now
        else:
            self.view.list.mark(key)
        self.view.messages.clear()
        with self.telling():
            finding = self._show()
            if finding is not None:
                go_to(self.viewer, finding, then=partial(self._arrived, key))

    def step(self, by: int) -> None:
        """Go to the next region, or with -1 to the one before."""
        if not self._shown:
            return
        keys = [row.key for row in self._shown]
        at = keys.index(self._current) + by if self._current in keys else 0
        self.go(keys[min(max(at, 0), len(keys) - 1)])

    def accept(self) -> None:
        """Record that the model's class is right, and go on."""
        row = self._rows.get(self._current)
        if row is None:
            return
        with self.telling():
            self._remember(row)
            if row.corrected:
                self.book.correct(row.key, "")
            self.book.review(row.key)
            self._go_on()

    def correct(self, name: str) -> None:
        """Record the class that a person gives the region, and go on."""
        row = self._rows.get(self._current)
        if row is None:
            return
        with self.telling():
            self._remember(row)
            self.book.correct(row.key, name)  # and so it is reviewed
            self._go_on()

    def undo(self) -> None:
        """Take back what was said last, and go back to that region."""
        if not self._undo:
            self.view.messages.inform("There is nothing to take back.")
            return
        key, corrected, reviewed = self._undo.pop()
        self.view.allow_undo(bool(self._undo))
        if key not in self._rows:
            self.view.messages.warn("The region that was judged last is no longer in this run.")
            return
        with self.telling():
            self.book.correct(key, corrected)
            self.book.review(key, reviewed)
            self.go(key)

    def _remember(self, row: ReviewRow) -> None:
        self._undo.append((row.key, row.corrected, row.reviewed))
        self.view.allow_undo(True)

    def _go_on(self) -> None:
        """Go to the next region that nobody has looked at."""
        keys = [row.key for row in self._shown]
        at = keys.index(self._current) if self._current in keys else -1
        ahead = self._shown[at + 1 :] + self._shown[: max(at, 0)]
        waiting = next((row for row in ahead if not row.reviewed), None)
        if waiting is not None:
            self.go(waiting.key)
            return
        self._show()
        self.view.messages.inform("Every region is reviewed.")

    def _bind_keys(self) -> None:
        names = [f"class {i + 1}" for i in range(NUMBERED)]
        calls: list[Callable[[], Any]] = [partial(self._correct_to, i) for i in range(NUMBERED)]
        moves = [("N", "Shift-N"), ("J", "K"), ("PageDown", "PageUp"), ("Ctrl-Alt-N", "Ctrl-Alt-B")]
        self.keys.watch(self.view.list, self.view.orders, self.view.classes.list)
        self.keys.add_together(
            ("next", "previous"), moves, (partial(self.step, 1), partial(self.step, -1))
        )
        self.keys.add("accept", ("G", "H", "Ctrl-Alt-G"), self.accept)
        self.keys.add("undo", ("U", "W", "Ctrl-Alt-U"), self.undo)
        self.keys.add_row(names, ("{}", "Ctrl-{}", "Alt-{}", "Ctrl-Alt-{}"), calls, inside="{}")

    def _correct_to(self, number: int) -> None:
        names = self.view.classes.names
        if number < len(names) and self._current:
            self.correct(names[number])

    def _keys_changed(self) -> None:
        keys = {name: self.keys.key(name) for name in ("next", "previous", "accept", "undo")}
        count = min(len(self.view.classes.names), NUMBERED)
        keys["first class"] = self.keys.key("class 1") if count else ""
        keys["last class"] = self.keys.key(f"class {count}") if count else ""
        self.view.show_keys(keys)

    def _opened(self, journal: Journal | None) -> None:
        """Look at another journal, at the same place where it has that."""
        if self.closed:
            return
        self._stop_reading()
        self._pending.clear()
        if journal is not self._journal:
            self._undo.clear()
            self.view.allow_undo(False)
        self._journal = journal
        run = None if journal is None else journal.run
        labels = None if run is None else run.task.label_set
        self.view.classes.set_names(() if labels is None else labels.names)
        self._keys_changed()
        self.view.run.setText("" if run is None else heading_of(run))
        self.view.run.setVisible(run is not None)
        if journal is None:
            self._take([], whole=True)
        else:
            self._read(None)

    def _changed(self, keys: list[str]) -> None:
        if self.closed or self._journal is None:
            return
        self._pending.update(keys)
        if self._reading is not None:
            return
        if len(self._pending) > _AT_ONCE:
            self._read(self._next_keys())
            return
        with self.telling():
            self._take(rows_of(self._journal.findings(self._next_keys(), pictures=False)))

    def _look_for_more(self) -> None:
        """See whether a run that is not the window's own has written more."""
        journal = self._journal
        if journal is None or self._reading is not None or not self.keys.is_seen:
            return
        try:
            there = journal.counts().get("done", 0)
            if there != len(self._rows):
                self._read(sorted(journal.done() - self._rows.keys()))
        except Exception as error:
            self._poll.stop()  # the same sentence every two seconds would help nobody
            self.view.messages.warn(sentence_of(error))

    def _next_keys(self) -> list[str]:
        keys = sorted(self._pending)
        self._pending.clear()
        return keys

    def _read(self, keys: list[str] | None) -> None:
        journal = self._journal
        assert journal is not None

        def work(report: Any, cancel: Event) -> list[ReviewRow]:
            rows: list[ReviewRow] = []
            for finding in journal.findings(keys, pictures=False):
                if cancel.is_set():
                    break
                rows += rows_of([finding])
            return rows

        self._reading = Job(work)
        self._reading.signals.ended.connect(partial(self._read_ended, keys is None))
        self._reading.start()

    def _read_ended(self, whole: bool, job: Job, outcome: Outcome) -> None:
        if self.closed or job is not self._reading:
            return
        self._reading = None
        if outcome.error:
            self.view.messages.warn(outcome.error)
        elif outcome.value is not None:
            self._poll.start()
            self._take(outcome.value, whole=whole)
        if self._pending:
            self._changed([])

    def _stop_reading(self) -> None:
        job, self._reading = self._reading, None
        if job is not None:
            job.stop()

    def _take(self, rows: list[ReviewRow], *, whole: bool = False) -> None:
        """Show lines that were read, in place of all others or beside them."""
        place = next((i for i, row in enumerate(self._shown) if row.key == self._current), -1)
        if whole:
            self._rows, self._lines = {}, {}
        self._rows.update((row.key, row) for row in rows)
        self._lines.update((row.key, line_of(row)) for row in rows)
        if self._current and self._current not in self._rows:
            # It was drawn anew or left out: go on at the same place of the list.
            self._current = ""
            self._arrange()
            if self._shown and place >= 0:
                self._current = self._shown[min(place, len(self._shown) - 1)].key
        self._arrange()
        if not self._current:
            self.view.show_nothing()
        elif whole or any(row.key == self._current for row in rows):
            with self.telling():
                self._show()

    def _arrange(self) -> None:
        """List the lines in the order that is wanted."""
        rows = list(self._rows.values())
        hides = self.view.hides_reviewed
        self._shown = arranged(
            rows, Order(self.view.order), hide_reviewed=hides, keep=self._current
        )
        hint = ALL_HIDDEN if rows else NOTHING
        lines = [self._lines[row.key] for row in self._shown]
        self.view.show_lines(lines, self._current, hint)
        score = score_of(rows)
        words = " ".join(part for part in (score.accuracy, score.caution) if part)
        self.view.show_progress(score.reviewed, score.total, words)

    def _show(self) -> Finding | None:
        """Show the current region in the panel."""
        journal = self._journal
        finding = None if journal is None else journal.finding(self._current)
        if journal is None or finding is None:
            self.view.show_nothing()
            return None
        bars = sorted(finding.probabilities.items(), key=lambda pair: -pair[1])[:_BARS]
        said = "\n".join(f"{one.question}\n{one.text}" for one in finding.said)
        self.view.show_item(
            picture=finding.thumbnail,
            title=ReviewRow.of(finding).title,
            by=whose(finding),
            place=item_place(finding.item),
            bars=bars,
            threshold=journal.run.task.threshold,
            said=said,
            accepts=finding.best or said,
        )
        self.view.classes.show_current(finding.final)
        return finding

    def _arrived(self, key: str, back: Back, sentence: str) -> None:
        if not self.closed and key == self._current and sentence:
            self.view.messages.warn(GONE if sentence == Back.NOTHING.value else sentence)

    def _view_deleted(self) -> None:
        self.close(deleted=True)


def line_of(row: ReviewRow) -> Line:
    """Return what the list shows of a row."""
    share = "" if row.share != row.share or row.corrected else f"{100 * row.share:.0f} %"
    mark = "changed" if row.corrected not in ("", row.best) else "agreed" if row.reviewed else ""
    return Line(row.key, row.title, row.place, share, mark)
