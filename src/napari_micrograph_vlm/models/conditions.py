"""How large what a picture shows is, and how it was taken, said to a model in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from ..lengths import in_metres, readable_length

if TYPE_CHECKING:
    from ..readers.metadata import Instrument
    from ..regions import Region

__all__ = ["conditions_of", "told_to"]

ROUGH = 0.02
"""From this relative uncertainty of the pixel size on, lengths are called approximate."""

# A file's own words go to a model: letters and numbers, and no more of them than a name needs.
_NO_NAME = re.compile(r"[^\w .,+/()-]")
_LONGEST_NAME = 32


def conditions_of(regions: Sequence[Region]) -> str:
    """Return what is known of scale and instrument.

    Parameters
    ----------
    regions : sequence of Region
        In the order in which the model is given them.

    Returns
    -------
    str
        One sentence with field of view, pixel size, voltage, working distance, magnification and
        detector, as far as they are known, such as ``"The picture shows 1.12 × 0.84 µm (width ×
        height; one pixel of the original is 0.543 nm)."`` Empty where nothing is known.
    """
    facts = [(_size(region), _settings(region.instrument)) for region in regions]
    if not any(size or taken for size, taken in facts):
        return ""
    if len(set(facts)) == 1:
        clauses = [_clause("each picture" if len(facts) > 1 else "the picture", *facts[0])]
    else:
        alike = len({taken for _, taken in facts}) == 1
        names = [region.label or f"picture {n}" for n, region in enumerate(regions, start=1)]
        clauses = [
            _clause(_name(name), size, "" if alike else taken)
            for name, (size, taken) in zip(names, facts, strict=True)
        ]
        if alike and facts[0][1]:
            clauses.append(f"all were taken with {facts[0][1]}")
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def told_to(model: object, regions: Sequence[Region]) -> str:
    """Return what a model is told of the conditions; empty for models that are told nothing.

    The bundled student is told nothing: it writes lengths as shares of the picture, and what
    they are in nanometres is computed.
    """
    return conditions_of(regions) if getattr(model, "takes_conditions", False) else ""


def _clause(subject: str, size: str, taken: str) -> str:
    said = [f"shows {size}"] if size else []
    said += [f"was taken with {taken}"] if taken else []
    return f"{subject} {' and '.join(said)}" if said else f"the scale of {subject} is not known"


def _size(region: Region) -> str:
    """Return the field of view and the size of a pixel; empty where they are not known."""
    if region.pixel_size is None or in_metres(region.unit) is None:
        return ""
    down, across = region.pixel_size
    height, width = (n * size for n, size in zip(region.shape, region.pixel_size, strict=True))
    if not all(_is_positive(value) for value in (down, across, height, width)):
        return ""
    unit = region.unit
    alike = abs(down - across) <= 1e-3 * max(down, across)
    pixel = readable_length(*([across] if alike else [across, down]), unit=unit)
    about = "about " if (region.scale_error or 0.0) >= ROUGH else ""
    return (
        f"{about}{readable_length(width, height, unit=unit)} (width × height; one pixel of the "
        f"original is {about}{pixel})"
    )


def _settings(instrument: Instrument | None) -> str:
    """Return how the picture was taken, ``"an accelerating voltage of 20 kV and …"``."""
    if instrument is None:
        return ""
    said = []
    if _is_positive(instrument.voltage_kv):
        said.append(f"an accelerating voltage of {instrument.voltage_kv:.4g} kV")
    if _is_positive(instrument.working_distance_mm):
        said.append(f"a working distance of {instrument.working_distance_mm:.3g} mm")
    if _is_positive(instrument.magnification):
        said.append(f"a magnification of {instrument.magnification:,.0f}×")
    if instrument.detector and (name := _name(instrument.detector)):
        said.append(f"the detector {name}")
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def _is_positive(value: float | None) -> bool:
    return value is not None and isfinite(value) and value > 0


def _name(text: str) -> str:
    """Return a name from a file without what could mean something else to a model."""
    return " ".join(_NO_NAME.sub(" ", text).split())[:_LONGEST_NAME].strip()
