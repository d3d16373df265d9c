"""Frames on one sheet, each under its name, and maps of the sheet cut apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..errors import QuestionError
from ..regions import Box, Region
from ..results import AttentionMap
from .cutouts import reduced

__all__ = ["SHEET", "Montage", "layout_of", "montage_of"]

SHEET = "a sheet of frames"
"""What a sheet says its scale is from: no length of it is one of the sample."""

LONGEST = 3072
"""Pixels on a sheet's longest side; more than any model is given."""

STRIP = 1 / 30
"""Height of the strip with a frame's name, as a share of the sheet's longer side: still to be
read when the sheet is reduced to a few hundred pixels."""

_LOWEST_STRIP = 11
_NARROWEST = 40  # room for a name
_GAP = 1 / 160


@dataclass(frozen=True, eq=False)
class Montage:
    """Several frames as one picture.

    Attributes
    ----------
    region : Region
        The sheet. Its pixel size is the frames' where they have it in common.
    frames : tuple of Region
        What is on it, row by row.
    boxes : tuple of Box
        Where the pixels of each frame are: y0, x0, y1, x1 in pixels of the sheet, half-open.
    reduction : int
        Every so many pixels of a frame, in both directions, are one of the sheet.
    columns : int
        Frames in a row.
    """

    region: Region
    frames: tuple[Region, ...]
    boxes: tuple[Box, ...]
    reduction: int
    columns: int

    def cut(self, attention: AttentionMap) -> tuple[AttentionMap, ...]:
        """Cut a map of the sheet into one for each frame, on that frame's own grid.

        Parameters
        ----------
        attention : AttentionMap
            On any grid that covers the sheet.

        Returns
        -------
        tuple of AttentionMap
            Each covers its frame exactly and sums to 1. ``share`` says how much of the attention
            on all frames this one got; what fell on names and gaps is left out.
        """
        values = attention.values.astype(np.float64)
        height, width = self.region.pixels.shape[:2]
        parts = []
        for y0, x0, y1, x1 in self.boxes:
            down = _overlaps(values.shape[0], y0 / height, y1 / height)
            across = _overlaps(values.shape[1], x0 / width, x1 / width)
            parts.append(down @ values @ across.T)
        total = sum(float(part.sum()) for part in parts)
        maps = []
        for part in parts:
            own = float(part.sum())
            share = own / total if total > 0 else 1 / len(parts)
            cells = part / own if own > 0 else np.full(part.shape, 1 / part.size)
            maps.append(AttentionMap(cells.astype(np.float32), attention.method, share))
        return tuple(maps)


