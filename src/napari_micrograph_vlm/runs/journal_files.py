"""Opening the file of a journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from .journal_errors import JournalError

__all__ = ["connect", "connect_to_read", "see_that_it_may_be_ours"]

_BUSY_SECONDS = 30.0
"""How long one program waits for another's write."""


def connect(name: str, uri: bool = False) -> sqlite3.Connection:
    """Open a database of its own transactions, usable in any thread."""
    connection = sqlite3.connect(
        name, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
    )
    try:
        # Each commit waits for the disk: a finding that counts survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that is there, even where nothing may be written beside it."""
    name = path.as_uri()
    try:
        connection = connect(f"{name}?mode=rw", uri=True)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorname", "") or ""
        log = path.with_name(f"{path.name}-wal")
        if not code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or log.exists():
            raise
        return connect(f"{name}?mode=ro&immutable=1", uri=True)
    return connection


def see_that_it_may_be_ours(path: Path) -> None:
    """Look before SQLite does: it would write to what it takes for an empty database."""
    try:
        # Opening a pipe would wait for ever.
        if not S_ISREG(mode := path.stat().st_mode) and not S_ISDIR(mode):
            raise JournalError(f"{path} is no file that can be read again; choose another.")
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror or error}.") from None
    if head and not head.startswith(b"SQLite format 3\0"):
        raise JournalError(f"{path} is no journal of a run; choose another file.")
