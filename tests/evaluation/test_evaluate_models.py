"""Any model is measured on the student's items and metrics: the paper's baselines, tiny."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from models.tiny_models import checkpoint
from napari_micrograph_vlm import api
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.evaluation import run

pytest.importorskip("nltk")

RECORD = {
    "technique": "TEM", "category": "particles", "shape": "spherical",
    "arrangement": "dispersed", "density": "sparse", "contrast": "dark on bright",
    "orientation": "none", "count": 3, "defects": [],
    "size_uniformity": "uniform", "surface": "smooth", "scale_bar": "", "annotations": [],
    "description": "Dark round particles on a bright film.",
    "qa": [["What is dark?", "the small round particles"]],
}  # fmt: skip


@pytest.fixture
def labelled(tmp_path):
    """A labelled folder with some pictures in its test split."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for i in range(12):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save(path)
        lines.append(json.dumps({**RECORD, "image": path.name, "group": f"paper {i}"}))
    (folder / "teacher_labels.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("name", ["llava", "instructblip"])
def test_a_baseline_gets_every_table(name, tmp_path, labelled, monkeypatch, capsys):
    folder = checkpoint(name, tmp_path / name)

    def load(name, device="auto"):
        model = api.load_model(name, device)
        monkeypatch.setattr(model, "ask", partial(model.ask, max_tokens=2))
        return model

    monkeypatch.setattr(run, "load_model", load)
    with pytest.raises(SystemExit) as left:
        main([
            "evaluate", "--model", str(folder), "--images", "0", "--no-photographs",
            "--data", str(labelled), "--json", str(tmp_path / "f.json"),
        ])  # fmt: skip
    assert not left.value.code
    assert f"Model {name}," in capsys.readouterr().out
    kept = json.loads((tmp_path / "f.json").read_text())
    assert (kept["whole"], kept["skipped"], kept["processes"]) == (True, "", 1)
    titles = " ".join(part["title"] for part in kept["parts"])
    for title in ("Closed questions", "Classification", "Calibration"):
        assert title in titles
    figures = {f["name"]: f for part in kept["parts"] for f in part["figures"]}
    assert any("category" in each and figures[each]["n"] for each in figures)


def test_a_model_that_is_no_student_gets_no_card(tmp_path, capsys):
    folder = checkpoint("llava", tmp_path / "llava")
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "--model", str(folder), "--images", "200", "--card"])
    assert left.value.code == 2
    assert "leave out --card" in capsys.readouterr().err
