"""Where a model looked, as a grid over a region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOCUS_THRESHOLD", "AttentionMap", "map_to_dict"]

FOCUS_THRESHOLD = 0.05
"""Below this focus a map says nothing about where the model looked (see ``AttentionMap.focus``)."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """Where the model looked, on a grid that covers its region exactly.

    Attributes
    ----------
    values : (rows, columns) float32 array
        Share of attention of each cell, not negative, summing to 1.
    method : str
        How it was found, such as ``"cross-attention"``.
    share : float or None
        Of frames that were looked at together: how much of the attention on all of them this one
        got, 0 to 1; None where that is not known.
    """

    values: NDArray[np.float32]
    method: str
    share: float | None = None

    @property
    def focus(self) -> float:
        """How far the map is from uniform: 0 uniform, 1 a single cell.

        One minus the entropy over its largest possible value.
        """
        share = self.values.ravel().astype(np.float64)
        total = share.sum()
        if share.size < 2 or total <= 0:
            return 0.0
        share = share[share > 0] / total
        return float(1 + (share * np.log(share)).sum() / np.log(self.values.size))

    @property
    def has_focus(self) -> bool:
        """Whether the map singles anything out."""
        return self.focus >= FOCUS_THRESHOLD

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the largest cell."""
        row, column = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return int(row), int(column)

    def scaled(self) -> NDArray[np.float32]:
        """Return the map with its largest cell at 1, (rows, columns) float32."""
        top = float(self.values.max(initial=0))
        return self.values / np.float32(top) if top > 0 else np.zeros_like(self.values)


def map_to_dict(attention: AttentionMap) -> dict[str, Any]:
    """Return a map ready for JSON."""
    return {
        "method": attention.method,
        "focus": round(attention.focus, 4),
        "peak": list(attention.peak),
        **({} if attention.share is None else {"share": round(attention.share, 4)}),
        "values": np.round(attention.values.astype(float), 5).tolist(),
    }
