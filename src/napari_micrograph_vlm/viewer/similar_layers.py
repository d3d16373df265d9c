"""Layers that show candidates and how alike every place is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pandas as pd
from napari.layers import Image, Shapes

from ..finding.candidates import Candidate
from ..regions import Box, Placement, Region
from .geometry import overlay_kwargs
from .overlay_identity import METADATA_KEY, picture_metadata
from .overlay_layer import data_on
from .overlay_picture import fading_colormap
from .overlays import insert_above, overlay_named, selection_kept
from .preferences import Preferences
from .region_view import ViewState
from .region_window import data_kept
from .transforms import Floats, PlaneTransform

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = [
    "ACCEPTED",
    "NAME",
    "PROPOSED",
    "REJECTED",
    "Row",
    "add_candidates",
    "corners_of",
    "look_at",
    "map_shown",
    "mark_current",
    "move_with",
    "placement_on",
    "show_map",
    "write_verdicts",
]

NAME = "More like this"
MAP_NAME = "similarity"

PROPOSED, ACCEPTED, REJECTED = "proposed", "accepted", "rejected"

COLOURS = {PROPOSED: "#56b4e9", ACCEPTED: "#f0e442", REJECTED: "#999999"}
CURRENT = "#d55e00"
"""Of the candidate that is looked at; Okabe and Ito's: told apart by everyone."""

_THICKER = 2.5
"""How much thicker the edge of the current candidate is."""

TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units")

_VIEWS = (2.5, 16.0)
"""The view is left as it is where it shows between so many candidates' sizes."""
_SHOWN = 6.0


@dataclass
class Row:
    """A candidate and what the user said of it."""

    candidate: Candidate
    verdict: str = PROPOSED
    name: str = ""


def add_candidates(
    viewer: Viewer, image: Image, axes: tuple[int, int], rows: Sequence[tuple[int, Row]]
) -> Shapes:
    """Add a Shapes layer that lies exactly on an image, above everything.

    Parameters
    ----------
    axes : (int, int)
        The data axes of the image that are a candidate's rows and columns.
    rows : sequence of (int, Row)
        Candidates with their ranks, from 1.
    """
    corners = [
        corners_of(row.candidate.box, row.candidate.field.plane, axes, image.ndim)
        for _, row in rows
    ]
    size = max((c[2] - c[0] for c in (row.candidate.box for _, row in rows)), default=60)
    layer = Shapes(
        corners or None,
        ndim=image.ndim,
        shape_type="rectangle",
        name=NAME,
        face_color="transparent",
        edge_color=[COLOURS[row.verdict] for _, row in rows] or COLOURS[PROPOSED],
        edge_width=max(size / 25, 0.5),
        features=_features(rows),
        opacity=1.0,
        axis_labels=image.axis_labels,
        **{name: getattr(image, name) for name in TRANSFORM},
    )
    with selection_kept(viewer):
        viewer.layers.append(layer)
    layer.metadata["edge_width"] = max(size / 25, 0.5)
    layer.feature_defaults = {"rank": 0, "similarity": np.nan, "verdict": "", "class": ""}
    return layer


def write_verdicts(layer: Shapes, rows: Sequence[tuple[int, Row]]) -> None:
    """Write verdicts and classes to the shapes that are still there, by their ranks."""
    known = dict(rows)
    table = layer.features.copy()
    if "rank" not in table:
        return
    colours = np.array(layer.edge_color)
    before = colours.copy()
    for i, rank in enumerate(table["rank"]):
        row = known.get(int(rank))
        if row is not None:
            table.loc[table.index[i], ["verdict", "class"]] = [row.verdict, row.name]
            colours[i] = _rgba(COLOURS[row.verdict])
    defaults = layer.feature_defaults.copy()
    layer.features = table
    layer.feature_defaults = {name: defaults[name].iloc[0] for name in defaults}
    if not np.array_equal(colours, before):
        layer.edge_color = colours


