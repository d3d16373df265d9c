"""Pictures that are no micrographs, to teach the student to say so.

Photographs come from folders that the user gives and from scikit-learn, where it is installed;
charts, pages and screens are drawn here. scikit-image's photographs are never among them: they
are what the student is measured on (:mod:`napari_micrograph_vlm.evaluation.photographs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

__all__ = ["drawings", "read_folders", "regions_of", "scikit_learn_photographs"]

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})

LONGEST = 1200
"""Longest side in pixels that is kept of a photograph: more than the student sees."""

SHORTEST = 100
"""Icons are left out."""

_PLAIN = 6.0
"""A picture whose grey values spread less shows nothing; a micrograph may look the same."""

_SMOOTH = 0.8
"""Likewise one whose neighbouring pixels, of 256 a side, differ less on average ..."""

_MASK = 0.93
"""... and a mask, of which so much is black or white."""


def read_folders(folders: Iterable[Path]) -> Iterator[Pixels]:
    """Read the photographs of folders and of the folders in them, in the order of their names.

    Parameters
    ----------
    folders : iterable of Path
        With images in colour or grey; what is no image, an icon, a mask, a normal map or almost
        plain is left out.

    Yields
    ------
    (H, W, 3) uint8 array
    """
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
            try:
                with Image.open(path) as image:
                    picture = _flattened(image)
            except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
                continue
            if min(picture.size) >= SHORTEST and _is_telling(picture):
                yield np.asarray(picture)


def scikit_learn_photographs() -> Iterator[Pixels]:
    """Return the two photographs of scikit-learn (CC BY); none where it is not installed."""
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        return
    yield from load_sample_images().images


def regions_of(picture: Pixels, seed: int) -> Iterator[Pixels]:
    """Return the whole and a part of a picture in grey, and the whole in colour now and then.

    Micrographs are grey: with colour alone the student would learn to tell colour.
    """
    rng = np.random.default_rng([seed, 11])
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    yield grey
    height, width = grey.shape
    rows, columns = (max(int(n * rng.uniform(0.3, 0.95)), 8) for n in (height, width))
    y0, x0 = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = grey[y0 : y0 + rows, x0 : x0 + columns]
    if part.std() > _PLAIN:
        yield np.ascontiguousarray(part)
    if seed % 2:
        yield picture


def drawings(n: int, seed: int = 0) -> Iterator[Pixels]:
    """Draw charts, pages of text, tables, screens and cartoons, (H, W, 3) uint8."""
    for i in range(n):
        rng = np.random.default_rng([seed, 23, i])
        size = int(rng.integers(300, 700)), int(rng.integers(300, 700))
        picture = Image.new("RGB", size, _colour(rng, light=rng.random() < 0.8))
        _DRAWN[i % len(_DRAWN)](ImageDraw.Draw(picture), size, rng)
        yield np.asarray(picture)


def _flattened(image: Image.Image) -> Image.Image:
    """Return an image in RGB, transparent parts white, no larger than is of use."""
    # A hint to the JPEG decoder: it reads large photographs at a fraction of their size.
    image.draft("RGB", (LONGEST, LONGEST))
    if "A" in image.mode or image.mode == "P":
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, with_alpha)
    picture = image.convert("RGB")
    picture.thumbnail((LONGEST, LONGEST))
    return picture


def _is_telling(picture: Image.Image) -> bool:
    """Whether a picture is more than a gradient, a mask or a normal map of a game."""
    small = np.asarray(picture.resize((256, 256)), np.float32)
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32)
    red, green, blue = small.mean((0, 1))
    if blue > 190 and abs(red - 128) < 22 and abs(green - 128) < 22:
        return False
    around = sum(np.roll(grey, step, axis) for step in (1, -1) for axis in (0, 1)) / 4
    detail = np.abs(grey - around)[1:-1, 1:-1].mean()
    extreme = ((grey < 12) | (grey > 243)).mean()
    return bool(grey.std() > _PLAIN and detail > _SMOOTH and extreme < _MASK)


def _colour(rng: np.random.Generator, *, light: bool) -> tuple[int, int, int]:
    low, high = (200, 256) if light else (0, 140)
    red, green, blue = (int(v) for v in rng.integers(low, high, 3))
    return red, green, blue


def _letters(rng: np.random.Generator, n: int) -> str:
    letters = "eeeetttaaooiinnsshhrrdlucmfwypvbgkjqxz   ,."
    return "".join(letters[int(k)] for k in rng.integers(len(letters), size=n)).strip()


def _page(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    font = ImageFont.load_default(float(rng.uniform(9, 26)))
    ink, step = _colour(rng, light=False), int(rng.uniform(14, 40))
    left = int(rng.uniform(0.02, 0.12) * size[0])
    for y in range(int(rng.uniform(0, 40)), size[1], step):
        if rng.random() > 0.1:
            draw.text((left, y), _letters(rng, int(rng.uniform(20, 120))), fill=ink, font=font)


def _chart(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    x0, y0, x1, y1 = 0.12 * width, 0.08 * height, 0.95 * width, 0.88 * height
    ink, font = _colour(rng, light=False), ImageFont.load_default(14)
    draw.rectangle((x0, y0, x1, y1), outline=ink)
    for k in range(6):
        x, y = x0 + k / 5 * (x1 - x0), y1 - k / 5 * (y1 - y0)
        draw.text((x, y1 + 4), str(k), fill=ink, font=font)
        draw.text((x0 - 26, y - 8), str(10 * k), fill=ink, font=font)
    bars = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 4))):
        n, line = int(rng.integers(5, 40)), _colour(rng, light=False)
        values = np.clip(0.5 + np.cumsum(rng.normal(0, 0.12, n)), 0.02, 0.98)
        across = x0 + (np.arange(n) + 0.5) / n * (x1 - x0)
        up = y1 - values * (y1 - y0)
        points = [(float(a), float(b)) for a, b in zip(across, up, strict=True)]
        if bars:
            half = 0.4 * (x1 - x0) / n
            for a, b in points:
                draw.rectangle((a - half, b, a + half, y1), fill=line)
            break
        draw.line(points, fill=line, width=int(rng.integers(1, 4)))
        for a, b in points:
            draw.ellipse((a - 3, b - 3, a + 3, b + 3), fill=line)


def _table(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    ink, font = _colour(rng, light=False), ImageFont.load_default(15)
    rows, columns = int(rng.integers(5, 16)), int(rng.integers(3, 7))
    high, wide = size[1] / rows, size[0] / columns
    for i in range(rows):
        draw.line((0, i * high, size[0], i * high), fill=ink)
        for j in range(columns):
            draw.line((j * wide, 0, j * wide, size[1]), fill=ink)
            number = f"{rng.normal(0, 10 ** rng.uniform(0, 3)):.3g}"
            draw.text((j * wide + 5, i * high + 3), number, fill=ink, font=font)


def _screen(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    draw.rectangle((0, 0, width, 28), fill=_colour(rng, light=False))
    draw.text((8, 6), _letters(rng, 24), fill=(255, 255, 255), font=ImageFont.load_default(14))
    for _ in range(int(rng.integers(5, 14))):
        x, y = rng.uniform(0, 0.8 * width), rng.uniform(30, 0.9 * height)
        x1, y1 = x + rng.uniform(50, 0.5 * width), y + rng.uniform(20, 0.3 * height)
        light = bool(rng.random() < 0.6)
        fill = _colour(rng, light=light)
        ink = _colour(rng, light=not light)
        draw.rounded_rectangle((x, y, x1, y1), 5, fill=fill, outline=ink)
        draw.text((x + 6, y + 4), _letters(rng, 18), fill=ink, font=ImageFont.load_default(13))


def _cartoon(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    for _ in range(int(rng.integers(3, 12))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(20, 0.35 * width), rng.uniform(20, 0.35 * height)
        fill = _colour(rng, light=bool(rng.random() < 0.4))
        outline = (0, 0, 0) if rng.random() < 0.6 else None
        if rng.random() < 0.5:
            draw.ellipse((x - a, y - b, x + a, y + b), fill=fill, outline=outline, width=3)
        else:
            corners = [
                (float(x + a * np.cos(t)), float(y + b * np.sin(t)))
                for t in np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
            ]
            draw.polygon(corners, fill=fill, outline=outline, width=3)


_DRAWN: tuple[Callable[[ImageDraw.ImageDraw, tuple[int, int], np.random.Generator], None], ...] = (
    _page,
    _chart,
    _table,
    _screen,
    _cartoon,
)
