"""Pictures of the user's own: sources, what is broken, what is left out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_training import RECIPE, labelled_folder, record, training_names

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.training.gathering import gather
from napari_micrograph_vlm.training.progress import Lines
from napari_micrograph_vlm.training.run import run
from napari_micrograph_vlm.training.sources import training_pictures


@pytest.fixture
def cache(trained, tmp_path):
    return shutil.copytree(trained[0] / "cache", tmp_path / "cache")


def quiet():
    return Lines(lambda _: None)


def add_records(folder, *records):
    with (folder / "teacher_labels.jsonl").open("a") as labels:
        labels.writelines(json.dumps(r) + "\n" if isinstance(r, dict) else r for r in records)


def test_pictures_of_any_size_are_trained_on(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 3)
    other = labelled_folder(tmp_path / "others" / "large", 2, size=(700, 1100)).parent
    (other / "large" / "teacher_labels.jsonl").unlink()
    add_records(other, *(record(f"large/{name}", group=name) for name in training_names(2)))
    lines = []
    run(
        RECIPE,
        output=tmp_path / "weights",
        cache=cache,
        data=[folder, other],
        name="mine",
        device="cpu",
        say=lines.append,
    )
    assert "24 synthetic and 5 real pictures (3 mine, 2 large)" in lines
    card = (tmp_path / "weights" / "README.md").read_text()
    assert "3 real pictures and their mirror images, `mine`" in card
    assert "license: other" in card


def test_mirror_images_say_nothing_of_free_questions(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 2)
    pictures = gather(RECIPE, cache, [folder], told=quiet())
    found = pictures.real["mine"]
    assert len(found) == 2 + 2 * 3
    assert sum(bool(p.facts.qa) for p in found) == 2


def test_what_is_broken_is_skipped_and_named(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 4)
    names = training_names(7)
    (folder / names[1]).write_bytes(b"no picture")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / names[2])
    whole = (folder / names[3]).read_bytes()
    (folder / names[3]).write_bytes(whole[: len(whole) // 2])
    add_records(folder, record(names[5]), "no record\n")
    for _ in range(2):  # the second time they come from the cache
        pictures = gather(RECIPE, cache, [folder], told=quiet())
        assert pictures.unmirrored == {"mine": 1}
        text = "\n".join(pictures.broken)
        assert len(pictures.broken) == 5
        assert all(names[i] in text for i in (1, 2, 3, 5))
        assert "line 6" in text
    (folder / names[1]).write_bytes(whole)
    assert gather(RECIPE, cache, [folder], told=quiet()).unmirrored == {"mine": 2}


def test_records_and_masks_that_are_broken_are_named(tmp_path):
    folder = labelled_folder(tmp_path / "mine", 2)
    names = training_names(5)
    (folder / "mask.png").write_bytes(b"no mask")
    add_records(
        folder,
        record(names[2], density=3),
        record(names[3], defects=[{"where": "top"}]),
        record(names[4], object_masks="mask.png"),
        "no record\n",
    )
    found = training_pictures([folder])
    assert [picture.path.name for picture in found.sources["mine"]] == names[:2]
    assert len(found.broken) == 4
    for words in ("line 6", names[2], names[3], names[4]):
        assert any(words in line for line in found.broken), words
    (folder / "teacher_labels.jsonl").unlink()
    add_records(folder, record(names[2], density=3))
    with pytest.raises(SourceError, match="density must be a text"):
        training_pictures([folder])


def test_changed_labels_are_read_again(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 1)
    before = gather(RECIPE, cache, [folder], told=quiet()).real["mine"]
    assert before[0].facts.category == "powder"
    (folder / "teacher_labels.jsonl").unlink()
    add_records(folder, record(training_names(1)[0], category="particles"))
    after = gather(RECIPE, cache, [folder], told=quiet()).real["mine"]
    assert {p.facts.category for p in after} == {"particles"}


def test_a_folder_without_pictures_to_train_on_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"teacher_labels\.jsonl"):
        training_pictures([tmp_path])
    folder = labelled_folder(tmp_path / "test", 2, test=True)
    with pytest.raises(SourceError, match="2 pictures are kept for the test"):
        training_pictures([folder])


def test_sources_can_be_left_out(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 2)
    alone = gather(RECIPE, cache, [folder], leave_out=["synthetic"], told=quiet())
    assert (len(alone.synthetic), list(alone.real)) == (0, ["mine"])
    both = gather(RECIPE, cache, [folder], told=quiet())
    assert both.without(["mine"]).real == {}
    assert both.without(["mine"]).synthetic
    with pytest.raises(SourceError, match="no source of data called theirs; there are mine, synth"):
        gather(RECIPE, cache, [folder], leave_out=["theirs"], told=quiet())
    with pytest.raises(SourceError, match="no source of data called theirs"):
        both.without(["theirs"])
    given = {"output": tmp_path / "weights", "cache": cache, "data": [folder], "device": "cpu"}
    run(RECIPE, name="real", leave_out=["synthetic"], pictures=both, say=lambda _: None, **given)
    assert "synthetic micrographs" not in (tmp_path / "weights" / "README.md").read_text()
    with pytest.raises(SourceError, match="no picture to train on"):
        run(RECIPE, leave_out=["synthetic", "mine"], say=lambda _: None, **given)


def test_labels_that_change_after_a_training_call_for_a_new_one(cache, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 2)
    given = {"output": tmp_path / "weights", "cache": cache, "data": [folder], "device": "cpu",
             "name": "mine", "say": lambda _: None}  # fmt: skip
    run(RECIPE, **given)
    labelled_folder(folder, 3)
    with pytest.raises(SourceError, match="have changed since"):
        run(RECIPE, **given)
