"""Binds the choice of frames to the chosen image and the viewer's sliders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from ..frames.choosing import frames_of_text, text_of_frames
from ..frames.cutouts import are_frames
from ..regions import Region
from .frame_plans import FrameAxis, frame_axes, through_frames, world_axis
from .geometry import Plan

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.frames_box import FramesBox
    from .handler_connections import Connections
    from .handler_layers import LayerLists

__all__ = ["FramesChoice"]


class FramesChoice(QObject):
    """Knows which frames of the chosen image are wanted.

    Parameters
    ----------
    box : FramesBox
        Where the user chooses.
    viewer : napari.Viewer
        Whose images are asked about.
    layers : LayerLists
        Tells the chosen image.
    connections : Connections
        Where connections are kept to be undone.

    Signals
    -------
    changed()
        Other frames are wanted.
    """

    changed = Signal()

    def __init__(
        self, box: FramesBox, viewer: Viewer, layers: LayerLists, connections: Connections
    ) -> None:
        super().__init__()
        self._box = box
        self._viewer = viewer
        self._layers = layers
        self._axes: list[FrameAxis] = []
        connections.add(box.changed, self.changed)
        connections.listen(viewer.dims.events.order, self.update)
        self.update()

    @property
    def axis(self) -> FrameAxis | None:
        """The axis that frames lie along; None: only the slice that is shown is wanted."""
        if not self._axes or self._box.mode == "shown":
            return None
        return next((one for one in self._axes if str(one.axis) == self._box.axis_key), None)

    @property
    def key(self) -> str:
        """What is chosen, to be compared with what is chosen later."""
        axis = self.axis
        return "" if axis is None else f"{axis.axis}: {self._box.text}"

    def update(self, event: Any = None) -> None:
        """List the axes of the image that is chosen now."""
        image = self._layers.image
        axes = [] if image is None else frame_axes(image, self._viewer.dims.order)
        if axes != self._axes:
            self._axes = axes
            self._box.set_axes([(str(one.axis), _text(one)) for one in axes])

    def through(self, plan: Plan) -> Plan:
        """Return a plan for the wanted frames of a region.

        Raises
        ------
        QuestionError
            If they cannot be read, are not there, or are too many.
        """
        axis = self.axis
        if axis is None:
            return plan
        return through_frames(plan, axis, frames_of_text(self._box.text, axis.length))

    def free_axis(self, image: Image | None) -> int | None:
        """Return the viewer's axis whose slider does not matter, since frames lie along it."""
        axis = self.axis
        if axis is None or image is None:
            return None
        return world_axis(image, axis.axis, self._viewer.dims.ndim)

    def bring_back(self, regions: Sequence[Region]) -> None:
        """Choose the frames of an answer again; for one of a single slice, the slice shown."""
        before = self.key
        places = [region.placement for region in regions if region.placement is not None]
        if not are_frames(regions) or len(places) < len(regions):
            self._box.show_frames("")
        else:
            hidden = [i for i in range(len(places[0].plane) + 2) if i not in places[0].axes]
            along = next(
                (i for i in range(len(hidden)) if len({place.plane[i] for place in places}) > 1), 0
            )
            numbers = [place.plane[along] for place in places]
            self._box.show_frames(text_of_frames(numbers), str(hidden[along]))
        if self.key != before:
            self.changed.emit()


def _text(axis: FrameAxis) -> str:
    return f"along {axis.name or f'axis {axis.axis}'} ({axis.length} slices)"
