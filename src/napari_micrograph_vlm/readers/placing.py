"""How a micrograph is laid into a viewer: scale, units and names of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..lengths import in_metres

if TYPE_CHECKING:
    from .micrograph import Axis

__all__ = ["length_unit", "placing"]

NANOMETRES_UP_TO = 10_000.0
"""The longest side in nanometres of a field that is still given in nanometres."""

_TIMES = {"s": "s", "sec": "s", "ms": "ms", "µs": "µs", "us": "µs", "min": "min", "h": "h"}
_ANGLES = {"deg": "deg", "°": "deg", "degree": "deg", "degrees": "deg", "rad": "rad"}


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
        Without ``scale`` and ``units`` where nothing is known of any axis.
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
    steps = [_step(axis, shown) for axis in outer]
    if shown != "pixel" or any(unit != "pixel" for _step, unit in steps):
        keywords["scale"] = (*(step for step, _unit in steps), *size)
        keywords["units"] = (*(unit for _step, unit in steps), shown, shown)
    return keywords


def _step(axis: Axis, shown: str) -> tuple[float, str]:
    """Return the distance of two planes and its unit, a length in that of the picture."""
    if not (math.isfinite(axis.step) and axis.step > 0):
        return 1.0, "pixel"
    unit = axis.unit.strip()
    known = _TIMES.get(unit) or _ANGLES.get(unit)
    if known is not None:
        return axis.step, known
    metres = in_metres(unit) if unit not in ("", "pixel") else None
    if metres is None:
        return 1.0, "pixel"
    step = axis.step * metres * (1e6 if shown == "µm" else 1e9)
    return step, "nm" if shown == "pixel" else shown


def _names(outer: Sequence[Axis]) -> tuple[str, ...]:
    """Return a name for each axis, all different."""
    names: list[str] = []
    for number, axis in enumerate(outer, start=1):
        name = axis.name.strip() or f"axis {number}"
        names.append(f"{name} {number}" if name in (*names, "y", "x") else name)
    return (*names, "y", "x")
