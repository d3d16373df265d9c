"""Idefics2, Idefics3, SmolVLM, Gemma 3, PaliGemma, Llama 3.2 Vision: prompts, pixels, attention."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText

from models.tiny_models import checkpoint
from napari_micrograph_vlm.attention.recorder import use_recording
from napari_micrograph_vlm.errors import ModelError, QuestionError
from napari_micrograph_vlm.models.families import family_of
from napari_micrograph_vlm.models.families.base import Family, Prompt
from napari_micrograph_vlm.models.families.parts import region_picture
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.session import Sessions
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Turn

NAMES = ["idefics2", "idefics3", "smolvlm", "gemma3", "paligemma", "mllama"]
TILED = ["idefics2", "idefics3", "smolvlm", "mllama"]
SQUARE = ["gemma3", "paligemma"]
QUESTION = "What defect is there?"


class Tiny:
    """A tiny checkpoint, its model and its family."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self.family: Family = family_of(self.model.config).load(folder, self.model.config)

    def seen(self, prompt: Prompt) -> Tensor:
        """Return what the image encoder makes of each box, region after region, (M, D)."""
        with watched(self.model, self.encoder) as found, torch.no_grad():
            self.model(**prompt.inputs)
        features = found[0]
        if self.model.config.model_type == "idefics2":
            mask = prompt.inputs["pixel_attention_mask"][0]
            whole = mask.unfold(1, 14, 14).unfold(2, 14, 14).amin(dim=(-1, -2)).bool()
            return features[whole.flatten(1)]
        positions = np.concatenate([sight.positions for sight in prompt.sights])
        if self.model.config.model_type == "mllama":
            return features.flatten(0, -2)[positions]
        # The order in which image tokens stand in the text is that of the features.
        assert (prompt.inputs["input_ids"][0, positions] == self.model.config.image_token_id).all()
        assert len(positions) == features.flatten(0, -2).shape[0]
        return features.flatten(0, -2)

    @property
    def encoder(self) -> str:
        """Name of the module that gives the features the decoder (or resampler) gets."""
        return {
            "idefics2": "model.connector.modality_projection",
            "mllama": "model.multi_modal_projector",
            "idefics3": "model.connector",
            "smolvlm": "model.connector",
        }.get(self.model.config.model_type, "model.multi_modal_projector")


@contextmanager
def watched(model: Any, name: str) -> Iterator[list[Tensor]]:
    """Collect what a module gives while the block runs."""
    found: list[Tensor] = []
    module = model.get_submodule(name)
    hook = module.register_forward_hook(lambda _m, _a, output: found.append(output))
    try:
        yield found
    finally:
        hook.remove()


@pytest.fixture(scope="module")
def tinies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    folder = tmp_path_factory.mktemp("tiny")
    found = {name: Tiny(checkpoint(name, folder / name)) for name in NAMES}
    for tiny in found.values():
        use_recording(tiny.family.decoder(tiny.model))
    return found


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    """The same with image encoders in which no patch attends to another."""
    folder = tmp_path_factory.mktemp("apart")
    found = {name: Tiny(checkpoint(name, folder / name)) for name in NAMES}
    for tiny in found.values():
        changed = 0
        for name, module in tiny.model.named_modules():
            if re.search(r"vision.*self_attn\.(out_proj|o_proj)$", name):
                module.weight.data.zero_()
                if module.bias is not None:
                    module.bias.data.zero_()
                changed += 1
        assert changed >= 2
    return found


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(60, 190, (height, width), dtype=np.uint8)


def region(height: int = 200, width: int = 330, seed: int = 0) -> Region:
    return Cutout.of_array(picture(height, width, seed)).read()


