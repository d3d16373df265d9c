"""From what an information bar says to a pixel size that a person can confirm or mend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from ..lengths import in_metres, readable_length

if TYPE_CHECKING:
    from .bar import BarReading

__all__ = ["UNITS", "ScaleProposal", "is_plausible", "per_pixel", "propose", "uncertainty"]

UNITS = ("nm", "µm", "mm", "Å")
"""In which lengths are given; the first that reads well is proposed."""

_PLAUSIBLE_NM = 1e-3, 1e6
"""From a tenth of the finest an electron microscope resolves to coarser than any camera's."""

_TYPED_ERROR_PX = 1.0
"""Uncertainty in pixels of a length whose ends were not measured."""


@dataclass(frozen=True)
class ScaleProposal:
    """So long is so many pixels.

    Attributes
    ----------
    what : str
        What was measured: ``"Scale bar"`` or ``"Image width"``.
    pixels : float
        Its length in pixels.
    length, unit : float or None, str
        What is written at it; None where that could not be read.
    error : float or None
        Relative uncertainty of the pixel size, where the text is right.
    """

    what: str
    pixels: float
    length: float | None = None
    unit: str = "nm"
    error: float | None = None

    @property
    def pixel_size_nm(self) -> float | None:
        """Width of a pixel in nanometres; None as long as nobody knows the length."""
        metres = in_metres(self.unit)
        if self.length is None or metres is None or not 0 < self.length < float("inf"):
            return None
        return self.length * metres * 1e9 / self.pixels

    def with_length(self, length: float | None, unit: str) -> ScaleProposal:
        """Return the same with another length, as a person corrected it."""
        return replace(self, length=length, unit=unit)


def propose(reading: BarReading, width: int) -> ScaleProposal | None:
    """Return what a reading lets us propose; None where it measured nothing.

    Parameters
    ----------
    reading : BarReading
        What was read.
    width : int
        Of the picture in pixels.
    """
    pixels = reading.length_px
    if pixels is not None and isfinite(pixels) and pixels > 0:
        wrong = _TYPED_ERROR_PX if reading.length_error_px is None else reading.length_error_px
        error = reading.pixel_size_error
        length, unit = _readable(reading.length_nm)
        return ScaleProposal(
            "Scale bar", pixels, length, unit, wrong / pixels if error is None else error
        )
    if reading.field_width_nm is not None and reading.field_width_nm > 0 and width > 0:
        length, unit = _readable(reading.field_width_nm)
        return ScaleProposal("Image width", float(width), length, unit, reading.pixel_size_error)
    return None


def per_pixel(nanometres: float) -> str:
    """Write a pixel size as instruments do: ``"0.541 nm per pixel"``."""
    # Not in pm: nobody says how large a picture is in picometres.
    if 0.01 <= nanometres < 999.5:
        return f"{nanometres:.3g} nm per pixel"
    return f"{readable_length(nanometres, unit='nm')} per pixel"


def is_plausible(nanometres: float) -> bool:
    """Whether a microscope can give a pixel of that width."""
    return _PLAUSIBLE_NM[0] <= nanometres <= _PLAUSIBLE_NM[1]


def uncertainty(error: float | None) -> str:
    """Write a relative uncertainty behind a pixel size, ``" (± 2.7 %)"``; empty: not known."""
    # No-break spaces: a line never begins with the sign.
    return "" if error is None else f" (±\u00a0{100 * error:.2g}\u00a0%)"


def _readable(nanometres: float | None) -> tuple[float | None, str]:
    if nanometres is None or not isfinite(nanometres) or nanometres <= 0:
        return None, UNITS[0]
    for unit, factor in (("mm", 1e6), ("µm", 1e3)):
        if nanometres >= factor:
            return float(f"{nanometres / factor:.6g}"), unit
    return float(f"{nanometres:.6g}"), "nm"
