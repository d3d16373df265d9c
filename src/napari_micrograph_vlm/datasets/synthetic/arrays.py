"""Arrays of contact holes and of pillars, with missing and closed holes."""

from __future__ import annotations

import numpy as np

from .geometry import Mask, rotated, to_picture
from .lines import step, surface
from .noise import Float, fractal, white
from .overlays import overlay
from .scene import Placer, Plan, Scene, Shape


def _array(rng: np.random.Generator, shape: Shape, plan: Plan, raised: bool) -> Scene:
    side = min(shape)
    kinds = dict(plan)
    pitch = max(10.0, side * float(np.exp(rng.uniform(np.log(0.065), np.log(0.2)))))
    if "closed hole" in kinds:
        pitch = max(pitch, side * 0.085, 20.0)
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
    defects: list[tuple[str, Mask]] = []
    du = u - row * np.float32(row_pitch)
    dv = v - offset - column * np.float32(pitch)
    power = 2.0 if rng.random() < 0.75 else 4.0
    reach = np.hypot(du, dv) if power == 2.0 else (du**4 + dv**4) ** np.float32(0.25)
    closed = np.zeros((rows, columns), bool)
    for kind, chosen in (("missing hole", missing), ("closed hole", closed)):
        for _ in range(kinds.get(kind, 0)):
            spot = placer.place(radius * 1.2, centres)
            if spot is None:
                continue
            number = int(np.argmin(np.hypot(*(centres - np.asarray(spot)).T)))
            chosen.flat[number] = True
            at = (row == number // columns) & (column == number % columns)
            defects.append((kind, at & (reach < radius * (1.0 if kind == "missing hole" else 1.1))))
    distance = np.where(missing[row, column], np.float32(-9), radii[row, column] - reach)
    distance += fractal(rng, shape, max(3.0, radius / 2), 2) * np.float32(0.03 * radius)
    distance[missing[row, column]] = -9
    distance = distance.astype(np.float32)
    edge = rng.uniform(1.2, 3.0) * max(1.0, side / 384)
    body = step(distance, edge)
    if closed.any():
        body = _close(rng, body, distance, closed[row, column], radius)
    deep = np.float32(rng.uniform(2.0, 7.0) * max(1.0, side / 384))
    high, low = rng.uniform(0.42, 0.65), rng.uniform(0.03, 0.2)
    if raised:
        albedo = surface(rng, shape, body, high, low + 0.12)
    else:
        albedo = surface(rng, shape, body, low, high)
    scene = Scene(
        height=body * (deep if raised else -deep),
        albedo=albedo,
        objects=(distance > 0) & ~closed[row, column],
        name="pillars" if raised else "contact holes",
        size=2 * radius,
        orientation="none",
        arrangement="ordered array",
        centres=centres[~(missing | closed).ravel()],
        defects=[d for d in defects if d[1].any()],
        nm=(1.0, 30.0),
        extra={
            "structure": "pillar array" if raised else "contact-hole array",
            "lattice": "hexagonal" if hexagonal else "rectangular",
        },
    )
    overlay(rng, scene, placer, plan)
    return scene


def _close(
    rng: np.random.Generator, body: Float, distance: Float, closed: Mask, radius: float
) -> Float:
    """Leave a shallow dimple, the outline alone, or both, where a hole did not open.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    body : (H, W) float32 array
        Depth of the holes, 0 to 1.
    distance : (H, W) float32 array
        Distance from the edge of the nearest hole in pixels: positive inside.
    closed : (H, W) bool array
        Cells of the lattice whose hole is closed.
    radius : float
        Radius of a hole in pixels.
    """
    style = rng.integers(0, 3)
    dimple = rng.uniform(0.25, 0.42) if style != 1 else rng.uniform(0.0, 0.1)
    outline = rng.uniform(0.35, 0.55) if style != 0 else rng.uniform(0.0, 0.15)
    thick = max(1.1, radius * rng.uniform(0.08, 0.14))
    ring = np.exp(-((distance / np.float32(thick)) ** 2)) * np.float32(outline)
    soft = step(distance, max(2.0, radius * 0.5)) * np.float32(dimple)
    shallow: Float = np.maximum(soft, ring)
    result: Float = np.where(closed, shallow, body).astype(np.float32)
    return result


def contact_holes(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an array of etched holes; missing and closed ones are not counted."""
    return _array(rng, shape, plan, raised=False)


def pillars(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an array of pillars seen from above."""
    return _array(rng, shape, plan, raised=True)
