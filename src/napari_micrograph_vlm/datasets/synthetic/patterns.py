"""Line/space patterns and gratings."""

from __future__ import annotations

import numpy as np

from .lines import Lines, step, surface
from .overlays import overlay
from .scene import Placer, Plan, Scene, Shape, draw_angle, orientation_of
from .voids import sink_void


def line_space(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build resist or metal lines with rough edges, and their defects."""
    side = min(shape)
    kinds = dict(plan)
    pitch = max(9.0, side * float(np.exp(rng.uniform(np.log(0.045), np.log(0.16)))))
    if kinds.keys() & {"necking", "pattern collapse", "micro-bridge", "edge roughness"}:
        pitch = max(pitch, side * 0.06, 14.0)
    if "void" in kinds:
        pitch = max(pitch, side * 0.075, 18.0)
    angle = draw_angle(rng)
    lines = Lines(rng, shape, pitch, angle, rng.uniform(0.38, 0.62), "edge roughness" in kinds)
    placer = Placer(rng, shape)
    for _ in range(kinds.get("edge roughness", 0)):
        lines.roughen()
    # Collapse first: it moves whole lines, the others then act on the lines as they lie.
    for kind, make in (
        ("pattern collapse", lines.collapse),
        ("bridge", lines.bridge),
        ("micro-bridge", lines.micro_bridge),
        ("break", lines.cut),
        ("necking", lines.neck),
    ):
        for _ in range(kinds.get(kind, 0)):
            make(placer)
    edge = rng.uniform(1.0, 3.0) * max(1.0, side / 384)
    solid = step(lines.distance, edge)
    tall = rng.uniform(1.5, 6.0) * max(1.0, side / 384)
    top, floor = rng.uniform(0.4, 0.65), rng.uniform(0.12, 0.35)
    # A void would not show in dark lines.
    if rng.random() < 0.15 and "void" not in kinds:
        top, floor = floor, top
    cores = np.where(np.abs(lines.across) <= 0.75, lines.line + 1, 0).astype(np.int32)
    scene = Scene(
        height=solid * np.float32(tall),
        albedo=surface(rng, shape, solid, top, floor),
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
    if "void" in kinds:
        places = np.argwhere((cores > 0) & (lines.distance > 0.35 * lines.width))
        for _ in range(kinds["void"]):
            sink_void(rng, scene, placer, places.astype(np.float32), lines.width, angle)
    overlay(rng, scene, placer, plan)
    return scene


def grating(rng: np.random.Generator, shape: Shape, plan: Plan) -> Scene:
    """Build a smooth shallow grating, its ridges rounded."""
    side = min(shape)
    pitch = max(7.0, side * float(np.exp(rng.uniform(np.log(0.03), np.log(0.14)))))
    angle = draw_angle(rng, 0.3)
    lines = Lines(rng, shape, pitch, angle, 0.5)
    crest = 0.5 + 0.5 * np.cos(2 * np.pi * (lines.across - 0.3 * lines.wave) / pitch)
    crest = (crest ** rng.uniform(0.7, 2.0)).astype(np.float32)
    scene = Scene(
        height=crest * np.float32(pitch * rng.uniform(0.15, 0.4)),
        albedo=surface(rng, shape, crest, rng.uniform(0.5, 0.7), rng.uniform(0.25, 0.4)),
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
