"""Compound figures whose panels are known: photographs and plots in many layouts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Box = tuple[int, int, int, int]


@dataclass
class Compound:
    image: Image.Image
    caption: str
    boxes: list[Box] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    kind: str = ""


def picture(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Something like a micrograph: grains, particles, fibres or layers, with a scale bar."""
    kind = rng.integers(5)
    noise = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
    smooth = np.asarray(noise.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 7)))), float)
    smooth = (smooth - smooth.mean()) / (smooth.std() + 1e-6)
    grey = float(rng.uniform(60, 190))
    pixels = grey + float(rng.uniform(12, 40)) * smooth
    canvas = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    if kind in (1, 2):
        for _ in range(int(rng.integers(5, 60))):
            x, y, r = rng.integers(width), rng.integers(height), rng.uniform(0.01, 0.08) * width
            level = int(np.clip(grey + rng.choice([-70, 70]) + rng.normal(0, 9), 0, 255))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=level)
    elif kind == 3:
        for _ in range(int(rng.integers(8, 40))):
            ends = [int(v) for v in rng.integers(-40, max(width, height) + 40, 4)]
            draw.line(ends, fill=int(rng.integers(140, 250)), width=int(rng.integers(2, 9)))
    elif kind == 4:
        y = 0
        while y < height:
            thick = int(rng.integers(height // 8, height // 2))
            shade = Image.new("L", (width, thick), int(rng.integers(10, 240)))
            canvas.paste(Image.blend(shade, canvas.crop((0, y, width, y + thick)), 0.35), (0, y))
            y += thick
    grain = rng.normal(0, float(rng.uniform(2, 14)), (height, width))
    pixels = np.clip(np.asarray(canvas, float) + grain, 0, 255).astype(np.uint8)
    shown = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(shown)
    if rng.random() < 0.3:  # an information bar
        bar = max(12, height // 12)
        draw.rectangle((0, height - bar, width, height), fill="black")
        draw.text((6, height - bar + 1), "5.00 kV  x2000  SE", fill="white")
    draw.line((width * 0.7, height * 0.9, width * 0.9, height * 0.9), fill="white", width=4)
    return shown


def plot(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A diagram with axes, numbers, curves and sometimes a legend; white around it."""
    shown = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(shown)
    left, top, right, bottom = int(width * 0.14), 6, width - 6, int(height * 0.84)
    if rng.random() < 0.6:
        draw.rectangle((left, top, right, bottom), outline="black", width=2)
    else:
        draw.line((left, top, left, bottom, right, bottom), fill="black", width=2)
    for number in range(5):
        x = left + (right - left) * number // 5
        draw.line((x, bottom, x, bottom + 5), fill="black")
        draw.text((x - 4, bottom + 7), str(number * 10), fill="black")
        y = bottom - (bottom - top) * number // 5
        draw.text((left - 22, y - 10), str(number), fill="black")
    draw.text(((left + right) // 2 - 30, height - 13), "Energy (eV)", fill="black")
    side = Image.new("RGB", (70, 13), "white")
    ImageDraw.Draw(side).text((0, 0), "Counts", fill="black")
    shown.paste(side.rotate(90, expand=True), (1, (top + bottom) // 2 - 35))
    for colour in ("#0072B2", "#D55E00", "#009E73")[: int(rng.integers(1, 4))]:
        steps = np.cumsum(rng.normal(0, 1, 60))
        steps = (steps - steps.min()) / (np.ptp(steps) + 1e-6)
        xs = np.linspace(left, right, 60)
        points = list(zip(xs, bottom - 8 - steps * (bottom - top - 16), strict=True))
        draw.line(points, fill=colour, width=2)
    return shown


def compound(rng: np.random.Generator, pictures=picture, *, touching: bool = False) -> Compound:
    """Set panels in rows, or one beside a column of smaller ones, with letters and a caption."""
    gap = 0 if touching else int(rng.choice([3, 5, 8, 12, 20, 30]))
    paper = "white" if touching or rng.random() < 0.8 else "black"
    plots = 0.0 if paper == "black" or touching else float(rng.choice([0, 0, 0.3, 1.0]))
    lettering = str(rng.choice(["inside", "boxed", "outside", "none"]))
    if touching and lettering == "outside":
        lettering = "inside"
    head = 22 if lettering == "outside" else 0
    width = int(rng.integers(500, 1000))
    margin = int(rng.choice([0, 6, 20]))
    cells: list[Box] = []
    if not touching and rng.random() < 0.25:
        count = int(rng.integers(2, 4))
        side = int(width * 0.3)
        tall = count * side + (count - 1) * (gap + head)
        big = width - 2 * margin - side - gap
        cells.append((margin, margin + head, margin + big, margin + head + tall))
        for row in range(count):
            y = margin + head + row * (side + gap + head)
            cells.append((margin + big + gap, y, margin + big + gap + side, y + side))
        height = tall + 2 * margin + head
    else:
        columns, rows = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        columns = max(columns, 2) if rows == 1 else columns
        y = margin
        for _ in range(rows):
            across = (
                columns if touching or rng.random() < 0.8 else max(1 + (rows == 1), columns - 1)
            )
            wide = (width - 2 * margin - (across - 1) * gap) // across
            tall = int(((width - 2 * margin) // columns) * 0.75)
            y += head
            for column in range(across):
                x = margin + column * (wide + gap)
                cells.append((x, y, x + wide, y + tall))
            y += tall + gap
        height = y - gap + margin
    figure = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(figure)
    capital = rng.random() < 0.3
    letters = [chr((65 if capital else 97) + number) for number in range(len(cells))]
    ink = "black" if paper == "white" else "white"
    font = ImageFont.load_default(size=18)
    for letter, (x0, y0, x1, y1) in zip(letters, cells, strict=True):
        drawn = plot if rng.random() < plots and x1 - x0 > 150 else pictures
        figure.paste(drawn(rng, x1 - x0, y1 - y0).resize((x1 - x0, y1 - y0)), (x0, y0))
        if lettering == "outside":
            draw.text((x0, y0 - head + 1), f"({letter})", fill=ink, font=font)
        elif lettering != "none" and drawn is not plot:
            if lettering == "boxed":
                draw.rectangle((x0, y0, x0 + 30, y0 + 26), fill="white")
            shade = "black" if lettering == "boxed" else "white"
            draw.text((x0 + 8, y0 + 2), letter, fill=shade, font=font)
    words = ["SEM image of gold", "TEM image of silver", "Map of copper", "Spectrum of nickel"]
    caption = "Structure of the alloys. " + " ".join(
        f"({letter}) {words[number % 4]}." for number, letter in enumerate(letters)
    )
    return Compound(figure, caption, cells, letters, f"{lettering} gap {gap} {paper} {plots}")


def found_of(boxes: list[Box], truth: list[Box], least: float = 0.7) -> int:
    """Count the true boxes that a found one covers, each used once."""
    left, hits = list(boxes), 0
    for box in truth:
        best = max(left, key=lambda one: overlap(one, box), default=None)
        if best is not None and overlap(best, box) >= least:
            left.remove(best)
            hits += 1
    return hits


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return both / (area - both) if both else 0.0
