"""Kept results put back on their image: regions found again among the shapes, or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Labels, Shapes

from ..regions import Placement, Region
from ..reporting.late_regions import LateRegion
from ..results import Answer, Classification
from .features import write_classification
from .region_shapes import ShapesSnapshot, is_aligned, shape_indices
from .region_view import ViewState

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from .transforms import Floats

__all__ = ["put_back", "write_kept_classes"]

_DRAWN = "micrograph_vlm_kept"

_Result = TypeVar("_Result", Answer, Classification)


def put_back(
    viewer: Viewer, image: Image, results: Sequence[Answer | Classification]
) -> list[Answer | Classification]:
    """Attach the regions of kept results to what is drawn in the viewer now.

    Shapes that are there are found by their vertices; others are drawn on a layer of their own.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the image is.
    image : napari.layers.Image
        What the results are about; their regions' placements name it already.
    results : sequence of Answer or Classification
        What was kept.

    Returns
    -------
    list of Answer or Classification
        The same with regions that name shapes of this viewer.
    """
    return [*_Places(viewer, image).of_all(results)]


class _Places:
    def __init__(self, viewer: Viewer, image: Image) -> None:
        self._viewer = viewer
        self._image = image
        layers = [layer for layer in viewer.layers if isinstance(layer, Shapes)]
        self._found: dict[str, str] = {}
        for layer in layers:
            for name in _names_of(viewer, layer):
                self._found.setdefault(name.rpartition(":")[2], name)
        self._labels = [layer for layer in viewer.layers if isinstance(layer, Labels)]

    def of_all(self, results: Sequence[Answer | Classification]) -> list[Answer | Classification]:
        regions = [region for result in results for region in result.regions]
        names = self._names(regions)
        put: list[Answer | Classification] = []
        for result in results:
            moved = tuple(_named(region, next(names)) for region in result.regions)
            put.append(replace(result, regions=moved))
        return put

    def _names(self, regions: Sequence[Region]) -> Any:
        """Yield what each region is called now, having drawn what is missing."""
        missing: dict[str, Region] = {}
        for region in regions:
            old = _name(region)
            if old.startswith("shape:") and old.rpartition(":")[2] not in self._found:
                missing.setdefault(old, region)
        drawn = self._draw(list(missing.values()))
        now = dict(zip(missing, drawn, strict=True))
        for region in regions:
            old = _name(region)
            kind, _, rest = old.partition(":")
            if kind == "shape":
                yield now.get(old) or self._found[old.rpartition(":")[2]]
            elif kind == "label" and len(self._labels) == 1:
                yield f"label:{self._labels[0].unique_id}:{rest.partition(':')[2]}"
            else:
                yield old or None

    def _draw(self, regions: Sequence[Region]) -> list[str]:
        """Draw regions on the layer for them, each once; return their names."""
        if not regions:
            return []
        viewer, image = self._viewer, self._image
        layer = next((one for one in viewer.layers if _is_ours(one, image)), None)
        if layer is None:
            layer = _new_layer(image, regions)
            active = viewer.layers.selection.active
            viewer.layers.append(layer)
            if active is not None:
                viewer.layers.selection.active = active
        places = []
        new: list[Floats] = []
        kinds: list[str] = []
        there = [np.asarray(vertices) for vertices in layer.data]
        for region in regions:
            vertices, kind = _vertices(region, image.ndim)
            same = [
                i
                for i, other in enumerate(there)
                if other.shape == vertices.shape and np.allclose(other, vertices, atol=1e-3)
            ]
            if same:
                places.append(same[0])
                continue
            places.append(len(there))
            there.append(vertices)
            new.append(vertices)
            kinds.append(kind)
        if new:
            layer.add(new, shape_type=kinds)
        names = _names_of(viewer, layer)
        return [names[place] for place in places]


def write_kept_classes(viewer: Viewer, classification: Classification) -> None:
    """Write kept classes to the shapes that they were given to."""
    ids = [_name(region) for region in classification.regions]
    for layer in list(viewer.layers):
        if not isinstance(layer, Shapes):
            continue
        found = shape_indices(layer, ids)
        rows = [row for row, index in enumerate(found) if index is not None]
        if rows:
            part = replace(
                classification,
                regions=tuple(classification.regions[row] for row in rows),
                attention=tuple(classification.attention[row] for row in rows),
                probabilities=classification.probabilities[rows],
            )
            places = [index for index in found if index is not None]
            write_classification(layer, places, part, replace_text=False)


def _name(region: Region) -> str:
    return (region.placement.shape_id if region.placement is not None else None) or ""


def _named(region: Region, name: str | None) -> Region:
    """Return a region under another name; its pixels stay unread."""
    if region.placement is None:
        return region
    kept = {
        each.name: getattr(region, each.name) for each in fields(region) if each.name != "pixels"
    }
    placement = replace(region.placement, shape_id=name)
    return LateRegion.of(lambda _: region.pixels, **{**kept, "placement": placement})


def _names_of(viewer: Viewer, layer: Shapes) -> list[str]:
    shapes = ShapesSnapshot.of(layer, range(layer.nshapes), ViewState.of(viewer)).shapes
    return [shape.shape_id for shape in shapes]


def _is_ours(layer: Any, image: Image) -> bool:
    return isinstance(layer, Shapes) and layer.metadata.get(_DRAWN) == str(image.unique_id)


def _new_layer(image: Image, regions: Sequence[Region]) -> Shapes:
    return Shapes(
        ndim=image.ndim,
        name=f"regions of {image.name}",
        face_color="transparent",
        edge_color="yellow",
        edge_width=max(max(regions[0].shape) / 100, 0.5),
        scale=image.scale,
        translate=image.translate,
        rotate=image.rotate,
        shear=image.shear,
        affine=image.affine,
        units=image.units,
        axis_labels=image.axis_labels,
        metadata={_DRAWN: str(image.unique_id)},
    )


def _vertices(region: Region, ndim: int) -> tuple[Floats, str]:
    """Return what to draw, (N, ndim) in data coordinates of the image, and its kind."""
    place: Placement | None = region.placement
    assert place is not None
    outline = np.asarray(place.outline, float)
    points = np.zeros((len(outline), ndim))
    hidden = [axis for axis in range(ndim) if axis not in place.axes]
    points[:, hidden] = place.plane
    points[:, list(place.axes)] = outline
    # Of a line the pixels on both sides belong to the region, so its box is wider than what was
    # drawn.
    low, high = outline.min(axis=0) + 0.5, outline.max(axis=0) + 0.5
    beyond = max(*(low - region.box[:2]), *(region.box[2:] - high))
    if (region.mask is not None and beyond > 1) or len(points) < 3:
        return points, "line" if len(points) == 2 else "path"
    return points, "rectangle" if is_aligned(outline) else "polygon"
