"""How a micrograph is laid into a viewer: scale, units and names of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..lengths import in_metres

if TYPE_CHECKING:
    from .micrograph import Axis

__all__ = ["ANGLES", "TIMES", "length_unit", "placing", "steps_of"]

NANOMETRES_UP_TO = 10_000.0
"""The longest side in nanometres of a field that is still given in nanometres."""

TIMES = {"s": "s", "sec": "s", "ms": "ms", "µs": "µs", "us": "µs", "min": "min", "h": "h"}
ANGLES = {"deg": "deg", "°": "deg", "degree": "deg", "degrees": "deg", "rad": "rad"}
"""How files write units that are no lengths -> how a viewer does."""


def length_unit(pixel_size_nm: tuple[float, float], shape: tuple[int, int]) -> str:
    """Return ``"nm"`` or ``"µm"``, in which positions in a picture read well."""
    longest = max(size * n for size, n in zip(pixel_size_nm, shape, strict=True))
    return "nm" if longest < NANOMETRES_UP_TO else "µm"


def placing(
    pixel_size: tuple[float, float] | None,
    unit: str,
    shape: tuple[int, int],
    outer: Sequence[Axis] = (),
) -> dict[str, Any]:
    """Return ``scale``, ``units`` and ``axis_labels`` of a napari layer.

    An axis before rows and columns has their unit where both are lengths, else ``"pixel"``:
    napari draws all layers without units as soon as an axis is seconds in one and planes in
    another, and nanometres would then be as large as micrometres.

    Parameters
    ----------
    pixel_size, unit
        As of a :class:`.MicrographFile`.
    shape : (int, int)
        Height and width in pixels.
    outer : sequence of Axis
        The axes before rows and columns.

    Returns
    -------
    dict
        Without ``scale`` and ``units`` where the pixel size is not known.
    """
    keywords: dict[str, Any] = {"axis_labels": _names(outer)}
    metres = in_metres(unit) if pixel_size is not None else None
    shown, size = "pixel", (1.0, 1.0)
    if pixel_size is not None and metres is not None:
        factor = metres * 1e9
        size = (pixel_size[0] * factor, pixel_size[1] * factor)
        shown = length_unit(size, shape)
        if shown == "µm":
            size = (size[0] / 1e3, size[1] / 1e3)
    if shown != "pixel":
        steps = [_step(axis, shown) for axis in outer]
        keywords["scale"] = (*(step for step, _unit in steps), *size)
        keywords["units"] = (*(unit for _step, unit in steps), shown, shown)
    return keywords


def steps_of(outer: Sequence[Axis]) -> dict[str, tuple[float, str]]:
    """Return the distance of two planes and its unit under the name of each axis that has one."""
    return {
        name: (axis.step, unit)
        for name, axis in zip(_names(outer), outer, strict=False)
        if (unit := _unit(axis))
    }


def _unit(axis: Axis) -> str:
    """Return the unit of a distance that is known; else nothing."""
    unit = axis.unit.strip()
    if not (math.isfinite(axis.step) and axis.step > 0) or unit in ("", "pixel"):
        return ""
    return TIMES.get(unit) or ANGLES.get(unit) or (unit if in_metres(unit) is not None else "")


def _step(axis: Axis, shown: str) -> tuple[float, str]:
    """Return the distance of two planes in the picture's unit, or 1 plane."""
    metres = in_metres(unit) if (unit := _unit(axis)) else None
    if metres is None:
        return 1.0, "pixel"
    return axis.step * metres * (1e6 if shown == "µm" else 1e9), shown


def _names(outer: Sequence[Axis]) -> tuple[str, ...]:
    """Return a name for each axis, all different."""
    names: list[str] = []
    for number, axis in enumerate(outer, start=1):
        name = axis.name.strip() or f"axis {number}"
        names.append(f"{name} {number}" if name in (*names, "y", "x") else name)
    return (*names, "y", "x")
