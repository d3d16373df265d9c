"""Large models asked again, stopped after the answer was written, or short of memory by then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch

from models.tiny_models import checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm.attention import calibration, occlusion, replay, trust
from napari_micrograph_vlm.attention.explain import asked, explained
from napari_micrograph_vlm.attention.relevance import Method, Settings
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.models.families import qwen_vl
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.results import Question

QUESTION = "What defect is there?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("llava", tmp_path_factory.mktemp("models") / "tiny-llava")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LocalModel:
    return LocalModel.load(folder, "cpu")


@pytest.fixture
def model(loaded: LocalModel) -> Iterator[LocalModel]:
    loaded.sessions.forget()
    yield loaded
    loaded.sessions.forget()


def _ask(model: LocalModel, **more: Any) -> Any:
    return model.ask(Question(QUESTION, (make_region(60, 60),)), **{"max_tokens": 4, **more})


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return LocalModel.load(checkpoint("qwen2_vl", tmp_path_factory.mktemp("models") / "qwen"))


@pytest.mark.parametrize("tiled", [None, True, False])
def test_it_is_asked_again_with_as_much_detail(
    qwen: LocalModel, monkeypatch: pytest.MonkeyPatch, tiled: bool | None
) -> None:
    for name, count in (("FEWEST", 4), ("USUAL", 16), ("MOST", 64)):
        monkeypatch.setattr(qwen_vl, name, count)
    side = qwen.family._token * 32  # type: ignore[attr-defined]
    region = make_region(side, side)
    answer = qwen.ask(Question(QUESTION, (region,), (), tiled), max_tokens=3)
    assert answer.tiled is tiled
    wanted = qwen.family.prompt((region,), QUESTION, tiled=tiled).inputs["image_grid_thw"].tolist()
    grids = []
    prompt = qwen.family.prompt

    def watched(*given: Any, **more: Any) -> Any:
        made = prompt(*given, **more)
        grids.append(made.inputs["image_grid_thw"].tolist())
        return made

    monkeypatch.setattr(qwen.family, "prompt", watched)
    trust.trust_of(qwen, answer)
    occlusion.likelihood(qwen, answer, answer.regions)
    explained(qwen, answer, Method.CONTRAST)
    assert len(grids) >= 4
    assert grids == [wanted] * len(grids)


def test_maps_that_take_too_much_memory_leave_the_answer(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _ask(model)
    monkeypatch.setattr(replay, "needed_memory", lambda *_given: 10**12)
    answer = _ask(model, relevance=Settings(Method.GRADIENT))
    assert answer.text == plain.text
    assert answer.attention[0].method == Method.LAYERS
    np.testing.assert_allclose(answer.attention[0].values, plain.attention[0].values, atol=1e-6)
    # Asked for the maps alone, one is told why there are none.
    with pytest.raises(ModelError, match="not enough memory"):
        explained(model, plain, Method.GRADIENT)


def test_memory_that_runs_out_after_the_answer_leaves_it(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_given: Any, **_more: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(replay, "replay", short)
    answer = _ask(model, relevance=Settings(Method.ROLLOUT), on_text=lambda _piece: None)
    assert answer.text
    assert answer.attention[0].method == Method.LAYERS
    monkeypatch.setattr(occlusion, "likelihood", _refused)
    assert _ask(model, relevance=Settings(Method.OCCLUSION)).text == answer.text


def _refused(*_given: Any, **_more: Any) -> Any:
    raise ModelError("There is not enough memory for this region.")


@pytest.mark.parametrize("method", [Method.ROLLOUT, Method.OCCLUSION])
def test_who_stops_the_maps_keeps_what_was_written(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch, method: Method
) -> None:
    plain = _ask(model)
    cancel = Event()

    def stopping(*_given: Any, **_more: Any) -> Any:
        cancel.set()
        raise Cancelled

    monkeypatch.setattr(replay, "replay", stopping)
    monkeypatch.setattr(occlusion, "likelihood", stopping)
    with pytest.raises(Cancelled) as stopped:
        _ask(model, relevance=Settings(method), cancel=cancel)
    assert stopped.value.text == plain.text
    if method is Method.OCCLUSION:
        question = Question(QUESTION, (make_region(60, 60),))
        with pytest.raises(Cancelled) as stopped:
            asked(model, question, method, max_tokens=4)
        assert stopped.value.text == plain.text


def test_an_empty_answer_has_even_covered_maps(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    network: Any = model.model
    prompt = model.family.prompt([make_region(60, 60)], QUESTION)
    first = model.recorded(Question(QUESTION, (make_region(60, 60),)), max_tokens=1)
    assert first.attention.shape[0] == 1
    end = network.generation_config.eos_token_id
    end = end if isinstance(end, int) else end[0]
    with torch.no_grad():
        logits = network(**prompt.inputs).logits[0, -1]
    weight = network.get_output_embeddings().weight
    before = weight[end].clone()
    with torch.no_grad():
        weight[end] = 3 * weight[int(logits.argmax())]
    try:
        answer = _ask(model, relevance=Settings(Method.OCCLUSION))
    finally:
        with torch.no_grad():
            weight[end] = before
    assert answer.text == ""
    assert answer.attention[0].method == Method.OCCLUSION
    assert np.ptp(answer.attention[0].values) == 0


@pytest.mark.parametrize("most", [0, -1])
def test_an_answer_has_one_token_at_least(model: LocalModel, most: int) -> None:
    assert _ask(model, max_tokens=most).text == _ask(model, max_tokens=1).text


def _variant(folder: Path, place: Path, file: str, **changes: Any) -> Path:
    shutil.copytree(folder, place)
    path = place / file
    values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            values[name].update(value)
        else:
            values[name] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    return place


@pytest.mark.parametrize("method", ["bitsandbytes", "awq", "gptq"])
def test_a_quantised_copy_whose_package_is_missing_is_told_of(
    folder: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForImageTextToText

    def missing(*_given: Any, **_more: Any) -> Any:
        raise ImportError(f"Loading such weights requires the package {method}\nmore")

    settings = {"quant_method": method, "bits": 4, "load_in_4bit": True}
    made = _variant(folder, tmp_path / "model", "config.json", quantization_config=settings)
    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", missing)
    with pytest.raises(ModelError, match=f"not installed: .*{method}"):
        load(made, "cpu")


def test_weights_of_another_shape_are_told_of(folder: Path, tmp_path: Path) -> None:
    made = _variant(
        folder, tmp_path / "model", "config.json", text_config={"intermediate_size": 96}
    )
    with pytest.raises(ModelError, match="weights"):
        load(made, "cpu")


def test_weights_too_large_for_memory_are_still_told_of_as_such(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForImageTextToText

    def short(*_given: Any, **_more: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", short)
    with pytest.raises(ModelError, match="not enough memory"):
        load(folder, "cpu")


@pytest.mark.parametrize(
    "defaults",
    [
        {"cache_implementation": "static"},
        {"stop_strings": ["."]},
        {"guidance_scale": 4.0},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"num_return_sequences": 2},
        {"num_beams": 4, "num_return_sequences": 2, "num_beam_groups": 2},
    ],
)
def test_defaults_of_a_checkpoint_change_no_answer(
    model: LocalModel, folder: Path, tmp_path: Path, defaults: dict[str, Any]
) -> None:
    made = _variant(folder, tmp_path / "model", "generation_config.json", **defaults)
    assert _ask(LocalModel.load(made, "cpu")).text == _ask(model).text


def test_two_folders_of_one_name_are_calibrated_apart(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "user_data_dir", lambda _name: str(tmp_path / "data"))
    first, second = tmp_path / "a" / "mine", tmp_path / "b" / "mine"
    shutil.copytree(folder, first)
    shutil.copytree(folder, second)
    model = LocalModel.load(first, "cpu", name="mine")
    monkeypatch.setattr(calibration, "examples", lambda: calibration_examples())
    monkeypatch.setattr(
        calibration, "measure", lambda name, _found: found_layers(name, layers=(1,))
    )
    calibration.calibrate(model)
    assert LocalModel.load(first, "cpu", name="mine").relevance.layers == (1,)
    assert LocalModel.load(second, "cpu", name="mine").relevance.layers is None


def calibration_examples() -> tuple[calibration.Example, ...]:
    """Return one small picture to calibrate with."""
    region = make_region(60, 60)
    return (calibration.Example(region, QUESTION, np.ones((60, 60), dtype=bool)),)


def found_layers(name: str, layers: tuple[int, ...]) -> calibration.Calibration:
    """Return what a calibration finds."""
    return calibration.Calibration(name, layers, 3, 1, 1.0, 0.5, 0.5, 0.2, 0.1)
