"""Answers of scripts shown in a viewer, wherever their regions came from."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Layer, Shapes

from ..errors import RegionError, SourceError
from ..regions import Placement, Region
from ..results import Answer, Classification
from .features import write_classification
from .overlays import overlays_of, show_overlay
from .region_shapes import shape_indices
from .region_view import unwrapped
from .region_viewers import remember, viewer_with
from .region_window import data_kept, same_data
from .show_frames import are_loose_frames, on_own_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from ..measuring.measurement import Measurement

__all__ = ["show_answer", "show_classification", "show_measurement"]

_SHOWN = "micrograph_vlm_region"
_GONE = "The image was removed; there is nothing to show the answer on."

_Result = TypeVar("_Result", Answer, Classification)


def show_answer(answer: Answer, viewer: ViewerModel | None = None) -> Any:
    """Show where the model looked.

    Parameters
    ----------
    answer : Answer
        Regions of a layer are shown on it; pixels of arrays and files become a layer.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        By default the one that holds the answer's layers; for regions of arrays and files the
        current viewer, or a new one.

    Returns
    -------
    napari.Viewer
        The viewer that shows it.

    Raises
    ------
    SourceError
        If a layer that was asked about is not in the viewer.
    RegionError
        If it holds other data now.
    """
    viewer = _viewer_for(answer, viewer)
    _show_only(viewer, _placed(viewer, answer))
    return viewer


def show_classification(classification: Classification, viewer: ViewerModel | None = None) -> Any:
    """Show the classes of all regions, and where the model looked at the first one.

    Drawn shapes get their classes as features, beside whatever text they show; other regions
    become boxes on a layer of their own. Parameters, result and errors are those of
    :func:`show_answer`.
    """
    viewer = _viewer_for(classification, viewer)
    placed = _placed(viewer, classification)
    # One overlay: fifty regions would fill the layer list with fifty.
    _show_only(viewer, _part(placed, [0]))
    by_image: dict[int, list[int]] = {}
    for row in _write_beside_shapes(viewer, placed):
        by_image.setdefault(id(_image(placed.regions[row])), []).append(row)
    for rows in by_image.values():
        _show_boxes(viewer, _part(placed, rows))
    return viewer


def show_measurement(measurement: Measurement, viewer: ViewerModel | None = None) -> Any:
    """Show measured objects as a Labels layer, with their sizes as its features.

    Parameters, result and errors are those of :func:`show_answer`.
    """
    from .measure_layer import show_objects

    viewer = _viewer_for(measurement, viewer)
    region = measurement.region
    if _image(region) is None:
        region = _on_own_layer(viewer, region)
    show_objects(viewer, replace(measurement, region=region))
    return viewer


def _show_only(viewer: ViewerModel, result: Answer | Classification) -> None:
    """Show where the model looked for this result, and hide what was shown for others."""
    shown = show_overlay(viewer, result)
    for layer in overlays_of(viewer):
        if layer not in shown:
            layer.visible = False


def _viewer_for(result: Answer | Classification | Measurement, viewer: ViewerModel | None) -> Any:
    """Return the viewer for a result. Where its image is gone, nothing else takes its place."""
    viewer = unwrapped(viewer)
    regions = result.regions if isinstance(result, Answer | Classification) else (result.region,)
    named = [one.placement for one in regions if one.placement and one.placement.layer]
    if not named:
        return _any_viewer() if viewer is None else viewer
    layers: list[Any] = [one.layer() for one in named if one.layer is not None]
    if None in layers:
        raise SourceError(_GONE)
    holder = viewer_with(*layers) if viewer is None else viewer
    if holder is None or any(layer not in holder.layers for layer in layers):
        raise SourceError(_where_else(viewer, layers))
    for layer, placement in zip(layers, named, strict=True):
        if not same_data(layer, placement):
            raise RegionError(
                f"“{layer.name}” now holds other data than was asked about; repeat the question."
            )
    remember(holder)
    return holder


def _where_else(viewer: ViewerModel | None, layers: list[Any]) -> str:
    """Say where layers are that are not in the viewer."""
    if viewer is None:
        return "The image was removed or is in another viewer; give the viewer that holds it."
    if viewer_with(*layers) is None:
        return _GONE
    return f"“{layers[0].name}” is in another viewer; show the answer there."


def _any_viewer() -> Any:
    import napari

    return napari.current_viewer() or napari.Viewer()


def _part(classification: Classification, rows: Sequence[int]) -> Classification:
    return replace(
        classification,
        regions=tuple(classification.regions[i] for i in rows),
        attention=tuple(classification.attention[i] for i in rows),
        probabilities=classification.probabilities[list(rows)],
    )


def _write_beside_shapes(viewer: ViewerModel, placed: Classification) -> list[int]:
    """Write the classes of drawn shapes to the user's layers; return the rows that are left."""
    left = list(range(len(placed)))
    for layer in list(viewer.layers):
        if not isinstance(layer, Shapes):
            continue
        found = dict(
            zip(left, shape_indices(layer, [_shape_id(placed, i) for i in left]), strict=True)
        )
        there = {row: index for row, index in found.items() if index is not None}
        if there:
            part = _part(placed, list(there))
            write_classification(layer, list(there.values()), part, replace_text=False)
            left = [row for row in left if row not in there]
    return left


def _shape_id(placed: Classification, row: int) -> str | None:
    placement = placed.regions[row].placement
    return None if placement is None else placement.shape_id


def _placed(viewer: ViewerModel, result: _Result) -> _Result:
    """Return the result with every region placed on a layer of the viewer."""
    if are_loose_frames(result.regions):
        return replace(result, regions=on_own_stack(viewer, result.regions))
    regions = tuple(
        _on_own_layer(viewer, region) if _image(region) is None else region
        for region in result.regions
    )
    return replace(result, regions=regions)


def _image(region: Region) -> Any:
    placement = region.placement
    return None if placement is None or placement.layer is None else placement.layer()


def _on_own_layer(viewer: ViewerModel, region: Region) -> Region:
    """Show the pixels of a region of an array or file, and place the region on that layer."""
    image = next((layer for layer in viewer.layers if _shows(layer, region)), None)
    if image is None:
        image = viewer.layers[viewer.layers.index(viewer.add_image(**_layer_arguments(region)))]
    height, width = region.pixels.shape[:2]
    outline = np.array([[0, 0], [0, width], [height, width], [height, 0]]) - 0.5
    placement = Placement((0, 1), (), outline, weakref.ref(image), **data_kept(image))
    return replace(region, box=(0, 0, height, width), placement=placement)


def _shows(layer: Layer, region: Region) -> bool:
    """Whether a layer was made for these pixels and still holds them."""
    return layer.metadata.get(_SHOWN) == _identity(region) and np.array_equal(
        layer.data, region.pixels
    )


def _layer_arguments(region: Region) -> dict[str, Any]:
    y0, x0, y1, x1 = region.box
    size = np.array(region.pixel_size or (1.0, 1.0))
    steps = np.array([y1 - y0, x1 - x0]) / region.pixels.shape[:2]
    return {
        "data": region.pixels,
        "name": f"{region.source} {list(region.box)}",
        "rgb": region.is_rgb,
        "contrast_limits": (0.0, 1.0),
        "scale": size * steps,
        # Where the first pixel's centre lies in the source, whose own first is at 0.
        "translate": (np.array([y0, x0]) - 0.5 + steps / 2) * size,
        "units": region.unit,
        "metadata": {_SHOWN: _identity(region)},
    }


def _identity(region: Region) -> tuple[Any, ...]:
    """Tell regions apart: the same source and box can hold other pixels."""
    return region.source, region.box, region.pixels.shape, float(region.pixels.sum())


def _show_boxes(viewer: ViewerModel, part: Classification) -> None:
    image: Image = _image(part.regions[0])
    name = f"classes: {image.name}"
    boxes = [_corners(region, image.ndim) for region in part.regions]
    shapes = next(
        (s for s in viewer.layers if isinstance(s, Shapes) and s.metadata.get(_SHOWN) == name), None
    )
    if shapes is None:
        shapes = Shapes(
            boxes,
            shape_type="rectangle",
            name=name,
            face_color="transparent",
            edge_color="yellow",
            edge_width=max(max(part.regions[0].shape) / 150, 0.5),
            scale=image.scale,
            translate=image.translate,
            rotate=image.rotate,
            shear=image.shear,
            affine=image.affine,
            units=image.units,
            axis_labels=image.axis_labels,
            metadata={_SHOWN: name},
        )
        viewer.layers.append(shapes)
        write_classification(shapes, range(len(boxes)), part, replace_text=True)
        return
    indices = [_index_of(shapes, box) for box in boxes]
    write_classification(shapes, indices, part, replace_text=True)


def _index_of(shapes: Shapes, box: Any) -> int:
    """Place of a box among the shapes; it is added where it is not there yet."""
    for i, vertices in enumerate(shapes.data):
        if vertices.shape == box.shape and np.allclose(vertices, box, atol=1e-3):
            return i
    shapes.add_rectangles(box)
    return int(shapes.nshapes) - 1


def _corners(region: Region, ndim: int) -> Any:
    """Corners of a region's box in data coordinates of its layer, (4, ndim)."""
    placement = region.placement
    assert placement is not None
    y0, x0, y1, x1 = region.box
    corners = np.zeros((4, ndim))
    hidden = [axis for axis in range(ndim) if axis not in placement.axes]
    corners[:, hidden] = placement.plane
    corners[:, placement.axes[0]] = np.array([y0, y0, y1, y1]) - 0.5
    corners[:, placement.axes[1]] = np.array([x0, x1, x1, x0]) - 0.5
    return corners
