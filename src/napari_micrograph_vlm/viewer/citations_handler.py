"""Binds the figures under an answer to their index, their pictures and the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from ..citations import Citation
from ..widgets.citations_bar import Shown
from .citations_layer import figure_layer, open_figure, read_picture
from .consent import Asking
from .handler_connections import Connections
from .handler_jobs import Outcome, Pool, Report, sentence_of
from .panel_jobs import PanelJobs

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..models.base import Model
    from ..regions import Region
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
        self.jobs = PanelJobs()
        self.connections = Connections()
        self.connections.add(view.cite.chosen, self.choose)
        self.connections.add(view.cite.browsed, self._browse)
        self.connections.add(view.citations.figure_chosen, self.open)
        self._offer()

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of the view; ``deleted``: Qt is deleting it."""
        self.jobs.close()
        self.connections.close(deleted=deleted)

    def choose(self, folder: str) -> None:
        """Compare further questions with the figures of an index; empty: with none."""
        self.folder = folder
        self._offer()

    def index(self) -> Callable[[], FigureIndex] | None:
        """Return what reads the chosen index, to be called in a worker; None: none is chosen."""
        folder = self.folder
        if not folder:
            return None

        def read() -> FigureIndex:
            from ..retrieval.index import FigureIndex
            from ..retrieval.storing import FILE

            key = f"{folder}|{(Path(folder) / FILE).stat().st_mtime_ns}"
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
        self._view.cite.show_choice([(one, _name(one)) for one in folders], self.folder)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self._view, "A folder of figures, or an index of one", self.folder
        )
        if chosen:
            self.take(Path(chosen))

    def take(self, place: Path) -> None:
        """Use the index in a folder, or offer to make one."""
        from ..datasets.papers.figure import read_figures
        from ..errors import MicrographError
        from ..retrieval.ranking import check_extra
        from ..retrieval.storing import DEFAULT, index_folder

        try:
            check_extra()
            try:
                found = index_folder(place)
            except MicrographError:
                count = len(read_figures(place))
                self._view.messages.ask(
                    f"{place.name} holds {count} figures and no index yet. Make one now? It takes "
                    "about half a second a figure; you can go on asking meanwhile.",
                    "Make it",
                    "Not now",
                    lambda yes: self._make(place, place / DEFAULT) if yes else None,
                )
                return
        except Exception as error:
            self._view.messages.warn(sentence_of(error))
            return
        self._use(found)

    def _use(self, folder: Path) -> None:
        from ..retrieval.remembered import remember

        remember(folder)
        self.choose(str(folder))

    def _make(self, place: Path, folder: Path) -> None:
        def work(report: Any, cancel: Event) -> Any:
            from ..retrieval.index import FigureIndex

            made = FigureIndex.empty()
            try:
                change = made.update(
                    place,
                    on_figure=lambda *count: report(Report.COUNT, count),
                    cancel=cancel,
                )
            finally:
                if made.entries:
                    made.save(folder)
            return change

        def ended(outcome: Outcome) -> None:
            if outcome.value is None or not (folder / "index.json").is_file():
                skipped = getattr(outcome.value, "skipped", ())
                why = outcome.error or "".join(skipped[:1])
                self._view.messages.warn(why or "No index was made: the figures show nothing.")
                return
            self._use(folder)
            change = outcome.value
            left = f" {len(change.skipped)} were left out." if change.skipped else ""
            self._view.messages.inform(f"The index of {change.added} figures is ready.{left}")

        def reported(kind: Report, value: Any) -> None:
            if kind is Report.COUNT:
                done, total = value
                self._view.messages.inform(f"Looking at figures: {done} of {total}.")

        self.jobs.start(work, ended, reported, Pool.MODELS)


def cited(
    model: Model,
    index: FigureIndex,
    question: tuple[str, Sequence[Region]],
    report: Callable[[Report, Any], None],
    cancel: Event,
) -> Model:
    """Look figures up and return the model as one that knows them (in a worker).

    A user is asked before captions leave for a server; without consent the figures only stand
    beside the answer.
    """
    from ..models.consent import CAPTIONS, CaptionsNeeded
    from ..retrieval.citing import CitingModel, address_of, takes_sources

    report(Report.STAGE, "Looking up similar figures…")
    text, regions = question
    inner = getattr(model, "model", model)
    for one in (model, inner):
        if (one.name, one.revision) == (index.made_by, index.revision):
            index.use(one)
            break
    found = index.similar(regions, text, cancel=cancel)
    address = address_of(model)
    if found and address is not None and takes_sources(model) and not CAPTIONS.granted(address):
        asking = Asking(CaptionsNeeded(address, model.name))
        report(Report.CONSENT, asking)
        asking.wait(cancel)
        if asking.agreed:
            CAPTIONS.grant(address)
    return CitingModel(model, known=found)


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


def _name(folder: str) -> str:
    """Return a short name of an index: that of the folder of its figures."""
    path = Path(folder)
    return path.parent.name if path.name == "index" else path.name
