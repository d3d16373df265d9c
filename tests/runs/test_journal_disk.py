"""Disks that are full and folders that may not be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from fakes import FakeModel
from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch
from runs.killed_run import TASK, source
from runs.killed_run import run as killed_run
from runs.making import finding, run


def mount(folder: Path, *options: str) -> None:
    """Mount something on a folder, or skip the test where that is not allowed."""
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "-t", "tmpfs", "-o", "size=4m", "tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def read_only_folder(tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir()
    with Journal.create(folder / "old.journal", run()) as journal:
        journal.add(finding())
    mount(folder, "--bind", str(folder))
    try:
        mount(folder, "-o", "remount,ro,bind")
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """Leave only so many bytes free on a disk."""
    known = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(known.f_bavail * known.f_frsize - left))
    return ballast


def test_a_full_disk_ends_the_run_with_a_sentence_and_keeps_what_is_done(small_disk):
    path = small_disk / "a.journal"
    told = []
    with Journal.create(path, killed_run(600)) as journal:
        fill(small_disk, 200_000)
        with pytest.raises(MicrographError, match=r"The disk with .* is full; make room"):
            run_batch(source(600), TASK, FakeModel(), journal, on_finding=told.append)
        assert 0 < len(told) < 600
    with Journal.open(path) as journal:
        assert {one.item.key for one in told} <= journal.done()


def test_a_run_goes_on_once_there_is_room(small_disk):
    path = small_disk / "a.journal"
    with Journal.create(path, killed_run(100)) as journal:
        ballast = fill(small_disk, 50_000)
        with pytest.raises(MicrographError, match="is full"):
            run_batch(source(100), TASK, FakeModel(), journal)
    ballast.unlink()
    with Journal.create(path, killed_run(100)) as journal:
        assert journal.resumed
        assert run_batch(source(100), TASK, FakeModel(), journal).done == 100


def test_a_journal_in_a_read_only_folder_is_refused_but_can_be_read(read_only_folder):
    with pytest.raises(MicrographError, match=r"cannot be written.*choose another folder"):
        Journal.create(read_only_folder / "a.journal", run())
    with Journal.open(read_only_folder / "old.journal") as journal:
        assert journal.finding("a").best == "pore"
        with pytest.raises(MicrographError, match="cannot be written"):
            journal.correct("a", "crack")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MicrographError, match=r"cannot be made .*choose another"):
        Journal.create(tmp_path / "file" / "a.journal", run())


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(MicrographError, match="cannot be read: Is a directory"):
        Journal.create(tmp_path, run())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_file_that_may_not_grow_loses_nothing(tmp_path):
    context = get_context("forkserver")
    context.set_forkserver_preload(["runs.killed_run"])
    answers = context.Queue()
    process = context.Process(target=_write_with_a_limit, args=(tmp_path / "a.journal", answers))
    process.start()
    number, sentence = answers.get(timeout=60)
    process.join(60)
    assert "start the run again" in sentence
    assert number > 0
    with Journal.open(tmp_path / "a.journal") as journal:
        assert len(journal) >= number


def _write_with_a_limit(path, answers):
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    number = 0
    try:
        with Journal.create(path, run()) as journal:
            for number in range(2000):
                journal.add(finding(f"k{number}", thumbnail=bytes(2000)))
    except MicrographError as error:
        answers.put((number, str(error)))
    else:
        answers.put((number, "nothing happened"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_second_run_cannot_write_through_a_link(tmp_path):
    link = tmp_path / "link.journal"
    link.symlink_to(tmp_path / "a.journal")
    with (
        Journal.create(tmp_path / "a.journal", run()),
        pytest.raises(MicrographError, match="Another run writes to"),
    ):
        Journal.create(link, run())
    with (
        Journal.create(link, run()),
        pytest.raises(MicrographError, match="Another run writes to"),
    ):
        Journal.create(tmp_path / "a.journal", run())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes that have a name")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("way", [lambda path: Journal.create(path, run()), Journal.open])
def test_a_pipe_is_no_journal(tmp_path, way):
    os.mkfifo(tmp_path / "pipe.journal")
    with pytest.raises(MicrographError, match=r"no file|no journal"):
        way(tmp_path / "pipe.journal")
