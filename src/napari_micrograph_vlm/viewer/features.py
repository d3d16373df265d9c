"""Classes written to shapes: columns of their feature table, and text drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import RegionError
from ..results import Classification

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = ["COLUMNS", "has_kept_text", "has_user_text", "restore_text", "write_classification"]

COLUMNS: dict[str, Any] = {
    "vlm_class": "",
    "vlm_probability": np.nan,
    "vlm_text": "",
    "vlm_model": "",
    "vlm_asked": "",
}
"""Our columns and what a shape that was not classified has in them."""

_TEXT = "{vlm_text}"
_KEPT = "micrograph_vlm_text"
# In the centre, as napari draws it outside at the corners: there a light canvas may be.
_STYLE = {"size": 12, "color": "yellow", "anchor": "center", "translation": 0, "rotation": 0}


def write_classification(
    shapes: Shapes, indices: Sequence[int], classification: Classification, *, replace_text: bool
) -> None:
    """Write the best class of each region to its shape.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Where the regions were drawn.
    indices : sequence of int
        The shape of each region, in the order of the regions (see ``shape_index``). All other
        shapes keep what they have.
    classification : Classification
        One row for each index.
    replace_text : bool
        Whether to draw the classes on the shapes even where the user had set another text; it
        is kept and :func:`restore_text` brings it back. A layer without text always gets ours.

    Raises
    ------
    RegionError
        If a shape has been removed, or the numbers of shapes and classes differ.
    """
    if len(indices) != len(classification):
        raise RegionError(
            f"There are {len(classification)} classes for {len(indices)} shapes; classify again."
        )
    if any(not 0 <= i < shapes.nshapes for i in indices):
        raise RegionError(f"A shape of “{shapes.name}” was removed meanwhile; classify again.")
    defaults = shapes.feature_defaults.copy()
    table = _with_columns(shapes.features)
    for column, values in _values(classification).items():
        # A whole column at once: cell by cell, hundreds of shapes would freeze the window.
        cells = table[column].to_numpy(copy=True)
        cells[list(indices)] = values
        table[column] = cells
    shapes.features = table
    # napari takes the last row as the default, and a shape drawn next would inherit its class.
    shapes.feature_defaults = {
        column: COLUMNS[column] if column in COLUMNS else defaults[column].iloc[0]
        for column in table.columns
    }
    if replace_text or not has_user_text(shapes):
        _set_text(shapes)


def has_user_text(shapes: Shapes) -> bool:
    """Whether the shapes carry a text that is not ours."""
    string = shapes.text.string.model_dump()
    nothing = "constant" in string and not str(string["constant"])
    return not nothing and not _is_ours(shapes)


def has_kept_text(shapes: Shapes) -> bool:
    """Whether our text is shown in place of one that the user had."""
    kept = shapes.metadata.get(_KEPT)
    if kept is None or has_user_text(shapes):
        return False
    return "constant" not in kept["string"] or bool(str(kept["string"]["constant"]))


def restore_text(shapes: Shapes) -> None:
    """Put back the text that the user had before ours; does nothing where ours is not shown."""
    kept = shapes.metadata.pop(_KEPT, None)
    if _is_ours(shapes):
        shapes.text = kept


def _values(classification: Classification) -> dict[str, Any]:
    """Return what is written in each of our columns, one value a region."""
    names = classification.best
    probabilities = classification.probabilities.max(axis=1).astype(float)
    texts = [f"{name} {p:.2f}" for name, p in zip(names, probabilities, strict=True)]
    at = classification.provenance
    n = len(texts)
    columns = (names, probabilities, texts, [at.model] * n, [at.asked] * n)
    return dict(zip(COLUMNS, columns, strict=True))


def _set_text(shapes: Shapes) -> None:
    if not _is_ours(shapes):
        # As plain values: napari changes the text's own objects in place.
        shapes.metadata[_KEPT] = shapes.text.model_dump()
    shapes.text = {"string": _TEXT, **_STYLE}


def _is_ours(shapes: Shapes) -> bool:
    return bool(shapes.text.string.model_dump().get("format") == _TEXT)


def _with_columns(features: pd.DataFrame) -> pd.DataFrame:
    table = features.copy()
    for column, empty in COLUMNS.items():
        kind = float if isinstance(empty, float) else object
        if column in table:
            values = table[column]
            table[column] = (values if kind is float else values.fillna("")).astype(kind)
        else:
            table[column] = pd.Series([empty] * len(table), index=table.index, dtype=kind)
    return table
