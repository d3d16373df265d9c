"""What an information bar says: pixel size from its scale bar, and how the picture was taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from . import ocr
from .find import InformationBar
from .matching import mark_in_bar, mark_in_picture
from .strips import grey
from .text import Box, Settings, Word, settings_in
from .ticks import Mark

__all__ = ["BarReading", "ReadText", "read_bar"]

ReadText = Callable[[NDArray[Any]], Sequence[Word]]

_MOST_READ = 4096
# Width of the picture on the maker's screen or print, in nanometres: what a magnification is of.
_SCREEN = (3e7, 2e9)


@dataclass(frozen=True)
class BarReading:
    """What a bar says; None where it does not, or where it could not be read.

    Attributes
    ----------
    length_px, length_error_px : float or None
        Length of the scale bar in pixels of the picture, and by how much it may be wrong.
    length_nm : float or None
        The length written at it.
    pixel_size_nm : float or None
        Width of a pixel.
    pixel_size_error : float or None
        Its relative uncertainty, 0.02 for 2 %.
    voltage_kv, working_distance_mm, magnification : float or None
        As in :class:`..metadata.Instrument`.
    field_width_nm : float or None
        Width of the whole picture, where it is written.
    words : tuple of Word
        All that was read, with boxes in pixels of the picture.
    scale_box : (float, float, float, float) or None
        Where the scale bar is: ``y0, x0, y1, x1``.
    """

    length_px: float | None = None
    length_error_px: float | None = None
    length_nm: float | None = None
    pixel_size_nm: float | None = None
    pixel_size_error: float | None = None
    voltage_kv: float | None = None
    working_distance_mm: float | None = None
    magnification: float | None = None
    field_width_nm: float | None = None
    words: tuple[Word, ...] = ()
    scale_box: Box | None = None


def read_bar(
    image: Any, bar: InformationBar | None, *, read_text: ReadText | None = None
) -> BarReading:
    """Read an information bar, or the scale bar burnt into a picture without one.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array-like
        The whole picture, with its bar.
    bar : InformationBar or None
        From :func:`.find.find_bar`; None to look for a scale bar in the picture itself.
    read_text : callable, optional
        Given an (H, W) array, returns its words. Default: the extra ``ocr`` where it is
        installed; without it the scale bar's length in pixels is all that is found.
    """
    height, width = int(image.shape[0]), int(image.shape[1])
    if bar is None and max(height, width) > _MOST_READ:
        return BarReading()
    top = 0 if bar is None else bar.rows[0]
    pixels = grey(image[slice(*bar.rows)] if bar is not None else image[:height])
    if read_text is None and ocr.installed():
        read_text = ocr.read_words
    here = () if read_text is None else tuple(read_text(pixels))
    settings = settings_in(here)
    if bar is None:
        found = mark_in_picture(pixels, settings)
    else:
        ink = (pixels - bar.ground) / ((bar.ink - bar.ground) or 1)
        found = mark_in_bar(ink, settings, here)
    return _reading(found, settings, tuple(word.moved(top, 0) for word in here), width, top)


def _reading(
    found: tuple[Mark, float | None] | None,
    settings: Settings,
    words: tuple[Word, ...],
    width: int,
    top: int,
) -> BarReading:
    length = error = nm = size = wrong = box = None
    if found is not None:
        mark, nm = found
        length, error = mark.length, mark.error
        y0, x0, y1, x1 = mark.box
        box = (y0 + top, x0, y1 + top, x1)
        if nm is not None:
            size, wrong = nm / length, error / length
    of_field = None if settings.field_width_nm is None else settings.field_width_nm / width
    times = settings.magnification
    if size is not None and wrong is not None and of_field is not None:
        # Two statements: as far apart as they are is how wrong either may be.
        apart = abs(of_field / size - 1)
        if apart > 0.25:
            size = wrong = nm = None
        else:
            wrong = max(apart, 0.005)
    elif size is not None and times and not _SCREEN[0] <= size * width * times <= _SCREEN[1]:
        size = wrong = nm = None  # nm read for µm, or the other way round
    elif size is None and of_field is not None:
        # A picture that was cropped after the bar was written would be wrong; the user confirms.
        size, wrong = of_field, 0.02
    return BarReading(
        length,
        error,
        nm,
        size,
        wrong,
        settings.voltage_kv,
        settings.working_distance_mm,
        settings.magnification,
        settings.field_width_nm,
        words,
        box,
    )
