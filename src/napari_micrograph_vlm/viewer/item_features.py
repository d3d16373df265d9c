"""What a run found, written beside the shapes and labels that it looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from napari.layers import Labels, Shapes

from ..runs.findings import Finding, Run, Status
from .features import COLUMNS, CORRECTED, write_labels
from .region_shapes import shape_indices

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["write_correction", "write_findings"]

_EMPTY: dict[str, Any] = {**COLUMNS, CORRECTED: ""}


def write_correction(viewer: ViewerModel, finding: Finding) -> None:
    """Write what a person said of an item beside its shape or label, if that is still there."""
    shape_id, label = finding.item.shape_id or "", finding.item.label
    for layer in list(viewer.layers):
        if isinstance(layer, Shapes) and shape_id.startswith(_prefix(layer)):
            (at,) = shape_indices(layer, [shape_id])
            if at is not None:
                write_labels(layer, {at: finding.corrected})
        elif (
            isinstance(layer, Labels) and label is not None and shape_id.startswith(_prefix(layer))
        ):
            _write_labels(layer, {label: finding}, None, correct=True)


def write_findings(viewer: ViewerModel, findings: Sequence[Finding], run: Run | None) -> int:
    """Write classes beside the shapes and labels that were looked at.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its layers are searched for the shapes and labels; those that went are left out.
    findings : sequence of Finding
        Those that were skipped are left out.
    run : Run or None
        What looked; None keeps the model that is written already.

    Returns
    -------
    int
        How many shapes and labels were found again.
    """
    found = [one for one in findings if one.status is Status.DONE and one.item.shape_id]
    written = 0
    for layer in list(viewer.layers):
        if isinstance(layer, Shapes):
            mine = [one for one in found if (one.item.shape_id or "").startswith(_prefix(layer))]
            places = shape_indices(layer, [one.item.shape_id for one in mine])
            rows = {at: one for at, one in zip(places, mine, strict=True) if at is not None}
            if rows:
                _write_shapes(layer, rows, run)
        elif isinstance(layer, Labels):
            mine = _of(layer, found)
            rows = {one.item.label: one for one in mine if one.item.label is not None}
            if rows:
                _write_labels(layer, rows, run)
        else:
            continue
        written += len(rows)
    return written


def _prefix(layer: Shapes | Labels) -> str:
    kind = "shape" if isinstance(layer, Shapes) else "label"
    return f"{kind}:{layer.unique_id}:"


def _of(layer: Shapes | Labels, findings: Sequence[Finding]) -> list[Finding]:
    prefix = _prefix(layer)
    return [one for one in findings if (one.item.shape_id or "").startswith(prefix)]


def _write_shapes(layer: Shapes, rows: dict[int, Finding], run: Run | None) -> None:
    defaults = layer.feature_defaults.copy()
    table = layer.features.copy()
    _fill(table, list(rows), list(rows.values()), run)
    layer.features = table
    # napari takes the last row as the default, and a shape drawn next would inherit its class.
    layer.feature_defaults = {
        name: _EMPTY[name] if name in _EMPTY else defaults[name].iloc[0] for name in table.columns
    }


def _write_labels(
    layer: Labels, rows: dict[int, Finding], run: Run | None, *, correct: bool = False
) -> None:
    table = layer.features.copy()
    # napari finds a label's row by this column.
    if "index" not in table:
        table["index"] = range(len(table))
    known = {int(label): at for at, label in enumerate(table["index"])}
    new = sorted(label for label in rows if label not in known)
    if new:
        known.update({label: len(table) + at for at, label in enumerate(new)})
        table = pd.concat([table, pd.DataFrame({"index": new})], ignore_index=True)
    _fill(table, [known[label] for label in rows], list(rows.values()), run, correct=correct)
    layer.features = table


def _fill(
    table: pd.DataFrame,
    places: list[int],
    findings: list[Finding],
    run: Run | None,
    *,
    correct: bool = False,
) -> None:
    for name, empty in _EMPTY.items():
        kind = float if isinstance(empty, float) else object
        if name not in table:
            table[name] = pd.Series([empty] * len(table), index=table.index, dtype=kind)
        elif kind is object:
            table[name] = table[name].astype(object).where(table[name].notna(), empty)
    said = table[CORRECTED].to_numpy(copy=True)
    for at, one in zip(places, findings, strict=True):
        # No run takes back what a person said.
        if one.corrected or correct:
            said[at] = one.corrected
    values: dict[str, list[Any]] = {
        "vlm_class": [one.best for one in findings],
        "vlm_probability": [one.probability for one in findings],
        "vlm_text": [
            str(said[at]) or _text_of(one) for at, one in zip(places, findings, strict=True)
        ],
        "vlm_asked": [one.asked for one in findings],
    }
    if run is not None:
        values["vlm_model"] = [run.model] * len(findings)
    for name, cells in values.items():
        # A whole column at once: cell by cell, thousands of objects would freeze the window.
        column = table[name].to_numpy(copy=True)
        column[places] = cells
        table[name] = column
    table[CORRECTED] = said


def _text_of(finding: Finding) -> str:
    return f"{finding.best} {finding.probability:.2f}" if finding.best else ""
