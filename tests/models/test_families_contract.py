"""What every family of models must do, on small models with real processors and templates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from models.tiny_models import BUILDERS, checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.models.families.base import Family
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question

QUESTION = "What defect is there?"
OTHER = "How many pores are there?"


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = checkpoint(request.param, tmp_path_factory.mktemp("models") / request.param)
    loaded = load_model(folder, "cpu")
    assert isinstance(loaded, LocalModel)
    return loaded


@pytest.fixture
def region() -> Region:
    return make_region(150, 110)


def _records(model: LocalModel) -> None:
    if model.family.speaks_itself:
        pytest.skip("this family composes its attention itself; see its own tests")


def _full(prompt: Any, tokens: list[int], family: Family) -> dict[str, torch.Tensor]:
    """Return the inputs of a prompt with tokens after it."""
    inputs = dict(prompt.inputs)
    more = torch.tensor([tokens])
    for key in family.sequence_keys:
        if key in inputs:
            fill = {"input_ids": more, "attention_mask": torch.ones_like(more)}
            if not family.keeps_prefix:  # what follows the prompt is told apart from it
                fill["token_type_ids"] = torch.ones_like(more)
            tail = fill.get(key, torch.zeros_like(more))
            if inputs[key].ndim > 2:  # such as which tokens may see which pictures
                tail = inputs[key][:, -1:].expand(-1, len(tokens), *inputs[key].shape[2:])
            inputs[key] = torch.cat([inputs[key], tail.to(inputs[key])], dim=1)
    return inputs


@contextmanager
def _attending(module: Any, name: str, back: str) -> Iterator[None]:
    module.set_attn_implementation(name)
    try:
        yield
    finally:
        module.set_attn_implementation(back)


def test_it_answers_and_classifies_where_a_user_would_load_it(
    model: LocalModel, region: Region
) -> None:
    answer = model.ask(Question(QUESTION, (region,)), max_tokens=8)
    assert len(answer.attention) == 1
    assert answer.attention[0].values.sum() == pytest.approx(1, abs=1e-4)
    for word in answer.words:
        assert 0 < word.probability <= 1
        assert word.attention[0].values.min() >= 0
    found = model.classify([region], ["crack", "pore", "bridge"])
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert model.prepare(region).views[0].pixels.dtype == np.uint8


def test_recorded_attention_is_that_of_a_slow_full_pass(model: LocalModel, region: Region) -> None:
    _records(model)
    family, network = model.family, model.model
    prompt = family.prompt([region], QUESTION)
    steps = list(generate(network, family, prompt, max_tokens=6))
    tokens = [step.token for step in steps]
    recorded = np.stack([step.attention for step in steps])
    decoder: Any = family.decoder(network)
    inputs = _full(prompt, tokens[:-1], family)
    with _attending(decoder, "eager", "micrograph_sdpa"), torch.inference_mode():
        slow = network(**inputs, output_attentions=True, use_cache=False).attentions
    layers = family.attention_layers or range(len(slow))
    places = torch.as_tensor(prompt.sights[0].positions)
    mean = torch.stack([slow[i][0].mean(0)[:, places] for i in layers]).transpose(0, 1).numpy()
    np.testing.assert_allclose(recorded, mean[prompt.length - 1 :], atol=1e-4)
    question = steps[0].question
    assert question is not None
    np.testing.assert_allclose(question, mean[prompt.question_span[0] : prompt.length], atol=1e-4)
    assert mean.std() > 1e-3  # random weights, but not even attention


def _blind(module: Any, query: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, None]:
    """Attend to nothing: then each image token depends on its own pixels alone."""
    return torch.zeros_like(query.transpose(1, 2)), None


AttentionInterface.register("blind", _blind)
AttentionMaskInterface.register("blind", sdpa_mask)


def _image_tokens(model: LocalModel, region: Region, tiled: bool | None) -> tuple[Any, Any]:
    """Return what the decoder is given for each image token, and the boxes of these."""
    prompt = model.family.prompt([region], QUESTION, tiled=tiled)
    given: list[torch.Tensor] = []

    def note(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        given.append(kwargs["inputs_embeds"])

    decoder: Any = model.family.decoder(model.model)
    hook = decoder.register_forward_pre_hook(note, with_kwargs=True)
    try:
        with torch.inference_mode():
            model.model(**prompt.inputs)
    finally:
        hook.remove()
    return given[0][0, torch.as_tensor(prompt.sights[0].positions)], prompt.sights[0].boxes.boxes


def _corner(
    boxes: np.ndarray, corner: tuple[int, int], size: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a corner's box, which tokens surely see it, and which surely do not."""
    y0, x0 = (end * (1 - size) for end in corner)
    box = np.array([y0, x0, y0 + size, x0 + size])
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    down = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    across = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    # Resizing smears a change by some pixels, and thinned tokens are mixed with their neighbours.
    inside = (down > 0.25 * np.minimum(tall, 1)) & (across > 0.25 * np.minimum(wide, 1))
    outside = (down < -0.3 * tall - 0.03) | (across < -0.3 * wide - 0.03)
    return box, inside, outside


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("shape", [(150, 110), (90, 240)])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_changed_corner_reaches_the_tokens_whose_boxes_lie_there(
    model: LocalModel, shape: tuple[int, int], corner: tuple[int, int], tiled: bool
) -> None:
    _records(model)
    if _shares(model) or model.family.attention_layers is not None:
        pytest.skip("its image tokens stand behind a resampler or aside; see its own tests")
    network: Any = model.model
    before = make_region(*shape)
    with _attending(network, {"vision_config": "blind"}, {"vision_config": "sdpa"}):
        one, boxes = _image_tokens(model, before, tiled)
        # As small as the grid allows: the smallest here has 2 x 2 tokens.
        for size in (0.3, 0.4, 0.5, 0.6):
            box, inside, outside = _corner(boxes, corner, size)
            if inside.any() and outside.any():
                break
        y0, x0, y1, x1 = (box * np.array([*shape, *shape])).round().astype(int)
        pixels = before.pixels.copy()
        pixels[y0:y1, x0:x1] = 1 - pixels[y0:y1, x0:x1]
        two, _ = _image_tokens(model, replace(before, pixels=pixels), tiled)
    changed = (one - two).abs().amax(-1).numpy() > 1e-3 * float(one.abs().amax())
    assert len(changed) == len(boxes)
    assert inside.any()
    assert outside.any()
    assert changed[inside].all()
    assert not changed[outside].any()


