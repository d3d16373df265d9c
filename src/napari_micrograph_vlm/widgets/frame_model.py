"""A pandas table for Qt: sorted and filtered column by column, and quick to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from .panel import plain_tip

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "FrameModel"]

Keep = Callable[["pd.DataFrame"], NDArray[np.bool_]]
"""Says of every row of a table whether it is shown."""

_NUMBERS = re.compile(r"\d+")
_LONGEST_CELL = 200
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_NOWHERE = QModelIndex()


class Column:
    """One column as it is shown: texts, and what it is sorted by.

    Both are worked out once for a whole column, and only when somebody wants to see them: a
    look into pandas for every cell that Qt asks for would make scrolling slow.

    Parameters
    ----------
    values : pandas.Series
        The column of the table.
    text : callable, optional
        Makes the text of one value.
    """

    def __init__(self, values: pd.Series, text: Callable[[Any], str] | None = None) -> None:
        self._values = values
        self._text = text
        self.is_number = values.dtype.kind in "iuf"
        self.is_measure = values.dtype.kind == "f"

    @cached_property
    def texts(self) -> list[str]:
        """What is shown, one text a row."""
        return [self._shown(value) for value in self._values.tolist()]

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Place of each row in ascending order; equal values share one, what is missing is -1."""
        values = self._values
        if self.is_number or values.dtype.kind == "b":
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            known = np.isfinite(numbers)
            ranks = np.full(len(numbers), -1, np.int64)
            ranks[known] = np.unique(numbers[known], return_inverse=True)[1]
            return ranks
        natural = [_natural(text) for text in self.texts]
        places = {text: i for i, text in enumerate(sorted(set(natural)))}
        return np.array([places[text] if text else -1 for text in natural], np.int64)

    def _shown(self, value: Any) -> str:
        if value is None or value != value or str(value) == "<NA>":
            return ""
        if self._text is not None:
            return self._text(value)
        if isinstance(value, float):
            return f"{value:.2f}"
        return " ".join(str(value).split())


class FrameModel(QAbstractTableModel):
    """Shows some columns of a pandas table whose index names the rows.

    Parameters
    ----------
    texts : mapping of str to callable
        How the values of a column are written, by the column's name.
    parent : QObject, optional
        Who owns it.
    """

    def __init__(
        self, texts: Mapping[str, Callable[[Any], str]] | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._how = dict(texts or {})
        self._frame: pd.DataFrame | None = None
        self.tips: Mapping[str, str] = {}
        self._titles: dict[str, str] = {}
        self._columns: list[Column] = []
        self._names: list[str] = []
        self._keys: list[str] = []
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._place_of: dict[str, int] = {}
        self._sort: tuple[str, bool] | None = None
        self._search = ""
        self._keep: Keep | None = None

    @property
    def total(self) -> int:
        """Number of rows, shown or not."""
        return len(self._keys)

    @property
    def keys(self) -> list[str]:
        """Names of the rows that are shown, from top to bottom."""
        return [self._keys[row] for row in self._rows]

    def show_frame(self, frame: pd.DataFrame, titles: Mapping[str, str]) -> None:
        """Show another table.

        Parameters
        ----------
        frame : pandas.DataFrame
            Its index holds a name for each row, each once.
        titles : mapping of str to str
            The columns that are shown, in this order, and what stands above them.
        """
        self.beginResetModel()
        self._frame = frame
        self._titles = dict(titles)
        self._names = list(self._titles)
        self._keys = [str(key) for key in frame.index]
        self._columns = [Column(frame[name], self._how.get(name)) for name in self._names]
        self.__dict__.pop("_searched", None)
        self._choose_rows()
        self.endResetModel()

    def filter(self, search: str, keep: Keep | None = None) -> None:
        """Show only rows that hold a text somewhere, whatever its case, and that ``keep`` keeps."""
        self.beginResetModel()
        self._search, self._keep = search.casefold().strip(), keep
        self._choose_rows()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1: as they came. Rows without a value come last."""
        self.beginResetModel()
        up = order == Qt.SortOrder.AscendingOrder
        self._sort = (self._names[column], up) if 0 <= column < len(self._names) else None
        self._choose_rows()
        self.endResetModel()

    def key_at(self, row: int) -> str | None:
        """Return the name of a row that is shown."""
        return self._keys[self._rows[row]] if 0 <= row < len(self._rows) else None

    def row_of(self, key: str | None) -> int | None:
        """Return where a row is shown; None where it is not."""
        return None if key is None else self._place_of.get(key)

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return how many rows are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return how many columns are shown."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell from lists made beforehand."""
        if not index.isValid():
            return None
        column = self._columns[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            text = column.texts[self._rows[index.row()]]
            return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(column.texts[self._rows[index.row()]])
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_measure:
            return _RIGHT
        return None

    def headerData(  # noqa: N802 - Qt's name
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column, or the number of a row."""
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None
        if not 0 <= section < len(self._names):
            return None
        title = self._titles[self._names[section]]
        if role == Qt.ItemDataRole.DisplayRole:
            return title if len(title) <= 40 else title[:39] + "…"
        if role == Qt.ItemDataRole.ToolTipRole:
            tip = self.tips.get(self._names[section], title)
            return plain_tip(f"{tip}: click to sort")
        return None

    def values(self, name: str) -> Sequence[str]:
        """Return the different texts of a column, in order."""
        if self._frame is None or name not in self._frame:
            return ()
        return sorted({str(value) for value in self._frame[name].unique()} - {""})

    @cached_property
    def _searched(self) -> list[str]:
        """Everything that is shown of each row, to search in."""
        shown = [column.texts for column in self._columns]
        return ["\n".join(row).casefold() for row in zip(*shown, strict=True)]

    def _choose_rows(self) -> None:
        rows = np.arange(len(self._keys))
        if self._search and self._columns:
            rows = rows[[self._search in text for text in self._searched]]
        if self._keep is not None and self._frame is not None and len(rows):
            rows = rows[np.asarray(self._keep(self._frame), bool)[rows]]
        if self._sort is not None and self._sort[0] in self._names:
            name, up = self._sort
            ranks = self._columns[self._names.index(name)].ranks[rows]
            last = np.iinfo(np.int64).max
            order = np.where(ranks < 0, last, ranks if up else -ranks)
            rows = rows[np.argsort(order, kind="stable")]
        self._rows = rows
        self._place_of = {self._keys[row]: place for place, row in enumerate(rows.tolist())}


def _natural(text: str) -> str:
    """Return a text so that ``a2`` comes before ``a10``."""
    return _NUMBERS.sub(lambda found: found.group().zfill(12), text.casefold())
