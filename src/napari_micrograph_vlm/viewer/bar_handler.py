"""Binds what the panel shows of an information bar to the image: left out or not, and read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..errors import MicrographError
from ..lengths import in_metres
from ..readers.scale_proposal import ScaleProposal, per_pixel, propose
from .bar_areas import PlaneAreas, include_bar, includes_bar
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, sentence_of
from .layer_scale import (
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
        self._place: _Place | None = None
        self._included = False
        self._connections = Connections()
        self._connections.add(view.bar_included, self._bar_included)
        self._connections.add(view.scale_row.used, self._use)
        self._connections.add(view.scale_row.undone, self._undo)
        self._connections.add(view.scale_row.wanted, self._read)

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
            if image.metadata.get("scale_from") == FROM_SCALE_BAR and can_undo(image):
                row.show_used(_used(image))
            else:
                row.clear()
        elif place.image in self._reading:
            row.show_reading()
        elif place.image in _readings:
            proposal = _readings[place.image]
            if proposal is not None:
                row.show_proposal(proposal)
            elif found:
                row.clear()
            else:
                row.show_nothing_found()
        elif found:
            self._read()
        elif _can_read_text():
            row.offer_reading()
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

    def _bar_included(self, wish: bool) -> None:
        image = self._image()
        if image is not None:
            include_bar(image, wish)  # this panel, too, hears of it from the image

    def _use(self, proposal: ScaleProposal) -> None:
        image, size = self._image(), proposal.pixel_size_nm
        if image is None or size is None:
            return
        try:
            set_pixel_size(self._viewer, image, size, error=proposal.error)
        except MicrographError as error:
            self._view.scale_row.show_problem(sentence_of(error))

    def _undo(self) -> None:
        image = self._image()
        if image is not None:
            undo_scale(self._viewer, image)


def _used(image: Image) -> str:
    size, unit = pixel_size_of(image, (image.ndim - 2, image.ndim - 1))
    error = scale_error(image)
    if size is None:
        return ""
    more = "" if error is None else f" (± {100 * error:.2g} %)"
    return f"{per_pixel(size[1] * (in_metres(unit) or 1e-9) * 1e9)}, from the scale bar{more}"


def _can_read_text() -> bool:
    from ..readers.bar import ocr

    return ocr.installed()
