"""What a reader of papers yields before it is written: a picture with its caption and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from .figure import Panel

__all__ = ["Found"]


@dataclass(frozen=True)
class Found:
    """A figure as one reader found it, its picture still in memory.

    Attributes
    ----------
    image : PIL.Image.Image
        ``"L"`` or ``"RGB"``.
    label : str
        As printed, such as ``"Figure 3"``; empty where none is.
    caption : str
        The whole caption without its label.
    page : int or None
        Counted from 1; None for formats without pages.
    box : (float, float, float, float) or None
        x0, y0, x1, y1 on the page as it is shown, in points from its top left corner.
    doi, title : str
        Of the paper, as printed or in the file's metadata; empty where there are none.
    panels : tuple of Panel
        Only where the format itself tells them apart; otherwise they are looked for later.
    """

    image: Image.Image
    label: str = ""
    caption: str = ""
    page: int | None = None
    box: tuple[float, float, float, float] | None = None
    doi: str = ""
    title: str = ""
    panels: tuple[Panel, ...] = ()
