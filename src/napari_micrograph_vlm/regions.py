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

from .brightness import finite_values, to_unit_range
from .errors import MicrographError, RegionError, SourceError, one_line
from .outlines import mask_at, parse_region, polygon_mask
from .windows import level_factors, level_window, read_averaged

if TYPE_CHECKING:
    from weakref import ReferenceType

    from .readers.metadata import Instrument
    from .readers.picture_area import PictureArea

__all__ = ["Box", "Cutout", "Placement", "Region", "clip_box", "polygon_mask", "to_unit_range"]

Box = tuple[int, int, int, int]
"""Half-open window ``(y0, x0, y1, x1)`` in full-resolution pixels of the source plane."""

MIN_SIDE = 8
"""Shortest side in pixels of a region that a model can say anything about."""


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
    left_out : Box or None
        The information bar beside ``box`` that belongs to what was chosen and is not looked at.
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
    left_out: Box | None = None

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
        """Return everything but the pixels and the maker's own words, ready for JSON."""
        return {
            "source": self.source,
            "box": list(self.box),
            "pixel_size": list(self.pixel_size) if self.pixel_size else None,
            "unit": self.unit,
            "plane": list(self.placement.plane) if self.placement else [],
            **({"label": self.label} if self.label else {}),
            **({"scale_from": self.scale_from} if self.scale_from else {}),
            **({} if self.scale_error is None else {"scale_error": float(self.scale_error)}),
            **({} if self.instrument is None else {"instrument": self.instrument.to_dict()}),
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
    average : (int, int)
        Neighbouring samples of ``index`` along the region's rows and columns that become one.
    pixel_size, unit, source, placement, instrument, scale_from, scale_error, label, left_out
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
    left_out: Box | None = None
    average: tuple[int, int] = (1, 1)

    @classmethod
    def of_array(
        cls,
        array: Any,
        box: Sequence[float] | NDArray[np.float64] | None = None,
        *,
        levels: Sequence[Any] = (),
        area: PictureArea | None = None,
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
        levels : sequence of array-like
            Smaller versions of the array, largest first; of a large region one of them is read.
        area : PictureArea, optional
            The picture without its information bar, which is left out.

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
        window, outline, mask = parse_region(box, plane)
        shapes = [plane, *((int(one.shape[0]), int(one.shape[1])) for one in levels)]
        inner, left_out = clip_box(window, plane), None
        if area is not None:
            inner, left_out = area.clip(inner), area.strip(inner)
        found = level_window(
            shapes,
            level_factors(shapes),
            inner,
            channels=3 if rgb else 1,
            within=None if area is None else area.box,
        )
        mask_of = None
        if mask is not None:
            y0, x0, y1, x1 = found.box
            cut = mask[y0:y1, x0:x1]

            def mask_of(shape: tuple[int, int]) -> NDArray[np.bool_]:
                return mask_at(cut, shape)

        return cls(
            (array, *levels)[found.level],
            found.slices,
            found.box,
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
            left_out=left_out,
            average=found.average,
        )

    def read(self) -> Region:
        """Compute the window and bring it to the range 0 to 1.

        Raises
        ------
        RegionError
            If the region is smaller than 8 x 8 pixels, or there is nothing to see in it: no
            finite value, no contrast, or none within the contrast limits.
        SourceError
            If a lazy array cannot be read.
        """
        y0, x0, y1, x1 = self.box
        height, width = y1 - y0, x1 - x0
        if min(height, width) < MIN_SIDE:
            raise RegionError(
                f"The region is only {height} x {width} pixels; "
                f"draw one of at least {MIN_SIDE} x {MIN_SIDE}."
            )
        raw = self._samples()
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
            np.subtract(1, pixels, out=pixels)
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
            self.left_out,
        )

    def _samples(self) -> NDArray[Any]:
        """Read what ``index`` names.

        Raises
        ------
        SourceError
            If the file or the computation behind a lazy array fails.
        """
        try:
            if self.average == (1, 1):
                return np.asarray(self.array[self.index])
            along = self.average[::-1] if self.transpose else self.average
            return read_averaged(self.array, self.index, along)
        except MicrographError:
            raise
        except MemoryError:
            raise SourceError(
                f"There is not enough memory to read this region of {self.source}; choose a "
                "smaller one."
            ) from None
        except Exception as error:
            # A file may be gone or changed by now, and a lazy array may fail in any way.
            raise SourceError(
                f"The pixels of {self.source} cannot be read: {one_line(error)}."
            ) from error


def _check_contents(
    raw: NDArray[Any], pixels: NDArray[np.float32], mask: NDArray[np.bool_] | None
) -> None:
    """See that there is something to see inside the outline, and not only around it."""
    if mask is not None:
        raw, pixels = raw[mask], pixels[mask]
    finite = finite_values(raw)
    if not finite.size:
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
