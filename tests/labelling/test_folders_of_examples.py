"""A folder with one sub-folder for each class."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from PIL import Image

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, QuestionError, SourceError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.labelling.folders import examples_in, learn_from


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, bright in (("dark", 40), ("light", 200)):
        (tmp_path / name / "deeper").mkdir(parents=True)
        for i in range(6):
            pixels = (bright + rng.integers(0, 40, (32, 32))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / ("deeper" if i else "") / f"{i}.png")
    (tmp_path / "light" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_classes_are_the_folders_and_are_learnt(folder):
    files = examples_in(folder)
    assert files.names == ("dark", "light")
    assert len(files.files) == 12
    counted = []
    labels = label_set_of(["dark", "light", "other"])
    learnt, skipped = learn_from(FakeModel(), labels, files, on_file=counted.append)
    assert learnt.counts == {"dark": 6, "light": 6, "other": 0}
    assert learnt.trial.accuracy == 1
    assert skipped == []
    assert counted == [8, 12]


def test_what_is_hidden_or_ours_is_no_example(folder):
    data = (folder / "dark" / "0.png").read_bytes()
    for name in ("dark/.git/x.png", "dark/0.png.vlm/x.png", "mine.vlm/x.png", "light/.x.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    files = examples_in(folder)
    assert len(files.files) == 12
    assert files.names == ("dark", "light")


def test_broken_pictures_are_passed_over_and_told(folder):
    (folder / "dark" / "broken.png").write_bytes(b"\x89PNG nothing")
    learnt, skipped = learn_from(FakeModel(), label_set_of(["dark", "light"]), examples_in(folder))
    assert learnt.counts["dark"] == 6
    assert len(skipped) == 1
    assert "broken.png" in skipped[0]


def test_equal_pictures_count_once(folder):
    data = (folder / "dark" / "0.png").read_bytes()
    (folder / "light" / "zz.png").write_bytes(data)
    learnt, _ = learn_from(FakeModel(), label_set_of(["dark", "light"]), examples_in(folder))
    assert sum(learnt.counts.values()) == 12


def test_a_folder_without_classes_is_refused(tmp_path, folder):
    with pytest.raises(SourceError, match="at least two sub-folders"):
        examples_in(folder / "dark")
    with pytest.raises(SourceError, match="cannot be read"):
        examples_in(tmp_path / "nowhere")


def test_a_folder_that_is_no_class_is_named(folder):
    with pytest.raises(QuestionError, match="'light' is not in the label set"):
        learn_from(FakeModel(), label_set_of(["dark", "bright"]), examples_in(folder))


def test_learning_can_be_stopped(folder):
    cancel = Event()
    with pytest.raises(Cancelled):
        learn_from(
            FakeModel(),
            label_set_of(["dark", "light"]),
            examples_in(folder),
            cancel=cancel,
            on_file=lambda done: cancel.set(),
        )


def test_nothing_that_can_be_read_is_told(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"No picture could be read; the first: .*x\.png"):
        learn_from(FakeModel(), label_set_of(["a", "b"]), examples_in(tmp_path))
