"""Patterned surfaces: line/space patterns, gratings, contact holes and pillars."""

from __future__ import annotations

import numpy as np

from .geometry import Mask, rotated, to_picture, window
from .noise import Float, fractal, resize, white
from .overlays import overlay
from .scene import Placer, Plan, Scene, Shape, draw_angle, orientation_of


def _edge_table(rng: np.random.Generator, lines: int, length: int, scale: float) -> Float:
    """Roughness of each line's edge along its length, independent from line to line."""
    knots = max(4, int(length / scale))
    return np.stack([resize(white(rng, (1, knots)), (1, length))[0] for _ in range(lines)])


def _step(distance: Float, width: float) -> Float:
    ramp = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    result: Float = ramp * ramp * (3 - 2 * ramp)
    return result


class _Lines:
    """The frame of a line/space pattern and the defects that change its lines."""

    def __init__(
        self, rng: np.random.Generator, shape: Shape, pitch: float, angle: float, duty: float
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
        rough = pitch * rng.uniform(0.004, 0.03)
        scale = max(2.0, pitch * rng.uniform(0.15, 0.8))
        along = self.v.astype(np.int32)
        low, high = (_edge_table(rng, lines, length, scale) * rough for _ in range(2))
        wave = np.where(self.across > 0, high[self.line, along], low[self.line, along])
        self.shift = np.zeros(shape, np.float32)
        self.wave = wave.astype(np.float32)
        self.distance = self._distance()
        self.defects: list[tuple[str, Mask]] = []

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

    def cut(self, placer: Placer) -> None:
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


def _surface(
    rng: np.random.Generator, shape: Shape, solid: Float, top: float, floor: float
) -> Float:
    """Material brightness of raised and low parts with a fine grain."""
    grain = fractal(rng, shape, rng.uniform(3, 12), 3) * np.float32(rng.uniform(0.005, 0.03))
    result: Float = (np.float32(floor) + np.float32(top - floor) * solid + grain).astype(np.float32)
    return result


def line_space(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build resist or metal lines with rough edges, and their defects."""
    side = min(shape)
    kinds = dict(plan)
    pitch = max(9.0, side * float(np.exp(rng.uniform(np.log(0.045), np.log(0.16)))))
    if "necking" in kinds or "pattern collapse" in kinds:
        pitch = max(pitch, side * 0.06, 14.0)
    angle = draw_angle(rng)
    lines = _Lines(rng, shape, pitch, angle, rng.uniform(0.38, 0.62))
    placer = Placer(rng, shape)
    # Collapse first: it moves whole lines, the others then act on the lines as they lie.
    for kind, make in (
        ("pattern collapse", lines.collapse),
        ("bridge", lines.bridge),
        ("break", lines.cut),
        ("necking", lines.neck),
    ):
        for _ in range(kinds.get(kind, 0)):
            make(placer)
    edge = rng.uniform(1.0, 3.0) * max(1.0, side / 384)
    solid = _step(lines.distance, edge)
    tall = rng.uniform(1.5, 6.0) * max(1.0, side / 384)
    top, floor = rng.uniform(0.4, 0.65), rng.uniform(0.12, 0.35)
    if rng.random() < 0.15:
        top, floor = floor, top
    cores = np.where(np.abs(lines.across) <= 0.75, lines.line + 1, 0).astype(np.int32)
    scene = Scene(
        height=solid * np.float32(tall),
        albedo=_surface(rng, shape, solid, top, floor),
        objects=lines.distance > 0,
        name="lines",
        size=lines.width,
        orientation=orientation_of(angle),
        arrangement="aligned",
        cores=cores,
        defects=[d for d in lines.defects if d[1].any()],
        nm=(0.8, 8.0),
        extra={"structure": "line/space pattern"},
    )
    overlay(rng, scene, placer, plan)
    return scene


def grating(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a smooth shallow grating, its ridges rounded."""
    side = min(shape)
    pitch = max(7.0, side * float(np.exp(rng.uniform(np.log(0.03), np.log(0.14)))))
    angle = draw_angle(rng, 0.3)
    lines = _Lines(rng, shape, pitch, angle, 0.5)
    crest = 0.5 + 0.5 * np.cos(2 * np.pi * (lines.across - 0.3 * lines.wave) / pitch)
    crest = (crest ** rng.uniform(0.7, 2.0)).astype(np.float32)
    scene = Scene(
        height=crest * np.float32(pitch * rng.uniform(0.15, 0.4)),
        albedo=_surface(rng, shape, crest, rng.uniform(0.5, 0.7), rng.uniform(0.25, 0.4)),
        objects=crest > 0.5,
        name="lines",
        size=pitch / 2,
        orientation=orientation_of(angle),
        arrangement="aligned",
        cores=np.where(np.abs(lines.across) <= 0.75, lines.line + 1, 0).astype(np.int32),
        nm=(2.0, 60.0),
        extra={"structure": "grating"},
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def _array(rng: np.random.Generator, shape: Shape, plan: Plan, raised: bool) -> Scene:
    side = min(shape)
    pitch = max(10.0, side * float(np.exp(rng.uniform(np.log(0.065), np.log(0.2)))))
    hexagonal = rng.random() < 0.4
    radius = pitch * rng.uniform(0.22, 0.36)
    row_pitch = pitch * (0.866 if hexagonal else rng.choice([1.0, 1.0, 1.3]))
    angle = float(np.radians(rng.uniform(-6, 6) if rng.random() < 0.7 else rng.uniform(0, 90)))
    u, v = rotated(shape, angle)
    u0, v0 = float(u.min()) - rng.uniform(0, row_pitch), float(v.min()) - rng.uniform(0, pitch)
    u -= np.float32(u0)
    v -= np.float32(v0)
    row = np.rint(u / np.float32(row_pitch)).astype(np.int32)
    offset = (row % 2) * np.float32(0.5 * pitch if hexagonal else 0.0)
    column = np.maximum(np.rint((v - offset) / np.float32(pitch)).astype(np.int32), 0)
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    radii = radius * (1 + rng.uniform(0.0, 0.05) * white(rng, (rows, columns)))
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    points = to_picture(
        shape,
        angle,
        (i * row_pitch + u0).astype(np.float32),
        (j * pitch + (i % 2) * (0.5 * pitch if hexagonal else 0.0) + v0).astype(np.float32),
    )
    centres = np.stack(points, axis=-1).reshape(-1, 2)
    placer = Placer(rng, shape)
    missing = np.zeros((rows, columns), bool)
    masks: list[Mask] = []
    du = u - row * np.float32(row_pitch)
    dv = v - offset - column * np.float32(pitch)
    power = 2.0 if rng.random() < 0.75 else 4.0
    reach = np.hypot(du, dv) if power == 2.0 else (du**4 + dv**4) ** np.float32(0.25)
    for _ in range(dict(plan).get("missing hole", 0)):
        spot = placer.place(radius * 1.2, centres)
        if spot is None:
            continue
        number = int(np.argmin(np.hypot(*(centres - np.asarray(spot)).T)))
        missing.flat[number] = True
        at = (row == number // columns) & (column == number % columns)
        masks.append(at & (reach < radius))
    distance = np.where(missing[row, column], np.float32(-9), radii[row, column] - reach)
    distance += fractal(rng, shape, max(3.0, radius / 2), 2) * np.float32(0.03 * radius)
    distance[missing[row, column]] = -9
    body = _step(distance.astype(np.float32), rng.uniform(1.2, 3.0) * max(1.0, side / 384))
    deep = np.float32(rng.uniform(2.0, 7.0) * max(1.0, side / 384))
    high, low = rng.uniform(0.42, 0.65), rng.uniform(0.03, 0.2)
    if raised:
        albedo = _surface(rng, shape, body, high, low + 0.12)
    else:
        albedo = _surface(rng, shape, body, low, high)
    scene = Scene(
        height=body * (deep if raised else -deep),
        albedo=albedo,
        objects=distance > 0,
        name="pillars" if raised else "contact holes",
        size=2 * radius,
        orientation="none",
        arrangement="ordered array",
        centres=centres[~missing.ravel()],
        defects=[("missing hole", mask) for mask in masks if mask.any()],
        nm=(1.0, 30.0),
        extra={
            "structure": "pillar array" if raised else "contact-hole array",
            "lattice": "hexagonal" if hexagonal else "rectangular",
        },
    )
    overlay(rng, scene, placer, plan)
    return scene


def contact_holes(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an array of etched holes; missing ones are not counted."""
    return _array(rng, shape, plan, raised=False)


def pillars(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an array of pillars seen from above."""
    return _array(rng, shape, plan, raised=True)
