"""A run in a process of its own that is ended in the middle, for tests."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np

from fakes import FakeModel
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.models import many  # noqa: F401 - imported once, for all processes
from napari_micrograph_vlm.runs.array_sources import ArraySource
from napari_micrograph_vlm.runs.findings import Finding, Run
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of

ITEMS = 300
TASK = Task(("What is it?",), label_set_of(["pore", "crack"]))


def source(items: int = ITEMS) -> ArraySource:
    """A row of small regions."""
    noise = np.random.default_rng(0).integers(0, 255, (16, 16 * items), np.uint8)
    return ArraySource(noise, [(0, 16 * i, 16, 16 * i + 16) for i in range(items)], name="row")


def run(items: int = ITEMS) -> Run:
    return run_of(source(items), TASK, FakeModel())


def go(
    path: Path,
    told: Path,
    statement: int | None = None,
    begun: Any = None,
    items: int = ITEMS,
) -> None:
    """Run or go on; end at once at a statement that the database is given.

    What ``on_finding`` hears of is appended to ``told``.
    """
    log = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    given = 0

    def count(_sql: str) -> None:
        nonlocal given
        given += 1
        if given == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(finding: Finding) -> None:
        os.write(log, f"{finding.item.key}\n".encode())

    if begun is not None:
        begun.set()
    with Journal.create(path, run(items)) as journal:
        journal._connection.set_trace_callback(count)
        run_batch(source(items), TASK, FakeModel(), journal, on_finding=tell)


def go_and_be_killed(
    path: Path, told: Path, statement: int | None, seconds: float | None
) -> int | None:
    """Run in another process, end it at a statement or after a time; return its exit code."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["runs.killed_run"])
    begun = context.Event()
    process = context.Process(target=go, args=(path, told, statement, begun))
    process.start()
    if seconds is not None:
        begun.wait(60)
        sleep(seconds)
        process.kill()
    process.join(60)
    return process.exitcode
