"""The closed surface of a structure, and files that printers and simulations read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrographError
from ..whole_files import check_folder, write_whole
from .fields import StructureError

if TYPE_CHECKING:
    import trimesh

    from .building import Structure

__all__ = ["FORMATS", "check_target", "mesh_of", "need_trimesh", "save_mesh", "surface_of"]

FORMATS = (".stl", ".obj")
VOLUME_WITHIN = 0.005
"""Relative difference of the volumes of surface and voxels at which the search ends."""
_ROUNDS = 6
_FARTHEST = 1.0
"""In voxels; the surface is shifted no farther."""
_NEAR = 1e-3
"""In voxels; a vertex closer to a voxel's centre than this would make needles."""


def need_trimesh() -> None:
    """Say in one sentence that trimesh is missing.

    Raises
    ------
    MicrographError
        If it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("trimesh") is None:
        raise MicrographError(
            "This needs trimesh; install it with: pip install napari-micrograph-vlm[structures]"
        )


def check_target(path: Path) -> None:
    """See that a mesh can be written there, before anything is computed.

    Raises
    ------
    StructureError
        If the ending is none of :data:`FORMATS`.
    SourceError
        If there is no such folder.
    MicrographError
        If trimesh is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise StructureError(f"A structure is saved as .stl or .obj, not as {path.name!r}.")
    need_trimesh()
    check_folder(path)


def surface_of(structure: Structure) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the closed surface in voxels; it encloses the volume of the solid voxels.

    What reaches the sides of the block is closed by flat faces there. Marching cubes cut corners,
    so that the level is searched at which the volume within the surface is the wanted one.

    Returns
    -------
    (N, 3) float32 array
        Vertices (z, y, x); a voxel's centre lies at whole numbers.
    (M, 3) int32 array
        Triangles, seen from outside counter-clockwise where (z, y, x) is right-handed.

    Raises
    ------
    StructureError
        If nothing of it is solid.
    """
    depth = np.pad(structure.inside / np.float32(structure.voxel), 1, constant_values=-0.5)
    wanted = structure.density * structure.inside.size
    if not wanted:
        raise StructureError("Nothing of the structure is solid; choose a higher density.")
    low, high, shift = -_FARTHEST, _FARTHEST, 0.0
    last: tuple[float, float] | None = None
    best: tuple[float, NDArray[np.float32], NDArray[np.int32]] | None = None
    for _ in range(_ROUNDS):
        found = _surface(depth, shift, structure.inside.shape)
        if found is None:  # all of it was cut away
            low = max(low, shift)
            shift = (low + high) / 2
            continue
        volume, area = _volume_and_area(*found)
        away = volume / wanted - 1
        if best is None or abs(away) < best[0]:
            best = (abs(away), *found)
        if abs(away) < VOLUME_WITHIN:
            break
        if away > 0:
            high = min(high, shift)
        else:
            low = max(low, shift)
        # The volume grows by about the area, or as it did from the last surface to this one;
        # between what is known where that leads too far.
        growth = area
        if last is not None and (volume - last[1]) * (shift - last[0]) > 0:
            growth = (volume - last[1]) / (shift - last[0])
        last = shift, volume
        shift -= (volume - wanted) / growth
        if not low < shift < high:
            shift = (low + high) / 2
    assert best is not None
    return best[1], best[2]


def _surface(
    inside: NDArray[np.float32], shift: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.int32]] | None:
    """Return the surface of what is deeper than minus ``shift`` voxels, closed at the sides."""
    from skimage.measure import marching_cubes

    depth = inside + np.float32(shift)
    for axis, count in enumerate(shape):
        # How deep a voxel lies below the nearest side; half a voxel outside it is empty.
        place = np.arange(count + 2, dtype=np.float32)
        wall = np.minimum(place, count + 1 - place) - np.float32(0.5)
        form = [1, 1, 1]
        form[axis] = -1
        np.minimum(depth, wall.reshape(form), out=depth)
    if not (depth > 0).any():
        return None
    near = np.abs(depth) < _NEAR
    depth[near] = np.where(depth[near] > 0, _NEAR, -_NEAR)
    vertices, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        depth, 0.0, gradient_direction="ascent"
    )
    return (vertices - 1).astype(np.float32), faces.astype(np.int32)


def _volume_and_area(
    vertices: NDArray[np.float32], faces: NDArray[np.int32]
) -> tuple[float, float]:
    """Return what a closed surface encloses, and how large it is."""
    one, two, three = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    normals = np.cross(two - one, three - one)
    volume = float(np.einsum("ij,ij->", one, normals)) / 6
    return abs(volume), float(np.linalg.norm(normals, axis=1).sum()) / 2


def mesh_of(structure: Structure) -> trimesh.Trimesh:
    """Return the closed surface as a trimesh: x, y and z in the unit of the fields.

    The picture's rows run downwards; y runs upwards here, as in all programs for solids, so that
    seen from above the mesh looks as the picture does.
    """
    need_trimesh()
    import trimesh

    vertices, faces = surface_of(structure)
    rows = structure.inside.shape[1]
    x, y, z = vertices[:, 2] + 0.5, rows - (vertices[:, 1] + 0.5), vertices[:, 0] + 0.5
    points = np.stack([x, y, z], 1).astype(np.float64) * structure.voxel
    # Not validated: that would turn closed pores inside out, as if each were a solid of its own.
    mesh = trimesh.Trimesh(points, faces, process=True)
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def save_mesh(structure: Structure, path: Path) -> Path:
    """Write the surface; the file is there whole or not at all.

    Neither format has units: one unit of the file is one ``fields.unit``, as the file's first
    line says.

    Parameters
    ----------
    structure : Structure
        What to write.
    path : Path
        Ends in ``.stl`` (binary) or ``.obj``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StructureError
        If the ending is another one, or nothing is solid.
    SourceError
        If the file cannot be written.
    """
    check_target(path)
    mesh = mesh_of(structure)
    title = f"1 = 1 {structure.fields.unit}; {structure.fields}"
    if path.suffix.lower() == ".stl":
        write_whole(path, _stl(mesh, title))
    else:
        text = str(mesh.export(file_type="obj", header=None, include_normals=False, digits=6))
        write_whole(path, f"# {title}\n{text}")
    return path


def _stl(mesh: trimesh.Trimesh, title: str) -> bytes:
    """Return a binary STL file with a title in its head, which is ASCII of 80 bytes."""
    from trimesh.exchange.stl import export_stl

    data: bytes = export_stl(mesh)
    plain = title.replace("µ", "u").replace("×", "x").encode("ascii", "replace")[:80]
    (count,) = struct.unpack("<I", data[80:84])
    assert count == len(mesh.faces)
    return plain.ljust(80, b" ") + data[80:]
