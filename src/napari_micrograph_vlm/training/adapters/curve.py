"""The loss over the steps, as a picture and as numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ...whole_files import replacing, write_whole

__all__ = ["CURVE", "HISTORY", "LOSS", "VALIDATION", "curve_picture", "ticks", "write_curve"]

CURVE = "loss_curve.png"
HISTORY = "history.json"

LOSS, VALIDATION = (0, 114, 178), (213, 94, 0)
"""Blue and vermilion of Okabe and Ito: told apart by everybody."""

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 20, 46, 56
_SCALE = 2
"""Drawn larger and made smaller, which smooths the lines."""

_INK, _GRID, _PAPER = (32, 32, 32), (222, 222, 222), (255, 255, 255)

History = Sequence[Mapping[str, float]]


def write_curve(folder: Path, history: History) -> None:
    """Write ``loss_curve.png`` and ``history.json``."""
    with replacing(folder / CURVE) as part:
        curve_picture(history).save(part)
    write_whole(folder / HISTORY, json.dumps(list(history), indent=1) + "\n")


def curve_picture(history: History) -> Image.Image:
    """Draw training and validation loss over the steps.

    Parameters
    ----------
    history : sequence of dict
        ``step`` with ``loss`` or ``validation``.
    """
    drawn = {name: _points(history, name) for name in ("loss", "validation")}
    every = [point for points in drawn.values() for point in points]
    last = max((step for step, _ in every), default=1.0) or 1.0
    top = max((value for _, value in every), default=1.0) or 1.0
    marks = ticks(top)
    most = max(top, marks[-1])
    size = (_WIDTH * _SCALE, _HEIGHT * _SCALE)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13 * _SCALE)

    def at(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / most
        return x * _SCALE, y * _SCALE

    for mark in marks:
        draw.line([at(0, mark), at(last, mark)], _GRID, _SCALE)
        x, y = at(0, mark)
        draw.text((x - 8 * _SCALE, y), f"{mark:g}", _INK, font, anchor="rm")
    for mark in ticks(last):
        if mark == round(mark):
            x, y = at(mark, 0)
            draw.line([(x, y), (x, y + 4 * _SCALE)], _INK, _SCALE)
            draw.text((x, y + 8 * _SCALE), f"{mark:g}", _INK, font, anchor="mt")
    draw.line([at(0, most), at(0, 0), at(last, 0)], _INK, _SCALE)
    middle = (_LEFT + _WIDTH - _RIGHT) / 2 * _SCALE
    draw.text((middle, (_HEIGHT - 12) * _SCALE), "step", _INK, font, anchor="mb")
    draw.text((12 * _SCALE, 14 * _SCALE), "loss (nats per token)", _INK, font, anchor="lm")
    for name, colour, wide in (("loss", LOSS, 1.5), ("validation", VALIDATION, 2.5)):
        _line(draw, [at(*point) for point in drawn[name]], colour, wide, dots=name != "loss")
    _key(draw, font)
    return picture.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)


def ticks(most: float, count: int = 5) -> list[float]:
    """Return round numbers from 0 to about ``most``, some ``count`` of them."""
    if not isfinite(most) or most <= 0:
        return [0.0, 1.0]
    rough = most / count
    unit = 10.0 ** floor(log10(rough))
    step = next((f * unit for f in (1, 2, 5) if f * unit >= rough), 10 * unit)
    return [round(i * step, 10) for i in range(int(most / step + 1e-9) + 1)]


def _points(history: History, name: str) -> list[tuple[float, float]]:
    return [(float(e["step"]), float(e[name])) for e in history if name in e and isfinite(e[name])]


def _line(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    colour: tuple[int, int, int],
    wide: float,
    *,
    dots: bool,
) -> None:
    if len(points) > 1:
        draw.line(points, colour, round(wide * _SCALE), joint="curve")
    side = 3.5 * _SCALE
    for x, y in points if dots or len(points) == 1 else ():
        draw.ellipse([x - side, y - side, x + side, y + side], colour)


def _key(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    x, y = float(_WIDTH - _RIGHT) * _SCALE, 14.0 * _SCALE
    for text, colour in (("answers held out", VALIDATION), ("answers learnt from", LOSS)):
        draw.text((x, y), text, _INK, font, anchor="rm")
        x -= draw.textlength(text, font) + 8 * _SCALE
        draw.line([(x - 22 * _SCALE, y), (x, y)], colour, 3 * _SCALE)
        x -= 40 * _SCALE
