"""Particles on a support (SEM and TEM), powders, and agglomerates of both."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .fracture import Fracture
from .geometry import Mask
from .noise import Float, fractal, white
from .overlays import overlay
from .scene import Placer, Plan, Scene, Shape
from .stamps import SHAPES, Stamps

BREAKABLE = ("spherical", "rod-shaped", "cubic")
"""Forms regular enough to show that one of them is broken."""


def _scatter(rng: np.random.Generator, shape: Shape, count: int, apart: float) -> Float:
    """Draw up to ``count`` points at least ``apart`` pixels from each other."""
    size = np.asarray(shape)
    points = rng.uniform(0, 1, (count * 6, 2)) * size
    tree = cKDTree(points)
    alive = np.ones(len(points), bool)
    for number, near in enumerate(tree.query_ball_point(points, apart)):
        if alive[number]:
            alive[[n for n in near if n > number]] = False
    result: Float = points[alive][:count].astype(np.float32)
    return result


def _clump(rng: np.random.Generator, radius: float, diameter: float) -> Float:
    """Points of a compact clump about (0, 0), ``0.8 diameter`` apart."""
    step = diameter * 0.84
    n = int(radius / step) + 2
    i, j = np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1), indexing="ij")
    points = np.stack([i * step * 0.866, (j + 0.5 * (i % 2)) * step], -1).reshape(-1, 2)
    points += rng.uniform(-0.1, 0.1, points.shape) * step
    angle = np.arctan2(points[:, 0], points[:, 1])
    lobes = 1 + 0.25 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.15 * np.cos(3 * angle)
    result: Float = points[np.hypot(*points.T) < radius * lobes].astype(np.float32)
    return result


def particles(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build particles on a flat support as a scanning microscope sees them."""
    return _field(rng, shape, plan, transmission=False)


