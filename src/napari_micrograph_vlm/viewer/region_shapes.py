"""Drawn shapes: their outlines on an image, and names by which to find them again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..regions import Cutout
from .region_view import ViewState
from .region_window import ImageSnapshot, Inside
from .transforms import Floats, PlaneTransform

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = [
    "ShapeSnapshot",
    "ShapesSnapshot",
    "is_aligned",
    "near_path",
    "shape_index",
    "shape_indices",
    "shape_number",
]

_ALIGNED = 0.01
"""A side that leans by less than this many pixels is straight."""


@dataclass(frozen=True, eq=False)
class ShapeSnapshot:
    """One drawn shape: its place in the layer, kind, vertices (N, ndim) and name."""

    index: int
    kind: str
    vertices: Floats
    shape_id: str

    def outline(self, points: int = 96) -> Floats:
        """Return the outline, (N, ndim); an ellipse is kept by napari as the box around it."""
        if self.kind != "ellipse":
            return self.vertices
        centre = self.vertices.mean(axis=0)
        first = (self.vertices[1] - self.vertices[0]) / 2
        second = (self.vertices[2] - self.vertices[1]) / 2
        angle = np.linspace(0, 2 * np.pi, points, endpoint=False)[:, None]
        return np.asarray(centre + np.cos(angle) * first + np.sin(angle) * second, float)


@dataclass(frozen=True, eq=False)
class ShapesSnapshot:
    """Some shapes of a layer with the layer's transform."""

    shapes: tuple[ShapeSnapshot, ...]
    transform: PlaneTransform

    @classmethod
    def of(cls, layer: Shapes, indices: Iterable[int], view: ViewState) -> ShapesSnapshot:
        """Take the snapshot of the shapes at ``indices``; vertices are copied."""
        data, kinds = layer.data, layer.shape_type
        return cls(
            tuple(
                ShapeSnapshot(
                    i, str(kinds[i]), np.array(data[i], float), _shape_id(layer, i, data[i])
                )
                for i in indices
            ),
            PlaneTransform.of(layer, view),
        )

    def cutouts(self, image: ImageSnapshot, margin: float, longest: int) -> list[Cutout]:
        """Return one cutout for each shape (in any thread).

        Raises
        ------
        RegionError
            If a shape lies outside the image or in several slices; says which.
        """
        cutouts = []
        for shape in self.shapes:
            try:
                cutouts.append(self._cutout(shape, image, margin, longest))
            except RegionError as error:
                if len(self.shapes) == 1:
                    raise
                raise RegionError(f"Shape {shape.index}: {error}") from error
        return cutouts

    def _cutout(
        self, shape: ShapeSnapshot, image: ImageSnapshot, margin: float, longest: int
    ) -> Cutout:
        vertices = shape.outline()
        drawn = self.transform
        world = np.repeat(image.point[None], len(vertices), axis=0)
        # A shape with own hidden axes lies in its own slice, not in the one shown now.
        hidden = list(drawn.hidden)
        world[:, list(drawn.hidden_world)] = drawn.hidden_to_world(vertices[:, hidden])
        plane = image.plane_at(world)
        outline = image.transform.from_canvas(drawn.to_canvas(vertices[:, list(drawn.axes)]))
        inside: Inside | None = None
        bounds = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
        if shape.kind in ("line", "path"):
            bounds += [-margin, -margin, margin, margin]
            inside = near_path(outline, margin)
        return image.cutout(
            bounds.tolist(),
            outline,
            plane=plane,
            masked=inside is None and not is_aligned(outline),
            inside=inside,
            shape_id=shape.shape_id,
            longest=longest,
        )


def is_aligned(outline: Floats) -> bool:
    """Whether four vertices, (4, 2), are a rectangle along rows and columns."""
    if len(outline) != 4:
        return False
    sides = np.abs(np.roll(outline, -1, axis=0) - outline)
    straight = sides < _ALIGNED
    # Sides must take turns, else a folded line would pass for a rectangle.
    return bool(
        (straight[0::2, 0].all() and straight[1::2, 1].all())
        or (straight[0::2, 1].all() and straight[1::2, 0].all())
    )


def near_path(vertices: Floats, margin: float) -> Inside:
    """Return the test for being within ``margin`` pixels of a polyline, (N, 2)."""

    def inside(rows: Floats, columns: Floats) -> NDArray[np.bool_]:
        mask = np.zeros((len(rows), len(columns)), bool)
        for start, stop in pairwise(vertices):
            low = np.minimum(start, stop) - margin
            high = np.maximum(start, stop) + margin
            # Only the window around this piece: a long path on a large grid stays cheap.
            y0, x0 = np.searchsorted(rows, low[0]), np.searchsorted(columns, low[1])
            y1 = np.searchsorted(rows, high[0], side="right")
            x1 = np.searchsorted(columns, high[1], side="right")
            along = stop - start
            square = max(float(along @ along), 1e-12)
            dy = rows[y0:y1, None] - start[0]
            dx = columns[None, x0:x1] - start[1]
            share = np.clip((dy * along[0] + dx * along[1]) / square, 0, 1)
            distance = (dy - share * along[0]) ** 2 + (dx - share * along[1]) ** 2
            mask[y0:y1, x0:x1] |= distance <= margin**2
        return mask

    return inside


def shape_index(layer: Shapes, shape_id: str | None) -> int | None:
    """Find a shape again that a region came from.

    Parameters
    ----------
    layer : napari.layers.Shapes
        Where it was drawn; shapes may have been added or removed since.
    shape_id : str or None
        ``region.placement.shape_id``.

    Returns
    -------
    int or None
        Its index now; None where it was removed, moved or drawn on another layer.
    """
    return shape_indices(layer, [shape_id])[0]


def shape_indices(layer: Shapes, shape_ids: Sequence[str | None]) -> list[int | None]:
    """Find many shapes again, looking at each shape once (see :func:`shape_index`)."""
    wanted = [_index_and_digest(layer, one) for one in shape_ids]
    if not any(wanted):
        return [None] * len(wanted)
    digests = [_digest(vertices) for vertices in layer.data]
    first: dict[str, int] = {}
    for i, digest in enumerate(digests):
        first.setdefault(digest, i)
    found: list[int | None] = []
    for one in wanted:
        if one is None:
            found.append(None)
            continue
        index, digest = one
        # Of equal shapes the one at its old place.
        stayed = index < len(digests) and digests[index] == digest
        found.append(index if stayed else first.get(digest))
    return found


def shape_number(shape_id: str | None) -> int | None:
    """Return the number, as napari counts, that a shape had when it was looked at."""
    kind, _, index = ((shape_id or "").split(":") + [""] * 3)[:3]
    return int(index) if kind == "shape" else None


def _index_and_digest(layer: Shapes, shape_id: str | None) -> tuple[int, str] | None:
    """Take a name apart; None where it is that of no shape of this layer."""
    kind, layer_id, index, digest = ((shape_id or "").split(":") + [""] * 4)[:4]
    if kind != "shape" or layer_id != str(layer.unique_id):
        return None
    return int(index), digest


def _shape_id(layer: Shapes, index: int, vertices: Any) -> str:
    return f"shape:{layer.unique_id}:{index}:{_digest(vertices)}"


def _digest(vertices: Any) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(vertices, np.float64).tobytes()):08x}"
