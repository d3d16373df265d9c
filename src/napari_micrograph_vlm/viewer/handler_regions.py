"""Binds region picker and thumbnail to the viewer: what is chosen, and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import RegionError
from ..frames.cutouts import are_frames
from ..models.base import Model, ModelInput
from ..models.catalog import STUDENT
from ..models.conditions import conditions_of, told_to
from ..models.framing import as_sheet
from ..models.views import prepare_views
from ..regions import Cutout, Region
from .bar_handler import BarHandler
from .frames_choice import FramesChoice
from .frames_picture import picture_of_frames
from .geometry import RegionChoice, plan_regions
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, read_regions, sentence_of
from .handler_layers import LayerLists
from .models import ModelHolder
from .preferences import Preferences
from .region_picture import Picture, picture_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from .handler import RegionView

__all__ = ["NO_IMAGE", "Chosen", "RegionBinding"]

NO_IMAGE = "No image is open; open one, or take a sample from File > Open Sample."

DELAY = 150
"""Milliseconds of rest after which the thumbnail follows."""

_SIDE, _TOKEN = 384, 32
"""How the bundled model sees; a loaded model is asked itself."""


_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units")


@dataclass(frozen=True)
class Chosen:
    """What is chosen: equal as long as the next question would be about the same region.

    Attributes
    ----------
    image, drawn : str
        Names of the layers that last as long as they do.
    choice : RegionChoice
        The kind of region.
    selected : tuple of int
        Selected shapes, or the selected label.
    where : tuple of float
        What the viewer shows.
    drawings : int
        How often anything was drawn or moved since the panel was opened.
    frames : str
        Which frames of a stack; empty: the slice that is shown.
    """

    image: str
    choice: RegionChoice
    drawn: str
    selected: tuple[int, ...]
    where: tuple[float, ...]
    drawings: int
    frames: str = ""


class RegionBinding(QObject):
    """Knows the chosen region, and shows what the model is given of it.

    Parameters
    ----------
    view : RegionView
        What the user sees.
    viewer : napari.Viewer
        Whose images are asked about.
    models : ModelHolder
        Where models come from.
    preferences : callable
        Returns the current preferences.
    shapes_choice : RegionChoice
        What is looked at once the user starts to draw shapes.
    together : int
        How many regions the model looks at together, 1 or 2. Of two it is given each as a whole.
    tells : bool
        Whether the model is told scale and instrument, which is shown then.

    Signals
    -------
    changed()
        Another region is chosen, or it was drawn anew.
    """

    changed = Signal()

    def __init__(
        self,
        view: RegionView,
        viewer: Viewer,
        models: ModelHolder,
        preferences: Callable[[], Preferences],
        shapes_choice: RegionChoice,
        together: int = 1,
        *,
        tells: bool = False,
    ) -> None:
        super().__init__()
        self._together = together
        self._tells = tells
        self._viewer = viewer
        self._view = view
        self._models = models
        self._preferences = preferences
        self._job: Job | None = None
        self._drawings = 0
        self._where_before: tuple[float, ...] = ()
        self._connections = Connections()
        self._layer_connections = Connections()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._connections.add(self._timer.timeout, self._draw)
        self._bar = BarHandler(view.thumbnail, viewer, lambda: self.image)
        self._connections.add(self._bar.changed, self._redrawn)
        self.layers = LayerLists(view.regions, viewer, self._connections, shapes_choice)
        self.frames: FramesChoice | None = None
        if (box := getattr(view, "frames", None)) is not None:
            self.frames = FramesChoice(box, viewer, self.layers, self._connections)
            self._connections.add(self.frames.changed, self._frames_changed)
        self._connections.add(self.layers.changed, self._layers_changed)
        self._connections.add(view.thumbnail.detail_changed, self.refresh)
        self._connections.add(view.shown, self.refresh)
        dims = viewer.dims.events
        for event in (dims.current_step, dims.order, dims.ndisplay, viewer.scene.camera.events):
            self._connections.listen(event, self._viewer_changed)
        self._layers_changed()

    @property
    def image(self) -> Image | None:
        """The chosen image."""
        return self.layers.image

    @property
    def drawn(self) -> Shapes | Labels | None:
        """The layer the region is drawn in."""
        return self.layers.drawn

    @property
    def tiled(self) -> bool | None:
        """Whether to look in tiles; None: where it helps."""
        return self._view.thumbnail.tiled

    def close(self, *, deleted: bool = False) -> None:
        """Let go of view and viewer; ``deleted``: Qt is deleting the view."""
        self._timer.stop()
        self._stop_job()
        self._bar.close(deleted=deleted)
        self._layer_connections.close()
        self._connections.close(deleted=deleted)

    def plan(self) -> Callable[[], list[Cutout]]:
        """Take note of the chosen region now; the callable finds its pixels in a worker.

        Raises
        ------
        RegionError
            If no image or no region is chosen.
        """
        image = self.image
        if image is None:
            raise RegionError(NO_IMAGE)
        plan = plan_regions(self._viewer, image, self.layers.choice, drawn=self.drawn)
        return plan if self.frames is None else self.frames.through(plan)

    def chosen(self) -> Chosen:
        """Return what is chosen, to be compared with what is chosen later."""
        image, drawn, choice = self.image, self.drawn, self.layers.choice
        selected: tuple[int, ...] = ()
        if isinstance(drawn, Labels):
            selected = (int(drawn.selected_label),)
        elif drawn is not None and choice is RegionChoice.SELECTED_SHAPES:
            selected = tuple(sorted(int(i) for i in drawn.selected_data))
        keys = ["" if layer is None else str(layer.unique_id) for layer in (image, drawn)]
        frames = "" if self.frames is None else self.frames.key
        return Chosen(keys[0], choice, keys[1], selected, self._where(), self._drawings, frames)

    def refresh(self, event: Any = None) -> None:
        """Show the region again as soon as nothing changes any more."""
        self._timer.start()

    def _layers_changed(self) -> None:
        self._layer_connections.close()
        image, drawn = self.image, self.drawn
        if self.frames is not None:
            self.frames.update()
        self._where_before = self._where()
        if image is not None:
            self._listen(image, ("data", "contrast_limits", "colormap", "gamma"), self.refresh)
            self._listen(image, _TRANSFORM, self._image_moved)
            self._listen(image, ("metadata",), self._bar.image_told)
            if not image.multiscale:
                # Told after edits in place; of a pyramid also at each change of zoom.
                self._listen(image, ("set_data",), self.refresh)
        if drawn is not None:
            self._listen(drawn, (*_TRANSFORM, "data"), self._redrawn)
        if isinstance(drawn, Shapes):
            self._layer_connections.listen(drawn.selected_data.events.items_changed, self._moved)
        elif isinstance(drawn, Labels):
            self._listen(drawn, ("paint", "labels_update"), self._redrawn)
            self._listen(drawn, ("selected_label",), self._moved)
        self._moved()

    def _listen(self, layer: Layer, names: Iterable[str], callback: Callable[..., Any]) -> None:
        for name in names:
            self._layer_connections.listen(getattr(layer.events, name), callback)

    def _redrawn(self, event: Any = None) -> None:
        self._drawings += 1
        self._moved()

    def _image_moved(self, event: Any = None) -> None:
        if self.layers.choice is RegionChoice.WHOLE_LAYER:
            self.refresh()  # still the same pixels
        else:
            self._redrawn()

    def _moved(self, event: Any = None) -> None:
        self.refresh()
        self.changed.emit()

    def _frames_changed(self) -> None:
        self._where_before = self._where()  # another slider matters now
        self._moved()

    def _viewer_changed(self, event: Any = None) -> None:
        # Layers that are added, such as overlays, change sliders without changing what is shown.
        if (where := self._where()) != self._where_before:
            self._where_before = where
            self._moved()

    def _where(self) -> tuple[float, ...]:
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        numbers = [dims.ndisplay, *dims.order]
        free = None if self.frames is None else self.frames.free_axis(self.image)
        numbers += [dims.point[axis] for axis in dims.order[: -dims.ndisplay] if axis != free]
        if self.layers.choice is RegionChoice.CURRENT_VIEW:
            numbers += [*camera.center, camera.zoom]
        # Rounded: the canvas takes the camera's numbers and gives them back.
        return tuple(float(f"{number:.6g}") for number in numbers)

    def _stop_job(self) -> None:
        if self._job is not None:
            self._job.signals.ended.disconnect()
            self._job.stop()
            self._job = None

    def _draw(self) -> None:
        self._stop_job()
        if not self._view.isVisibleTo(self._view.window()):
            return  # drawn when it is shown
        self._bar.look()
        try:
            plan = self.plan()
        except Exception as error:
            self._view.thumbnail.clear(sentence_of(error))
            return
        chosen = self._preferences()
        tiled = self.tiled
        models = self._models

        together, tells = self._together, self._tells

        def work(report: Any, cancel: Event) -> tuple[Picture, bool]:
            cutouts = plan()
            frames = are_frames(cutouts)
            number = len(cutouts) if frames or len(cutouts) <= together else 1
            regions = read_regions(lambda: cutouts[:number], cancel)
            closely = tiled if number == 1 else False
            # Not through `use`: what the model is given does not wait for an answer's end.
            model = models.loaded(*chosen.which)
            prepare: Callable[..., ModelInput] = (
                partial(prepare_views, side=_SIDE, token=_TOKEN) if model is None else model.prepare
            )
            if frames:
                picture = picture_of_frames(
                    regions,
                    prepare,
                    taught=chosen.model not in (None, STUDENT.name)
                    if model is None
                    else bool(getattr(model, "reasons", True)),
                    sheet=number > 2 if model is None else as_sheet(model, number),
                )
            else:
                given = [prepare(region, tiled=closely) for region in regions]
                picture = picture_of(regions, given, len(cutouts))
            if tells:
                picture = replace(picture, told=_told(model, chosen.model, regions))
            return picture, number == 1

        self._job = Job(work, Pool.THUMBNAILS)
        self._job.signals.ended.connect(self._drawn)
        self._job.start()

    def _drawn(self, job: Job, outcome: Outcome) -> None:
        if job is not self._job:
            return  # stale: another region is being drawn
        self._job = None
        thumbnail = self._view.thumbnail
        if outcome.value is None:
            if outcome.error:
                thumbnail.clear(outcome.error)
            return
        picture, can_tile = outcome.value
        thumbnail.allow_detail(can_tile)
        thumbnail.show_tiles(
            picture.tiles,
            picture.shape,
            picture.size,
            picture.loss,
            picture.bands,
            picture.seams,
        )
        thumbnail.show_told(picture.told)


def _told(model: Model | None, name: str | None, regions: Sequence[Region]) -> str:
    """Return what a model is told, whether it is loaded already or not."""
    if model is not None:
        return told_to(model, regions)
    return "" if name in (None, STUDENT.name) else conditions_of(regions)
