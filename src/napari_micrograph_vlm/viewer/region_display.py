"""How the user sees an image: contrast, gamma and inverted colour maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..regions import Cutout, Region

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["LayerCutout", "is_inverted", "limits_of"]


@dataclass(frozen=True, eq=False)
class LayerCutout(Cutout):
    """A cutout that also follows the layer's gamma, so that the model sees what the user sees."""

    gamma: float = 1.0

    def read(self) -> Region:
        """Compute the window (see :meth:`Cutout.read`)."""
        region = super().read()
        if self.gamma == 1:
            return region
        pixels = region.pixels
        gamma = np.float32(self.gamma)
        return replace(region, pixels=1 - (1 - pixels) ** gamma if self.inverted else pixels**gamma)


def limits_of(image: Image, array: Any) -> tuple[float, float] | None:
    """Return the values shown as black and white."""
    if not image.rgb:
        low, high = image.contrast_limits
        return float(low), float(high)
    # napari shows colour without the contrast limits: by the range of its type.
    kind = np.dtype(array.dtype)
    return (0.0, float(np.iinfo(kind).max)) if kind.kind in "iu" else (0.0, 1.0)


def is_inverted(image: Image) -> bool:
    """Whether brighter values are shown darker, such as by ``gray_r``."""
    ramp = np.linspace(0.05, 0.95, 10)
    light = np.asarray(image.colormap.map(ramp))[:, :3] @ [0.2126, 0.7152, 0.0722]
    change = np.diff(light)
    return bool(change.sum() < -0.1 and (change <= 1e-3).mean() > 0.8)
