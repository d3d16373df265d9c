"""Bodies set down on a support one after the other."""

from __future__ import annotations

import numpy as np

from .fracture import Fracture
from .geometry import Mask, Window, blob_distance, window
from .noise import Float
from .scene import Shape

REACH = {"spherical": 1.05, "polyhedral": 1.65, "irregular": 1.45, "cubic": 1.35}
"""Half-width of the window a body of radius 1 needs; a rod needs its aspect ratio."""

SHAPES = ("spherical", "polyhedral", "rod-shaped", "irregular", "cubic")


class Stamps:
    """Height, brightness and cover of bodies set down one after the other.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.height = np.zeros(shape, np.float32)
        self.tone = np.zeros(shape, np.float32)
        self.cover = np.zeros(shape, bool)
        self.thickness = np.zeros(shape, np.float32)

    def put(
        self,
        rng: np.random.Generator,
        form: str,
        y: float,
        x: float,
        radius: float,
        base: float,
        tone: float,
        aspect: float = 1.0,
        fracture: Fracture | None = None,
    ) -> tuple[tuple[slice, slice], Mask] | None:
        """Set down one body, whole or broken; return where it lies and the pixels it covers.

        A broken body covers the gaps between its fragments and the missing piece as well.
        """
        spare = 1 + (fracture.gap * radius if fracture else 0)
        win = window(self.shape, y, x, radius * REACH.get(form, aspect) + spare)
        if win is None:
            return None
        left: Mask | None = None
        if fracture is not None:
            win, left = fracture.apply(win, radius)
        dome: Float
        shade = np.full((1, 1), tone, np.float32)
        if form == "spherical":
            squared = (win.dy * win.dy + win.dx * win.dx) / np.float32(radius * radius)
            dome = np.sqrt(np.maximum(1 - squared, 0)).astype(np.float32)
        elif form == "rod-shaped":
            # A rod breaks across its length.
            turn = fracture.angle if fracture else rng.uniform(0, np.pi)
            c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            along, across = win.dx * c + win.dy * s, win.dy * c - win.dx * s
            rest = np.maximum(np.abs(along) - np.float32(radius * (aspect - 1)), 0)
            squared = (rest * rest + across * across) / np.float32(radius * radius)
            dome = np.sqrt(np.maximum(1 - squared, 0)).astype(np.float32)
        elif form == "irregular":
            distance = blob_distance(rng, win, radius, 0.2, rng.uniform(1, 1.4), 4)
            dome = np.sqrt(np.maximum(1 - distance * distance, 0)).astype(np.float32)
        elif form == "cubic":
            turn = rng.uniform(0, np.pi)
            c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            reach = np.float32(0.9 * radius)
            square = (
                np.maximum(np.abs(win.dx * c + win.dy * s), np.abs(win.dy * c - win.dx * s)) / reach
            )
            lean = (win.dx * np.float32(rng.uniform(-1, 1)) + win.dy * rng.uniform(-1, 1)) / radius
            dome = np.clip(np.minimum((1 - square) * 7, 0.85 + 0.25 * lean), 0, None)
            dome = dome.astype(np.float32)
        else:
            dome, light = _polyhedron(rng, win, radius)
            shade = shade * light
        inside = dome > 0
        index = win.index
        outline = inside
        if left is not None and fracture is not None:
            outline, inside = inside, inside & left
            dome = np.where(inside, dome, np.float32(0))
            # Little light comes out of the gap, whatever lies below.
            self.tone[index][outline & ~inside] *= np.float32(0.45)
        level = np.float32(base) + np.float32(radius) * dome
        np.copyto(self.height[index], level, where=inside)
        np.copyto(self.tone[index], shade, where=inside)
        self.cover[index] |= inside
        self.thickness[index] += dome * np.float32(radius)
        return index, outline


def _polyhedron(rng: np.random.Generator, win: Window, radius: float) -> tuple[Float, Float]:
    """Height (in radii) and relative brightness of a convex body with plane faces."""
    steep = int(rng.integers(5, 8))
    turn = rng.uniform(0, 6.28) + (np.arange(steep) + rng.uniform(-0.25, 0.25, steep)) * (
        2 * np.pi / steep
    )
    rise = rng.uniform(0.15, 0.8, steep)
    # One face looks nearly upwards, the others stand around it.
    turn, rise = np.append(turn, rng.uniform(0, 6.28)), np.append(rise, rng.uniform(0.75, 1.5))
    scale = np.float32(1 / radius)
    x, y = win.dx * scale, win.dy * scale
    size = (y.shape[0], x.shape[1])
    height, facet = np.full(size, 9.0, np.float32), np.ones(size, np.float32)
    for a, e in zip(turn, rise, strict=True):
        c, s = np.cos(e) / np.sin(e), np.float32(0.85 / np.sin(e))
        plane = s - x * np.float32(c * np.cos(a)) - y * np.float32(c * np.sin(a))
        below = plane < height
        np.copyto(height, plane, where=below)
        np.copyto(facet, np.float32(1 + rng.uniform(-0.14, 0.14)), where=below)
    return np.clip(height, 0, 1.3), facet
