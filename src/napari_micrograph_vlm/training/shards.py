"""Backbone features on disk: the frozen part of the student runs once for each picture.

A shard is three files: ``NAME.npy`` with the tokens of all its pictures (T, F) float16,
``NAME.masks.npy`` with packed masks, and ``NAME.json``, written last, with the rest. A training
that was stopped finds the finished ones again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import DefectFact, Facts, Mask, on_grid

__all__ = ["GRID", "Picture", "ViewGrid", "read_shards", "token_shares", "write_shard"]

GRID = 96
"""Masks are kept on a grid of so many cells a side: eight to a token of a square view."""


@dataclass(frozen=True)
class ViewGrid:
    """The tokens of one view.

    Attributes
    ----------
    rows, columns : int
        Tokens along its sides.
    box : (float, float, float, float)
        The part of the region it shows: y0, x0, y1, x1 from 0 to 1.
    """

    rows: int
    columns: int
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return self.rows * self.columns


@dataclass(frozen=True, eq=False)
class Picture:
    """One region in the cache.

    Attributes
    ----------
    features : (N, F) float16 array
        Tokens of all its views, mapped from disk.
    views : tuple of ViewGrid
        The whole first, then its tiles.
    facts : Facts
        With masks on a grid of ``GRID`` by ``GRID`` cells.
    """

    features: NDArray[np.float16]
    views: tuple[ViewGrid, ...]
    facts: Facts

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.features)


def write_shard(folder: Path, name: str, pictures: Iterable[Picture]) -> None:
    """Write pictures to ``folder`` under ``name``; masks may be of any size."""
    masks: list[Mask] = []
    records, features = [], []
    for picture in pictures:
        features.append(picture.features.astype(np.float16))
        records.append(
            {
                "tokens": picture.tokens,
                "views": [[v.rows, v.columns, *v.box] for v in picture.views],
                "facts": _facts_to_json(picture.facts, masks),
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", np.concatenate(features))
    stacked = np.array(masks, dtype=bool).reshape(len(masks), GRID, GRID)
    np.save(folder / f"{name}.masks.npy", np.packbits(stacked, axis=-1))
    unfinished = folder / f"{name}.part"
    unfinished.write_text(json.dumps(records), encoding="utf-8")
    unfinished.rename(folder / f"{name}.json")


def read_shards(folder: Path, known: Iterable[str] = ()) -> dict[str, list[Picture]]:
    """Read the finished shards of a folder.

    Parameters
    ----------
    folder : Path
        Where :func:`write_shard` wrote.
    known : iterable of str
        Names of shards to leave out.

    Returns
    -------
    dict of str to list of Picture
        Name of the shard -> its pictures.
    """
    skip = set(known)
    found: dict[str, list[Picture]] = {}
    for path in sorted(folder.glob("*.json")):
        if path.stem in skip:
            continue
        features = np.load(path.with_suffix(".npy"), mmap_mode="r")
        packed = np.load(path.with_suffix(".masks.npy"))
        masks = np.unpackbits(packed, axis=-1).astype(bool)
        pictures, start = [], 0
        for record in json.loads(path.read_text(encoding="utf-8")):
            stop = start + record["tokens"]
            views = tuple(ViewGrid(int(v[0]), int(v[1]), tuple(v[2:])) for v in record["views"])
            facts = _facts_from_json(record["facts"], masks)
            if facts.aspect is None:
                # Masks are kept on a square grid; the whole view has the picture's proportions.
                facts = replace(facts, aspect=views[0].columns / views[0].rows)
            pictures.append(Picture(features[start:stop], views, facts))
            start = stop
        found[path.stem] = pictures
    return found


def token_shares(mask: Mask, views: Iterable[ViewGrid]) -> NDArray[np.float32]:
    """Return which share of a mask lies in each token of some views.

    Parameters
    ----------
    mask : (h, w) bool array
        On any grid that covers the region.
    views : iterable of ViewGrid
        Tokens in the order of the features.

    Returns
    -------
    (N,) float32 array
        Sums to 1 where the mask is not empty.
    """
    y, x = np.nonzero(mask)
    y, x = (y + 0.5) / mask.shape[0], (x + 0.5) / mask.shape[1]
    parts = []
    for view in views:
        y0, x0, y1, x1 = view.box
        inside = (y >= y0) & (y < y1) & (x >= x0) & (x < x1)
        row = ((y[inside] - y0) / (y1 - y0) * view.rows).astype(int).clip(max=view.rows - 1)
        column = (x[inside] - x0) / (x1 - x0) * view.columns
        column = column.astype(int).clip(max=view.columns - 1)
        parts.append(np.bincount(row * view.columns + column, minlength=view.tokens))
    shares = np.concatenate(parts).astype(np.float32)
    total = shares.sum()
    return shares / total if total else shares


def _facts_to_json(facts: Facts, masks: list[Mask]) -> dict[str, Any]:
    """Return facts whose masks are numbers of entries that are added to ``masks``."""

    def kept(mask: Mask | None) -> int | None:
        if mask is None:
            return None
        masks.append(on_grid(mask, GRID))
        return len(masks) - 1

    bare = replace(facts, defects=None, object_mask=None)
    record: dict[str, Any] = {k: v for k, v in asdict(bare).items() if v is not None}
    if facts.defects is not None:
        record["defects"] = [[d.kind, kept(d.mask), d.place] for d in facts.defects]
    record["object_mask"] = kept(facts.object_mask)
    return record


def _facts_from_json(record: dict[str, Any], masks: NDArray[np.bool_]) -> Facts:
    values = {f.name: record[f.name] for f in fields(Facts) if f.name in record}
    if values.get("defects") is not None:
        values["defects"] = tuple(
            DefectFact(kind, None if mask is None else masks[mask], place)
            for kind, mask, place in values["defects"]
        )
    mask = values.pop("object_mask", None)
    values["object_mask"] = None if mask is None else masks[mask]
    values["qa"] = tuple((q, a) for q, a in values.get("qa", ()))
    if values.get("quality") is not None:
        values["quality"] = tuple(values["quality"])
    return Facts(**values)
