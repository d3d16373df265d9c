"""From fields to voxels: the implicit function of a kind, cut at the level of the density."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled
from ..lengths import readable_length
from .fibres import fibre_field
from .fields import StructureError, StructureFields
from .foam import foam_field, sponge_field
from .grid import Floats, Grid
from .layers import film_field, layer_field
from .minimal_surfaces import minimal_field
from .pillars import pillar_field
from .spheres import sphere_field

if TYPE_CHECKING:
    import trimesh

__all__ = ["GENERATORS", "MOST_VOXELS", "Structure", "build", "shape_of"]

MOST_VOXELS = 64_000_000
"""What fits in the memory of an ordinary computer, with what is needed on the way."""
WELL_BUILT = 16_000_000
"""Voxels up to which a finer grid is worth its time."""
USUAL_SIDE = 224
LEAST_SIDE = 128
LEAST_ACROSS = 2.0
"""Voxels across an element; a thinner one would fall apart."""
GOOD_ACROSS = 4.0
"""Voxels across an element where there is room for them: its surface is round then."""
MOST_ACROSS = 4.0
"""Widths of the block that an element or a period may be long: a part of it can be built."""

GENERATORS: dict[str, Callable[[StructureFields, Grid, np.random.Generator], Floats]] = {
    "fibres": fibre_field,
    "spheres": sphere_field,
    "gyroid": minimal_field,
    "schwarz p": minimal_field,
    "schwarz d": minimal_field,
    "sponge": sponge_field,
    "foam": foam_field,
    "layers": layer_field,
    "film": film_field,
    "lines": layer_field,
    "pillars": pillar_field,
    "holes": pillar_field,
    "tips": pillar_field,
}
"""Kind -> what returns its implicit function, larger inside than outside."""


@dataclass(frozen=True, eq=False)
class Structure:
    """A structure made of voxels.

    Attributes
    ----------
    fields : StructureFields
        What was wanted.
    inside : (z, y, x) float32 array
        How deep each voxel lies in the solid, about in the unit; negative outside.
    voxel : float
        Side of a voxel in ``fields.unit``.
    seed : int
        The same fields, shape and seed give the same structure.
    """

    fields: StructureFields
    inside: Floats
    voxel: float
    seed: int

    @cached_property
    def volume(self) -> NDArray[np.bool_]:
        """What is solid, (z, y, x) bool; z grows upwards, towards who looks at it."""
        solid: NDArray[np.bool_] = self.inside > 0
        return solid

    @cached_property
    def density(self) -> float:
        """Share of the block that is solid, counted."""
        return float(self.volume.mean())

    @property
    def sides(self) -> tuple[float, float, float]:
        """Depth, height and width of the block in ``fields.unit``."""
        depth, height, width = (n * self.voxel for n in self.inside.shape)
        return depth, height, width

    def __repr__(self) -> str:
        return f"Structure({self.fields}, {self.inside.shape} voxels, seed {self.seed})"

    def on_plate(self, thickness: float) -> Structure:
        """Return it on a plate, which holds together what stands apart.

        Parameters
        ----------
        thickness : float
            Of the plate, in ``fields.unit``.

        Raises
        ------
        StructureError
            If it is no length above 0, or the whole would be too large.
        """
        depth, rows, columns = self.inside.shape
        if not (np.isfinite(thickness) and thickness > 0):
            raise StructureError(f"The plate is {thickness:g} thick; give a length above 0.")
        most = (MOST_VOXELS // (rows * columns) - depth) * self.voxel
        if thickness > most:
            raise StructureError(
                f"A plate of {readable_length(thickness, unit=self.fields.unit)} is too thick for "
                f"{MOST_VOXELS:,} voxels; choose at most "
                f"{readable_length(most, unit=self.fields.unit)}."
            )
        count = max(round(thickness / self.voxel), 1)
        plate = np.full((count, rows, columns), self.fields.size / 2, np.float32)
        return Structure(self.fields, np.concatenate([plate, self.inside]), self.voxel, self.seed)

    def mesh(self) -> trimesh.Trimesh:
        """Return the closed surface as a trimesh, vertices (x, y, z) in ``fields.unit``."""
        from .meshing import mesh_of

        return mesh_of(self)

    def save(self, path: str | Path) -> Path:
        """Write the surface as ``.stl`` or ``.obj``; see :func:`~.meshing.save_mesh`."""
        from .meshing import save_mesh

        return save_mesh(self, Path(path))

    def picture(self, **options: Any) -> Any:
        """Return it as a microscope would show it; see :func:`~.render.render`."""
        from .render import render

        return render(self, **options)

    def show(self, viewer: Any = None, *, as_volume: bool = False) -> Any:
        """Show it in napari, as a surface or a volume; see :func:`~.viewer.show_structure`."""
        from .._window import window

        return window().show_structure(self, viewer, as_volume=as_volume)


def build(
    fields: StructureFields,
    shape: Sequence[int] | None = None,
    seed: int = 0,
    *,
    cancel: Event | None = None,
) -> Structure:
    """Make a structure; its solid share is that of the fields, to a voxel.

    Parameters
    ----------
    fields : StructureFields
        What to make.
    shape : (int, int, int), optional
        Voxels along z, y and x; x is ``fields.width``, and voxels are cubes. By default as many
        as the elements need, and as deep as ``fields.depth``.
    seed : int
        Of what is random in it.
    cancel : threading.Event, optional
        Once set, it stops before the next step.

    Returns
    -------
    Structure

    Raises
    ------
    StructureError
        If it would be too large, or its elements too thin for the voxels.
    Cancelled
        If ``cancel`` was set.
    """
    z, y, x = shape_of(fields) if shape is None else (int(n) for n in shape)
    if min(z, y, x) < 2:
        raise StructureError("A structure has at least 2 voxels along each axis; give more.")
    if z * y * x > MOST_VOXELS:
        raise StructureError(
            f"{z} × {y} × {x} voxels are more than the {MOST_VOXELS:,} that can be built; choose "
            "a smaller block, or fewer voxels."
        )
    for name in ("size", "spacing"):
        length = getattr(fields, name)
        if length > MOST_ACROSS * fields.width:
            raise StructureError(
                f"A {name} of {readable_length(length, unit=fields.unit)} does not fit a block "
                f"{readable_length(fields.width, unit=fields.unit)} wide; choose a wider block."
            )
    grid = Grid((z, y, x), fields.width / x)
    thin = min(fields.size, _gap(fields)) if fields.kind in ("lines", "layers") else fields.size
    if thin < LEAST_ACROSS * grid.voxel:
        needed = int(np.ceil(LEAST_ACROSS * fields.width / thin))
        raise StructureError(
            f"The {fields.of_kind.size_name} is {thin / grid.voxel:.2g} voxels; choose "
            f"a narrower block or a thicker {fields.of_kind.size_name}, or take at least "
            f"{needed} voxels across."
        )
    field = GENERATORS[fields.kind](fields, grid, np.random.default_rng([seed, 73]))
    if cancel is not None and cancel.is_set():
        raise Cancelled
    field = np.ascontiguousarray(field, np.float32)
    field -= _level(field, fields.density)
    return Structure(fields, field, grid.voxel, seed)


def shape_of(fields: StructureFields) -> tuple[int, int, int]:
    """Return how many voxels fields need: six across an element where that is not too many.

    Else four, and where even these would be more than can be built, as many as can, but two.
    """
    least = 0.0 if fields.kind in ("lines", "layers") else 0.2 * fields.size
    thin = min(fields.size, max(_gap(fields), least))
    side = float(np.clip(6 * fields.width / thin, LEAST_SIDE, USUAL_SIDE))
    most = (WELL_BUILT * fields.width / fields.depth) ** (1 / 3)
    side = max(side, min(GOOD_ACROSS * fields.width / thin, most))
    side = int(np.ceil(max(side, LEAST_ACROSS * fields.width / thin)))
    depth = max(round(fields.depth / fields.width * side), 4)
    return depth, side, side


def _gap(fields: StructureFields) -> float:
    """Return what is between neighbours; of layers that touch, a hair's breadth."""
    return max(fields.spacing - fields.size, 1e-6 * fields.spacing)


def _level(field: Floats, density: float) -> np.float32:
    """Return the value above which the share ``density`` of the voxels lies."""
    flat = field.ravel()
    place = int(np.clip(round((1 - density) * flat.size), 1, flat.size - 1))
    parts = np.partition(flat, (place - 1, place))
    # Between two voxels, so that none lies on it.
    return np.float32((float(parts[place - 1]) + float(parts[place])) / 2)
