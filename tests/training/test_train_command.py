"""The command: what it starts from, what it says, how it is stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from tiny_training import RECIPE, labelled_folder

from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.models.student.loading import SHIPPED
from napari_micrograph_vlm.training import hardware
from napari_micrograph_vlm.training import run as running
from napari_micrograph_vlm.training.progress import Bars, Lines, progress_for
from napari_micrograph_vlm.training.recipe import Recipe


@pytest.fixture
def call(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["train", *map(str, arguments)])
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


@pytest.fixture
def started(monkeypatch):
    """Start no training; see what it would have been."""
    calls = []

    def run(recipe, **given):
        calls.append((recipe, given))
        return running.Outcome(True)

    monkeypatch.setattr(running, "run", run)
    return calls


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(asdict(RECIPE)))
    return path


def test_help_names_every_option(call):
    code, out, _ = call("--help")
    assert code == 0
    for option in ("--output", "--data", "--stop-after", "--leave-out", "--without", "--device"):
        assert option in out


def test_a_student_is_trained_on_a_folder(trained, call, recipe_file, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 2)
    labels = folder / "teacher_labels.jsonl"
    labels.write_text(labels.read_text() + "no record\n")
    cache = trained[0] / "cache"
    given = ["--config", recipe_file, "--data", folder, "--cache", cache, "--device", "cpu"]
    code, out, err = call("--output", tmp_path / "mine-weights", "--name", "command", *given)
    assert (code, out) == (0, f"{tmp_path / 'mine-weights'}\n")
    assert "1 pictures or records were skipped" in err
    assert "line 3" in err
    assert (tmp_path / "mine-weights" / "model.safetensors").is_file()


def test_labelled_pictures_alone_teach_the_bundled_student_more(call, started, tmp_path):
    folder = labelled_folder(tmp_path / "mine", 1)
    call("--output", tmp_path / "out", "--data", folder, "--steps", 7)
    recipe, given = started.pop()
    assert given["init"] == SHIPPED
    assert given["cache"] == tmp_path / "out-cache"
    assert recipe.steps == 7
    assert recipe.images == Recipe.fine_tuning().images
    call("--output", tmp_path / "out", "--data", folder, "--from-scratch")
    recipe, given = started.pop()
    assert given["init"] is None
    assert recipe == Recipe.read()
    call("--output", tmp_path / "out")
    assert started.pop()[1]["init"] is None


def test_ctrl_c_says_how_to_go_on(call, monkeypatch, tmp_path):
    def run(recipe, **given):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run", run)
    code, _, err = call("--output", tmp_path / "out")
    assert code == 130
    assert "the same command goes on" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere"], "There is no folder nowhere"),
        (["--init", "a", "--from-scratch"], "not both"),
        (["--device", "gpu"], "auto, cpu or cuda"),
        (["--config", "nowhere.json"], "nowhere.json cannot be read"),
        (["--without", "mim"], "no loss called mim"),
        (["--leave-out", "theirs"], "no source of data called theirs"),
        (["--init", "nowhere"], "no model folder nowhere"),
        (["--steps", "0"], "--steps"),
        (["--images", "9000000"], "choose another first_seed or fewer images"),
    ],
)
def test_wrong_input_gets_one_sentence(call, tmp_path, arguments, said):
    code, _, err = call("--output", tmp_path / "out", *arguments)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_missing_extra_is_named(call, monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "find_spec", lambda name: None)
    code, _, err = call("--output", tmp_path / "out")
    assert code == 2
    assert "pip install napari-micrograph-vlm[train]" in err


def test_a_terminal_gets_a_bar(capsys):
    assert isinstance(progress_for(terminal=False), Lines)
    told = progress_for(terminal=True)
    assert isinstance(told, Bars)
    told.share("training", 0.25, "step 1")
    told.say("going on")
    told.share("training", 1.0, "step 4")
    told.share("calibration", 1.0)
    told.close()
    err = capsys.readouterr().err
    assert "going on" in err
    assert "training: 100%" in err
    assert "step 4" in err


def test_lines_about_a_stage_are_few():
    lines = []
    told = Lines(lines.append)
    for i in range(1, 101):
        told.share("training", i / 100, f"step {i}")
    assert lines == ["training: 1%, step 1", "training: 100%, step 100"]


def test_two_processes_share_the_work(trained, recipe_file, tmp_path):
    output = tmp_path / "two"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        "-m", "napari_micrograph_vlm", "train", "--config", recipe_file, "--output", output,
        "--cache", trained[0] / "cache", "--name", "two", "--device", "cpu",
    ]  # fmt: skip
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    # Only the first process speaks and writes.
    assert done.stdout == f"{output}\n"
    assert done.stderr.count("saved to") == 1
    assert json.loads((output / "training.json").read_text())["processes"] == 2
    log = (trained[0] / "cache" / "two" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [3]
