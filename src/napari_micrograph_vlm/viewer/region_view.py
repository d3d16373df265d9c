"""What the viewer shows now: axes, slice, units and camera, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["ViewState", "unwrapped"]


def unwrapped(thing: Any) -> Any:
    """Return the viewer or layer behind the proxy that napari hands to plugins.

    A layer seen through the proxy is another object at each look, so no answer could be told to
    belong to it.
    """
    return getattr(thing, "__wrapped__", thing)


@dataclass(frozen=True, eq=False)
class ViewState:
    """A snapshot of the viewer.

    Attributes
    ----------
    order : tuple of int
        The viewer's axes in display order; the last two are rows and columns.
    point : (ndim,) float array
        Slider positions in world coordinates.
    units : tuple of pint.Unit or None
        Units that all layers are brought to; None where they cannot be compared.
    corners : (4, 2) float array or None
        Corners of the canvas as (row, column) in world units; None without a canvas.
    """

    order: tuple[int, ...]
    point: NDArray[np.float64]
    units: tuple[Any, ...] | None
    corners: NDArray[np.float64] | None

    @property
    def ndim(self) -> int:
        """Number of axes of the viewer."""
        return len(self.order)

    @classmethod
    def of(cls, viewer: ViewerModel) -> ViewState:
        """Take the snapshot.

        Raises
        ------
        RegionError
            In 3-D display mode, where a drawn outline is no region of a slice.
        """
        if viewer.dims.ndisplay != 2:
            raise RegionError(
                "Switch the viewer to 2-D display (the button below the layer list) to ask about "
                "a region."
            )
        centre = np.asarray(viewer.scene.camera.center[-2:], float)
        size = np.asarray(viewer.canvas.viewbox_size(viewer.layers), float)
        half = size / viewer.scene.camera.zoom / 2
        signs = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
        return cls(
            tuple(viewer.dims.order),
            np.asarray(viewer.dims.point, float),
            viewer.layers.units,
            centre + signs * half,
        )

    @classmethod
    def alone(cls, layer: Layer) -> ViewState:
        """Return how napari would show a layer that is in no viewer: its middle slice."""
        shape = np.asarray(layer.extent.data, float)
        middle = np.asarray(layer.data_to_world(np.round(shape.mean(axis=0) - 1e-6)), float)
        return cls(tuple(range(layer.ndim)), middle, layer.units, None)

    def displayed_axes(self, ndim: int) -> tuple[int, int]:
        """Return the data axes that a layer of ``ndim`` axes shows as rows and columns.

        A layer's axes are the viewer's last ones, and it always shows two of its own, even where
        the viewer displays an axis that the layer does not have.
        """
        shift = self.ndim - ndim
        rows, columns = [axis - shift for axis in self.order if axis >= shift][-2:]
        return rows, columns
