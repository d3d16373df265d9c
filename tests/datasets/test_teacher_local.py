"""A teacher on this machine: a tiny model of a real architecture that was taught one answer."""

from __future__ import annotations

import json
from threading import Event

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from chat_server import LABELS, PAIRS
from napari_micrograph_vlm.datasets.labelled import read_labelled
from napari_micrograph_vlm.datasets.teacher.base import TeacherError
from napari_micrograph_vlm.datasets.teacher.journal import Journal
from napari_micrograph_vlm.datasets.teacher.local import Local
from napari_micrograph_vlm.datasets.teacher.passes import Passes
from napari_micrograph_vlm.datasets.teacher.pictures import Shown, find_pictures
from napari_micrograph_vlm.datasets.teacher.prompts import (
    answers_prompt,
    labels_prompt,
    questions_prompt,
)
from napari_micrograph_vlm.datasets.teacher.run import teach

ANSWER = json.dumps(
    LABELS
    | {"questions": [{"question": q, "answer": a} for q, a in PAIRS]}
    # Asked again the questions come backwards, and last whether the description is right.
    | {"answers": [answer for _, answer in reversed(PAIRS)] + ["Yes"]}
)
"""One JSON object that answers every prompt, and one token of the tokenizer."""

SIDE, PATCH = 28, 14


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    words = ["<unk>", "<s>", "</s>", "<image>", "USER", "ASSISTANT", "json", "micrograph"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        pad_token="</s>", extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    fast.add_tokens([ANSWER])
    answer = fast.convert_tokens_to_ids(ANSWER)
    image = fast.convert_tokens_to_ids("<image>")
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE),
        fast,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template="USER {% for part in messages[0]['content'] %}"
        "{{ '<image>' if part['type'] == 'image' else part['text'] }} {% endfor %}ASSISTANT",
    )
    text = LlamaConfig(
        vocab_size=len(fast), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
        pad_token_id=2,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        image_size=SIDE, patch_size=PATCH,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_id=image)
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(12):
        for prompt in ("json", labels_prompt(), questions_prompt(6), answers_prompt(["What?"] * 4)):
            inputs = processor(
                text=[f"USER <image> {prompt} ASSISTANT"],
                images=[[Image.new("RGB", (40, 40))]],
                return_tensors="pt",
            )
            ids = torch.cat([inputs["input_ids"], torch.tensor([[answer, 2]])], 1)
            labels = torch.where(torch.arange(ids.shape[1]) < ids.shape[1] - 2, -100, ids)
            out = model(input_ids=ids, pixel_values=inputs["pixel_values"], labels=labels)
            optimizer.zero_grad()
            out.loss.backward()
            optimizer.step()
    folder = tmp_path_factory.mktemp("tiny-llava")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def teacher(checkpoint):
    return Local(checkpoint, "cpu", max_tokens=4)


def test_a_local_model_answers_about_a_picture(teacher):
    shown = Shown(Image.fromarray(np.arange(1600, dtype=np.uint8).reshape(40, 40)))
    reply = teacher.ask(shown, "json", temperature=0.0, seed=1)
    assert json.loads(reply.text)["category"] == "particles"
    assert reply.completion_tokens == 2
    assert reply.prompt_tokens > 4  # four image tokens besides the words
    assert reply.seconds > 0


def test_the_seed_decides_a_free_answer_and_nothing_else(teacher):
    shown = Shown(Image.new("L", (40, 40), 9))
    state = torch.random.get_rng_state()
    texts = [teacher.ask(shown, "json", temperature=9.0, seed=s).text for s in (1, 1, 2, 3, 4)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_local_model_labels_a_folder(teacher, checkpoint, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (50, 70), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    passes = Passes(teacher, temperature=0.01)
    journal = Journal(tmp_path / "teacher_labels.jsonl")
    outcome = teach(passes, find_pictures([tmp_path], tmp_path), journal, stop=Event())
    assert outcome.skipped == []
    (record,) = read_labelled(tmp_path).records
    assert record["description"] == LABELS["description"]
    assert record["qa"] == PAIRS
    assert record["teacher"] == checkpoint.name


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(TeacherError, match=r"config\.json"):
        Local(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(TeacherError, match="cannot be loaded"):
        Local(tmp_path)


def test_code_in_a_checkpoint_is_not_run(checkpoint, tmp_path):
    import shutil

    folder = shutil.copytree(checkpoint, tmp_path / "evil")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("import pathlib; pathlib.Path('ran').touch()\n")
    with pytest.raises(TeacherError):
        Local(folder)
    assert not list(folder.glob("ran"))
