"""Pictures that come twice, and pictures that are no figures: logos, icons, publishers' marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .captions import caption_start

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Repeats", "is_no_figure", "picture_hash"]

_SIDE = 16
_BITS = _SIDE * _SIDE + 64
_ALIKE = 10
"""Of all bits: copies that were scaled or saved again differ in fewer."""

_LEAST_SIDE, _LEAST_PIXELS = 40, 4_000
_LARGEST_MARK = 40_000
"""Pixels; larger pictures of few colours are maps of an element, or plots."""

_WORDS = (
    "logo", "icon", "orcid", "cc-by", "cc by", "creative commons", "check for updates", "crossmark",
    "open access", "banner", "cover image", "advertisement", "qr code",
)  # fmt: skip


def picture_hash(image: Image.Image) -> NDArray[np.bool_]:
    """Return 320 bits that hardly change when a picture is scaled, saved again or made grey.

    The steps between neighbours of a picture of 16 x 16 pixels (the difference hash) and the
    signs of the lowest waves of its cosine transform (the perceptual hash).

    Returns
    -------
    ndarray of bool, shape (320,)
    """
    from PIL import Image as Pillow
    from scipy.fft import dctn

    grey = image.convert("L")
    small = np.asarray(grey.resize((_SIDE + 1, _SIDE), Pillow.Resampling.BOX), np.float32)
    waves = dctn(np.asarray(grey.resize((64, 64), Pillow.Resampling.BOX), np.float32))[:8, :8]
    bits = np.concatenate(
        [(np.diff(small, axis=1) > 0).ravel(), (waves > np.median(waves)).ravel()]
    )
    return np.asarray(bits, bool)


class Repeats:
    """The pictures seen so far, to tell whether one comes again."""

    def __init__(self) -> None:
        self._names: list[str] = []
        # Grown by doubling: a folder may hold tens of thousands of figures.
        self._hashes = np.zeros((64, _BITS), bool)
        self._shapes = np.zeros(64)

    def add(self, image: Image.Image, name: str) -> str | None:
        """Keep a picture under a name; return the name of an earlier one that it repeats.

        A repeat is not kept. Pictures without contrast repeat nothing: every even one looks alike.
        """
        bits, shape = picture_hash(image), image.width / image.height
        low, high = image.convert("L").getextrema()
        if float(high) - float(low) < 8:  # type: ignore[arg-type]
            return None
        count = len(self._names)
        if count:
            apart = (self._hashes[:count] != bits).sum(axis=1)
            turned = np.abs(np.log(self._shapes[:count] / shape)) > 0.05
            nearest = int(np.argmin(np.where(turned, _BITS, apart)))
            if not turned[nearest] and apart[nearest] <= _ALIKE:
                return self._names[nearest]
        if count == len(self._shapes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._shapes = np.concatenate([self._shapes, np.zeros_like(self._shapes)])
        self._hashes[count], self._shapes[count] = bits, shape
        self._names.append(name)
        return None


def is_no_figure(image: Image.Image, caption: str = "", *, labelled: bool = False) -> bool:
    """Tell whether a picture is no figure: an icon, a logo, a rule, an empty area.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture.
    caption : str
        What stands beside it; a caption with a label makes all but empty ones figures.
    labelled : bool
        Whether its label has been read off the caption already.
    """
    low, high = (float(one) for one in image.convert("L").getextrema())  # type: ignore[arg-type]
    if high - low < 6 or min(image.size) < 16:
        return True
    if labelled or caption_start(caption) is not None:
        return False
    width, height = image.size
    if min(width, height) < _LEAST_SIDE or width * height < _LEAST_PIXELS:
        return True
    if max(width, height) > 12 * min(width, height):
        return True
    said = caption.lower()
    if len(said) < 80 and any(word in said for word in _WORDS):
        return True
    return not said and _few_colours(image)


def _few_colours(image: Image.Image) -> bool:
    """Tell whether nearly all of a small picture is of two or three colours, as a mark is."""
    if image.width * image.height > _LARGEST_MARK:
        return False
    counts = np.bincount(np.asarray(image.convert("L")).ravel() // 16, minlength=16)
    return float(np.sort(counts)[-3:].sum()) > 0.97 * float(counts.sum())
