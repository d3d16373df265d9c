"""The lines of a line/space pattern and the defects that change them."""

from __future__ import annotations

import numpy as np

from .geometry import Mask, rotated, to_picture, window
from .noise import Float, fractal, resize, white
from .scene import Placer, Shape


def _edge_table(rng: np.random.Generator, lines: int, length: int, scale: float) -> Float:
    """Roughness of each line's edge along its length, independent from line to line."""
    knots = max(4, int(length / scale))
    return np.stack([resize(white(rng, (1, knots)), (1, length))[0] for _ in range(lines)])


def step(distance: Float, width: float) -> Float:
    """Rise smoothly from 0 to 1 within ``width`` pixels about an edge."""
    ramp = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    result: Float = ramp * ramp * (3 - 2 * ramp)
    return result


def surface(
    rng: np.random.Generator, shape: Shape, solid: Float, top: float, floor: float
) -> Float:
    """Material brightness of raised and low parts with a fine grain."""
    grain = fractal(rng, shape, rng.uniform(3, 12), 3) * np.float32(rng.uniform(0.005, 0.03))
    result: Float = (np.float32(floor) + np.float32(top - floor) * solid + grain).astype(np.float32)
    return result


class Lines:
    """The frame of a line/space pattern and the defects that change its lines."""

    def __init__(
        self,
        rng: np.random.Generator,
        shape: Shape,
        pitch: float,
        angle: float,
        duty: float,
        calm: bool = False,
    ) -> None:
        self.rng, self.shape, self.pitch, self.angle = rng, shape, pitch, angle
        self.width = pitch * duty
        self.space = pitch - self.width
        self.u, self.v = rotated(shape, angle)
        phase = rng.uniform(0, pitch)
        self.origin = float(self.u.min()) - phase
        self.u -= np.float32(self.origin)
        self.v0 = float(self.v.min())
        self.v -= np.float32(self.v0)
        self.line = (self.u / np.float32(pitch)).astype(np.int32)
        self.across = self.u - (self.line + np.float32(0.5)) * np.float32(pitch)
        lines, length = int(self.line.max()) + 1, int(self.v.max()) + 2
        # Rough lines are told by the calm ones beside them.
        rough = pitch * rng.uniform(0.004, 0.012 if calm else 0.03)
        scale = max(2.0, pitch * rng.uniform(0.15, 0.8))
        along = self.v.astype(np.int32)
        low, high = (_edge_table(rng, lines, length, scale) * rough for _ in range(2))
        wave = np.where(self.across > 0, high[self.line, along], low[self.line, along])
        self.shift = np.zeros(shape, np.float32)
        self.wave = wave.astype(np.float32)
        self.distance = self._distance()
        self.defects: list[tuple[str, Mask]] = []
        self.rough: set[int] = set()

    def _distance(self) -> Float:
        """Signed distance from the edge of the line: positive inside."""
        half = np.float32(self.width / 2)
        result: Float = half + self.wave - np.abs(self.across - self.shift)
        return result

    def _spot(self, placer: Placer, radius: float, in_space: bool) -> tuple[float, ...] | None:
        """Find a free place on the centre of a line or of a space: (y, x, u, v)."""
        for _ in range(40):
            y, x = self.rng.uniform(0.1, 0.9, 2) * self.shape
            u, v = float(self.u[int(y), int(x)]), float(self.v[int(y), int(x)])
            cell = round(u / self.pitch) if in_space else int(u / self.pitch) + 0.5
            u = cell * self.pitch
            py, px = to_picture(self.shape, self.angle, u + self.origin, v + self.v0)
            if placer.free(float(py), float(px), radius):
                placer.take(float(py), float(px), radius)
                return float(py), float(px), u, v
        return None

    def bridge(self, placer: Placer) -> None:
        """Join two lines by material as wide as a line or half of it."""
        half = max(1.6, self.width * self.rng.uniform(0.25, 0.75))
        reach = self.space / 2 + self.width * 0.3
        spot = self._spot(placer, max(half, reach) + 4, True)
        win = spot and window(self.shape, spot[0], spot[1], reach + half * 2 + 3)
        if not spot or not win:
            return
        du, dv = self.u[win.index] - spot[2], self.v[win.index] - spot[3]
        du = du.astype(np.float32)
        tilt = self.rng.uniform(-0.35, 0.35)
        # Surface tension leaves a concave neck: thinnest in the middle of the space.
        neck = half * (0.75 + 0.55 * (du / reach) ** 2)
        blob = neck - np.abs(dv - tilt * du)
        size = (blob.shape[0], blob.shape[1])
        blob += fractal(self.rng, size, max(2.0, half * 0.6), 2) * np.float32(0.12 * half)
        blob[np.abs(du) > reach] = -99.0
        before = self.distance[win.index]
        mask = np.zeros(self.shape, bool)
        mask[win.index] = (blob > 0) & (before < 1)
        self.distance[win.index] = np.maximum(before, blob)
        self.defects.append(("bridge", mask))

    def micro_bridge(self, placer: Placer) -> None:
        """Draw a thin thread across a space, or a spur that does not reach the other line."""
        rng, partial = self.rng, self.rng.random() < 0.4
        reach = self.space / 2 + self.width * 0.25
        spot = self._spot(placer, reach + 4, True)
        win = spot and window(self.shape, spot[0], spot[1], reach * 1.3 + 4)
        if not spot or not win:
            return
        du, dv = self.u[win.index] - spot[2], self.v[win.index] - spot[3]
        side = float(rng.choice([-1.0, 1.0]))
        if partial:
            # Measured from the line it grows on: 0 at the edge, 1 at the edge beyond the space.
            along = (np.float32(self.space / 2) - du * side) / np.float32(self.space)
            tip = rng.uniform(0.45, 0.72)
            half = max(1.2, self.width * rng.uniform(0.12, 0.2))
            profile = half * np.sqrt(np.clip(1 - along / tip, 0, 1))
            profile = np.where((along < tip) & (along > -0.35), profile, -9)
        else:
            half = max(0.8, self.width * rng.uniform(0.045, 0.09))
            profile = half * (0.8 + 0.9 * (np.abs(du) / reach) ** 3)
            profile = np.where(np.abs(du) < reach, profile, -9)
        lean = rng.uniform(-0.4, 0.4)
        sag = rng.uniform(-0.12, 0.12) * self.space * np.cos(np.pi * du / (2 * reach))
        blob = (profile - np.abs(dv - lean * du - sag)).astype(np.float32)
        before = self.distance[win.index]
        mask = np.zeros(self.shape, bool)
        mask[win.index] = (blob > -0.5) & (before < 0.5)
        self.distance[win.index] = np.maximum(before, blob)
        self.defects.append(("micro-bridge", mask))

    def roughen(self) -> bool:
        """Roughen the edges of one line, all along it or over a stretch; False if none is left."""
        rng = self.rng
        inner = [
            k
            for k in range(int(self.line.max()) + 1)
            if k not in self.rough and (self.line == k).mean() > 0.5 * self.pitch / max(self.shape)
        ]
        if not inner:
            return False
        # Rough lines come side by side, as a flaw of the mask makes them.
        near = [k for k in inner if k - 1 in self.rough or k + 1 in self.rough]
        chosen = int(rng.choice(near if near and rng.random() < 0.6 else inner))
        self.rough.add(chosen)
        own = self.line == chosen
        length = int(self.v.max()) + 2
        scale = max(2.0, self.pitch * rng.uniform(0.1, 0.22))
        tables = _edge_table(rng, 2, length, scale) * np.float32(
            self.pitch * rng.uniform(0.045, 0.08)
        )
        most = 0.55 * min(self.width, self.space) / 2
        tables = np.clip(tables, -most, most)
        span = self.v[own]
        low, high = float(span.min()), float(span.max())
        at = np.arange(length, dtype=np.float32)
        envelope = np.ones(length, np.float32)
        if rng.random() < 0.5:
            half = (high - low) * rng.uniform(0.2, 0.32)
            middle = rng.uniform(low + half, high - half)
            envelope = np.clip((half - np.abs(at - middle)) / np.float32(scale), 0, 1)
        tables *= envelope
        along = self.v.astype(np.int32)
        wave = np.where(self.across > 0, tables[0][along], tables[1][along])
        self.wave += np.where(own, wave, 0)
        before = self.distance
        self.distance = self._distance()
        mask = own & (envelope[along] > 0.3) & (np.maximum(before, self.distance) > -1)
        self.defects.append(("edge roughness", mask))
        return True

    def cut(self, placer: Placer) -> None:
        """Break a line."""
        gap = max(3.0, self.width * self.rng.uniform(0.5, 1.6))
        spot = self._spot(placer, max(gap, self.width) + 4, False)
        win = spot and window(self.shape, spot[0], spot[1], (gap + self.width) * 0.9 + 3)
        if not spot or not win:
            return
        du, dv = self.u[win.index] - spot[2], self.v[win.index] - spot[3]
        before = self.distance[win.index].copy()
        own = np.abs(du) < self.pitch / 2
        # Rounded line ends: the gap is wider at the edges than on the centre line.
        end = np.abs(dv) - gap / 2 - 0.25 * self.width * (2 * du / self.width) ** 2
        mask = np.zeros(self.shape, bool)
        mask[win.index] = own & (before > 0) & (end < 0)
        self.distance[win.index] = np.where(own, np.minimum(before, end), before)
        self.defects.append(("break", mask))

    def neck(self, placer: Placer) -> None:
        """Narrow a line."""
        spread = max(2.0, self.width * self.rng.uniform(0.35, 0.7))
        spot = self._spot(placer, max(spread * 2, self.width) + 4, False)
        win = spot and window(self.shape, spot[0], spot[1], spread * 4 + self.width)
        if not spot or not win:
            return
        du, dv = self.u[win.index] - spot[2], self.v[win.index] - spot[3]
        own = np.abs(du) < self.pitch / 2
        bite = self.width * self.rng.uniform(0.27, 0.37) * np.exp(-0.5 * (dv / spread) ** 2)
        before = self.distance[win.index].copy()
        mask = np.zeros(self.shape, bool)
        mask[win.index] = own & (before > 0) & (np.abs(dv) < 1.6 * spread)
        self.distance[win.index] = np.where(own, before - bite, before)
        self.defects.append(("necking", mask))

    def collapse(self, placer: Placer) -> None:
        """Lean neighbouring lines on each other."""
        side = min(self.shape)
        spread = side * self.rng.uniform(0.05, 0.12)
        spot = self._spot(placer, spread * 1.3 + self.pitch, True)
        if not spot:
            return
        first = round(spot[2] / self.pitch) - 1
        pairs = int(self.rng.integers(1, 3))
        hit = np.zeros(self.shape, bool)
        for pair in range(pairs):
            left = first + 2 * pair
            # Tops that lean on each other keep a fine seam, unlike bridged lines.
            bump = np.exp(-(((self.v - spot[3]) / np.float32(spread)) ** 4))
            bump *= np.float32(self.space / 2 - min(0.7, 0.1 * self.space))
            self.shift += np.where(self.line == left, bump, 0)
            self.shift -= np.where(self.line == left + 1, bump, 0)
            both = (self.line == left) | (self.line == left + 1)
            inner = (self.u > (left + 0.5) * self.pitch - self.width / 2) & (
                self.u < (left + 1.5) * self.pitch + self.width / 2
            )
            hit |= both & inner & (np.abs(self.v - spot[3]) < spread * 0.95)
        self.distance = self._distance()
        self.defects.append(("pattern collapse", hit))
