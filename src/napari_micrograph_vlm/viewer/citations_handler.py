"""Binds the figures under an answer to their index, their pictures and the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from ..citations import Citation
from ..errors import SourceError
from ..widgets.citations_bar import Shown
from .citations_layer import figure_layer, open_figure, read_picture
from .citations_work import brought_up_to_date, cited, index_name, made
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, Report, Work, sentence_of
from .panel_jobs import PanelJobs

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..results import Answer
    from ..retrieval.index import FigureIndex
    from ..widgets.ask_view import AskView

__all__ = ["CitationsHandler", "cited"]

_THUMBNAIL = 200
"""Longest side of a thumbnail in pixels."""


class CitationsHandler(QObject):
    """Lets the user choose an index, shows figures under answers and opens them.

    Parameters
    ----------
    view : AskView
        The question panel.
    viewer : napari.Viewer
        Where figures are opened.
    image : callable
        Returns the image that is asked about.
    """

    def __init__(self, view: AskView, viewer: Viewer, image: Callable[[], Any]) -> None:
        super().__init__()
        self._view, self._viewer, self._image = view, viewer, image
        self._shown: tuple[Citation, ...] = ()
        self._indexes: dict[str, FigureIndex] = {}
        self.folder = ""
        self._updating: Job | None = None
        self.jobs = PanelJobs()
        self.connections = Connections()
        self.connections.add(view.cite.chosen, self.choose)
        self.connections.add(view.cite.browsed, self._browse)
        self.connections.add(view.citations.figure_chosen, self.open)
        self._restore()

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of the view; ``deleted``: Qt is deleting it."""
        self.jobs.close()
        self.connections.close(deleted=deleted)

    def choose(self, folder: str) -> None:
        """Compare further questions with the figures of an index; empty: with none.

        The index is brought up to date meanwhile, or made whole where that was stopped.
        """
        from ..retrieval.remembered import keep_chosen

        self.jobs.stop(self._updating)
        self.folder = folder
        keep_chosen(folder)
        self._offer()
        if folder:
            self._update(Path(folder))

    def _restore(self) -> None:
        """Choose again what was chosen when the window was last open."""
        from ..retrieval.remembered import chosen

        self.folder = chosen()
        self._offer()
        if self.folder:
            self._update(Path(self.folder))

    def index(self) -> Callable[[], FigureIndex] | None:
        """Return what reads the chosen index, to be called in a worker; None: there is none."""
        from ..retrieval.storing import FILE

        folder = self.folder
        if not folder:
            return None
        if not (Path(folder) / FILE).is_file():
            self._view.messages.warn(
                f"The index {index_name(folder)} is no longer there; choose it again. "
                "The answer comes without figures."
            )
            return None

        def read() -> FigureIndex:
            from ..retrieval.index import FigureIndex

            try:
                changed = (Path(folder) / FILE).stat().st_mtime_ns
            except OSError:  # it went while the question was on its way
                raise SourceError(
                    f"The index {index_name(folder)} is no longer there; choose it again."
                ) from None
            key = f"{folder}|{changed}"
            if key not in self._indexes:
                made = FigureIndex.load(folder)
                self._indexes = {key: made}  # one at a time: they may be large
            return self._indexes[key]

        return read

    def show(self, answer: Answer | None) -> None:
        """Show the figures of an answer, and which of its parts are from them."""
        self._shown = () if answer is None else answer.citations
        self._view.citations.show_figures([_shown(one) for one in self._shown])
        spans = [] if answer is None else answer.parts
        self._view.answer.shade([(one.start, one.stop) for one in spans if one.sources])
        for place, citation in enumerate(self._shown):
            self._fetch(place, citation)

    def open(self, place: int) -> None:
        """Open a figure as a layer beside the image."""
        citation = self._shown[place]
        there = figure_layer(self._viewer, citation)
        if there is not None:
            there.visible = True
            self._viewer.reset_view()
            return

        def ended(outcome: Outcome) -> None:
            if outcome.value is None:
                self._view.messages.warn(outcome.error)
                return
            try:
                open_figure(self._viewer, citation, outcome.value, self._image())
            except Exception as error:
                self._view.messages.warn(sentence_of(error))

        self.jobs.start(lambda _report, _cancel: read_picture(citation), ended)

    def _fetch(self, place: int, citation: Citation) -> None:
        def ended(outcome: Outcome) -> None:
            if place < len(self._shown) and self._shown[place] is citation:
                self._view.citations.show_picture(place, outcome.value)

        def work(_report: Any, _cancel: Event) -> NDArray[np.uint8]:
            return _small(read_picture(citation))

        self.jobs.start(work, ended, pool=Pool.THUMBNAILS)

    def _offer(self) -> None:
        from ..retrieval.remembered import remembered

        folders = [str(one) for one in remembered()]
        if self.folder and self.folder not in folders:
            folders.insert(0, self.folder)
        self._view.cite.show_choice([(one, index_name(one)) for one in folders], self.folder)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self._view, "A folder of figures, or an index of one", self.folder
        )
        if chosen:
            self.take(Path(chosen))

    def take(self, place: Path) -> None:
        """Use the index in a folder, or offer to make one."""

        def work(_report: Any, _cancel: Event) -> Path | int:
            from ..datasets.papers.figure import read_figures
            from ..errors import MicrographError
            from ..retrieval.ranking import check_extra
            from ..retrieval.storing import index_folder

            check_extra()
            try:
                return index_folder(place)
            except MicrographError:
                return len(read_figures(place))

        def ended(outcome: Outcome) -> None:
            if isinstance(outcome.value, Path):
                self._use(outcome.value)
            elif outcome.value is None:
                self._view.messages.warn(outcome.error)
            else:
                self._view.messages.ask(
                    f"{place.name} holds {outcome.value} figures and no index yet. Make one now? "
                    "It takes about half a second a figure; you can go on asking meanwhile.",
                    "Make it",
                    "Not now",
                    lambda yes: self._make(place) if yes else None,
                )

        self.jobs.start(work, ended)

    def _use(self, folder: Path, *, update: bool = True) -> None:
        from ..retrieval.remembered import keep_chosen, remember

        remember(folder)
        if update:
            self.choose(str(folder))
        else:
            self.folder = str(folder)
            keep_chosen(self.folder)
            self._offer()

    def _make(self, place: Path) -> None:
        from ..retrieval.storing import DEFAULT, FILE

        folder = place / DEFAULT

        def ended(outcome: Outcome) -> None:
            if outcome.value is None or not (folder / FILE).is_file():
                skipped = () if outcome.value is None else outcome.value.skipped
                why = outcome.error or "".join(skipped[:1])
                self._view.messages.warn(why or "No index was made: the figures show nothing.")
                return
            self._use(folder, update=False)
            change = outcome.value
            left = f" {len(change.skipped)} were left out." if change.skipped else ""
            self._view.messages.inform(f"The index of {change.added} figures is ready.{left}")

        self._start(lambda report, cancel: made(place, folder, report, cancel), ended)

    def _update(self, folder: Path) -> None:
        def ended(outcome: Outcome) -> None:
            change = outcome.value
            if change is None and not outcome.stopped:
                self._view.messages.warn(outcome.error)
            elif change is not None and (change.added or change.gone):
                self._view.messages.inform(
                    f"The index is up to date: {change.added} figures were looked at, "
                    f"{change.gone} are no longer there."
                )

        self._updating = self._start(
            lambda report, cancel: brought_up_to_date(folder, report, cancel), ended
        )

    def _start(self, work: Work, ended: Callable[[Outcome], None]) -> Job:
        def reported(kind: Report, value: Any) -> None:
            if kind is Report.COUNT:
                done, total = value
                self._view.messages.inform(f"Looking at figures: {done} of {total}.")

        return self.jobs.start(work, ended, reported, Pool.MODELS)


def _shown(one: Citation) -> Shown:
    figure = one.figure
    page = "" if figure.page is None else f", p. {figure.page}"
    scores = [("picture", one.image_score), ("words", one.text_score)]
    known = ", ".join(f"{name} {value:.2f}" for name, value in scores if value == value)
    tip = f"{one.where}: {' '.join(figure.caption.split())[:600]} (alike: {known})"
    paper = figure.title or figure.paper
    short = paper if len(paper) <= 40 else f"{paper[:39].rstrip()}…"
    return Shown(one.number, f"{figure.label or figure.id}{page}", short, tip, one.told, one.used)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return np.asarray(picture)
