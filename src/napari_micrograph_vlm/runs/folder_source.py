"""All pictures of a folder and the folders in it: whole, page by page, or in tiles."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import SourceError
from ..regions import Region
from .array_sources import read_plane
from .items import Item
from .journal import SUFFIX
from .pages import page_count, picture_shape, read_page
from .tiles import Levels, Tiles, levels_of

__all__ = ["FolderSource", "files_in"]

_OURS = (SUFFIX, f"{SUFFIX}-wal", f"{SUFFIX}-shm", f"{SUFFIX}-journal", f"{SUFFIX}.lock")
_OPEN_FILES = 2
"""Files whose pixels are kept while their tiles or pages are read."""


class FolderSource:
    """Pictures of a folder; hidden files are left out, all others are looked at.

    Parameters
    ----------
    root : path
        A folder, or a single file.
    pattern : str
        Which files, such as ``"**/*.tif"``; upper and lower case are alike.
    tiles : Tiles, optional
        Cuts every picture into tiles.
    pages : bool
        Whether every page of a file is looked at, else its first.

    Raises
    ------
    SourceError
        If there is no such folder.
    """

    def __init__(
        self,
        root: str | Path,
        pattern: str = "**/*",
        tiles: Tiles | None = None,
        *,
        pages: bool = True,
    ) -> None:
        self.root = Path(root).expanduser().absolute()
        if not self.root.exists():
            raise SourceError(f"There is no folder or file {self.root}.")
        self.pattern, self.tiles, self.pages = pattern, tiles, pages
        self._expression = _expression(pattern)
        self._state()

    def _state(self) -> None:
        self._open: OrderedDict[tuple[Path, int], tuple[Any, Levels] | SourceError] = OrderedDict()
        self._layouts: dict[Path, tuple[int, int, tuple[int, int] | None]] = {}
        self._opening = Lock()

    def __getstate__(self) -> dict[str, Any]:
        own = {"_open", "_opening", "_layouts"}
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._state()

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self.root)

    def items(self) -> Iterator[Item]:
        """List files by name, the pages of each, and the tiles of each page."""
        for name, path in self._files():
            stem = os.fsencode(name).decode("utf-8", "backslashreplace")
            # A file of one page has the key of its name, with or without ``pages``.
            count, shape = self._layout(path)
            for page in range(count):
                key, plane = (f"{stem}#{page}", (page,)) if count > 1 else (stem, ())
                if self.tiles is None or shape is None:
                    yield Item(key, str(path), plane)
                    continue
                for box in self.tiles.boxes(shape):
                    yield Item(f"{key}[{','.join(map(str, box))}]", str(path), plane, box)

    def read(self, item: Item) -> Region:
        """Read a picture, a page, or a tile of one."""
        path, page = Path(item.source), item.plane[0] if item.plane else 0
        if self.tiles is None:
            file, levels = read_page(path, page), None
        else:
            file, levels = self._opened(path, page)
        skip = levels if self.tiles is not None and self.tiles.skip_empty else None
        return read_plane(
            file.array,
            item,
            skip,
            contrast_limits=levels.limits if levels else None,
            pixel_size=file.pixel_size,
            unit=file.unit,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this folder from others, ready for JSON."""
        return {
            "kind": "folder",
            "root": os.fsencode(self.root).decode("utf-8", "backslashreplace"),
            "pattern": self.pattern,
            "tiles": self.tiles and self.tiles.to_dict(),
            "pages": self.pages,
        }

    def _files(self) -> Iterator[tuple[str, Path]]:
        if not self.root.is_dir():
            yield self.root.name, self.root
            return
        for name, path in files_in(self.root):
            if self._expression.fullmatch(name) and not name.endswith(_OURS):
                yield name, path

    def _layout(self, path: Path) -> tuple[int, tuple[int, int] | None]:
        """Return the number of pages, and their shape where tiles need it; looked up once."""
        try:
            changed = path.stat().st_mtime_ns
        except (OSError, ValueError):
            return 1, None
        if path not in self._layouts or self._layouts[path][0] != changed:
            count = page_count(path) if self.pages else 1
            shape = picture_shape(path) if self.tiles is not None else None
            self._layouts[path] = changed, count, shape
        return self._layouts[path][1:]

    def _opened(self, path: Path, page: int) -> tuple[Any, Levels]:
        """Open a picture once for all its tiles."""
        with self._opening:
            key = path, page
            if key not in self._open:
                while len(self._open) >= _OPEN_FILES:
                    self._open.popitem(last=False)
                try:
                    file = read_page(path, page)
                    self._open[key] = file, levels_of(file.array, file.is_rgb)
                except SourceError as error:
                    self._open[key] = error  # said of every tile, read once
            self._open.move_to_end(key)
            found = self._open[key]
        if isinstance(found, SourceError):
            raise found
        return found


def files_in(root: Path) -> Iterator[tuple[str, Path]]:
    """List all that is in a folder and the folders in it, by name; links are followed once.

    Yields
    ------
    (str, Path)
        Name within the folder, with ``/`` between folders, and path. A folder that cannot be
        read is listed as if it were a file, so that it does not go unnoticed.
    """
    seen: set[tuple[int, int]] = set()
    yield from _walk(root, "", seen)


def _walk(folder: Path, stem: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, Path]]:
    try:
        known = folder.stat()
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        yield stem.rstrip("/") or folder.name, folder
        return
    # A link back to a folder on the way, or to one listed before, would never end or double.
    if (known.st_dev, known.st_ino) in seen:
        return
    seen.add((known.st_dev, known.st_ino))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        name = f"{stem}{entry.name}"
        if entry.is_dir():
            yield from _walk(Path(entry.path), f"{name}/", seen)
        else:
            yield name, Path(entry.path)


def _expression(pattern: str) -> re.Pattern[str]:
    """Return what matches names with ``/`` between folders as a glob pattern does."""
    expression = ""
    parts = pattern.replace(os.sep, "/").removeprefix("./").split("/")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            expression += ".*" if last else "(?:[^/]+/)*"
            continue
        for token in re.findall(r"\[!?\]?[^\]]*\]|.", part, re.DOTALL):
            expression += _TOKENS.get(token) or _class_or_letter(token)
        expression += "" if last else "/"
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


_TOKENS = {"*": "[^/]*", "?": "[^/]"}


def _class_or_letter(token: str) -> str:
    if len(token) < 3:
        return re.escape(token)
    inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    inner = f"^/{inner[1:]}" if inner.startswith("!") else inner.replace("^", "\\^", 1)
    return f"[{inner}]"