def mark_current(layer: Shapes, current: int, rows: Sequence[Row]) -> None:
    """Show the candidate of a rank (from 1) with a thick edge and a colour of its own."""
    if "rank" not in layer.features or not layer.nshapes:
        return
    colours, widths = np.array(layer.edge_color), list(layer.edge_width)
    thin = float(layer.metadata.get("edge_width", min(widths)))
    before = colours.copy(), list(widths)
    for i, rank in enumerate(layer.features["rank"]):
        if not 1 <= int(rank) <= len(rows):
            continue  # drawn by the user
        chosen = int(rank) == current
        colours[i] = _rgba(CURRENT if chosen else COLOURS[rows[int(rank) - 1].verdict])
        widths[i] = _THICKER * thin if chosen else thin
    if not np.array_equal(colours, before[0]):
        layer.edge_color = colours
    if widths != before[1]:
        layer.edge_width = widths


def corners_of(box: Box, plane: tuple[int, ...], axes: tuple[int, int], ndim: int) -> Floats:
    """Return the corners of a box of a plane in data coordinates of its layer, (4, ndim)."""
    y0, x0, y1, x1 = box
    corners = np.zeros((4, ndim))
    corners[:, [axis for axis in range(ndim) if axis not in axes]] = plane
    corners[:, axes[0]] = np.array([y0, y0, y1, y1]) - 0.5
    corners[:, axes[1]] = np.array([x0, x1, x1, x0]) - 0.5
    return corners


def move_with(image: Image, layer: Shapes) -> None:
    """Bring a layer of candidates back onto its image."""
    for name in TRANSFORM:
        value = getattr(image, name)
        if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
            setattr(layer, name, value)


def show_map(
    viewer: Viewer,
    image: Image,
    placement: Placement,
    picture: Any,
    shape: tuple[int, int],
    look: Preferences,
) -> Image:
    """Show a similarity map over a plane of an image, in place of the one shown before.

    Parameters
    ----------
    placement : Placement
        Plane and axes of the map.
    picture : (h, w) float32 array
        Values from 0 to 1 that cover the plane exactly.
    shape : (int, int)
        Rows and columns of the plane in level-0 pixels.
    """
    old = map_shown(viewer, image)
    if old is not None:
        viewer.layers.remove(old)
    box = (0, 0, *shape)
    region = Region(np.zeros((1, 1), np.float32), box, placement=placement)
    place = overlay_kwargs(image, placement, box, picture.shape)
    layer = Image(
        data_on(picture, placement, image.ndim),
        name=MAP_NAME,
        colormap=fading_colormap(look.colormap),
        contrast_limits=(0.0, 1.0),
        opacity=look.opacity,
        blending="translucent",
        interpolation2d="linear",
        metadata={METADATA_KEY: picture_metadata(MAP_NAME, image, region, NAME)},
        **place,
    )
    insert_above(viewer, layer, image, region)
    return layer


def map_shown(viewer: Viewer, image: Image) -> Image | None:
    """Return the similarity map that lies on an image, if there is one."""
    return overlay_named(viewer, f"{MAP_NAME}|{image.unique_id}")


def placement_on(
    image: Image, axes: tuple[int, int], plane: tuple[int, ...], box: Box, kind: str
) -> Placement:
    """Return where a box of a plane lies on an image."""
    outline = corners_of(box, plane, axes, image.ndim)[:, list(axes)]
    return Placement(axes, plane, outline, ref(image), kind, **data_kept(image))


def look_at(viewer: Viewer, image: Image, box: Box) -> None:
    """Move the camera to a box; zoom only where the box would be a dot or fill the view."""
    y0, x0, y1, x1 = box
    corners = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5
    points = PlaneTransform.of(image, ViewState.of(viewer)).to_canvas(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    camera = viewer.scene.camera
    size = np.asarray(viewer.canvas.viewbox_size(viewer.layers), float)
    shown = float((size / camera.zoom / np.maximum(high - low, 1e-12)).min())
    camera.center = (*camera.center[:-2], *((low + high) / 2).tolist())
    if not _VIEWS[0] <= shown <= _VIEWS[1]:
        camera.zoom = float((size / np.maximum(_SHOWN * (high - low), 1e-12)).min())


def _features(rows: Sequence[tuple[int, Row]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": np.array([rank for rank, _ in rows], int),
            "similarity": np.array([row.candidate.similarity for _, row in rows], float),
            "verdict": pd.Series([row.verdict for _, row in rows], dtype=object),
            "class": pd.Series([row.name for _, row in rows], dtype=object),
        }
    )


def _rgba(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]
