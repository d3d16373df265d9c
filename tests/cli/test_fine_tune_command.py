"""``fine-tune`` as a person runs it."""

import json
import signal
import subprocess
import sys

import pytest

pytest.importorskip("peft")

from models.tiny_models import checkpoint
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.models.catalog import FOLDERS_VARIABLE
from training.adapters.teaching import conversations, picture

SHORT = ["--batch", "2", "--checks", "3", "--learning-rate", "0.01", "--rank", "8"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A tiny model, and a folder of its own for what is made."""
    (tmp_path / "own").mkdir()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "own"))
    checkpoint("llava", tmp_path / "llava")
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["fine-tune", *map(str, arguments)])
    return ended.value.code


def test_a_folder_of_classes_teaches_a_model_that_is_then_asked(here, capsys):
    for name, dark in (("crack", True), ("film", False)):
        (here / "classes" / name).mkdir(parents=True)
        for i in range(6):
            picture(dark, i).save(here / "classes" / name / f"{i}.png")
    given = [here / "classes", "--model", here / "llava", "--device", "cpu", *SHORT]
    assert run(*given, "--name", "mine", "--merged", "--json") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["best"] < outcome["first"]
    assert (here / "own" / "mine" / "model.safetensors").is_file()
    picture(True, 77).save(here / "new.png")
    with pytest.raises(SystemExit):
        main(["models", "list"])
    assert "mine" in capsys.readouterr().out
    question = "What is shown in this micrograph: crack or film? Answer with one of these only."
    with pytest.raises(SystemExit) as ended:
        main(["ask", str(here / "new.png"), question, "--model", "mine", "--device", "cpu"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("crack\n")


def test_wrong_input_is_one_sentence(here, capsys):
    data = conversations(here / "data")
    for arguments, words in (
        ([data, "--model", here / "llava"], "--output FOLDER, or with --name"),
        ([data, "--model", here / "llava", "--name", "a/b"], "no name for a model"),
        ([data, "--model", "nothing", "--name", "x"], "There is no model"),
        ([here / "gone", "--model", here / "llava", "--name", "x"], "There is no"),
        ([data, "--model", here / "llava", "--name", "x", "--rank", "0"], "Rank is from"),
        ([data, "--model", "student", "--name", "x"], "recipe of its own"),
    ):
        assert run(*arguments) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert words in said[-1]
    assert not list((here / "own").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_ctrl_c_keeps_what_was_learnt_and_the_window_can_read_along(here):
    data = conversations(here / "data")
    command = [
        sys.executable, "-m", "napari_micrograph_vlm", "fine-tune", str(data), "--model",
        str(here / "llava"), "--name", "mine", "--device", "cpu", "--epochs", "500", "--lines",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        for line in child.stdout:
            if json.loads(line)["progress"]["step"] >= 2:
                child.send_signal(signal.SIGINT)
                break
        _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "the same command goes on" in said
    assert list((here / "own" / "mine-training").glob("checkpoint-*/whole"))
    assert not (here / "own" / "mine").exists()
