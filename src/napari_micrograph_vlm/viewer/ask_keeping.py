"""Keeps the question panel's answers beside their image, and brings them back with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from ..errors import RegionError
from ..regions import Cutout, Region
from ..results import Answer, Classification
from ..windows import MOST_PIXELS
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, sentence_of
from .keeping import Keeper, path_of
from .kept_places import put_back, write_kept_classes
from .region_display import is_inverted, limits_of
from .region_window import data_kept
from .run_book import RunBook

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..labelling.label_sets import LabelSet
    from ..reporting.sidecar import Kept
    from .ask_handler import AskHandler
    from .ask_handler_entries import Entry

__all__ = ["AskKeeping"]

_FIGURES = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf);;TIFF (*.tif)"


@dataclass(frozen=True, eq=False)
class _Found:
    """What was read of a folder beside an image."""

    entries: list[Kept]
    broken: list[str]
    labels: dict[str, LabelSet]


class AskKeeping(QObject):
    """Binds what is kept to the question panel.

    Parameters
    ----------
    handler : AskHandler
        The panel's handler.
    """

    def __init__(self, handler: AskHandler) -> None:
        super().__init__()
        self._handler = handler
        self._view = handler.view
        self._viewer = handler.viewer
        self.keeper = Keeper.of(handler.viewer)
        self._image: weakref.ReferenceType[Image] | None = None
        self._path: Path | None = None
        self._jobs: dict[Job, Callable[[Any], None]] = {}
        self._kept: set[int] = set()
        self._closed = False
        self.connections = Connections()
        view = self._view
        view.keep.setChecked(self.keeper.wanted)
        for signal, callback in (
            (view.keep.toggled, self._keep_toggled),
            (view.earlier.wanted, self.show_earlier),
            (view.share.figure.clicked, self._figure_wanted),
            (view.share.methods.clicked, self._methods_wanted),
            (handler.binding.layers.changed, self._image_changed),
        ):
            self.connections.add(signal, callback)
        self.keeper.failed.connect(self._failed)
        self._image_changed()

    @property
    def is_busy(self) -> bool:
        """Whether a folder is being read or written, or a figure drawn."""
        return bool(self._jobs) or self.keeper.is_busy

    def close(self, *, deleted: bool = False) -> None:
        """Let go of the panel; ``deleted``: Qt is deleting the view."""
        if self._closed:
            return
        self._closed = True
        for job in self._jobs:
            job.stop()
        self._jobs.clear()
        self.keeper.failed.disconnect(self._failed)
        self.connections.close(deleted=deleted)

    def answered(self, entry: Entry) -> None:
        """Take an answer that has just come to its end."""
        if entry.answer is not None and self.keeper.keep(entry.answer):
            self._kept.add(id(entry))

    def show_earlier(self) -> None:
        """List what is kept beside the image, with its regions in their places."""
        image = self._image() if self._image is not None else None
        path = self._path
        if image is None or path is None:
            return
        known = set(self.keeper.known)
        layer = weakref.ref(image)
        number = data_kept(image)["data_id"]
        # What a file's reader finds in a plain picture; of anything else the layer knows more.
        pixels = None if path.is_file() and image.ndim == 2 else _pixels_on(image)

        def work(report: Any, cancel: Event) -> _Found:
            from ..reporting.sidecar import Sidecar

            sidecar = Sidecar(path)
            entries, broken = sidecar.kept(pixels=pixels, layer=layer, data_id=number)
            labels = sidecar.labels()
            return _Found([one for one in entries if one.key not in known], broken, labels)

        self._start(work, self._show_found)

    def _show_found(self, found: _Found) -> None:
        image = self._image() if self._image is not None else None
        self._view.earlier.offer(0)
        if image is None or image not in self._viewer.layers:
            return
        entries = [one for one in found.entries if one.key not in self.keeper.known]
        self.keeper.known.update(one.key for one in entries)
        placed = put_back(self._viewer, image, [one.result for one in entries])
        answers = [one for one in placed if isinstance(one, Answer)]
        classes = [one for one in placed if isinstance(one, Classification)]
        if classes:
            labels = classes[-1].labels
            sets = (one for one in found.labels.values() if one.names == labels)
            write_kept_classes(self._viewer, classes[-1])
            RunBook.of(self._viewer).take(classes[-1], next(sets, labels))
        if answers:
            self._kept.update(map(id, self._handler.recall(answers)))
        changed = next((one.changed for one in entries if one.changed), "")
        if found.broken:
            self._view.messages.warn(found.broken[0])
        elif changed:
            self._view.messages.warn(changed)
        elif classes:
            self._view.messages.inform("The classes kept last are in Results and Review.")

    def _keep_toggled(self, wanted: bool) -> None:
        self.keeper.wanted = wanted
        if not wanted:
            return
        waiting = [
            entry
            for entry in self._handler.entries
            if entry.answer is not None and id(entry) not in self._kept
        ]
        image = self._handler.binding.image
        if not waiting and image is not None and self._path is None:
            # Said at once, not only after the next answer.
            from .keeping import NO_FILE

            self._failed(NO_FILE.format(image.name))
            return
        if self.keeper.keep(*(entry.answer for entry in waiting if entry.answer is not None)):
            self._kept.update(map(id, waiting))

    def _image_changed(self) -> None:
        image = self._handler.binding.image
        before = self._image() if self._image is not None else None
        if image is before and self._image is not None:
            return
        self._image = None if image is None else weakref.ref(image)
        self._path = path = path_of(image)
        self._view.keep.show_folder("" if path is None else f"{path.name}.vlm")
        self._view.earlier.offer(0)
        if path is None:
            return

        def work(report: Any, cancel: Event) -> tuple[Path, list[str]]:
            from ..reporting.sidecar import Sidecar

            return path, Sidecar(path).keys()

        self._start(work, self._counted)

    def _counted(self, found: tuple[Path, list[str]]) -> None:
        path, keys = found
        if path == self._path:
            self._view.earlier.offer(len(set(keys) - self.keeper.known))

    def _figure_wanted(self) -> None:
        answer = self._shown
        if answer is None:
            return
        start = str(self._path.with_suffix(".png")) if self._path is not None else "figure.png"
        name, chosen = QFileDialog.getSaveFileName(
            self._view, "Export the answer as a figure", start, _FIGURES
        )
        if not name:
            return
        path = Path(name)
        if not path.suffix:
            path = path.with_suffix(chosen.partition("*")[2].rstrip(")") or ".png")
        colours = self._handler.preferences().colormap

        def work(report: Any, cancel: Event) -> list[Path]:
            from ..reporting.figure import COLORMAPS, save_figure

            used = "; ".join(str(one) for one in answer.citations if one.used)
            text = f"{answer.question} {answer.text}{f' ({used})' if used else ''}"
            paths = [path]
            if len(answer.regions) > 1:
                numbers = range(1, len(answer.regions) + 1)
                paths = [path.with_name(f"{path.stem}-{i}{path.suffix}") for i in numbers]
            for one, region, attention in zip(paths, answer.regions, answer.attention, strict=True):
                kind = colours if colours in COLORMAPS else COLORMAPS[0]
                save_figure(one, region, attention, text=text, colormap=kind)
            return paths

        self._start(work, self._figure_saved)

    def _figure_saved(self, paths: list[Path]) -> None:
        names = " and ".join(path.name for path in paths)
        if len(paths) > 2:  # one for each frame
            names = f"{paths[0].name} to {paths[-1].name}"
        self._view.messages.inform(f"Saved {names} in {paths[0].parent}.")

    def _methods_wanted(self) -> None:
        answer = self._shown
        clipboard = QGuiApplication.clipboard()
        if answer is None or clipboard is None:
            return
        from ..reporting.methods import methods_sentence

        try:
            clipboard.setText(methods_sentence(answer))
        except Exception as error:
            self._failed(sentence_of(error))
            return
        self._view.messages.inform("The methods sentence is copied; paste it into your text.")

    @property
    def _shown(self) -> Answer | None:
        entry = self._handler.shown
        return None if entry is None else entry.answer

    def _start(self, work: Callable[..., Any], then: Callable[[Any], None]) -> None:
        job = Job(work)
        self._jobs[job] = then
        job.signals.ended.connect(self._ended)
        job.start()

    def _ended(self, job: Job, outcome: Outcome) -> None:
        then = self._jobs.pop(job, None)
        if then is None or self._closed:
            return
        if outcome.error:
            self._failed(outcome.error)
        elif outcome.value is not None:
            try:
                then(outcome.value)
            except Exception as error:
                self._failed(sentence_of(error))

    def _failed(self, sentence: str) -> None:
        self._view.messages.warn(sentence)


def _pixels_on(image: Image) -> Callable[[Region], NDArray[Any]]:
    """Return what reads the pixels of a kept region out of a layer; no layer is kept alive."""
    layer = weakref.ref(image)
    limits = limits_of(image, image.data[0] if image.multiscale else image.data)
    inverted, rgb = not image.rgb and is_inverted(image), image.rgb

    def read(region: Region) -> NDArray[Any]:
        shown, place = layer(), region.placement
        if shown is None or place is None:
            raise RegionError("The image of this answer is no longer open; open it again.")
        data = shown.data[0] if shown.multiscale else shown.data
        y0, x0, y1, x1 = region.box
        # The mask was kept on the grid of the pixels that the model was given.
        rows, columns = (MOST_PIXELS, MOST_PIXELS) if region.mask is None else region.mask.shape
        steps = max((y1 - y0) // rows, 1), max((x1 - x0) // columns, 1)
        index: list[int | slice] = [0] * shown.ndim
        for axis, at in zip(
            (axis for axis in range(shown.ndim) if axis not in place.axes), place.plane, strict=True
        ):
            index[axis] = at
        for axis, start, stop, step in zip(place.axes, (y0, x0), (y1, x1), steps, strict=True):
            index[axis] = slice(start, stop, step)
        cutout = Cutout(
            data,
            tuple(index),
            region.box,
            transpose=place.axes[0] > place.axes[1],
            rgb=rgb,
            contrast_limits=limits,
            inverted=inverted,
        )
        return cutout.read().pixels

    return read
