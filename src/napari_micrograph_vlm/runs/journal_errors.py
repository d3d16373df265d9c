"""What can go wrong with a journal, in sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MicrographError

__all__ = ["JournalError", "NotBegunError", "in_sentences"]


class JournalError(MicrographError, RuntimeError):
    """A journal that cannot be made, read or written, or that belongs to another run."""


class NotBegunError(JournalError):
    """A journal that holds nothing: its run was stopped before it began."""


_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("SQLITE_FULL",),
        "The disk with {path} is full; make room and start the run again, it goes on where it "
        "stopped.",
    ),
    (
        ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"),
        "{path} cannot be written; choose another folder for the journal.",
    ),
    (
        ("SQLITE_BUSY", "SQLITE_LOCKED"),
        "{path} is kept busy by another program; close that and try again.",
    ),
    (
        ("SQLITE_NOTADB",),
        "{path} is no journal of a run; choose another file.",
    ),
    (
        ("SQLITE_CORRUPT",),
        "{path} is damaged; restore it from a copy or start a new run with another file.",
    ),
    (
        ("SQLITE_IOERR",),
        "{path} cannot be read or written ({error}); see to the disk, then start the run again.",
    ),
)


@contextmanager
def in_sentences(path: object) -> Iterator[None]:
    """Turn what SQLite says into one sentence about the file at ``path``.

    Raises
    ------
    JournalError
        Instead of any error of the database.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        for names, sentence in _SENTENCES:
            if name.startswith(names):
                raise JournalError(sentence.format(path=path, error=error)) from None
        if isinstance(error, sqlite3.ProgrammingError):
            raise JournalError(f"The journal {path} was closed; open it again.") from None
        raise JournalError(f"{path} cannot be used as a journal: {error}.") from None
