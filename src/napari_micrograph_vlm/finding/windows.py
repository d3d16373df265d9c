"""How a field is cut into windows whose cells join without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from threading import Event

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..models.base import Sees
from .fields import Field, read_window

__all__ = ["VIEW", "Scale", "Window", "choose_scale", "look", "windows_of"]

VIEW = 6.0
"""Side of a window over the longer side of an example."""

MOST_WINDOW, LEAST_VIEW = 4096, 1.5
"""Larger windows in pixels are only taken for examples that fill them, and then this much wider."""

FEWEST = 2
"""Cells that an example covers at least."""

MIN_WINDOW = 96
"""Least side of a window in pixels: a small one is enlarged until there is nothing more to see."""

MARGIN = 8
"""One part in so many of a window is left out at each edge: it sees half its surroundings."""


@dataclass(frozen=True)
class Scale:
    """How closely one looks.

    Attributes
    ----------
    side : int
        Of a window, in pixels; ``cells`` times ``cell``.
    cells : int
        Cells along a side of a window.
    margin : int
        Cells at each edge that are left out.
    """

    side: int
    cells: int
    margin: int = 1

    @property
    def cell(self) -> int:
        """Side of a cell in pixels."""
        return self.side // self.cells

    @property
    def step(self) -> int:
        """Cells that one window contributes along a side."""
        return self.cells - 2 * self.margin

    def with_margin(self, least: int) -> Scale:
        """Return it with at least so many cells left out, as far as half a window allows."""
        most = max((self.cells - 2) // 4, 0)
        return replace(self, margin=min(max(self.margin, least), max(most, self.margin)))

    def cells_of(self, field: Field) -> tuple[int, int]:
        """Return rows and columns of cells that cover a field."""
        return ceil(field.shape[0] / self.cell), ceil(field.shape[1] / self.cell)


@dataclass(frozen=True)
class Window:
    """A window by the row and column of the first cell that it contributes."""

    row: int
    column: int

    def corner(self, scale: Scale) -> tuple[int, int]:
        """Return the first row and column of pixels of the whole window."""
        return (self.row - scale.margin) * scale.cell, (self.column - scale.margin) * scale.cell


def windows_of(field: Field, scale: Scale) -> Iterator[Window]:
    """Return the windows whose inner cells cover a field, each cell once, row by row."""
    rows, columns = scale.cells_of(field)
    for row in range(0, rows, scale.step):
        for column in range(0, columns, scale.step):
            yield Window(row, column)


def look(
    model: Sees, field: Field, y0: int, x0: int, scale: Scale, cancel: Event | None = None
) -> NDArray[np.float32] | None:
    """Return all cells, (cells, cells, F), of the window at a pixel; None: nothing to see."""
    region = read_window(field, y0, x0, scale.side)
    if region is None:
        return None
    grid = model.feature_grid(region, cancel=cancel)
    if grid.shape[:2] != (scale.cells, scale.cells):
        grid = _resampled(grid, scale.cells)
    return np.asarray(grid, np.float32)


def choose_scale(
    model: Sees,
    field: Field,
    longest: float,
    centre: tuple[float, float],
    view: float = VIEW,
    cancel: Event | None = None,
) -> Scale:
    """Return the scale at which something so many pixels long covers a few cells.

    Raises
    ------
    RegionError
        If there is nothing to see around ``centre``.
    """
    # Of a large example less of its surroundings: windows are held as numbers of 4 bytes.
    view = min(view, max(MOST_WINDOW / longest, LEAST_VIEW))
    side, found = round(view * longest), 0
    for _ in range(3):
        side = max(side, MIN_WINDOW)
        corner = [round(at - side / 2) for at in centre]
        region = read_window(field, corner[0], corner[1], side)
        if region is None:
            raise RegionError("There is nothing to see in the example; draw round a defect.")
        shape = model.feature_grid(region, cancel=cancel).shape
        now = min(shape[0], shape[1])
        # A window smaller than a cell and its margins says nothing.
        pixels = min(view * longest, now * longest / FEWEST)
        wanted = now * max(round(pixels / now), ceil(MIN_WINDOW / now))
        if now == found and wanted == side:
            break
        found, side = now, wanted
    return Scale(side, found, ceil(found / MARGIN) if found > 2 else 0)


def _resampled(grid: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Take the nearest cells of a grid of another size."""
    rows, columns = (
        np.minimum(((np.arange(cells) + 0.5) * n / cells).astype(int), n - 1)
        for n in grid.shape[:2]
    )
    return grid[np.ix_(rows, columns)]
