"""Where the image tokens of LLaVA-OneVision's tiled pictures lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from transformers.image_processing_utils import select_best_resolution

from .parts import Box, grid_boxes

__all__ = ["Layout", "square_box", "square_boxes"]


@dataclass(frozen=True)
class Layout:
    """A picture enlarged or reduced into a canvas of tiles, centred, its proportions kept.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of pixels of the picture.
    canvas : (int, int)
        The same of the canvas.
    side, patch : int
        Side in pixels of a tile and of a patch. Pixels at a tile's end that fill no patch are
        never seen.
    limit : int
        Most tiles' worth of tokens; beyond it the grid of tokens is reduced.
    """

    shape: tuple[int, int]
    canvas: tuple[int, int]
    side: int
    patch: int
    limit: int

    @classmethod
    def choose(
        cls,
        shape: tuple[int, int],
        canvases: list[list[int]],
        *,
        side: int,
        patch: int,
        limit: int,
    ) -> Layout:
        """Take the canvas that shows most of the picture's pixels and wastes least."""
        rows, columns = select_best_resolution(shape, canvases)
        return cls(shape, (rows, columns), side, patch, limit)

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self.canvas[0] // self.side, self.canvas[1] // self.side

    @property
    def placed(self) -> Box:
        """y0, x0, y1, x1 in pixels of the canvas of what the picture covers."""
        (height, width), (tall, wide) = self.shape, self.canvas
        # As transformers' get_patch_output_size and _get_padding_size do.
        if wide / width < tall / height:
            new = min(ceil(height * (wide / width)), tall), wide
        else:
            new = tall, min(ceil(width * (tall / height)), wide)
        top, left = (tall - new[0]) // 2, (wide - new[1]) // 2
        return top, left, top + new[0], left + new[1]

    @property
    def scale(self) -> float:
        """Pixels of the picture on one side of a pixel of the canvas."""
        y0, x0, y1, x1 = self.placed
        return max(self.shape[0] / (y1 - y0), self.shape[1] / (x1 - x0))

    def tile_boxes(self) -> list[Box]:
        """Return what each tile shows as fractions of the picture; beyond 0 to 1 is padding."""
        rows, columns = self.tiles
        y0, x0, y1, x1 = self.placed
        tall, wide = y1 - y0, x1 - x0
        side = self.side
        return [
            (
                (i * side - y0) / tall,
                (j * side - x0) / wide,
                ((i + 1) * side - y0) / tall,
                ((j + 1) * side - x0) / wide,
            )
            for i in range(rows)
            for j in range(columns)
        ]

    def base_boxes(self) -> NDArray[np.float64]:
        """Return the boxes of the tokens of the whole picture, stretched to one tile."""
        across = self.side // self.patch
        seen = across * self.patch / self.side
        return grid_boxes(across, across, (0.0, 0.0, seen, seen))

    def token_boxes(self) -> NDArray[np.float64]:
        """Return the boxes of the tiles' tokens, row by row, (rows, columns, 4).

        Rows and columns that hold only padding are cut off as the model does, and the rest is
        reduced where it exceeds the limit. Behind each row the model sets a token of its own,
        which is not among them.
        """
        grid = self.side // self.patch
        rows, columns = (n * grid for n in self.tiles)
        cut_rows, cut_columns = self._cut(rows, columns)
        down = _spans(self.tiles[0], self.side, self.patch)[:, cut_rows : rows - cut_rows]
        across = _spans(self.tiles[1], self.side, self.patch)[
            :, cut_columns : columns - cut_columns
        ]
        n, m = down.shape[1], across.shape[1]
        ratio = sqrt(n * m / (self.limit * grid**2))
        if ratio > 1.1:
            down, across = _reduced(down, int(n // ratio)), _reduced(across, int(m // ratio))
        y0, x0, y1, x1 = self.placed
        down, across = (down - y0) / (y1 - y0), (across - x0) / (x1 - x0)
        n, m = down.shape[1], across.shape[1]
        boxes = np.empty((n, m, 4))
        boxes[..., 0], boxes[..., 2] = down[0][:, None], down[1][:, None]
        boxes[..., 1], boxes[..., 3] = across[0], across[1]
        return boxes

    def tokens(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the boxes of all tokens, the whole's first, and where these stand.

        Returns
        -------
        boxes : (P, 4) float64 array
            Of the tokens that show something.
        shown : (N,) bool array
            Which of all N tokens those are; the others end the rows of the tiles.
        """
        base, tiles = self.base_boxes(), self.token_boxes()
        rows, columns = tiles.shape[:2]
        ends = np.tile(np.arange(columns + 1) < columns, rows)
        shown = np.concatenate([np.ones(len(base), bool), ends])
        return np.concatenate([base, tiles.reshape(-1, 4)]), shown

    def _cut(self, rows: int, columns: int) -> tuple[int, int]:
        """Return how many rows and columns of tokens the model cuts off at either end."""
        height, width = self.shape
        # The rounding is that of the model's unpad_image.
        if width / height > columns / rows:
            return (rows - int(round(height * (columns / width), 7))) // 2, 0
        return 0, (columns - int(round(width * (rows / height), 7))) // 2


def square_boxes(shape: tuple[int, int], side: int, patch: int) -> NDArray[np.float64]:
    """Return the boxes of the tokens of a picture padded to a square, (N, 4)."""
    grid = side // patch
    y0, x0, y1, x1 = square_box(shape)
    seen = grid * patch / side
    return grid_boxes(grid, grid, (y0, x0, y0 + (y1 - y0) * seen, x0 + (x1 - x0) * seen))


def square_box(shape: tuple[int, int]) -> Box:
    """Return the square around a picture as fractions of its sides."""
    height, width = shape
    side = max(shape)
    top, left = (side - height) // 2, (side - width) // 2
    return -top / height, -left / width, (side - top) / height, (side - left) / width


def _spans(tiles: int, side: int, patch: int) -> NDArray[np.float64]:
    """Return where the patches along one side of a canvas begin and end, (2, N), in pixels."""
    starts = np.add.outer(np.arange(tiles) * side, np.arange(side // patch) * patch).ravel()
    return np.stack([starts, starts + patch]).astype(np.float64)


def _reduced(spans: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return begins and ends, (2, n), of what N spans become when reduced to n."""
    edges = np.linspace(0, spans.shape[1], n + 1)
    index = np.arange(spans.shape[1])
    return np.stack(
        [np.interp(edges[:-1], index, spans[0]), np.interp(edges[1:] - 1, index, spans[1])]
    )
