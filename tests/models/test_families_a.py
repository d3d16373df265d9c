"""LLaVA-OneVision, Qwen-VL and InternVL: prompts, pixels, and where image tokens lie."""

from __future__ import annotations

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.families import family_of
from napari_micrograph_vlm.models.families.anyres import Layout
from napari_micrograph_vlm.models.families.base import Family, Prompt
from napari_micrograph_vlm.models.families.parts import region_picture
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Turn

QWEN = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"]
NAMES = [*QWEN, "llava_onevision", "internvl"]
QUESTION = "What defect is there?"


class Tiny:
    """A tiny checkpoint, its model and its family."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self.family: Family = family_of(self.model.config).load(folder, self.model.config)

    @torch.no_grad()
    def embedded(self, prompt: Prompt) -> torch.Tensor:
        """Return what stands at each position when the decoder begins, (L, D)."""
        seen: list[torch.Tensor] = []

        def look(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
            seen.append(kwargs["inputs_embeds"])

        handle = self.family.decoder(self.model).register_forward_pre_hook(look, with_kwargs=True)
        try:
            self.model(**prompt.inputs)
        finally:
            handle.remove()
        return seen[0][0]


@pytest.fixture(scope="module")
def tinies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    folder = tmp_path_factory.mktemp("tiny")
    return {name: Tiny(checkpoint(name, folder / name)) for name in NAMES}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    """The same with image encoders in which no patch attends to another."""
    folder = tmp_path_factory.mktemp("apart")
    found = {name: Tiny(checkpoint(name, folder / name)) for name in NAMES}
    for tiny in found.values():
        for name, module in tiny.model.named_modules():
            if re.search(r"vis.*(out_proj|attn\.proj|projection_layer)$", name):
                module.weight.data.zero_()
                module.bias.data.zero_()
    return found


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(60, 190, (height, width), dtype=np.uint8)


def region(height: int = 200, width: int = 330, seed: int = 0) -> Region:
    return Cutout.of_array(picture(height, width, seed)).read()


@pytest.mark.parametrize("tiled", [None, False, True])
@pytest.mark.parametrize("name", NAMES)
def test_prompt_is_what_transformers_own_processor_makes(
    tinies: dict[str, Tiny], name: str, tiled: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tinies[name]
    given = region()
    ours = tiny.family.prompt([given], QUESTION, tiled=tiled)
    processor = reference(tiny, name, monkeypatch)
    images: Any = [region_picture(given)]
    settings: dict[str, Any] = {}
    if name == "internvl":
        settings["crop_to_patches"] = tiled is not False
    if name == "llava_onevision" and tiled is False:
        pytest.skip("the processor has no such form for a single picture; see the test of several")
    theirs = processor(text=[rendered(tiny, 1)], images=images, return_tensors="pt", **settings)
    assert_same_inputs(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_prompt_of_two_regions_is_what_transformers_own_processor_makes(
    tinies: dict[str, Tiny], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tinies[name]
    given = [region(), region(260, 250, seed=1)]
    ours = tiny.family.prompt(given, QUESTION, tiled=False)
    processor = reference(tiny, name, monkeypatch)
    images: Any = [region_picture(each) for each in given]
    settings: dict[str, Any] = {"crop_to_patches": False} if name == "internvl" else {}
    if name == "llava_onevision":
        images = [images]
    theirs = processor(text=[rendered(tiny, 2)], images=images, return_tensors="pt", **settings)
    assert_same_inputs(ours, theirs)
    assert len(ours.sights) == 2
    assert not set(ours.sights[0].positions) & set(ours.sights[1].positions)


@pytest.mark.skipif(find_spec("torchvision") is None, reason="AutoProcessor needs torchvision")
@pytest.mark.parametrize("name", NAMES)
def test_prompt_is_what_the_full_processor_makes(tinies: dict[str, Tiny], name: str) -> None:
    tiny = tinies[name]
    given = region()
    processor = AutoProcessor.from_pretrained(tiny.folder)
    picture = {"type": "image", "image": region_picture(given)}
    theirs = processor.apply_chat_template(
        [{"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    ours = tiny.family.prompt([given], QUESTION).inputs
    assert ours["input_ids"].tolist() == theirs["input_ids"].tolist()
    # Torchvision resizes and rounds in its own way: by at most a few of 255.
    difference = (ours["pixel_values"] - theirs["pixel_values"]).abs()
    assert difference.mean() < 0.02


def rendered(tiny: Tiny, images: int) -> str:
    content = [*({"type": "image"} for _ in range(images)), {"type": "text", "text": QUESTION}]
    path = tiny.folder / "chat_template.jinja"
    template = (
        path.read_text()
        if path.is_file()
        else json.loads((tiny.folder / "chat_template.json").read_text())["chat_template"]
    )
    text: str = tiny.family.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=template,
        add_generation_prompt=True,
        tokenize=False,
    )
    return text


def reference(tiny: Tiny, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return transformers' own processor, which checks that it has one for videos too."""
    import transformers
    from transformers.processing_utils import ProcessorMixin

    monkeypatch.setattr(
        ProcessorMixin, "check_argument_for_proper_class", lambda *_args, **_kwargs: None
    )
    kinds = {
        "qwen2_vl": ("Qwen2VLProcessor", "Qwen2VLImageProcessorPil"),
        "qwen2_5_vl": ("Qwen2_5_VLProcessor", "Qwen2VLImageProcessorPil"),
        "qwen3_vl": ("Qwen3VLProcessor", "Qwen2VLImageProcessorPil"),
        "llava_onevision": ("LlavaOnevisionProcessor", "LlavaOnevisionImageProcessorPil"),
        "internvl": ("InternVLProcessor", "GotOcr2ImageProcessorPil"),
    }
    processor, pictures = (getattr(transformers, kind) for kind in kinds[name])
    settings = {
        "llava_onevision": {"num_image_tokens": 9, "vision_feature_select_strategy": "full"},
        "internvl": {"image_seq_length": 4},
    }.get(name, {})
    return processor(
        image_processor=pictures.from_pretrained(tiny.folder),
        tokenizer=tiny.family.tokenizer,
        video_processor=None,
        **settings,
    )


