from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import TEXTS, make_processor

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.models.student.processing import MvaemaProcessor
from napari_micrograph_vlm.results import Turn

PROCESSOR = make_processor()


@pytest.mark.parametrize("text", sorted(set(TEXTS)))
def test_text_comes_back_with_its_spaces_and_capitals(text: str) -> None:
    assert PROCESSOR.decode(PROCESSOR.encode_text(text)) == text


def test_numbers_are_digits_and_words_keep_their_spaces() -> None:
    text = "A pitch of 1234.5 nm, not 50nm; 3-4 close-packed (sem) µm μm"
    ids = PROCESSOR.encode_text(text)
    assert not any(
        len(PROCESSOR.tokens[i].removeprefix("##")) > 1
        and any(c.isdigit() for c in PROCESSOR.tokens[i])
        for i in ids
    )
    assert PROCESSOR.decode(ids) == text.replace("sem", "SEM").replace("μ", "µ")


@given(st.text(st.sampled_from(string.printable), max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_printable_text_is_unknown_and_streaming_adds_up(text: str) -> None:
    ids = PROCESSOR.encode_text(text)
    assert not set(ids) & set(range(8))
    detokenizer = PROCESSOR.detokenizer()
    streamed = "".join(detokenizer.push(i) for i in ids) + detokenizer.finish()
    assert streamed == detokenizer.text == PROCESSOR.decode(ids)
    assert streamed.lower() == " ".join(text.lower().split())
    for start, stop, tokens in detokenizer.words:
        spoken = "".join(PROCESSOR.tokens[ids[i]].removeprefix("##") for i in tokens)
        assert detokenizer.text[start:stop].lower() == spoken


def test_typed_special_tokens_are_plain_text() -> None:
    assert not set(PROCESSOR.encode_text("a [SEP] [EOS] [PAD]")) & set(range(8))


def test_unknown_script_is_kept_apart_not_an_error() -> None:
    assert PROCESSOR.unk in PROCESSOR.encode_text("这是什么")


def test_dialogue_has_the_agreed_form() -> None:
    p = PROCESSOR
    turn = Turn("What defect is there?", "There is a bridge.")
    answer = "A bridge, upper left."
    d = p.encode_dialogue([turn], "What is it?", answer, grounded=[(2, 8)])
    expected = [p.dec, *p.encode_text(turn.question), p.sep, *p.encode_text(turn.answer), p.sep]
    expected += [*p.encode_text("What is it?"), p.sep, *p.encode_text(answer), p.eos]
    assert d.ids == expected
    assert d.turns == (turn,)
    assert d.labels[: d.answer_start] == [-100] * d.answer_start
    assert d.labels[d.answer_start :] == [*p.encode_text(answer), p.eos]
    assert len(d.grounded) == len(d.ids) == len(d.labels)
    predicted = [d.ids[i + 1] for i, marked in enumerate(d.grounded) if marked]
    assert p.decode(predicted) == "Bridge"
    prompt = p.encode_dialogue([turn], "What is it?")
    assert prompt.ids == d.ids[: d.answer_start]
    assert prompt.answer_start == d.answer_start
    statement = p.encode_statement("What is it?", answer)
    assert (statement[0], statement[-1]) == (p.cls, p.sep)


def test_oldest_turns_go_first_and_a_long_question_is_refused() -> None:
    p = PROCESSOR
    turns = [Turn(f"What is {i}?", "No defect.") for i in range(9)]
    d = p.encode_dialogue(turns, "What is it?", max_length=40)
    assert 0 < len(d.turns) < 9
    assert d.turns == tuple(turns[-len(d.turns) :])
    assert len(d.ids) <= 40
    with pytest.raises(QuestionError, match="too long"):
        p.encode_dialogue(turns, "defect " * 50, max_length=40)


def test_the_same_texts_give_the_same_vocabulary() -> None:
    assert make_processor().tokens == PROCESSOR.tokens
    small = MvaemaProcessor.from_texts(TEXTS, 200)
    assert small.vocab_size == 200
    assert small.decode(small.encode_text(TEXTS[1])) == TEXTS[1]


def test_processor_round_trip(tmp_path: Path) -> None:
    PROCESSOR.save_pretrained(tmp_path)
    loaded = MvaemaProcessor.from_pretrained(tmp_path)
    for text in TEXTS:
        assert loaded.encode_text(text) == PROCESSOR.encode_text(text)
        assert loaded.decode(loaded.encode_text(text)) == text
    assert loaded.casing == PROCESSOR.casing
    assert loaded.image_processor.mean == PROCESSOR.image_processor.mean


def test_rows_are_padded_on_the_right() -> None:
    assert PROCESSOR.pad_rows([[5], [6, 7]]).tolist() == [[5, 0], [6, 7]]
    assert PROCESSOR.pad_rows([[5], [6, 7]], -100).tolist() == [[5, -100], [6, 7]]
