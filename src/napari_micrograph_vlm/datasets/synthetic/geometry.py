"""Windows, blobs, strokes and tubes: the shapes that scenes are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .noise import Float, curve

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """A local part of a picture with coordinates about a centre.

    Attributes
    ----------
    index : tuple of slice
        Where the window lies in the picture.
    dy, dx : (h, 1) and (1, w) float32 arrays
        Row and column distances from the centre in pixels.
    """

    index: tuple[slice, slice]
    dy: Float
    dx: Float


def window(shape: tuple[int, int], y: float, x: float, radius: float) -> Window | None:
    """Cut the square window of half-width ``radius`` about (y, x); None if it lies outside."""
    top, bottom = max(0, int(y - radius)), min(shape[0], int(y + radius) + 2)
    left, right = max(0, int(x - radius)), min(shape[1], int(x + radius) + 2)
    if top >= bottom or left >= right:
        return None
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    return Window((slice(top, bottom), slice(left, right)), dy, dx)


def rotated(shape: tuple[int, int], angle: float) -> tuple[Float, Float]:
    """Coordinates about the centre of the picture in a turned frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    angle : float
        Direction of the ``v`` axis in radians: 0 along columns (horizontal), pi/2 along rows.

    Returns
    -------
    u, v : (H, W) float32 arrays
        Distance across and along that direction in pixels.
    """
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32((shape[0] - 1) / 2)
    x = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32((shape[1] - 1) / 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return y * c - x * s, x * c + y * s


def to_picture(
    shape: tuple[int, int], angle: float, u: float | Float, v: float | Float
) -> tuple[Float, Float]:
    """Rows and columns of points given in the frame of `rotated`."""
    c, s = np.cos(angle), np.sin(angle)
    y = np.asarray(u * c + v * s + (shape[0] - 1) / 2, dtype=np.float32)
    x = np.asarray(v * c - u * s + (shape[1] - 1) / 2, dtype=np.float32)
    return y, x


def blob_distance(
    rng: np.random.Generator,
    win: Window,
    radius: float,
    roughness: float = 0.15,
    aspect: float = 1.0,
    lobes: int = 7,
) -> Float:
    """Relative distance from an irregular body: 0 at its centre, 1 at its outline.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    win : Window
        Where to evaluate it.
    radius : float
        Mean radius in pixels.
    roughness : float
        Relative amplitude of the outline's waves.
    aspect : float
        Length over width; the long axis points in a random direction.
    lobes : int
        Number of angular harmonics.
    """
    turn = rng.uniform(0, np.pi)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    stretch = np.float32(np.sqrt(aspect))
    a = (win.dx * c + win.dy * s) / stretch
    b = (win.dy * c - win.dx * s) * stretch
    theta: Float = np.arctan2(b, a)
    outline: Float = np.ones(theta.shape, np.float32)
    for order in range(2, 2 + lobes):
        # The high harmonics are weak: debris is lumpy rather than spiny.
        size = roughness * rng.uniform(0.4, 1.0) / order**0.7 * min(1.0, 3.5 / order)
        wave: Float = np.cos(np.float32(order) * theta + np.float32(rng.uniform(0, 6.28)))
        outline += wave * np.float32(size)
    reach = np.float32(max(radius, 1e-3)) * np.maximum(outline, 0.25)
    result: Float = (np.hypot(a, b) / reach).astype(np.float32)
    return result


def polygon_distance(rng: np.random.Generator, win: Window, radius: float, faces: int) -> Float:
    """Relative distance from a random convex polygon: 0 at its centre, 1 at its outline."""
    start = rng.uniform(0, 2 * np.pi)
    angles = start + (np.arange(faces) + rng.uniform(-0.25, 0.25, faces)) * 2 * np.pi / faces
    reach = rng.uniform(0.85, 1.1, faces) * radius
    result = np.zeros(np.broadcast_shapes(win.dy.shape, win.dx.shape), np.float32)
    for angle, far in zip(angles, reach, strict=True):
        c, s = np.float32(np.cos(angle) / far), np.float32(np.sin(angle) / far)
        np.maximum(result, win.dx * c + win.dy * s, out=result)
    return result


def random_path(
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    length: float,
    step: float,
    wobble: float,
) -> Float:
    """Walk from ``start`` roughly along ``angle``.

    Returns
    -------
    (N, 2) float32 array of (row, column) points
    """
    count = max(3, int(length / max(step, 0.5)) + 1)
    # A walk that is pulled back to its direction, as cracks are by the stress field.
    turns = curve(rng, count, 5.0) * wobble + rng.normal(0, wobble, count) * 0.6
    headings = angle + turns
    move = np.stack([np.sin(headings), np.cos(headings)], axis=1) * (length / (count - 1))
    points = np.cumsum(move, axis=0)
    points -= points[0]
    result: Float = (points + np.asarray(start)).astype(np.float32)
    return result


def stroke(
    shape: tuple[int, int], points: Float, width: float, taper: float = 0.0, jitter: float = 0.0
) -> Mask:
    """Paint a polyline.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    points : (N, 2) float32 array
        Row and column of each corner.
    width : float
        Line width in pixels.
    taper : float
        0 keeps the width; 1 narrows it to nothing at the end.
    jitter : float
        Relative variation of the width from piece to piece.

    Returns
    -------
    (H, W) bool array
    """
    image = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    count = len(points) - 1
    for i in range(count):
        local = width * (1 - taper * i / count)
        # A fixed irrational step varies the width without another source of randomness.
        local *= 1 + jitter * np.sin(i * 2.39996)
        line = [(float(points[i, 1]), float(points[i, 0]))]
        line.append((float(points[i + 1, 1]), float(points[i + 1, 0])))
        size = max(1, round(local))
        draw.line(line, fill=255, width=size)
        if size > 3:
            x, y, r = line[1][0], line[1][1], (size - 1) / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.array(image) > 0


def tubes(
    shape: tuple[int, int],
    paths: list[Float],
    widths: list[float],
    depths: list[float],
    rounds: int = 7,
) -> tuple[Float, NDArray[np.int32]]:
    """Paint round wires in order, each above those before it.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    paths : list of (N, 2) float32 array
        Centre lines as (row, column).
    widths : list of float
        Diameters in pixels.
    depths : list of float
        Height of each centre line in pixels.
    rounds : int
        Number of steps in the round profile.

    Returns
    -------
    height : (H, W) float32 array
        Height of the surface in pixels; 0 where there is no wire.
    index : (H, W) int32 array
        1 + number of the topmost wire; 0 where there is none.
    """
    # Painting at twice the size and averaging takes the stairs off thin wires.
    factor = 2 if min(widths) < 6 and max(shape) <= 1100 else 1
    size = (shape[1] * factor, shape[0] * factor)
    height = Image.new("F", size)
    index = Image.new("I", size)
    paint_height, paint_index = ImageDraw.Draw(height), ImageDraw.Draw(index)
    for number, (path, width, depth) in enumerate(zip(paths, widths, depths, strict=True)):
        corners = [
            ((float(x) + 0.5) * factor - 0.5, (float(y) + 0.5) * factor - 0.5) for y, x in path
        ]
        steps = int(np.clip(width * factor / 2, 1, rounds))
        for step in range(steps):
            share = (step + 0.5) / steps
            level = depth + width / 2 * np.sqrt(1 - (1 - share) ** 2)
            pen = max(1, round(width * factor * (1 - step / steps)))
            # Round joints cost time and show on thick wires only.
            joint = "curve" if pen > 7 else None
            paint_height.line(corners, fill=float(level), width=pen, joint=joint)
        pen = max(1, round(width * factor))
        paint_index.line(corners, fill=number + 1, width=pen, joint="curve")
    heights = height.reduce(factor) if factor > 1 else height
    indices = np.array(index, dtype=np.int32)[::factor, ::factor]
    return np.array(heights, dtype=np.float32), indices
