"""Measured sizes in words."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

from ..lengths import in_metres, readable_length
from .seeds import OF_PATTERN

if TYPE_CHECKING:
    from .measurement import Measurement

__all__ = ["DENIED", "errors_said", "pattern_said", "reduction_said", "sizes_said", "summary_of"]

DENIED = "the answer says that there is none"
"""The method where nothing was measured since the answer denies that there is anything."""

_STEPS = ("pm", "nm", "µm", "mm", "m")

_COARSER = 1.05
"""A grid coarser by less is as good as that of the image: a last row may be missing."""

_DIGITS = 4
"""No outline is worth more."""

_LARGEST_AREA = 1e4
"""From this number on an area reads better in the square of the next unit."""


def summary_of(measured: Sequence[Measurement]) -> str:
    """Say what was found in each of some regions, a line each, and once how exact it is.

    Parameters
    ----------
    measured : sequence of Measurement
        Of one answer; listed as they come.
    """
    sizes = [sizes_said(one) for one in measured]
    if measured and all(one.denied for one in measured):
        return sizes[0]
    if len(measured) == 1:
        lines = sizes
    else:
        lines = [
            f"{one.region.label or f'Region {number}'}: {text}"
            for number, (one, text) in enumerate(zip(measured, sizes, strict=True), start=1)
        ]
    every = (note(one) for note in (pattern_said, errors_said, reduction_said) for one in measured)
    notes = list(dict.fromkeys(note for note in every if note))
    if len(lines) == 1:
        return " ".join([*lines, *notes])
    return "\n".join([*lines, *notes])


def sizes_said(measurement: Measurement) -> str:
    """Say in one sentence what was found and how large it is."""
    if measurement.denied:
        return "The answer says that there is none; nothing was measured."
    if not measurement.count:
        return f"No {measurement.what} was found in the region."
    table, unit = measurement.table, _spoken(measurement)
    covered = f"{100 * measurement.coverage:.2g} % of the region"
    largest = table.iloc[int(table["length"].argmax())]
    length = _length(float(largest["length"]), float(largest["length_error"]), unit)
    if measurement.count == 1:
        area = _area(float(largest["area"]), float(largest["area_error"]), unit)
        return f"1 {measurement.what}, {length} long, with an area of {area}, {covered}."
    median = readable_length(float(table["equivalent_diameter"].median()), unit=unit)
    return (
        f"{measurement.count} {_plural(measurement.what)} cover {covered}, their median diameter "
        f"is {median}, and the longest is {length} long."
    )


def pattern_said(measurement: Measurement) -> str:
    """Say that a part of a pattern cannot be told from it by its brightness; empty of others."""
    if not measurement.count or measurement.what not in OF_PATTERN:
        return ""
    return (
        f"A {measurement.what} may be as bright as the pattern around it and be outlined with it: "
        "look at the outlines before you use the sizes."
    )


def errors_said(measurement: Measurement) -> str:
    """Say what the errors hold and what they do not; empty where no size is named."""
    if not measurement.count:
        return ""
    region = measurement.region
    kind = measurement.what
    taken = f"not what was taken for {'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if region.pixel_size is None:
        return f"± is that of the outline, {taken}; the pixel size is not known."
    if region.scale_error is None:
        return f"± is that of the outline, {taken}; ± of the pixel size is not known."
    share = f"{100 * region.scale_error:.2g} %"
    return f"± is that of the outline and of the pixel size ({share}), {taken}."


def reduction_said(measurement: Measurement) -> str:
    """Say how much coarser than the image the grid is; empty where it is not."""
    step = max(measurement.region.shape[0] / measurement.labels.shape[0], 1.0)
    if measurement.denied or step < _COARSER:
        return ""
    return (
        f"Measured on a picture {step:.2g} times coarser than the image; choose a smaller region "
        "for finer detail."
    )


def _spoken(measurement: Measurement) -> str:
    return measurement.unit if measurement.region.pixel_size is not None else "pixels"


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _length(value: float, error: float, unit: str) -> str:
    """Write a length with its uncertainty in one unit, ``"4.120 ± 0.081 µm"``."""
    shown = readable_length(value, unit=unit).partition(" ")[2]
    factor = 1.0 if shown == unit else (in_metres(unit) or 1.0) / (in_metres(shown) or 1.0)
    return f"{_with_error(value * factor, error * factor)} {shown}"


def _area(value: float, error: float, unit: str) -> str:
    """Write an area in the square of the unit that reads best."""
    metres = in_metres(unit)
    if metres is None:
        return f"{_with_error(value, error)} {unit}²"
    for step in _STEPS:
        factor = (metres / (in_metres(step) or 1.0)) ** 2
        if value * factor < _LARGEST_AREA:
            break
    return f"{_with_error(value * factor, error * factor)} {step}²"


def _with_error(value: float, error: float) -> str:
    """Write the error with two digits at most, and the value, of four at most, to its last."""
    if not (isfinite(value) and isfinite(error) and error > 0):
        return f"{value:.3g}"
    places = 1 - floor(log10(float(f"{error:.1e}")))
    if abs(value) > error:
        places = min(places, _DIGITS - 1 - floor(log10(abs(value))))
    error = max(error, 10.0**-places)
    return " ± ".join(f"{round(one, places):.{max(places, 0)}f}" for one in (value, error))
