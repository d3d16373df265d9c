"""What lies in a folder: one way to walk it, and one list of what is a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..readers.formats import suffixes_read

__all__ = ["PICTURES", "files_in", "is_about_another", "pictures_in"]

PICTURES = (*(end for end in suffixes_read() if end != ".emi"), ".btf", ".tf8")
"""Files that are taken for pictures, by the end of the name; those of ``.emi`` are in ``.ser``."""


def files_in(root: Path) -> Iterator[tuple[str, Path]]:
    """List all that is in a folder and the folders in it, by name; links are followed once.

    What is hidden is passed over, and so are the folders in which answers are kept.

    Yields
    ------
    (str, Path)
        Name within the folder, with ``/`` between folders, and path. A folder that cannot be
        read is listed as if it were a file, so that it does not go unnoticed.
    """
    yield from _walk(root, "", set())


def pictures_in(root: Path) -> Iterator[Path]:
    """List the files of :func:`files_in` that are pictures by the end of their names."""
    return (path for name, path in files_in(root) if name.lower().endswith(PICTURES))


def is_about_another(path: Path) -> bool:
    """Whether a file holds what a microscope wrote about the picture beside it, and no picture."""
    stem, end = path.stem, path.suffix.lower()
    if end == ".emi":
        return any(path.with_name(f"{stem}_{number}.ser").exists() for number in range(1, 10))
    if end not in (".txt", ".hdr"):
        return False
    own, _dash, kind = stem.rpartition("-")  # TESCAN: a-tif.hdr beside a.tif
    beside = [f"{stem}{picture}" for picture in PICTURES] + ([f"{own}.{kind}"] if own else [])
    return any(path.with_name(name).exists() for name in beside)


def _walk(folder: Path, stem: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, Path]]:
    from ..reporting.sidecar import SUFFIX

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
        if not entry.is_dir():
            yield name, Path(entry.path)
        elif not entry.name.endswith(SUFFIX):
            yield from _walk(Path(entry.path), f"{name}/", seen)
