"""The process that teaches is read along, stopped, and its last words are told."""

import subprocess
import sys
from threading import Event

import pytest

from napari_micrograph_vlm.errors import Cancelled, MicrographError
from napari_micrograph_vlm.training.adapters.settings import Progress
from napari_micrograph_vlm.viewer import teach_process

PROGRESS = Progress(3, 10, 1.5)

OUTCOME = {"finished": True, "folder": "mine", "skipped": []}

TELLS = f"""
import json, sys
print("a library's own words")
print(json.dumps({{"progress": {PROGRESS.to_dict()!r}}}), flush=True)
"""


@pytest.fixture
def run(monkeypatch):
    """Read along with a small program in place of the command."""
    popen = subprocess.Popen

    def run(program, on_progress=lambda _progress: None, cancel=None):
        def start(command, **how):
            assert command[1:] == ["-m", "napari_micrograph_vlm", "fine-tune", "data", "--lines"]
            return popen([sys.executable, "-I", "-S", "-c", TELLS + program], **how)

        monkeypatch.setattr(subprocess, "Popen", start)
        return teach_process.teach(["data"], on_progress, cancel or Event())

    return run


def test_progress_and_outcome_are_told(run):
    told = []
    assert run(f"print(json.dumps({{'outcome': {OUTCOME!r}}}))", told.append) == OUTCOME
    assert [(at.step, at.steps, at.loss) for at in told] == [(3, 10, 1.5)]


def test_what_went_wrong_is_told(run):
    with pytest.raises(MicrographError, match=r"^There is no model.$"):
        run("print(json.dumps({'error': 'There is no model.'}))")
    with pytest.raises(MicrographError, match=r"^Killed.$"):
        run("sys.exit('first\\nKilled.')")
    with pytest.raises(MicrographError, match="without a word"):
        run("")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_stopped_it_may_end_its_step(run, tmp_path):
    cancel = Event()
    program = f"""
import signal, time
def ended(*_):
    open({str(tmp_path / "kept")!r}, "w").close()
    sys.exit(130)
signal.signal(signal.SIGTERM, ended)
print(json.dumps({{"progress": {PROGRESS.to_dict()!r}}}), flush=True)
time.sleep(60)
"""
    told = []

    def stop(at):
        told.append(at)
        if len(told) == 2:  # it listens by now
            cancel.set()

    with pytest.raises(Cancelled):
        run(program, stop, cancel)
    assert (tmp_path / "kept").exists()
