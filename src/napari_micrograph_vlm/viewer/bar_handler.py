"""Binds what the panel shows of an information bar to the image: left out or not, and read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..errors import MicrographError
from ..lengths import in_metres
from ..readers.file_scale import FileScale, may_give_scale, scale_in
from ..readers.scale_proposal import ScaleProposal, per_pixel, propose, uncertainty
from .bar_areas import PlaneAreas, include_bar, includes_bar
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, sentence_of
from .layer_scale import (
    FROM_FILE,
    FROM_SCALE_BAR,
    can_undo,
    has_scale,
    scale_error,
    set_pixel_size,
    undo_scale,
)
from .panel_jobs import PanelJobs
from .region_view import ViewState
from .region_window import ImageSnapshot
from .transforms import pixel_size_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ..widgets.thumbnail import Thumbnail

__all__ = ["BarHandler"]

_KEPT = 64

_readings: OrderedDict[tuple[Any, ...], ScaleProposal | None] = OrderedDict()
"""What was read of each image, for all panels; only the window's thread touches it."""


@dataclass(frozen=True)
class _Place:
    """A plane of an image as it is shown now."""

    areas: PlaneAreas
    plane: tuple[int, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        return self.areas.data_id, self.areas.axes, self.plane

    @property
    def image(self) -> tuple[Any, ...]:
        """The same for all slices of a stack: one pixel size is enough."""
        return self.areas.data_id, self.areas.axes


class BarHandler(QObject):
    """Looks for the information bar of the chosen image and tells what it says.

    Parameters
    ----------
    view : Thumbnail
        Where it is shown.
    viewer : napari.Viewer
        Whose image it is.
    image : callable
        Returns the chosen image.

    Signals
    -------
    changed()
        The model now sees the bar, or does not any more.
    """

    changed = Signal()

    def __init__(self, view: Thumbnail, viewer: Viewer, image: Callable[[], Image | None]) -> None:
        super().__init__()
        self._view = view
        self._viewer = viewer
        self._image = image
        self._jobs = PanelJobs()
        self._found: dict[tuple[Any, ...], bool] = {}
        self._looking: tuple[_Place, Job] | None = None
        self._reading: set[tuple[Any, ...]] = set()
        self._reading_file: set[tuple[Any, ...]] = set()
        self._unscaled: dict[tuple[Any, ...], str] = {}
        """Why their file gave no pixel size."""
        self._place: _Place | None = None
        self._included = False
        self._connections = Connections()
        self._connections.add(view.bar_included, self._bar_included)
        self._connections.add(view.scale_row.used, self._use)
        self._connections.add(view.scale_row.undone, self._undo)
        self._connections.add(view.scale_row.wanted, self._read)
        self._connections.add(view.scale_row.file_wanted, self._read_file)

    @property
    def is_busy(self) -> bool:
        """Whether a bar is being looked for or read."""
        return self._jobs.is_busy

    def close(self, *, deleted: bool = False) -> None:
        """Stop looking; ``deleted``: Qt is deleting the view."""
        self._jobs.close()
        self._connections.close(deleted=deleted)

    def look(self) -> None:
        """Show what is known of the bar of the plane that is shown, and find out what is not."""
        image = self._image()
        self._place = None if image is None else self._place_of(image)
        if image is None or self._place is None:
            self._stop_looking()
            self._view.show_bar(False, False)
            self._view.scale_row.clear()
            return
        self._included = includes_bar(image)
        place = self._place
        if place.key in self._found:
            self._show(image)
            return
        self._view.show_bar(False, False)
        if self._looking is not None:
            if self._looking[0].key == place.key:
                return
            # Whoever moves through a slow stack does not wait for the slices in between.
            self._stop_looking()

        def found(outcome: Outcome) -> None:
            if self._looking is not None and self._looking[0] is place:
                self._looking = None
            if not outcome.stopped:
                self._found[place.key] = bool(outcome.value)
                self._show_if(place)

        job = self._jobs.start(
            lambda report, cancel: place.areas.of(place.plane) is not None,
            found,
            pool=Pool.THUMBNAILS,
        )
        self._looking = place, job

    def image_told(self, event: Any = None) -> None:
        """See whether another panel, or a script, included the bar."""
        image = self._image()
        if image is not None and includes_bar(image) != self._included:
            self._included = includes_bar(image)
            self.changed.emit()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._jobs.stop(self._looking[1])
            self._looking = None

    def _place_of(self, image: Image) -> _Place | None:
        try:
            snapshot = ImageSnapshot.of(image, ViewState.of(self._viewer), include_bar=False)
            plane = snapshot.plane_at(snapshot.point[None])
        except MicrographError:
            return None  # the thumbnail says why
        return None if snapshot.areas is None else _Place(snapshot.areas, plane)

    def _show_if(self, place: _Place) -> None:
        image = self._image()
        if image is not None and self._place is not None and self._place.key == place.key:
            self._show(image)

    def _show(self, image: Image) -> None:
        place, row = self._place, self._view.scale_row
        assert place is not None
        found = self._found.get(place.key, False)
        self._view.show_bar(found, self._included)
        if has_scale(image):
            if can_undo(image):
                row.show_used(_used(image))
            else:
                row.clear()
            return
        problem = self._unscaled.get(place.image, "")
        row.set_sources(file=_file_of(image) is not None and not problem, text=_can_read_text())
        if place.image in self._reading_file:
            row.show_reading("the file")
        elif place.image in self._reading:
            row.show_reading()
        elif place.image in _readings:
            proposal = _readings[place.image]
            if proposal is not None:
                row.show_proposal(proposal, problem)
            elif not found:
                row.show_nothing_found()
            elif problem or _file_of(image) is not None:
                row.show_unknown(problem, again=False)
            else:
                row.clear()
        elif found:
            self._read()
        elif problem or _file_of(image) is not None or _can_read_text():
            row.show_unknown(problem)
        else:
            row.clear()

    def _read(self) -> None:
        place = self._place
        window = None if place is None else place.areas.window(place.plane)
        if place is None or window is None or place.image in self._reading:
            return
        self._reading.add(place.image)
        self._view.scale_row.show_reading()

        def read(report: Any, cancel: Event) -> ScaleProposal | None:
            from ..readers.bar import find_bar, read_bar

            return propose(read_bar(window, find_bar(window)), int(window.shape[1]))

        def ended(outcome: Outcome) -> None:
            self._reading.discard(place.image)
            if not outcome.stopped:
                _readings[place.image] = outcome.value
                while len(_readings) > _KEPT:
                    _readings.popitem(last=False)
            if self._place is not None and self._place.image == place.image:
                self._show_if(self._place)

        self._jobs.start(read, ended)

    def _read_file(self) -> None:
        image, place = self._image(), self._place
        path = None if image is None else _file_of(image)
        if image is None or place is None or path is None or place.image in self._reading_file:
            return
        data = image.data[0] if image.multiscale else image.data
        height, width = (int(n) for n in data.shape[image.ndim - 2 : image.ndim])
        self._reading_file.add(place.image)
        self._view.scale_row.show_reading("the file")

        def ended(outcome: Outcome) -> None:
            self._reading_file.discard(place.image)
            found: FileScale | None = outcome.value
            problem, now = outcome.error, self._image()
            if self._place is not None and self._place.image == place.image and now is image:
                if found is not None and not has_scale(image):
                    told = {"scale_from": FROM_FILE, "metadata": found.metadata}
                    problem = self._set(found.nanometres, found.error, **told)
                self._unscaled.update({place.image: problem} if problem else {})
                self._show(image)
            elif problem:
                self._unscaled[place.image] = problem

        self._jobs.start(lambda report, cancel: scale_in(path, (height, width)), ended)

    def _bar_included(self, wish: bool) -> None:
        image = self._image()
        if image is not None:
            include_bar(image, wish)  # this panel, too, hears of it from the image

    def _use(self, proposal: ScaleProposal) -> None:
        if proposal.pixel_size_nm is not None:
            problem = self._set(proposal.pixel_size_nm, proposal.error)
            if problem:
                self._view.scale_row.show_problem(problem)

    def _set(self, size: float, relative_error: float | None, **told: Any) -> str:
        """Give the image a pixel size; return why that could not be."""
        image = self._image()
        if image is None:
            return ""
        try:
            set_pixel_size(self._viewer, image, size, error=relative_error, **told)
        except MicrographError as error:
            return sentence_of(error)
        return ""

    def _undo(self) -> None:
        image = self._image()
        if image is not None:
            undo_scale(self._viewer, image)


def _used(image: Image) -> str:
    size, unit = pixel_size_of(image, (image.ndim - 2, image.ndim - 1))
    error = scale_error(image)
    if size is None:
        return ""
    nanometres = size[1] * (in_metres(unit) or 1e-9) * 1e9
    told = image.metadata.get("scale_from", FROM_SCALE_BAR)
    return f"{per_pixel(nanometres)}, from {told}{uncertainty(error)}"


def _file_of(image: Image) -> Path | None:
    """Return the file that napari, which passes over pixel sizes, opened an image from."""
    name = image.source.path
    # Our own readers have put into the metadata what the file says.
    if name is None or "instrument" in image.metadata or not may_give_scale(name):
        return None
    return Path(name)


def _can_read_text() -> bool:
    from ..readers.bar import ocr

    return ocr.installed()
