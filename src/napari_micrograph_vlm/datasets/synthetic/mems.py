"""Micro-electro-mechanical devices and electrodes seen obliquely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .geometry import Mask, rotated, to_picture
from .noise import Float, fractal, smooth
from .overlays import crack_mask, open_crack, overlay
from .scene import Placer, Plan, Scene, Shape, orientation_of
from .voids import sink_void


def _extrude(top: Mask, depth: int) -> Mask:
    """Everything that the side walls below ``top`` cover, ``top`` included."""
    body = top.copy()
    done = 0
    while done < depth:
        step = min(max(done, 1), depth - done)
        body[step:] |= body[:-step].copy()
        done += step
    return body


def _device(rng: np.random.Generator, shape: Shape, plan: Plan, layout: str) -> Scene:
    side = min(shape)
    angle = float(np.radians(rng.choice([0, 90]) + rng.uniform(-12, 12)))
    u, v = rotated(shape, angle)
    squeeze = rng.uniform(1.0, 1.35)  # foreshortening of a tilted stage
    u *= np.float32(squeeze)
    pitch = max(11.0, side * rng.uniform(0.06, 0.13))
    width = pitch * rng.uniform(0.4, 0.62)
    # Half of the devices run over the edges of the picture, as at higher magnification.
    zoom = 1.0 if rng.random() < 0.5 else rng.uniform(1.1, 1.7)
    pitch, width = pitch * zoom, width * zoom
    if "void" in dict(plan):
        wider = max(1.0, 10.0 / width, 0.04 * side / width)
        pitch, width = pitch * wider, width * wider
    shift = rng.uniform(-0.08, 0.08) * side
    v -= np.float32(shift)
    index = np.floor(u / np.float32(pitch)).astype(np.int32)
    across = u - (index + np.float32(0.5)) * np.float32(pitch)
    lines = np.abs(across) < width / 2
    extent = side * rng.uniform(0.34, 0.46) * zoom
    rows = max(2, int(extent / pitch))
    inside = (index >= -rows) & (index < rows)
    block = np.abs(u) < rows * pitch + width
    odd = index % 2 == 0
    if layout == "cantilevers":
        root = -side * rng.uniform(0.12, 0.3)
        lengths = rng.uniform(0.25, 0.6, 2 * rows) * side
        if rng.random() < 0.5:
            lengths = np.sort(lengths)
        tip = root + lengths[np.clip(index + rows, 0, 2 * rows - 1)].astype(np.float32)
        fingers = lines & inside & (v >= root - 2) & (v < tip)
        plates = (v < root) & block
        low, high = np.full_like(tip, root), tip
    else:
        reach = side * rng.uniform(0.24, 0.34) * min(zoom, 1.3)
        overlap = reach * rng.uniform(0.55, 0.85)
        low = np.where(odd, -reach, -overlap).astype(np.float32)
        high = np.where(odd, overlap, reach).astype(np.float32)
        fingers = lines & inside & (v > low - 2) & (v < high + 2)
        bus = side * rng.uniform(0.07, 0.2)
        plates = (np.abs(v) >= reach) & (np.abs(v) < reach + bus) & block
        if layout == "electrodes":
            pad = side * rng.uniform(0.1, 0.16)
            far = (np.abs(v) >= reach + bus * 0.5) & (np.abs(u - np.sign(v) * extent * 0.4) < pad)
            plates = ((np.abs(v) < reach + bus * 0.5) & plates) | far
    if layout != "electrodes" and rng.random() < 0.6:
        # Release holes, as a proof mass has them.
        hole = pitch * rng.uniform(0.18, 0.28)
        period = np.float32(pitch * 1.1)
        hu, hv = (u + period / 2) % period - period / 2, v % period - period / 2
        plates &= ~((np.abs(hu) < hole) & (np.abs(hv) < hole))
    placer = Placer(rng, shape)
    defects: list[tuple[str, Mask]] = []
    for _ in range(dict(plan).get("break", 0)):
        _break(
            rng,
            shape,
            placer,
            defects,
            (angle, squeeze, shift, rows, pitch, width),
            (fingers, index, u, v),
        )
    top = fingers | plates
    flat = layout == "electrodes"
    depth = max(1, round(side * (rng.uniform(0.002, 0.008) if flat else rng.uniform(0.012, 0.04))))
    body = _extrude(top, depth)
    wall = body & ~top
    tall = np.float32(depth * rng.uniform(0.5, 1.0))
    grain = fractal(rng, shape, side * 0.02, 3) * np.float32(rng.uniform(0.005, 0.025))
    shade = ndimage.uniform_filter(body.astype(np.float32), max(3, depth * 2))
    floor = rng.uniform(0.12, 0.4)
    albedo = np.float32(floor) * (1 - np.float32(0.55) * shade) + grain
    # Etching leaves vertical stripes on the walls.
    stripes = smooth(rng, (2, shape[1]), (2, 2.0))[:1] * np.float32(0.06)
    wall_tone = np.broadcast_to(np.float32(rng.uniform(0.25, 0.8)) + stripes, shape)
    albedo = np.where(wall, wall_tone, albedo)
    albedo = np.where(top, np.float32(rng.uniform(0.45, 0.68)) + grain * 0.6, albedo)
    height = ndimage.uniform_filter(top.astype(np.float32) * tall, 2)
    cores = np.where(fingers & (np.abs(across) <= 0.9), index + rows + 1, 0).astype(np.int32)
    for number, (kind, mask) in enumerate(defects):
        # The gap is a defect only where the finger would have been seen.
        defects[number] = (kind, mask & ~top)
    names = {"comb": "comb fingers", "cantilevers": "cantilevers", "electrodes": "electrodes"}
    scene = Scene(
        height=height.astype(np.float32),
        albedo=albedo.astype(np.float32),
        objects=top,
        name=names[layout],
        size=width / squeeze if abs(np.sin(angle)) < 0.7 else width,
        orientation=orientation_of(angle),
        arrangement="aligned",
        cores=cores,
        defects=[d for d in defects if d[1].any()],
        nm=(20.0, 800.0),
        extra={"structure": {"comb": "interdigitated comb"}.get(layout, layout)},
    )
    _cracks(rng, scene, placer, plan, plates)
    spine = (cores > 0) & top & ~ndimage.binary_dilation(~top, iterations=max(2, int(width / 4)))
    spots = np.argwhere(spine).astype(np.float32)
    for _ in range(dict(plan).get("void", 0)):
        sink_void(rng, scene, placer, spots, scene.size, angle)
    on_top = np.argwhere(top[::4, ::4]) * 4.0
    overlay(rng, scene, placer, plan, on_top.astype(np.float32), skip=("crack",))
    return scene


def _break(
    rng: np.random.Generator,
    shape: Shape,
    placer: Placer,
    defects: list[tuple[str, Mask]],
    frame: tuple[float, float, float, int, float, float],
    maps: tuple[Mask, NDArray[np.int32], Float, Float],
) -> None:
    """Cut one finger or beam; ``fingers`` is changed in place."""
    angle, squeeze, shift, rows, pitch, width = frame
    fingers, index, u, v = maps
    gap = max(4.0, width * rng.uniform(0.7, 1.8))
    for _ in range(40):
        number = int(rng.integers(-rows, rows))
        own = fingers & (index == number)
        if not own.any():
            continue
        low, high = float(v[own].min()), float(v[own].max())
        if high - low < 3 * gap:
            continue
        along = rng.uniform(low + gap, high - gap)
        y, x = to_picture(shape, angle, (number + 0.5) * pitch / squeeze, along + shift)
        if not placer.free(float(y), float(x), gap + width):
            continue
        placer.take(float(y), float(x), gap + width)
        ragged = 0.12 * width * np.sin(u * np.float32(4.7 / width) + np.float32(number))
        mask = own & (np.abs(v - along + ragged) < gap / 2)
        fingers &= ~mask
        defects.append(("break", mask))
        return


def _cracks(
    rng: np.random.Generator, scene: Scene, placer: Placer, plan: Plan, plates: Mask
) -> None:
    """Crack the plates and pads; a crack ends where the material ends."""
    side = min(plates.shape)
    places = (np.argwhere(plates[::4, ::4]) * 4.0).astype(np.float32)
    for _ in range(dict(plan).get("crack", 0)):
        spot = placer.place(side * 0.1, places)
        if spot is None:
            return
        angle, length = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.2, 0.5)
        start = (spot[0] - np.sin(angle) * length / 2, spot[1] - np.cos(angle) * length / 2)
        width = max(1.2, side * rng.uniform(0.005, 0.011))
        shape = (plates.shape[0], plates.shape[1])
        mask = crack_mask(rng, shape, start, angle, length, width) & scene.objects
        open_crack(scene, mask, width + 2)


def comb(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build an interdigitated comb drive."""
    return _device(rng, shape, plan, "comb")


def cantilevers(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a row of beams clamped at one end."""
    return _device(rng, shape, plan, "cantilevers")


def electrodes(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build flat interdigitated electrodes with contact pads."""
    return _device(rng, shape, plan, "electrodes")
