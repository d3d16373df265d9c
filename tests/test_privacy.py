"""Nothing leaves the machine: questions are asked and classes found while sockets are blocked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.tiny_models import checkpoint

BLOCKED = """
import sys

tried = []

def watch(event, arguments):
    # Audit events cannot be got round, and an error that a library swallows is still noted.
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        tried.append((event, arguments[1:]))
        raise OSError("blocked: " + event)

sys.addaudithook(watch)
"""

ASKED = """
import numpy as np
import napari_micrograph_vlm as vlm

pixels = np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)
for name in sys.argv[1:]:
    model = vlm.load_model(name if name != "student" else None, "cpu")
    if hasattr(model, "check_pictures"):
        model.check_pictures = False
    answer = vlm.ask(pixels, "Is there a defect?", model=model, max_tokens=4)
    found = vlm.classify(pixels, ["crack", "pore"], model=model)
    assert abs(found.probabilities.sum() - 1) < 1e-4
    assert answer.provenance.model == model.name
    print("asked", model.name)
assert not tried, tried
print("nothing was tried")
"""

SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")


def run(code, *arguments, **variables):
    # Without the switches that would keep the libraries quiet: they must be quiet by themselves.
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**kept, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_the_student_asks_and_classifies_without_a_network():
    done = run(BLOCKED + ASKED, "student")
    assert done.stdout.splitlines() == ["asked MVaEMa student", "nothing was tried"], done.stderr


@pytest.mark.parametrize("family", ["llava", "qwen2_vl"])
def test_a_large_model_asks_and_classifies_without_a_network(tmp_path, family):
    folder = checkpoint(family, tmp_path / "tiny")
    done = run(BLOCKED + ASKED, folder)
    assert done.stdout.splitlines() == ["asked tiny", "nothing was tried"], done.stderr


def test_the_block_notices_whoever_tries(tmp_path):
    """Else the tests above could not fail."""
    attempt = """
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except OSError:
    pass
assert not tried, tried
"""
    done = run(BLOCKED + attempt)
    assert done.returncode == 1
    assert "socket.connect" in done.stderr or "socket.getaddrinfo" in done.stderr


def test_a_model_that_is_not_here_is_not_fetched():
    attempt = """
import napari_micrograph_vlm as vlm
from napari_micrograph_vlm.errors import ModelError
try:
    vlm.load_model("HuggingFaceTB/SmolVLM-256M-Instruct")
except ModelError as error:
    print(error)
assert not tried, tried
"""
    done = run(BLOCKED + attempt)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_command_line_keeps_the_libraries_offline_and_silent():
    code = """
import os, sys
from napari_micrograph_vlm.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
from huggingface_hub import constants
print(constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY)
"""
    done = run(code)
    assert done.stdout.splitlines()[-1] == "True True", done.stderr


def test_nothing_of_ours_switches_on_remote_code_or_pickles():
    source = Path(__file__).parent.parent / "src"
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "trust_remote_code=True" not in text, path
        assert '"trust_remote_code": True' not in text, path
        assert "weights_only=False" not in text, path
