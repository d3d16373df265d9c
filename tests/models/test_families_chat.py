"""Prompts in chat formats, and the parts of checkpoints that families share."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.tiny_models import bytes_tokenizer, llama_tokenizer
from models.tiny_qwen import SPECIAL, TEMPLATE
from napari_micrograph_vlm.errors import ModelError, QuestionError
from napari_micrograph_vlm.models.families.chat import Chat
from napari_micrograph_vlm.models.families.parts import (
    grid_boxes,
    load_image_processor,
    load_settings,
    load_template,
    load_tokenizer,
    shown_pixels,
)
from napari_micrograph_vlm.results import Turn

IMAGE = "<|image_pad|>"
INST = (
    "{{ bos_token }}{% for message in messages %}{{ '[INST] ' if message.role == 'user' }}"
    "{% for content in message['content'] %}"
    "{{ '<image>\n' if content.type == 'image' else content.text | trim }}"
    "{% endfor %}{{ ' [/INST]' if message.role == 'user' else eos_token }}{% endfor %}"
)


def qwen_chat(template: str = TEMPLATE, **settings: Any) -> Chat:
    tokenizer = bytes_tokenizer(list(SPECIAL), eos_token="<|im_end|>", bos_token=None)
    return Chat(tokenizer, template, tokenizer.convert_tokens_to_ids(IMAGE), **settings)


def llama_chat() -> Chat:
    tokenizer = llama_tokenizer(["<image>"])
    return Chat(tokenizer, INST, tokenizer.convert_tokens_to_ids("<image>"))


def text_of(chat: Chat, ids: torch.Tensor) -> str:
    return str(chat.tokenizer.decode(ids))


def test_images_stand_before_the_first_question_of_a_conversation() -> None:
    chat = qwen_chat()
    turns = [Turn("What is it?", "A wafer."), Turn("Where?", "At the left.")]
    rendered = chat.render([IMAGE * 3, IMAGE * 2], "How wide?", turns)
    first = "<|vision_start|>" + IMAGE * 3 + "<|vision_end|>"
    second = "<|vision_start|>" + IMAGE * 2 + "<|vision_end|>"
    assert text_of(chat, rendered.input_ids[0]) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{first}{second}What is it?<|im_end|>\n"
        "<|im_start|>assistant\nA wafer.<|im_end|>\n"
        "<|im_start|>user\nWhere?<|im_end|>\n"
        "<|im_start|>assistant\nAt the left.<|im_end|>\n"
        "<|im_start|>user\nHow wide?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert [len(places) for places in rendered.places] == [3, 2]
    ids = rendered.input_ids[0].numpy()
    assert np.array_equal(np.concatenate(rendered.places), np.flatnonzero(ids == chat.image_id))
    assert rendered.shared == rendered.places[1][-1] + 1
    assert rendered.inputs()["attention_mask"].tolist() == [[1] * len(ids)]


def test_instruction_is_the_system_prompt() -> None:
    chat = qwen_chat()
    rendered = chat.render([IMAGE], "How wide?", instruction="Answer in one word.")
    text = text_of(chat, rendered.input_ids[0])
    assert text.startswith("<|im_start|>system\nAnswer in one word.<|im_end|>\n")
    assert "helpful" not in text


def test_instruction_stands_before_the_question_where_there_is_no_system_prompt() -> None:
    chat = qwen_chat(system=False)
    rendered = chat.render([IMAGE], "How wide?", instruction="Answer in one word.")
    assert "<|vision_end|>Answer in one word.\nHow wide?<|im_end|>" in text_of(
        chat, rendered.input_ids[0]
    )
    start, stop = rendered.question_span
    assert text_of(chat, rendered.input_ids[0, start:stop]).strip() == "How wide?"


def test_first_token_is_written_once() -> None:
    chat = llama_chat()
    ids = chat.render(["<image>" * 4], "How wide?").input_ids[0].tolist()
    assert ids.count(chat.tokenizer.bos_token_id) == 1
    assert ids[0] == chat.tokenizer.bos_token_id


@pytest.mark.parametrize(
    "question", ["How wide?", "assistant", "Is it a cafe\u0301 – 3 µm?", "[INST]"]
)
@pytest.mark.parametrize("make", [qwen_chat, llama_chat])
def test_question_span_is_that_of_the_last_question(make: Any, question: str) -> None:
    chat = make()
    turns = [Turn(question, f"I say {question}")]
    rendered = chat.render([chat.image_token * 2], f"  {question}\n", turns)
    start, stop = rendered.question_span
    asked = unicodedata.normalize("NFC", text_of(chat, rendered.input_ids[0, start:stop]))
    assert asked.strip() == unicodedata.normalize("NFC", question)
    other = chat.render([chat.image_token * 2], "Why?", turns)
    rest, others = (each.input_ids[0, each.question_span[1] :] for each in (rendered, other))
    assert rest.tolist() == others.tolist()


def test_image_tokens_may_have_others_between_them() -> None:
    chat = qwen_chat()
    expansion = f"{IMAGE}<|vision_pad|>{IMAGE}{IMAGE}<|vision_pad|>"
    rendered = chat.render([expansion, expansion], "How wide?")
    ids = rendered.input_ids[0]
    start = rendered.places[0][0]
    assert (rendered.places[0] - start).tolist() == [0, 2, 3]
    assert text_of(chat, ids[: rendered.shared]).endswith(expansion)


@pytest.mark.parametrize("word", [IMAGE, "<|im_end|>", "<|endoftext|>"])
def test_questions_cannot_hold_what_the_model_reserves(word: str) -> None:
    chat = qwen_chat()
    with pytest.raises(QuestionError, match="keeps for itself"):
        chat.render([IMAGE], f"How {word} wide?")
    with pytest.raises(QuestionError, match="keeps for itself"):
        chat.render([IMAGE], "How wide?", [Turn(f"What{word}?", "It.")])
    with pytest.raises(QuestionError, match="keeps for itself"):
        chat.render([IMAGE], "How wide?", instruction=word)


def test_reserved_words_of_an_earlier_answer_are_left_out() -> None:
    chat = qwen_chat()
    rendered = chat.render([IMAGE], "And?", [Turn("What?", f"A{IMAGE} wafer<|im_end|>.")])
    assert "assistant\nA wafer.<|im_end|>" in text_of(chat, rendered.input_ids[0])


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}{% endfor %}",
        TEMPLATE.replace("<|image_pad|>", ""),
        "{{ raise_exception('Roles must alternate') }}",
        "{% for m in",
    ],
)
def test_template_that_does_not_fit_is_refused(template: str) -> None:
    with pytest.raises(ModelError, match="chat template that belongs to the model"):
        qwen_chat(template).render([IMAGE], "How wide?")


def test_tokenizer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="does not know the token 5000"):
        Chat(bytes_tokenizer([]), TEMPLATE, 5000)


def test_grid_boxes_go_row_by_row() -> None:
    assert grid_boxes(2, 2, (0.0, 0.5, 1.0, 1.5)).tolist() == [
        [0, 0.5, 0.5, 1],
        [0, 1, 0.5, 1.5],
        [0.5, 0.5, 1, 1],
        [0.5, 1, 1, 1.5],
    ]


@pytest.mark.parametrize("stored", ["chat_template.jinja", "chat_template.json", "tokenizer"])
def test_chat_template_is_found_wherever_it_is_stored(stored: str, tmp_path: Path) -> None:
    tokenizer = bytes_tokenizer([])
    with pytest.raises(ModelError, match="no chat template"):
        load_template(tmp_path, tokenizer)
    assert load_template(tmp_path, tokenizer, "default") == "default"
    if stored == "tokenizer":
        tokenizer.chat_template = "found"
    elif stored.endswith("json"):
        (tmp_path / stored).write_text(json.dumps({"chat_template": "found"}))
    else:
        (tmp_path / stored).write_text("found")
    assert load_template(tmp_path, tokenizer, "default") == "found"


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_broken_settings_are_refused_with_their_name(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        load_settings(tmp_path, "config.json")


def test_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="missing or broken"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
def test_image_processor_is_built_from_either_file(name: str, tmp_path: Path) -> None:
    from transformers import Qwen2VLImageProcessorPil

    settings: dict[str, Any] = {"patch_size": 7, "image_processor_type": "Qwen2VLImageProcessor"}
    nested = {"image_processor": settings, "processor_class": "Qwen2VLProcessor"}
    (tmp_path / name).write_text(json.dumps(nested if name[:4] == "proc" else settings))
    found = load_image_processor(tmp_path, Qwen2VLImageProcessorPil, merge_size=3)
    assert (found.patch_size, found.merge_size) == (7, 3)


def test_pixels_are_shown_as_they_were_before_normalising() -> None:
    from transformers import GotOcr2ImageProcessorPil

    pixels = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    processor = GotOcr2ImageProcessorPil(size={"height": 56, "width": 56})
    values = processor([pixels], return_tensors="pt")["pixel_values"][0]
    assert np.array_equal(shown_pixels(values, processor), pixels)
