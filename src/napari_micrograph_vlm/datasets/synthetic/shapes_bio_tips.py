"""Biological specimens and sharp tips."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .geometry import Mask, rotated, window
from .noise import Float, band, fractal, smooth
from .overlays import overlay
from .scene import Placer, Plan, Scene, Shape, orientation_of
from .stamps import Stamps


def blood_cells(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build biconcave discs like red blood cells, lying flat or tilted."""
    side = min(shape)
    radius = side * rng.uniform(0.06, 0.14)
    count = int(np.clip(rng.uniform(0.25, 0.8) * shape[0] * shape[1] / (np.pi * radius**2), 3, 45))
    points = _spread(rng, shape, count, radius * 1.25)
    ground = fractal(rng, shape, side * 0.2, 4)
    height = ground * np.float32(0.8)
    albedo = np.float32(rng.uniform(0.1, 0.3)) + ground * np.float32(0.02)
    cover = np.zeros(shape, bool)
    for number, (y, x) in enumerate(points):
        win = window(shape, float(y), float(x), radius * 1.15)
        if win is None:
            continue
        turn, tilt = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
        c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        a = (win.dx * c + win.dy * s) / np.float32(radius)
        b = (win.dy * c - win.dx * s) / np.float32(radius * tilt)
        size = (a.shape[0], b.shape[1])
        q = np.hypot(a, b) * (1 + 0.03 * smooth(rng, size, radius))
        rim = np.sqrt(np.clip(1 - q * q, 0, 1))
        dish = rng.uniform(0.45, 0.85) * np.exp(-((q / 0.5) ** 2))
        level = np.float32(radius) * (0.7 * rim * (1 - dish) + 0.25 * b * (1 - tilt))
        inside = q < 1
        lift = np.float32(radius * 0.25 * (number % 5))
        fine = smooth(rng, size, max(2.0, radius / 5)) * np.float32(0.15)
        np.copyto(height[win.index], level + lift + fine, where=inside)
        tone = np.float32(rng.uniform(0.42, 0.55))
        np.copyto(albedo[win.index], tone, where=inside)
        cover[win.index] |= inside
    scene = _living(
        rng, height, albedo, cover, "cells", 2 * radius, "none", points, "disc-shaped cells"
    )
    scene.arrangement = "clustered" if count > 12 else "dispersed"
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def _spread(rng: np.random.Generator, shape: Shape, count: int, apart: float) -> Float:
    """Draw points, refusing those closer than ``apart`` pixels to an earlier one."""
    # The first lies well inside, so that something is always to be seen.
    kept = [(rng.uniform(0.3, 0.7, 2) * np.asarray(shape)).astype(np.float32)]
    for point in rng.uniform(0, 1, (count * 5, 2)) * np.asarray(shape):
        if len(kept) == count:
            break
        if np.hypot(*(np.asarray(kept) - point).T).min() > apart:
            kept.append(point.astype(np.float32))
    return np.asarray(kept, np.float32)


def _living(
    rng: np.random.Generator,
    height: Float,
    albedo: Float,
    cover: Mask,
    name: str,
    size: float,
    orientation: str,
    centres: Float | None,
    structure: str,
) -> Scene:
    shape = (height.shape[0], height.shape[1])
    albedo = albedo + fractal(rng, shape, 6.0, 2) * np.float32(0.012)
    return Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=cover,
        name=name,
        size=size,
        orientation=orientation,
        arrangement="dispersed",
        centres=centres,
        nm=(5.0, 200.0),
        extra={"structure": structure},
    )