def assert_same_inputs(ours: Prompt, theirs: Any) -> None:
    assert ours.inputs["input_ids"].tolist() == theirs["input_ids"].tolist()
    torch.testing.assert_close(ours.inputs["pixel_values"], theirs["pixel_values"])
    for name in ("mm_token_type_ids", "image_grid_thw", "image_sizes", "batch_num_images"):
        if name in theirs:
            assert ours.inputs[name].tolist() == torch.as_tensor(theirs[name]).tolist(), name


ZONES = {
    "upper left": (0.0, 0.0, 0.3, 0.3),
    "upper right": (0.0, 0.7, 0.3, 1.0),
    "lower left": (0.7, 0.0, 1.0, 0.3),
    "lower right": (0.7, 0.7, 1.0, 1.0),
    "a spot": (0.4, 0.55, 0.6, 0.75),
}


@pytest.mark.parametrize("shape", [(200, 330), (330, 120), (90, 80), (176, 176)])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_pixels_reach_the_tokens_whose_boxes_show_them(
    apart: dict[str, Tiny], name: str, tiled: bool, shape: tuple[int, int]
) -> None:
    tiny = apart[name]
    before = picture(*shape)
    prompt = tiny.family.prompt([Cutout.of_array(before).read()], QUESTION, tiled=tiled)
    sight = prompt.sights[0]
    boxes = sight.boxes.boxes
    assert len(sight.positions) == len(boxes)
    base = tiny.embedded(prompt)[sight.positions]
    size = boxes[:, 2:] - boxes[:, :2]
    # Resampling mixes neighbouring pixels, of the picture or of what it is reduced to; and a
    # grid reduced for its length mixes neighbouring tokens.
    reduced = 1.0 if name == "llava_onevision" and shape == (176, 176) and tiled else 0.0
    margin = np.maximum(0.2 * size, 2.5 / np.array(shape)) + reduced * size
    for where, (y0, x0, y1, x1) in ZONES.items():
        after = before.copy()
        rows = slice(round(y0 * shape[0]), round(y1 * shape[0]))
        columns = slice(round(x0 * shape[1]), round(x1 * shape[1]))
        after[rows, columns] = 250 - after[rows, columns]
        other = tiny.family.prompt([Cutout.of_array(after).read()], QUESTION, tiled=tiled)
        changed = (tiny.embedded(other)[sight.positions] != base).any(-1).numpy()
        overlap = np.minimum(boxes[:, 2:], (y1, x1)) - np.maximum(boxes[:, :2], (y0, x0))
        must = (overlap > 0.1 * size).all(-1)
        may = (overlap > -margin).all(-1)
        assert must.any(), where
        assert changed[must].all(), where
        assert not changed[~may].any(), where
        if not (name == "internvl" and not tiled):  # 2 x 2 tokens: all are near
            assert (~may).any(), where


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("name", [*QWEN, "internvl"])
def test_boxes_cover_the_region_evenly(tinies: dict[str, Tiny], name: str, tiled: bool) -> None:
    sight = tinies[name].family.prompt([region()], QUESTION, tiled=tiled).sights[0]
    cover = sight.boxes.spread(
        np.prod(sight.boxes.boxes[:, 2:] - sight.boxes.boxes[:, :2], axis=1), (10, 10)
    )
    assert cover.min() > (1 - 1e-5) * cover.max()