def reference(tiny: Tiny, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return transformers' own processor, which else insists on torchvision or num2words."""
    import transformers
    from transformers.models.smolvlm import processing_smolvlm
    from transformers.processing_utils import ProcessorMixin

    monkeypatch.setattr(
        ProcessorMixin, "check_argument_for_proper_class", lambda *_args, **_kwargs: None
    )
    monkeypatch.setattr(processing_smolvlm, "num2words", str)
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "idefics2": ("Idefics2Processor", "Idefics2ImageProcessorPil", {"image_seq_len": 8}),
        "idefics3": ("Idefics3Processor", "Idefics3ImageProcessorPil", {"image_seq_len": 4}),
        "smolvlm": (
            "SmolVLMProcessor",
            "SmolVLMImageProcessorPil",
            {"image_seq_len": 4, "video_processor": None},
        ),
        "gemma3": ("Gemma3Processor", "Gemma3ImageProcessorPil", {"image_seq_length": 16}),
        "paligemma": ("PaliGemmaProcessor", "SiglipImageProcessorPil", {}),
        "mllama": ("MllamaProcessor", "MllamaImageProcessorPil", {}),
    }
    processor, pictures, settings = kinds[name]
    made = getattr(transformers, pictures).from_pretrained(tiny.folder)
    if name == "paligemma":
        made.image_seq_length = 16
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny.folder)
    return getattr(transformers, processor)(image_processor=made, tokenizer=tokenizer, **settings)


