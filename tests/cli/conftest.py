"""A model that answers at once, and a micrograph on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm import api
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.models.views import prepare_views
from napari_micrograph_vlm.results import Answer, AttentionMap, Classification, Provenance, Word

MADE = Provenance(
    model="fake", revision="0", device="cpu", seconds=0.01, version="0", asked="2024-01-01"
)


def corner_map():
    """Nearly all attention on the lower right cell."""
    values = np.full((2, 4), 0.01, np.float32)
    values[1, 3] = 1 - 0.07
    return AttentionMap(values, "fake")


class FakeModel:
    name, revision, device = "fake", "0", "cpu"

    def __init__(self):
        self.asked = []
        self.error = None

    def prepare(self, region, tiled=None):
        return prepare_views(region, side=64, token=16, tiled=tiled)

    def ask(self, question, *, on_text=None, cancel=None, max_tokens=48):
        if self.error is not None:
            raise self.error
        self.asked.append(question)
        maps = tuple(corner_map() for _ in question.regions)
        return Answer(
            question.text, "a bridge", question.regions, maps, (Word(2, 8, 0.9, maps),), 0.9, MADE
        )

    def classify(self, regions, labels, *, on_region=None, cancel=None, threshold=0.0):
        self.labels = labels
        labels = label_set_of(labels).names
        row = np.arange(len(labels), 0, -1, dtype=np.float32)
        rows = np.stack([row / row.sum()] * len(regions))
        maps = tuple(corner_map() for _ in regions)
        return Classification(
            tuple(labels), rows, tuple(regions), maps, replace(MADE, seconds=0.5), threshold
        )

    def suggestions(self):
        return ("What is the defect?",)


@pytest.fixture
def model(monkeypatch):
    fake = FakeModel()
    monkeypatch.setattr(api, "load_model", lambda name=None, device="auto": fake)
    return fake


@pytest.fixture
def image(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 100), np.uint8)
    path = tmp_path / "micrograph.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def run(capsys):
    """Run the command line; gives exit code, stdout, stderr."""
    from napari_micrograph_vlm.cli import main

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return call
