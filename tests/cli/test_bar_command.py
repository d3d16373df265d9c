"""The command `bar` says where the information bar is and what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.readers.bar import ocr
from napari_micrograph_vlm.readers.samples import nanoporous_gold_file


@pytest.fixture(autouse=True)
def no_text(monkeypatch):
    monkeypatch.setattr(ocr, "installed", lambda: False)


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["bar", *map(str, arguments)])
    return stop.value.code


def test_the_bar_of_the_sample_is_told(capsys):
    assert run(nanoporous_gold_file().path) == 0
    out = capsys.readouterr().out
    assert "at the bottom, rows 691 to 767" in out
    assert "37.0 ± 1.0 pixels" in out
    assert "[ocr]" in out


def test_json_is_json_and_nothing_else(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 255, (100, 100), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert run(tmp_path / "noise.png", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["side"], found["rows"], found["pixel_size_nm"]) == (None, None, None)