def bacteria(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build rod-shaped bacteria on a filter or tissue."""
    side = min(shape)
    radius = max(3.0, side * rng.uniform(0.014, 0.04))
    aspect = rng.uniform(1.8, 3.6)
    count = int(
        np.clip(rng.uniform(0.1, 0.4) * shape[0] * shape[1] / (4 * aspect * radius**2), 4, 90)
    )
    points = _spread(rng, shape, count, radius * 2.0)
    stamps = Stamps(shape)
    for y, x in points:
        stamps.put(
            rng,
            "rod-shaped",
            float(y),
            float(x),
            radius * rng.uniform(0.9, 1.1),
            float(rng.uniform(0, radius)),
            float(rng.uniform(0.42, 0.55)),
            aspect * rng.uniform(0.8, 1.2),
        )
    ground = fractal(rng, shape, side * 0.12, 5)
    albedo = np.where(
        stamps.cover, stamps.tone, np.float32(rng.uniform(0.15, 0.32)) + ground * np.float32(0.03)
    )
    rough = smooth(rng, shape, max(2.0, radius / 3)) * np.float32(radius * 0.035)
    height = np.where(stamps.cover, stamps.height + rough, ground * np.float32(1.5))
    scene = _living(
        rng,
        height,
        albedo,
        stamps.cover,
        "bacteria",
        2 * radius * np.sqrt(aspect),
        "random",
        points,
        "rod-shaped bacteria",
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def pollen(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build spiny or netted pollen grains."""
    side = min(shape)
    radius = side * rng.uniform(0.1, 0.26)
    points = _spread(rng, shape, int(rng.integers(1, 8)), radius * 2.05)
    spiny = rng.random() < 0.6
    ground = fractal(rng, shape, side * 0.2, 4)
    height = ground * np.float32(1.0)
    albedo = np.float32(rng.uniform(0.05, 0.25)) + ground * np.float32(0.02)
    cover = np.zeros(shape, bool)
    for y, x in points:
        win = window(shape, float(y), float(x), radius * 1.3)
        if win is None:
            continue
        q = np.hypot(win.dy, win.dx) / np.float32(radius)
        size = (q.shape[0], q.shape[1])
        dome = np.sqrt(np.clip(1 - q * q, 0, 1))
        net = band(rng, size, radius * rng.uniform(0.16, 0.26), 0.25)
        if spiny:
            # Spines are peaks of the texture; at the outline they stick out.
            spine = np.clip(net - 0.8, 0, 1.2)
            inside = q < 1 + 0.13 * np.clip(spine, 0, 1)
            level = radius * dome + spine * radius * 0.13
        else:
            inside = q < 1
            level = radius * dome + radius * 0.05 * np.abs(net).clip(0, 1)
        np.copyto(height[win.index], level.astype(np.float32), where=inside)
        tone = 0.45 + (0.1 * np.clip(net, -1, 1.5)).astype(np.float32)
        np.copyto(albedo[win.index], tone, where=inside)
        cover[win.index] |= inside
    scene = _living(
        rng,
        height,
        albedo,
        cover,
        "pollen grains",
        2 * radius,
        "none",
        points,
        "spiny pollen" if spiny else "netted pollen",
    )
    scene.arrangement = "isolated" if len(points) < 4 else "dispersed"
    scene.nm = (50.0, 300.0)
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def tissue(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a wrinkled surface like skin, leaf or tissue."""
    side = min(shape)
    size = side * rng.uniform(0.07, 0.2)
    # Folds of folds: ridges of a warped texture, each octave riding on the one before.
    total = np.zeros(shape, np.float32)
    weight, scale = np.float32(1.0), size
    stretch = rng.uniform(1.0, 2.6)
    for _ in range(4):
        fold = 1 - np.abs(smooth(rng, shape, (scale, scale * stretch)))
        total += weight * np.maximum(fold, -0.6)
        weight, scale = weight * np.float32(0.45), max(scale * 0.45, 2.0)
    ridge = 1 / (1 + np.exp(np.float32(1.2) - np.float32(2.4) * total))
    height = ridge * np.float32(size * rng.uniform(0.3, 0.6))
    height += smooth(rng, shape, side * 0.4) * np.float32(side * 0.03)
    albedo = np.float32(rng.uniform(0.28, 0.4)) + np.float32(0.16) * ridge
    scene = _living(
        rng, height, albedo, ridge > 0.55, "folds", size * 0.4, "random", None, "wrinkled tissue"
    )
    scene.arrangement = "continuous"
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def vesicles(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build vesicles or viruses in transmission: dark rings on a grainy film."""
    side = min(shape)
    radius = side * rng.uniform(0.03, 0.11)
    count = int(np.clip(rng.uniform(0.05, 0.3) * shape[0] * shape[1] / (np.pi * radius**2), 3, 60))
    points = _spread(rng, shape, count, radius * 2.2)
    albedo = np.full(shape, rng.uniform(0.6, 0.75), np.float32)
    albedo += fractal(rng, shape, max(1.5, side * 0.006), 2) * np.float32(rng.uniform(0.02, 0.06))
    albedo += smooth(rng, shape, side * 0.3) * np.float32(0.02)
    cover = np.zeros(shape, bool)
    wall = rng.uniform(0.08, 0.2)
    core = rng.uniform(0.0, 0.15)
    for y, x in points:
        win = window(shape, float(y), float(x), radius * 1.8)
        if win is None:
            continue
        q = np.hypot(win.dy, win.dx) / np.float32(radius * rng.uniform(0.85, 1.15))
        q = q * (1 + 0.05 * smooth(rng, (q.shape[0], q.shape[1]), radius * 0.8))
        ring = np.exp(-(((q - 1 + wall) / wall) ** 2)) * 0.3 + core * (q < 1 - wall)
        albedo[win.index] -= ring.astype(np.float32)
        cover[win.index] |= q < 1
    scene = _living(
        rng,
        np.zeros(shape, np.float32),
        albedo,
        cover,
        "vesicles",
        2 * radius,
        "none",
        points,
        "vesicles",
    )
    scene.flat = True
    scene.nm = (0.3, 2.0)
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def tips(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build one sharp cone or etched needle seen from the side."""
    side = min(shape)
    quarter = int(rng.choice([0, 1, 2, 3], p=[0.5, 0.2, 0.1, 0.2]))
    direction = float(np.radians(90 * quarter + rng.uniform(-12, 12)))
    u, v = rotated(shape, direction + np.pi / 2)
    # v runs from the apex into the shaft.
    apex = -side * rng.uniform(0.2, 0.4)
    v = v - np.float32(apex)
    u = u - np.float32(rng.uniform(-0.08, 0.08) * side)
    point = side * rng.uniform(0.004, 0.025)
    flare = rng.uniform(0.08, 0.45)
    power = rng.uniform(0.75, 1.5)
    far = side * 0.8
    half = point + flare * far * (np.clip(v, 0, None) / far) ** power
    half = np.where(v < 0, 0, np.sqrt(np.clip(v / (2 * point), 0, 1)) * half)
    shaft = side * rng.uniform(0.12, 0.4)
    half = np.minimum(half, shaft).astype(np.float32)
    half += smooth(rng, shape, side * 0.05) * np.float32(side * rng.uniform(0, 0.003)) * (v > point)
    body = np.abs(u) < half
    t = np.clip(u / np.maximum(half, 1e-3), -1, 1)
    faceted = rng.random() < 0.4
    lift = (1 - np.abs(t + 0.25)) if faceted else np.sqrt(np.clip(1 - t * t, 0, 1))
    height = np.where(body, 2.0 + half * lift, 0).astype(np.float32)
    grain = (
        smooth(rng, shape, (side * 0.06, side * 0.012))
        if rng.random() < 0.5
        else fractal(rng, shape, side * 0.05, 3)
    )
    height += np.where(body, grain * np.float32(side * rng.uniform(0.0, 0.003)), 0)
    back = np.float32(rng.uniform(0.02, 0.2)) + smooth(rng, shape, side * 0.4) * np.float32(0.02)
    # The thin end glows: electrons leave on all sides.
    glow = np.exp(-np.clip(v, 0, None) / np.float32(side * 0.08)) * np.float32(0.25)
    albedo = np.where(body, np.float32(rng.uniform(0.4, 0.6)) + glow + grain * 0.02, back)
    scene = Scene(
        height=height,
        albedo=albedo.astype(np.float32),
        objects=body,
        name="tips",
        size=float(min(shaft, flare * far) * 1.2),
        orientation=orientation_of(direction + np.pi / 2),
        arrangement="isolated",
        cores=np.where(body, 1, 0).astype(np.int32),
        nm=(2.0, 200.0),
        extra={"structure": "faceted tip" if faceted else "conical tip"},
    )
    near = np.argwhere(ndimage.binary_dilation(body[::4, ::4]) & (v[::4, ::4] < side * 0.55)) * 4.0
    overlay(rng, scene, Placer(rng, shape), plan, near.astype(np.float32))
    return scene


def tip_array(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a few cones standing on a chip, seen obliquely."""
    side = min(shape)
    tall = side * rng.uniform(0.22, 0.45)
    base = tall * rng.uniform(0.2, 0.4)
    number = int(rng.integers(2, 7))
    rows = 1 if number < 4 else 2
    columns = (number + rows - 1) // rows
    height = fractal(rng, shape, side * 0.2, 4) * np.float32(0.6)
    albedo = np.float32(rng.uniform(0.2, 0.35)) + height * np.float32(0.03)
    cover = np.zeros(shape, bool)
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    centres = []
    bend = rng.uniform(0.7, 1.4)
    for row in range(rows):
        foot = shape[0] * (0.78 if rows == 1 else 0.55 + 0.35 * row)
        for column in range(columns):
            axis = shape[1] * (column + 0.5 + 0.25 * (row if rows > 1 else 0)) / (columns + 0.25)
            axis += rng.uniform(-0.01, 0.01) * side
            t = np.clip((y - (foot - tall)) / np.float32(tall), 0, None)
            half = np.where(
                t < 1,
                base * t**bend + side * 0.006 * (t > 0),
                base * np.sqrt(np.clip(1 - ((t - 1) * tall / (0.35 * base)) ** 2, 0, 1)),
            )
            body = (np.abs(x - axis) < half) & (t > 0)
            s = (x - axis) / np.maximum(half, 1e-3)
            level = 3 + half * np.sqrt(np.clip(1 - s * s, 0, 1)) + row * base
            np.copyto(height, level.astype(np.float32), where=body)
            tone = 0.42 + 0.25 * np.exp(-t * 5)
            np.copyto(albedo, np.broadcast_to(tone.astype(np.float32), shape), where=body)
            cover |= body
            centres.append((foot - tall / 2, axis))
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=cover,
        name="tips",
        size=float(base),
        orientation="vertical",
        arrangement="ordered array",
        centres=np.asarray(centres, np.float32),
        nm=(2.0, 200.0),
        extra={"structure": "tip array"},
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene
