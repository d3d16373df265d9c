"""Broken particles: bodies in fragments, or with a piece missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Mask, Window
from .noise import Float, curve

_PROFILE = 256


@dataclass(frozen=True)
class Fracture:
    """How a body of radius 1 is broken.

    Attributes
    ----------
    angle : float
        Direction across the first fracture in radians; the axis of a rod.
    gap : float
        Width of the gap between the fragments; 0 where a piece is missing instead.
    offset : float
        Distance of the fracture from the centre along ``angle``.
    rough : (256,) float32 array
        Course of the fracture about a straight line.
    second : float
        Angle between the two fractures of a body in three fragments or more; 0 for two.
    """

    angle: float
    gap: float
    offset: float
    rough: Float
    second: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, form: str, radius: float) -> Fracture:
        """Draw a fracture for a body of one form and a radius in pixels."""
        rough = curve(rng, _PROFILE, rng.uniform(10, 28)) * np.float32(rng.uniform(0.05, 0.1))
        angle = float(rng.uniform(0, 2 * np.pi))
        pieces = form in ("rod-shaped", "polyhedral") or rng.random() < 0.55
        if not pieces:
            return cls(angle, 0.0, float(rng.uniform(0.15, 0.5)), rough)
        gap = max(rng.uniform(0.2, 0.4), 2.6 / radius)
        second = float(rng.uniform(1.0, 1.7)) if form == "spherical" and rng.random() < 0.4 else 0.0
        return cls(angle, float(gap), float(rng.uniform(-0.25, 0.25)), rough, second)

    def _line(self, y: Float, x: Float, angle: float, offset: float) -> Float:
        """Signed distance from one fracture, in radii."""
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        along = np.clip((y * c - x * s + 2.0) * (_PROFILE / 4), 0, _PROFILE - 1).astype(int)
        result: Float = (x * c + y * s - np.float32(offset) + self.rough[along]).astype(np.float32)
        return result

    def apply(self, win: Window, radius: float) -> tuple[Window, Mask]:
        """Move the coordinates of a window as the fragments moved.

        Parameters
        ----------
        win : Window
            Coordinates about the centre of the body.
        radius : float
            Radius of the body in pixels.

        Returns
        -------
        moved : Window
            Where each pixel lay in the whole body.
        left : (h, w) bool array
            False in the gaps and where the piece is missing.
        """
        y = np.broadcast_to(win.dy, (win.dy.shape[0], win.dx.shape[1])) / np.float32(radius)
        x = np.broadcast_to(win.dx, y.shape) / np.float32(radius)
        first = self._line(y, x, self.angle, self.offset)
        if self.gap == 0:
            return win, first < 0
        left = np.abs(first) > self.gap / 2
        push = np.sign(first) * np.float32(self.gap / 2)
        dy, dx = (
            y - push * np.float32(np.sin(self.angle)),
            x - push * np.float32(np.cos(self.angle)),
        )
        if self.second:
            turn = self.angle + self.second
            other = self._line(y, x, turn, 0.0)
            # Only one half breaks again.
            half = first > 0
            left &= ~half | (np.abs(other) > self.gap * 0.4)
            push = np.where(half, np.sign(other) * np.float32(self.gap * 0.4), 0)
            dy, dx = dy - push * np.float32(np.sin(turn)), dx - push * np.float32(np.cos(turn))
        scale = np.float32(radius)
        return Window(win.index, (dy * scale).astype(np.float32), dx * scale), left
