from dataclasses import replace

import numpy as np
import pytest
from run_findings import attention, run

from napari_micrograph_vlm import __version__
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.reporting.methods import methods_sentence
from napari_micrograph_vlm.results import Answer, Classification, Provenance, Turn

MADE = Provenance("student", "abc", "cuda:0", 0.3, "0.1.0", "2025-06-07T08:09:10+00:00", 5)


def region():
    return Cutout.of_array(np.arange(900, dtype=np.uint8).reshape(30, 30)).read()


def sentence(*arguments, **options):
    text = methods_sentence(*arguments, **options)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_run_names_model_revision_settings_version_and_date():
    of = replace(run(threshold=0.3, tiled=True), started="2025-06-07T08:09:10+00:00")
    text = sentence(of, method="cross-attention")
    for words in (
        "student (revision abc, on cpu)",
        "napari-micrograph-vlm 0.1.0 on 2025-06-07",
        "one of 3 classes (no defect, bridge, pore; label set “wafer”, digest",
        of.task.label_set.digest,
        "“unknown” where none reached a probability of 0.3",
        "“What is it?”",
        "seen in tiles at full detail",
        "mapped by cross-attention",
    ):
        assert words in text, words


def test_long_lists_are_counted():
    of = run(tuple(f"class {i}" for i in range(40)), tuple(f"{i}?" for i in range(40)))
    text = sentence(of)
    assert "one of 40 classes (label set “wafer”" in text
    assert "answered 40 questions" in text
    assert "class 7" not in text
    assert "unknown" not in text


def test_a_run_that_only_asks_or_only_classifies():
    assert "classes" not in sentence(run(names=None))
    assert "answered" not in sentence(run(questions=()))
    assert sentence(run(questions=("What\nis it?",))).count("“What is it?”") == 1


def test_an_answer_knows_its_maps_turns_and_tiles():
    one = Answer(
        "What is it?", "a pore", (region(),), (attention(),), (), 0.9, MADE, (Turn("a", "b"),)
    )  # fmt: skip
    text = sentence(one)
    for words in (
        "on cuda:0",
        "2025-06-07",
        "answered “What is it?” about the region after 1 earlier question",
        "seen in 5 tiles",
        "cross-attention",
    ):
        assert words in text, words


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_a_classification_names_its_classes(threshold):
    made = Classification(
        ("crack", "pore"),
        np.array([[0.4, 0.6]], np.float32),
        (region(),),
        (attention(),),
        replace(MADE, version=__version__),
        threshold,
    )
    text = sentence(made)
    assert "one of 2 classes (crack, pore)" in text
    assert ("unknown" in text) == (threshold > 0)
    assert __version__ in text