def _shares(model: LocalModel) -> list[torch.Tensor]:
    prompt = model.family.prompt([make_region()], QUESTION)
    with torch.inference_mode(), model.family.mixing(model.model, prompt) as mixing:
        model.model(**prompt.inputs)
    return mixing.shares


def test_streamed_text_is_what_transformers_generates(model: LocalModel, region: Region) -> None:
    pieces: list[str] = []
    answer = model.ask(Question(QUESTION, (region,)), on_text=pieces.append, max_tokens=12)
    prompt = model.family.prompt([region], QUESTION)
    network: Any = model.model
    with torch.inference_mode():
        ids = network.generate(**prompt.inputs, max_new_tokens=12, do_sample=False, num_beams=1)[
            0
        ].tolist()
    start = prompt.inputs["input_ids"][0].tolist()
    if ids[: len(start)] == start:
        ids = ids[len(start) :]
    text = model.family.tokenizer.decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    assert "".join(pieces) == answer.text == text.strip()


def test_a_second_question_on_a_known_region_has_the_same_answer(model: LocalModel) -> None:
    region, elsewhere = make_region(150, 110), make_region(120, 130, seed=5)
    model.sessions.forget()
    fresh = model.ask(Question(OTHER, (region,)), max_tokens=10)
    model.sessions.forget()
    for known in (region, elsewhere):
        model.ask(Question(QUESTION, (known,)), max_tokens=4)
    again = model.ask(Question(OTHER, (region,)), max_tokens=10)
    assert again.text == fresh.text
    np.testing.assert_allclose(again.attention[0].values, fresh.attention[0].values, atol=1e-5)


def test_it_stops_within_a_token(model: LocalModel, region: Region) -> None:
    pieces: list[str] = []
    cancel = Event()

    def tell(piece: str) -> None:
        pieces.append(piece)
        cancel.set()

    with pytest.raises(Cancelled) as stopped:
        model.ask(Question(QUESTION, (region,)), on_text=tell, cancel=cancel, max_tokens=40)
    assert len(pieces) == 1
    assert stopped.value.text == pieces[0]


def test_it_stops_in_the_middle_of_reading_a_prompt(model: LocalModel, region: Region) -> None:
    cancel, passed = Event(), []
    layers = [
        layer
        for part in model.model.modules()
        if isinstance(part, torch.nn.ModuleList)
        for layer in part
        if any(True for _ in layer.parameters())
    ]
    model.sessions.forget()

    def note(*_: Any) -> None:
        passed.append(1)
        if len(passed) == 2:
            cancel.set()

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with pytest.raises(Cancelled):
            model.ask(Question(QUESTION, (region,)), cancel=cancel, max_tokens=40)
    finally:
        for hook in hooks:
            hook.remove()
    assert len(passed) <= 3  # the layer at work may finish, and the list that holds it
    assert model.ask(Question(QUESTION, (region,)), max_tokens=2).words is not None
