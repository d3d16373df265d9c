"""What can be amiss with a picture itself: noise, blur, astigmatism, charging, drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from .noise import Float, curve, white
from .scene import Shape

CHANCES = {"noisy": 0.1, "blurred": 0.07, "astigmatic": 0.06, "charging": 0.08, "drift": 0.07}
"""How often each flaw is strong enough to be told; weaker ones are common and go unsaid."""


@dataclass(frozen=True)
class Scan:
    """How the beam really ran over the scene.

    Attributes
    ----------
    rows : (H,) int array
        Row of the scene that each row of the picture shows.
    shift : (H,) float32 array
        Column of the scene at column 0 of each row.
    width : int
        Columns of the picture.
    """

    rows: NDArray[np.int64]
    shift: Float
    width: int

    def mask(self, mask: NDArray[np.generic]) -> NDArray[np.generic]:
        """Sample labels or masks at the nearest pixel."""
        columns = np.rint(self.shift).astype(int)[:, None] + np.arange(self.width)
        return mask[self.rows[:, None], columns]

    def picture(self, image: Float) -> Float:
        """Sample a picture between its pixels along the scan lines."""
        whole = np.floor(self.shift).astype(int)
        part = (self.shift - whole).astype(np.float32)[:, None]
        columns = whole[:, None] + np.arange(self.width)
        lines = image[self.rows]
        row = np.arange(len(self.rows))[:, None]
        if not part.any():
            return lines[row, columns]
        result: Float = lines[row, columns] * (1 - part) + lines[row, columns + 1] * part
        return result

    def points(self, points: Float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the picture where points of the scene appear; -1 if they do not."""
        order = np.searchsorted(self.rows, np.rint(points[:, 0]).astype(int))
        inside = (np.rint(points[:, 0]) >= self.rows[0]) & (np.rint(points[:, 0]) <= self.rows[-1])
        row = np.where(inside, np.clip(order, 0, len(self.rows) - 1), -1)
        column = np.rint(points[:, 1] - np.rint(self.shift[row])).astype(int)
        inside &= (column >= 0) & (column < self.width)
        return np.where(inside, row, -1), np.where(inside, column, -1)


def draw_scan(rng: np.random.Generator, shape: Shape, margin: int, strong: bool = False) -> Scan:
    """Draw drift, jitter and jumps of the scan.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns of the picture; the scene is wider by ``margin`` on every side.
    margin : int
        Largest displacement in pixels.
    strong : bool
        Whether a person is to see it: torn edges or jumps.
    """
    rows, columns = shape
    scale = max(1.0, min(shape) / 384)
    shift = np.zeros(rows, np.float32)
    line = np.arange(rows, dtype=np.float32)
    limit = margin - 1.5
    if rng.random() < 0.5:
        shift += (rng.uniform(-0.7, 0.7) * limit * (line / rows - 0.5)).astype(np.float32)
        shift += curve(rng, rows, rows / 6) * np.float32(rng.uniform(0, 0.1) * limit)
    if rng.random() < 0.25:
        shift += white(rng, (rows,)) * np.float32(rng.uniform(0.1, 0.3) * scale)
    if strong:
        style = rng.integers(0, 3)
        if style != 1:
            shift += white(rng, (rows,)) * np.float32(rng.uniform(0.9, 1.6) * scale)
        if style != 0:
            shift *= np.float32(0.5)
            sign = rng.choice([-1.0, 1.0])
            for _ in range(int(rng.integers(1, 4))):
                at = int(rng.integers(rows // 6, rows * 5 // 6))
                # To and fro, so that the limit leaves every jump its height.
                shift[at:] += np.float32(sign * rng.uniform(0.6, 0.9) * limit)
                sign = -sign
    down = np.zeros(rows, np.float32)
    if rng.random() < 0.3:
        # The picture is stretched or squeezed while the stage drifts along the slow axis.
        down += (rng.uniform(-0.8, 0.8) * limit * (line / rows - 0.5)).astype(np.float32)
    source = np.clip(np.rint(line + down), -margin, rows + margin - 1).astype(np.int64) + margin
    return Scan(source, np.clip(shift, -limit, limit) + margin, columns)


def torn(scan: Scan) -> bool:
    """Whether a person sees that the scan was disturbed.

    Lines that jump by more than half a pixel on average tear every edge; one jump of three pixels
    breaks every upright edge at one height.
    """
    scale = max(1.0, min(len(scan.shift), scan.width) / 384)
    step = np.abs(np.diff(scan.shift))
    return bool(step.mean() > 0.7 * scale or step.max() > 3.0 * scale)


def astigmatic(rng: np.random.Generator, image: Float, length: float) -> Float:
    """Smear a picture along one direction, as a beam that is not round does.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    image : (H, W) float32 array
        Electron signal.
    length : float
        Standard deviation of the smear in pixels.
    """
    turn = rng.uniform(0, np.pi)
    reach = int(np.ceil(2.5 * length))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    kernel = np.exp(-0.5 * ((along / length) ** 2 + (across / 0.6) ** 2)).astype(np.float32)
    padded = np.pad(image, reach, mode="edge")
    result: Float = signal.fftconvolve(padded, kernel / kernel.sum(), mode="valid")
    return result.astype(np.float32)


def charging(rng: np.random.Generator, image: Float, amount: float) -> Float:
    """Draw dark or bright tails to the right of bright features, and uneven lines.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    image : (H, W) float32 array
        Electron signal.
    amount : float
        Strength of the strongest tails relative to the contrast of the picture.
    """
    few = image[::4, ::4]
    low, knee, high = np.quantile(few, [0.05, 0.85, 0.99])
    bright = np.clip(image - np.float32(knee), 0, None)
    decay = 1 - 1 / (image.shape[1] * rng.uniform(0.03, 0.15))
    tail = signal.lfilter([1 - decay], [1, -decay], bright, axis=1).astype(np.float32)
    tail *= 1 + 0.5 * white(rng, (image.shape[0], 1))
    most = float(np.quantile(np.abs(tail[::4, ::4]), 0.97))
    sign = rng.choice([-1.0, 1.0], p=[0.7, 0.3])
    scale = sign * amount * float(high - low) / max(most, 1e-6)
    result: Float = image + np.float32(scale) * tail
    if amount > 0.3:
        # Discharges brighten or darken whole stretches of lines.
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, image.shape[0]))
            end = at + int(rng.integers(1, max(2, image.shape[0] // 40)))
            start = int(rng.integers(0, image.shape[1] // 2))
            step = np.float32(rng.uniform(-0.35, 0.35) * (high - low))
            result[at:end, start:] += step
    return result
