"""The commands that make models out of models: what they write, say and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.tiny_models import checkpoint
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.datasets.chat import write_chat
from napari_micrograph_vlm.models.catalog import FOLDERS_VARIABLE
from napari_micrograph_vlm.training.merging import stacking, writing
from training.experts.sample_prompts import examples

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two models and conversations for each."""
    folder = tmp_path_factory.mktemp("models")
    for number, name in enumerate(("one", "two")):
        checkpoint("llava", folder / name, seed=number)
        write_chat(examples(number), folder / f"{name}-chats", title="t", validation=0, test=0)
    return folder


@pytest.fixture(autouse=True)
def inside(models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(models)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "own"))


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found


def test_layers_are_put_together_and_listed(call: Call, tmp_path: Path) -> None:
    given = ("merge", "layers", "one:0-2", "two:1-:silent", "one")
    code, out, _ = call(*given, "--name", "deeper")
    made = tmp_path / "own" / "deeper"
    assert code == 0
    assert out.startswith("7 layers, ")
    assert f"Saved in {made}" in out
    assert config_of(made)["text_config"]["num_hidden_layers"] == 7
    parts = json.loads((made / "merge.json").read_text())["parts"]
    assert [part["layers"] for part in parts] == [[0, 2], [1, 3], [0, 3]]
    assert [part["silent"] for part in parts] == [False, True, False]
    code, out, _ = call("models", "list", "--here", "--json")
    assert "deeper" in {entry["name"] for entry in json.loads(out)}
    # The model that was made is a model as any other: it can be merged again.
    code, out, _ = call("merge", "layers", "deeper:0-1", "--output", tmp_path / "x", "--json")
    assert code == 0
    assert json.loads(out)["layers"] == 1


def test_means_and_differences_are_made(call: Call, tmp_path: Path) -> None:
    assert call("merge", "linear", "one=3", "two", "--output", tmp_path / "mean")[0] == 0
    assert call("merge", "tasks", "one", "two=-0.5", "--output", tmp_path / "less")[0] == 0
    for name, weights in (("mean", [0.75, 0.25]), ("less", [-0.5])):
        recipe = json.loads((tmp_path / name / "merge.json").read_text())
        assert [part["weight"] for part in recipe["parts"]] == weights


def test_a_mixture_is_made_and_its_gates_are_taught(call: Call, tmp_path: Path) -> None:
    made = tmp_path / "mixed"
    given = ("mix", "models", "one", "two", "--device", "cpu", "--output", made)
    code, out, err = call(*given, "--prompts", "one-chats", "--prompts", "two-chats")
    assert code == 0
    assert "prompts of expert 2:" in err
    assert "untaught" not in out
    assert config_of(made)["num_expert_models"] == 2
    routing = json.loads((made / "gates.json").read_text())["routing"]
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in routing)
    code, out, _ = call(
        *("mix", "gates", made, "--prompts", "two-chats", "--prompts", "one-chats"),
        *("--device", "cpu", "--json"),
    )
    assert code == 0
    swapped = json.loads(out)["routing"]
    assert swapped != routing
    given = ("mix", "tune", made, "one-chats", "--what", "experts", "--steps", "2")
    given += ("--device", "cpu", "--output", tmp_path / "tuned")
    code, out, err = call(*given, "--json")
    assert code == 0
    assert [each["step"] for each in json.loads(out)["history"]] == [0, 1, 2]
    assert "nothing is left" not in err
    code, again, err = call(*given, "--json")
    assert code == 0
    assert json.loads(again) == json.loads(out)
    assert "It was taught so before" in err


def test_ctrl_c_keeps_what_is_finished(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SHARD", 100_000)
    count = 0
    copied = stacking._copied

    def interrupted(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 12:
            raise KeyboardInterrupt
        return copied(*arguments)

    monkeypatch.setattr(stacking, "_copied", interrupted)
    given = ("merge", "layers", "one", "two", "--output", tmp_path / "made")
    code, _, err = call(*given)
    assert code == 130
    assert "the same command goes on" in err
    kept = list(tmp_path.glob(".made.part/model-*.safetensors"))
    assert kept
    assert not (tmp_path / "made").exists()
    assert call(*given)[0] == 0
    assert not list(tmp_path.glob(".made*"))


BAD = [
    (["merge", "layers", "one:0-9"], "has 3 layers"),
    (["merge", "layers", "one:1-x"], "no range of layers"),
    (["merge", "layers", "nothing:0-1"], "no model 'nothing'"),
    (["merge", "layers", "student"], "No layers of a text model"),
    (["merge", "linear", "one=much"], "is no weight"),
    (["merge", "preset", "cephalo-10b", "one", "two"], "the last 8 of 32 layers"),
    (["merge", "preset", "cephalo", "one", "two"], "no preset"),
    (["mix", "models", "one"], "at least two experts"),
    (["mix", "models", "one", "two", "--chosen", "5"], "not 5"),
    (["mix", "models", "one", "two", "--prompts", "one-chats"], "one for each"),
    (["mix", "models", "one", "two", *["--prompts", "one"] * 2], "no conversations"),
    (["mix", "tune", "one", "one-chats", "--what", "it"], "cannot be taught"),
    (["mix", "tune", "one", "one-chats"], "is no mixture"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_what_cannot_be_done_is_told_in_one_sentence(
    call: Call, tmp_path: Path, given: list[str], message: str
) -> None:
    code, out, err = call(*given, "--output", tmp_path / "made")
    assert code == 2
    assert message in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "made").exists()


def test_where_to_save_is_said_once(call: Call) -> None:
    names = [("--name", name) for name in ("../x", ".x", "a?b", "")]
    for given in ((), ("--output", "x", "--name", "x"), *names):
        code, _, err = call("merge", "linear", "one", *given)
        assert code == 2
        assert "where to save" in err or "is no name" in err
    assert call("mix", "gates", "one")[0] == 2
