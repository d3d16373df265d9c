"""The whole measurement, with models that are all right, all wrong, and random."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from napari_micrograph_vlm.datasets.synthetic import CATEGORIES
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation import cli
from napari_micrograph_vlm.evaluation.real import measure_real
from napari_micrograph_vlm.evaluation.synthetic import mean_region, measure_synthetic
from napari_micrograph_vlm.models.student.configuration import MvaemaConfig
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.modeling import MvaemaModel
from napari_micrograph_vlm.models.student.processing import MvaemaProcessor
from napari_micrograph_vlm.regions import Region

TEXTS = ["What defect is this? crack", "Is this SEM or TEM? a pore at the top left"] * 3


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    processor = MvaemaProcessor.from_texts(TEXTS, 200)
    text = {"hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 32,
            "num_hidden_layers": 1, "num_attention_heads": 2,
            "vocab_size": processor.vocab_size}  # fmt: skip
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
              "num_attention_heads": 2}  # fmt: skip
    config = MvaemaConfig(
        text_config=text,
        vision_config=vision,
        grounding_layers=[0],
        domain={"categories": list(CATEGORIES), "category_question": "What?"},
    )
    return Student(MvaemaModel(config), processor)


def test_a_random_student_is_measured(student, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli.Student, "load", lambda path, device: student)
    written = tmp_path / "figures.json"
    given = ["--images", "3", "--json", str(written), "--markdown", str(tmp_path / "f.md")]
    assert cli.main(given) == 0
    figures = json.loads(written.read_text())["synthetic"]
    assert figures["category"]["n"] == figures["contrast"]["n"] == 3
    assert figures["category"]["share"] < 1
    assert {"category, held-out phrasing", "category, classify", "present"} <= set(figures)
    printed = capsys.readouterr().out
    assert "| category | 3 |" in printed
    assert "teacher model" in printed
    assert (tmp_path / "f.md").read_text().strip() == printed.strip()


def test_pictures_are_never_those_of_the_training(student, monkeypatch):
    from napari_micrograph_vlm.evaluation import synthetic
    from napari_micrograph_vlm.training.recipe import TEST_SEED, VALIDATION_SEED, Recipe

    seeds = []
    drawn = synthetic.draw_picture

    def spy(seed, *rest):
        seeds.append(seed)
        return drawn(seed, *rest)

    monkeypatch.setattr(synthetic, "draw_picture", spy)
    measure_synthetic(student, 1)
    assert seeds == [TEST_SEED]
    assert Recipe.read().first_seed + Recipe.read().images < VALIDATION_SEED < TEST_SEED


def test_the_blind_see_the_mean():
    regions = [Region(np.full((8, 8), v, np.float32), (0, 0, 8, 8)) for v in (0.2, 0.4)]
    assert mean_region(regions, 8).pixels.mean() == pytest.approx(0.3)
    assert mean_region(regions, 16).pixels.shape == (16, 16)


def test_real_pictures_of_the_test_split(student, tmp_path):
    rng = np.random.default_rng(0)
    record = {
        "technique": "TEM", "category": "particles", "shape": "spherical",
        "arrangement": "dispersed", "density": "sparse", "contrast": "dark on bright",
        "orientation": "none", "count": 3, "defects": [], "description": "", "qa": [],
    }  # fmt: skip
    lines = []
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(json.dumps({**record, "image": f"{i}.png", "group": f"paper {i}"}))
    (tmp_path / "teacher_labels.jsonl").write_text("\n".join(lines))
    figures = measure_real(student, tmp_path).to_dict()
    n = figures["category"]["n"]
    assert 0 < n < 12
    assert figures["category, classify"]["n"] == n
    assert figures["count, within 20 % or 1"]["n"] == n


def test_no_test_picture_is_an_error(student, tmp_path):
    (tmp_path / "teacher_labels.jsonl").write_text("")
    with pytest.raises(SourceError, match="test split"):
        measure_real(student, tmp_path)
