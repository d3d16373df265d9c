"""Networks: porous sponges, fibres and nanowires."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .films import voronoi
from .geometry import Mask, random_path, stroke, tubes, window
from .noise import Float, band, curve, fractal, resize, smooth
from .overlays import crack_mask, open_crack, overlay
from .scene import Placer, Plan, Scene, Shape, draw_angle, orientation_of


def sponge(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an interconnected sponge like nanoporous gold."""
    side = min(shape)
    wave = max(7.0, side * float(np.exp(rng.uniform(np.log(0.025), np.log(0.12)))))
    level = rng.uniform(-0.35, 0.35)
    front = band(rng, shape, wave, rng.uniform(0.25, 0.5)) - np.float32(level)
    back = band(rng, shape, wave * 0.85, 0.4) - np.float32(level)
    solid, deep = front > 0, back > 0
    round_front = np.sqrt(np.clip(front, 0, 1.4)) * np.float32(wave * 0.28)
    round_back = np.sqrt(np.clip(back, 0, 1.4)) * np.float32(wave * 0.2)
    height = np.where(solid, wave * 0.55 + round_front, np.where(deep, round_back, -wave * 0.25))
    tone, dim = rng.uniform(0.45, 0.65), rng.uniform(0.12, 0.28)
    albedo = np.where(solid, np.float32(tone), np.where(deep, np.float32(dim), np.float32(0.05)))
    albedo = albedo + fractal(rng, shape, max(2.0, wave / 4), 2) * np.float32(0.02)
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=solid,
        name="ligaments",
        size=wave * 0.5,
        orientation="random",
        arrangement="random network",
        nm=(0.5, 30.0),
        extra={"structure": "bicontinuous sponge"},
    )
    placer = Placer(rng, shape)
    for _ in range(dict(plan).get("crack", 0)):
        spot = placer.place(side * 0.15)
        if spot is None:
            break
        angle, length = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.35, 0.9)
        start = (spot[0] - np.sin(angle) * length / 2, spot[1] - np.cos(angle) * length / 2)
        # It has to be wider than the pores to be told from them.
        wide = max(2.5, wave * rng.uniform(0.6, 1.1))
        gap = crack_mask(rng, shape, start, angle, length, min(wide, side * 0.04), 0.25)
        scene.objects &= ~gap
        scene.height[gap] = np.float32(-0.5 * wave)
        scene.albedo[gap] = np.float32(0.1)
        open_crack(scene, gap, wave * 0.8)
    overlay(rng, scene, placer, plan, skip=("crack",))
    return scene