def montage_of(frames: Sequence[Region], *, longest: int = LONGEST) -> Montage:
    """Put frames on one sheet, row by row, each under a strip with its name.

    Pixels are copied, not resampled, unless the sheet would be longer than ``longest``: then the
    mean of every few is taken, the same for all frames, so that sizes can be compared. Pixels
    outside a drawn outline carry the mean brightness of those inside.

    Parameters
    ----------
    frames : sequence of Region
        In the order in which they are to be read.
    longest : int
        Pixels on the sheet's longer side, about.

    Raises
    ------
    QuestionError
        If there are no frames.
    """
    if not frames:
        raise QuestionError("Choose at least one frame.")
    shapes = [frame.pixels.shape[:2] for frame in frames]
    tall, wide = _cell(shapes)
    sheet = max(_sheet(len(frames), tall, wide, layout_of(len(frames), tall, wide)))
    step = max(ceil(sheet / longest), 1)
    step = max(min([step, *(min(shape) // 8 for shape in shapes)]), 1)
    small = [reduced(frame, step) for frame in frames]
    sizes = [frame.pixels.shape[:2] for frame in small]
    tall, wide = _cell(sizes)
    columns = layout_of(len(frames), tall, wide)
    strip, gap = _margins(len(frames), tall, wide, columns)
    height, width = _sheet(len(frames), tall, wide, columns)
    pictures = [_inside(frame) for frame in small]
    if rgb := any(frame.is_rgb for frame in small):
        pictures = [p if p.ndim == 3 else p[..., None].repeat(3, axis=2) for p in pictures]
    mean = float(np.mean([picture.mean() for picture in pictures]))
    pixels = np.full((height, width, 3) if rgb else (height, width), mean, np.float32)
    boxes = []
    for number, (frame, picture) in enumerate(zip(small, pictures, strict=True)):
        row, column = divmod(number, columns)
        top = row * (strip + tall + gap)
        left = column * (wide + gap)
        name = strip_of(frame.label or f"frame {number}", strip, wide)
        pixels[top : top + strip, left : left + wide] = name[..., None] if rgb else name
        y0 = top + strip
        y1, x1 = y0 + picture.shape[0], left + picture.shape[1]
        pixels[y0:y1, left:x1] = picture
        boxes.append((y0, left, y1, x1))
    return Montage(_region_of(pixels, small), tuple(frames), tuple(boxes), step, columns)


def layout_of(count: int, tall: int, wide: int) -> int:
    """Return how many frames stand in a row so that they are as large as can be in a square."""

    def cost(columns: int) -> tuple[float, int]:
        rows = ceil(count / columns)
        longer = max(rows * tall, columns * wide)
        return longer * (1 + STRIP * rows), rows * columns

    return min(range(1, count + 1), key=cost)


def strip_of(name: str, height: int, width: int) -> NDArray[np.float32]:
    """Return white letters on black, (height, width), as large as fits."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(picture)
    for size in range(max(round(0.8 * height), 6), 5, -1):
        font = ImageFont.load_default(size)
        left, top, right, bottom = draw.textbbox((0, 0), name, font=font)
        if right - left <= width - 2 or size == 6:
            break
    place = (max((width - right - left) / 2, 0), (height - bottom - top) / 2)
    draw.text(place, name, fill=255, font=font)
    drawn: NDArray[np.float32] = np.asarray(picture, np.float32) / np.float32(255)
    return drawn


def _cell(shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return height and width of the room for a frame."""
    return max(shape[0] for shape in shapes), max(_NARROWEST, *(shape[1] for shape in shapes))


def _margins(count: int, tall: int, wide: int, columns: int) -> tuple[int, int]:
    """Return the height of a strip and the width of a gap."""
    longer = max(ceil(count / columns) * tall, columns * wide)
    return max(round(STRIP * longer), _LOWEST_STRIP), max(round(_GAP * longer), 2)


def _sheet(count: int, tall: int, wide: int, columns: int) -> tuple[int, int]:
    strip, gap = _margins(count, tall, wide, columns)
    rows = ceil(count / columns)
    return rows * (strip + tall + gap) - gap, columns * (wide + gap) - gap


def _inside(frame: Region) -> NDArray[np.float32]:
    if frame.mask is None:
        return frame.pixels
    mean = frame.pixels[frame.mask].mean(axis=0)
    mask = frame.mask[..., None] if frame.is_rgb else frame.mask
    hidden: NDArray[np.float32] = np.where(mask, frame.pixels, mean).astype(np.float32)
    return hidden


def _region_of(pixels: NDArray[np.float32], frames: Sequence[Region]) -> Region:
    """Return the sheet as a region, with the frames' scale where they have it in common."""
    first = frames[0]
    height, width = pixels.shape[:2]
    scales = {_scale(frame) for frame in frames}
    same = len(scales) == 1 and len({(frame.pixel_size, frame.unit) for frame in frames}) == 1
    down, across = scales.pop() if same else (1.0, 1.0)
    return replace(
        first,
        pixels=pixels,
        box=(0, 0, round(height * down), round(width * across)),
        mask=None,
        pixel_size=first.pixel_size if same else None,
        unit=first.unit if same else "pixel",
        placement=None,
        label="",
        left_out=None,
    )


def _scale(frame: Region) -> tuple[float, float]:
    rows, columns = frame.pixels.shape[:2]
    height, width = frame.shape
    return round(height / rows, 6), round(width / columns, 6)


def _overlaps(cells: int, start: float, stop: float) -> NDArray[np.float64]:
    """Return which share of each cell of 0 to 1 lies in each cell of a part, (part's, cells)."""
    number = max(round((stop - start) * cells), 1)
    edges = start + (stop - start) * np.arange(number + 1) / number
    whole = np.arange(cells + 1) / cells
    low = np.maximum(edges[:-1, None], whole[None, :-1])
    high = np.minimum(edges[1:, None], whole[None, 1:])
    shares: NDArray[np.float64] = np.maximum(high - low, 0) * cells
    return shares
