"""A run on disk: every finished item is there before it counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from .findings import Finding, Run, Status, differences
from .journal_errors import JournalError, NotBegunError, in_sentences
from .journal_files import connect, connect_to_read, see_that_it_may_be_ours
from .journal_lock import journal_mode, write_lock
from .journal_rows import APPLICATION, COLUMNS, SCHEMA, VERSION, finding_of_row, map_rows, row_of

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["MEMORY", "SUFFIX", "Journal"]

MEMORY = ":memory:"
SUFFIX = ".journal"

_AT_ONCE = 200
"""Findings fetched together, so that a long list never holds up a run for long."""

_SELECT = ", ".join(f"findings.{name}" for name in COLUMNS)
_LIGHT = _SELECT.replace("findings.thumbnail", "NULL")
_JOIN = "FROM findings LEFT JOIN judgements ON judgements.key = findings.key"


class Journal:
    """The findings of one run in one SQLite file; make it with :meth:`create` or :meth:`open`.

    All methods may be called from any thread. A person's corrections lie apart from the
    findings, so that they may be written while a run writes, and no run overwrites them.

    Attributes
    ----------
    run : Run
        What the run asks, of what, with which model.
    path : Path or None
        The file; None for one in memory.
    resumed : bool
        Whether an earlier run is gone on with.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, lock: FileLock | None
    ) -> None:
        self.path = path
        self.resumed = False
        self._connection = connection
        self._lock = lock
        self._writes = lock is not None or path is None
        self._turn = RLock()
        self.run: Run

    @classmethod
    def create(cls, path: str | Path, run: Run, *, resume: bool = True) -> Journal:
        """Begin a run's journal, or go on with it.

        Parameters
        ----------
        path : str or Path
            The file, or ``":memory:"`` for none. Folders on the way are made.
        run : Run
            What is about to be done.
        resume : bool
            Whether a file that holds the same run may be gone on with.

        Raises
        ------
        JournalError
            If the file holds another run or something else, another run writes to it, or it
            cannot be written.
        """
        if str(path) == MEMORY:
            journal = cls(connect(MEMORY), None, None)
            journal._begin(run)
            return journal
        path = Path(path).expanduser().absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"The folder {path.parent} cannot be made ({error.strerror or error}); "
                "choose another for the journal."
            ) from None
        see_that_it_may_be_ours(path)
        lock = write_lock(path)
        try:
            with in_sentences(path):
                journal = cls(connect(str(path)), path, lock)
                try:
                    journal._begin_or_go_on(run, resume)
                except BaseException:
                    journal.close()
                    raise
                return journal
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: str | Path) -> Journal:
        """Open a journal to read and to correct; a run may be writing to it.

        Raises
        ------
        JournalError
            If there is no such file, or it is no journal.
        """
        path = Path(path).expanduser().absolute()
        if not path.is_file():
            raise JournalError(f"There is no journal {path}.")
        see_that_it_may_be_ours(path)
        with in_sentences(path):
            journal = cls(connect_to_read(path), path, None)
            try:
                journal.run = journal._stored_run()
            except BaseException:
                journal.close()
                raise
        return journal

    def add(self, finding: Finding, *more: Finding) -> None:
        """Write findings; when this returns, they are on the disk, all of them.

        One whose key is there already changes nothing.

        Raises
        ------
        JournalError
            If they could not be written; then none of them is there.
        """
        if not self._writes:
            raise JournalError(f"{self._name} was opened to be read; only its run adds to it.")
        marks = ", ".join("?" * len(COLUMNS))
        insert = f"INSERT INTO findings ({', '.join(COLUMNS)}) VALUES ({marks}) "
        insert += "ON CONFLICT (key) DO NOTHING"
        with self.transaction() as connection:
            for one in (finding, *more):
                if connection.execute(insert, row_of(one)).rowcount < 1:
                    continue
                connection.executemany(
                    "INSERT INTO maps VALUES (?, ?, ?, ?, ?, ?, ?)", map_rows(one)
                )
                if one.corrected or one.reviewed:
                    connection.execute(
                        "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?)",
                        (one.item.key, one.corrected, one.reviewed),
                    )

    def forget(self, status: Status = Status.SKIPPED) -> int:
        """Take out the findings of one status, so that a run looks again; return how many."""
        if not self._writes:
            raise JournalError(f"{self._name} was opened to be read; only its run changes it.")
        with self.transaction() as connection:
            chosen = "SELECT key FROM findings WHERE status = ?"
            connection.execute(f"DELETE FROM maps WHERE key IN ({chosen})", (str(status),))
            gone = connection.execute("DELETE FROM findings WHERE status = ?", (str(status),))
            return gone.rowcount

    def done(self) -> set[str]:
        """Return the keys of all items that need not be looked at again, skipped ones too."""
        return {key for (key,) in self.fetch("SELECT key FROM findings")}

    def findings(
        self, keys: Iterable[str] | None = None, *, pictures: bool = True
    ) -> Iterator[Finding]:
        """List findings, a few in memory at a time.

        Parameters
        ----------
        keys : iterable of str, optional
            Which, in this order; those that are not there are left out. Default: all, in the
            order they were finished in.
        pictures : bool
            Whether maps and thumbnails are read, too.
        """
        if keys is not None:
            wanted = list(keys)
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                found = self._read(f"findings.key IN ({marks})", some, pictures)
                by_key = {one.item.key: one for _number, one in found}
                yield from (by_key[key] for key in some if key in by_key)
            return
        last = 0
        while found := self._read(
            "findings.number > ? ORDER BY findings.number LIMIT ?", (last, _AT_ONCE), pictures
        ):
            last = found[-1][0]
            yield from (one for _number, one in found)

    def finding(self, key: str) -> Finding | None:
        """Return the finding of one item; None where it is not done yet."""
        return next(self.findings([key]), None)

    def correct(self, key: str, name: str) -> None:
        """Record the class that a person gives an item; ``""`` takes it back.

        Raises
        ------
        JournalError
            If there is no such item, or the file cannot be written.
        """
        self._judge(
            key,
            "INSERT INTO judgements VALUES (:key, :value, :value <> '') ON CONFLICT (key) "
            "DO UPDATE SET corrected = :value, reviewed = max(reviewed, :value <> '')",
            name,
        )

    def review(self, key: str, reviewed: bool = True) -> None:
        """Record whether a person has looked at an item; see :meth:`correct`."""
        self._judge(
            key,
            "INSERT INTO judgements VALUES (:key, '', :value) ON CONFLICT (key) DO UPDATE SET "
            "reviewed = :value",
            bool(reviewed),
        )

    def __len__(self) -> int:
        return int(self.fetch("SELECT count(*) FROM findings")[0][0])

    def counts(self) -> dict[str, int]:
        """Return how many findings there are of each status; 0 where there is none."""
        found = dict(self.fetch("SELECT status, count(*) FROM findings GROUP BY status"))
        return {str(status): int(found.get(str(status), 0)) for status in Status}

    def count_error(self, reason: str) -> int:
        """Return how many items were skipped for this very reason."""
        found = self.fetch("SELECT count(*) FROM findings WHERE error = ?", (reason,))
        return int(found[0][0])

    def close(self) -> None:
        """Let go of the file; what was added stays. Closing twice does no harm."""
        with self._turn:
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return str(self.path or "The journal")

    def _begin_or_go_on(self, run: Run, resume: bool) -> None:
        self._connection.execute(f"PRAGMA journal_mode = {journal_mode(_needed(self.path))}")
        if not self._tables():
            self._begin(run)
            return
        stored = self._stored_run()
        if stored.digest != run.digest:
            raise JournalError(
                f"{self.path} holds a run with {' and '.join(differences(stored, run))}; "
                "name another file for this one."
            )
        if not resume:
            raise JournalError(f"{self.path} holds this run already; name another file.")
        # The device and the version may be others now; the first ones stay, with the findings.
        self.run, self.resumed = stored, True

    def _begin(self, run: Run) -> None:
        self.run = run
        with self.transaction() as connection:
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            whole = json.dumps(run.to_dict(), ensure_ascii=True)
            connection.execute("INSERT INTO run VALUES (?)", (whole,))

    def _stored_run(self) -> Run:
        if not self._tables():
            raise NotBegunError(f"{self.path} is empty: its run had not begun.")
        ((application,),) = self.fetch("PRAGMA application_id")
        ((version,),) = self.fetch("PRAGMA user_version")
        if application != APPLICATION:
            raise JournalError(f"{self.path} is no journal of a run; choose another file.")
        if version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer version of this program; update this one."
            )
        ((whole,),) = self.fetch("SELECT whole FROM run")
        return Run.from_dict(json.loads(whole))

    def _tables(self) -> int:
        return int(self.fetch("SELECT count(*) FROM sqlite_master")[0][0])

    def fetch(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        with self._turn, in_sentences(self._name):
            return self._connection.execute(query, tuple(values)).fetchall()

    def _read(self, where: str, values: Iterable[Any], pictures: bool) -> list[tuple[int, Finding]]:
        """Return the findings of one condition with their numbers."""
        columns = _SELECT if pictures else _LIGHT
        judged = "coalesce(judgements.corrected, ''), coalesce(judgements.reviewed, 0)"
        with self._turn:
            rows = self.fetch(
                f"SELECT findings.number, {judged}, {columns} {_JOIN} WHERE {where}", values
            )
            maps: dict[str, list[Any]] = {}
            if pictures and rows:
                keys = [row[3] for row in rows]
                marks = ", ".join("?" * len(keys))
                for one in self.fetch(
                    f"SELECT * FROM maps WHERE key IN ({marks}) ORDER BY key, place", keys
                ):
                    maps.setdefault(one[0], []).append(one)
        return [
            (number, finding_of_row(row, maps.get(row[0], ()), (corrected, reviewed)))
            for number, corrected, reviewed, *row in rows
        ]

    def _judge(self, key: str, statement: str, value: object) -> None:
        with self.transaction() as connection:
            known = connection.execute("SELECT 1 FROM findings WHERE key = ?", (key,)).fetchone()
            if known is None:
                raise JournalError(f"{self._name} holds nothing about {key!r}.")
            connection.execute(statement, {"key": key, "value": value})

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change several things at once, all of them or none."""
        with self._turn, in_sentences(self._name):
            connection = self._connection
            # Asks for the right to write at once: two that read first would lock each other out.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have ended it already
                    connection.execute("ROLLBACK")
                raise


def _needed(path: Path | None) -> Path:
    assert path is not None
    return path
