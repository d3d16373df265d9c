"""Voids: holes left inside lines and other filled features."""

from __future__ import annotations

import numpy as np

from .geometry import blob_distance, window
from .noise import Float
from .scene import Placer, Scene


def sink_void(
    rng: np.random.Generator,
    scene: Scene,
    placer: Placer,
    places: Float,
    width: float,
    angle: float,
) -> None:
    """Leave a dark hole inside a line; material stays on every side of it.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    scene : Scene
        Changed in place; the hole no longer belongs to the objects.
    placer : Placer
        Keeps the defects apart.
    places : (N, 2) float32 array
        Points on the centre lines of the features.
    width : float
        Width of the features in pixels.
    angle : float
        Direction of the features in radians from the horizontal.
    """
    half = max(1.6, width * rng.uniform(0.19, 0.3))
    length = half * rng.uniform(1.0, 2.4)
    spot = placer.place(length * 1.3 + 2, places)
    if spot is None:
        return
    shape = (scene.height.shape[0], scene.height.shape[1])
    win = window(shape, *spot, length * 1.6 + 3)
    if win is None:
        return
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = win.dx * c + win.dy * s, win.dy * c - win.dx * s
    # Seams close unevenly: the outline of an ellipse with a few lobes.
    lobes = blob_distance(rng, win, 1.0, 0.12) / np.maximum(np.hypot(win.dx, win.dy), 1e-3)
    distance = np.hypot(along / np.float32(length), across / np.float32(half))
    distance = (distance * np.clip(lobes, 0.85, 1.2)).astype(np.float32)
    soft = np.clip((1 - distance) * np.float32(half) / 1.2 + 0.5, 0, 1)
    local, albedo = scene.height[win.index], scene.albedo[win.index]
    scene.height[win.index] = local - soft * np.float32(max(2.0, half * 0.8))
    scene.albedo[win.index] = albedo + soft * (np.float32(rng.uniform(0.02, 0.07)) - albedo)
    inside = (distance < 1.05) & scene.objects[win.index]
    mask = np.zeros(shape, bool)
    mask[win.index] = inside
    scene.objects[win.index] &= ~(distance < 1)
    scene.add("void", mask)
