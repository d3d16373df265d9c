"""Image formation: from a scene to the grey values a microscope records."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .geometry import Mask
from .noise import Float, fractal, resize, smooth, white
from .quality import astigmatic, charging
from .scene import Scene


def weather(rng: np.random.Generator, scene: Scene) -> None:
    """Give a scene what no real sample lacks: fine relief and uneven brightness.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    scene : Scene
        Changed in place. Transmission pictures only get the uneven brightness.
    """
    shape = (scene.height.shape[0], scene.height.shape[1])
    side = min(shape)
    fine = fractal(rng, shape, max(2.5, side * rng.uniform(0.008, 0.03)), 3, 0.7)
    if not scene.flat:
        # The ground is mostly smoother than what lies on it.
        on, off = rng.uniform(0.02, 0.3), rng.uniform(0.0, 0.15)
        scene.height += fine * np.where(scene.objects, np.float32(on), np.float32(off))
    broad = fractal(rng, shape, side * rng.uniform(0.1, 0.35), 2)
    mottle = np.float32(rng.uniform(0.0, 0.035)) * broad + np.float32(rng.uniform(0, 0.03)) * fine
    scene.albedo *= 1 + mottle


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
    # Electrons leave from some way behind an edge, so its bright line fades inwards.
    reach = rng.uniform(0.8, 2.5) * max(0.7, min(height.shape) / 384)
    share = np.float32(rng.uniform(0.2, 0.75))
    tilt = 1 - cosine
    tilt += share * (1.5 * ndimage.gaussian_filter(tilt, reach, truncate=2.0) - tilt)
    # More electrons escape from tilted surfaces (edge effect); the detector sits on one side.
    edge = rng.uniform(0.25, 0.8) * scene.relief
    shade = rng.uniform(0.0, 0.45) * scene.relief
    toward = rng.uniform(0, 2 * np.pi)
    light = (gx * np.float32(np.cos(toward)) + gy * np.float32(np.sin(toward))) * cosine
    result = scene.albedo * (1 + np.float32(shade) * light) + np.float32(edge) * tilt
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


def expose(
    rng: np.random.Generator,
    signal_in: Float,
    delicate: bool,
    invert: bool,
    flaws: Sequence[str] = (),
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
    flaws : sequence of str
        Flaws that a person is to see: any of ``"noisy"``, ``"blurred"``, ``"astigmatic"``,
        ``"charging"``.

    Returns
    -------
    (H, W) uint8 array
    """
    image = signal_in
    side = min(image.shape)
    scale = max(0.7, side / 384)
    blur = rng.uniform(0.35, 0.75 if delicate else 0.95) * scale
    if "blurred" in flaws:
        blur = rng.uniform(1.8, 2.2 if delicate else 3.2) * max(1.0, scale)
    ratio = rng.uniform(1.0, 1.3) if rng.random() < 0.3 else 1.0
    if "astigmatic" in flaws:
        image = astigmatic(rng, image, rng.uniform(2.2, 2.8 if delicate else 3.8) * max(1.0, scale))
    else:
        sigma = (blur * ratio, blur / ratio)
        image = np.asarray(ndimage.gaussian_filter(image, sigma, truncate=2.5), np.float32)
    # The beam has a faint wide skirt, and electrons scattered back come from around it.
    skirt = np.float32(rng.uniform(0.0, 0.28))
    small = (max(4, image.shape[0] // 8), max(4, image.shape[1] // 8))
    around = np.array(Image.fromarray(image).resize((small[1], small[0]), Image.Resampling.BOX))
    image += skirt * (resize(around, image.shape) - image)
    if "charging" in flaws:
        image = charging(rng, image, rng.uniform(0.32, 0.45 if delicate else 0.8))
    elif rng.random() < 0.1:
        image = charging(rng, image, rng.uniform(0.03, 0.12))
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
    doses = (100.0 if delicate else 70.0, 3000.0)
    if "noisy" in flaws:
        doses = (20.0, 34.0) if delicate else (8.0, 30.0)
    dose = float(np.exp(rng.uniform(*np.log(doses))))
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
    span = rng.uniform(0.45, 1.1) if rng.random() < 0.65 else 1.0
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
    """Name the contrast between objects and background as measured in the picture.

    Parameters
    ----------
    image : uint8 array of any shape
        Grey values.
    objects : bool array of the same shape
        Which of them belong to objects.
    """
    share = float(objects.mean())
    if share == 0 or share >= 0.97:
        return "mixed"
    step = float(image[objects].mean()) - float(image[~objects].mean())
    if abs(step) < 0.35 * float(image.std()) + 2:
        return "mixed"
    return "bright on dark" if step > 0 else "dark on bright"
