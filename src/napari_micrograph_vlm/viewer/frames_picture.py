"""What the thumbnail shows of frames: the sheet, or the pictures that the model is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..frames.montage import layout_of, montage_of
from ..models.base import ModelInput
from ..models.views import describe_loss
from ..regions import Region
from .region_picture import Picture, sizes_of

__all__ = ["picture_of_frames"]

_GAP = 0.04

_UNTAUGHT = "This model's words are about the whole sheet; go by the per cent of each frame"


def picture_of_frames(
    regions: Sequence[Region],
    prepare: Callable[..., ModelInput],
    *,
    sheet: bool,
    taught: bool = True,
) -> Picture:
    """Show what a model is given of frames.

    Parameters
    ----------
    regions : sequence of Region
        The frames.
    prepare : callable
        Gives what the model sees of a region.
    sheet : bool
        Whether it is given all of them on one sheet.
    taught : bool
        Whether it knows what a sheet is; else its words are about the sheet as a whole.
    """
    height, width = regions[0].shape
    if sheet:
        montage = montage_of(regions)
        given = prepare(montage.region, tiled=True)
        views = given.views[1:] if given.tiled else given.views[:1]
        tiles = [(view.pixels, view.box) for view in views]
        shape: tuple[float, float] = montage.region.shape
        how, seen = "on one sheet", montage.region
    else:
        each = [prepare(region, tiled=False) for region in regions]
        columns = layout_of(len(regions), height, width)
        rows = -(-len(regions) // columns)
        gap = _GAP * max(height, width)
        shape = (rows * (height + gap) - gap, columns * (width + gap) - gap)
        tiles = []
        for number, one in enumerate(each):
            top = number // columns * (height + gap) / shape[0]
            left = number % columns * (width + gap) / shape[1]
            box = (top, left, top + height / shape[0], left + width / shape[1])
            tiles.append((one.views[0].pixels, box))
        given, seen, how = each[0], regions[0], "one by one"
    loss = describe_loss(seen, given).partition(":")[0]
    if sheet and not taught:
        loss = _UNTAUGHT
    return Picture(
        tiles,
        shape,
        "\n".join([f"{len(regions)} frames {how}", *(f"{s} each" for s in sizes_of(regions[0]))]),
        loss[:1].upper() + loss[1:],
        seams=not sheet,  # the model's tiles are not those of the frames
    )
