"""Defects that can lie on anything: particle, residue, scratch, crack, pore, blister, inclusion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from .geometry import Mask, blob_distance, polygon_distance, random_path, stroke, window
from .noise import Float, fractal
from .scene import Placer, Plan, Scene

Overlay = Callable[[np.random.Generator, Scene, Placer, "Float | None"], None]


def _side(scene: Scene) -> int:
    return int(min(scene.height.shape))


def _shape(scene: Scene) -> tuple[int, int]:
    return scene.height.shape[0], scene.height.shape[1]


def add_particle(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Drop an irregular bright foreign body with a charging halo and a shadow."""
    side = _side(scene)
    radius = max(2.5, side * rng.uniform(0.018, 0.055))
    spot = placer.place(radius * 1.6, where)
    if spot is None:
        return
    win = window(_shape(scene), *spot, radius * 3.2)
    if win is None:
        return
    if rng.random() < 0.5:
        distance = polygon_distance(rng, win, radius, int(rng.integers(4, 8)))
        distance *= 1 + 0.1 * fractal(rng, (distance.shape[0], distance.shape[1]), radius, 2)
    else:
        distance = blob_distance(rng, win, radius, 0.28, rng.uniform(1, 1.6), 5)
    inside = distance < 1
    dome = np.sqrt(np.clip(1 - distance**2, 0, 1))
    rough = fractal(rng, (distance.shape[0], distance.shape[1]), radius / 2, 3)
    base = float(scene.height[win.index].mean())
    local = scene.height[win.index]
    body = base + radius * (0.9 * dome + 0.18 * rough * np.minimum(dome * 2, 1))
    scene.height[win.index] = np.where(inside, np.maximum(body, local), local)
    albedo = scene.albedo[win.index]
    # It ends inside the window: a faint square would give the defect away.
    glow = (np.clip(1 - (distance - 1) / 0.8, 0, 1) ** 2).astype(np.float32)
    side_light = np.float32(np.sign(rng.uniform(-1, 1)))
    shadow = glow * np.clip(side_light * win.dx / radius, 0, 1)
    halo = rng.uniform(0.0, 0.25) * glow * (1 - np.clip(side_light * win.dx / radius, 0, 1))
    bright = rng.uniform(0.72, 0.98) + 0.09 * rough
    around = albedo * (1 - rng.uniform(0.3, 0.7) * shadow) + halo
    scene.albedo[win.index] = np.where(inside, bright, around)
    mask = np.zeros(scene.height.shape, bool)
    mask[win.index] = inside
    scene.add("particle", mask)


