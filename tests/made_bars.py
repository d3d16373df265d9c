"""Information bars in the styles of many makers, drawn with their exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

STYLES = ("zeiss", "zeiss black", "fei", "thermo", "jeol", "hitachi", "tescan", "phenom")
# The font that comes with Pillow has no micro sign.
LABELS = ((10.0, "nm"), (20.0, "nm"), (50.0, "nm"), (200.0, "nm"), (500.0, "nm"))
LABELS += ((1.0, "um"), (2.0, "um"), (5.0, "um"), (10.0, "um"), (50.0, "um"), (100.0, "um"))


@dataclass(frozen=True)
class MadeBar:
    """A picture with its bar. ``words`` are texts and boxes ``y0, x0, y1, x1`` in the picture."""

    image: NDArray[Any]
    side: str
    rows: tuple[int, int]
    length_px: float
    length_nm: float
    words: tuple[tuple[str, tuple[float, float, float, float]], ...]


def specimen(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return a noisy picture of something: blobs at a few sizes, bright, dark or in between."""
    blobs = np.zeros((height, width))
    for size in rng.choice([4, 9, 20, 50], 2, replace=False):
        coarse = rng.normal(size=(height // size + 3, width // size + 3)).astype(np.float32)
        fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        blobs += np.asarray(fine)
    middle, contrast = rng.uniform(40, 200), rng.uniform(15, 60)
    picture = middle + contrast * blobs / np.std(blobs)
    picture += rng.normal(scale=rng.uniform(2, 15), size=picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def make_bar(
    rng: np.random.Generator,
    style: str,
    shape: tuple[int, int] = (700, 1024),
    side: str = "bottom",
    opacity: float = 1.0,
) -> MadeBar:
    """Draw a picture of ``shape`` and a bar beside it; with ``opacity`` below 1 drawn over it."""
    height, width = shape
    number, unit = LABELS[rng.integers(len(LABELS))]
    nm = number * (1 if unit == "nm" else 1000)
    length = int(rng.integers(width // 14, width // 5))
    draw = _Strip(width, rng, style)
    draw.times = max(round(2e8 / (nm / length * width), -2), 100)
    truth = getattr(draw, style.split()[0])(f"{number:g} {unit}", length)
    strip = np.asarray(draw.image)
    tall = len(strip)
    if opacity < 1:
        picture = specimen(rng, height + tall, width)
        under = picture[-tall:] if side == "bottom" else picture[:tall]
        under[:] = (opacity * strip + (1 - opacity) * under).astype(np.uint8)
    else:
        parts = [specimen(rng, height, width), strip]
        picture = np.concatenate(parts if side == "bottom" else parts[::-1])
    start = height if side == "bottom" else 0
    words = tuple((text, (y0 + start, x0, y1 + start, x1)) for text, (y0, x0, y1, x1) in draw.words)
    return MadeBar(picture, side, (start, start + tall), truth, nm, words)


class _Strip:
    """A strip to draw on; each style is a method that returns the scale bar's length."""

    def __init__(self, width: int, rng: np.random.Generator, style: str) -> None:
        self.width, self.rng = width, rng
        white = style in ("zeiss", "tescan")
        self.ground, self.ink = (255, 0) if white else (0, 255)
        self.words: list[tuple[str, tuple[float, float, float, float]]] = []
        self.font = int(rng.integers(width // 70, width // 45))
        self.kv, self.wd = rng.integers(1, 31), rng.uniform(2, 20)
        # Of a picture that is 200 mm wide on the maker's screen; styles round it.
        self.times = 1000.0

    def sheet(self, rows: int) -> None:
        self.image = Image.new("L", (self.width, rows), self.ground)
        self.draw = ImageDraw.Draw(self.image)

    def text(self, x: float, y: float, text: str) -> tuple[float, float]:
        """Write a text; return where it ends, to the right and below."""
        font = ImageFont.load_default(self.font)
        self.draw.text((x, y), text, self.ink, font)
        x0, y0, x1, y1 = self.draw.textbbox((x, y), text, font)
        self.words.append((text, (y0, x0, y1, x1)))
        return x1, y1

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Fill from the first pixel to the last, both included."""
        self.draw.rectangle((x0, y0, x1, y1), self.ink)

    def beam(self, x: int, y: int, length: int, tall: int, thick: int) -> float:
        """Draw a line between two ticks, ``length`` from centre to centre."""
        self.line(x, y + tall // 2, x + length + thick - 1, y + tall // 2 + thick - 1)
        self.line(x, y, x + thick - 1, y + tall)
        self.line(x + length, y, x + length + thick - 1, y + tall)
        return float(length)

    def zeiss(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(5 * f)
        thick = max(f // 9, 1)
        _, y = self.text(2 * f, 0.4 * f, label)
        truth = self.beam(2 * f, int(y) + 4, length, f, thick)
        x = max(2 * f + length, 6 * f) + 4 * f
        self.text(x, 0.6 * f, f"EHT = {self.kv:.2f} kV")
        self.text(x, 2.4 * f, f"WD = {self.wd:.1f} mm")
        self.text(x + 13 * f, 0.6 * f, "Signal A = InLens")
        self.text(x + 13 * f, 2.4 * f, f"Mag = {self.times / 1000:.2f} K X")
        self.draw.rectangle((0, 0, self.width - 1, 5 * f - 1), outline=self.ink)
        self.line(self.width - 4 * f, f, self.width - f, 4 * f)  # a logo
        return truth

    def fei(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(int(3.4 * f))
        x = f
        for name, value in (
            ("HV", f"{self.kv:.2f} kV"),
            ("WD", f"{self.wd:.1f} mm"),
            ("mag", f"{self.times:.0f} x"),
            ("det", "ETD"),
        ):
            self.text(x, 0.2 * f, name)
            x1, _ = self.text(x, 1.7 * f, value)
            self.line(int(x1) + f // 2, 0, int(x1) + f // 2, int(3.4 * f))
            x = int(x1) + f
        self.text(x + f, 1.9 * f, "laboratory")
        return self._around(label, max(length, 12 * f), x + f, int(0.8 * f))

    thermo = fei

    def _around(self, label: str, length: int, x: int, y: int) -> float:
        """Draw a scale bar with its label in the middle of it."""
        f = self.font
        wide = ImageFont.load_default(f).getlength(label)
        start = x + (length - wide) / 2
        self.text(start, y - 0.65 * f, label)
        tall, thick = f, max(f // 10, 1)
        truth = self.beam(x, y - tall // 2, length, tall, thick)
        gap = (start - 0.4 * f, y - thick, start + wide + 0.4 * f, y + 2 * thick)
        under = self.image.copy()
        self.draw.rectangle(gap, self.ground)
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).text((start, y - 0.65 * f), label, 255, ImageFont.load_default(f))
        self.image.paste(under, mask=mask)
        return truth

    def jeol(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(int(2.2 * f))
        x: float = f
        for text in (
            "SEI",
            f"{self.kv:.1f}kV",
            f"X{self.times:,.0f}",
            f"WD {self.wd:.1f}mm",
        ):
            x = self.text(x, 0.8 * f, text)[0] + 3 * f
        self.text(x, 0.8 * f, label)
        self.line(int(x), f // 4, int(x) + length - 1, f // 4 + max(f // 6, 2) - 1)
        return float(length)

    def hitachi(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(int(2.6 * f))
        step = max(length // 10, 6)
        x0 = self.width - 10 * step - 2 * f
        for i in range(11):
            tall = f // 2 if i % 5 else int(0.8 * f)
            self.line(x0 + i * step, 1, x0 + i * step + 1, tall)
        self.text(
            f / 2, 1.2 * f, f"SU8010 {self.kv:.1f}kV {self.wd:.1f}mm x{self.times / 1000:.1f}k"
        )
        wide = ImageFont.load_default(f).getlength(label)
        self.text(x0 + 10 * step - wide, 1.2 * f, label)
        return float(10 * step)

    def tescan(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(6 * f)
        for row, texts in enumerate(
            (
                (f"SEM HV: {self.kv:.1f} kV", f"WD: {self.wd:.2f} mm"),
                (f"SEM MAG: {self.times / 1000:.2f} kx", "Det: SE"),
                ("View field: 12.3 um", "Date(m/d/y): 05/11/16"),
            )
        ):
            for column, text in enumerate(texts):
                self.text(f + column * 15 * f, 0.4 * f + row * 1.8 * f, text)
        x = 30 * f
        self.text(x + length / 2 - f, 2.2 * f, label)
        self.line(x, f, x + length - 1, f + max(f // 4, 3) - 1)
        self.words = [(text, box) for text, box in self.words if "View" not in text]
        return float(length)

    def phenom(self, label: str, length: int) -> float:
        f = self.font
        self.sheet(int(3.2 * f))
        self.line(f // 2, f // 2, 3 * f, int(2.7 * f))  # a logo
        self.text(4 * f, 0.9 * f, f"FOV  Mode {self.kv}kV - Image  BSD Full")
        x = self.width - length - 4 * f
        self.line(x, int(2.2 * f), x + length - 1, int(2.2 * f) + max(f // 5, 2) - 1)
        self.text(x + length / 2 - 2 * f, 0.5 * f, label)
        return float(length)


def burn_scale_bar(
    picture: NDArray[np.uint8], rng: np.random.Generator, boxed: bool = False
) -> None:
    """Burn a scale bar with its label into the lower corner of a picture itself."""
    height, width = picture.shape
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    size, length = max(width // 25, 12), width // 5
    ink = 255 if boxed or picture[-2 * size :].mean() < 128 else 0
    x, y = (width - length - size, size // 2)[int(rng.integers(2))], height - size // 2
    if boxed:
        draw.rectangle((x - size // 2, y - 2 * size, x + length + size // 2, height), 0)
    draw.rectangle((x, y - size // 4, x + length - 1, y), ink)
    font = ImageFont.load_default(size)
    draw.text((x + size, y - 1.6 * size), "2 um", ink, font)
    if rng.random() < 0.5 and not boxed:
        aside = size // 2 if x > width // 2 else width - 9 * size
        draw.text((aside, y - 1.6 * size), "(b) substrate", ink, font)
    picture[:] = np.asarray(image)


def without_bar(rng: np.random.Generator, kind: str, shape: tuple[int, int] = (700, 900)) -> Any:
    """Return a picture that has no bar but something that is like one along an edge."""
    height, width = shape
    picture = specimen(rng, height, width)
    if kind == "dark substrate":
        rows = int(height * rng.uniform(0.06, 0.22))
        rough = np.cumsum(rng.normal(scale=0.25, size=width)) + rng.uniform(-2, 2) * np.linspace(
            0, 1, width
        )
        edge = height - rows + np.rint(rough - rough.mean()).astype(int)
        below = np.arange(height)[:, None] >= edge
        # Much of it lies below black.
        dark = rng.normal(rng.uniform(-8, 12), rng.uniform(0.5, 4), picture.shape)
        picture = np.where(below, np.clip(dark, 0, 255), picture).astype(np.uint8)
    elif kind == "sparse map":
        picture = np.where(rng.random(shape) < 0.03, 200, 0).astype(np.uint8)
    elif kind == "horizontal lines":
        period = int(rng.integers(30, 90))
        lines = np.where(np.arange(height) // period % 2, 190.0, 40.0)[:, None]
        picture = np.clip(lines + rng.normal(scale=rng.uniform(1, 8), size=shape), 0, 255)
        picture = picture.astype(np.uint8)
    elif kind == "text over the picture":
        image = Image.fromarray(picture)
        size = width // 40
        line = "5.0kV   x2,000   10um   7.5 14 SEM_SEI"
        ImageDraw.Draw(image).text(
            (size, height - 1.8 * size), line, 255, ImageFont.load_default(size)
        )
        return np.asarray(image)
    elif kind in SPECKLED:
        picture = _speckled(rng, kind, picture)
    if kind != "plain" and kind not in SPECKLED:
        burn_scale_bar(picture, rng, boxed=kind == "box")
    if rng.random() < 0.3:
        picture = picture[::-1].copy()
    return picture


def _speckled(rng: np.random.Generator, kind: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return flat ground with a straight edge and with dust or defects on it."""
    height, width = picture.shape
    if kind == "dust on clipped vacuum":
        rows = max(int(height * rng.uniform(0.05, 0.22)), 30)
        picture[-rows:], low, value = 0, height - rows + 5, int(rng.integers(140, 255))
    else:
        low, value = 4, 120
        flat = kind == "flat lines with defects"
        period = int(rng.integers(30, 200) if flat else rng.integers(40, 150))
        dark, bright, noise = (20.0, 220.0, 0.0) if flat else (-8.0, 172.0, 8.0)
        lines = np.where(np.arange(height) // period % 2 == 0, dark, bright)[:, None]
        lines = lines + rng.normal(scale=noise, size=picture.shape)
        picture = np.clip(lines, 0, 255).astype(np.uint8)
        value = value if flat else 220
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(20, 110))):
        x, y = rng.integers(4, width - 8), rng.integers(low, max(height - 8, low + 1))
        size = int(rng.integers(4, 10))
        draw.ellipse((x, y, x + size, y + size), value)
    return np.asarray(image)


SPECKLED = ("dust on clipped vacuum", "clipped trenches with dust", "flat lines with defects")
WITHOUT = (
    "plain",
    "scale bar",
    "box",
    "dark substrate",
    "sparse map",
    "horizontal lines",
    "text over the picture",
    *SPECKLED,
)


def as_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a picture as it comes out of a JPEG file."""
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
