"""Where each image token lies, and from shares of tokens to a map of the region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...attention.token_boxes import resampled
from ..base import ModelInput
from .encoder import KINDS_A_REGION, TILE, WHOLE, token_positions

__all__ = ["Layout"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layout:
    """The tokens of a region's views: the whole first, then its tiles row by row.

    Attributes
    ----------
    grids : tuple of (int, int)
        Rows and columns of tokens of each view; those of all tiles are the same.
    boxes : tuple of Box
        The part of the region that each view shows.
    """

    grids: tuple[tuple[int, int], ...]
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, given: ModelInput, token: int) -> Layout:
        """Return the layout of a prepared region for tokens of ``token`` pixels."""
        shapes = (view.pixels.shape for view in given.views)
        return cls(
            tuple((shape[0] // token, shape[1] // token) for shape in shapes),
            tuple(view.box for view in given.views),
        )

    @property
    def tiles(self) -> int:
        """Number of tiles; 1 where the whole is the only view."""
        return max(len(self.grids) - 1, 1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the map."""
        if len(self.grids) == 1:
            return self.grids[0]
        down = len({box[0] for box in self.boxes[1:]})
        across = len({box[1] for box in self.boxes[1:]})
        rows, columns = self.grids[1]
        return down * rows, across * columns

    def positions(self) -> Tensor:
        """Return the centre (y, x) of every token in the region, (N, 2) float."""
        places = [
            token_positions(*grid, box) for grid, box in zip(self.grids, self.boxes, strict=True)
        ]
        return torch.cat(places)

    def kinds(self, region: int = 0) -> Tensor:
        """Return which tokens are of the whole and which of tiles, (N,) int64.

        Parameters
        ----------
        region : int
            0 for the first region that is looked at, 1 for the second; see
            :class:`.encoder.ImageEncoder`.
        """
        rows, columns = self.grids[0]
        tiles = torch.arange(self.tokens) >= rows * columns
        return region * KINDS_A_REGION + torch.where(tiles, TILE, WHOLE)

    @property
    def tokens(self) -> int:
        """Number of tokens of all views."""
        return sum(rows * columns for rows, columns in self.grids)

    def to_map(self, shares: NDArray[Any]) -> NDArray[np.float32]:
        """Bring the shares of all tokens onto one grid that covers the region exactly.

        Parameters
        ----------
        shares : (N,) float array
            Not negative.

        Returns
        -------
        (rows, columns) float32 array
            Summing to 1. Where there are tiles the grid is theirs, and the share of each token
            of the whole is spread evenly over the area it covers.
        """
        shares = shares.astype(np.float64)
        rows, columns = self.grids[0]
        values: NDArray[np.float64] = shares[: rows * columns].reshape(rows, columns)
        if len(self.grids) > 1:
            values = resampled(values, self.shape)
            values += self._mosaic(shares[rows * columns :])
        total = values.sum()
        if total <= 0:
            return np.full(self.shape, 1 / (self.shape[0] * self.shape[1]), np.float32)
        normalised: NDArray[np.float32] = (values / total).astype(np.float32)
        return normalised

    def _mosaic(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, columns = self.grids[1]
        height, width = self.shape
        stacked = shares.reshape(height // rows, width // columns, rows, columns)
        return stacked.transpose(0, 2, 1, 3).reshape(height, width)
