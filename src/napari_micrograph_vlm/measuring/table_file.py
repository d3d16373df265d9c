"""Measured sizes as a table on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .measurement import Measurement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GIVEN", "objects_of", "write_objects"]

GIVEN = "the image's scale"
"""Where a pixel size is from that nobody told where it is from."""


def objects_of(measurements: Sequence[Measurement]) -> pd.DataFrame:
    """Return one table of all objects, one row each.

    Returns
    -------
    pandas.DataFrame
        ``source``, ``region`` (its box ``y0 x0 y1 x1`` in source pixels), what the object is
        called, the sizes with their units in the heads, how they were found, and where the
        pixel size is from with its relative standard uncertainty, empty where not known.
    """
    import pandas as pd

    frames = []
    for one in measurements:
        region, table = one.region, one.headed()
        table.insert(0, "object", one.what)
        table.insert(0, "region", region.label or " ".join(map(str, region.box)))
        table.insert(0, "source", region.source)
        table["method"] = one.method
        given = "" if region.pixel_size is None else GIVEN
        table["scale from"] = region.scale_from or given or "not known"
        table["scale error (%)"] = (
            float("nan") if region.scale_error is None else 100 * region.scale_error
        )
        frames.append(table)
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def write_objects(measurements: Sequence[Measurement], path: str | Path) -> None:
    """Write the objects as CSV, JSON or Parquet, as the file's ending says.

    Raises
    ------
    MicrographError
        If the ending is none of a table, the folder is missing or read-only, or the disk is full.
    """
    from ..reporting.table_files import write_table

    write_table(objects_of(measurements), path)
