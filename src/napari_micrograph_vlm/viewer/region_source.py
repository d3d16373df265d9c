"""Regions of a viewer or layer for scripts and napari's console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from ..errors import RegionError, SourceError
from ..regions import Cutout
from .geometry import Plan, RegionChoice, plan_in_view, plan_outline, plan_regions
from .item_frame import is_frame
from .overlays import is_overlay
from .region_view import ViewState, unwrapped
from .region_viewers import remember, viewer_with

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["choice_named", "cutouts_of", "image_of"]


def cutouts_of(
    source: ViewerModel | Layer,
    region: Any = None,
    choice: RegionChoice | str | None = None,
    *,
    include_bar: bool | None = None,
) -> Plan:
    """Say what a script means by a viewer or layer, and perhaps a region of it.

    Parameters
    ----------
    source : napari.Viewer or napari.layers.Image
        A viewer stands for its active image layer, or its topmost visible one.
    region : optional
        - None: the selected shapes of the viewer's shapes layers, else the whole layer.
        - A :class:`RegionChoice` or its text, such as ``"Current view"``.
        - A shapes or labels layer: its selected shapes, else every shape; its selected label.
        - ``(y0, x0, y1, x1)`` in pixels of the image: rows ``y0`` to ``y1 - 1``, as a slice.
        - (N, 2) vertices of a polygon in data coordinates of the image.
        - A sequence of boxes or polygons.
    choice : RegionChoice or str, optional
        Which shapes of ``region`` (or of the viewer) are meant.
    include_bar : bool, optional
        As for :func:`plan_regions`.

    Returns
    -------
    callable
        ``() -> list of Cutout`` (see :func:`plan_regions`).

    Raises
    ------
    SourceError
        If there is no image layer.
    RegionError
        If the region cannot be understood or there is none.
    """
    source, region = unwrapped(source), unwrapped(region)
    image = image_of(source)
    viewer = viewer_with(image) if isinstance(source, Layer) else source
    remember(viewer)
    drawn = region if isinstance(region, (Shapes, Labels)) else None
    if isinstance(region, str):
        region, choice = None, region
    if drawn is not None or region is None:
        wanted = None if choice is None else choice_named(choice)
        if drawn is None and viewer is not None:
            drawn = _drawn_in(viewer, wanted, selected_only=viewer is source and wanted is None)
        wanted = wanted or _usual_choice(drawn)
        if viewer is not None and (drawn is None or drawn in viewer.layers):
            return plan_regions(viewer, image, wanted, drawn=drawn, include_bar=include_bar)
        view = _view_of(viewer, image)
        return plan_in_view(view, image, wanted, drawn=drawn, include_bar=include_bar)
    view = _view_of(viewer, image)
    plans = [
        plan_outline(view, image, _vertices(one), include_bar=include_bar) for one in _each(region)
    ]

    def plan() -> list[Cutout]:
        return [cutout for one in plans for cutout in one()]

    return plan


def image_of(source: ViewerModel | Layer) -> Image:
    """Return the image layer that a viewer or layer stands for; overlays are no micrographs.

    Raises
    ------
    SourceError
        If there is none.
    """
    if isinstance(source, Layer):
        if isinstance(source, Image) and not is_overlay(source):
            return source
        raise SourceError(f"“{source.name}” is no micrograph; give an image layer.")
    active = source.layers.selection.active
    if isinstance(active, Image) and not is_overlay(active):
        return active
    images = [
        layer for layer in source.layers if isinstance(layer, Image) and not is_overlay(layer)
    ]
    if not images:
        raise SourceError("The viewer holds no image; open a micrograph first.")
    visible = [layer for layer in images if layer.visible]
    return (visible or images)[-1]


def choice_named(name: RegionChoice | str) -> RegionChoice:
    """Return the choice with this text, such as ``"current view"`` or ``"CURRENT_VIEW"``.

    Raises
    ------
    RegionError
        If there is none.
    """
    wanted = str(name).replace("_", " ").strip().lower()
    for choice in RegionChoice:
        if choice.value.lower() == wanted:
            return choice
    known = ", ".join(f"“{choice}”" for choice in RegionChoice)
    raise RegionError(f"“{name}” is no region; take one of {known}.")


def _view_of(viewer: ViewerModel | None, image: Image) -> ViewState:
    return ViewState.alone(image) if viewer is None else ViewState.of(viewer)


def _drawn_in(
    viewer: ViewerModel, choice: RegionChoice | None, *, selected_only: bool
) -> Shapes | Labels | None:
    """Layer that is meant where none is named: the active one, else the topmost that fits."""
    active = viewer.layers.selection.active
    layers = [active, *reversed(viewer.layers)]
    if choice is RegionChoice.SELECTED_LABEL:
        return next((layer for layer in layers if isinstance(layer, Labels)), None)
    if choice in (RegionChoice.WHOLE_LAYER, RegionChoice.CURRENT_VIEW):
        return None
    shapes = [one for one in layers if isinstance(one, Shapes) and not is_frame(one)]
    selected = next((layer for layer in shapes if layer.selected_data), None)
    if selected is not None and (selected_only or choice is RegionChoice.SELECTED_SHAPES):
        return selected
    return shapes[0] if shapes and choice is not None else None


def _usual_choice(drawn: Shapes | Labels | None) -> RegionChoice:
    if drawn is None:
        return RegionChoice.WHOLE_LAYER
    if isinstance(drawn, Labels):
        return RegionChoice.SELECTED_LABEL
    return RegionChoice.SELECTED_SHAPES if drawn.selected_data else RegionChoice.EVERY_SHAPE


def _each(region: Any) -> Sequence[Any]:
    try:
        shape = np.shape(region)
    except ValueError:  # regions of several lengths
        return list(region)
    one = shape == (4,) or (len(shape) == 2 and shape[1] == 2)
    if one or len(shape) < 2:
        return [region]
    return list(region)


def _vertices(region: Any) -> Any:
    try:
        points = np.asarray(region, float)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if not (points.shape == (4,) or (points.ndim == 2 and points.shape[1:] == (2,))):
        raise RegionError(
            "A region is a box (y0, x0, y1, x1), a polygon of (row, column) vertices, a shapes "
            "layer or a choice such as “Current view”."
        )
    if not np.isfinite(points).all():
        raise RegionError("A region's coordinates must be finite numbers.")
    if points.ndim == 1:
        y0, x0, y1, x1 = points - 0.5
        return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])
    if len(points) < 3:
        raise RegionError(f"A polygon has at least 3 vertices, but {len(points)} were given.")
    return points
