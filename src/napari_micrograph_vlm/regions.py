"""Regions: pixels with their place.

A :class:`Cutout` says which window of which array a region is and costs nothing to make; its
:meth:`~Cutout.read` computes only that window and gives a :class:`Region`, the one thing a model
looks at. All coordinates are (row, column) in full-resolution pixels of the source plane, where
pixel ``i`` spans ``i - 0.5 .. i + 0.5`` (napari's convention).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import RegionError

if TYPE_CHECKING:
    from weakref import ReferenceType

    from .readers.metadata import Instrument

__all__ = ["Box", "Cutout", "Placement", "Region", "clip_box", "polygon_mask", "to_unit_range"]

Box = tuple[int, int, int, int]
"""Half-open window ``(y0, x0, y1, x1)`` in full-resolution pixels of the source plane."""

MIN_SIDE = 8
"""Shortest side in pixels of a region that a model can say anything about."""

_PERCENTILES = (0.2, 99.8)


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a region lies on the layer it was drawn on.

    Attributes
    ----------
    axes : (int, int)
        The data axes of the layer that are the region's rows and columns.
    plane : tuple of int
        Index on every other data axis, in their order.
    outline : (N, 2) float array
        The drawn outline in level-0 data coordinates of ``axes`` (unclipped).
    layer : weak reference or None
        The image layer. A weak one: an answer must not keep a deleted image alive.
    shape_id : str or None
        Names the shape, label or view the region came from, so that it can be found again.
    data_id, data_shape : int or None, tuple of int
        Which level-0 array the layer held: other data in the same layer is another image.
    """

    axes: tuple[int, int]
    plane: tuple[int, ...]
    outline: NDArray[np.float64]
    layer: ReferenceType[Any] | None = None
    shape_id: str | None = None
    data_id: int | None = None
    data_shape: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels with their place.

    Attributes
    ----------
    pixels : (H, W) or (H, W, 3) float32 array
        Brightness from 0 to 1 as the user sees it; NaN is 0.
    box : Box
        The window of the source plane that ``pixels`` covers exactly. Its size is a multiple of
        ``pixels.shape`` where a pyramid level was read.
    mask : (H, W) bool array or None
        True inside the drawn outline; None where every pixel belongs to the region.
    pixel_size : (float, float) or None
        Height and width of one full-resolution source pixel in ``unit``.
    unit : str
        Unit of ``pixel_size``, such as ``"nm"``; ``"pixel"`` where the scale is not known.
    source : str
        Name of the layer or file.
    placement : Placement or None
        The place on a napari layer; None for regions of files and arrays.
    instrument : Instrument or None
        How the micrograph was taken, where that is known.
    scale_from : str
        Where ``pixel_size`` is from, as the user reads it: ``"the file"``, ``"the scale bar"``.
        Empty where nobody knows.
    scale_error : float or None
        Relative standard uncertainty of ``pixel_size``; None where it is not known.
    label : str
        What to call it among several, such as ``"slice 12"``.
    """

    pixels: NDArray[np.float32]
    box: Box
    mask: NDArray[np.bool_] | None = None
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    source: str = "array"
    placement: Placement | None = None
    instrument: Instrument | None = None
    scale_from: str = ""
    scale_error: float | None = None
    label: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in full-resolution source pixels."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0

    @property
    def is_rgb(self) -> bool:
        """Whether ``pixels`` has three colour channels."""
        return self.pixels.ndim == 3

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pixels, ready for JSON."""
        return {
            "source": self.source,
            "box": list(self.box),
            "pixel_size": list(self.pixel_size) if self.pixel_size else None,
            "unit": self.unit,
            "plane": list(self.placement.plane) if self.placement else [],
        }


