"""The figures of typeset papers: pictures placed in many ways, and drawings."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas


class Drawing:
    """Draws on a canvas; y is counted from the top of the page."""

    canvas: Canvas
    noise: np.random.Generator
    height: float
    number: int
    regular: str
    heavy: str

    def text(self, text: str, x: float, y: float, font: str, size: float) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, self.height - y, text)

    def image(self, picture: Image.Image, x: float, y: float, w: float, h: float) -> None:
        mask = "auto" if picture.mode == "RGBA" else None
        self.canvas.drawImage(reader_of(picture), x, self.height - y - h, w, h, mask=mask)

    def picture(self, width: int, height: int, mode: str = "L") -> Image.Image:
        base = self.noise.normal(120, 30, (height // 4 + 1, width // 4 + 1))
        grey = Image.fromarray(np.clip(base, 5, 240).astype(np.uint8)).resize((width, height))
        if mode == "L":
            return grey
        other = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        rgb = Image.merge("RGB", (grey, other, grey.point(lambda v: 255 - v)))
        if mode == "RGBA":
            # Round: seen in the middle only.
            y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            rgb.putalpha(Image.fromarray(np.where(x * x + y * y < 1, 255, 0).astype(np.uint8)))
        return rgb if mode == "RGBA" else rgb.convert(mode)

    def draw(self, kind: str, x: float, y: float, w: float, h: float) -> None:
        """Draw a figure of a kind into a box."""
        c, low = self.canvas, self.height - y - h
        n, m = int(w), int(h)
        c.saveState()
        if kind == "strips":
            whole = self.picture(n, m)
            for i in range(8):
                part = whole.crop((0, m * i // 8, n, m * (i + 1) // 8))
                self.image(part, x, y + h * i / 8, w, h / 8)
        elif kind in ("colour", "cmyk", "mask", "indexed"):
            mode = {"colour": "RGB", "cmyk": "CMYK", "mask": "RGBA", "indexed": "P"}[kind]
            self.image(self.picture(n, m, mode), x, y, w, h)
        elif kind == "grid":
            for i in range(4):
                px, py = x + (i % 2) * (w / 2 + 2), y + (i // 2) * (h / 2 + 2)
                self.image(self.picture(n // 2, m // 2), px, py, w / 2 - 2, h / 2 - 2)
                c.setFillGray(1)
                self.text("abcd"[i], px + 4, py + 12, self.heavy, 10)
                c.setFillGray(0)
        elif kind == "letters":  # sub-captions below each of two pictures
            for i in range(2):
                px = x + i * (w / 2 + 3)
                self.image(self.picture(n // 2, m), px, y, w / 2 - 3, h - 14)
                self.text(f"({'ab'[i]}) part", px + w / 5, y + h - 3, self.regular, 8)
        elif kind == "clip":
            path = c.beginPath()
            path.rect(x, low, w, h)
            c.clipPath(path, stroke=0)
            self.image(self.picture(2 * n, 2 * m), x - w / 2, y - h / 2, 2 * w, 2 * h)
        elif kind == "turned":
            c.translate(x, low)
            c.rotate(90)
            c.drawImage(reader_of(self.picture(m, n)), 0, -w, h, w)
        elif kind == "form":
            c.beginForm(f"f{self.number}", x, low, x + w, low + h)
            self.plot(x, low, w, h)
            c.line(x - 200, low - 300, x - 100, low - 400)  # beyond its edge
            c.endForm()
            c.doForm(f"f{self.number}")
        elif kind == "plot":
            self.plot(x, low, w, h)
        elif kind == "bars":
            c.line(x, low, x, low + h)
            c.line(x, low, x + w, low)
            for i in range(6):
                c.setFillColorRGB(0.1 * i, 0.4, 0.7)
                c.rect(x + (i + 0.25) * w / 6, low, w / 10, h * (1 - i / 8), stroke=0, fill=1)
        elif kind == "scheme":
            for i in range(3):
                px = x + i * w / 3
                c.roundRect(px, low, w / 4, h, 6)
                self.text(("mix", "heat", "cool")[i], px + 8, y + h / 2, self.regular, 9)
                if i < 2:
                    c.line(px + w / 4, low + h / 2, px + w / 3, low + h / 2)
                    c.line(px + w / 3 - 4, low + h / 2 + 3, px + w / 3, low + h / 2)
        else:
            self.image(self.picture(n, m), x, y, w, h)
            if kind == "arrows":
                c.setStrokeColorRGB(1, 0, 0)
                c.line(x + w / 4, low + h / 4, x + w / 2, low + h / 2)
        c.restoreState()

    def plot(self, x: float, low: float, w: float, h: float) -> None:
        """Axes, a curve and writing, all inside the box."""
        c, x0, y0 = self.canvas, x + 26, low + 22
        c.rect(x0, y0, w - 26, h - 22)
        c.setFont(self.regular, 7)
        for i in range(5):
            c.drawString(x0 + i * (w - 34) / 4.5, y0 - 9, f"{i * 10}")
            c.drawRightString(x0 - 3, y0 + i * (h - 26) / 5, f"{i}.0")
            c.line(x0, y0 + i * (h - 26) / 5, x0 + 3, y0 + i * (h - 26) / 5)
        c.drawCentredString(x + w / 2, low + 3, "Time (s)")
        c.saveState()
        c.translate(x + 7, low + h / 2)
        c.rotate(90)
        c.drawCentredString(0, 0, "Load (N)")
        c.restoreState()
        path = c.beginPath()
        path.moveTo(x0, y0 + 5)
        for i in range(1, 30):
            path.lineTo(x0 + i * (w - 30) / 30, y0 + 5 + (h - 36) * (i / 30) ** 2)
        c.drawPath(path)


def reader_of(picture: Image.Image) -> ImageReader:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG" if picture.mode == "CMYK" else "PNG")
    buffer.seek(0)
    return ImageReader(buffer)
