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
from ..readers.micrograph import MicrographFile, read_micrograph
from ..readers.peek import page_count, page_shapes
from ..readers.picture_area import PictureArea, find_area
from ..regions import Region
from .array_sources import bar_told, box_text, read_plane
from .contents import file_state
from .folders import files_in, is_about_another
from .items import Item
from .journal import SUFFIX
from .tiles import Levels, Tiles, levels_of

__all__ = ["FolderSource"]

_OURS = (
    *(SUFFIX, f"{SUFFIX}-wal", f"{SUFFIX}-shm", f"{SUFFIX}-journal", f"{SUFFIX}.lock"),
    *(".json", ".csv", ".parquet", ".html", ".safetensors"),
)
"""Ends of the names of files that we write beside pictures."""

_BOX = r"\[\d+,\d+,\d+,\d+\]"
_PART = re.compile(rf"(#\d+({_BOX})?|{_BOX})#*$")
"""Ends of names that look like the key of a page or tile."""

_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")
_OPEN_FILES = 2
"""Files whose pixels are kept while their tiles or pages are read."""


_Opened = tuple[MicrographFile, PictureArea | None, Levels]
_Shapes = tuple[tuple[int, int], ...]


class FolderSource:
    """Pictures of a folder; hidden files and ours are left out, all others are looked at.

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
    include_bar : bool
        Whether the information bars of pictures are looked at, too; else they are left out.

    Raises
    ------
    SourceError
        If there is no such folder, or the pattern cannot be understood.
    """

    def __init__(
        self,
        root: str | Path,
        pattern: str = "**/*",
        tiles: Tiles | None = None,
        *,
        pages: bool = True,
        include_bar: bool = False,
    ) -> None:
        self.root = Path(root).expanduser().absolute()
        if not self.root.exists():
            raise SourceError(f"There is no folder or file {self.root}.")
        self.pattern, self.tiles, self.pages = pattern, tiles, pages
        self.include_bar = include_bar
        self._expression = _expression(pattern)
        self._state()

    def _state(self) -> None:
        self._open: OrderedDict[tuple[Path, int, str], _Opened | SourceError] = OrderedDict()
        self._layouts: dict[Path, tuple[str, int, _Shapes]] = {}
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
            stem = _stem(name)
            # A file of one page has the key of its name, with or without ``pages``.
            state, count, shapes = self._layout(path)
            for page in range(count):
                key, plane = (f"{stem}#{page}", (page,)) if count > 1 else (stem, ())
                if self.tiles is None or not shapes:
                    yield Item(key, str(path), plane, state=state)
                    continue
                for box in self.tiles.boxes(shapes[page]):
                    tile = f"{key}[{box_text(box)}]"
                    yield Item(tile, str(path), plane, box, state=state)

    def read(self, item: Item) -> Region:
        """Read a picture, a page, or a tile of one."""
        path, page = Path(item.source), item.plane[0] if item.plane else 0
        if self.tiles is None:
            file, levels = read_micrograph(path, page), None
            area = self._area_of(file)
        else:
            file, area, levels = self._opened(path, page, item.state)
        skip = levels if self.tiles is not None and self.tiles.skip_empty else None
        return read_plane(
            file.array,
            item,
            skip,
            contrast_limits=levels.limits if levels else None,
            area=area,
            **file.told,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this folder from others, ready for JSON."""
        return {
            "kind": "folder",
            "root": os.fsencode(self.root).decode("utf-8", "backslashreplace"),
            "pattern": self.pattern,
            "tiles": self.tiles and self.tiles.to_dict(),
            "pages": self.pages,
            **bar_told(self.include_bar),
        }

    def _files(self) -> Iterator[tuple[str, Path]]:
        if not self.root.is_dir():
            yield self.root.name, self.root
            return
        for name, path in files_in(self.root):
            ours = name.lower().endswith(_OURS) or is_about_another(path)
            if self._expression.fullmatch(name) and not ours:
                yield name, path

    def _layout(self, path: Path) -> tuple[str, int, _Shapes]:
        """Return state and number of pages of a file, and their shapes for tiles; kept."""
        state = file_state(path)
        if not state:
            return "", 1, ()
        if path not in self._layouts or self._layouts[path][0] != state:
            shapes = page_shapes(path) if self.tiles is not None else ()
            count = (len(shapes) or page_count(path)) if self.pages else 1
            self._layouts[path] = state, count, shapes
        return self._layouts[path]

    def _area_of(self, file: MicrographFile) -> PictureArea | None:
        return None if self.include_bar else find_area(file.array)

    def _opened(self, path: Path, page: int, state: str) -> _Opened:
        """Open a picture once for all its tiles."""
        with self._opening:
            key = path, page, state
            if key not in self._open:
                while len(self._open) >= _OPEN_FILES:
                    self._open.popitem(last=False)
                try:
                    file = read_micrograph(path, page)
                    area = self._area_of(file)
                    self._open[key] = file, area, levels_of(file.array, file.is_rgb, area)
                except SourceError as error:
                    self._open[key] = error  # said of every tile, read once
            self._open.move_to_end(key)
            found = self._open[key]
        if isinstance(found, SourceError):
            raise found
        return found


def _stem(name: str) -> str:
    """Return a name that is text, and unlike the key of any other file, page or tile."""
    stem = os.fsencode(name).decode("utf-8", "backslashreplace")
    if stem == name and _ESCAPED.search(name):
        stem = f"./{stem}"  # it might be what stands for bytes that are no text
    return f"{stem}#" if _PART.search(stem) else stem


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
    try:
        return re.compile(expression, re.IGNORECASE | re.DOTALL)
    except re.error:
        raise SourceError(
            f"The pattern {pattern} names no files; write brackets as in [a-z], or none."
        ) from None


_TOKENS = {"*": "[^/]*", "?": "[^/]"}


def _class_or_letter(token: str) -> str:
    if len(token) < 3:
        return re.escape(token)
    inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    inner = f"^/{inner[1:]}" if inner.startswith("!") else inner.replace("^", "\\^", 1)
    return f"[{inner}]"
