"""Random textures: smooth, fractal and band-limited noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

Float = NDArray[np.float32]


def resize(array: Float, shape: tuple[int, int]) -> Float:
    """Resample a float image with cubic interpolation.

    Parameters
    ----------
    array : (h, w) float32 array
        The image to resample.
    shape : tuple of int
        Rows and columns wanted.

    Returns
    -------
    (H, W) float32 array
    """
    image = Image.fromarray(np.ascontiguousarray(array, dtype=np.float32))
    return np.array(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float32)


def white(rng: np.random.Generator, shape: tuple[int, ...]) -> Float:
    """Draw independent standard normal numbers as float32."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth(
    rng: np.random.Generator, shape: tuple[int, int], scale: float | tuple[float, float]
) -> Float:
    """Draw smooth noise of about zero mean and unit variance.

    A coarse grid of normal numbers is interpolated, far cheaper than a wide gaussian filter.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    scale : float or tuple of float
        Correlation length in pixels, or one for rows and one for columns.
    """
    sy, sx = scale if isinstance(scale, tuple) else (scale, scale)
    rows = max(2, round(shape[0] / max(sy, 1.0)) + 1)
    columns = max(2, round(shape[1] / max(sx, 1.0)) + 1)
    return resize(white(rng, (rows, columns)), shape) * np.float32(1.3)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    scale: float,
    octaves: int = 4,
    gain: float = 0.55,
) -> Float:
    """Sum octaves of smooth noise from ``scale`` pixels downwards; about unit variance."""
    total = np.zeros(shape, np.float32)
    weight, power = 1.0, 0.0
    for _ in range(octaves):
        total += np.float32(weight) * smooth(rng, shape, scale)
        power += weight**2
        weight *= gain
        scale = max(scale / 2, 1.0)
    return total / np.float32(np.sqrt(power))


def band(
    rng: np.random.Generator, shape: tuple[int, int], wavelength: float, width: float = 0.35
) -> Float:
    """Draw noise of one wavelength, the texture of spinodal and nanoporous solids.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    wavelength : float
        Mean distance of neighbouring ridges in pixels.
    width : float
        Relative width of the band of spatial frequencies.

    Returns
    -------
    (H, W) float32 array of zero mean and unit variance
    """
    rows, columns = (fft.next_fast_len(n, real=True) for n in shape)
    ky = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    ratio = np.sqrt(ky * ky + kx * kx) * np.float32(wavelength)
    gain = np.exp(-0.5 * ((ratio - 1) / width) ** 2)
    half = (rows, columns // 2 + 1)
    spectrum = (white(rng, half) + 1j * white(rng, half)) * gain
    noise = fft.irfft2(spectrum, s=(rows, columns))[: shape[0], : shape[1]]
    noise = noise - noise.mean()
    result: Float = (noise / max(float(noise.std()), 1e-9)).astype(np.float32)
    return result


def curve(rng: np.random.Generator, count: int, scale: float) -> Float:
    """Draw smooth one-dimensional noise of about unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    count : int
        Number of samples.
    scale : float
        Correlation length in samples.
    """
    knots = max(3, round(count / max(scale, 1.0)) + 1)
    result: Float = resize(white(rng, (1, knots)), (1, count))[0]
    return result
