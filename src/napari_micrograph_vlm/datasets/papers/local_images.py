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

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["inside", "local_image", "need_lxml", "read_image"]

_MOST_PIXELS = 120_000_000
_MOST_BYTES = 256 * 2**20


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
