"""The columns of a table of findings, and the type of each."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from ..whole_files import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIGURES", "FIRST", "LAST", "SIZES", "SURE", "WARNINGS", "typed"]

SURE = " (confidence)"
"""Ends the name of the column with how sure an answer is."""

_WHOLE = ("y0", "x0", "y1", "x1", "label", "height_px", "width_px")
_REAL = (
    "probability", "uncertainty", "height", "width", "pixel_height", "pixel_width", "seconds",
)  # fmt: skip
_TRUE_OR_FALSE = ("corrected", "reviewed")
FIRST = (
    "source", "plane", "y0", "x0", "y1", "x1", "label", "class", "model_class", "probability",
    "corrected", "reviewed",
)  # fmt: skip
SIZES = (
    "object", "objects", "coverage", "objects_area", "objects_diameter", "longest",
    "longest_error",
)  # fmt: skip
"""Of a run that measures: what, how many, their share of the item, their area together, their
median equivalent diameter and the length of the longest with its uncertainty, in ``unit``."""
WARNINGS = "warnings"
"""What to doubt of the answers; of a run with questions."""
FIGURES = "figures"
"""Figures of papers beside the answers, with paper and page; of a run that cites."""
LAST = (
    "uncertainty", "height_px", "width_px", "height", "width", "pixel_height", "pixel_width",
    "unit", "status", "error", "seconds", "asked", "model", "revision", "same_as",
    "key",
)  # fmt: skip


def typed(cells: dict[str, Sequence[Any]]) -> pd.DataFrame:
    """Make a table whose columns have the same type whatever is missing in them."""
    import pandas as pd

    made: dict[str, Any] = {}
    # A question may have one of these names where nothing was measured.
    measured = SIZES if set(SIZES) <= set(cells) else ()
    for name, values in cells.items():
        sure = name.endswith(SURE) and name[: -len(SURE)] in cells
        chance = name.startswith("p(") and name.endswith(")") and name + SURE not in cells
        if name in _TRUE_OR_FALSE:
            made[name] = pd.array([v in (True, "True") for v in values], dtype="bool")
        elif name in _WHOLE or (name == "objects" and measured):
            whole = [None if v in (None, "") else int(v) for v in values]
            made[name] = pd.array(whole, dtype="Int64")
        elif name in _REAL or name in measured[2:] or sure or chance:
            real = [nan if v in (None, "") else float(v) for v in values]
            made[name] = pd.array(real, dtype="float64")
        else:
            text = ["" if v is None else printable(str(v)) for v in values]
            made[name] = pd.array(text, dtype="str")
    return pd.DataFrame(made)