def particles_tem(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build particles on a thin film in transmission: dark on bright."""
    return _field(rng, shape, plan, transmission=True)


def dispersed_particles(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build well separated spheres, as the sample data shows them."""
    return _field(rng, shape, plan, False, "dispersed", "spherical")


def _layout(
    rng: np.random.Generator, shape: Shape, plan: Plan, arrangement: str, radius: float
) -> tuple[Float, list[tuple[float, float, int, int]]]:
    """Places of all particles, and (y, x, first, last) of each agglomerate's particles."""
    side = min(shape)
    area = shape[0] * shape[1]
    wanted = dict(plan).get("agglomerate", 0)
    groups: list[tuple[float, float, int, int]] = []
    if arrangement == "close-packed":
        step = 2 * radius * rng.uniform(1.0, 1.06)
        i, j = np.meshgrid(
            np.arange(-1, shape[0] / (step * 0.866) + 1),
            np.arange(-1, shape[1] / step + 1),
            indexing="ij",
        )
        points = np.stack([i * step * 0.866, (j + 0.5 * (i % 2)) * step], -1).reshape(-1, 2)
        points += rng.normal(0, 0.02, points.shape) * step
        keep = rng.random(len(points)) > 0.015
        return points[keep].astype(np.float32), groups
    if arrangement == "clustered":
        hearts = rng.uniform(0.1, 0.9, (int(rng.integers(2, 6)), 2)) * np.asarray(shape)
        parts = [h + _clump(rng, rng.uniform(2.5, 5.0) * radius, 2 * radius) for h in hearts]
        loose = _scatter(rng, shape, int(rng.integers(3, 15)), 2.2 * radius)
        points = np.concatenate([*parts, loose])
        # Clumps that meet would hide particles: keep the first of any too close pair.
        tree = cKDTree(points)
        drop = {b for a, b in tree.query_pairs(1.45 * radius)}
        return np.delete(points, sorted(drop), axis=0).astype(np.float32), groups
    if arrangement == "isolated":
        number = int(rng.integers(1, 5))
        points = _scatter(rng, (int(shape[0] * 0.8), int(shape[1] * 0.8)), number, radius * 2.5)
        return points + np.asarray(shape, np.float32) * np.float32(0.1), groups
    else:
        number = int(rng.uniform(0.03, 0.3) * area / (np.pi * radius**2))
        number = int(np.clip(number, 5, 320))
    points = _scatter(rng, shape, number, radius * 2.5)
    placer = Placer(rng, shape, 0.14)
    clumps = []
    for _ in range(wanted):
        reach = max(2.4 * radius, side * rng.uniform(0.05, 0.09))
        spot = placer.place(reach * 1.6)
        if spot is None:
            continue
        clump = np.asarray(spot, np.float32) + _clump(rng, reach, 2 * radius)
        clumps.append((spot, clump))
    for spot, clump in clumps:
        near = cKDTree(clump).query(points, k=1)[0] < 3.2 * radius
        points = points[~near]
        del spot
    for spot, clump in clumps:
        groups.append((spot[0], spot[1], len(points), len(points) + len(clump)))
        points = np.concatenate([points, clump])
    return points.astype(np.float32), groups


def _field(
    rng: np.random.Generator,
    shape: Shape,
    plan: Plan,
    transmission: bool,
    arrangement: str | None = None,
    form: str | None = None,
) -> Scene:
    side = min(shape)
    wanted, broken = (dict(plan).get(kind, 0) for kind in ("agglomerate", "broken particle"))
    form = form or str(rng.choice(SHAPES, p=[0.42, 0.2, 0.12, 0.14, 0.12]))
    if broken and form not in BREAKABLE:
        # An irregular or faceted body with a piece missing is one more such body.
        form = str(rng.choice(BREAKABLE, p=[0.6, 0.2, 0.2]))
    if arrangement is None:
        options = ["isolated", "dispersed", "clustered", "close-packed"]
        arrangement = str(rng.choice(options, p=[0.1, 0.5, 0.25, 0.15]))
        if wanted or (broken and arrangement != "isolated"):
            arrangement = "dispersed"
        if arrangement == "close-packed":
            form = "spherical"
    small, large = {
        "isolated": (0.06, 0.2),
        "dispersed": (0.008, 0.05),
        "clustered": (0.018, 0.05),
    }.get(arrangement, (0.02, 0.06))
    if wanted:
        small, large = 0.012, 0.028
    if broken and arrangement == "dispersed":
        small, large = 0.028 if form != "rod-shaped" else 0.036, 0.052
    radius = max(
        5.0 if broken else 1.8, side * float(np.exp(rng.uniform(np.log(small), np.log(large))))
    )
    points, groups = _layout(rng, shape, plan, arrangement, radius)
    spread = rng.uniform(0.0, 0.2)
    radii = radius * np.clip(1 + spread * white(rng, (len(points),)), 0.6, 1.5)
    if arrangement == "close-packed":
        radii = np.full(len(points), radius)
    elif arrangement == "clustered" or groups:
        radii = np.minimum(radii, radius * 1.15)
    aspect = rng.uniform(1.8, 3.0) if form == "rod-shaped" else 1.0
    if aspect > 1:
        radii = radii / np.sqrt(aspect)
    tones = rng.uniform(0.5, 0.75) + 0.04 * white(rng, (len(points),))
    stamps = Stamps(shape)
    member = np.zeros(len(points), int)
    masks = [np.zeros(shape, bool) for _ in groups]
    lift = np.zeros(len(points))
    for number, (y, x, first, last) in enumerate(groups):
        member[first:last] = number + 1
        away = np.hypot(points[first:last, 0] - y, points[first:last, 1] - x)
        # A clump is piled up: its middle lies higher.
        lift[first:last] = np.clip(away.max() - away, 0, None) * 0.8
    fractures = _break(rng, form, points, radii, member == 0, broken, shape)
    order = np.argsort(lift, kind="stable")
    # The broken ones last, so that nothing hides where they are broken.
    order = np.concatenate([order[~np.isin(order, list(fractures))], list(fractures)])
    for k in order.astype(int):
        put = stamps.put(
            rng,
            form,
            float(points[k, 0]),
            float(points[k, 1]),
            float(radii[k]),
            float(lift[k]),
            float(tones[k]),
            aspect,
            fractures.get(k),
        )
        if put and k in fractures:
            masks.append(np.zeros(shape, bool))
            masks[-1][put[0]] = put[1]
        elif put and member[k]:
            masks[member[k] - 1][put[0]] |= put[1]
    support = fractal(rng, shape, side * 0.15, 4)
    if transmission:
        albedo = np.float32(rng.uniform(0.65, 0.85)) + support * np.float32(0.015)
        # Phase contrast of the amorphous carbon film.
        albedo += fractal(rng, shape, max(1.5, side * 0.004), 1) * np.float32(
            rng.uniform(0.01, 0.05)
        )
        dark = rng.uniform(0.35, 1.1) / radius
        albedo *= np.exp(-np.float32(dark) * stamps.thickness)
        height = np.zeros(shape, np.float32)
    else:
        ground = np.float32(rng.uniform(0.08, 0.35)) + support * np.float32(
            rng.uniform(0.005, 0.03)
        )
        albedo = np.where(stamps.cover, stamps.tone, ground)
        height = np.where(stamps.cover, stamps.height, support * np.float32(0.3))
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=stamps.cover,
        name="particles",
        size=float(2 * radii.mean() * (np.sqrt(aspect) if aspect > 1 else 1)),
        orientation="random" if aspect > 1 else "none",
        arrangement=arrangement,
        centres=points,
        flat=transmission,
        nm=(0.1, 2.0) if transmission else (1.0, 100.0),
        extra={"structure": f"{form} particles", "shape": form},
    )
    for number, mask in enumerate(masks):
        scene.add("agglomerate" if number < len(groups) else "broken particle", mask)
    return scene


