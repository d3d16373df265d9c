"""BLIP, BLIP-2 and InstructBLIP: where they looked is composed of two attentions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.tiny_instructblip import QUERIES
from models.tiny_models import checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm.errors import ModelError, QuestionError
from napari_micrograph_vlm.models.families.base import Prompt
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question, Turn

QUESTION = "What defect is there?"
NAMES = ("blip", "blip-2", "instructblip", "instructblip_t5")
WITH_QUERIES = NAMES[1:]


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = tmp_path_factory.mktemp("models") / request.param
    loaded = LocalModel.load(checkpoint(request.param, folder), "cpu")
    loaded.name = request.param
    return loaded


@pytest.fixture(scope="module")
def instructblip(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return LocalModel.load(checkpoint("instructblip", tmp_path_factory.mktemp("m") / "i"), "cpu")


def prompt_of(model: LocalModel) -> Prompt:
    return model.family.prompt([make_region(150, 110)], QUESTION)


def written(model: LocalModel, prompt: Prompt, count: int = 5) -> list[Any]:
    return list(model.family.speak(model.model, prompt, max_tokens=count, cancel=None))


@torch.no_grad()
def slowly(model: LocalModel, prompt: Prompt, answer: list[int]) -> tuple[Tensor, Tensor, Any]:
    """Return logits and attention of an answer from plain full passes, and question attention.

    The attention of each token that predicts one of ``answer`` on each patch, (n, layers, M).
    """
    net: Any = model.model
    if model.name == "blip":
        return slowly_blip(net, prompt, answer)
    given = dict(prompt.inputs)
    net.qformer.set_attn_implementation("eager")
    net.language_model.set_attn_implementation("eager")
    pixels = given["pixel_values"]
    image = net.vision_model(pixels).last_hidden_state
    queries = net.query_tokens
    looked = {
        "query_embeds": queries,
        "encoder_hidden_states": image,
        "encoder_attention_mask": torch.ones(image.shape[:2], dtype=torch.long),
        "output_attentions": True,
    }
    if "qformer_input_ids" in given:
        text = given["qformer_input_ids"]
        looked |= {
            "input_ids": text,
            "attention_mask": torch.ones(1, queries.shape[1] + text.shape[1], dtype=torch.long),
        }
    seen = net.qformer(**looked)
    shares = torch.stack([each[0].mean(0) for each in seen.cross_attentions]).mean(0)[:, 1:]
    shares = shares / shares.sum(-1, keepdim=True)
    more = torch.tensor([answer])
    if net.language_model.config.is_encoder_decoder:
        start = torch.tensor([[net.language_model.config.decoder_start_token_id]])
        out = net(**given, decoder_input_ids=torch.cat([start, more], 1), output_attentions=True)
        cross = out.language_model_outputs.cross_attentions
        looks = torch.stack([each[0].mean(0) for each in cross], dim=1)[..., :QUERIES]
        return out.logits[0], looks @ shares, None
    given["input_ids"] = torch.cat([given["input_ids"], more], 1)
    given["attention_mask"] = torch.ones_like(given["input_ids"])
    out = net(**given, output_attentions=True)
    weights = out.language_model_outputs.attentions
    looks = torch.stack([each[0].mean(0) for each in weights], dim=1)[..., :QUERIES] @ shares
    start = prompt.length - 1
    asked = looks[prompt.question_span[0] : prompt.length]
    net.language_model.get_decoder().set_attn_implementation("micrograph_sdpa")
    return out.logits[0, start:], looks[start:], asked


def slowly_blip(net: Any, prompt: Prompt, answer: list[int]) -> tuple[Tensor, Tensor, Any]:
    given = prompt.inputs
    image = net.vision_model(given["pixel_values"]).last_hidden_state
    read = net.text_encoder(given["input_ids"], encoder_hidden_states=image, output_attentions=True)
    ids = torch.tensor([[net.config.text_config.bos_token_id, *answer]])
    out = net.text_decoder(
        ids, encoder_hidden_states=read.last_hidden_state, output_attentions=True
    )
    first = torch.stack([each[0].mean(0) for each in out.cross_attentions]).mean(0)
    seen = torch.stack([each[0].mean(0)[:, 1:] for each in read.cross_attentions])
    looks = torch.einsum("nq,lqp->nlp", first, seen)
    return out.logits[0], looks, seen[:, prompt.question_span[0] :].transpose(0, 1)


def test_what_is_written_and_where_it_looked_is_that_of_plain_full_passes(
    model: LocalModel,
) -> None:
    prompt = prompt_of(model)
    steps = written(model, prompt)
    tokens = [step.token for step in steps]
    logits, looks, asked = slowly(model, prompt, tokens[:-1])
    assert logits.argmax(-1).tolist() == tokens
    expected = logits.softmax(-1).max(-1).values
    np.testing.assert_allclose([step.probability for step in steps], expected, atol=1e-4)
    np.testing.assert_allclose(np.stack([step.attention for step in steps]), looks, atol=1e-4)
    assert looks.std() > 1e-3  # random weights, but not even attention
    if asked is None:
        assert steps[0].question is None
    else:
        np.testing.assert_allclose(steps[0].question, asked, atol=1e-4)
    assert all(step.question is None for step in steps[1:])


def test_labels_score_as_in_passes_of_their_own(model: LocalModel) -> None:
    prompt = prompt_of(model)
    labels = ["crack", "a bridge", "no defect"]
    likelihoods, attention = model.family.weigh(model.model, prompt, labels, cancel=None)
    from napari_micrograph_vlm.models.scoring import answer_tokens

    answers = answer_tokens(model.family.tokenizer, prompt, labels)
    ends = {"blip": model.family.tokenizer.convert_tokens_to_ids("[SEP]"), "instructblip_t5": 1}
    for number, answer in enumerate(answers):
        logits, looks, _ = slowly(model, prompt, answer)
        rows = logits.double().log_softmax(-1)
        expected = rows[range(len(answer)), answer].sum() + rows[-1, ends.get(model.name, 2)]
        assert likelihoods[number] == pytest.approx(float(expected), rel=1e-5, abs=1e-3)
        np.testing.assert_allclose(attention[number], looks.mean(0), atol=1e-4)


def test_its_boxes_tile_the_picture_as_its_patches_do(model: LocalModel) -> None:
    region = make_region(96, 160)
    pixels = region.pixels.copy()
    pixels[-20:, :36] = 1 - pixels[-20:, :36]
    a, b = (model.family.prompt([each], QUESTION) for each in (region, Region(pixels, region.box)))
    change = (a.inputs["pixel_values"] - b.inputs["pixel_values"]).abs().amax((0, 1))
    n = round(len(a.sights[0].boxes) ** 0.5)
    patches = change.reshape(n, change.shape[0] // n, n, change.shape[1] // n)
    touched = (patches.amax((1, 3)) > 0.2).ravel().numpy()
    boxes = a.sights[0].boxes.boxes
    inside = (boxes[:, 2] > 1 - 20 / 96 + 0.03) & (boxes[:, 1] < 36 / 160 - 0.03)
    assert inside.sum() >= 1
    np.testing.assert_array_equal(touched, inside)


def test_a_cue_that_only_one_patch_holds_draws_the_composed_attention(
    instructblip: LocalModel,
) -> None:
    """Queries that look at one patch only make every word's map point at it."""
    net: Any = instructblip.model
    prompt = prompt_of(instructblip)
    patch = 6

    def only_there(_module: Any, _inputs: Any, output: tuple[Tensor, Tensor]) -> Any:
        weights = torch.zeros_like(output[1])
        weights[..., 1 + patch] = 1
        return output[0], weights

    hooks = [
        layer.crossattention.attention.register_forward_hook(only_there)
        for layer in net.qformer.encoder.layer
        if layer.has_cross_attention
    ]
    try:
        step = written(instructblip, prompt, 1)[0]
    finally:
        for hook in hooks:
            hook.remove()
    assert (step.attention.argmax(-1) == patch).all()
    assert np.delete(step.attention, patch, axis=1).max() == 0


