"""From a place on an image layer to the window of the array that has to be read."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..readers.metadata import Instrument
from ..regions import Box, Cutout, Placement, clip_box
from ..windows import MOST_PIXELS, level_window
from .bar_areas import PlaneAreas, includes_bar
from .region_display import LayerCutout, is_inverted, limits_of
from .region_view import ViewState
from .transforms import Floats, PlaneTransform, pixel_size_of

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["ImageSnapshot", "Inside", "data_kept", "same_data", "scale_of"]

Inside = Callable[[Floats, Floats], NDArray[np.bool_]]
"""``inside(rows, columns)``: for 1-D level-0 coordinates, which points of their grid belong."""

_SNAP = 1e-3
"""Edges this close to a pixel's edge are on it: napari keeps vertices as float32."""


_numbers: dict[int, tuple[weakref.ReferenceType[Any], int]] = {}
_counter = itertools.count(1)


def data_kept(image: Image) -> dict[str, Any]:
    """Return what a :class:`Placement` keeps to know the layer's data again."""
    data = _full_size(image)
    return {"data_id": _number_of(data), "data_shape": tuple(int(n) for n in data.shape)}


def same_data(layer: Image, placement: Placement) -> bool:
    """Whether a layer still holds the array that a region was cut from.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer that ``placement`` names.
    placement : Placement
        One that does not know its data fits any.
    """
    if placement.data_id is None:
        return True
    data = _full_size(layer)
    shape = tuple(int(n) for n in data.shape)
    return shape == placement.data_shape and _number_of(data) == placement.data_id


def scale_of(image: Image, axes: tuple[int, int]) -> dict[str, Any]:
    """Return what a :class:`.regions.Region` of these axes says of its scale, as it is now."""
    size, unit = pixel_size_of(image, axes)
    said = {} if size is None else image.metadata
    return {
        "pixel_size": size,
        "unit": unit,
        "scale_from": str(said.get("scale_from") or ""),
        "scale_error": _share(said.get("scale_error")),
    }


