"""What is drawn on a page of a PDF file besides text: where it is, as far as it is seen."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from .pdf_boxes import Box, Turn, area, overlap, union

__all__ = ["Drawn", "drawn_on"]

MOST_OBJECTS = 60_000
"""Objects of one page that are looked at one by one; what comes after them is left out."""

_CLIPPED = 6_000
"""After so many objects their clipping is no longer asked for."""

_MOST_BYTES = 4 * 2**20
"""Of an image that are compared with another's."""

_DEEPEST = 12
_WHITE = 250

Matrix = tuple[float, float, float, float, float, float]
_SAME: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Drawn:
    """One thing drawn on a page.

    Attributes
    ----------
    kind : str
        ``"image"``, ``"rule"`` (a straight line along the page), ``"frame"`` (a rectangle),
        ``"shape"`` (any other path or shading) or ``"text"`` (only inside a form).
    box : Box
        Of what is seen of it, in the view.
    pixels : (int, int)
        Width and height of an image; (0, 0) for others.
    form : int
        Number of the outermost form (a drawing put in as a whole) that holds it; -1 for none.
    stored : int
        The same for images of the same bytes; 0 for what is no image.
    """

    kind: str
    box: Box
    pixels: tuple[int, int] = (0, 0)
    form: int = -1
    stored: int = 0


def drawn_on(page: Any, turn: Turn) -> list[Drawn]:
    """Return what a page draws.

    Parameters
    ----------
    page : pypdfium2.PdfPage
    turn : Turn
        The view that boxes are wanted in.
    """
    import pypdfium2.raw as pdfium

    whole = turn.box(*turn.origin)
    found: list[Drawn] = []
    left = [MOST_OBJECTS]
    for index in range(pdfium.FPDFPage_CountObjects(page.raw)):
        handle = pdfium.FPDFPage_GetObject(page.raw, index)
        for kind, box, pixels, stored in _walk(handle, _SAME, turn.origin, 0, left):
            seen = overlap(turn.box(*box), whole)
            if seen[2] >= seen[0] and seen[3] >= seen[1]:
                is_form = pdfium.FPDFPageObj_GetType(handle) == pdfium.FPDF_PAGEOBJ_FORM
                found.append(Drawn(kind, seen, pixels, index if is_form else -1, stored))
        if left[0] <= 0:
            break
    return [_as_rule(one) for one in found]


def _as_rule(one: Drawn) -> Drawn:
    """Return a rectangle that is as thin as a line as the line it shows."""
    width, height = one.box[2] - one.box[0], one.box[3] - one.box[1]
    if one.kind in ("frame", "image") and min(width, height) < 2.2:
        return one if one.kind == "image" and max(width, height) > 40 else replace(one, kind="rule")
    return one


def _walk(
    handle: Any, matrix: Matrix, clip: Box, depth: int, left: list[int]
) -> Iterator[tuple[str, Box, tuple[int, int], int]]:
    """Yield kind, box on the page, pixels and mark of an object and of all that it holds."""
    import pypdfium2.raw as pdfium

    left[0] -= 1
    if left[0] <= 0:
        return
    kind = pdfium.FPDFPageObj_GetType(handle)
    if kind == pdfium.FPDF_PAGEOBJ_TEXT and depth == 0:
        return
    if left[0] > MOST_OBJECTS - _CLIPPED:
        own = _clip_of(handle)
        if own is not None:
            clip = overlap(clip, _moved(own, matrix))
            if clip[2] <= clip[0] or clip[3] <= clip[1]:
                return
    if kind == pdfium.FPDF_PAGEOBJ_FORM:
        if depth < _DEEPEST:
            inner = pdfium.FS_MATRIX()
            pdfium.FPDFPageObj_GetMatrix(handle, inner)
            values = (inner.a, inner.b, inner.c, inner.d, inner.e, inner.f)
            both = _product(values, matrix)
            for index in range(pdfium.FPDFFormObj_CountObjects(handle)):
                child = pdfium.FPDFFormObj_GetObject(handle, index)
                yield from _walk(child, both, clip, depth + 1, left)
        return
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(handle, *sides):
        return
    x0, y0, x1, y1 = (side.value for side in sides)
    box = overlap(_moved((x0, y0, x1, y1), matrix), clip)
    if box[2] < box[0] or box[3] < box[1]:
        return
    if kind == pdfium.FPDF_PAGEOBJ_TEXT:
        yield "text", box, (0, 0), 0
    elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
        yield "image", box, pixels_of(handle), _stored(handle)
    elif kind == pdfium.FPDF_PAGEOBJ_PATH:
        shape = _path_kind(handle)
        if shape:
            yield shape, box, (0, 0), 0
    elif kind == pdfium.FPDF_PAGEOBJ_SHADING:
        yield "shape", box, (0, 0), 0


