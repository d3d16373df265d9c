from __future__ import annotations

import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.runs.journal import Journal
from runs.killed_run import ITEMS, go_and_be_killed, source

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

AT_STATEMENT = st.integers(1, 120).map(lambda number: (number, None))
AFTER_SECONDS = st.floats(0, 0.4).map(lambda seconds: (None, seconds))


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(kills=st.lists(AT_STATEMENT | AFTER_SECONDS, min_size=8, max_size=8))
def test_a_killed_run_loses_nothing_doubles_nothing_and_goes_on(kills):
    with TemporaryDirectory() as folder:
        path, told = Path(folder) / "a.journal", Path(folder) / "told"
        told.touch()
        finished: list[str] = []
        for statement, seconds in kills:
            code = go_and_be_killed(path, told, statement, seconds)
            assert code in (-signal.SIGKILL, 0)
            finished = told.read_text().split("\n")[:-1]
            on_disk = keys_in(path)
            assert set(finished) <= set(on_disk), "what was told as finished is lost"
            assert len(on_disk) == len(set(on_disk))
        assert go_and_be_killed(path, told, None, None) == 0
        finished = told.read_text().split("\n")[:-1]
        assert max(Counter(finished).values()) == 1, "an item was looked at again"
        assert sorted(keys_in(path)) == sorted(item.key for item in source().items())
        with Journal.open(path) as journal:
            assert len(journal) == ITEMS
            assert all(len(one.maps) == 2 and one.thumbnail for one in journal.findings())


def test_a_run_killed_in_the_middle_of_a_write_leaves_none_of_it(tmp_path):
    path, told = tmp_path / "a.journal", tmp_path / "told"
    # Statements of the first write: BEGIN, then the finding and the maps of one item.
    assert go_and_be_killed(path, told, 9, None) == -signal.SIGKILL
    before = keys_in(path)
    # What is on the disk may not have been told yet; the other way round it would be lost.
    assert told.read_text().count("\n") <= len(before)
    with sqlite3.connect(path) as connection:
        maps = connection.execute("SELECT count(*) FROM maps").fetchone()[0]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert maps == 2 * len(before)


def keys_in(path: Path) -> list[str]:
    """What is on the disk, seen without our own code."""
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return []
        return [key for (key,) in connection.execute("SELECT key FROM findings")]
    finally:
        connection.close()