def rendered(tiny: Tiny, name: str, images: int) -> str:
    if name == "paligemma":
        return "<image>" * images + f"answer en {QUESTION}"
    content = [*({"type": "image"} for _ in range(images)), {"type": "text", "text": QUESTION}]
    text: str = tiny.family.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=(tiny.folder / "chat_template.jinja").read_text(),
        add_generation_prompt=True,
        tokenize=False,
    )
    return text


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_prompt_is_what_transformers_own_processor_makes(
    tinies: dict[str, Tiny], name: str, tiled: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tinies[name]
    given = [region(), region(230, 190, seed=1)][:count]
    ours = tiny.family.prompt(given, QUESTION, tiled=tiled)
    if name == "mllama" and not tiled:
        pytest.skip("the processor always tiles; see the test of pixels and boxes")
    processor = reference(tiny, name, monkeypatch)
    processor.image_processor.do_image_splitting = tiled
    theirs = processor(
        text=[rendered(tiny, name, count)],
        images=[[region_picture(each) for each in given]],
        # PaliGemma's makes arrays of its lists, which tensors are not fit for.
        return_tensors=None if name == "paligemma" else "pt",
    )
    ids = torch.as_tensor(np.asarray(theirs["input_ids"]))
    # Where template and tokenizer both write the first token, theirs has it twice.
    twice = int(ids[0, 0] == ids[0, 1] == tiny.family.tokenizer.bos_token_id)
    assert ours.inputs["input_ids"].tolist() == ids[:, twice:].tolist()
    values = torch.as_tensor(np.asarray(theirs["pixel_values"]))
    torch.testing.assert_close(ours.inputs["pixel_values"], values)
    for key in ("aspect_ratio_ids", "aspect_ratio_mask", "pixel_attention_mask"):
        if key in ours.inputs:
            assert ours.inputs[key].tolist() == theirs[key].tolist(), key
        elif key in theirs:  # nothing is padded, which the model takes for granted
            assert bool((theirs[key] == 1).all()), key
    for key in ("token_type_ids", "cross_attention_mask"):
        if key in ours.inputs:
            assert ours.inputs[key].tolist() == np.asarray(theirs[key])[:, twice:].tolist(), key


ZONES = {
    "upper left": (0.0, 0.0, 0.3, 0.3),
    "upper right": (0.0, 0.7, 0.3, 1.0),
    "lower left": (0.7, 0.0, 1.0, 0.3),
    "lower right": (0.7, 0.7, 1.0, 1.0),
    "a spot": (0.4, 0.55, 0.6, 0.75),
}


@pytest.mark.parametrize("shape", [(200, 330), (330, 120), (90, 80)])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_pixels_reach_the_tokens_whose_boxes_show_them(
    apart: dict[str, Tiny], name: str, tiled: bool, shape: tuple[int, int]
) -> None:
    tiny = apart[name]
    before = picture(*shape)
    prompt = tiny.family.prompt([Cutout.of_array(before).read()], QUESTION, tiled=tiled)
    boxes = prompt.sights[0].boxes.boxes
    base = tiny.seen(prompt)
    assert len(base) == len(boxes)
    size = boxes[:, 2:] - boxes[:, :2]
    # Resampling mixes neighbouring pixels, of the picture or of what it is reduced to.
    margin = np.maximum(0.25 * size, 3.5 / np.array(shape))
    for where, (y0, x0, y1, x1) in ZONES.items():
        after = before.copy()
        rows = slice(round(y0 * shape[0]), round(y1 * shape[0]))
        columns = slice(round(x0 * shape[1]), round(x1 * shape[1]))
        after[rows, columns] = 250 - after[rows, columns]
        other = tiny.family.prompt([Cutout.of_array(after).read()], QUESTION, tiled=tiled)
        changed = ((tiny.seen(other) - base).abs() > 1e-5).any(-1).numpy()
        overlap = np.minimum(boxes[:, 2:], (y1, x1)) - np.maximum(boxes[:, :2], (y0, x0))
        inside = (boxes[:, :2] < 1).all(-1)
        must = (overlap > 0.1 * size).all(-1) & inside
        may = (overlap > -margin).all(-1)
        assert must.any(), where
        assert changed[must].all(), where
        assert not changed[~may].any(), where


def eager_attention(tiny: Tiny, prompt: Prompt, tokens: list[int]) -> list[Tensor]:
    """Return all weights of the decoder's layers in one pass, each (heads, L, keys)."""
    inputs = dict(prompt.inputs)
    new = torch.tensor([tokens])
    written = 1 if tiny.model.config.model_type == "paligemma" else 0
    inputs["input_ids"] = torch.cat([inputs["input_ids"], new], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "token_type_ids" in inputs:
        kinds = torch.full_like(new, written)
        inputs["token_type_ids"] = torch.cat([inputs["token_type_ids"], kinds], 1)
    if "cross_attention_mask" in inputs:
        mask = inputs["cross_attention_mask"]
        last = mask[:, -1:].expand(-1, len(tokens), -1, -1)
        inputs["cross_attention_mask"] = torch.cat([mask, last], 1)
    decoder: Any = tiny.family.decoder(tiny.model)
    kept: dict[int, Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda m, _a, output: kept.__setitem__(m.layer_idx, output[1][0])
        )
        for name, module in decoder.named_modules()
        if name.endswith("attn") and hasattr(module, "layer_idx")
    ]
    decoder.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            tiny.model(**inputs)
    finally:
        use_recording(decoder)
        for hook in hooks:
            hook.remove()
    wanted = tiny.family.attention_layers or tuple(sorted(kept))
    return [kept[layer] for layer in wanted]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_recorded_attention_is_that_of_eager_attention(
    tinies: dict[str, Tiny], name: str, count: int
) -> None:
    tiny = tinies[name]
    given = [region(), region(230, 190, seed=1)][:count]
    prompt = tiny.family.prompt(given, QUESTION, [Turn("What is it?", "A film.")])
    started = Sessions().start(tiny.model, tiny.family, prompt)
    steps = list(generate(tiny.model, tiny.family, prompt, started, max_tokens=6, min_tokens=6))
    weights = eager_attention(tiny, prompt, [step.token for step in steps[:-1]])
    positions = np.concatenate([sight.positions for sight in prompt.sights])
    expected = torch.stack([w.mean(0)[:, positions] for w in weights]).numpy()
    for i, step in enumerate(steps):
        row = prompt.length - 1 + i
        np.testing.assert_allclose(step.attention, expected[:, row], atol=1e-5)
    assert steps[0].question is not None
    rows = expected[:, prompt.question_span[0] : prompt.length].swapaxes(0, 1)
    np.testing.assert_allclose(steps[0].question, rows, atol=1e-5)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_those_of_generate_with_and_without_a_session(
    tinies: dict[str, Tiny], name: str, tiled: bool
) -> None:
    tiny = tinies[name]
    sessions = Sessions()
    answers = set()
    for question in (QUESTION, "How many pores are there?", "Describe it.", QUESTION):
        prompt = tiny.family.prompt([region()], question, tiled=tiled)
        plain = tiny.model.generate(
            **prompt.inputs, do_sample=False, max_new_tokens=8, min_new_tokens=8
        )[0, prompt.length :]
        started = sessions.start(tiny.model, tiny.family, prompt)
        assert started.length == (prompt.shared if tiny.family.keeps_prefix else 0)
        steps = generate(tiny.model, tiny.family, prompt, started, max_tokens=8, min_tokens=8)
        assert [step.token for step in steps] == plain.tolist()
        answers.add(tuple(plain.tolist()))
    assert len(answers) > 1


@pytest.mark.parametrize("name", NAMES)
def test_answer_depends_on_the_picture(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    prompts = [tiny.family.prompt([region(seed=seed)], QUESTION) for seed in (0, 1)]
    with torch.no_grad():
        first, second = (tiny.model(**prompt.inputs).logits[0, -1] for prompt in prompts)
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_questions_about_one_region_share_their_beginning(
    tinies: dict[str, Tiny], name: str
) -> None:
    family = tinies[name].family
    given = [region()]
    prompts = [
        family.prompt(given, QUESTION),
        family.prompt(given, "1. Describe it."),
        family.prompt(given, "And the pores?", [Turn(QUESTION, "A bridge.")]),
    ]
    first = prompts[0]
    if name == "paligemma":
        assert [p.shared for p in prompts] == [0, 0, 0]
        return
    if name != "mllama":
        assert first.shared > first.sights[0].positions.max()
    for other in prompts[1:]:
        assert other.shared == first.shared
        ids, others = (p.inputs["input_ids"][0, : p.shared].tolist() for p in (first, other))
        assert ids == others


@pytest.mark.parametrize("question", [QUESTION, "assistant", "How wide – in µm – is the é?", "<5?"])
@pytest.mark.parametrize("name", NAMES)
def test_question_span_holds_the_question(
    tinies: dict[str, Tiny], name: str, question: str
) -> None:
    family = tinies[name].family
    turns = [Turn(QUESTION, "A bridge.")]
    prompt = family.prompt([region()], question, turns, instruction="Be brief.")
    start, stop = prompt.question_span
    asked = family.tokenizer.decode(prompt.inputs["input_ids"][0, start:stop])
    assert asked.strip() == question
    assert start >= prompt.shared
    text = family.tokenizer.decode(prompt.inputs["input_ids"][0])
    assert text.index(QUESTION) < text.index("A bridge.") < text.rindex(question)
    assert "Be brief." in text


@pytest.mark.parametrize("name", NAMES)
def test_reserved_words_are_refused_in_a_question(tinies: dict[str, Tiny], name: str) -> None:
    family = tinies[name].family
    image = family.tokenizer.convert_ids_to_tokens(tinies[name].model.config.image_token_id)
    with pytest.raises(QuestionError, match="leave it out"):
        family.prompt([region()], f"What is {image}?")


@pytest.mark.parametrize("name", NAMES)
def test_prepared_views_show_the_region(tinies: dict[str, Tiny], name: str) -> None:
    given = region()
    for tiled in (False, True):
        views = tinies[name].family.prepare(given, tiled).views
        assert views[0].box == (0, 0, 1, 1)
        assert (len(views) > 1) == (tiled and name in TILED)
        for view in views:
            y0, x0, y1, x1 = view.box
            assert 0 <= y0 < y1 <= 1
            assert 0 <= x0 < x1 <= 1
            height, width = given.pixels.shape
            box = (x0 * width, y0 * height, x1 * width, y1 * height)
            kind = Image.Resampling.BICUBIC
            shown = region_picture(given).resize(view.pixels.shape[1::-1], kind, box=box)
            difference = np.abs(np.asarray(shown, float) - view.pixels)[2:-2, 2:-2]
            # Noise is hard: a shift by a single pixel would differ by 15 or more.
            assert difference.mean() < 9


@pytest.mark.parametrize("name", [n for n in TILED if n != "mllama"])
def test_region_is_tiled_where_it_is_reduced_more_than_threefold(
    tinies: dict[str, Tiny], name: str
) -> None:
    family = tinies[name].family
    side = 112 if name == "idefics2" else 56
    small, medium, large = (region(n, n) for n in (side, 2 * side, 4 * side))
    assert [family.prepare(each).tiled for each in (small, medium, large)] == [False, False, True]
    assert [family.prepare(each, True).tiled for each in (small, medium)] == [False, True]
    assert not family.prepare(large, False).tiled
    assert family.prepare(medium).could_tile
    assert not family.prepare(small).could_tile
    assert family.prepare(large, False).reduction == pytest.approx(4)
    assert family.prepare(large).reduction < 2.1


@pytest.mark.parametrize("shape", [(8, 8), (18, 9), (410, 400)])
def test_views_of_published_size_take_the_smallest_regions(
    tinies: dict[str, Tiny], shape: tuple[int, int], tmp_path: Path
) -> None:
    folder = shutil.copytree(tinies["idefics3"].folder, tmp_path / "copy")
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    settings |= {"max_image_size": {"longest_edge": 392}, "size": {"longest_edge": 4 * 392}}
    path.write_text(json.dumps(settings))
    config = tinies["idefics3"].model.config
    for tiled in (None, True):
        prompt = family_of(config).load(folder, config).prompt([region(*shape)], "?", tiled=tiled)
        assert prompt.inputs["pixel_values"].shape == (1, 1, 3, 392, 392)
        assert len(prompt.sights[0].positions) == (392 // 14 // 2) ** 2


def test_llama_tiles_wherever_that_shows_more(tinies: dict[str, Tiny]) -> None:
    family = tinies["mllama"].family
    assert [family.prepare(region(n, n)).tiled for n in (56, 112)] == [False, True]
    # An empty tile costs as much as a full one, so the picture has four either way.
    for tiled, seen in ((False, 16), (True, 64)):
        prompt = family.prompt([region(200, 200)], QUESTION, tiled=tiled)
        assert prompt.inputs["pixel_values"].shape[2] == 4
        assert len(prompt.sights[0].positions) == seen


@pytest.mark.parametrize("name", SQUARE)
def test_square_families_offer_no_tiles(tinies: dict[str, Tiny], name: str) -> None:
    given = tinies[name].family.prepare(region(500, 400), True)
    assert (given.tiled, given.could_tile, len(given.views)) == (False, False, 1)


@pytest.mark.parametrize("name", ["idefics2", "idefics3"])
def test_regions_of_one_question_may_differ_in_tiles(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    given = [region(60, 50), region(500, 400, seed=1)]
    prompt = tiny.family.prompt(given, QUESTION)
    small, large = (len(sight.positions) for sight in prompt.sights)
    assert large >= 5 * small
    with tiny.family.mixing(tiny.model, prompt) as mixing, torch.no_grad():
        logits = tiny.model(**prompt.inputs).logits
    assert bool(logits.isfinite().all())
    if name == "idefics2":
        sizes = [(len(s.positions), len(s.boxes)) for s in prompt.sights]
        assert [tuple(share.shape) for share in mixing.shares] == sizes


def perceiver_weights(tiny: Tiny, prompt: Prompt) -> list[Tensor]:
    """Return the resampler's own weights, layer by layer, (pictures, heads, L, M + L)."""
    resampler = tiny.model.model.connector.perceiver_resampler
    found: list[Tensor] = []
    hooks = [
        layer.self_attn.register_forward_hook(lambda _m, _a, output: found.append(output[1]))
        for layer in resampler.layers
    ]
    before = resampler.config._attn_implementation
    resampler.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            tiny.model(**prompt.inputs)
    finally:
        resampler.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()
    return found


@pytest.mark.parametrize("tiled", [False, True])
def test_mixing_follows_the_resamplers_own_attention(tinies: dict[str, Tiny], tiled: bool) -> None:
    tiny = tinies["idefics2"]
    prompt = tiny.family.prompt([region()], QUESTION, tiled=tiled)
    with tiny.family.mixing(tiny.model, prompt) as mixing, torch.no_grad():
        mixed = tiny.model(**prompt.inputs).logits
    with torch.no_grad():
        plain = tiny.model(**prompt.inputs).logits
    assert torch.equal(mixed, plain)  # looking on changes nothing
    (shares,) = mixing.shares
    layers = [w.mean(1) for w in perceiver_weights(tiny, prompt)]
    pictures, latents, keys = layers[0].shape
    patches = keys - latents
    assert shares.shape == (pictures * latents, len(prompt.sights[0].boxes))
    torch.testing.assert_close(shares.sum(-1), torch.ones(len(shares)))
    per = len(prompt.sights[0].boxes) // pictures
    for index in range(pictures):
        # The same by hand: what a latent is made of, patches and its own beginning apart.
        total = torch.cat([torch.zeros(latents, patches), torch.eye(latents)], dim=1)
        for weights in layers:
            w = weights[index]
            sources = torch.cat([torch.eye(patches), torch.zeros(patches, latents)], dim=1)
            total = 0.5 * total + 0.5 * (w @ torch.cat([sources, total]))
        expected = total[:, :patches]
        expected = expected / expected.sum(-1, keepdim=True)
        rows = shares[index * latents : (index + 1) * latents]
        own = rows[:, index * per : (index + 1) * per]
        torch.testing.assert_close(own, expected[:, expected.sum(0) > 0], atol=1e-4, rtol=1e-3)
        assert float(rows.sum()) == pytest.approx(float(own.sum()))
    assert shares.std() > 1e-3


def test_mixing_finds_the_patch_that_a_latent_copies(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["idefics2"]
    prompt = tiny.family.prompt([region()], QUESTION, tiled=False)
    with tiny.family.mixing(tiny.model, prompt) as mixing, torch.no_grad():
        tiny.model(**prompt.inputs)
    # Gradients know nothing of our bookkeeping: patches with a large share move a latent most.
    connector = tiny.model.model.connector
    with watched(tiny.model, "model.connector.modality_projection") as found, torch.no_grad():
        tiny.model(**prompt.inputs)
    context = found[0].clone().requires_grad_(True)
    mask = torch.ones(context.shape[:2], dtype=torch.bool)
    latents = connector.perceiver_resampler(context=context, attention_mask=mask)
    agreement = []
    for index in range(latents.shape[1]):
        (gradient,) = torch.autograd.grad(
            latents[0, index].square().sum(), context, retain_graph=True
        )
        moved = gradient[0].norm(dim=-1)
        agreement.append(np.corrcoef(moved.numpy(), mixing.shares[0][index].numpy())[0, 1])
    assert np.mean(agreement) > 0.4


def test_mixing_of_regions_already_read_comes_from_the_session(tinies: dict[str, Tiny]) -> None:
    tiny = tinies["idefics2"]
    sessions = Sessions()
    shares = [
        sessions.start(tiny.model, tiny.family, tiny.family.prompt([region()], question)).mixing
        for question in (QUESTION, "Describe it.")
    ]
    assert shares[0] is not None
    assert shares[1] is not None
    assert torch.equal(shares[0][0], shares[1][0])


def test_llamas_text_before_an_image_does_not_look_at_it(tinies: dict[str, Tiny]) -> None:
    family = tinies["mllama"].family
    prompt = family.prompt([region(), region(60, 50)], QUESTION)
    mask = prompt.inputs["cross_attention_mask"][0]
    image = tinies["mllama"].model.config.image_token_id
    places = (prompt.inputs["input_ids"][0] == image).nonzero().flatten().tolist()
    assert mask.shape == (prompt.length, 2, 4)
    for index, tiles in ((0, 4), (1, 1)):
        assert not mask[: places[index], index].any()
        assert bool((mask[places[index] :, index, :tiles] == 1).all())
        assert not mask[:, index, tiles:].any()


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
@pytest.mark.parametrize("name", NAMES)
def test_incomplete_checkpoint_is_refused_with_the_file(
    tinies: dict[str, Tiny], name: str, missing: str, tmp_path: Path
) -> None:
    tiny = tinies[name]
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=r"tokenizer|preprocessor_config\.json"):
        family_of(tiny.model.config).load(folder, tiny.model.config)


@pytest.mark.parametrize("name", NAMES)
def test_chat_template_is_needed_where_the_format_is_not_known_without(
    tinies: dict[str, Tiny], name: str, tmp_path: Path
) -> None:
    tiny = tinies[name]
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    load = family_of(tiny.model.config).load
    if name in ("idefics2", "paligemma"):
        ours = load(folder, tiny.model.config).prompt([region()], QUESTION)
        expected = tiny.family.prompt([region()], QUESTION)
        assert torch.equal(ours.inputs["input_ids"], expected.inputs["input_ids"])
        return
    with pytest.raises(ModelError, match="no chat template"):
        load(folder, tiny.model.config)