def foam(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an open-celled foam: round pores between struts."""
    side = min(shape)
    spacing = max(10.0, side * rng.uniform(0.06, 0.2))
    _, distance, centres = voronoi(rng, shape, spacing)
    wall = spacing * rng.uniform(0.06, 0.14)
    distance = distance + smooth(rng, shape, spacing / 4) * np.float32(wall * 0.35)
    pores = distance > wall
    strut = np.sqrt(np.clip(1 - (distance / wall) ** 2, 0, 1)) * np.float32(wall)
    bowl = np.clip((distance - wall) / np.float32(spacing * 0.35), 0, 1)
    # A second, deeper cell layer shows through the windows.
    _, behind, _ = voronoi(rng, shape, spacing * 0.7)
    lattice = np.clip(1 - behind / np.float32(wall * 1.2), 0, 1)
    height = strut - bowl * np.float32(spacing * 0.3) + lattice * bowl * np.float32(wall)
    albedo = np.where(pores, 0.32 - 0.24 * bowl + 0.22 * lattice * bowl, rng.uniform(0.5, 0.68))
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=pores,
        name="pores",
        size=float(spacing - 2 * wall),
        orientation="none",
        arrangement="random network",
        centres=centres,
        nm=(20.0, 2000.0),
        extra={"structure": "open-celled foam"},
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene


def _line_paths(
    rng: np.random.Generator, shape: Shape, count: int, angles: Float, length: float, bend: float
) -> tuple[list[Float], Float]:
    """Nearly straight paths of ``length`` through random midpoints."""
    middles = rng.uniform(-0.02, 1.02, (count, 2)) * np.asarray(shape)
    paths = []
    for middle, angle in zip(middles, angles, strict=True):
        reach = length * rng.uniform(0.7, 1.3)
        knots = 14
        t = np.linspace(-0.5, 0.5, knots)
        sag = curve(rng, knots, 5.0) * bend * reach
        sag -= sag[knots // 2]
        y = middle[0] + np.sin(angle) * t * reach + np.cos(angle) * sag
        x = middle[1] + np.cos(angle) * t * reach - np.sin(angle) * sag
        paths.append(np.stack([y, x], 1).astype(np.float32))
    return paths, middles.astype(np.float32)


def _cut(
    rng: np.random.Generator,
    shape: Shape,
    placer: Placer,
    paths: list[Float],
    widths: list[float],
    number: int,
    reach: float,
) -> tuple[Float, Float, Mask] | None:
    """Break path ``number``: its two pieces and the gap between them."""
    path, width = paths[number], widths[number]
    steps = np.hypot(*np.diff(path, axis=0).T)
    others = [p for k, p in enumerate(paths) if k != number and len(p) > 2]
    dense = [resize(p, (len(p) * 6, 2)) for p in others]
    crowd = cKDTree(np.concatenate(dense)) if dense else None
    total = np.concatenate([[0], np.cumsum(steps)])
    gap = max(5.0, width * rng.uniform(1.0, 2.0), reach)
    shares = rng.uniform(0.12, 0.88, 24)
    spots = np.stack([np.interp(shares * total[-1], total, path[:, a]) for a in (0, 1)], 1)
    # Where no other wire is near, the gap shows the dark ground and is plain to see.
    room = crowd.query(spots)[0] if crowd is not None else np.zeros(len(spots))
    for best in np.argsort(-room):
        at = shares[best] * total[-1]
        y, x = (float(value) for value in spots[best])
        if room[best] < gap * 0.6 and crowd is not None:
            return None
        if not placer.free(y, x, gap):
            continue
        placer.take(y, x, gap)

        def part(low: float, high: float) -> Float:
            knots = np.unique(np.concatenate([[low, high], total[(total > low) & (total < high)]]))
            return np.stack([np.interp(knots, total, path[:, a]) for a in (0, 1)], 1).astype(
                np.float32
            )

        first, last = part(0, at - gap / 2), part(at + gap / 2, float(total[-1]))
        # The loose ends spring aside a little, which makes the break plain.
        spring = rng.uniform(-0.5, 0.5, 2) * width
        for piece, end, sign in ((first, -1, spring[0]), (last, 0, spring[1])):
            piece[end] += np.asarray([sign, -sign], np.float32)
        mask = stroke(shape, part(at - gap * 0.62, at + gap * 0.62), width * 1.15)
        return first, last, mask
    return None


def _with_breaks(
    rng: np.random.Generator,
    shape: Shape,
    placer: Placer,
    plan: Plan,
    paths: list[Float],
    widths: list[float],
    depths: list[float],
    reach: float,
) -> list[tuple[str, Mask]]:
    """Break some of the topmost tubes; the lists are changed in place."""
    defects: list[tuple[str, Mask]] = []
    order = list(range(len(paths) - 1, -1, -1))
    for _ in range(dict(plan).get("break", 0)):
        while order:
            number = order.pop(0)
            pieces = _cut(rng, shape, placer, paths, widths, number, reach)
            if pieces is None:
                continue
            # Both pieces on top of everything, so that nothing hides the gap.
            paths += [pieces[0], pieces[1]]
            widths += [widths[number]] * 2
            depths += [max(depths)] * 2
            paths[number] = pieces[0][:2]
            defects.append(("break", pieces[2]))
            break
    return defects


def fibres(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a mat of thick fibres, random or combed in one direction."""
    side = min(shape)
    width = max(4.0, side * float(np.exp(rng.uniform(np.log(0.022), np.log(0.085)))))
    count = int(np.clip(rng.uniform(0.7, 1.5) * side / width, 8, 42))
    if "break" in dict(plan):
        count = min(count, 18)
    combed = rng.random() < 0.35
    if combed:
        main = draw_angle(rng, 0.3)
        angles = main + rng.normal(0, 0.13, count)
    else:
        main = 0.0
        angles = rng.uniform(0, np.pi, count)
    paths, _ = _line_paths(
        rng, shape, count, angles.astype(np.float32), 2.2 * max(shape), rng.uniform(0.0, 0.05)
    )
    widths = [width * float(rng.uniform(0.75, 1.25)) for _ in paths]
    depths = [width * 0.9 * k**0.85 for k in range(count)]
    placer = Placer(rng, shape)
    defects = _with_breaks(rng, shape, placer, plan, paths, widths, depths, 0)
    height, index = tubes(shape, paths, widths, depths)
    covered = index > 0
    # Deep fibres are dim, and each has its own tone.
    rank = np.concatenate([[0.0], np.linspace(0.3, 1.0, len(paths))])
    rank[1:] += rng.normal(0, 0.05, len(paths))
    tone = rng.uniform(0.45, 0.65)
    albedo = np.where(covered, tone * rank[index], 0.05).astype(np.float32)
    albedo += fractal(rng, shape, max(2.0, width / 3), 2) * np.float32(rng.uniform(0.005, 0.03))
    scene = Scene(
        height=height,
        albedo=albedo,
        objects=covered,
        name="fibres",
        size=float(np.mean(widths)),
        orientation=orientation_of(main) if combed else "random",
        arrangement="aligned" if combed else "random network",
        defects=[d for d in defects if d[1].any()],
        nm=(5.0, 500.0),
        extra={"structure": "combed fibres" if combed else "fibre mat"},
    )
    overlay(rng, scene, placer, plan)
    return scene


def woven(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a plain weave of yarns made of fine filaments."""
    side = min(shape)
    pitch = max(14.0, side * rng.uniform(0.1, 0.24))
    angle = float(np.radians(rng.uniform(-10, 10) if rng.random() < 0.7 else 45.0))
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    warp = smooth(rng, shape, side * 0.3) * np.float32(pitch * 0.05)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = (y * c - x * s + warp) / pitch, (x * c + y * s + warp) / pitch
    i, j = np.floor(u), np.floor(v)
    a, b = u - i - np.float32(0.5), v - j - np.float32(0.5)
    over = ((i + j) % 2 == 0).astype(np.float32) * 2 - 1
    half = np.float32(rng.uniform(0.4, 0.49))
    weft = np.sqrt(np.clip(1 - (a / half) ** 2, 0, 1)) * 0.4 + 0.35 * over * np.cos(np.pi * b)
    warps = np.sqrt(np.clip(1 - (b / half) ** 2, 0, 1)) * 0.4 - 0.35 * over * np.cos(np.pi * a)
    weft = np.where(np.abs(a) < half, weft, -1.2)
    warps = np.where(np.abs(b) < half, warps, -1.2)
    top_weft = weft >= warps
    filaments = rng.uniform(5, 11)
    across = np.where(top_weft, a, b)
    strand = np.abs(np.sin(np.pi * filaments * across + 0.3 * warp / pitch))
    level = np.maximum(weft, warps) + 0.10 * np.sqrt(strand)
    solid = level > -0.9
    height = np.where(solid, level, -1.2) * np.float32(pitch * 0.4)
    albedo = np.where(solid, 0.42 + 0.16 * strand + 0.1 * np.clip(level, -1, 1), 0.05)
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=solid,
        name="fibres",
        size=pitch * 2 * float(half),
        orientation="none",
        arrangement="ordered array",
        nm=(500.0, 5000.0),
        extra={"structure": "woven fabric"},
    )
    placer = Placer(rng, shape)
    for _ in range(dict(plan).get("break", 0)):
        _cut_yarn(rng, scene, placer, (a, b, i, j), pitch, float(half))
    overlay(rng, scene, placer, plan)
    return scene


def _cut_yarn(
    rng: np.random.Generator,
    scene: Scene,
    placer: Placer,
    cells: tuple[Float, Float, Float, Float],
    pitch: float,
    half: float,
) -> None:
    """Break one yarn where it lies on top; a frayed gap shows the dark below."""
    a, b, i, j = cells
    shape = (a.shape[0], a.shape[1])
    spot = placer.place(pitch * 0.7)
    if spot is None:
        return
    p = (int(spot[0]), int(spot[1]))
    win = window(shape, spot[0], spot[1], 1.5 * pitch)
    if win is None:
        return
    cell = (i[win.index] == i[p]) & (j[win.index] == j[p])
    weft = ((i[p] + j[p]) % 2) == 0
    along = (b if weft else a)[win.index]
    across = (a if weft else b)[win.index]
    # Every filament tears at its own place.
    ends = rng.normal(0, 0.06, 64).astype(np.float32)
    fray = ends[np.clip((across + 0.5) * 48, 0, 63).astype(int)]
    size = rng.uniform(0.13, 0.24)
    gap = cell & (np.abs(along + fray) < size) & (np.abs(across) < half)
    mask = np.zeros(shape, bool)
    mask[win.index] = gap
    scene.height[mask] = np.float32(-0.4 * pitch)
    scene.albedo[mask] = np.float32(0.05)
    scene.objects &= ~mask
    scene.add("break", mask)


def nanowires(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build thin wires on a substrate, lying at random or aligned."""
    side = min(shape)
    width = max(1.4, side * float(np.exp(rng.uniform(np.log(0.004), np.log(0.016)))))
    aligned = rng.random() < 0.35
    breaks = dict(plan).get("break", 0)
    count = int(np.exp(rng.uniform(np.log(10), np.log(32 if breaks else 130))))
    main = draw_angle(rng, 0.35)
    angles = main + rng.normal(0, 0.07, count) if aligned else rng.uniform(0, np.pi, count)
    length = side * rng.uniform(0.3, 1.0)
    paths, middles = _line_paths(
        rng, shape, count, angles.astype(np.float32), length, rng.choice([0.0, 0.0, 0.04])
    )
    if breaks:
        # Break the longest wires in view.
        inside = ((middles > 0.15 * side) & (middles < np.asarray(shape) - 0.15 * side)).all(1)
        order = np.argsort(inside, kind="stable")
        paths, middles = [paths[k] for k in order], middles[order]
    widths = [width * float(rng.uniform(0.8, 1.25)) for _ in paths]
    depths = [width * float(rng.uniform(0.3, 1.5)) for _ in paths]
    placer = Placer(rng, shape)
    defects = _with_breaks(rng, shape, placer, plan, paths, widths, depths, side * 0.022)
    height, index = tubes(shape, paths, widths, depths)
    covered = index > 0
    ground = np.float32(rng.uniform(0.06, 0.3)) + fractal(rng, shape, side * 0.1, 4) * np.float32(
        rng.uniform(0.004, 0.03)
    )
    tones = np.concatenate([[0], rng.uniform(0.55, 0.8) + rng.normal(0, 0.06, len(paths))])
    albedo = np.where(covered, tones[index], ground)
    scene = Scene(
        height=height,
        albedo=albedo.astype(np.float32),
        objects=covered,
        name="nanowires",
        size=float(np.mean(widths)),
        orientation=orientation_of(main) if aligned else "random",
        arrangement="aligned" if aligned else ("random network" if count > 25 else "dispersed"),
        centres=middles,
        defects=[d for d in defects if d[1].any()],
        nm=(2.0, 60.0),
        extra={"structure": "aligned nanowires" if aligned else "scattered nanowires"},
    )
    overlay(rng, scene, placer, plan)
    return scene


def forest(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a forest of upright nanowires seen from the side."""
    side = min(shape)
    width = max(1.6, side * rng.uniform(0.006, 0.02))
    count = int(np.clip(rng.uniform(1.0, 2.2) * shape[1] / width, 25, 170))
    ground = shape[0] * rng.uniform(0.78, 0.98)
    tall = shape[0] * rng.uniform(0.45, 0.75)
    roots = np.sort(rng.uniform(-0.18, 0.04, count)) * shape[0] + ground
    tilt = rng.uniform(0.02, 0.12)
    paths: list[Float] = []
    for root in roots:
        start = (float(root), float(rng.uniform(-0.05, 1.05) * shape[1]))
        angle = -np.pi / 2 + rng.normal(0, tilt)
        paths.append(random_path(rng, start, angle, tall * rng.uniform(0.8, 1.15), side / 12, 0.03))
    widths = [width * float(rng.uniform(0.7, 1.3)) for _ in paths]
    depths = [width * 0.6 * k / 6 for k in range(count)]
    height, index = tubes(shape, paths, widths, depths, 4)
    covered = index > 0
    rank = np.concatenate([[0.0], np.linspace(0.25, 1.0, len(paths))])
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    floor = np.where(y > ground, np.float32(0.35), np.float32(0.06))
    floor = floor + fractal(rng, shape, side * 0.05, 3) * np.float32(0.015)
    albedo = np.where(covered, rng.uniform(0.5, 0.7) * rank[index], floor)
    scene = Scene(
        height=height,
        albedo=albedo.astype(np.float32),
        objects=covered,
        name="nanowires",
        size=float(np.mean(widths)),
        orientation="vertical",
        arrangement="aligned",
        nm=(2.0, 60.0),
        extra={"structure": "nanowire forest"},
    )
    overlay(rng, scene, Placer(rng, shape), plan)
    return scene
