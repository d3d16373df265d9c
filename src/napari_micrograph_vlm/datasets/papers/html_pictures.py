"""The pictures of one figure of a saved web page, of the files beside the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .local_images import local_image
from .repeats import is_no_figure, same_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["pictures_in", "without_signs"]

_ADDRESSES = ("src", "data-src", "data-original", "data-lazy-src", "data")
_PICTURE_ENDING = re.compile(r"\.(?:png|jpe?g|gif|tiff?|webp|bmp)$", re.IGNORECASE)
_LETTER = re.compile(r"^\s*[(\[]?(?P<letter>[A-Za-z]|[ivx]{1,4})[)\].:]\s*(?P<rest>.*)$", re.DOTALL)
_MOST_PICTURES = 36
"""Of one figure; a page with more under one caption is a gallery without captions."""


def pictures_in(
    holder: Any, page: Path, inner: list[tuple[Any, str]]
) -> tuple[list[Image.Image], list[tuple[str, str]], list[str]]:
    """Return a figure's pictures, what each says of itself, and the names of those not there."""
    images: list[Image.Image] = []
    said: list[tuple[str, str]] = []
    absent: list[str] = []
    owners = dict(inner)
    nodes = holder.xpath(".//img | .//object[not(.//img)]")[:_MOST_PICTURES]
    # A link to a picture, away from all of them, leads to a larger one of the only picture.
    links = [] if len(nodes) > 1 else _linked(holder)
    for node in nodes or [holder]:
        sources = [*_sources(node), *links]
        image = _largest(sources, page)
        if image is None:
            names = [one for one in sources if not re.search(r"\.(?:svg|gif)$", one, re.IGNORECASE)]
            absent += [_short(one) for one in (names if len(nodes) > 1 else sources)[:1]]
            continue
        owner = next((up for up in node.iterancestors("figure") if up in owners), None)
        text = "" if owner is None else owners[owner]
        letter = _LETTER.match(text)
        images.append(image)
        said.append((letter["letter"], letter["rest"]) if letter else ("", text))
    return images, said if inner else [], absent


def without_signs(
    images: list[Image.Image], said: list[tuple[str, str]], text: str, *, labelled: bool
) -> tuple[list[Image.Image], list[tuple[str, str]]]:
    """Return the pictures less signs beside them, and of copies only the largest."""
    several = len(images) > 1
    kept: list[int] = []
    for place, image in enumerate(images):
        if is_no_figure(image, "" if several else text, labelled=labelled and not several):
            continue
        shape = image.width / image.height
        for index, other in enumerate(kept):
            first = images[other]
            alike = 0.95 < shape * first.height / first.width < 1.05
            if alike and same_picture(first, image):
                if image.width > first.width:
                    kept[index] = place
                break
        else:
            kept.append(place)
    return [images[one] for one in kept], [said[one] for one in kept] if said else []


def _largest(sources: list[str], page: Path) -> Image.Image | None:
    """Return the largest picture that can be read of some addresses."""
    best: Image.Image | None = None
    for source in sources:
        image = local_image(source, page)
        if image is not None and (
            best is None or image.width * image.height > best.width * best.height
        ):
            best = image
    return best


def _linked(holder: Any) -> list[str]:
    links = (node.get("href") or "" for node in holder.iter("a"))
    return [one for one in links if _PICTURE_ENDING.search(one.split("?")[0])]


def _sources(node: Any) -> list[str]:
    """Return every address given for a picture: of its own, beside it and behind its link."""
    nodes = [node]
    for up in node.iterancestors("picture", "a"):
        nodes += up.iter("source") if up.tag == "picture" else [up]
    nodes += node.iter("source") if node.tag not in ("img", "object") else []
    found: list[str] = []
    for one in nodes:
        if one.tag == "a":
            address = one.get("href") or ""
            found += [address] if _PICTURE_ENDING.search(address.split("?")[0]) else []
            continue
        found += [one.get(name) for name in _ADDRESSES if one.get(name)]
        for name in ("srcset", "data-srcset"):
            # A data: address has commas of its own.
            parts = re.split(r"\s*,\s+|,(?=\S*/)(?!\S*base64)", one.get(name) or "")
            found += [part.split()[0] for part in parts if part.strip()]
    return list(dict.fromkeys(found))


def _short(address: str) -> str:
    return "a data: address" if address.startswith("data:") else address.split("?")[0][-60:]
