"""Mixtures taught end to end: what they learn, how they go on after a stop, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.tiny_models import checkpoint
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.datasets.chat import write_chat
from napari_micrograph_vlm.errors import Cancelled, ModelError, SourceError
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.experts import (
    Recipe,
    mix_experts,
    teach_gates,
    tune_experts,
    tuning,
)
from napari_micrograph_vlm.training.experts.learner import Learner
from napari_micrograph_vlm.training.experts.states import mixtures_of
from training.experts.sample_prompts import examples

GIVEN: dict[str, Any] = {
    "what": "all",
    "steps": 4,
    "batch": 2,
    "checks": 2,
    "learning_rate": 5e-3,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a mixture in 16 bits; beside it ``data`` and ``one``, one of its models."""
    folder = tmp_path_factory.mktemp("mixed")
    one, two = (checkpoint("llava", folder / name, seed=n) for n, name in enumerate(("one", "two")))
    talks = examples(0, 10) + examples(1, 10)
    write_chat(talks, folder / "data", title="t", validation=0.3, test=0)
    made = mix_experts(one, [one, two], folder / "mixed", chosen=2)
    for file in made.glob("*.safetensors"):
        halves = {name: value.bfloat16() for name, value in load_file(file).items()}
        save_file(halves, file, metadata={"format": "pt"})
    return made


def weights_of(folder: Path) -> dict[str, Tensor]:
    return {n: v for file in folder.glob("*.safetensors") for n, v in load_file(file).items()}


def test_answers_teach_a_mixture_that_goes_on_after_a_stop(mixed: Path, tmp_path: Path) -> None:
    data, tuned = mixed.parent / "data", tmp_path / "tuned"
    report = tune_experts(mixed, data, tuned, **GIVEN)
    losses = [each["validation"] for each in report["history"]]
    assert min(losses) < losses[0] - 0.1
    assert [each["step"] for each in report["history"]] == [0, 2, 4]
    before, after = weights_of(mixed), weights_of(tuned)
    assert after.keys() == before.keys()
    assert {value.dtype for value in after.values()} == {torch.bfloat16}
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all(".experts." in name or ".gating_layer." in name for name in changed)
    region = Cutout.of_array(np.random.default_rng(0).random((90, 140))).read()
    assert load_model(tuned, "cpu").ask(Question("What?", (region,)), max_tokens=3).text
    # The same again, stopped after its first check.
    stop, again = Event(), tmp_path / "again"
    with pytest.raises(Cancelled):
        tune_experts(mixed, data, again, **GIVEN, on_check=lambda *_: stop.set(), stop=stop)
    assert not again.exists()
    with pytest.raises(SourceError, match="begun with steps 4, not 6"):
        tune_experts(mixed, data, again, **(GIVEN | {"steps": 6}))
    done: list[tuple[int, int]] = []
    same = tune_experts(mixed, data, again, **GIVEN, on_progress=lambda *at: done.append(at))
    assert done == [(2, 4), (3, 4), (4, 4)]
    assert same == report
    for name, value in weights_of(again).items():
        assert torch.equal(value, after[name]), name
    assert [path.name for path in tmp_path.glob("*again*")] == ["again"]
    # Asked for once more it is there; its gates can be taught anew.
    assert tune_experts(mixed, data, again, **GIVEN) == report
    prompts = [examples(0, 1), examples(1, 1)]
    teach_gates(again, prompts, recipe=Recipe(epochs=2), device="cpu")
    taught = weights_of(again)
    moved = {name for name in taught if not torch.equal(taught[name], after[name])}
    assert moved
    assert all(".gating_layer.gate." in name for name in moved)


def test_small_steps_are_not_lost_in_16_bits(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    learner = Learner({"weight": weight}, 1e-4, 0)
    for _ in range(100):
        learner.learn(weight.sum())
        learner.move()
    assert float(weight[0].detach()) == pytest.approx(0.99, abs=0.003)
    learner.checked(None, 1.0)
    learner.keep(tmp_path)
    other = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    assert Learner({"weight": other}, 1e-4, 0).recall(tmp_path)
    assert torch.equal(other, weight)


def test_a_training_that_does_not_settle_ends_in_one_sentence(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = nn.Parameter(torch.ones(3))
    learner = Learner({"weight": weight}, 0.1, 0)
    learner.learn(weight.sum() * float("nan"))
    with pytest.raises(ModelError, match="no finite number; teach with a lower"):
        learner.move()
    assert torch.equal(weight, torch.ones(3))
    real, broken = tuning._loss, Event()

    def loss(*given: Any) -> Tensor:
        return real(*given) * (float("nan") if broken.is_set() else 1)

    monkeypatch.setattr(tuning, "_loss", loss)
    with pytest.raises(ModelError, match="no finite number"):
        tune_experts(
            *(mixed, mixed.parent / "data", tmp_path / "made"),
            **GIVEN,
            on_check=lambda *_: broken.set(),
        )
    # Nothing is left that would keep a lower rate from beginning.
    assert not list(tmp_path.iterdir())


def test_gates_that_get_no_gradient_are_not_taught(mixed: Path, tmp_path: Path) -> None:
    single = tmp_path / "single"
    single.mkdir()
    for file in mixed.iterdir():
        (single / file.name).write_bytes(file.read_bytes())
    config = json.loads((single / "config.json").read_text())
    (single / "config.json").write_text(json.dumps(config | {"k": 1}))
    data = mixed.parent / "data"
    with pytest.raises(ModelError, match="gates cannot learn from answers"):
        tune_experts(single, data, tmp_path / "x", **GIVEN | {"what": "gates"})
    with pytest.raises(ModelError, match="is no mixture"):
        tune_experts(mixed.parent / "one", data, tmp_path / "x", **GIVEN)
    assert mixtures_of(load(single, "cpu").model)[0].gating_layer.chosen == 1