def _break(
    rng: np.random.Generator,
    form: str,
    points: Float,
    radii: Float,
    loose: Mask,
    number: int,
    shape: Shape,
) -> dict[int, Fracture]:
    """Choose particles well inside the picture to be broken, and how each is."""
    placer = Placer(rng, shape, 0.12)
    fractures: dict[int, Fracture] = {}
    for _ in range(number):
        able = loose & (radii > 0.8 * np.median(radii))
        able[list(fractures)] = False
        spot = placer.place(float(np.median(radii)) * 2, points[able])
        if spot is None:
            continue
        k = int(np.argmin(np.hypot(*(points - np.asarray(spot, np.float32)).T)))
        fractures[k] = Fracture.draw(rng, form, float(radii[k]))
    return fractures


def powder(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a bed of grains that fills the view, deep ones in shadow."""
    side = min(shape)
    form = str(rng.choice(["irregular", "polyhedral", "spherical"], p=[0.45, 0.35, 0.2]))
    broken = dict(plan).get("broken particle", 0)
    if broken:
        form = str(rng.choice(["polyhedral", "spherical"], p=[0.3, 0.7]))
    radius = max(4.0, side * float(np.exp(rng.uniform(np.log(0.04), np.log(0.11)))))
    count = int(np.clip(3.0 * shape[0] * shape[1] / (np.pi * radius**2), 20, 430))
    points = rng.uniform(-0.05, 1.05, (count, 2)) * np.asarray(shape)
    depth = np.sort(rng.uniform(0, 1, count))
    spread = rng.uniform(0.1, 0.45)
    radii = radius * np.clip(np.exp(spread * rng.standard_normal(count)), 0.45, 1.9)
    tones = rng.uniform(0.45, 0.65) + 0.06 * rng.standard_normal(count)
    stamps = Stamps(shape)
    for k in range(count):
        # Few secondary electrons leave from between the grains.
        tone = tones[k] * (0.3 + 0.7 * depth[k] ** 0.8)
        stamps.put(
            rng,
            form,
            float(points[k, 0]),
            float(points[k, 1]),
            float(radii[k]),
            float(depth[k] * 3.0 * radius),
            float(tone),
        )
    objects = stamps.height > 0.5 * radius
    placer = Placer(rng, shape, 0.16)
    defects: list[tuple[str, Mask]] = []
    for _ in range(dict(plan).get("agglomerate", 0)):
        mask = _caked(rng, stamps, placer, radius)
        if mask is not None:
            defects.append(("agglomerate", mask))
    for _ in range(broken):
        mask = _broken_grain(rng, stamps, placer, form, radius)
        if mask is not None:
            defects.append(("broken particle", mask))
    rough = fractal(rng, shape, max(2.0, radius * 0.4), 3)
    scene = Scene(
        height=stamps.height + rough * np.float32(radius * rng.uniform(0.005, 0.04)),
        albedo=stamps.tone + np.where(stamps.cover, 0, np.float32(0.04)),
        objects=objects,
        name="grains",
        size=float(2 * radii.mean()),
        orientation="none",
        arrangement="close-packed",
        defects=defects,
        nm=(10.0, 500.0),
        extra={"structure": f"powder of {form} grains", "shape": form},
    )
    overlay(rng, scene, placer, plan)
    return scene


def _caked(rng: np.random.Generator, stamps: Stamps, placer: Placer, radius: float) -> Mask | None:
    """Set a ball of fine grains baked together on the powder."""
    side = min(stamps.shape)
    reach = float(np.clip(1.5 * radius, side * 0.06, side * 0.13))
    spot = placer.place(reach * 1.3)
    if spot is None:
        return None
    fine = max(1.8, reach * rng.uniform(0.13, 0.2))
    count = int(2.2 * (reach / fine) ** 2)
    share = np.sqrt(rng.uniform(0, 1, count))[::-1]
    share = np.sort(share)[::-1]
    angle = rng.uniform(0, 2 * np.pi, count)
    lobes = 1 + 0.18 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.1 * np.cos(3 * angle)
    top = float(stamps.height.max())
    tone = rng.uniform(0.65, 0.8)
    mask = np.zeros(stamps.shape, bool)
    for s, a, lobe in zip(share, angle, lobes, strict=True):
        y = spot[0] + np.sin(a) * s * reach * lobe
        x = spot[1] + np.cos(a) * s * reach * lobe
        base = top * 0.7 + reach * np.sqrt(1 - min(s, 1.0) ** 2)
        size = fine * rng.uniform(0.7, 1.3)
        put = stamps.put(rng, "spherical", y, x, size, base, tone * rng.uniform(0.85, 1.1))
        if put:
            mask[put[0]] |= put[1]
    return mask


def _broken_grain(
    rng: np.random.Generator, stamps: Stamps, placer: Placer, form: str, radius: float
) -> Mask | None:
    """Set a broken grain on top of the powder."""
    size = max(radius * rng.uniform(1.0, 1.35), 0.045 * min(stamps.shape))
    spot = placer.place(size * 1.5)
    if spot is None:
        return None
    base = float(stamps.height.max()) - 0.6 * size
    fracture = Fracture.draw(rng, form, size)
    put = stamps.put(rng, form, *spot, size, base, rng.uniform(0.45, 0.65), 1.0, fracture)
    if put is None:
        return None
    mask = np.zeros(stamps.shape, bool)
    mask[put[0]] = put[1]
    return mask
