"""Image formation: from a scene to the grey values a microscope records."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, signal

from .geometry import Mask
from .noise import Float, curve, resize, smooth, white
from .scene import Scene, Shape


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


def draw_scan(rng: np.random.Generator, shape: Shape, margin: int) -> Scan:
    """Draw drift, jitter and jumps of the scan.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns of the picture; the scene is wider by ``margin`` on every side.
    margin : int
        Largest displacement in pixels.
    """
    rows, columns = shape
    shift = np.zeros(rows, np.float32)
    line = np.arange(rows, dtype=np.float32)
    limit = margin - 1.5
    if rng.random() < 0.5:
        shift += (rng.uniform(-0.7, 0.7) * limit * (line / rows - 0.5)).astype(np.float32)
        shift += curve(rng, rows, rows / 6) * np.float32(rng.uniform(0, 0.2) * limit)
    if rng.random() < 0.25:
        shift += white(rng, (rows,)) * np.float32(rng.uniform(0.1, 0.5))
    if rng.random() < 0.08:
        at = int(rng.integers(rows // 5, rows * 4 // 5))
        shift[at:] += np.float32(rng.uniform(-0.5, 0.5) * limit)
    down = np.zeros(rows, np.float32)
    if rng.random() < 0.3:
        # The picture is stretched or squeezed while the stage drifts along the slow axis.
        down += (rng.uniform(-0.8, 0.8) * limit * (line / rows - 0.5)).astype(np.float32)
    source = np.clip(np.rint(line + down), -margin, rows + margin - 1).astype(np.int64) + margin
    return Scan(source, np.clip(shift, -limit, limit) + margin, columns)


def signal_of(rng: np.random.Generator, scene: Scene) -> Float:
    """Electron signal of a scene before blur and noise; (H, W) float32, about 0 to 1.5."""
    if scene.flat:
        return scene.albedo
    height = scene.height
    gy, gx = np.empty_like(height), np.empty_like(height)
    gy[1:-1] = (height[2:] - height[:-2]) * np.float32(0.5)
    gy[0], gy[-1] = height[1] - height[0], height[-1] - height[-2]
    gx[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * np.float32(0.5)
    gx[:, 0], gx[:, -1] = height[:, 1] - height[:, 0], height[:, -1] - height[:, -2]
    cosine = 1 / np.sqrt(1 + gx * gx + gy * gy)
    # More electrons escape from tilted surfaces (edge effect); the detector sits on one side.
    edge = rng.uniform(0.25, 0.8) * scene.relief
    shade = rng.uniform(0.0, 0.45) * scene.relief
    toward = rng.uniform(0, 2 * np.pi)
    light = (gx * np.float32(np.cos(toward)) + gy * np.float32(np.sin(toward))) * cosine
    result = scene.albedo * (1 + np.float32(shade) * light) + np.float32(edge) * (1 - cosine)
    # Low places between high ones are shadowed: compare with the height around.
    rows, columns = height.shape
    side = min(rows, columns)
    for scale, weight in ((0.04, 0.6), (0.012, 0.4)):
        size = max(3.0, side * scale)
        small = (max(4, round(rows / size * 2)), max(4, round(columns / size * 2)))
        coarse = np.array(
            Image.fromarray(height).resize((small[1], small[0]), Image.Resampling.BOX)
        )
        sunk = np.clip((resize(coarse, (rows, columns)) - height) / np.float32(size), 0, 1)
        result *= 1 - np.float32(weight * rng.uniform(0.3, 0.9) * scene.relief) * sunk
    return result.astype(np.float32)


def _charging(rng: np.random.Generator, image: Float) -> Float:
    """Dark or bright tails to the right of bright features, and uneven lines."""
    bright = np.clip(image - np.quantile(image[::4, ::4], 0.9), 0, None)
    decay = 1 - 1 / (image.shape[1] * rng.uniform(0.02, 0.15))
    tail = signal.lfilter([1 - decay], [1, -decay], bright, axis=1).astype(np.float32)
    tail *= 1 + 0.5 * white(rng, (image.shape[0], 1))
    sign = rng.choice([-1.0, 1.0], p=[0.7, 0.3])
    result: Float = image + np.float32(sign * rng.uniform(0.5, 2.0)) * tail
    return result


def expose(
    rng: np.random.Generator, signal_in: Float, delicate: bool, invert: bool
) -> NDArray[np.uint8]:
    """Turn the signal on the detector into grey values.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    signal_in : (H, W) float32 array
        Electron signal, about 0 to 1.5.
    delicate : bool
        True where small defects have to stay visible: no extreme blur or noise.
    invert : bool
        Whether to invert the contrast.

    Returns
    -------
    (H, W) uint8 array
    """
    image = signal_in
    side = min(image.shape)
    blur = rng.uniform(0.35, 0.9 if delicate else 1.3) * max(0.7, side / 384)
    ratio = rng.uniform(1.0, 1.5) if rng.random() < 0.3 else 1.0
    image = ndimage.gaussian_filter(image, (blur * ratio, blur / ratio), truncate=2.5)
    if rng.random() < 0.15:
        image = _charging(rng, image)
    if rng.random() < 0.5:
        image = image * (1 + np.float32(rng.uniform(0.03, 0.15)) * smooth(rng, image.shape, side))
    # A small bright defect must not burn out as a small bright speck may.
    top = rng.uniform(0.997 if delicate else 0.985, 1.0)
    low, high = np.quantile(image[::3, ::3], [rng.uniform(0, 0.02), top])
    # An operator does not stretch a dull scene to black and white.
    least = max(rng.uniform(0.18, 0.45), float(high - low))
    floor = float(low + high) / 2 - least / 2
    image = np.clip((image - np.float32(floor)) / np.float32(least), 0, 1.15)
    # Shot noise: for the doses here a normal number of the same variance is as good as Poisson's.
    dose = float(np.exp(rng.uniform(np.log(60 if delicate else 18), np.log(3000))))
    spread = np.sqrt((image + 0.06) / dose) + np.float32(rng.uniform(0.0, 0.02))
    noise = white(rng, image.shape)
    if rng.random() < 0.25:
        # Some detectors smooth along the line.
        noise[:, 1:] = (noise[:, 1:] + noise[:, :-1]) * np.float32(0.75)
    image = image + noise * spread
    if rng.random() < 0.2:
        image = image + white(rng, (image.shape[0], 1)) * np.float32(rng.uniform(0.005, 0.025))
    image = np.clip(image, 0, 1.2) ** np.float32(rng.uniform(0.65, 1.5))
    if invert:
        image = 1 - image
    span = rng.uniform(0.55, 1.1) if rng.random() < 0.5 else 1.0
    base = rng.uniform(0, max(0.0, 1 - span)) if span < 1 else (1 - span) / 2
    result: NDArray[np.uint8] = np.clip((image * span + base) * 255, 0, 255).astype(np.uint8)
    return result


def compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Write the picture as JPEG and read it back."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    buffer.seek(0)
    with Image.open(buffer) as opened:
        return np.array(opened.convert("L"), dtype=np.uint8)


def contrast_of(image: NDArray[np.uint8], objects: Mask) -> str:
    """Name the contrast between objects and background as measured in the picture."""
    share = float(objects.mean())
    if share == 0 or share >= 0.97:
        return "mixed"
    step = float(image[objects].mean()) - float(image[~objects].mean())
    if abs(step) < 0.35 * float(image.std()) + 2:
        return "mixed"
    return "bright on dark" if step > 0 else "dark on bright"