@dataclass(frozen=True, eq=False)
class Cutout:
    """A region that has not been read yet.

    Made in the GUI thread, read in another: indexing a lazy array (dask, zarr) is all that
    costs time, and only :meth:`read` does it.

    Attributes
    ----------
    array : array-like
        One pyramid level, n-D, with a trailing colour axis where ``rgb``.
    index : tuple of int and slice
        The window on ``array``: a slice on each of ``axes``, an integer elsewhere.
    box : Box
        The same window in full-resolution pixels of the source plane.
    transpose : bool
        Whether the region's rows are the later of the two data axes.
    rgb : bool
        Whether the last axis of ``array`` holds colour channels.
    contrast_limits : (float, float) or None
        Values shown as black and white; the first may be the larger (inverted). None: from the
        pixels.
    outline : (N, 2) float array or None
        Vertices in full-resolution pixels of the plane; None where the box is the region.
    inverted : bool
        Whether dark and bright are exchanged (an inverted colour map).
    mask_of : callable or None
        ``mask_of((H, W))`` gives the region's mask on a grid of that shape over ``box``, where
        the region came from a Labels layer instead of an outline.
    pixel_size, unit, source, placement, instrument, scale_from, scale_error, label
        As in :class:`Region`.
    """

    array: Any
    index: tuple[int | slice, ...]
    box: Box
    transpose: bool = False
    rgb: bool = False
    contrast_limits: tuple[float, float] | None = None
    inverted: bool = False
    outline: NDArray[np.float64] | None = None
    mask_of: Callable[[tuple[int, int]], NDArray[np.bool_]] | None = None
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    source: str = "array"
    placement: Placement | None = None
    instrument: Instrument | None = None
    scale_from: str = ""
    scale_error: float | None = None
    label: str = ""

    @classmethod
    def of_array(
        cls,
        array: Any,
        box: Sequence[float] | NDArray[np.float64] | None = None,
        *,
        source: str = "array",
        pixel_size: tuple[float, float] | None = None,
        unit: str = "pixel",
        instrument: Instrument | None = None,
        scale_from: str = "",
        scale_error: float | None = None,
        label: str = "",
    ) -> Cutout:
        """Cut a window out of a plain 2-D or RGB array.

        Parameters
        ----------
        array : (H, W), (H, W, 3) or (H, W, 4) array-like
            The micrograph.
        box : sequence of 4 numbers, (N, 2) array or (H, W) bool array, optional
            ``y0, x0, y1, x1`` in pixels, the vertices of an outline, or a mask; the whole array
            by default. It is clipped to the array.

        Raises
        ------
        RegionError
            If the array is no 2-D picture, or the box is none or does not overlap it.
        """
        shape = np.shape(array)
        rgb = len(shape) == 3 and shape[2] in (3, 4)
        if len(shape) != 2 and not rgb:
            raise RegionError(
                f"A micrograph has 2 axes (or 3 with colour), but this array has shape {shape}; "
                "pick one slice."
            )
        plane = (int(shape[0]), int(shape[1]))
        window, outline, mask = _parse_region(box, plane)
        y0, x0, y1, x1 = clipped = clip_box(window, plane)
        mask_of = None
        if mask is not None:
            cut = mask[y0:y1, x0:x1]

            def mask_of(_shape: tuple[int, int]) -> NDArray[np.bool_]:
                return cut

        return cls(
            array,
            (slice(y0, y1), slice(x0, x1)),
            clipped,
            rgb=rgb,
            outline=outline,
            mask_of=mask_of,
            source=source,
            pixel_size=pixel_size,
            unit=unit,
            instrument=instrument,
            scale_from=scale_from,
            scale_error=scale_error,
            label=label,
        )

    def read(self) -> Region:
        """Compute the window and bring it to the range 0 to 1.

        Raises
        ------
        RegionError
            If the region is smaller than 8 x 8 pixels, or there is nothing to see in it: no
            finite value, no contrast, or none within the contrast limits.
        """
        y0, x0, y1, x1 = self.box
        height, width = y1 - y0, x1 - x0
        if min(height, width) < MIN_SIDE:
            raise RegionError(
                f"The region is only {height} x {width} pixels; "
                f"draw one of at least {MIN_SIDE} x {MIN_SIDE}."
            )
        raw = np.asarray(self.array[self.index])
        if self.transpose:
            raw = raw.swapaxes(0, 1)
        if self.rgb:
            raw = raw[..., :3]
        shape = (raw.shape[0], raw.shape[1])
        mask = None
        if self.outline is not None:
            mask = polygon_mask(self.outline, self.box, shape)
        elif self.mask_of is not None:
            mask = self.mask_of(shape)
        if mask is not None:
            if not mask.any():
                raise RegionError("The drawn outline encloses no pixel; draw a larger region.")
            if mask.all():
                mask = None
        pixels = to_unit_range(raw, self.contrast_limits)
        _check_contents(raw, pixels, mask)
        if self.inverted:
            pixels = 1 - pixels
        return Region(
            pixels,
            self.box,
            mask,
            self.pixel_size,
            self.unit,
            self.source,
            self.placement,
            self.instrument,
            self.scale_from,
            self.scale_error,
            self.label,
        )


def _parse_region(
    region: Any, shape: tuple[int, int]
) -> tuple[Sequence[float], NDArray[np.float64] | None, NDArray[np.bool_] | None]:
    """Return the window of a box, of an outline or of a mask, and outline and mask if any."""
    if region is None:
        return (0, 0, *shape), None, None
    try:
        given = np.asarray(region)
        points = given.astype(float)
    except (TypeError, ValueError):
        given = points = np.zeros(0)
    if given.dtype == bool and given.shape == shape:
        if not given.any():
            raise RegionError("The mask encloses no pixel; give one that does.")
        rows, columns = (np.flatnonzero(given.any(axis=axis)) for axis in (1, 0))
        return (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1), None, given
    if points.shape == (4,):
        return tuple(points), None, None
    if points.ndim == 2 and points.shape[1] == 2 and len(points) >= 3 and np.isfinite(points).all():
        return (*(points.min(axis=0) + 0.5), *(points.max(axis=0) + 0.5)), points, None
    raise RegionError(
        "A region is four numbers y0, x0, y1, x1 in pixels, at least three (row, column) "
        "vertices, or a mask of the picture's shape."
    )


