"""Layers of models, one behind the other: nothing is lost, nothing is added by itself."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, Idefics2ForConditionalGeneration

from models.tiny_models import checkpoint
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.models.catalog import FOLDERS_VARIABLE, entries
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.merging import Part, stack_layers, stack_preset, writing
from napari_micrograph_vlm.training.merging.checkpoint import Checkpoint

QUESTION = "What defect is there?"
FAMILIES = ("idefics2", "llava", "phi3_v")


def region() -> Region:
    return Cutout.of_array(np.random.default_rng(0).random((90, 140))).read()


def logits_of(folder: Path) -> Tensor:
    loaded = load(folder, "cpu")
    prompt = loaded.family.prompt([region()], QUESTION)
    with torch.no_grad():
        found: Tensor = loaded.model(**prompt.inputs).logits
    return found


@pytest.fixture(scope="module", params=FAMILIES)
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return two models of a family that differ in all their weights."""
    folder = tmp_path_factory.mktemp(request.param)
    return checkpoint(request.param, folder / "one"), checkpoint(
        request.param, folder / "two", seed=1
    )


def test_all_layers_in_two_ranges_are_the_model_bit_by_bit(models: Any, tmp_path: Path) -> None:
    one, _ = models
    depth = Checkpoint.open(one).depth
    made = stack_layers([(one, range(1)), (one, range(1, depth))], tmp_path / "made")
    assert torch.equal(logits_of(made), logits_of(one))


def test_silent_layers_change_no_logit_and_plain_ones_do(models: Any, tmp_path: Path) -> None:
    one, two = models
    whole = Part(one, (0, Checkpoint.open(one).depth))
    for place in (0, 1):  # before all others, and behind them
        parts = [whole]
        parts.insert(place, Part(two, (0, 2), silent=True))
        made = stack_layers(parts, tmp_path / f"silent-{place}", base=one)
        assert Checkpoint.open(made).depth == whole.layers[1] + 2
        assert torch.equal(logits_of(made), logits_of(one))
    loud = stack_layers([whole, Part(two, (0, 2))], tmp_path / "loud")
    assert not torch.allclose(logits_of(loud), logits_of(one), atol=1e-3)


def test_a_stacked_model_answers_and_shows_where_it_looked(models: Any, tmp_path: Path) -> None:
    one, two = models
    made = stack_layers([(one, range(2)), (two, range(1, 2))], tmp_path / "made")
    answer = load_model(made, "cpu").ask(Question(QUESTION, (region(),)), max_tokens=4)
    assert answer.text
    assert len(answer.words) > 0
    assert np.isfinite(answer.attention[0].values).all()


def test_a_layer_may_be_taken_twice(llavas: tuple[Path, Path], tmp_path: Path) -> None:
    made = stack_layers([(llavas[0], range(2)), (llavas[0], range(1, 3))], tmp_path / "made")
    model: Any = load(made, "cpu").model
    layers = model.model.language_model.layers
    assert torch.equal(layers[1].mlp.up_proj.weight, layers[2].mlp.up_proj.weight)
    assert not torch.equal(layers[2].mlp.up_proj.weight, layers[3].mlp.up_proj.weight)


def deep_idefics2(folder: Path, seed: int) -> Path:
    """Write Idefics2 as deep as the published one, in small."""
    checkpoint("idefics2", folder, seed=seed)
    config = AutoConfig.from_pretrained(folder)
    config.text_config.num_hidden_layers = 32
    config.text_config.intermediate_size = 16
    config.text_config.layer_types = None
    torch.manual_seed(seed)
    Idefics2ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_cephalos_published_layouts_come_out(tmp_path: Path) -> None:
    first, second = (deep_idefics2(tmp_path / name, n) for n, name in enumerate(("a", "b")))
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (first, second))
    for name, depth in (("cephalo-10b", 40), ("cephalo-12b", 48)):
        made = stack_preset(name, first, second, tmp_path / name)
        config = json.loads((made / "config.json").read_text(encoding="utf-8"))
        assert config["text_config"]["num_hidden_layers"] == depth
        model: Any = load(made, "cpu").model
        layers = model.model.text_model.layers
        assert len(layers) == depth
        for number, layer in enumerate(layers):
            source = ours if number < 32 else theirs
            at = number if number < 32 else number - depth + 32
            published = source[f"model.text_model.layers.{at}.mlp.up_proj.weight"]
            assert torch.equal(layer.mlp.up_proj.weight, published)
        assert torch.equal(model.lm_head.weight, ours["lm_head.weight"])
        norm = ours["model.text_model.norm.weight"]
        assert torch.equal(model.model.text_model.norm.weight, norm)


@pytest.fixture(scope="module")
def llavas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("llava")
    return checkpoint("llava", folder / "one"), checkpoint("llava", folder / "two", seed=1)


