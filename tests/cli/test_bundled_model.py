"""The command line with the weights that come with the package, and with no network."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from PIL import Image

from napari_micrograph_vlm.datasets.synthetic.samples import wafer_with_defects

OFFLINE = (
    "import socket\n"
    "def refuse(*_args, **_keywords): raise AssertionError('something was to be fetched')\n"
    "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
    "from napari_micrograph_vlm.cli import main\n"
    "main()\n"
)


@pytest.fixture(scope="module")
def wafer(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundled") / "wafer.png"
    Image.fromarray(wafer_with_defects().image).save(path)
    return path


def call(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_answers_without_a_network(wafer, tmp_path):
    overlay = tmp_path / "looked.png"
    text = call(
        *("ask", wafer, "What defect is this?", "--region", "0,0,320,320"),
        *("--device", "cpu", "--json", "--overlay", overlay),
    )
    answer = json.loads(text)
    assert answer["answer"]
    assert 0 < answer["confidence"] <= 1
    (looked,) = answer["attention"]
    assert sum(map(sum, looked["values"])) == pytest.approx(1, abs=1e-2)
    assert answer["provenance"]["device"] == "cpu"
    with Image.open(overlay) as picture:
        assert picture.size == (640, 640)


def test_it_classifies_without_a_network(wafer):
    text = call(
        "classify", wafer, "--labels", "crack,bridge,no defect", "--device", "cpu", "--json"
    )
    (region,) = json.loads(text)["regions"]
    assert sum(region["probabilities"].values()) == pytest.approx(1, abs=1e-3)