@pytest.mark.parametrize(("side", "most"), [(44, 4), (384, 6)])
def test_onevision_places_tokens_and_ends_of_rows_as_its_model_does(side: int, most: int) -> None:
    canvases = [[side * i, side * j] for i in range(1, most + 1) for j in range(1, most + 1)]
    vision = SimpleNamespace(image_size=side, patch_size=14)
    config = SimpleNamespace(vision_config=vision, image_grid_pinpoints=canvases)
    rng = np.random.default_rng(3)
    shapes = [(8, 400), (400, 9), (8, 5000), (side, side), (side + 1, side), (1000, 1000)]
    shapes += [tuple(map(int, rng.integers(20, 12 * side, 2))) for _ in range(40)]
    for shape in shapes:
        layout = Layout.choose(shape, canvases, side=side, patch=14, limit=9)
        tiles = layout.tiles[0] * layout.tiles[1]
        features = torch.zeros(tiles + 1, (side // 14) ** 2, 1)
        packed, _ = LlavaOnevisionModel.pack_image_features(
            SimpleNamespace(config=config), [features], torch.tensor([shape]), torch.ones(1)
        )
        boxes, shown = layout.tokens()
        assert (packed[0][:, 0].numpy() == 1).tolist() == (~shown).tolist()
        assert len(boxes) == shown.sum()


@pytest.mark.parametrize("name", NAMES)
def test_questions_about_one_region_share_their_beginning(
    tinies: dict[str, Tiny], name: str
) -> None:
    family = tinies[name].family
    given = [region()]
    prompts = [
        family.prompt(given, QUESTION),
        family.prompt(given, "Describe it."),
        family.prompt(given, "And the pores?", [Turn(QUESTION, "A bridge.")]),
    ]
    first = prompts[0]
    assert first.shared > first.sights[0].positions.max()
    for other in prompts[1:]:
        assert other.shared == first.shared
        ids, others = (p.inputs["input_ids"][0, : p.shared].tolist() for p in (first, other))
        assert ids == others


@pytest.mark.parametrize("question", [QUESTION, "assistant", "How wide – in µm – is the é?"])
@pytest.mark.parametrize("name", NAMES)
def test_question_span_holds_the_question(
    tinies: dict[str, Tiny], name: str, question: str
) -> None:
    family = tinies[name].family
    prompt = family.prompt([region()], question, [Turn(QUESTION, "A bridge.")])
    start, stop = prompt.question_span
    asked = family.tokenizer.decode(prompt.inputs["input_ids"][0, start:stop])
    assert asked.strip() == question
    assert start >= prompt.shared


@pytest.mark.parametrize("name", NAMES)
def test_prepared_views_show_the_region(tinies: dict[str, Tiny], name: str) -> None:
    given = region()
    for tiled in (False, True):
        for view in tinies[name].family.prepare(given, tiled).views:
            y0, x0, y1, x1 = view.box
            assert 0 <= y0 < y1 <= 1
            assert 0 <= x0 < x1 <= 1
            height, width = given.pixels.shape
            box = (x0 * width, y0 * height, x1 * width, y1 * height)
            shown = region_picture(given).resize(
                view.pixels.shape[1::-1], Image.Resampling.BICUBIC, box=box
            )
            # Noise is hard: a shift by a single pixel would differ by 30 or more.
            difference = np.abs(np.asarray(shown, float) - view.pixels)
            assert difference[2:-2, 2:-2].mean() < 6


@pytest.mark.parametrize("name", ["llava_onevision", "internvl"])
def test_region_is_tiled_where_it_is_reduced_more_than_threefold(
    tinies: dict[str, Tiny], name: str
) -> None:
    family = tinies[name].family
    side = 44 if name == "llava_onevision" else 56
    small, medium, large = (region(n, n) for n in (side, 2 * side, 4 * side))
    assert [family.prepare(each).tiled for each in (small, medium, large)] == [False, False, True]
    assert [family.prepare(each, True).tiled for each in (small, medium)] == [False, True]
    assert not family.prepare(large, False).tiled
    assert family.prepare(medium).could_tile
    assert not family.prepare(small).could_tile
    whole, tiled = family.prepare(large, False), family.prepare(large)
    assert whole.reduction == pytest.approx(4)
    assert tiled.reduction == pytest.approx(1, abs=0.35)
    assert len(tiled.views) > len(whole.views) == 1


@pytest.mark.parametrize("shape", [(8, 400), (400, 9)])
@pytest.mark.parametrize("name", NAMES)
def test_long_and_narrow_regions_can_be_asked_about(
    tinies: dict[str, Tiny], name: str, shape: tuple[int, int]
) -> None:
    tiny = tinies[name]
    for tiled in (None, False):
        prompt = tiny.family.prompt([region(*shape)], QUESTION, tiled=tiled)
        assert torch.isfinite(tiny.embedded(prompt)).all()
        tiny.family.prepare(region(*shape), tiled)


@pytest.mark.parametrize("name", NAMES)
def test_outside_of_the_outline_is_not_shown(tinies: dict[str, Tiny], name: str) -> None:
    family = tinies[name].family
    inside = np.zeros((120, 120), bool)
    inside[20:100, 20:100] = True
    prompts = []
    for seed in (0, 1):
        pixels = picture(120, 120, seed)
        pixels[20:100, 20:100] = picture(80, 80, 7)
        cut = Cutout.of_array(pixels).read()
        masked = Region(cut.pixels, cut.box, mask=inside)
        prompts.append(family.prompt([masked], QUESTION))
    first, second = (prompt.inputs["pixel_values"] for prompt in prompts)
    assert torch.equal(first, second)


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
@pytest.mark.parametrize("name", ["qwen2_vl", "llava_onevision", "internvl"])
def test_incomplete_checkpoint_is_refused_with_the_file(
    tinies: dict[str, Tiny], name: str, missing: str, tmp_path: Path
) -> None:
    tiny = tinies[name]
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=r"tokenizer|preprocessor_config\.json"):
        family_of(tiny.model.config).load(folder, tiny.model.config)


@pytest.mark.parametrize("name", ["qwen2_vl", "llava_onevision", "internvl"])
def test_checkpoint_without_chat_template_is_refused(
    tinies: dict[str, Tiny], name: str, tmp_path: Path
) -> None:
    tiny = tinies[name]
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    for path in folder.glob("chat_template.*"):
        path.unlink()
    with pytest.raises(ModelError, match="no chat template"):
        family_of(tiny.model.config).load(folder, tiny.model.config)
