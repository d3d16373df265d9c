"""Findings as rows of a database, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isnan, nan
from typing import Any

import numpy as np

from ..results import AttentionMap
from ..whole_files import printable
from .findings import Finding, Said, Sizes, Status
from .items import Item

__all__ = [
    "APPLICATION",
    "COLUMNS",
    "SCHEMA",
    "VERSION",
    "finding_of_row",
    "map_rows",
    "row_of",
]

APPLICATION = 0x4D56524A
"""Tells our files from other SQLite databases."""

VERSION = 1
"""Of the tables below; goes up when they change."""

SCHEMA = (
    "CREATE TABLE run (whole TEXT NOT NULL)",
    "CREATE TABLE findings ("
    "number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, "
    "status TEXT NOT NULL, error TEXT NOT NULL, best TEXT NOT NULL, probability REAL, "
    "probabilities TEXT NOT NULL, said TEXT NOT NULL, height INTEGER NOT NULL, "
    "width INTEGER NOT NULL, pixel_height REAL, pixel_width REAL, unit TEXT NOT NULL, "
    "seconds REAL NOT NULL, asked TEXT NOT NULL, thumbnail BLOB)",
    "CREATE TABLE maps ("
    "key TEXT NOT NULL, place INTEGER NOT NULL, method TEXT NOT NULL, rows INTEGER NOT NULL, "
    "columns INTEGER NOT NULL, total REAL NOT NULL, shares BLOB NOT NULL, "
    "PRIMARY KEY (key, place))",
    # Apart from the findings: what a person says is no run's to write.
    "CREATE TABLE judgements ("
    "key TEXT PRIMARY KEY, corrected TEXT NOT NULL, reviewed INTEGER NOT NULL)",
)

_NAMES = (
    "key item status error best probability probabilities said height width pixel_height "
    "pixel_width unit seconds asked thumbnail"
)
COLUMNS = tuple(_NAMES.split())

MapRow = tuple[str, int, str, int, int, float, bytes]


def row_of(finding: Finding) -> tuple[Any, ...]:
    """Return what goes into the columns of ``COLUMNS``."""
    size = finding.pixel_size or (None, None)
    probabilities = [[name, _or_none(float(p))] for name, p in finding.probabilities.items()]
    return (
        printable(finding.item.key),
        _json(finding.item.to_dict()),
        str(finding.status),
        printable(finding.error),
        printable(finding.best),
        _or_none(float(finding.probability)),
        _json(probabilities),
        _json(_said_row(finding)),
        *map(int, finding.shape),
        *size,
        finding.unit,
        float(finding.seconds),
        finding.asked,
        finding.thumbnail,
    )


def map_rows(finding: Finding) -> list[MapRow]:
    """Return the maps of a finding as rows: half-precision shares of the largest cell."""
    rows = []
    for place, attention in enumerate(finding.maps):
        total = float(attention.values.sum())
        # Scaled first: a share of a fine grid is smaller than half precision resolves.
        shares = attention.scaled().astype("<f2").tobytes()
        height, width = attention.values.shape
        rows.append(
            (printable(finding.item.key), place, attention.method, height, width, total, shares)
        )
    return rows


def finding_of_row(
    row: Sequence[Any], maps: Sequence[MapRow], judgement: tuple[str, bool]
) -> Finding:
    """Put a finding together again.

    Parameters
    ----------
    row : sequence
        The columns of ``COLUMNS``.
    maps : sequence of rows
        What :func:`map_rows` gave, in the same order.
    judgement : (str, bool)
        The class that a person gave, and whether a person has looked.
    """
    at = dict(zip(COLUMNS, row, strict=True))
    size = at["pixel_height"], at["pixel_width"]
    said, sizes = _said_of(json.loads(at["said"]))
    return Finding(
        item=Item.from_dict(json.loads(at["item"])),
        status=Status(at["status"]),
        error=at["error"],
        best=at["best"],
        probability=_or_nan(at["probability"]),
        probabilities={name: _or_nan(p) for name, p in json.loads(at["probabilities"])},
        said=said,
        maps=tuple(map(_map_of, maps)),
        shape=(at["height"], at["width"]),
        pixel_size=None if None in size else size,
        unit=at["unit"],
        thumbnail=bytes(at["thumbnail"] or b""),
        seconds=at["seconds"],
        asked=at["asked"],
        corrected=judgement[0],
        reviewed=bool(judgement[1]),
        sizes=sizes,
    )


def _said_row(finding: Finding) -> Any:
    """Return answers and sizes ready for JSON: a list of answers alone as far as that will do."""
    said = [
        [
            one.question,
            one.text,
            _or_none(one.confidence),
            *([one.warnings] if one.warnings or one.figures else ()),
            *([one.figures] if one.figures else ()),
        ]
        for one in finding.said
    ]
    if finding.sizes is None:
        return said
    sizes = {
        name: _or_none(value) if isinstance(value, float) else value
        for name, value in vars(finding.sizes).items()
    }
    return {"answers": said, "sizes": sizes}


def _said_of(stored: Any) -> tuple[tuple[Said, ...], Sizes | None]:
    """Return what :func:`_said_row` was made from; journals from before sizes hold a list."""
    answers = stored if isinstance(stored, list) else stored["answers"]
    sizes = None
    if isinstance(stored, dict) and stored.get("sizes"):
        given: dict[str, Any] = {
            name: nan if value is None else value for name, value in stored["sizes"].items()
        }
        sizes = Sizes(**given)
    said = tuple(
        Said(question, text, _or_nan(sure), *map(tuple, more))
        for question, text, sure, *more in answers
    )
    return said, sizes


def _map_of(row: MapRow) -> AttentionMap:
    _key, _place, method, height, width, total, shares = row
    values = np.frombuffer(shares, "<f2").reshape(height, width).astype(np.float32)
    # Rounding must not change how much there is in all.
    scale = total / max(float(values.sum()), 1e-30)
    return AttentionMap(values * np.float32(scale), method)


def _json(value: Any) -> str:
    # Plain ASCII keeps even what is no character as it is.
    return json.dumps(value, ensure_ascii=True)


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value


def _or_nan(value: float | None) -> float:
    return nan if value is None else float(value)
