"""A figure for a paper: the region, where the model looked, a colour bar and a scale bar."""

from __future__ import annotations

import warnings
from pathlib import Path
from textwrap import wrap
from threading import Lock
from typing import Any

import numpy as np

from ..errors import MicrographError, SourceError
from ..regions import Region
from ..results import AttentionMap
from ..whole_files import check_folder, printable, replacing
from .scale_bar import scale_bar

__all__ = ["COLORMAPS", "SUFFIXES", "check_figure", "save_figure"]

SUFFIXES = (".png", ".svg", ".pdf", ".tif", ".tiff")

COLORMAPS = ("magma", "viridis", "cividis", "inferno", "plasma")
"""Colour maps whose brightness grows evenly: they can be read by everyone, and in grey."""

_INCH = 25.4
_WIDTH = 85.0
_BAR, _GAP, _TICKS, _MARGIN = 3.0, 1.5, 13.0, 1.0
_LINE = 3.4
_TALLEST = 200.0
_DRAWING = Lock()


def check_figure(path: Path) -> None:
    """See that a figure can be written there.

    Raises
    ------
    MicrographError
        If the ending is none of a figure, there is no such folder, or matplotlib is missing.
    """
    from importlib.util import find_spec

    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(f"{path.name} is no figure's name; end it in .png, .svg, .pdf or .tif.")
    check_folder(path)
    if find_spec("matplotlib") is None:
        raise MicrographError(
            "Figures need matplotlib; install it with: pip install napari-micrograph-vlm[report]"
        )


def save_figure(
    path: str | Path,
    region: Region,
    attention: AttentionMap,
    *,
    text: str = "",
    colormap: str = "magma",
    opacity: float = 0.7,
    width: float = _WIDTH,
    dpi: int = 300,
) -> None:
    """Write a figure as PNG, SVG, PDF or TIFF, as the file's ending says.

    Parameters
    ----------
    path : path
        The file.
    region : Region
        The pixels; with its pixel size known, the figure gets a scale bar.
    attention : AttentionMap
        Where the model looked, on a grid that covers the region exactly.
    text : str
        The answer or the class, written above.
    colormap : str
        One of :data:`COLORMAPS`.
    opacity : float
        Of the place most looked at, 0 to 1.
    width : float
        Of the figure, in millimetres; 85 fills one column of most journals.
    dpi : int
        Pixels an inch.

    Raises
    ------
    MicrographError
        If it cannot be written, matplotlib is missing, or there is no such colour map.
    """
    path = Path(path)
    check_figure(path)
    if colormap not in COLORMAPS:
        raise SourceError(f"There is no colour map {colormap!r}; take {', '.join(COLORMAPS)}.")
    import matplotlib

    suffix = path.suffix.lower()
    options: dict[str, Any] = {"pil_kwargs": {"compression": "tiff_lzw"}} if "tif" in suffix else {}
    if suffix in (".svg", ".pdf"):
        # Else the file differs each time it is made.
        options["metadata"] = {"Date" if suffix == ".svg" else "CreationDate": None}
    # Letters are kept as letters in PDF and as outlines in SVG: both look the same everywhere.
    embedded: Any = {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "figure"}
    embedded["text.usetex"] = False
    with (
        replacing(path) as temporary,
        _DRAWING,
        matplotlib.rc_context(embedded),
        warnings.catch_warnings(),
    ):
        # A sign that the font lacks becomes a box; that stops no figure.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = _figure(region, attention, printable(text), colormap, opacity, width)
        figure.savefig(temporary, dpi=dpi, format=suffix[1:], **options)


