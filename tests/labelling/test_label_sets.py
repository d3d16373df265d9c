"""Label sets: what tells classes apart, and what is refused."""

from __future__ import annotations

import pytest

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.labelling import PRESETS, LabelClass, LabelSet, check_labels
from napari_micrograph_vlm.labelling import label_set_of as of


def test_every_preset_class_has_its_own_sentence():
    for name, one in PRESETS.items():
        assert one.name == name
        assert all(sentence.endswith(".") for sentence in one.sentences)
        assert len(set(one.sentences)) == len(one.classes)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["crack"], "at least two"),
        (["crack", "Crack"], "'Crack' is listed twice"),
        (["café", "cafe\u0301"], "listed twice"),
        (["crack", ""], "Class 2 has no name"),
        (["crack", " \n "], "Class 2 has no name"),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(names, said):
    with pytest.raises(QuestionError, match=said):
        LabelSet("mine", tuple(map(LabelClass, names)))


def test_names_alone_are_handed_to_a_model_where_there_is_no_sentence():
    names = of(["a", "b"])
    assert names.told == ("a", "b")
    said = LabelSet("x", (LabelClass("a", "dark"), LabelClass("b")))
    assert said.told is said


def test_a_name_is_one_line_that_can_be_written():
    one = LabelClass("two\nlines\ud800 ", "and\ta tab")
    assert one == LabelClass("two lines?", "and a tab")


def test_the_digest_knows_names_sentences_and_their_order():
    sets = [
        of(["a", "b"]),
        of(["b", "a"]),
        LabelSet("classes", (LabelClass("a", "b"), LabelClass("b"))),
    ]
    assert len({one.digest for one in sets}) == 3
    assert of(["a", "b"]).digest == of(["a", "b"], "another name").digest


def test_thousands_of_names_are_checked():
    names = [f"defect {i}" for i in range(20_000)]
    assert check_labels(names) == tuple(names)
    with pytest.raises(QuestionError, match="twice"):
        check_labels([*names, "DEFECT 7"])
