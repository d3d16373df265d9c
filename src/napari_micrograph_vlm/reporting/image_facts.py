"""What tells an image from another without reading all of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..errors import SourceError
from ..whole_files import printable

__all__ = ["ImageFacts", "image_facts"]

_PIECE = 65_536
_MOST_NAMES = 1_000


@dataclass(frozen=True)
class ImageFacts:
    """An image's name, size and digest.

    Attributes
    ----------
    name : str
        File name.
    bytes : int
        Size; of a folder that of the files directly in it.
    digest : str
        Of its size and of its first, middle and last 64 KiB; of a folder, such as a Zarr store,
        of the names and sizes of what is directly in it.
    """

    name: str
    bytes: int
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)

    def difference(self, now: ImageFacts | None) -> str:
        """Say in one sentence how the image differs from what it was; empty: it does not."""
        if now is None:
            return f"{self.name} is gone, so only what was said about it can be shown."
        if now.bytes != self.bytes:
            return (
                f"{now.name} has changed since: it had {self.bytes} bytes and has {now.bytes}; "
                "what is shown may not fit it."
            )
        if now.digest != self.digest:
            return f"{now.name} has changed since; what is shown may not fit it."
        return ""


def image_facts(path: Path) -> ImageFacts:
    """Look at an image.

    Raises
    ------
    SourceError
        If it is gone or cannot be read.
    """
    name = printable(path.name)
    try:
        if path.is_dir():
            return _folder_facts(path, name)
        size = path.stat().st_size
        digest = blake2b(str(size).encode(), digest_size=16)
        with path.open("rb") as file:
            for start in sorted({0, max(size // 2 - _PIECE // 2, 0), max(size - _PIECE, 0)}):
                file.seek(start)
                digest.update(file.read(_PIECE))
    except FileNotFoundError:
        raise SourceError(f"There is no image {path}.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    return ImageFacts(name, size, digest.hexdigest())


def _folder_facts(path: Path, name: str) -> ImageFacts:
    parts, total = [], 0
    for each in sorted(path.iterdir())[:_MOST_NAMES]:
        size = each.stat().st_size if each.is_file() else 0
        total += size
        parts.append(f"{printable(each.name)}:{size}")
    digest = blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
    return ImageFacts(name, total, digest)