def _check_contents(
    raw: NDArray[Any], pixels: NDArray[np.float32], mask: NDArray[np.bool_] | None
) -> None:
    """See that there is something to see inside the outline, and not only around it."""
    if mask is not None:
        raw, pixels = raw[mask], pixels[mask]
    finite = raw[np.isfinite(raw)]
    if not len(finite):
        raise RegionError("The region holds no finite value (all NaN); choose another region.")
    if finite.min() == finite.max():
        raise RegionError(
            f"Every pixel of the region has the same value ({float(finite.min()):g}); "
            "there is nothing to see."
        )
    if pixels.min() == pixels.max():
        raise RegionError(
            "The contrast limits hide all there is in the region; adjust them until you see it."
        )


def clip_box(box: Sequence[float] | NDArray[np.float64], shape: tuple[int, int]) -> Box:
    """Round a box outwards to whole pixels and clip it to a plane of ``shape``.

    Raises
    ------
    RegionError
        If nothing of it lies inside.
    """
    if len(box) != 4 or not np.all(np.isfinite(np.asarray(box, float))):
        raise RegionError("A region is four finite numbers: y0, x0, y1, x1.")
    y0, x0, y1, x1 = box
    low = max(int(np.floor(min(y0, y1))), 0), max(int(np.floor(min(x0, x1))), 0)
    high = (
        min(int(np.ceil(max(y0, y1))), shape[0]),
        min(int(np.ceil(max(x0, x1))), shape[1]),
    )
    if high[0] <= low[0] or high[1] <= low[1]:
        raise RegionError("The region lies outside the image; draw it on the image.")
    return low[0], low[1], high[0], high[1]


def to_unit_range(
    raw: NDArray[Any], contrast_limits: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Bring pixels of any type to brightness from 0 to 1.

    Parameters
    ----------
    raw : (H, W) or (H, W, 3) array of any number type
        May hold NaN and infinities.
    contrast_limits : (float, float), optional
        Values that become 0 and 1; the first may be the larger. Default: 0 and 255 for 8-bit
        pictures and colour, else the 0.2nd and 99.8th percentile of the finite values.

    Returns
    -------
    (H, W) or (H, W, 3) float32 array
        Values that are not finite become 0.

    Raises
    ------
    RegionError
        If the type is not a real number's, there is no finite value, or all are the same.
    """
    if raw.dtype.kind not in "biuf":
        raise RegionError(
            f"The pixels are of type {raw.dtype}, not real numbers; convert them first."
        )
    values: NDArray[Any] = raw.astype(np.float32 if raw.dtype.itemsize <= 2 else np.float64)
    if raw.dtype == bool:
        values = values * 255
    finite = np.isfinite(values)
    if not finite.any():
        raise RegionError("The region holds no finite value (all NaN); choose another region.")
    inside = values[finite]
    low, high = float(inside.min()), float(inside.max())
    if low == high:
        raise RegionError(
            f"Every pixel of the region has the same value ({low:g}); there is nothing to see."
        )
    if not np.isfinite(high - low):  # a span beyond the largest float: same picture, smaller
        values, inside, high = values / 4, inside / 4, high / 4
        low, contrast_limits = low / 4, None
    if contrast_limits is None:
        if raw.dtype in (np.uint8, np.bool_):
            contrast_limits = (0.0, 255.0)
        elif raw.ndim == 3:
            contrast_limits = (0.0, 1.0 if high <= 1 else float(high))
        else:
            percentiles = np.percentile(inside, _PERCENTILES)
            contrast_limits = (float(percentiles[0]), float(percentiles[1]))
    black, white = contrast_limits
    if black == white:
        black, white = low, high
    unit = (np.where(finite, values, black) - black) / (white - black)
    result: NDArray[np.float32] = np.clip(unit, 0, 1).astype(np.float32)
    return result


def polygon_mask(
    outline: NDArray[np.float64], box: Box, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Rasterise an outline, (N, 2) in source pixels, on a grid of ``shape`` over ``box``."""
    from skimage.draw import polygon2mask

    y0, x0, y1, x1 = box
    step = np.array([(y1 - y0) / shape[0], (x1 - x0) / shape[1]])
    # Centre of grid pixel (0, 0) is half a step inside the box's edge at y0 - 0.5.
    local = (outline - (np.array([y0, x0]) - 0.5)) / step - 0.5
    mask: NDArray[np.bool_] = polygon2mask(shape, local)  # type: ignore[no-untyped-call]
    return mask
