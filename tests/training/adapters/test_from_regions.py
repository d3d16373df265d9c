"""What a person said of regions becomes conversations in the words that a model is asked with."""

import numpy as np
import pytest

pytest.importorskip("peft")

from napari_micrograph_vlm.datasets.chat import read_chat
from napari_micrograph_vlm.errors import MicrographError, SourceError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.models.asking import which_of
from napari_micrograph_vlm.models.conditions import conditions_of
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.runs.folder_source import FolderSource
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.training.adapters.from_regions import (
    answer_example,
    class_examples,
    conversations_of,
    keep_examples,
)
from napari_micrograph_vlm.training.adapters.lessons import parted, told_in
from training.adapters.teaching import picture


def region(**known):
    pixels = np.random.default_rng(3).random((40, 60)).astype(np.float32)
    return Region(pixels, (0, 0, 40, 60), source="steel.tif", **known)


@pytest.fixture
def classes(tmp_path):
    """A folder with one sub-folder of pictures for each class."""
    for name in ("crack", "film"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for i in range(3):
            picture(name == "crack", i).save(tmp_path / "classes" / name / f"{i}.png")
    return tmp_path / "classes"


def test_what_is_known_of_scale_is_kept_apart_from_the_question(tmp_path):
    known = region(pixel_size=(2.0, 2.0), unit="nm")
    keep_examples([answer_example([known], " What is it? ", "A pore.")], tmp_path / "made", "T")
    (row,) = read_chat(tmp_path / "made")
    assert told_in(row["messages"]) == conditions_of([known])
    assert parted(row["messages"], 1) == (1, "What is it?", (), "A pore.")


def test_a_class_is_taught_by_the_question_that_classifies():
    labels = label_set_of(["crack", "film"])
    (one,) = class_examples([(region(), "film")], labels)
    assert one.messages[0].text == which_of(labels.names, labels.sentences)
    assert (one.messages[1].text, one.group) == ("film", "steel.tif")
    (same,) = class_examples([(region(), "film")], labels)
    (other,) = class_examples([(region(), "crack")], labels)
    assert one.id == same.id != other.id


def test_outside_a_drawn_outline_nothing_is_taught():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    image = np.asarray(answer_example([region(mask=mask)], "?", "x").images[0])
    assert len(np.unique(image[~mask])) == 1


def test_a_folder_of_classes_is_taught(classes, tmp_path):
    (classes / "film" / "broken.png").write_bytes(b"\x89PNG no picture")
    skipped = []
    found = conversations_of(classes, tmp_path / "work" / "made", skipped.append)
    rows = read_chat(found)
    assert sorted(row["messages"][1]["content"][-1]["text"] for row in rows) == (
        ["crack"] * 3 + ["film"] * 3
    )
    assert len(skipped) == 1
    assert "broken.png" in skipped[0]
    # Made once, and conversations are taken as they are.
    (found / "mark").touch()
    assert conversations_of(classes, tmp_path / "work" / "made", skipped.append) == found
    assert (found / "mark").exists()
    assert conversations_of(found, tmp_path / "elsewhere", skipped.append) == found


def test_other_data_are_made_anew_until_a_training_was_begun_with_them(classes, tmp_path):
    made = tmp_path / "mine-training" / "conversations"

    def taught():
        rows = read_chat(conversations_of(classes, made, pytest.fail))
        return sorted(row["messages"][1]["content"][-1]["text"] for row in rows)

    assert taught() == ["crack"] * 3 + ["film"] * 3
    (classes / "film").rename(classes / "pore")
    assert taught() == ["crack"] * 3 + ["pore"] * 3
    has_begun = made.parent / "training.json"
    has_begun.write_text("{}")
    assert taught() == ["crack"] * 3 + ["pore"] * 3
    picture(True, 9).save(classes / "pore" / "1.png")
    with pytest.raises(SourceError, match="choose another output, or delete that folder"):
        taught()
    has_begun.unlink()
    (made / "made_of.json").unlink()  # as earlier versions left it
    assert taught() == ["crack"] * 3 + ["pore"] * 3


def test_of_a_run_what_a_person_said_is_taught(classes, tmp_path):
    from fakes import FakeModel
    from napari_micrograph_vlm.runs.run import run_batch, run_of

    task = Task((), label_set_of(["crack", "film"]))
    path = tmp_path / "run.journal"
    source, model = FolderSource(classes), FakeModel()
    with Journal.create(path, run_of(source, task, model)) as journal:
        run_batch(source, task, model, journal)
    journal = Journal.open(path)
    keys = sorted(journal.done())
    journal.correct(keys[0], "film")
    journal.review(keys[4])
    best = journal.finding(keys[4]).best
    journal.close()

    def said():
        rows = read_chat(conversations_of(path, tmp_path / "made", pytest.fail))
        return sorted(row["messages"][1]["content"][-1]["text"] for row in rows)

    assert said() == sorted(["film", best])
    with Journal.open(path) as journal:
        journal.correct(keys[1], "crack")
    assert said() == sorted(["film", best, "crack"])


def test_wrong_data_are_told_in_one_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("no run")
    for data, words in (
        (tmp_path / "gone", "There is no"),
        (tmp_path / "notes.txt", "no journal of a run"),
        (tmp_path, "at least two sub-folders"),
    ):
        with pytest.raises(MicrographError, match=words):
            conversations_of(data, tmp_path / "made", pytest.fail)
    assert not (tmp_path / "made").exists()
    with pytest.raises(SourceError):
        conversations_of(tmp_path / "gone.journal", tmp_path / "made", pytest.fail)
