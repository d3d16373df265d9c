"""Teaching in a process of its own, so that neither window nor its memory suffers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, Queue
from threading import Event, Thread
from typing import IO, Any

from ..errors import Cancelled, MicrographError
from ..training.adapters.settings import Progress

__all__ = ["teach"]

_POLL = 0.2
_PATIENCE = 90.0
"""Seconds that a step may take to end once it shall stop; its last state is kept anyway."""


def teach(
    arguments: Sequence[str], on_progress: Callable[[Progress], None], cancel: Event
) -> dict[str, Any]:
    """Run ``napari-micrograph-vlm fine-tune`` and read along.

    Parameters
    ----------
    arguments : sequence of str
        What follows the command's name.
    on_progress : callable
        Told how far it is, in this thread.
    cancel : threading.Event
        Once set, it ends after its step and keeps its state.

    Returns
    -------
    dict
        The outcome, as :meth:`.training.adapters.Outcome.to_dict` gives it.

    Raises
    ------
    MicrographError
        With its one sentence, where it failed.
    Cancelled
        If it was stopped.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "napari_micrograph_vlm", "fine-tune", *arguments, "--lines"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        # Ctrl-C in the terminal of the window is the window's.
        start_new_session=True,
    )
    lines: Queue[str | None] = Queue()
    complaints: deque[str] = deque(maxlen=20)
    readers = [
        Thread(target=_read, args=(child.stdout, lines.put), daemon=True),
        Thread(target=_read, args=(child.stderr, complaints.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        outcome = _follow(child, lines, on_progress, cancel)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        for reader in readers:
            reader.join()
    if outcome is not None:
        return outcome
    if cancel.is_set():
        raise Cancelled
    said = [line.strip() for line in complaints if line and line.strip()]
    raise MicrographError(said[-1] if said else "The teaching ended without a word; try again.")


def _follow(
    child: subprocess.Popen[str],
    lines: Queue[str | None],
    on_progress: Callable[[Progress], None],
    cancel: Event,
) -> dict[str, Any] | None:
    """Return the outcome; None where there is none."""
    waited = 0.0
    while True:
        if cancel.is_set():
            if waited == 0:
                child.send_signal(signal.SIGTERM)
            waited += _POLL
            if waited > _PATIENCE:
                return None
        try:
            line = lines.get(timeout=_POLL)
        except Empty:
            continue
        if line is None:
            child.wait()
            return None
        try:
            told = json.loads(line)
        except ValueError:
            continue  # a library's own words
        if "progress" in told:
            on_progress(Progress.from_dict(told["progress"]))
        elif "error" in told:
            raise MicrographError(told["error"])
        elif "outcome" in told and told["outcome"]["finished"]:
            child.wait()
            found: dict[str, Any] = told["outcome"]
            return found


def _read(stream: IO[str] | None, put: Callable[[str | None], None]) -> None:
    assert stream is not None
    for line in stream:
        put(line)
    put(None)
    stream.close()
