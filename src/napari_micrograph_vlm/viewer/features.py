"""Classes written to shapes: columns of their feature table, and text drawn on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import RegionError
from ..results import Classification

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = [
    "COLUMNS",
    "CORRECTED",
    "corrections",
    "has_kept_text",
    "has_user_text",
    "label_columns",
    "labels_in",
    "restore_text",
    "write_classification",
    "write_labels",
]

COLUMNS: dict[str, Any] = {
    "vlm_class": "",
    "vlm_probability": np.nan,
    "vlm_text": "",
    "vlm_model": "",
    "vlm_asked": "",
}
"""Our columns and what a shape that was not classified has in them."""

CORRECTED = "vlm_corrected"
"""The column with the class that a person gave in place of the model's; no run writes to it."""

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
        What a person corrected stays, and is what is drawn.
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
    table = _with_columns(shapes.features, COLUMNS)
    said = corrections(shapes)
    for column, values in _values(classification).items():
        if column == "vlm_text":
            values = [said.get(i) or text for i, text in zip(indices, values, strict=True)]
        _fill(table, column, indices, values)
    _set_features(shapes, table, COLUMNS)
    if replace_text or not has_user_text(shapes):
        _set_text(shapes)


def write_labels(shapes: Shapes, labels: Mapping[int, str], column: str = CORRECTED) -> None:
    """Write the class that a person gives to some shapes; all others keep what they have.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Where they were drawn.
    labels : mapping of int to str
        Class by number of the shape; empty: none.
    column : str
        Feature to write to; in :data:`CORRECTED` it replaces the model's class where that is drawn.

    Raises
    ------
    RegionError
        If a shape has been removed.
    """
    if any(not 0 <= i < shapes.nshapes for i in labels):
        raise RegionError(f"A shape of “{shapes.name}” was removed meanwhile; choose again.")
    new = {column: ""}
    table = _with_columns(shapes.features, new)
    _fill(table, column, list(labels), list(labels.values()))
    if column == CORRECTED and "vlm_text" in table:
        _fill(
            table,
            "vlm_text",
            list(labels),
            [name or _model_text(table, i) for i, name in labels.items()],
        )
    _set_features(shapes, table, new)


def label_columns(shapes: Shapes) -> list[str]:
    """Return the features that can hold a class that a person gave."""
    table = shapes.features
    return [
        str(column)
        for column in table.columns
        if str(column) not in COLUMNS and not pd.api.types.is_float_dtype(table[column])
    ]


def labels_in(shapes: Shapes, column: str) -> dict[int, str]:
    """Return the class that each shape has in a feature, where it has one, by its number."""
    table = shapes.features
    if column not in table:
        return {}
    cells = table[column].astype(object).where(table[column].notna(), "")
    return {i: name for i, cell in enumerate(cells) if (name := str(cell).strip())}


def corrections(shapes: Shapes) -> dict[int, str]:
    """Return the classes that a person gave in place of the model's, by number of the shape."""
    return labels_in(shapes, CORRECTED)


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
    texts = [_text(name, p) for name, p in zip(names, probabilities, strict=True)]
    at = classification.provenance
    n = len(texts)
    columns = (names, probabilities, texts, [at.model] * n, [at.asked] * n)
    return dict(zip(COLUMNS, columns, strict=True))


def _text(name: str, probability: float) -> str:
    return f"{name} {probability:.2f}"


def _model_text(table: pd.DataFrame, i: int) -> str:
    name = table["vlm_class"].iloc[i]
    return _text(name, float(table["vlm_probability"].iloc[i])) if name else ""


def _fill(table: pd.DataFrame, column: str, places: Sequence[int], values: Sequence[Any]) -> None:
    # A whole column at once: cell by cell, hundreds of shapes would freeze the window.
    cells = table[column].to_numpy(copy=True)
    cells[list(places)] = values
    table[column] = cells


def _set_features(shapes: Shapes, table: pd.DataFrame, empty: Mapping[str, Any]) -> None:
    """Set the features, leaving a shape drawn next without a class."""
    defaults = shapes.feature_defaults.copy()
    shapes.features = table
    ours = {**COLUMNS, CORRECTED: "", **empty}
    # napari takes the last row as the default, and a shape drawn next would inherit its class.
    shapes.feature_defaults = {
        column: ours[column] if column in ours else defaults[column].iloc[0]
        for column in table.columns
    }


def _set_text(shapes: Shapes) -> None:
    if not _is_ours(shapes):
        # As plain values: napari changes the text's own objects in place.
        shapes.metadata[_KEPT] = shapes.text.model_dump()
    shapes.text = {"string": _TEXT, **_STYLE}


def _is_ours(shapes: Shapes) -> bool:
    return bool(shapes.text.string.model_dump().get("format") == _TEXT)


def _with_columns(features: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    table = features.copy()
    for column, empty in columns.items():
        kind = float if isinstance(empty, float) else object
        if column in table:
            values = table[column]
            if kind is object:
                values = values.astype(object).where(values.notna(), empty)
            table[column] = values.astype(kind)
        else:
            table[column] = pd.Series([empty] * len(table), index=table.index, dtype=kind)
    return table