def test_question_words_are_shown_where_the_question_is_read_with_the_picture(
    instructblip: LocalModel,
) -> None:
    answer = instructblip.ask(Question(QUESTION, (make_region(),)), max_tokens=2)
    shown = [QUESTION[word.start : word.stop] for word in answer.question_words]
    assert shown == ["What", "defect", "is", "there"]


def test_the_dialogue_of_blip_2_is_that_of_its_paper(tmp_path: Path) -> None:
    family = LocalModel.load(checkpoint("blip-2", tmp_path / "m"), "cpu").family
    prompt = family.prompt(
        [make_region()], QUESTION, [Turn("Is it SEM?", "Yes.")], instruction="Be brief."
    )
    ids = prompt.inputs["input_ids"][0].tolist()
    text = family.tokenizer.decode(ids[QUERIES:], skip_special_tokens=True)
    assert text == f"Be brief.\nQuestion: Is it SEM? Answer: Yes. Question: {QUESTION} Answer:"
    start, stop = prompt.question_span
    assert family.tokenizer.decode(ids[start:stop]).strip() == QUESTION


def test_instructblip_is_asked_in_plain_words_by_both_of_its_readers(
    instructblip: LocalModel,
) -> None:
    prompt = prompt_of(instructblip)
    ids = prompt.inputs["input_ids"][0, QUERIES:]
    assert instructblip.family.tokenizer.decode(ids, skip_special_tokens=True) == QUESTION
    assert prompt.inputs["qformer_input_ids"].shape[1] > 3


def test_reserved_words_cannot_be_asked(model: LocalModel) -> None:
    word = model.family.tokenizer.all_special_tokens[0]
    with pytest.raises(QuestionError, match="keeps for itself"):
        model.family.prompt([make_region()], f"What is {word}?")


def test_two_regions_are_too_many(model: LocalModel) -> None:
    with pytest.raises(QuestionError, match="1 region at a time"):
        model.ask(Question(QUESTION, (make_region(), make_region(seed=1))))


def test_a_blip_that_writes_captions_is_refused(tmp_path: Path) -> None:
    folder = checkpoint("blip", tmp_path / "m")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["BlipForConditionalGeneration"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="does not answer questions"):
        LocalModel.load(folder, "cpu")


def test_an_old_checkpoint_without_an_image_token_answers_alike(tmp_path: Path) -> None:
    folder = checkpoint("instructblip", tmp_path / "m")
    question = Question(QUESTION, (make_region(),))
    before = LocalModel.load(folder, "cpu").ask(question, max_tokens=4)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["image_token_index"] = None
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    after = LocalModel.load(folder, "cpu").ask(question, max_tokens=4)
    assert after.text == before.text


def test_a_long_question_is_read_as_far_as_the_q_former_can(instructblip: LocalModel) -> None:
    answer = instructblip.ask(Question("Is there a crack? " * 60, (make_region(),)), max_tokens=2)
    assert answer.attention[0].values.sum() == pytest.approx(1, abs=1e-4)


def test_a_question_beyond_the_positions_of_the_language_model_is_told(tmp_path: Path) -> None:
    model = LocalModel.load(checkpoint("blip-2", tmp_path / "m"), "cpu")
    with pytest.raises(QuestionError, match="too long for this model"):
        model.ask(Question("Is there a crack? " * 60, (make_region(),)))