def _full_size(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _number_of(array: Any) -> int:
    """Return a number for an array that no other ever gets.

    Its address alone will not do: a live image gets a new array again and again, and each may
    lie where the last but one did.
    """
    address = id(array)
    known = _numbers.get(address)
    if known is not None and known[0]() is array:
        return known[1]
    try:
        reference = weakref.ref(array, lambda _gone: _numbers.pop(address, None))
    except TypeError:  # a rare kind of array that cannot be watched
        return address
    _numbers[address] = reference, next(_counter)
    return _numbers[address][1]


@dataclass(frozen=True, eq=False)
class ImageSnapshot:
    """All that is needed of an image layer, taken in the GUI thread.

    Attributes
    ----------
    levels : tuple of array-like
        The pyramid, largest first; one array where there is none.
    factors : (levels, ndim) float array
        Level-0 pixels on one pixel of each level; not always whole numbers.
    shape : tuple of int
        Of level 0, without colour.
    transform : PlaneTransform
        Where the displayed plane lies.
    point : (viewer ndim,) float array
        The viewer's slider positions in world coordinates.
    areas : PlaneAreas or None
        Finds the picture in a plane with an information bar; None: the bar is included.
    """

    levels: tuple[Any, ...]
    factors: Floats
    shape: tuple[int, ...]
    transform: PlaneTransform
    point: Floats
    rgb: bool
    contrast_limits: tuple[float, float] | None
    gamma: float
    inverted: bool
    pixel_size: tuple[float, float] | None
    unit: str
    name: str
    layer: weakref.ReferenceType[Any]
    kept: dict[str, Any]
    areas: PlaneAreas | None = None
    scale_from: str = ""
    scale_error: float | None = None
    instrument: Instrument | None = None

    @classmethod
    def of(cls, image: Image, view: ViewState, *, include_bar: bool | None = None) -> ImageSnapshot:
        """Take the snapshot; costs no more than reading attributes.

        Parameters
        ----------
        image : napari.layers.Image
            The micrograph.
        view : ViewState
            What the viewer shows.
        include_bar : bool, optional
            Whether regions may hold the information bar; what the user chose for this image by
            default. Where it is left out, :meth:`cutout` may have to read a few rows.
        """
        transform = PlaneTransform.of(image, view)
        levels = tuple(image.data) if image.multiscale else (image.data,)
        kept = data_kept(image)
        if include_bar is None:
            include_bar = includes_bar(image)
        areas = PlaneAreas(levels[0], kept["data_id"], transform.axes, image.rgb)
        return cls(
            levels,
            np.asarray(image.downsample_factors, float).reshape(len(levels), -1)
            if image.multiscale
            else np.ones((1, image.ndim)),
            tuple(int(n) for n in levels[0].shape[: image.ndim]),
            transform,
            view.point,
            image.rgb,
            limits_of(image, levels[0]),
            1.0 if image.rgb else float(image.gamma),
            not image.rgb and is_inverted(image),
            name=image.name,
            layer=weakref.ref(image),
            kept=kept,
            areas=None if include_bar else areas,
            instrument=Instrument.of_layer(image.metadata),
            **scale_of(image, transform.axes),
        )

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns of the displayed plane in level-0 pixels."""
        rows, columns = self.transform.axes
        return self.shape[rows], self.shape[columns]

    def plane_at(self, world: Floats) -> tuple[int, ...]:
        """Return the one slice that holds all world points, (N, viewer ndim).

        Raises
        ------
        RegionError
            If the points lie in several slices or where the image has none.
        """
        planes = np.unique(self.transform.planes_at(world), axis=0)
        if len(planes) > 1:
            raise RegionError(
                "The shape crosses several slices; draw it in the slice that you look at."
            )
        plane = tuple(int(i) for i in planes[0])
        sizes = [self.shape[axis] for axis in self.transform.hidden]
        if any(not 0 <= i < n for i, n in zip(plane, sizes, strict=True)):
            raise RegionError(
                f"“{self.name}” has nothing at this slider position; move the slider to one of "
                "its slices."
            )
        return plane

    def cutout(
        self,
        bounds: Sequence[float],
        outline: Floats,
        *,
        plane: tuple[int, ...] | None = None,
        masked: bool = False,
        inside: Inside | None = None,
        shape_id: str,
        longest: int,
    ) -> Cutout:
        """Make the cutout of one region.

        Parameters
        ----------
        bounds : 4 floats
            Least row and column, greatest row and column that belong to the region, in level-0
            data coordinates (pixel ``i`` spans ``i - 0.5 .. i + 0.5``).
        outline : (N, 2) float array
            What was drawn, in the same coordinates.
        plane : tuple of int, optional
            The slice; the one shown by default.
        masked : bool
            Whether ``outline`` is narrower than its bounding box.
        inside : callable, optional
            Says which points belong to the region where an outline cannot.
        shape_id : str
            Names where the region came from.
        longest : int
            Read the coarsest pyramid level that leaves this many pixels on the longest side.

        Raises
        ------
        RegionError
            If nothing of it lies in the image, or nothing but information bar.
        """
        if plane is None:
            plane = self.plane_at(self.point[None])
        edges = np.asarray(bounds, float) + 0.5
        snapped = np.where(np.abs(edges - np.round(edges)) < _SNAP, np.round(edges), edges)
        window = clip_box(snapped.tolist(), self.plane_shape)
        area = None if self.areas is None else self.areas.near(window, plane)
        left_out = None
        if area is not None:
            window, left_out = area.clip(window), area.strip(window)
        axes = self.transform.axes
        found = level_window(
            [(int(one.shape[axes[0]]), int(one.shape[axes[1]])) for one in self.levels],
            self.factors[:, list(axes)],
            window,
            longest=longest,
            most=MOST_PIXELS,
            channels=3 if self.rgb else 1,
            within=None if area is None else area.box,
        )
        level = found.level
        index: list[int | slice] = [0] * len(self.shape)
        for axis, i in zip(self.transform.hidden, plane, strict=True):
            size = int(self.levels[level].shape[axis])
            index[axis] = min(max(round(i / self.factors[level, axis]), 0), size - 1)
        for axis, part in zip(axes, found.slices, strict=True):
            index[axis] = part
        return LayerCutout(
            self.levels[level],
            tuple(index),
            found.box,
            transpose=axes[0] > axes[1],
            rgb=self.rgb,
            contrast_limits=self.contrast_limits,
            inverted=self.inverted,
            outline=outline if masked else None,
            mask_of=None if inside is None else _mask_on(found.box, inside),
            pixel_size=self.pixel_size,
            unit=self.unit,
            source=self.name,
            placement=Placement(axes, plane, outline, self.layer, shape_id, **self.kept),
            scale_from=self.scale_from,
            scale_error=self.scale_error,
            instrument=self.instrument,
            left_out=left_out,
            average=found.average,
            gamma=self.gamma,
        )


def _share(value: Any) -> float | None:
    """Return what a layer's metadata say of an uncertainty, if it is one."""
    try:
        return float(value) if value is not None and float(value) >= 0 else None
    except (TypeError, ValueError):
        return None


def _mask_on(box: Box, inside: Inside) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
    def mask_of(shape: tuple[int, int]) -> NDArray[np.bool_]:
        rows, columns = (
            box[side]
            - 0.5
            + (np.arange(shape[side]) + 0.5) * (box[side + 2] - box[side]) / shape[side]
            for side in (0, 1)
        )
        return inside(rows, columns)

    return mask_of
