"""How a layer's data, the viewer's axes and the picture on the canvas belong together.

napari shows a layer as ``affine * (rotate * shear * scale * data + translate)``, brought to the
units that all layers share and cut by the hidden axes. Everything here is a snapshot in numbers:
made in the GUI thread, used in any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from ..errors import RegionError
from .region_view import ViewState

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["PlaneTransform", "local_matrix", "pixel_size_of", "unit_factor"]

Floats = NDArray[np.float64]

_MIXING = 1e-6
"""Largest share of a hidden axis in a displayed one that counts as rounding."""


def unit_factor(source: Any, target: Any) -> float:
    """Return how many ``target`` units one ``source`` unit is; 1 where they cannot be compared.

    Parameters
    ----------
    source, target : pint.Unit
        Units of a layer axis and of the viewer's axis.
    """
    if source == target or source.dimensionality != target.dimensionality:
        return 1.0
    return float((1 * source).to(target).magnitude)


def local_matrix(layer: Layer) -> Floats:
    """Return ``rotate @ shear @ diag(scale)`` of a layer, (ndim, ndim)."""
    transform = Affine(
        scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=layer.shear
    )
    return np.asarray(transform.linear_matrix, float)


def pixel_size_of(layer: Layer, axes: tuple[int, int]) -> tuple[tuple[float, float] | None, str]:
    """Return the size of a data pixel along two axes and its unit.

    Returns
    -------
    size : (float, float) or None
        Length of a step along each axis; None where the layer has no unit of length.
    unit : str
        Short text such as ``"nm"`` or ``"µm"``; ``"pixel"`` where ``size`` is None.
    """
    rows, columns = (layer.units[axis] for axis in axes)
    if not (rows.is_compatible_with("m") and columns.is_compatible_with("m")):
        return None, "pixel"
    matrix = (np.asarray(layer.affine.linear_matrix) @ local_matrix(layer))[np.ix_(axes, axes)]
    matrix = matrix * [[1.0], [unit_factor(columns, rows)]]
    height, width = np.linalg.norm(matrix, axis=0)
    return (float(height), float(width)), f"{rows:~}"


@dataclass(frozen=True, eq=False)
class PlaneTransform:
    """Where the displayed plane of one layer lies.

    Attributes
    ----------
    axes : (int, int)
        Data axes displayed as rows and as columns.
    hidden : tuple of int
        All other data axes, ascending.
    matrix, offset : (2, 2) and (2,) float arrays
        From data coordinates of ``axes`` to canvas coordinates (row, column in world units).
    hidden_matrix, hidden_offset : (h, h) and (h,) float arrays
        From data coordinates of ``hidden`` to world coordinates.
    hidden_world : tuple of int
        The viewer's axes that belong to ``hidden``.
    """

    axes: tuple[int, int]
    hidden: tuple[int, ...]
    matrix: Floats
    offset: Floats
    hidden_matrix: Floats
    hidden_offset: Floats
    hidden_world: tuple[int, ...]

    @classmethod
    def of(cls, layer: Layer, view: ViewState) -> PlaneTransform:
        """Take the snapshot.

        Raises
        ------
        RegionError
            If the layer's transform mixes displayed and hidden axes: what napari shows is then
            no plane of the data.
        """
        axes = view.displayed_axes(layer.ndim)
        hidden = tuple(axis for axis in range(layer.ndim) if axis not in axes)
        shift = view.ndim - layer.ndim
        factors = np.ones(layer.ndim)
        if view.units is not None:
            factors[:] = [
                unit_factor(unit, view.units[axis + shift]) for axis, unit in enumerate(layer.units)
            ]
        outer = np.asarray(layer.affine.linear_matrix, float)
        linear = outer @ local_matrix(layer) * factors[:, None]
        translate = (outer @ layer.translate + layer.affine.translate) * factors
        if hidden:
            _refuse_mixing(linear, axes, hidden, layer.name)
        return cls(
            axes,
            hidden,
            linear[np.ix_(axes, axes)],
            translate[list(axes)],
            linear[np.ix_(hidden, hidden)],
            translate[list(hidden)],
            tuple(axis + shift for axis in hidden),
        )

    def to_canvas(self, points: NDArray[Any]) -> Floats:
        """Bring (N, 2) data coordinates of ``axes`` to the canvas."""
        return np.asarray(points @ self.matrix.T + self.offset, float)

    def from_canvas(self, points: NDArray[Any]) -> Floats:
        """Bring (N, 2) canvas coordinates to data coordinates of ``axes``."""
        return np.asarray(np.linalg.solve(self.matrix, (points - self.offset).T).T, float)

    def hidden_to_world(self, points: NDArray[Any]) -> Floats:
        """Bring (N, h) data coordinates of ``hidden`` to the viewer's ``hidden_world`` axes."""
        return np.asarray(points @ self.hidden_matrix.T + self.hidden_offset, float)

    def planes_at(self, world: NDArray[Any]) -> NDArray[np.int64]:
        """Return the slices that hold world points.

        Parameters
        ----------
        world : (N, viewer ndim) array
            Points in world coordinates; only ``hidden_world`` matters.

        Returns
        -------
        (N, h) int array
            Index on each hidden data axis, rounded as napari does; may lie outside the data.
        """
        if not self.hidden:
            return np.zeros((len(world), 0), np.int64)
        points = world[:, list(self.hidden_world)] - self.hidden_offset
        return np.round(np.linalg.solve(self.hidden_matrix, points.T).T).astype(np.int64)


def _refuse_mixing(linear: Floats, axes: Sequence[int], hidden: Sequence[int], name: str) -> None:
    across = np.abs(linear[np.ix_(axes, hidden)]).max(), np.abs(linear[np.ix_(hidden, axes)]).max()
    if max(across) > _MIXING * np.abs(linear).max():
        raise RegionError(
            f"The rotation, shear or affine of “{name}” mixes displayed and hidden axes, so what "
            "you see is no plane of its data; display other axes or remove that transform."
        )
