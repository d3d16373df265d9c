"""Films and coated surfaces: top views and layered cross-sections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .geometry import Mask
from .noise import Float, band, curve, fractal, smooth, white
from .overlays import crack_mask, open_crack, overlay
from .scene import Placer, Plan, Scene, Shape


def voronoi(
    rng: np.random.Generator, shape: Shape, spacing: float
) -> tuple[NDArray[np.int32], Float, Float]:
    """Divide the picture into cells about jittered seeds.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    spacing : float
        Mean distance of neighbouring seeds in pixels.

    Returns
    -------
    labels : (H, W) int32 array
        Number of the cell of each pixel, from 0.
    distance : (H, W) float32 array
        Distance from the nearest border between cells in pixels, at least 0.
    seeds : (N, 2) float32 array
        Row and column of each seed.
    """
    rows, columns = (max(2, int(n / spacing) + 2) for n in shape)
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    jittered = (grid + rng.uniform(-0.5, 0.5, grid.shape)) * spacing
    seeds: Float = jittered.reshape(-1, 2).astype(np.float32)
    mark = np.full(shape, -1, np.int32)
    whole = np.rint(seeds).astype(int)
    ok = (whole >= 0).all(1) & (whole < np.asarray(shape)).all(1)
    mark[whole[ok, 0], whole[ok, 1]] = np.flatnonzero(ok)
    indices = ndimage.distance_transform_edt(mark < 0, return_distances=False, return_indices=True)
    labels = mark[indices[0], indices[1]]
    edge = np.zeros(shape, bool)
    edge[:-1] |= labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    distance: Float = ndimage.distance_transform_edt(~edge).astype(np.float32)
    return labels, distance, seeds


def top_view(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a film from above: polycrystalline grains, cauliflower or a smooth coat."""
    side = min(shape)
    style = rng.choice(["grains", "nodules", "smooth"], p=[0.4, 0.25, 0.35])
    centres: Float | None = None
    tone = rng.uniform(0.4, 0.6)
    height = fractal(rng, shape, side * 0.3, 3) * np.float32(side * 0.006)
    if style == "grains":
        spacing = max(7.0, side * rng.uniform(0.03, 0.1))
        labels, distance, centres = voronoi(rng, shape, spacing)
        tilt = white(rng, (2, len(centres))) * np.float32(rng.uniform(0.0, 0.12))
        y, x = np.ogrid[: shape[0], : shape[1]]
        height += tilt[0][labels] * (y - centres[labels, 0])
        height += tilt[1][labels] * (x - centres[labels, 1])
        height += np.minimum(distance, 3) * np.float32(rng.uniform(0.2, 0.7))
        grain_tone = white(rng, (len(centres),)) * np.float32(rng.uniform(0.02, 0.09))
        albedo = np.float32(tone) + grain_tone[labels]
        albedo *= 1 - np.float32(rng.uniform(0.1, 0.5)) * np.exp(-distance)
        size, name = spacing, "grains"
    elif style == "nodules":
        size = max(6.0, side * rng.uniform(0.02, 0.06))
        bumps = band(rng, shape, size, 0.4)
        height += np.maximum(bumps, -0.8) * np.float32(size * rng.uniform(0.12, 0.3))
        albedo = np.float32(tone) + 0.07 * np.minimum(bumps, 1)
        name = "nodules"
    else:
        size = max(3.0, side * rng.uniform(0.008, 0.03))
        grain = fractal(rng, shape, size, 4, 0.75)
        height += grain * np.float32(rng.uniform(0.03, 0.25))
        albedo = np.float32(tone) + grain * np.float32(rng.uniform(0.005, 0.02))
        albedo += fractal(rng, shape, side * 0.25, 3) * np.float32(rng.uniform(0.0, 0.03))
        name = "grains"
    albedo = albedo + fractal(rng, shape, 4.0, 2) * np.float32(0.015)
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=np.ones(shape, bool),
        name=name,
        size=size,
        orientation="none",
        arrangement="continuous",
        nm=(2.0, 100.0),
        extra={"structure": "film, top view", "surface": str(style)},
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def _layer_texture(rng: np.random.Generator, shape: Shape, side: int) -> tuple[Float, Float]:
    """Brightness and height texture of one layer."""
    style = rng.integers(0, 4)
    if style == 0:  # columnar growth
        scale = max(2.5, side * rng.uniform(0.008, 0.02))
        noise = smooth(rng, shape, (scale * 12, scale))
        return noise * np.float32(0.05), noise * np.float32(1.2)
    if style == 1:  # fracture surface
        noise = fractal(rng, shape, side * 0.06, 4)
        return noise * np.float32(0.03), noise * np.float32(1.8)
    noise = fractal(rng, shape, max(2.0, side * 0.012), 2)
    if style == 2:  # two phases, polished
        return np.sign(noise - 0.8) * np.float32(0.05), noise * np.float32(0.05)
    return noise * np.float32(0.015), noise * np.float32(0.15)


