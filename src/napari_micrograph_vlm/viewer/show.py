"""Answers of scripts shown in a viewer, wherever their regions came from."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Shapes

from ..regions import Placement, Region
from ..results import Answer, Classification
from .features import write_classification
from .overlays import show_overlay

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["show_answer", "show_classification"]

_SHOWN = "micrograph_vlm_region"

_Result = TypeVar("_Result", Answer, Classification)


def show_answer(answer: Answer, viewer: ViewerModel | None = None) -> Any:
    """Show where the model looked.

    Parameters
    ----------
    answer : Answer
        Regions of a layer in the viewer are shown on it; pixels of other regions become a layer.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        The current viewer, or a new one, by default.

    Returns
    -------
    napari.Viewer
        The viewer that shows it.
    """
    viewer = _viewer(viewer)
    show_overlay(viewer, _placed(viewer, answer))
    return viewer


def show_classification(classification: Classification, viewer: ViewerModel | None = None) -> Any:
    """Show the regions as boxes with their classes, and where the model looked.

    Parameters and result are those of :func:`show_answer`.
    """
    viewer = _viewer(viewer)
    placed = _placed(viewer, classification)
    show_overlay(viewer, placed)
    by_image: dict[int, list[int]] = {}
    for row, region in enumerate(placed.regions):
        by_image.setdefault(id(_image(region)), []).append(row)
    for rows in by_image.values():
        part = replace(
            placed,
            regions=tuple(placed.regions[i] for i in rows),
            attention=tuple(placed.attention[i] for i in rows),
            probabilities=placed.probabilities[rows],
        )
        _show_boxes(viewer, part)
    return viewer


def _viewer(viewer: ViewerModel | None) -> Any:
    if viewer is not None:
        return viewer
    import napari

    return napari.current_viewer() or napari.Viewer()


def _placed(viewer: ViewerModel, result: _Result) -> _Result:
    """Return the result with every region placed on a layer of the viewer."""
    regions = []
    for region in result.regions:
        image = _image(region)
        if image is not None and image in viewer.layers:
            regions.append(region)
        else:
            regions.append(_on_own_layer(viewer, region))
    return replace(result, regions=tuple(regions))


def _image(region: Region) -> Any:
    placement = region.placement
    return None if placement is None or placement.layer is None else placement.layer()


def _on_own_layer(viewer: ViewerModel, region: Region) -> Region:
    """Show the pixels of a region of an array or file, and place the region on that layer."""
    image = next(
        (layer for layer in viewer.layers if layer.metadata.get(_SHOWN) == _identity(region)), None
    )
    if image is None:
        image = viewer.layers[viewer.layers.index(viewer.add_image(**_layer_arguments(region)))]
    height, width = region.pixels.shape[:2]
    outline = np.array([[0, 0], [0, width], [height, width], [height, 0]]) - 0.5
    placement = Placement((0, 1), (), outline, weakref.ref(image))
    return replace(region, box=(0, 0, height, width), placement=placement)


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
