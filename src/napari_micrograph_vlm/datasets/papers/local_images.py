"""Pictures that a saved document names: only files in its own folders, and none too large."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from ...errors import SourceError
from .captions import sub_captions
from .figure import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

__all__ = [
    "document_bytes",
    "inside",
    "local_image",
    "need_lxml",
    "read_image",
    "refuse_bare",
    "side_by_side",
]

_LARGEST_FILE = 64 * 2**20
"""Bytes of a page or an article; a page with its pictures as text within it is smaller."""

_MOST_PIXELS = 120_000_000
_MOST_BYTES = 256 * 2**20
_MOST_TOGETHER = 24_000_000
"""Pixels of several pictures put into one."""

_APART = 10
"""Pixels between them."""


def document_bytes(path: Path, kind: str) -> bytes:
    """Return what a document holds.

    Parameters
    ----------
    path : Path
        The document.
    kind : str
        What it should be, such as ``"saved page"``.

    Raises
    ------
    SourceError
        If it cannot be read, or is larger than any document of its kind.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise SourceError(f"{path.name} is larger than any {kind}; is it one?")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None


def refuse_bare(path: Path, missing: Sequence[str], advice: str) -> None:
    """Complain of a document none of whose pictures are there.

    Raises
    ------
    SourceError
        If it names any.
    """
    if missing:
        raise SourceError(
            f"{path.name} names {len(missing)} pictures that do not lie beside it, {missing[0]} "
            f"among them; {advice}."
        )


def local_image(address: str, document: Path) -> Image.Image | None:
    """Return the picture that an address names if it lies beside a document, or within it.

    Parameters
    ----------
    address : str
        A relative address, a ``data:`` address, or one on the web: the browser has saved that
        under its last name, beside the page.
    document : Path
        The page.

    Returns
    -------
    PIL.Image.Image or None
        ``"L"`` or ``"RGB"``; None for what is not there, is no picture, or lies elsewhere: a page
        may not read other files of its reader.
    """
    address = address.strip()
    if address[:5].lower() == "data:":
        data = _data(address)
        return None if data is None else read_image(io.BytesIO(data))
    try:
        parts = urlsplit(address)
        name = unquote(parts.path)
    except ValueError:
        return None
    folder = document.resolve().parent
    tried: list[Path] = []
    if not parts.scheme and not parts.netloc and not name.startswith("/"):
        tried.append(folder / name)
    last = re.split(r"[/\\]", name)[-1]
    if last not in ("", ".", ".."):
        tried += [folder / beside / last for beside in _beside(document)]
    for file in tried:
        if inside(file, folder):
            image = read_image(file)
            if image is not None:
                return image
    return None


def need_lxml() -> None:
    """Complain in one sentence where lxml is not installed.

    Raises
    ------
    SourceError
        Names the extra that brings it.
    """
    if find_spec("lxml") is None:
        raise SourceError(
            "Saved pages and articles need lxml; install it with "
            "`pip install napari-micrograph-vlm[papers]`."
        )


def inside(file: Path, folder: Path) -> bool:
    """Tell whether a name is an ordinary file within a folder, links followed."""
    try:
        real = file.resolve()
        return real.is_relative_to(folder.resolve()) and real.is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def read_image(file: Path | io.BytesIO) -> Image.Image | None:
    """Return a picture as ``"L"`` or ``"RGB"`` on white; None where it cannot be read."""
    from PIL import Image

    try:
        size = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
        if size > _MOST_BYTES:
            return None
        with warnings.catch_warnings():
            # Pillow warns of what the limit below refuses.
            warnings.simplefilter("ignore")
            with Image.open(file) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    return None
                opened.load()
                return _plain(opened)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError):
        return None


def side_by_side(
    images: Sequence[Image.Image], caption: str, said: Sequence[tuple[str, str]] = ()
) -> tuple[Image.Image, tuple[Panel, ...]]:
    """Return the pictures of one figure as one picture, in rows on white, with its panels.

    Parameters
    ----------
    images : sequence of PIL.Image.Image
        In reading order.
    caption : str
        Of the figure; its letters go to the pictures where there are as many.
    said : sequence of (str, str), optional
        Letter and caption that each picture has of its own.

    Returns
    -------
    (PIL.Image.Image, tuple of Panel)
        No panels for one picture, or where the caption has another number of letters than there are
        pictures: then a picture may have panels itself.
    """
    from PIL import Image

    if len(images) == 1:
        return images[0], ()
    whole = sum(one.width * one.height for one in images)
    scale = min(1.0, (_MOST_TOGETHER / whole) ** 0.5)
    columns = len(images) if len(images) < 4 else round(len(images) ** 0.5 + 0.49)
    boxes: list[tuple[int, int, int, int]] = []
    parts: list[Image.Image] = []
    top = 0
    for first in range(0, len(images), columns):
        left = 0
        for one in images[first : first + columns]:
            size = (max(1, round(one.width * scale)), max(1, round(one.height * scale)))
            parts.append(one if size == one.size else one.resize(size))
            boxes.append((left, top, left + size[0], top + size[1]))
            left += size[0] + _APART
        top = max(box[3] for box in boxes) + _APART
    mode = "L" if all(one.mode == "L" for one in parts) else "RGB"
    size = (max(box[2] for box in boxes), max(box[3] for box in boxes))
    paper = Image.new(mode, size, "white")
    for part, box in zip(parts, boxes, strict=True):
        paper.paste(part, box[:2])
    letters = list(sub_captions(caption).items())
    if said and any(letter or text for letter, text in said):
        letters = list(said)
    elif letters and len(letters) != len(images):
        return paper, ()
    letters = letters or [("", "")] * len(images)
    return paper, tuple(
        Panel(letter, box, text) for (letter, text), box in zip(letters, boxes, strict=True)
    )


def _plain(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in ("I;16", "I;16B", "I", "F"):
        low, high = image.getextrema()
        spread = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]
        return image.convert("F").point(lambda v: (v - float(low)) * (255 / spread)).convert("L")  # type: ignore[arg-type]
    if image.mode in ("1", "L"):
        return image.convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        shown = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(shown, mask=shown.getchannel("A"))
        return paper
    return image.convert("RGB")


def _beside(document: Path) -> list[str]:
    """Return the folders in which browsers keep a page's pictures."""
    stem = document.name.rsplit(".", 1)[0]
    return [f"{stem}_files", f"{stem}.files", f"{document.name}_files", "images", "figures", "."]


def _data(address: str) -> bytes | None:
    head, comma, body = address.partition(",")
    if not comma or len(body) > 2 * _MOST_BYTES or not head[5:].lower().startswith("image/"):
        return None
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(re.sub(r"\s", "", unquote(body)), validate=False)
    except (binascii.Error, ValueError):
        return None
