import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import (
    Answer,
    AttentionMap,
    Classification,
    Provenance,
    Turn,
    Word,
)

PROVENANCE = Provenance("student", "abc", "cpu", 0.3, "0.1.0")


def region():
    array = np.arange(900, dtype=np.uint16).reshape(30, 30)
    return Cutout.of_array(array, source="wafer.tif", pixel_size=(2.0, 2.0), unit="nm").read()


def attention(peak=(1, 2)):
    values = np.full((3, 4), 0.01, np.float32)
    values[peak] = 1 - 0.11
    return AttentionMap(values, "cross-attention")


def answer():
    word = Word(2, 8, 0.9, (attention((0, 0)),))
    return Answer(
        "What is it?", "a bridge", (region(),), (attention(),), (word,), 0.87, PROVENANCE,
        (Turn("Hello?", "no defect"),),
    )  # fmt: skip


def test_uniform_map_has_no_focus_and_a_single_cell_has_all():
    uniform = AttentionMap(np.full((5, 5), 1 / 25, np.float32), "test")
    single = np.zeros((5, 5), np.float32)
    single[2, 3] = 1
    assert uniform.focus == pytest.approx(0, abs=1e-6)
    assert not uniform.has_focus
    assert AttentionMap(single, "test").focus == pytest.approx(1)
    assert AttentionMap(single, "test").peak == (2, 3)
    assert not AttentionMap(np.zeros((5, 5), np.float32), "test").has_focus


@given(hnp.arrays(np.float32, (4, 6), elements=st.floats(0, 1, width=32)))
def test_focus_is_a_fraction_and_scaled_tops_at_one(values):
    found = AttentionMap(values, "test")
    assert -1e-6 <= found.focus <= 1 + 1e-6
    assert found.scaled().max() == pytest.approx(1 if values.max() > 0 else 0)


def test_answer_prints_well():
    assert str(answer()) == "a bridge"
    assert "0.87" in repr(answer())
    assert "student" in repr(answer())


def test_answer_to_json_says_everything_but_pixels():
    found = json.loads(answer().to_json())
    assert found["answer"] == "a bridge"
    assert found["regions"][0] == {
        "source": "wafer.tif", "box": [0, 0, 30, 30], "pixel_size": [2.0, 2.0], "unit": "nm",
        "plane": [],
    }  # fmt: skip
    assert found["attention"][0]["peak"] == [1, 2]
    assert found["words"] == [{"text": "bridge", "probability": 0.9}]
    assert found["turns"] == [{"question": "Hello?", "answer": "no defect"}]
    assert found["provenance"]["model"] == "student"
    assert "pixels" not in found["regions"][0]


def test_next_turns_carry_the_conversation():
    assert answer().next_turns == (Turn("Hello?", "no defect"), Turn("What is it?", "a bridge"))


def test_at_word_shows_the_map_of_the_word():
    whole = answer()
    assert whole.at_word(whole.words[0]).attention[0].peak == (0, 0)
    assert whole.attention[0].peak == (1, 2)


def classification(threshold=0.0):
    probabilities = np.array([[0.2, 0.7, 0.1], [0.4, 0.35, 0.25]], np.float32)
    return Classification(
        ("crack", "pore", "none"), probabilities, (region(), region()),
        (attention(), attention()), PROVENANCE, threshold,
    )  # fmt: skip


def test_top_k_is_sorted():
    names = [name for name, _ in classification().top(0, 2)]
    assert names == ["pore", "crack"]


def test_below_the_threshold_is_unknown():
    assert classification().best == ("pore", "crack")
    assert classification(0.5).best == ("pore", "unknown")


def test_table_has_a_row_a_region():
    table = classification(0.5).to_frame()
    assert list(table["best"]) == ["pore", "unknown"]
    assert table["pore"].iloc[0] == pytest.approx(0.7)
    found = json.loads(classification().to_json())
    assert found["regions"][1]["probabilities"]["crack"] == pytest.approx(0.4)
