"""Cephalo's own checkpoints load under their published names and compute what was published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModel, Phi3Config, Phi3ForCausalLM

from models.tiny_idefics2 import build as build_idefics2
from models.tiny_idefics2_moe import build as build_idefics2_moe
from models.tiny_phi3 import PATCH, SIDE, VISION, VISION_LAYERS, build, build_moe
from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.models.cephalo.experts import Mixture
from napari_micrograph_vlm.models.cephalo.idefics2_moe import (
    Idefics2MoeConfig,
    Idefics2MoeForConditionalGeneration,
)
from napari_micrograph_vlm.models.cephalo.phi3_config import Phi3VisionConfig
from napari_micrograph_vlm.models.cephalo.phi3_pictures import layout_of
from napari_micrograph_vlm.models.cephalo.phi3_vision import Phi3VisionForConditionalGeneration
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Question, Turn

QUESTION = "What defect is there?"
BUILD = {"phi3_v": build, "phi3_v_moe": build_moe, "idefics2_moe": build_idefics2_moe}


def region(height: int = 90, width: int = 140, seed: int = 0) -> Region:
    return Cutout.of_array(np.random.default_rng(seed).random((height, width))).read()


@pytest.fixture(params=list(BUILD))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def written(kind: str, folder: Path, **settings: Any) -> Path:
    folder.mkdir()
    return BUILD[kind](folder, **settings)


def logits_of(folder: Path) -> Tensor:
    loaded = load(folder, "cpu")
    prompt = loaded.family.prompt([region()], QUESTION)
    with torch.no_grad():
        return loaded.model(**prompt.inputs).logits


def test_every_published_tensor_finds_its_place(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "model")
    held = list(load(folder, "cpu").model.state_dict().values())
    unused = {"lm_head.weight"} if kind.endswith("moe") else set()
    published = load_file(folder / "model.safetensors")
    for name, value in published.items():
        places = sum(value.shape == each.shape and torch.equal(value, each) for each in held)
        # Norms and biases of a fresh model may be alike; a copy of the embedding is dropped.
        assert places >= 1 or name in unused, name
    assert not any(torch.equal(published[name], each) for name in unused for each in held)


def test_tensors_stand_where_their_names_say(tmp_path: Path) -> None:
    folder = written("phi3_v", tmp_path / "model")
    model: Any = load(folder, "cpu").model
    published = load_file(folder / "model.safetensors")
    vision = "model.vision_embed_tokens"
    projector, tower = model.model.projector, model.model.vision_tower
    assert torch.equal(projector.separator, published[f"{vision}.glb_GN"])
    assert torch.equal(projector.newline, published[f"{vision}.sub_GN"])
    assert torch.equal(projector.layers[2].weight, published[f"{vision}.img_projection.2.weight"])
    assert torch.equal(
        tower.encoder.layers[1].mlp.fc2.weight,
        published[f"{vision}.img_processor.vision_model.encoder.layers.1.mlp.fc2.weight"],
    )
    layer = model.model.language_model.layers[1]
    assert torch.equal(
        layer.self_attn.qkv_proj.weight, published["model.layers.1.self_attn.qkv_proj.weight"]
    )
    assert torch.equal(model.head.weight, published["lm_head.weight"])


@pytest.mark.parametrize("kind", ["phi3_v_moe", "idefics2_moe"])
def test_experts_stand_where_their_names_say(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "model")
    loaded = load(folder, "cpu")
    published = load_file(folder / "model.safetensors")
    layers: Any = loaded.family.decoder(loaded.model).layers
    where = "model.model." + ("" if kind == "phi3_v_moe" else "text_model.") + "layers.1.mlp."
    mixture = layers[1].mlp
    assert len(mixture.experts) == 3
    for number, expert in enumerate(mixture.experts):
        name = f"{where}experts.{number}.down_proj.weight"
        assert torch.equal(expert.down_proj.weight, published[name])
    assert torch.equal(mixture.gating_layer.gate.bias, published[where + "gating_layer.gate.bias"])
    head: Any = loaded.model.get_output_embeddings()  # type: ignore[operator]
    assert torch.equal(head.weight, published["model.lm_head.weight"])


def test_a_checkpoint_may_leave_out_the_copy_of_the_embedding(tmp_path: Path) -> None:
    folder = written("phi3_v", tmp_path / "model")
    before = logits_of(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.vision_embed_tokens.wte.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(logits_of(folder), before)


def test_phi3_vision_computes_what_was_published(tmp_path: Path) -> None:
    folder = written("phi3_v", tmp_path / "model")
    loaded = load(folder, "cpu")
    prompt = loaded.family.prompt([region()], QUESTION)
    with torch.no_grad():
        ours = loaded.model(**prompt.inputs).logits
        published = load_file(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        theirs = reference_logits(config, published, prompt.inputs)
    assert ours.std() > 0.5
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def reference_logits(
    config: dict[str, Any], weights: dict[str, Tensor], inputs: dict[str, Tensor]
) -> Tensor:
    """Put Phi-3-vision together as it is described, token by token."""
    text = {
        name: config[name]
        for name in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    }
    phi = Phi3ForCausalLM(
        Phi3Config(
            **text,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=131072,
            original_max_position_embeddings=4096,
            pad_token_id=0,
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "original_max_position_embeddings": 4096,
                "short_factor": config["rope_scaling"]["short_factor"],
                "long_factor": config["rope_scaling"]["long_factor"],
            },
        )
    ).eval()
    phi.load_state_dict({k: v for k, v in weights.items() if "vision_embed_tokens" not in k})
    clip = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=VISION,
            intermediate_size=2 * VISION,
            num_hidden_layers=VISION_LAYERS,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=PATCH,
        )
    ).eval()
    vision = "model.vision_embed_tokens."
    tower = vision + "img_processor.vision_model."
    clip.load_state_dict(
        {k.removeprefix(tower): v for k, v in weights.items() if k.startswith(tower)}
    )
    seen = clip(inputs["pixel_values"], output_hidden_states=True).hidden_states[-2][:, 1:]
    patches = seen.reshape(len(seen), SIDE // PATCH, SIDE // PATCH, VISION)

    def square(view: int, row: int, column: int) -> Tensor:
        at = patches[view]
        y, x = 2 * row, 2 * column
        return torch.cat([at[y, x], at[y, x + 1], at[y + 1, x], at[y + 1, x + 1]])

    newline, separator = weights[vision + "sub_GN"].ravel(), weights[vision + "glb_GN"].ravel()
    rows, columns = inputs["image_sizes"][0].tolist()
    tokens, half = [], SIDE // PATCH // 2
    for y in range(rows * half):
        for x in range(columns * half):
            tile = 1 + (y // half) * columns + x // half
            tokens.append(square(tile, y % half, x % half))
        tokens.append(newline)
    tokens.append(separator)
    for y in range(half):
        tokens += [*(square(0, y, x) for x in range(half)), newline]
    hidden = torch.stack(tokens) @ weights[vision + "img_projection.0.weight"].T
    hidden = torch.nn.functional.gelu(hidden + weights[vision + "img_projection.0.bias"])
    image = hidden @ weights[vision + "img_projection.2.weight"].T
    image = image + weights[vision + "img_projection.2.bias"]
    embedded = phi.model.embed_tokens(inputs["input_ids"]).clone()
    embedded[inputs["input_ids"] == config["image_token_id"]] = image
    return phi(inputs_embeds=embedded).logits


@pytest.mark.parametrize("chosen", [1, 2, 3])
def test_a_mixture_weighs_the_chosen_experts_as_published(chosen: int) -> None:
    torch.manual_seed(0)
    mixture = Mixture([torch.nn.Linear(6, 6) for _ in range(3)], 6, chosen)
    hidden = torch.randn(2, 5, 6)
    with torch.no_grad():
        ours = mixture(hidden)
        for place in np.ndindex(2, 5):
            token = hidden[place]
            scores = mixture.gating_layer.gate(token).softmax(-1)
            values, indices = scores.topk(chosen)
            shares = values.softmax(-1)
            expected = sum(
                share * mixture.experts[int(i)](token)
                for share, i in zip(shares, indices, strict=True)
            )
            torch.testing.assert_close(ours[place], expected)


def test_different_tokens_pass_different_experts(tmp_path: Path) -> None:
    loaded = load(written("phi3_v_moe", tmp_path / "model"), "cpu")
    layers: Any = loaded.family.decoder(loaded.model).layers
    chosen = set()
    layers[0].mlp.gating_layer.register_forward_hook(
        lambda _m, _i, output: chosen.update(output[1].ravel().tolist())
    )
    with torch.no_grad():
        loaded.model(**loaded.family.prompt([region()], QUESTION).inputs)
    assert len(chosen) > 1


def test_a_mixture_of_equal_experts_is_the_model_itself(tmp_path: Path) -> None:
    plain = written("phi3_v", tmp_path / "plain")
    mixed = written("phi3_v_moe", tmp_path / "mixed", k=2)
    equalise(mixed, load_file(plain / "model.safetensors"))
    torch.testing.assert_close(logits_of(mixed), logits_of(plain), atol=1e-4, rtol=1e-4)


def test_an_idefics2_mixture_of_equal_experts_is_idefics2(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    build_idefics2(plain)
    mixed = written("idefics2_moe", tmp_path / "mixed", k=2)
    equalise(mixed, load_file(plain / "model.safetensors"))
    torch.testing.assert_close(logits_of(mixed), logits_of(plain), atol=1e-4, rtol=1e-4)


def equalise(mixed: Path, plain: dict[str, Tensor]) -> None:
    """Give every expert of a mixture the block of the plain model."""
    weights = load_file(mixed / "model.safetensors")
    for name in weights:
        before, _, expert = name.partition(".experts.")
        inner = f"{before.removeprefix('model.')}.{expert.partition('.')[2]}" if expert else name
        inner = inner if expert else name.removeprefix("model.")
        if inner in plain and name != "lm_head.weight":
            weights[name] = plain[inner].clone()
    save_file(weights, mixed / "model.safetensors", metadata={"format": "pt"})


def test_code_that_a_checkpoint_ships_is_not_run(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "model")
    marker = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    for name in ("modeling_phi3_v", "configuration_phi3_v", "moe_phi3_v", "moe_idefics2"):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    answer = LocalModel.load(folder, "cpu").ask(Question(QUESTION, (region(),)), max_tokens=2)
    assert answer.attention
    assert not marker.exists()


def test_answers_end_where_the_model_cards_say(tmp_path: Path) -> None:
    folder = written("phi3_v", tmp_path / "model")
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}', encoding="utf-8")
    loaded = load(folder, "cpu")
    ends: Any = loaded.model.generation_config.eos_token_id  # type: ignore[union-attr]
    texts = loaded.family.tokenizer.convert_ids_to_tokens(ends)
    assert {"<|end|>", "<|endoftext|>"} <= set(texts)


@pytest.mark.parametrize(
    "changed",
    [
        {"img_processor": {"name": "siglip"}},
        {"embd_layer": {"hd_transform_order": "glb_sub"}},
        {"embd_layer": {"projection_cls": "linear"}},
        {"embd_layer": {"use_hd_transform": False}},
    ],
)
def test_other_ways_of_joining_the_vision_tower_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="other than the published one"):
        Phi3VisionConfig(vocab_size=8, hidden_size=8, **changed)


# Tiles as the published image processor lays them, with at most 16 and with one.
@pytest.mark.parametrize(
    ("size", "tiles", "padding"),
    [
        ((90, 140), (3, 4), (72, 0)),
        ((140, 90), (4, 3), (0, 72)),
        ((600, 200), (6, 2), (0, 0)),
        ((200, 611), (2, 6), (6, 0)),
        ((300, 300), (4, 4), (0, 0)),
        ((77, 1000), (1, 12), (13, 0)),
    ],
)
def test_pictures_are_tiled_as_published(
    size: tuple[int, int], tiles: tuple[int, int], padding: tuple[int, int]
) -> None:
    layout = layout_of(*size, side=336, most=16)
    assert (layout.rows, layout.columns) == tiles
    assert (layout.top, layout.left) == padding
    single = layout_of(*size, side=336, most=1)
    assert (single.rows, single.columns) == (1, 1)


def test_the_number_of_image_tokens_is_the_published_one(tmp_path: Path) -> None:
    folder = written("phi3_v", tmp_path / "model")
    loaded = load(folder, "cpu")
    prompt = loaded.family.prompt([region()], QUESTION)
    rows, columns = prompt.inputs["image_sizes"][0].tolist()
    half = SIDE // PATCH // 2
    # Published for 12 x 12 tokens a tile: (rows * columns + 1) * 144 + 1 + (rows + 1) * 12.
    expected = (rows * columns + 1) * half**2 + 1 + (rows + 1) * half
    image_id = loaded.model.config.image_token_id  # type: ignore[union-attr]
    assert int((prompt.inputs["input_ids"] == image_id).sum()) == expected
    assert len(prompt.sights[0].positions) == (rows * columns + 1) * half**2


def test_what_differs_in_a_corner_reaches_the_tokens_of_that_corner(tmp_path: Path) -> None:
    loaded = load(written("phi3_v", tmp_path / "model"), "cpu")
    pixels = np.full((96, 150), 0.4, np.float32)
    other = pixels.copy()
    other[-12:, :15] = 0.9
    a, b = (
        loaded.family.prompt([Region(each, (0, 0, 96, 150))], QUESTION) for each in (pixels, other)
    )
    differs = (a.inputs["pixel_values"] != b.inputs["pixel_values"]).any(1)
    rows, columns = a.inputs["image_sizes"][0].tolist()
    n = SIDE // PATCH // 2
    cells = differs.reshape(-1, n, 2 * PATCH, n, 2 * PATCH).any(4).any(2)
    tiles = cells[1:].reshape(rows, columns, n, n).transpose(1, 2).reshape(rows * n, columns * n)
    touched = torch.cat([tiles.ravel(), cells[0].ravel()]).numpy()
    boxes = a.sights[0].boxes.boxes
    # The lower left corner: rows above 0.875 and columns below 0.1, and a pixel of resizing.
    inside = (boxes[:, 2] > 0.85) & (boxes[:, 1] < 0.12)
    assert touched.any()
    assert not touched[~inside].any()
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert touched[(centre[:, 0] > 0.9) & (centre[:, 0] < 1) & (centre[:, 1] < 0.08)].all()


def test_placeholders_of_images_cannot_be_asked(tmp_path: Path) -> None:
    loaded = load(written("phi3_v", tmp_path / "model"), "cpu")
    for word in ("<|image_1|>", "<|end|>"):
        with pytest.raises(QuestionError, match="keeps for itself"):
            loaded.family.prompt([region()], f"What is {word}?")


def test_a_conversation_too_long_for_its_positions_is_told(tmp_path: Path) -> None:
    loaded = load(written("phi3_v", tmp_path / "model"), "cpu")
    turns = [Turn(QUESTION, "A crack, about 35 nm wide. " * 10)] * 60
    with pytest.raises(QuestionError, match="too long for this model"):
        loaded.family.prompt([region()], QUESTION, turns)
    assert loaded.family.prompt([region()], QUESTION, turns[:5]).length > 100


def test_the_prompt_is_that_of_the_model_card(tmp_path: Path) -> None:
    loaded = load(written("phi3_v", tmp_path / "model"), "cpu")
    tokenizer = loaded.family.tokenizer
    prompt = loaded.family.prompt([region()], QUESTION, tiled=False)
    ids = prompt.inputs["input_ids"][0]
    image = ids == tokenizer.convert_tokens_to_ids("<|image|>")
    first, last = int(image.nonzero()[0]), int(image.nonzero()[-1])
    assert tokenizer.decode(ids[:first]) == "<|user|>\n"
    assert tokenizer.decode(ids[last + 1 :]).strip() == (f"{QUESTION}<|end|>\n<|assistant|>")
    assert prompt.shared == last + 1
    start, stop = prompt.question_span
    assert tokenizer.decode(ids[start:stop]).strip() == QUESTION


# From the config.json of microsoft/Phi-3-vision-128k-instruct.
FULL = {
    "vocab_size": 32064,
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096,
    "pad_token_id": 32000,
    "rope_scaling": {"type": "su", "long_factor": [1.0] * 48, "short_factor": [1.0] * 48},
}


def test_at_full_size_it_is_as_large_as_the_published_files() -> None:
    with torch.device("meta"):
        model = Phi3VisionForConditionalGeneration(Phi3VisionConfig(**FULL))
    # Two files of 4.94 and 3.35 GB, two bytes a number.
    assert 2 * parameters(model) == pytest.approx(4.94e9 + 3.35e9, abs=0.01e9)


def test_at_full_size_the_idefics2_mixture_is_as_large_as_its_card_says() -> None:
    config = Idefics2MoeConfig(
        num_expert_models=3,
        vision_config={
            "hidden_size": 1152,
            "image_size": 980,
            "intermediate_size": 4304,
            "num_attention_heads": 16,
            "num_hidden_layers": 27,
            "patch_size": 14,
        },
        text_config={"model_type": "mistral", "vocab_size": 32003, "pad_token_id": 0},
    )
    with torch.device("meta"):
        model = Idefics2MoeForConditionalGeneration(config)
    assert parameters(model) == pytest.approx(20e9, abs=0.5e9)


def parameters(model: torch.nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())
