from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText, LlavaNextProcessor

from models.tiny_models import checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm.attention.recorder import NAME, use_recording
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.families import family_of
from napari_micrograph_vlm.models.families.llava import Llava
from napari_micrograph_vlm.models.families.llava_next import LlavaNext
from napari_micrograph_vlm.results import Turn

QUESTION = "What defect is there?"


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("llava", tmp_path_factory.mktemp("models") / "llava")


@pytest.fixture(scope="module")
def next_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("llava_next", tmp_path_factory.mktemp("models") / "next")


def _family(folder: Path) -> Any:
    config = AutoConfig.from_pretrained(folder)
    return family_of(config).load(folder, config)


def _changed(folder: Path, target: Path, file: str, **values: Any) -> Path:
    shutil.copytree(folder, target)
    content = json.loads((target / file).read_text())
    content.update(values)
    (target / file).write_text(json.dumps(content))
    return target


def test_llava_is_asked_in_the_words_it_was_taught(llava: Path) -> None:
    family = _family(llava)
    turns = (Turn("Is it an SEM image?", "Yes."),)
    prompt = family.prompt([make_region()], QUESTION, turns, instruction="Be brief.")
    ids = prompt.inputs["input_ids"][0]
    text = family.tokenizer.decode(ids)
    image = "<image>" * 16
    assert text.replace("  ", " ") == (
        f"Be brief. USER: {image}\nIs it an SEM image? ASSISTANT: Yes. USER: {QUESTION} ASSISTANT:"
    )
    places = prompt.sights[0].positions.tolist()
    assert family.tokenizer.convert_ids_to_tokens(ids[places].tolist()) == ["<image>"] * 16
    assert prompt.shared == prompt.sights[0].positions[-1] + 1
    assert family.tokenizer.decode(ids[slice(*prompt.question_span)]).strip() == QUESTION


def test_a_checkpoint_without_a_template_is_asked_as_vicuna(llava: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(llava, bare)
    (bare / "chat_template.jinja").unlink()
    turns = (Turn("Is it an SEM image?", "Yes."),)
    with_template, without = (
        _family(folder).prompt([make_region()], QUESTION, turns).inputs["input_ids"]
        for folder in (llava, bare)
    )
    assert torch.equal(with_template, without)


@pytest.mark.parametrize("shape", [(56, 56), (60, 150), (150, 60)])
def test_llava_sees_the_whole_of_a_region_of_any_shape(llava: Path, shape: tuple[int, int]) -> None:
    family = _family(llava)
    region = make_region(*shape)
    prompt = family.prompt([region], QUESTION)
    boxes = prompt.sights[0].boxes.boxes
    assert boxes.min() <= 0
    assert boxes.max() >= 1
    side = np.array([1 / shape[0], 1 / shape[1]]) * max(shape) / 4
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], np.tile(side, (16, 1)), atol=1e-9)
    (view,) = family.prepare(region).views
    # What the encoder gets, the padding taken off, is the region made smaller.
    coarse = view.pixels.mean(axis=(0, 1)) / 255
    np.testing.assert_allclose(coarse, region.pixels.mean(), atol=0.02)
    assert view.box == (0.0, 0.0, 1.0, 1.0)
    assert not family.prepare(region, tiled=True).tiled


def test_two_regions_have_tokens_of_their_own(llava: Path, next_: Path) -> None:
    for folder in (llava, next_):
        family = _family(folder)
        model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
        prompt = family.prompt([make_region(), make_region(60, 150, 1)], QUESTION)
        first, second = (set(sight.positions.tolist()) for sight in prompt.sights)
        assert not first & second
        assert max(first) < min(second)
        assert prompt.shared > max(second)
        with torch.inference_mode():
            assert model(**prompt.inputs).logits.shape[1] == prompt.length


def test_a_class_token_shows_the_whole(llava: Path, tmp_path: Path) -> None:
    folder = _changed(
        llava, tmp_path / "full", "config.json", vision_feature_select_strategy="full"
    )
    family = _family(folder)
    prompt = family.prompt([make_region()], QUESTION)
    assert len(prompt.sights[0].boxes) == 17
    np.testing.assert_array_equal(prompt.sights[0].boxes.boxes[0], [0, 0, 1, 1])
    model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    with torch.inference_mode():
        model(**prompt.inputs)


def test_what_cannot_be_placed_is_refused(llava: Path, next_: Path, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(llava)
    config.vision_config.model_type = "pixtral"
    with pytest.raises(ModelError, match="Pixtral"):
        Llava.load(llava, config)
    config = AutoConfig.from_pretrained(next_)
    config.vision_feature_select_strategy = "full"
    with pytest.raises(ModelError, match="whole tile"):
        LlavaNext.load(next_, config)
    with pytest.raises(ModelError, match="'mystery'"):
        family_of("mystery")


@pytest.mark.parametrize("shape", [(40, 50), (100, 300), (300, 100), (257, 311), (56, 56)])
@pytest.mark.parametrize("tiled", [True, False])
def test_tiles_have_as_many_tokens_as_transformers_counts(
    next_: Path, shape: tuple[int, int], tiled: bool
) -> None:
    family = _family(next_)
    prompt = family.prompt([make_region(*shape)], QUESTION, tiled=tiled)
    processor = LlavaNextProcessor(
        family._image_processor,
        family.tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    height, width = prompt.inputs["image_sizes"][0].tolist()
    expected = processor._get_number_of_features(height, width, 56, 56) - 1
    ids = prompt.inputs["input_ids"][0]
    assert int((ids == family.tokenizer.convert_tokens_to_ids("<image>")).sum()) == expected
    # All but the ends of rows show something.
    given = family.prepare(make_region(*shape), tiled)
    assert len(prompt.sights[0].positions) < expected
    assert given.views[0].box == (0.0, 0.0, 1.0, 1.0)
    assert given.tiled == (tiled and given.could_tile)


def test_without_tiles_there_are_fewer_tokens(next_: Path) -> None:
    family = _family(next_)
    few, many = (
        family.prompt([make_region(400, 400)], QUESTION, tiled=tiled).length
        for tiled in (False, True)
    )
    assert few < 0.6 * many
    assert family.prepare(make_region(400, 400)).tiled  # reduced more than threefold
    assert not family.prepare(make_region(100, 100)).tiled


def test_only_the_decoder_is_switched(llava: Path) -> None:
    family = _family(llava)
    model: Any = AutoModelForImageTextToText.from_pretrained(llava)
    use_recording(family.decoder(model))
    assert model.config.text_config._attn_implementation == NAME
    assert model.config.vision_config._attn_implementation == "sdpa"
