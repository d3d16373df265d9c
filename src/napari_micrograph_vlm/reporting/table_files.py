"""Tables as CSV, JSON and Parquet files, and back."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MicrographError, SourceError, one_line
from ..spreadsheet import escaped, unescaped
from ..whole_files import check_folder, printable, replacing
from .columns import FIRST, LAST, typed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "check_table", "read_table", "write_table"]

SUFFIXES = (".csv", ".json", ".parquet")


def check_table(path: Path) -> None:
    """See that a table can be written there.

    Raises
    ------
    MicrographError
        If the ending is none of a table, there is no such folder, or pyarrow is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(f"{path.name} is no table's name; end it in .csv, .json or .parquet.")
    check_folder(path)
    if suffix == ".parquet":
        _need_pyarrow()


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, JSON or Parquet, as the file's ending says.

    A CSV file is UTF-8 with a mark at its start, so that Excel shows µ, and text that a
    spreadsheet would run as a formula has an apostrophe before it; :func:`read_table` takes that
    away.

    Raises
    ------
    MicrographError
        If the ending is none of a table, the folder is missing or read-only, the disk is full,
        or pyarrow is missing.
    """
    path = Path(path)
    check_table(path)
    suffix = path.suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".csv":
            _write_csv(frame, temporary)
        elif suffix == ".json":
            cells = _cells(frame, None)
            rows = [dict(zip(frame.columns, row, strict=True)) for row in zip(*cells, strict=True)]
            text = json.dumps(rows, ensure_ascii=False, indent=1)
            temporary.write_text(text, encoding="utf-8")
        else:
            frame.to_parquet(temporary, engine="pyarrow", index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_table` wrote.

    Raises
    ------
    MicrographError
        If there is no such file, it is no table, or pyarrow is missing.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(f"{path.name} is no table's name; it ends in .csv, .json or .parquet.")
    if not path.is_file():
        raise SourceError(f"There is no file {path}.")
    try:
        if suffix == ".csv":
            return typed(_read_csv(path))
        if suffix == ".json":
            rows = json.loads(path.read_text(encoding="utf-8"))
            names = list(rows[0]) if rows else [*FIRST, *LAST]
            return typed({name: [row[name] for row in rows] for name in names})
        _need_pyarrow()
        import pandas as pd

        return pd.read_parquet(path, engine="pyarrow")
    except MicrographError:
        raise
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise SourceError(f"{path} is no table this can read: {one_line(error)}.") from None


def _cells(frame: pd.DataFrame, missing: Any) -> list[list[Any]]:
    """Return the columns as Python values, with one value for all that is missing."""
    columns = []
    for i in range(frame.shape[1]):
        values = frame.iloc[:, i].tolist()
        for at, value in enumerate(values):
            if value is None or type(value).__name__ == "NAType" or value != value:
                values[at] = missing
            elif isinstance(value, str):
                values[at] = printable(value)
        columns.append(values)
    return columns


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write it ourselves: what pandas quotes and how it writes NaN depends on its version."""
    columns = [
        [escaped(value) if isinstance(value, str) else value for value in values]
        for values in _cells(frame, "")
    ]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([escaped(printable(str(name))) for name in frame.columns])
        writer.writerows(zip(*columns, strict=True))


def _read_csv(path: Path) -> dict[str, Sequence[Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    if not rows:
        raise ValueError("it is empty")
    names = [unescaped(name) for name in rows[0]]
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(names)
    return {
        name: [unescaped(value) for value in values]
        for name, values in zip(names, columns, strict=True)
    }


def _need_pyarrow() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise MicrographError(
            "Parquet needs pyarrow; install it with: pip install napari-micrograph-vlm[report]"
        )