def _figure(
    region: Region, attention: AttentionMap, text: str, colormap: str, opacity: float, width: float
) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = width - 2 * _MARGIN - _GAP - _BAR - _TICKS
    rows, columns = region.shape
    size = region.pixel_size or (1.0, 1.0)
    ratio = rows * size[0] / (columns * size[1])
    # A tall region is drawn narrower, on a page's height at most.
    across = min(across, _TALLEST / ratio)
    down = across * ratio
    lines = wrap(" ".join(text.split()), max(int(across / 1.45), 12))[:6]
    head = _LINE * len(lines) + (1 if lines else 0)
    wide = across + 2 * _MARGIN + _GAP + _BAR + _TICKS
    tall = down + head + 2 * _MARGIN + 1.5
    figure = Figure(figsize=(wide / _INCH, tall / _INCH), facecolor="white", edgecolor="white")
    FigureCanvasAgg(figure)

    def axes(x: float, y: float, w: float, h: float) -> Any:
        return figure.add_axes((x / wide, y / tall, w / wide, h / tall))

    picture = axes(_MARGIN, _MARGIN + 0.75, across, down)
    picture.set_axis_off()
    place = (0.0, 1.0, 0.0, 1.0)
    shown = {"extent": place, "aspect": "auto"}
    grey = {} if region.is_rgb else {"cmap": "gray", "vmin": 0, "vmax": 1}
    picture.imshow(region.pixels, interpolation="antialiased", **shown, **grey)
    top = float(attention.values.max(initial=0)) or 1.0
    picture.imshow(
        attention.values,
        cmap=colormap,
        vmin=0,
        vmax=top,
        alpha=opacity * np.sqrt(attention.scaled()),
        interpolation="bilinear",
        **shown,
    )
    if region.mask is not None:
        _outline(picture, region.mask)
    picture.set(xlim=(0, 1), ylim=(0, 1))
    _scale_bar(picture, region, down)
    beside = axes(_MARGIN + across + _GAP, _MARGIN + 0.75, _BAR, down)
    _colour_bar(figure, beside, colormap, top)
    for i, line in enumerate(lines):
        figure.text(
            _MARGIN / wide,
            1 - (_MARGIN + _LINE * (i + 0.8)) / tall,
            line,
            fontsize=8,
            color="black",
            family="DejaVu Sans",
            parse_math=False,
        )
    return figure


def _outline(picture: Any, mask: Any) -> None:
    """Draw the border of the region, closed where it meets the picture's edge."""
    rows, columns = mask.shape
    padded = np.pad(mask.astype(float), 1)
    y = 1 - (np.arange(rows + 2) - 0.5) / rows
    x = (np.arange(columns + 2) - 0.5) / columns
    for colour, width in (("black", 1.6), ("white", 0.8)):
        picture.contour(x, y, padded, levels=[0.5], colors=colour, linewidths=width)


def _scale_bar(picture: Any, region: Region, down: float) -> None:
    bar = scale_bar(region)
    if bar is None:
        return
    from matplotlib.patches import Rectangle

    right, low, thick = 0.96, 1.6 / down, 0.9 / down
    place = (right - bar.share, low)
    plate = (right - bar.share - 0.02, low - 0.8 / down)
    # On a plate of its own: it is read on bright and on dark pictures.
    picture.add_patch(
        Rectangle(plate, bar.share + 0.04, 5.2 / down, color="black", alpha=0.6, lw=0)
    )
    picture.add_patch(Rectangle(place, bar.share, thick, color="white", lw=0))
    picture.text(
        right - bar.share / 2,
        low + thick + 0.5 / down,
        bar.text,
        color="white",
        fontsize=7,
        family="DejaVu Sans",
        ha="center",
        va="bottom",
        parse_math=False,
    )


def _colour_bar(figure: Any, axes: Any, colormap: str, top: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    scale = ScalarMappable(cmap=colormap)
    scale.set_clim(0, top)
    bar = figure.colorbar(scale, cax=axes)
    bar.outline.set_linewidth(0.4)
    bar.locator = MaxNLocator(4)
    bar.formatter = FuncFormatter(lambda share, _place: f"{100 * share:.3g} %")
    bar.update_ticks()
    bar.ax.tick_params(labelsize=6.5, width=0.4, length=2, pad=1.5, colors="black")
    for label in bar.ax.get_yticklabels():
        label.set_family("DejaVu Sans")
    bar.set_label("share of attention", fontsize=7, labelpad=2, family="DejaVu Sans", color="black")