def cross_section(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a substrate with one to four coating layers, cut across."""
    turned = rng.random() < 0.15
    if turned:
        scene = _stack(rng, (shape[1], shape[0]), plan)
        for name in ("height", "albedo", "objects", "cores"):
            setattr(scene, name, np.ascontiguousarray(getattr(scene, name).T))
        scene.defects = [(k, np.ascontiguousarray(m.T)) for k, m in scene.defects]
        scene.orientation = "vertical"
        return scene
    return _stack(rng, shape, plan)


def _stack(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    rows, columns = shape
    side = min(shape)
    coats = int(rng.integers(1, 5))
    sky = rng.uniform(0.08, 0.3) * rows
    thick = rng.uniform(0.7, 1.4, coats)
    thick *= rows * rng.uniform(0.3, 0.5) / thick.sum()
    tilt = rng.uniform(-0.05, 0.05) * (np.arange(columns) - columns / 2)
    wave = curve(rng, columns, columns * 0.15) * side * rng.uniform(0.0, 0.012)
    surfaces = []
    depth = sky
    for number in range(coats + 1):
        # Polished stacks are flat; grown and sprayed ones meet along rugged lines.
        rugged = rng.uniform(0.004, 0.014) if rng.random() < 0.3 else rng.uniform(0.0005, 0.005)
        rough = curve(rng, columns, max(3.0, side * 0.02)) * side * rugged
        rough += curve(rng, columns, max(6.0, side * 0.06)) * side * rugged * 0.8
        surfaces.append(depth + tilt + wave + rough)
        if number < coats:
            depth += thick[number]
    y = np.arange(rows)[:, None]
    layer = np.zeros(shape, np.int32)
    for surface in surfaces:
        layer += y >= surface[None, :]
    tones = [rng.uniform(0.3, 0.55)]
    for _ in range(coats):
        tone = float(rng.uniform(0.25, 0.75))
        while abs(tone - tones[-1]) < 0.12:
            tone = float(rng.uniform(0.25, 0.75))
        tones.append(tone)
    albedo = np.full(shape, rng.uniform(0.02, 0.1), np.float32)
    albedo += fractal(rng, shape, side * 0.2, 3) * np.float32(0.02)
    height = np.zeros(shape, np.float32)
    for number in range(1, coats + 2):
        light, relief = _layer_texture(rng, shape, side)
        here = layer == number
        albedo = np.where(here, np.float32(tones[coats + 1 - number]) + light, albedo)
        height = np.where(here, 2.0 + relief + 0.8 * (number % 2), height)
    centre_lines = np.zeros(shape, np.int32)
    along = np.arange(columns)
    bounds = [*surfaces, np.full(columns, rows, float)]
    for number in range(coats + 1):
        middle = np.clip((bounds[number] + bounds[number + 1]) / 2, 0, rows - 1).astype(int)
        centre_lines[middle, along] = number + 1
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=layer > 0,
        name="layers",
        size=float(thick.mean()),
        orientation="horizontal",
        arrangement="layered",
        cores=centre_lines,
        relief=0.7,
        nm=(5.0, 300.0),
        extra={"structure": "coating, cross-section", "coatings": str(coats)},
    )
    placer = Placer(rng, shape)
    for kind, number in plan:
        for _ in range(number):
            if kind == "crack":
                _coating_crack(rng, scene, placer, surfaces)
            elif kind == "delamination":
                _delaminate(rng, scene, placer, surfaces)
    coated = (layer[::4, ::4] > 0) & (layer[::4, ::4] <= coats + (rng.random() < 0.2))
    where = (np.argwhere(coated) * 4.0).astype(np.float32)
    overlay(rng, scene, placer, plan, where, skip=("crack",))
    return scene


def _coating_crack(
    rng: np.random.Generator, scene: Scene, placer: Placer, surfaces: list[NDArray[np.float64]]
) -> None:
    """Crack the coatings from the surface to the substrate, or only to a part of their depth.

    All cracks of a picture are of one sort, so that ``scene.through`` holds for each.
    """
    shape = (scene.height.shape[0], scene.height.shape[1])
    side = min(shape)
    top, bottom = surfaces[0], surfaces[-1]
    columns = np.arange(shape[1])
    middle = (top + bottom) / 2
    spot = placer.place(side * 0.12, np.stack([middle, columns], 1).astype(np.float32))
    if spot is None:
        return
    if scene.through is None:
        scene.through = bool(rng.random() < 0.55)
    x = int(np.clip(spot[1], 0, shape[1] - 1))
    span = float(bottom[x] - top[x])
    width = max(1.3, side * rng.uniform(0.005, 0.014))
    lean = rng.uniform(-0.35, 0.35)
    start = (float(top[x]) - 2, float(x))
    length = span * (1.35 / np.cos(lean) if scene.through else rng.uniform(0.35, 0.65))
    mask = crack_mask(rng, shape, start, np.pi / 2 + lean, length, width) & scene.objects
    rows = np.arange(shape[0])[:, None]
    # What runs on into the substrate is short; what is to stop in the coating stops well above.
    most = rng.uniform(0.0, 0.1) if scene.through else -0.22
    mask &= rows < bottom + most * span
    if scene.through and not (mask & (rows >= bottom - 2)).any():
        return
    open_crack(scene, mask, width + 1)


def _delaminate(
    rng: np.random.Generator, scene: Scene, placer: Placer, surfaces: list[NDArray[np.float64]]
) -> None:
    """Open a gap along an interface between two solid layers."""
    shape = (scene.height.shape[0], scene.height.shape[1])
    side = min(shape)
    surface = surfaces[int(rng.integers(1, len(surfaces)))]
    columns = np.arange(shape[1])
    half = side * rng.uniform(0.1, 0.3)
    spot = placer.place(half * 0.7, np.stack([surface, columns], 1).astype(np.float32))
    if spot is None:
        return
    open_by = max(1.4, side * rng.uniform(0.007, 0.02))
    lens = np.sqrt(np.clip(1 - ((columns - spot[1]) / half) ** 2, 0, 1)) * open_by
    lens *= 1 + 0.3 * curve(rng, shape[1], side * 0.04)
    y = np.arange(shape[0])[:, None]
    low = surface + 0.5 * curve(rng, shape[1], side * 0.03) * (lens > 0)
    mask: Mask = (y > low - lens) & (y < low + lens * 0.6) & (lens > 0.6)[None, :]
    scene.albedo[mask] = np.float32(rng.uniform(0.01, 0.06))
    scene.height -= ndimage.uniform_filter(mask.astype(np.float32), 3) * np.float32(3.0)
    scene.add("delamination", ndimage.binary_dilation(mask, iterations=1))
