"""Pictures that come twice, and pictures that are no figures: logos, icons, publishers' marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .captions import caption_start

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Repeats", "is_no_figure", "picture_hash", "same_picture"]

_SIDE = 16
_BITS = _SIDE * _SIDE + 64
_ALIKE = 10
"""Of all bits: copies that were scaled or saved again differ in fewer."""

_MOST_LIKE = 8
"""Earlier pictures with a like hash that are looked at."""

_COMPARED = 256
"""Pixels of the longer side at which two pictures are laid over one another."""

_DIFFERS, _MANY = 48, 0.0005
"""Steps of 255 that tell two pixels apart, and the part of all that tells two pictures apart."""

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


def same_picture(first: Image.Image, second: Image.Image) -> bool:
    """Tell whether two pictures show the same, one perhaps scaled, saved again or made grey.

    They are laid over one another at 256 pixels, in colour where both have some. A pixel differs
    where no neighbour of its place in the other picture comes near it, so that an edge may lie a
    pixel aside, but a curve, a bar or a colour that is another one counts.
    """
    from PIL import Image as Pillow
    from PIL import ImageFilter

    longest = max(*first.size, *second.size)
    scale = min(_COMPARED, max(first.size), max(second.size)) / longest
    size = (
        max(8, round(max(first.width, second.width) * scale)),
        max(8, round(max(first.height, second.height) * scale)),
    )
    small = [
        one.convert("RGB").resize(size, Pillow.Resampling.BOX if one.width > size[0] else None)
        for one in (first, second)
    ]
    if any(np.ptp(np.asarray(one, np.int16), axis=2).max(initial=0) <= 24 for one in small):
        small = [one.convert("L").convert("RGB") for one in small]
    for one, other in (small, small[::-1]):
        pixels = np.asarray(one, np.int16)
        low = np.asarray(other.filter(ImageFilter.MinFilter(3)), np.int16)
        high = np.asarray(other.filter(ImageFilter.MaxFilter(3)), np.int16)
        beyond = np.maximum(pixels - high, low - pixels).max(axis=2)
        if float((beyond > _DIFFERS).mean()) > _MANY:
            return False
    return True


class Repeats:
    """The pictures seen so far, to tell whether one comes again.

    Parameters
    ----------
    kept : callable, optional
        Returns an earlier picture by its name, or None; without it small copies are kept.
    """

    def __init__(self, kept: Callable[[str], Image.Image | None] | None = None) -> None:
        self._names: list[str] = []
        self._kept = kept
        self._copies: dict[str, Image.Image] = {}
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
            # Plots on the same axes have like hashes.
            apart = np.where(turned, _BITS, apart)
            for near in np.argsort(apart, kind="stable")[:_MOST_LIKE]:
                if apart[near] > _ALIKE:
                    break
                said = self._names[int(near)]
                earlier = self._earlier(said)
                if earlier is not None and same_picture(earlier, image):
                    return said
        if count == len(self._shapes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._shapes = np.concatenate([self._shapes, np.zeros_like(self._shapes)])
        self._hashes[count], self._shapes[count] = bits, shape
        self._names.append(name)
        if self._kept is None:
            copy = image.copy()
            copy.thumbnail((_COMPARED, _COMPARED))
            self._copies[name] = copy
        return None

    def _earlier(self, name: str) -> Image.Image | None:
        return self._copies.get(name) if self._kept is None else self._kept(name)


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
