"""Files that are there whole or not at all, and text that every file can hold."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from .errors import SourceError

__all__ = ["check_folder", "file_error", "printable", "replacing", "write_whole"]

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


def check_folder(path: Path) -> None:
    """See that there is a folder for a file.

    Raises
    ------
    SourceError
        If there is none, or a folder has the file's name.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder} to write {path.name} to; make it first.")
    if path.is_dir():
        raise SourceError(f"{path} is a folder; give the name of a file.")


def file_error(path: Path, error: OSError) -> SourceError:
    """Return in one sentence why a file cannot be written."""
    if error.errno in _FULL:
        return SourceError(f"There is no space left for {path}; free some and write it again.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return SourceError(
            f"{path} cannot be written: the folder is read-only or the file open elsewhere; "
            "choose another folder."
        )
    return SourceError(
        f"{path} cannot be written: {error.strerror or error}; choose another folder."
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write, and put it in a file's place once it is complete.

    Whoever reads the file meanwhile sees the old one; if writing fails the old one stays.

    Raises
    ------
    SourceError
        If there is no such folder, it is read-only, or the disk is full.
    """
    check_folder(path)
    temporary: Path | None = None
    try:
        # The suffix stays: some writers choose the format by it.
        handle, name = mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp lets only the owner read.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise file_error(path, error) from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def write_whole(path: Path, contents: str | bytes) -> None:
    """Write a file at once, text as UTF-8 (see :func:`replacing`)."""
    data = printable(contents).encode() if isinstance(contents, str) else contents
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def printable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold: bytes of a file's name that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _umask() -> int:
    """Return which rights new files do not get, without changing them for other threads."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022
