"""A scale bar of a round length."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10

from ..lengths import in_metres, readable_length
from ..regions import Region

__all__ = ["ScaleBar", "scale_bar"]

_ROUND = (5, 2, 1)
_PREFIXES = ("m", "mm", "µm", "nm", "pm")
_ROOM = 1 / 3
"""The longest bar, as a share of the picture's width."""


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar.

    Attributes
    ----------
    share : float
        Its length as a share of the picture's width.
    text : str
        Its length as people write it, such as ``"200 nm"``.
    """

    share: float
    text: str


def scale_bar(region: Region, room: float = _ROOM) -> ScaleBar | None:
    """Return a bar of 1, 2 or 5 times a power of ten, the longest that there is room for.

    Parameters
    ----------
    region : Region
        What it lies on.
    room : float
        Longest bar as a share of the region's width.

    Returns
    -------
    ScaleBar or None
        None where the pixel size is not known.
    """
    if region.pixel_size is None or region.unit in ("", "pixel", "px"):
        return None
    width = region.shape[1] * region.pixel_size[1]
    if not (isfinite(width) and width > 0):
        return None
    unit, metres = region.unit, in_metres(region.unit)
    # Round in the unit it is written in: 0.05 inch is no round length in millimetres.
    factor = 1.0
    if metres is not None:
        most = width * metres * room
        unit = next((each for each in _PREFIXES if most >= (in_metres(each) or 1.0)), "pm")
        factor = metres / (in_metres(unit) or 1.0)
    span = width * factor
    power = floor(log10(span * room))
    # A hair more than fits is let in: 0.1 + 0.2 is not 0.3.
    length = next(r * 10.0**power for r in _ROUND if r * 10.0**power <= span * room * (1 + 1e-9))
    return ScaleBar(length / span, readable_length(length, unit=unit))
