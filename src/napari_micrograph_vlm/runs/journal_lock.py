"""Who may write a journal, and how it is kept safe on the disk it lies on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from .journal_errors import JournalError

__all__ = ["file_system_of", "journal_mode", "mode_for", "write_lock"]

_SHARED_MEMORY_WORKS = re.compile(
    "apfs|bcachefs|btrfs|exfat|ext[234]|f2fs|fat32|fuseblk|hfs|hfsplus|jfs|msdos|ntfs3?|overlay|"
    "overlayfs|ramfs|refs|reiserfs|tmpfs|ufs|vfat|xfs|zfs",
    re.IGNORECASE,
)
"""File systems of this computer's own disks: those that a write-ahead log is safe on.

A network share lacks the shared memory that its readers need, and one that is not known may.
"""

Mount = tuple[str, str]
"""Where a file system is mounted, and its type."""


def write_lock(path: Path) -> FileLock:
    """Take the right to write a journal; the system frees it however the process ends.

    Returns
    -------
    FileLock
        Held; release it to let others write.

    Raises
    ------
    JournalError
        If another run has it, or no file may be made beside the journal.
    """
    # One file has one lock, whatever link leads to it. Closing may happen in another thread.
    lock = FileLock(f"{os.path.realpath(path)}.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise JournalError(
            f"Another run writes to {path} just now; wait for its end or name another file."
        ) from None
    except OSError as error:
        raise JournalError(
            f"{path} cannot be written ({error.strerror or error}); "
            "choose another folder for the journal."
        ) from None
    except NotImplementedError:
        raise JournalError(
            f"The disk with {path} cannot lock files; choose another folder for the journal."
        ) from None
    return lock


def journal_mode(path: Path) -> str:
    """Return SQLite's journal mode for a file at this place: ``"wal"`` or ``"delete"``."""
    return mode_for(file_system_of(path))


def mode_for(file_system: str) -> str:
    """Return the journal mode for a type of file system, such as ``"ext4"`` or ``"nfs4"``."""
    return "wal" if _SHARED_MEMORY_WORKS.fullmatch(file_system) else "delete"


def file_system_of(path: Path, mounts: Iterable[Mount] | None = None) -> str:
    r"""Return the type of the file system that a path lies on; ``""`` where nobody knows.

    Parameters
    ----------
    path : Path
        Need not exist yet.
    mounts : iterable of (str, str), optional
        Mount points and types. Default: those of this computer.
    """
    place = os.path.realpath(path)
    if place.startswith("\\\\"):  # a share of Windows without a drive letter
        return "cifs"
    found, longest = "", -1
    for point, kind in _mounts() if mounts is None else mounts:
        stem = point.rstrip("/\\")
        inside = place == point or place.startswith((f"{stem}/", f"{stem}\\"))
        if inside and len(stem) >= longest:  # the later of two on one point hides the earlier
            found, longest = kind, len(stem)
    return found


def _mounts() -> list[Mount]:
    import psutil

    try:
        parts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return []
    # Windows says the same type of a drive on another computer as of its own.
    return [
        (part.mountpoint, "cifs" if "remote" in part.opts.split(",") else part.fstype)
        for part in parts
    ]