def add_residue(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Smear a thin dim film with an irregular outline."""
    side = _side(scene)
    radius = max(4.0, side * rng.uniform(0.045, 0.1))
    spot = placer.place(radius * 1.3, where)
    if spot is None:
        return
    win = window(_shape(scene), *spot, radius * 3.2)
    if win is None:
        return
    distance = blob_distance(rng, win, radius, 0.35, rng.uniform(1, 2.2))
    size = (distance.shape[0], distance.shape[1])
    distance += 0.18 * fractal(rng, size, radius * 0.7, 3)
    cover = np.clip((1 - distance) * radius / 2.0, 0, 1).astype(np.float32)
    rim = np.exp(-(((distance - 0.96) * radius / 1.6) ** 2)).astype(np.float32)
    local, albedo = scene.height[win.index], scene.albedo[win.index]
    # The film fills the relief below it in part and hides its material contrast.
    fill = ndimage.uniform_filter(local, max(3, int(radius / 3)))
    scene.height[win.index] = local + cover * (0.75 * (fill - local) + 0.6)
    film = albedo.mean() * rng.uniform(0.5, 0.75) * (1 + 0.12 * fractal(rng, size, radius / 3, 2))
    hide = cover * np.float32(rng.uniform(0.65, 0.85))
    scene.albedo[win.index] = albedo + hide * (film - albedo) + 0.08 * rim
    mask = np.zeros(scene.height.shape, bool)
    mask[win.index] = distance < 1
    scene.add("residue", mask)


def add_scratch(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Plough a long, nearly straight groove with bright rims."""
    shape, side = _shape(scene), _side(scene)
    spot = placer.place(side * 0.08, where)
    if spot is None:
        return
    angle = rng.uniform(0, np.pi)
    length = side * rng.uniform(0.25, 0.8)
    width = max(1.6, side * rng.uniform(0.006, 0.014))
    start = (spot[0] - np.sin(angle) * length / 2, spot[1] - np.cos(angle) * length / 2)
    path = random_path(rng, start, angle, length, side * 0.03, 0.025)
    groove = stroke(shape, path, width, taper=rng.uniform(0, 0.6))
    rims = stroke(shape, path, width * 2.4, taper=0.3)
    # Chatter: the tool jumps, so the groove varies along its length.
    profile = ndimage.uniform_filter(groove.astype(np.float32), 3)
    scene.height -= profile * np.float32(width * rng.uniform(0.8, 1.6))
    scene.height += ndimage.uniform_filter(rims.astype(np.float32), 3) * np.float32(width * 0.5)
    scene.albedo *= 1 - np.float32(rng.uniform(0.4, 0.7)) * profile
    scene.add("scratch", ndimage.binary_dilation(groove, iterations=1))


def crack_mask(
    rng: np.random.Generator,
    shape: tuple[int, int],
    start: tuple[float, float],
    angle: float,
    length: float,
    width: float,
    wobble: float = 0.35,
) -> Mask:
    """Paint a jagged crack with a few side branches; (H, W) bool."""
    path = random_path(rng, start, angle, length, max(2.0, length / 28), wobble)
    mask = stroke(shape, path, width, taper=0.5, jitter=0.3)
    for _ in range(int(rng.integers(0, 3))):
        fork = int(rng.integers(len(path) // 4, max(len(path) - 2, len(path) // 4 + 1)))
        turn = angle + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
        root = (float(path[fork, 0]), float(path[fork, 1]))
        reach = length * rng.uniform(0.15, 0.35)
        side = random_path(rng, root, turn, reach, max(2.0, reach / 10), wobble)
        mask |= stroke(shape, side, width * 0.7, taper=0.7, jitter=0.3)
    return mask


def open_crack(scene: Scene, mask: Mask, depth: float) -> None:
    """Cut a crack into a scene: a dark gap with bright lips."""
    gap = mask.astype(np.float32)
    scene.height -= ndimage.uniform_filter(gap, 3) * np.float32(depth)
    scene.albedo[mask] *= 0.12
    scene.add("crack", ndimage.binary_dilation(mask, iterations=1))


def add_crack(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Open a jagged, sometimes branched crack in a surface seen from above."""
    shape, side = _shape(scene), _side(scene)
    spot = placer.place(side * 0.15, where)
    if spot is None:
        return
    angle, length = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.25, 0.8)
    start = (spot[0] - np.sin(angle) * length / 2, spot[1] - np.cos(angle) * length / 2)
    width = max(1.2, side * rng.uniform(0.004, 0.013))
    open_crack(scene, crack_mask(rng, shape, start, angle, length, width), width + 2)


def add_pore(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Sink a round dark hole with a bright lip."""
    side = _side(scene)
    radius = max(2.5, side * rng.uniform(0.014, 0.045))
    spot = placer.place(radius * 1.6, where)
    if spot is None:
        return
    win = window(_shape(scene), *spot, radius * 2.2)
    if win is None:
        return
    distance = blob_distance(rng, win, radius, 0.12, rng.uniform(1, 1.6))
    bowl = np.clip((1 - distance) * radius / 1.5, 0, 1)
    local, albedo = scene.height[win.index], scene.albedo[win.index]
    floor = float(np.median(local)) - radius * 0.9
    scene.height[win.index] = local + bowl * (floor - local)
    scene.albedo[win.index] = albedo + bowl * (rng.uniform(0.03, 0.1) - albedo)
    mask = np.zeros(scene.height.shape, bool)
    mask[win.index] = distance < 1.05
    scene.add("pore", mask)


def add_blister(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Raise a smooth round dome in a film seen from above."""
    side = _side(scene)
    radius = max(5.0, side * rng.uniform(0.035, 0.1), min(2.2 * scene.size, 0.11 * side))
    spot = placer.place(radius * 1.2, where)
    if spot is None:
        return
    win = window(_shape(scene), *spot, radius * 1.7)
    if win is None:
        return
    distance = blob_distance(rng, win, radius, 0.05, rng.uniform(1, 1.25), 4)
    dome = np.clip(1 - distance**2, 0, 1) ** 0.75
    local, albedo = scene.height[win.index], scene.albedo[win.index]
    # The lifted film is stretched: its texture is fainter than that of the film around.
    calm = np.clip((1 - distance) * 6, 0, 1) * 0.7
    smoothed = ndimage.uniform_filter(local, max(3, int(radius / 2)))
    lifted = local + calm * (smoothed - local)
    scene.height[win.index] = lifted + np.float32(radius * rng.uniform(0.6, 0.95)) * dome
    mild = ndimage.uniform_filter(albedo, max(3, int(radius / 3)))
    foot = np.exp(-(((distance - 1.06) / 0.09) ** 2))
    tone = albedo + 0.6 * calm * (mild - albedo)
    scene.albedo[win.index] = tone * (1 + 0.25 * np.clip(1 - distance, 0, 1)) * (1 - 0.35 * foot)
    mask = np.zeros(scene.height.shape, bool)
    mask[win.index] = distance < 1
    scene.add("blister", mask)


def add_inclusion(
    rng: np.random.Generator, scene: Scene, placer: Placer, where: Float | None = None
) -> None:
    """Embed a body of another material, flush with the surface."""
    side = _side(scene)
    radius = max(3.0, side * rng.uniform(0.018, 0.055))
    spot = placer.place(radius * 1.5, where)
    if spot is None:
        return
    win = window(_shape(scene), *spot, radius * 2.2)
    if win is None:
        return
    if rng.random() < 0.5:
        distance = polygon_distance(rng, win, radius, int(rng.integers(4, 8)))
    else:
        distance = blob_distance(rng, win, radius, 0.15, rng.uniform(1, 2.2))
    cover = np.clip((1 - distance) * radius / 1.2, 0, 1)
    local, albedo = scene.height[win.index], scene.albedo[win.index]
    mean = float(albedo.mean())
    # Always brighter, as a heavier element is: dark ones could not be told from pores.
    grain = fractal(rng, (distance.shape[0], distance.shape[1]), radius / 2, 2)
    above = max(mean + 0.1, float(np.quantile(albedo, 0.9)))
    tone = above + rng.uniform(0.2, 0.35) + 0.04 * grain
    scene.height[win.index] = local + cover * (local.mean() - local)
    scene.albedo[win.index] = albedo + cover * (tone - albedo)
    mask = np.zeros(scene.height.shape, bool)
    mask[win.index] = distance < 1
    scene.add("inclusion", mask)


OVERLAYS: dict[str, Overlay] = {
    "particle": add_particle,
    "residue": add_residue,
    "scratch": add_scratch,
    "crack": add_crack,
    "pore": add_pore,
    "blister": add_blister,
    "inclusion": add_inclusion,
}


def overlay(
    rng: np.random.Generator,
    scene: Scene,
    placer: Placer,
    plan: Plan,
    where: Float | None = None,
    skip: tuple[str, ...] = (),
) -> None:
    """Add every defect of a plan that is not tied to the structure itself.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    scene : Scene
        Changed in place.
    placer : Placer
        Keeps the defects apart.
    plan : Plan
        Kinds and numbers asked for.
    where : (N, 2) array, optional
        Places to choose from; anywhere by default.
    skip : tuple of str
        Kinds that the caller has made itself.
    """
    for kind, number in plan:
        if kind in OVERLAYS and kind not in skip:
            for _ in range(number):
                OVERLAYS[kind](rng, scene, placer, where)