def pixels_of(handle: Any) -> tuple[int, int]:
    """Return an image's width and height as the file gives them, without reading its pixels."""
    import pypdfium2.raw as pdfium

    width, height = ctypes.c_uint(), ctypes.c_uint()
    pdfium.FPDFImageObj_GetImagePixelSize(handle, width, height)
    return width.value, height.value


def _stored(handle: Any) -> int:
    """Return a checksum of an image's bytes as they are in the file, or their number."""
    import pypdfium2.raw as pdfium

    length = int(pdfium.FPDFImageObj_GetImageDataRaw(handle, None, 0))
    if not 0 < length <= _MOST_BYTES:
        return length
    buffer = ctypes.create_string_buffer(length)
    pdfium.FPDFImageObj_GetImageDataRaw(handle, buffer, length)
    return crc32(buffer.raw)


def _path_kind(handle: Any) -> str:
    """Return what a path is: ``""`` where nothing of it is seen on white paper."""
    import pypdfium2.raw as pdfium

    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(handle, fill, stroke)
    seen = bool(stroke.value) and _is_seen(pdfium.FPDFPageObj_GetStrokeColor, handle)
    if not seen and not (fill.value and _is_seen(pdfium.FPDFPageObj_GetFillColor, handle)):
        return ""
    count = pdfium.FPDFPath_CountSegments(handle)
    if count > 6:
        return "shape"
    points = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(handle, index)
        if pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_BEZIERTO:
            return "shape"
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        points.append((x.value, y.value))
    xs, ys = {round(px, 1) for px, _ in points}, {round(py, 1) for _, py in points}
    if len(xs) == 1 or len(ys) == 1:
        return "rule"
    return "frame" if len(xs) == 2 and len(ys) == 2 and count >= 4 else "shape"


def _is_seen(get: Any, handle: Any) -> bool:
    red, green, blue, alpha = (ctypes.c_uint(255) for _ in range(4))
    if not get(handle, red, green, blue, alpha):
        return True  # a pattern
    return alpha.value > 8 and min(red.value, green.value, blue.value) < _WHITE


def _clip_of(handle: Any) -> Box | None:
    """Return the box in which an object is seen, in its own coordinates; None for everywhere."""
    import pypdfium2.raw as pdfium

    clip = pdfium.FPDFPageObj_GetClipPath(handle)
    if not clip:
        return None
    box: Box | None = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(max(0, pdfium.FPDFClipPath_CountPaths(clip))):
        points = []
        for place in range(min(pdfium.FPDFClipPath_CountPathSegments(clip, index), 200)):
            segment = pdfium.FPDFClipPath_GetPathSegment(clip, index, place)
            pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            points.append((x.value, y.value, x.value, y.value))
        if points:
            around = union(points)
            box = around if box is None else overlap(box, around)
    return box


def _moved(box: Box, matrix: Matrix) -> Box:
    a, b, c, d, e, f = matrix
    corners = [(box[i], box[j]) for i in (0, 2) for j in (1, 3)]
    points = [(a * x + c * y + e, b * x + d * y + f) for x, y in corners]
    return union((x, y, x, y) for x, y in points)


def _product(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s,
        e * p + f * r + t, e * q + f * s + u,
    )  # fmt: skip


def is_background(one: Drawn, page: Box) -> bool:
    """Tell whether something lies under the whole page."""
    return area(overlap(one.box, page)) > 0.9 * area(page)
