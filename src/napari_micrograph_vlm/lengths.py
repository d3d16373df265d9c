"""Lengths as people write them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["in_metres", "readable_length"]

_STEPS = ("pm", "nm", "µm", "mm", "m")

_NO_LENGTHS = frozenset(("px", "pixel", "pixels", "point", "points", "dot", "dots"))
"""Of pictures; pint takes some for lengths on paper."""


def readable_length(*values: float, unit: str, digits: int = 3) -> str:
    """Write lengths in the unit that reads best, ``"1.12 × 0.84 µm"``.

    Parameters
    ----------
    *values : float
        Lengths in ``unit``; several are joined by a multiplication sign.
    unit : str
        Their unit, such as ``"nm"``. One that is not a length is written as it is.
    digits : int
        Significant digits of the largest.
    """
    metres = in_metres(unit)
    largest = max(map(abs, values))
    if metres is not None and largest > 0:
        for step in _STEPS:
            factor = metres / (in_metres(step) or 1.0)
            # 999.6 would round to 1000: the next unit reads better.
            if float(f"{largest * factor:.{digits}g}") < 1000:
                break
        values, unit = tuple(value * factor for value in values), step
    return " × ".join(_plain(value, digits) for value in values) + f" {unit}"


def _plain(value: float, digits: int) -> str:
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"


@lru_cache(maxsize=64)
def in_metres(unit: str) -> float | None:
    """Return how many metres a unit is; None where it is no length."""
    if unit in _NO_LENGTHS:
        return None
    registry = _registry()
    try:
        return float(registry.Quantity(1, unit).to("m").magnitude)
    except Exception:  # pint raises several kinds for what is no length
        return None


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.get_application_registry()  # type: ignore[no-untyped-call]
