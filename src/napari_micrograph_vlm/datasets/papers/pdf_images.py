"""The picture of a box on a page, drawn as the page shows it.

Drawing the page keeps masks, transparency, colour spaces, clipping, strips and rotation right,
which an image taken out of the file has not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import SourceError
from ...readers.limits import check_claim
from .pdf_boxes import Box, area
from .pdf_graphics import Drawn

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

__all__ = ["picture_of", "scale_for"]

LINE_ART = 200.0 / 72
"""Pixels a point for what is drawn by lines alone."""

COARSEST = 100.0 / 72
FINEST = 600.0 / 72
"""Pixels a point, whatever an image brings."""

MOST_PIXELS = 24_000_000
"""Of one figure; a larger one is drawn more coarsely."""

_MOST_IN_IMAGE = 400_000_000
_SMALLEST = 16


def scale_for(box: Box, images: Sequence[Drawn]) -> float:
    """Return the pixels a point that keep the detail of a figure's images.

    Parameters
    ----------
    box : Box
        Of the figure, in points.
    images : sequence of Drawn
        Those in it, with their size in pixels and in points.
    """
    scale = COARSEST if images else LINE_ART
    for one in images:
        if area(one.box) < 0.02 * area(box):
            continue
        width, height = one.box[2] - one.box[0], one.box[3] - one.box[1]
        # An image may lie on its side; the coarser guess is the safe one.
        upright = min(one.pixels[0] / width, one.pixels[1] / height)
        sideways = min(one.pixels[1] / width, one.pixels[0] / height)
        scale = max(scale, upright, sideways)
    if images and sum(area(one.box) for one in images) < 0.5 * area(box):
        scale = max(scale, LINE_ART)
    most = (MOST_PIXELS / max(area(box), 1e-6)) ** 0.5
    return float(min(scale, FINEST, most))


def picture_of(
    page: Any, box: Box, images: Sequence[Drawn], quarters: int, path: Path
) -> Image.Image:
    """Draw a box of a page.

    Parameters
    ----------
    page : pypdfium2.PdfPage
    box : Box
        On the page as it is shown, in points.
    images : sequence of Drawn
        Those in the box; they decide on the resolution.
    quarters : int
        Turns clockwise that make the figure stand upright.
    path : Path
        Of the file, for errors.

    Returns
    -------
    PIL.Image.Image
        ``"RGB"``, or ``"L"`` where there is no colour.

    Raises
    ------
    SourceError
        If an image in it claims more pixels than fit into memory, or the box is empty.
    """
    import pypdfium2.raw as pdfium
    from PIL import Image

    for one in images:
        width, height = one.pixels
        if width * height > _MOST_IN_IMAGE:
            raise SourceError(
                f"{path.name} holds an image of {width:,} x {height:,} pixels, which is too large."
            )
        if width and height:
            check_claim(path, (height, width, 4), np.uint8, hint="export it with smaller images")
    scale = scale_for(box, images)
    columns = max(1, round((box[2] - box[0]) * scale))
    rows = max(1, round((box[3] - box[1]) * scale))
    if min(rows, columns) < _SMALLEST:
        raise SourceError(f"{path.name} holds a figure of {columns} x {rows} pixels.")
    pixels = np.full((rows, columns, 4), 255, np.uint8)
    bitmap = pdfium.FPDFBitmap_CreateEx(
        columns,
        rows,
        pdfium.FPDFBitmap_BGRx,
        pixels.ctypes.data_as(ctypes.c_void_p),
        columns * 4,
    )
    if not bitmap:
        raise SourceError(f"{path.name} holds a figure that cannot be drawn.")
    try:
        pdfium.FPDF_RenderPageBitmap(
            bitmap,
            page.raw,
            -round(box[0] * scale),
            -round(box[1] * scale),
            max(1, round(pdfium.FPDF_GetPageWidthF(page.raw) * scale)),
            max(1, round(pdfium.FPDF_GetPageHeightF(page.raw) * scale)),
            0,
            0,
        )
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    rgb = pixels[:, :, 2::-1]
    grey = bool(np.ptp(rgb, axis=2).max(initial=0) <= 2)
    picture = Image.fromarray(np.ascontiguousarray(rgb[:, :, 0] if grey else rgb))
    turns = (
        None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90
    )[quarters % 4]  # fmt: skip
    return picture if turns is None else picture.transpose(turns)
