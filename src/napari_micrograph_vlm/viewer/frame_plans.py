"""Several frames of an image layer: which axes they can lie along, and their windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from ..errors import RegionError
from ..frames.choosing import Frames, frames_wanted
from ..frames.cutouts import along_axis
from ..regions import Cutout
from .geometry import Plan, RegionChoice
from .region_source import cutouts_of, image_of
from .region_view import ViewState, unwrapped
from .region_viewers import viewer_with

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["FrameAxis", "frame_axes", "frames_of", "through_frames", "world_axis"]


@dataclass(frozen=True)
class FrameAxis:
    """An axis of an image that frames can lie along.

    Attributes
    ----------
    axis : int
        Which of the image's data axes.
    name : str
        What the layer calls it; empty where it has no name of its own.
    length : int
        How many frames there are.
    """

    axis: int
    name: str
    length: int


def frame_axes(image: Image, order: Sequence[int]) -> list[FrameAxis]:
    """Return the axes that frames can lie along: hidden ones with more than one plane.

    Parameters
    ----------
    image : napari.layers.Image
        The image.
    order : sequence of int
        The viewer's axes in display order; the last two are rows and columns.
    """
    shift = len(order) - image.ndim
    shown = [axis - shift for axis in order if axis >= shift][-2:]
    shape = (image.data[0] if image.multiscale else image.data).shape
    return [
        FrameAxis(axis, _name(str(image.axis_labels[axis])), int(shape[axis]))
        for axis in range(image.ndim)
        if axis not in shown and shape[axis] > 1
    ]


def world_axis(image: Image, axis: int, ndim: int) -> int:
    """Return which of a viewer's ``ndim`` axes an image's data axis is."""
    return axis + ndim - int(image.ndim)


def through_frames(plan: Plan, axis: FrameAxis, frames: Sequence[int]) -> Plan:
    """Return a plan for one region in several frames.

    Parameters
    ----------
    plan : callable
        Gives the region in the slice that is shown.
    axis : FrameAxis
        The axis that the frames lie along.
    frames : sequence of int
        Their numbers.

    Returns
    -------
    callable
        Raises RegionError where ``plan`` gives more than one region.
    """

    def found() -> list[Cutout]:
        cutouts = plan()
        if len(cutouts) != 1:
            raise RegionError(
                f"{len(cutouts)} regions are chosen; choose one to look at through the frames."
            )
        return along_axis(cutouts[0], axis.axis, frames, axis_name=axis.name)

    return found


def frames_of(
    source: ViewerModel | Layer,
    region: Any,
    frames: Frames,
    axis: int | str | None = None,
    choice: RegionChoice | str | None = None,
    *,
    include_bar: bool | None = None,
) -> Plan:
    """Say what a script means by frames of a viewer or layer.

    Parameters
    ----------
    source, region, choice, include_bar
        As for :func:`.region_source.cutouts_of`; one region.
    frames : int, str or sequence of int
        As in :data:`..frames.choosing.Frames`.
    axis : int or str, optional
        The axis of the image that the frames lie along, by number or name; by default the first
        that is not shown.

    Raises
    ------
    RegionError
        If the image has no frames, or none along this axis.
    QuestionError
        If the frames are not there, or too many.
    """
    plan = cutouts_of(source, region, choice, include_bar=include_bar)
    image = image_of(unwrapped(source))
    viewer = viewer_with(image) if source is not None else None
    order = ViewState.alone(image).order if viewer is None else tuple(viewer.dims.order)
    along = _chosen(image, frame_axes(image, order), axis)
    return through_frames(plan, along, frames_wanted(frames, along.length))


def _chosen(image: Image, axes: Sequence[FrameAxis], wanted: int | str | None) -> FrameAxis:
    if not axes:
        raise RegionError(f"“{image.name}” has no frames besides the picture that is shown.")
    if wanted is None:
        return axes[0]
    for one in axes:
        same = isinstance(wanted, str) and one.name.casefold() == wanted.casefold()
        if same or (not isinstance(wanted, str) and one.axis == np.arange(image.ndim)[wanted]):
            return one
    listed = ", ".join(f"{one.axis}" + (f" (“{one.name}”)" if one.name else "") for one in axes)
    raise RegionError(f"“{image.name}” has no frames along axis {wanted}; choose {listed}.")


def _name(label: str) -> str:
    """Return an axis's name; empty for those that napari gives itself, such as ``"-3"``."""
    bare = label.removeprefix("axis").strip()
    return "" if bare.lstrip("-").isdigit() else label
