"""What the thumbnail shows of one region, or of two side by side: pixels, and lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..frames.cutouts import are_frames
from ..lengths import readable_length
from ..models.base import ModelInput
from ..models.views import describe_loss
from ..regions import Region
from .region_shapes import shape_number

__all__ = ["Picture", "name_shapes", "picture_of", "sizes_of"]

_NAMES = ("first", "second")

_GAP = 0.05
"""Between two pictures, as a share of their common side."""

_Box = tuple[float, float, float, float]
_Tile = tuple[NDArray[np.uint8], _Box]


@dataclass(frozen=True, eq=False)
class Picture:
    """What to show.

    Attributes
    ----------
    tiles : list of (pixels, box)
        Pixels, (h, w, 3) uint8, and their place ``y0, x0, y1, x1`` as fractions of the frame.
    shape : (float, float)
        Height and width of the frame, in any unit.
    size, loss : str
        How large the regions are, and what is not seen of them.
    told : str
        What the model is told of scale and instrument; empty: nothing.
    bands : tuple of boxes
        Strips of the frame that the model is not shown.
    seams : bool
        Whether lines are drawn between the tiles.
    """

    tiles: list[_Tile]
    shape: tuple[float, float]
    size: str
    loss: str
    told: str = ""
    bands: tuple[_Box, ...] = ()
    seams: bool = True


def picture_of(regions: Sequence[Region], given: Sequence[ModelInput], count: int) -> Picture:
    """Show what a model is given.

    Parameters
    ----------
    regions : sequence of Region
        One, or two that are compared.
    given : sequence of ModelInput
        How the model is given each.
    count : int
        How many regions are chosen; only the first is shown of more than are looked at together.
    """
    if len(regions) == 2:
        return _two(regions, given)
    region, only = regions[0], given[0]
    views = only.views[1:] if only.tiled else only.views[:1]
    lines = [*sizes_of(region)]
    if only.tiled:
        lines.append(f"in {len(only.views) - 1} tiles")
    if count > 1:
        lines.append(f"first of {count} regions")
    if region.left_out is not None:
        lines.append("without the information bar")
    shape, inner, bands = _frame(region)
    return Picture(
        [(view.pixels, _put(view.box, inner)) for view in views],
        shape,
        "\n".join(lines),
        _upper(_loss(region, only, "look closer to see more")),
        bands=bands,
    )


def name_shapes(regions: Sequence[Region]) -> str:
    """Say which shapes two regions are: ``"first: shape 0, second: shape 2"``; else nothing.

    Frames of a stack have names of their own.
    """
    if are_frames(regions):
        return ""
    names = [_shape_name(region) for region in regions]
    if len(names) != 2 or not all(names):
        return ""
    return f"first: {names[0]}, second: {names[1]}"


def _two(regions: Sequence[Region], given: Sequence[ModelInput]) -> Picture:
    frames = [_frame(region) for region in regions]
    boxes, shape, places = _side_by_side([frame[0] for frame in frames])
    size = []
    for name, place, region in zip(_NAMES, places, regions, strict=True):
        size += [f"{name} ({place})", sizes_of(region)[-1]]
    # There is room for one: that of the region which loses more.
    loss = ["Both, each as a whole"]
    worse = max((0, 1), key=lambda i: given[i].reduction)
    if lost := _loss(regions[worse], given[worse]):
        loss.append(f"{_NAMES[worse]}: {lost}")
    tiles, bands = [], []
    for each, box, (_shape, inner, left_out) in zip(given, boxes, frames, strict=True):
        tiles.append((each.views[0].pixels, _put(inner, box)))
        bands += [_put(band, box) for band in left_out]
    return Picture(tiles, shape, "\n".join(size), "\n".join(loss), bands=tuple(bands))


def _frame(region: Region) -> tuple[tuple[int, int], _Box, tuple[_Box, ...]]:
    """Return height and width of a region with what is left out, and the place of each in it."""
    if region.left_out is None:
        return region.shape, (0.0, 0.0, 1.0, 1.0), ()
    both = np.array([region.box, region.left_out], float)
    low, high = both[:, :2].min(axis=0), both[:, 2:].max(axis=0)
    inner, band = ((both - np.tile(low, 2)) / np.tile(high - low, 2)).tolist()
    height, width = (int(n) for n in high - low)
    return (height, width), _four(inner), (_four(band),)


def _four(numbers: Sequence[float]) -> _Box:
    y0, x0, y1, x1 = numbers
    return y0, x0, y1, x1


def _put(box: _Box, inner: _Box) -> _Box:
    """Bring a box from fractions of ``inner`` to those of what ``inner`` lies in."""
    y, x, height, width = inner[0], inner[1], inner[2] - inner[0], inner[3] - inner[1]
    return y + box[0] * height, x + box[1] * width, y + box[2] * height, x + box[3] * width


def _side_by_side(
    shapes: Sequence[tuple[int, int]],
) -> tuple[list[tuple[float, float, float, float]], tuple[float, float], tuple[str, str]]:
    """Place two pictures of one height beside, or of one width below each other.

    Returns
    -------
    boxes, shape, places
        Where each lies in the frame, the frame's height and width, and that in words.
    """
    wide = [width / height for height, width in shapes]
    tall = [1 / one for one in wide]
    if sum(wide) <= sum(tall):
        total = sum(wide) + _GAP
        end = wide[0] / total
        boxes = [(0.0, 0.0, 1.0, end), (0.0, end + _GAP / total, 1.0, 1.0)]
        return boxes, (1.0, total), ("left", "right")
    total = sum(tall) + _GAP
    end = tall[0] / total
    return (
        [(0.0, 0.0, end, 1.0), (end + _GAP / total, 0.0, 1.0, 1.0)],
        (total, 1.0),
        (
            "top",
            "bottom",
        ),
    )


def sizes_of(region: Region) -> list[str]:
    """Return the size of a region in pixels and, where known, in its unit."""
    height, width = region.shape
    sizes = [f"{width} × {height} pixels"]
    if region.pixel_size is not None and region.unit != "pixel":
        tall, wide = height * region.pixel_size[0], width * region.pixel_size[1]
        sizes.append(readable_length(wide, tall, unit=region.unit))
    return sizes


def _loss(region: Region, given: ModelInput, hint: str = "") -> str:
    loss = describe_loss(region, given).partition(":")[0]
    return f"{loss}; {hint}" if hint and loss and given.could_tile and not given.tiled else loss


def _shape_name(region: Region) -> str:
    placement = region.placement
    number = None if placement is None else shape_number(placement.shape_id)
    return "" if number is None else f"shape {number}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
