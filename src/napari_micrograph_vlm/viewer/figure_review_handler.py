"""Binds the panel for figure texts to a folder: what is said there is on disk at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from ..errors import MicrographError
from .figure_layer import read_figure, show_figure
from .figure_review_folder import keep_folder, last_folder
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, sentence_of
from .keys import KeyBindings
from .panel_jobs import PanelJobs

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..datasets.papers.review import Review, Reviewed
    from ..widgets.figure_review import FigureReviewView

__all__ = ["FigureReviewHandler"]

SIDE = 900
"""Longest side of a picture in the panel, in pixels."""

PAUSE = 1000
"""Milliseconds after the last key until changed words are on disk."""

_RESTS = {
    "caption": "It rests on the caption.",
    "picture": "It rests on the picture.",
    "both": "It rests on caption and picture.",
    "mixed": "Part of it rests on the caption alone.",
}
_NOT_CHECKED = "It was not checked."
_EMPTY = "No text of this folder passed the checks."
_NONE_OPEN = "Every text is reviewed."
_NONE_SUCH = "There is no such text."
_LAST = "This was the last one."
_BLANK = "The field is empty; reject it, or write the words."


class FigureReviewHandler(QObject):
    """Goes through the texts of a folder and keeps what a person says of them.

    Parameters
    ----------
    view : FigureReviewView
        What the user sees.
    viewer : napari.Viewer
        Where a figure is opened as a layer, and whose keys are used.
    """

    def __init__(self, view: FigureReviewView, viewer: Viewer) -> None:
        super().__init__()
        self.view = view
        self.viewer = viewer
        self.review: Review | None = None
        self.jobs = PanelJobs()
        self._shown: list[str] = []
        self._current = ""
        self._undo: list[Reviewed] = []
        self._words = self._typed = ("", "")
        self._pictured: tuple[Path, str, str] | None = None
        self._picturing: Job | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self.keys = KeyBindings(viewer, view)
        self.connections = Connections()
        for signal, callback in (
            (self.keys.changed, self._keys_changed),
            (view.folder_wanted, self._choose_folder),
            (view.layer_wanted, self.show_layer),
            (view.previous_wanted, partial(self.step, -1)),
            (view.next_wanted, partial(self.step, 1)),
            (view.undone, self.undo),
            (view.accepted, partial(self.say, "accepted")),
            (view.rejected, partial(self.say, "rejected")),
            (view.filtered, self._filtered),
            (view.typed, self._note_words),
            (self._pause.timeout, self._keep_words_now),
            (view.closed, self.close),
        ):
            self.connections.add(signal, callback)
        view.destroyed.connect(self._view_deleted)
        self._bind_keys()
        last = last_folder()
        if last is not None:
            self.open(last)

    @property
    def current(self) -> str:
        """The id of the text that is looked at; empty: none."""
        return self._current

    def close(self, *, deleted: bool = False) -> None:
        """Keep the words that stand in the fields, and let go of view, keys and viewer.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.jobs.closed:
            return
        self._pause.stop()
        if deleted:  # there is nobody to tell any more
            with suppress(MicrographError):
                self._keep_words()
        else:
            self._keep_words_now()
            self.view.destroyed.disconnect(self._view_deleted)
        self.jobs.close()
        self.keys.close(deleted=deleted)
        self.connections.close(deleted=deleted)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn any error in the ``with`` block into a sentence in the panel."""
        try:
            yield
        except Exception as error:
            self.view.messages.warn(sentence_of(error))

    def open(self, folder: Path) -> None:
        """Read a folder of figures and go to its first text that was not reviewed yet."""
        self._keep_words_now()

        def work(report: Any, cancel: Event) -> Review:
            from ..datasets.papers.review import Review  # late: it takes a second

            return Review(folder)

        self.view.messages.clear()
        self.jobs.start(work, self._opened)

    def step(self, by: int) -> None:
        """Go to the next text, or with -1 to the one before."""
        if not self._shown:
            return
        at = self._shown.index(self._current) + by if self._current in self._shown else 0
        self.go(self._shown[min(max(at, 0), len(self._shown) - 1)])

    def go(self, key: str) -> None:
        """Go to a text."""
        self._keep_words_now()
        self.view.messages.clear()
        self._current = key
        self._show()

    def say(self, verdict: str) -> None:
        """Keep a verdict about the words as they stand, and go on."""
        if self.review is not None:
            self.review.refresh()
        before = self._text()
        if before is None or self.review is None:
            return
        asked, said = self.view.words
        if verdict == "accepted" and not (said.strip() and (asked.strip() or not before.asked)):
            self.view.messages.warn(_BLANK)
            return
        with self.telling():
            self.review.say(before.id, verdict, asked, said)
            self._undo.append(before)
            self.view.allow_undo(True)
            self._go_on()

    def undo(self) -> None:
        """Take back what was said last, and go back to that text."""
        if not self._undo or self.review is None:
            return
        before = self._undo.pop()
        self.view.allow_undo(bool(self._undo))
        with self.telling():
            self._keep_words()
            self.review.say(before.id, before.verdict, before.asked, before.said)
            self._current = before.id
            self._arrange()
            self._show()

    def show_layer(self) -> None:
        """Open the figure as a layer, at its full size."""
        one, review = self._text(), self.review
        if one is None or review is None:
            return

        def work(report: Any, cancel: Event) -> Any:
            return read_figure(review.folder, one)

        def ended(outcome: Outcome) -> None:
            if outcome.error:
                self.view.messages.warn(outcome.error)
            elif outcome.value is not None:
                show_figure(self.viewer, outcome.value, one, review.folder)

        self.jobs.start(work, ended)

    def _choose_folder(self) -> None:
        start = "" if self.review is None else str(self.review.folder)
        name = QFileDialog.getExistingDirectory(self.view, "Folder of figures", start)
        if name:
            self.open(Path(name))

    def _opened(self, outcome: Outcome) -> None:
        if outcome.error:
            self.view.messages.warn(outcome.error)
            return
        if outcome.value is None:
            return
        review: Review = outcome.value
        self._keep_words_now()  # typed while the folder was read
        if self.review is not None and self.review.file == review.file:
            review.refresh()
        self.review = review
        self._pictured = None
        self._undo.clear()
        self.view.allow_undo(False)
        self._current = ""
        self.view.show_folder(str(review.folder))
        keep_folder(review.folder)
        self._arrange()
        if not self._shown and review.texts:
            self.view.filters.setCurrentIndex(self.view.filters.findData(""))
            self._arrange()
        self._current = self._shown[0] if self._shown else ""
        self._show()
        if not review.texts:
            self.view.messages.inform(_EMPTY)
        elif review.broken:
            more = len(review.broken) - 1
            first = review.broken[0].rstrip(".")
            self.view.messages.warn(f"{first}{f', and {more} more like it' if more else ''}.")

    def _filtered(self) -> None:
        self._keep_words_now()
        self.view.messages.clear()
        here, self._current = self._current, ""
        self._arrange()
        first = self._shown[0] if self._shown else ""
        self._current = here if here in self._shown else first
        self._show()
        if not self._shown and self.review is not None:
            self.view.messages.inform(_NONE_OPEN if self.view.wanted == "open" else _NONE_SUCH)

    def _arrange(self) -> None:
        """List the texts that are wanted; the current one stays among them."""
        if self.review is None:
            return
        texts, wanted = self.review.texts, self.view.wanted
        self._shown = [
            one.id
            for one in texts
            if not wanted or one.verdict == wanted or one.id == self._current
        ]
        done = [one for one in texts if one.verdict != "open"]
        kept = sum(one.verdict == "accepted" for one in done)
        words = f": {kept} accepted, {len(done) - kept} rejected" if done else ""
        self.view.show_progress(len(done), len(texts), words)

    def _go_on(self) -> None:
        """Go to the next text that is wanted; of those not reviewed, back to the first."""
        at = self._shown.index(self._current) if self._current in self._shown else -1
        ahead = self._shown[at + 1 :]
        self._arrange()
        only_open = self.view.wanted == "open"
        if only_open:
            ahead = [key for key in ahead + self._shown if self._is_open(key)]
        if ahead:
            self.view.messages.clear()
            self._current = ahead[0]
            self._arrange()
        else:
            self.view.messages.inform(_NONE_OPEN if only_open else _LAST)
        self._show()

    def _is_open(self, key: str) -> bool:
        one = None if self.review is None else self.review.text(key)
        return one is not None and one.verdict == "open"

    def _text(self) -> Reviewed | None:
        return None if self.review is None else self.review.text(self._current)

    def _keep_words(self) -> None:
        """Keep words that were changed, though nothing was said of them yet."""
        if self.review is None or self._typed == self._words:
            return
        # The verdict may be another one by now.
        self.review.refresh()
        one = self._text()
        if one is not None:
            self.review.say(one.id, one.verdict, *self._typed)
            self._words = self._typed

    def _keep_words_now(self) -> None:
        with self.telling():
            self._keep_words()

    def _note_words(self) -> None:
        # Noted here, because the fields are gone when napari's window is closed.
        self._typed = self.view.words
        self._pause.start()

    def _show(self) -> None:
        one = self._text()
        if one is None or self.review is None:
            self.view.show_nothing()
            return
        same = [text.id for text in self.review.texts if _part(text) == _part(one)]
        number = f"{same.index(one.id) + 1} of {len(same)} about this figure"
        state = "Accepted in your words" if one.verdict == "accepted" and one.is_edited else ""
        self.view.show_text(
            kind=f"{one.text.kind.capitalize()}, {number}",
            rests=_RESTS.get(one.text.support, _NOT_CHECKED),
            where=one.where,
            caption=one.caption,
            asked=one.asked if one.text.asked else None,
            said=one.said,
            state=state or one.verdict,
        )
        self._words = self._typed = self.view.words
        self._pause.stop()
        if (self.review.folder, *_part(one)) != self._pictured:
            self._show_picture(one, self.review.folder)

    def _show_picture(self, one: Reviewed, folder: Path) -> None:
        wanted = self._pictured = (folder, *_part(one))
        self.view.show_picture(b"", "Reading…")
        self.jobs.stop(self._picturing)

        def work(report: Any, cancel: Event) -> bytes:
            from ..datasets.papers.review_sheet import picture_of

            return picture_of(folder, one, SIDE)[0]

        def ended(outcome: Outcome) -> None:
            if self._pictured == wanted and not outcome.stopped:
                self.view.show_picture(outcome.value or b"", outcome.error)

        self._picturing = self.jobs.start(work, ended, pool=Pool.THUMBNAILS)

    def _bind_keys(self) -> None:
        moves = [("N", "Shift-N"), ("J", "K"), ("PageDown", "PageUp"), ("Ctrl-Alt-N", "Ctrl-Alt-B")]
        self.keys.watch(self.view.filters, self.view.caption)
        self.keys.add_together(
            ("next", "previous"), moves, (partial(self.step, 1), partial(self.step, -1))
        )
        self.keys.add("accept", ("G", "H", "Ctrl-Alt-G"), partial(self.say, "accepted"))
        self.keys.add("reject", ("Q", "H", "Ctrl-Alt-X"), partial(self.say, "rejected"))
        self.keys.add("undo", ("U", "W", "Ctrl-Alt-U"), self.undo)

    def _keys_changed(self) -> None:
        names = ("next", "previous", "accept", "reject", "undo")
        self.view.show_keys({name: self.keys.key(name) for name in names})

    def _view_deleted(self) -> None:
        self.close(deleted=True)


def _part(one: Reviewed) -> tuple[str, str]:
    """Return which figure, and which panel of it, a text is about."""
    return one.figure.id, "" if one.panel is None else one.panel.letter