def test_models_stored_under_old_and_new_names_fit_each_other(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = llavas
    weights = load_file(two / "model.safetensors")
    stacked = stack_layers([(one, range(3)), (two, range(3))], tmp_path / "old")
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    (renamed / "config.json").write_text((two / "config.json").read_text())
    new = {
        name.replace("language_model.model.", "model.language_model."): value
        for name, value in weights.items()
    }
    assert new.keys() != weights.keys()
    save_file(new, renamed / "model.safetensors", metadata={"format": "pt"})
    again = stack_layers([(one, range(3)), (renamed, range(3))], tmp_path / "new")
    assert torch.equal(logits_of(again), logits_of(stacked))


def test_numbers_are_of_the_bases_kind(llavas: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = llavas
    half = tmp_path / "half"
    half.mkdir()
    for file in two.iterdir():
        (half / file.name).write_bytes(file.read_bytes())
    weights = {n: v.to(torch.bfloat16) for n, v in load_file(two / "model.safetensors").items()}
    save_file(weights, half / "model.safetensors", metadata={"format": "pt"})
    made = stack_layers([(one, range(1)), (half, range(1))], tmp_path / "made")
    stored = [load_file(file) for file in made.glob("*.safetensors")]
    assert {v.dtype for weights in stored for v in weights.values()} == {torch.float32}
    index = json.loads((made / "model.safetensors.index.json").read_text())
    size = sum(v.nbytes for weights in stored for v in weights.values())
    assert index["metadata"]["total_size"] == size


def test_what_is_beside_the_weights_is_kept_and_code_is_not(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for file in llavas[0].iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    (source / "modeling.py").write_text("raise SystemExit")
    (source / "optimizer.pt").write_bytes(b"no")
    (source / "LICENSE").write_text("all yours")
    made = stack_layers([(source, range(2))], tmp_path / "made")
    names = {file.name for file in made.iterdir()}
    assert {"chat_template.jinja", "preprocessor_config.json", "tokenizer.json"} <= names
    assert {"LICENSE", "README.md", "merge.json"} <= names
    assert not {"modeling.py", "optimizer.pt"} & names
    recipe = json.loads((made / "merge.json").read_text())
    assert recipe["method"] == "layers"
    assert recipe["depth"] == 2
    assert recipe["parts"][0]["layers"] == [0, 2]
    assert str(tmp_path) not in (made / "merge.json").read_text() + (made / "README.md").read_text()


def test_the_catalog_lists_a_merged_model(
    llavas: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stack_layers([(llavas[0], range(2))], tmp_path / "shallow")
    monkeypatch.setenv(FOLDERS_VARIABLE, str(made))
    found = {entry.name: entry for entry in entries()}["shallow"]
    assert found.is_here
    assert found.model_type == "llava"
    assert found.parameters == sum(
        v.numel() for file in made.glob("*.safetensors") for v in load_file(file).values()
    )


def test_a_stopped_merge_goes_on_and_ends_alike(
    llavas: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SHARD", 60_000)
    parts = [(llavas[0], range(3)), (llavas[1], range(3))]
    whole = stack_layers(parts, tmp_path / "whole" / "made")
    stop = Event()
    calls: list[int] = []

    def after(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 4:  # the first call says that nothing is written yet
            stop.set()

    target = tmp_path / "target" / "made"
    with pytest.raises(Cancelled):
        stack_layers(parts, target, on_progress=after, stop=stop)
    assert not target.exists()
    made_before = {p: p.stat().st_mtime_ns for p in target.parent.glob(".*/*.safetensors")}
    assert len(made_before) == 3
    stack_layers(parts, target)
    for path, when in made_before.items():
        assert (target / path.name).stat().st_mtime_ns == when
    assert sorted(f.name for f in target.iterdir()) == sorted(f.name for f in whole.iterdir())
    for file in whole.glob("*.safetensors"):
        assert file.read_bytes() == (target / file.name).read_bytes()
        assert len(load_file(file)) == 1 or file.stat().st_size < 62_000
    # Asked for once more it is there; other parts do not write over it.
    assert stack_layers(parts, target) == target
    with pytest.raises(ModelError, match="holds something already"):
        stack_layers(parts[:1], target)


def broken(folder: Path, source: Path, **changes: Any) -> Path:
    folder.mkdir()
    config = json.loads((source / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
    return folder


def test_what_cannot_be_stacked_is_told_in_one_sentence(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    one = llavas[0]
    other = checkpoint("idefics2", tmp_path / "idefics2")
    text = json.loads((one / "config.json").read_text())["text_config"]
    heads = broken(tmp_path / "h", one, text_config=text | {"num_attention_heads": 2})
    cut = broken(tmp_path / "cut", one)
    (cut / "model.safetensors").write_bytes(b"\x10")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((one / "config.json").read_text())
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    cases: list[tuple[Any, str]] = [
        ([], "at least one model"),
        ([(one, range(0))], "no range 0-0"),
        ([(one, range(2, 9))], "has 3 layers"),
        ([(one, range(0, 3, 2))], "no gaps"),
        ([(one, range(1)), (other, range(1))], "of type 'idefics2'"),
        ([(tmp_path, range(1))], r"config\.json in .* is missing"),
        ([(cut, range(1))], "missing or broken"),
        ([(pickled, range(1))], "pickle"),
        ([(broken(tmp_path / "q", one, quantization_config={"bits": 4}), range(1))], "few bits"),
        ([(one, range(1)), (heads, range(1))], "differ in num_attention_heads"),
    ]
    for parts, message in cases:
        with pytest.raises(ModelError, match=message) as told:
            stack_layers(parts, tmp_path / "made")
        assert str(told.value).count(". ") == 0
        assert not (tmp_path / "made").exists()
    with pytest.raises(ModelError, match="there are cephalo-10b, cephalo-12b"):
        stack_preset("cephalo-11b", one, one, tmp_path / "made")
    with pytest.raises(ModelError, match="the last 8 of 32 layers"):
        stack_preset("cephalo-10b", one, one, tmp_path / "made")
