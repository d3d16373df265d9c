"""Structures in three dimensions as layers: a surface or a volume, of the right size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Surface

from ..structures.building import Structure
from ..structures.meshing import surface_of
from ..structures.render import Picture
from .region_view import unwrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ANGLES", "add_picture", "layer_of", "show_structure", "structures_in"]

METADATA_KEY = "micrograph_vlm_structure"
ANGLES = (-20.0, 0.0, 130.0)
"""Of the camera, so that top, front and one side are seen."""
_FIT = 0.75
"""By how much a turned block looks larger than one seen from the front."""
_APART = 0.08
"""Gap beside what is already there, as a share of the block's width."""


def show_structure(
    structure: Structure,
    viewer: Any = None,
    *,
    as_volume: bool = False,
    surface: tuple[NDArray[np.float32], NDArray[np.int32]] | None = None,
) -> Any:
    """Show a structure in three dimensions, beside what is already shown.

    Parameters
    ----------
    structure : Structure
        What to show.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        The current viewer, or a new one, by default.
    as_volume : bool
        Whether its voxels are shown as an Image layer, instead of its surface.
    surface : (vertices, faces), optional
        What :func:`~.meshing.surface_of` returned, where it is known already.

    Returns
    -------
    napari.Viewer
        The viewer that shows it.
    """
    if viewer is None:
        import napari

        viewer = napari.current_viewer() or napari.Viewer()
    viewer = unwrapped(viewer)
    layer = layer_of(structure, viewer, as_volume=as_volume, surface=surface)
    for other in structures_in(viewer):
        other.visible = False
    viewer.layers.append(layer)
    viewer.layers.selection.active = layer
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = ANGLES
    viewer.scene.camera.zoom *= _FIT
    return viewer


def structures_in(viewer: Any) -> list[Layer]:
    """Return the layers that show structures."""
    return [layer for layer in viewer.layers if METADATA_KEY in layer.metadata]


def layer_of(
    structure: Structure,
    viewer: Any,
    *,
    as_volume: bool = False,
    surface: tuple[NDArray[np.float32], NDArray[np.int32]] | None = None,
) -> Layer:
    """Return the layer that shows a structure beside what a viewer holds.

    Its first axis runs down from the top of the block, and the block stands on the plane of the
    pictures.
    """
    depth = structure.inside.shape[0]
    options = _placed(structure, viewer) | {
        "name": f"3-D: {structure.fields.of_kind.plural}",
        "metadata": {METADATA_KEY: structure.fields.to_dict()},
    }
    if as_volume:
        return Image(
            np.ascontiguousarray(structure.volume[::-1]).astype(
                np.float32
            ),  # whole numbers are drawn black
            colormap="gray",
            rendering="iso",
            iso_threshold=0.5,
            contrast_limits=(0, 1),
            **options,
        )
    vertices, faces = surface_of(structure) if surface is None else surface
    down = vertices.copy()
    down[:, 0] = depth - 1 - down[:, 0]
    # Mirrored, so each triangle is gone round the other way.
    return Surface(
        (down, faces[:, ::-1], vertices[:, 0] * np.float32(structure.voxel)),
        colormap="cividis",
        # The lowest is not black: it would not be told from the background.
        contrast_limits=(-structure.sides[0], structure.sides[0]),
        shading="smooth",
        **options,
    )


def add_picture(viewer: Any, structure: Structure, picture: Picture) -> Image:
    """Show a picture of a structure as an image layer beside all else."""
    viewer = unwrapped(viewer)
    chosen = viewer.layers.selection.active
    placed = _placed(structure, viewer, size=picture.pixel_size, beside_all=True)
    layer = Image(
        picture.image,
        name=f"picture: {structure.fields.of_kind.plural}",
        scale=placed["scale"][1:],
        translate=placed["translate"][1:],
        units=placed["units"],
        metadata={"source": "picture of a structure"},
    )
    viewer.layers.append(layer)
    if chosen is not None:
        # The micrograph stays the one that is asked about.
        viewer.layers.selection.active = chosen
    return layer


def _placed(
    structure: Structure, viewer: Any, size: float | None = None, *, beside_all: bool = False
) -> dict[str, Any]:
    """Return scale, units and place of a block to the right of all that is shown.

    ``beside_all``: of structures, too; else the one there was is at the same place.
    """
    step = structure.voxel if size is None else size
    unit = _unit(structure.fields.unit, viewer)
    depth, _, width = structure.sides
    y = x = step / 2
    shown = [layer for layer in viewer.layers if layer.ndim >= 2 and layer.visible]
    if not beside_all:
        shown = [one for one in shown if METADATA_KEY not in one.metadata]
    extents = [np.asarray(one.extent.world, float)[:, -2:] * _factor(one, unit) for one in shown]
    extents = [one for one in extents if np.isfinite(one).all()]
    if extents:
        y += min(one[0, 0] for one in extents)
        x += max(one[1, 1] for one in extents) + _APART * width
    return {
        "scale": (step, step, step),
        "translate": (-depth + step / 2, y, x),
        "units": unit,
    }


def _unit(unit: str, viewer: Any) -> str:
    """Return the unit that goes with the layers that are there; one of it stands for one ``unit``.

    Napari shows no layer at its size where some are in pixels and some in lengths.
    """
    for layer in viewer.layers:
        last = layer.units[-1]
        if last.is_compatible_with("m") != (unit != "pixel"):
            return str(last)
    return unit


def _factor(layer: Layer, unit: str) -> float:
    """Return how many of ``unit`` one unit of a layer is."""
    last = layer.units[-1]
    registry = last._REGISTRY
    try:
        return float(registry.Quantity(1, last).to(unit).magnitude)
    except Exception:  # pint raises several kinds for what does not go together
        return 1.0
