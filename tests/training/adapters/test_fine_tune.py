"""A model that is taught gets better, whatever interrupts it, and answers as it was taught."""

import json
import shutil
import weakref
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import TrainerState

pytest.importorskip("peft")

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import ModelError, SourceError
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.models.memory import Memory
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.adapters import (
    Progress,
    Settings,
    fine_tune,
    merged,
    run,
    tuning,
)
from napari_micrograph_vlm.training.adapters.curve import ticks
from napari_micrograph_vlm.training.adapters.lessons import region_of
from napari_micrograph_vlm.training.adapters.memory import needed_to_teach, shortage_of
from napari_micrograph_vlm.training.adapters.merged import merge
from napari_micrograph_vlm.training.adapters.trainer import _Watch
from training.adapters.teaching import CRACK, FILM, QUESTION, SHORT, conversations, picture

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A tiny model, conversations, and an adapter taught without interruption."""
    folder = tmp_path_factory.mktemp("taught")
    checkpoint("llava", folder / "llava")
    conversations(folder / "data")
    told = []
    outcome = fine_tune(
        folder / "llava", folder / "data", folder / "whole", settings=SHORT, device="cpu",
        on_progress=told.append,
    )  # fmt: skip
    return folder, outcome, told


def tuned(here, name, settings=SHORT, **options):
    folder = here[0]
    return fine_tune(
        folder / "llava", folder / "data", folder / name, settings=settings, device="cpu",
        **options,
    )  # fmt: skip


def answers(folder):
    model = LocalModel.load(folder, "cpu")
    regions = [region_of(picture(dark, 99)) for dark in (True, False)]
    return [model.ask(Question(QUESTION, (region,)), max_tokens=8).text for region in regions]


def no_space(*_):
    raise OSError(28, "No space left on device")


def test_the_validation_loss_falls_and_is_told(here):
    _folder, outcome, told = here
    assert outcome.finished
    assert outcome.best < 0.5 * outcome.first
    assert (outcome.lessons, outcome.held_out) == (9, 1)
    assert told[-1].steps == outcome.steps == 15
    assert {at.step for at in told} >= set(range(1, 16))
    losses = [entry["validation"] for entry in outcome.history if "validation" in entry]
    assert losses[0] == outcome.first
    assert min(losses) == outcome.best


def test_the_folder_says_how_it_was_made(here):
    folder = here[0] / "whole"
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "README.md", "adapter_config.json", WEIGHTS, "fine_tune.json", "history.json",
        "loss_curve.png",
    }  # fmt: skip
    with Image.open(folder / "loss_curve.png") as curve:
        assert curve.size == (760, 420)
    assert json.loads((folder / "history.json").read_text()) == here[1].history
    assert "It fell." in (folder / "README.md").read_text()
    assert not (here[0] / "whole-training").exists()


def test_a_taught_model_answers_and_a_merged_copy_answers_alike(here):
    folder = here[0]
    assert answers(folder / "whole") == [CRACK, FILM]
    merge(folder / "whole", folder / "merged")
    assert answers(folder / "merged") == [CRACK, FILM]
    base, whole = (load_file(folder / n / "model.safetensors") for n in ("llava", "merged"))
    assert base.keys() == whole.keys()
    same = [torch.equal(base[name], whole[name]) for name in base]
    assert any(same)
    assert not all(same)


def test_interrupted_at_any_place_it_comes_to_the_same_weights(here, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(at: Progress):
        if at.step == 8 and not at.stage:
            raise Killed

    with pytest.raises(Killed):
        tuned(here, "again", on_progress=kill)
    work = here[0] / "again-training"
    assert (work / "checkpoint-5" / "whole").is_file()
    # Killed while the next state was written.
    shutil.copytree(work / "checkpoint-5", work / "checkpoint-7")
    (work / "checkpoint-7" / "whole").unlink()
    (work / "checkpoint-7" / WEIGHTS).write_bytes(b"half")
    stop = Event()

    def stop_at(at: Progress):
        if at.step == 10:  # a step behind which the loss is measured
            stop.set()

    stopped = tuned(here, "again", stop=stop, on_progress=stop_at)
    assert (stopped.finished, stopped.step) == (False, 10)
    assert stopped.history[-1] == {"step": 10, "validation": stopped.best}
    assert not (here[0] / "again").exists()
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "keep", no_space)
        with pytest.raises(SourceError, match="No space left on device; free some"):
            tuned(here, "again")
    outcome = tuned(here, "again")
    assert outcome.finished
    assert (outcome.step, outcome.best) == (15, here[1].best)
    assert outcome.history == here[1].history
    one, two = (load_file(here[0] / name / WEIGHTS) for name in ("whole", "again"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_stopped_training_can_be_saved_as_it_is(here, monkeypatch):
    taught, alive = [], []

    def load(*how):
        loaded = run_load(*how)
        taught.append(weakref.ref(loaded.model))
        return loaded

    def merge_alone(*folders):
        alive.append(taught[-1]() is not None)
        merge(*folders)

    run_load = run._load
    monkeypatch.setattr(run, "_load", load)
    monkeypatch.setattr(merged, "merge", merge_alone)
    stop = Event()
    with pytest.raises(SourceError, match="nothing to finish"):
        tuned(here, "early", finish=True)
    tuned(here, "early", stop=stop, on_progress=lambda at: at.step == 7 and stop.set())
    outcome = tuned(here, "early", finish=True, merged=True)
    assert outcome.finished
    assert outcome.step == 7
    assert here[1].best < outcome.best < outcome.first
    names = {file.name for file in (here[0] / "early").iterdir()}
    assert {"config.json", "model.safetensors", "README.md"} <= names
    assert WEIGHTS not in names
    assert alive == [False]  # two models would not fit into memory


def test_it_ends_early_where_it_gets_worse_and_keeps_the_best(here, monkeypatch):
    settings = replace(SHORT, learning_rate=1.0, warm_up=0.0, checks=15, patience=2)
    told = []
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "keep", no_space)
        with pytest.raises(SourceError, match="cannot be written"):
            tuned(here, "wild", settings, on_progress=told.append)
    # What had ended is only saved.
    outcome = tuned(here, "wild", settings)
    assert outcome.step == told[-1].step
    assert outcome.finished
    assert outcome.step < outcome.steps
    losses = [entry["validation"] for entry in outcome.history if "validation" in entry]
    assert outcome.best == min(losses[1:]) < losses[-1]


def test_a_taught_model_goes_on_learning(here):
    folder = here[0]
    outcome = fine_tune(
        folder / "whole", folder / "data", folder / "more", settings=replace(SHORT, epochs=1),
        device="cpu",
    )  # fmt: skip
    assert outcome.first == pytest.approx(here[1].best, abs=1e-5)
    config = json.loads((folder / "more" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(folder / "llava")


def test_the_best_state_is_looked_for_where_the_folder_is_now(tmp_path):
    state = TrainerState(best_model_checkpoint="/before/mine-training/checkpoint-5")
    watch = _Watch(None, lambda _progress: None)
    watch.on_train_begin(SimpleNamespace(output_dir=str(tmp_path)), state, None)
    assert state.best_model_checkpoint == str(tmp_path / "checkpoint-5")


def test_the_same_call_again_does_nothing_and_another_is_refused(here):
    again = tuned(here, "whole")
    assert (again.finished, again.best) == (True, here[1].best)
    with pytest.raises(SourceError, match="holds something already"):
        tuned(here, "whole", replace(SHORT, rank=4))
    stop = Event()
    stop.set()
    assert not tuned(here, "begun", stop=stop).finished
    with pytest.raises(SourceError, match="begun with rank 8, not 4"):
        tuned(here, "begun", replace(SHORT, rank=4))
    conversations(here[0] / "other", 6)
    with pytest.raises(SourceError, match="begun with other data"):
        fine_tune(
            here[0] / "llava", here[0] / "other", here[0] / "begun", settings=SHORT, device="cpu"
        )


def test_what_cannot_be_taught_is_refused_in_one_sentence(here):
    folder = here[0]
    with pytest.raises(ModelError, match="recipe of its own"):
        fine_tune("student", folder / "data", folder / "no")
    with pytest.raises(ModelError, match="behind a server"):
        fine_tune("http://localhost:1/v1#m", folder / "data", folder / "no")
    with pytest.raises(SourceError, match="holds no conversations"):
        fine_tune(folder / "llava", folder, folder / "no", device="cpu")
    with pytest.raises(ModelError, match="CUDA"):
        tuned(here, "no", replace(SHORT, precision="4-bit"))
    with pytest.raises(SourceError, match="Rank is from 1 to 1024, not 0"):
        Settings(rank=0)
    assert not (folder / "no").exists()
    assert not (folder / "no-training").exists()


def test_memory_is_foreseen():
    settings = Settings()
    need = needed_to_teach(7_000_000_000, 16, settings, saving=True)
    assert needed_to_teach(7_000_000_000, 4, settings, saving=True) < need
    assert needed_to_teach(7_000_000_000, 16, settings, saving=False) > need
    small, large = Memory(10**10, 10**10), Memory(10**11, 10**11)
    assert not shortage_of(7_000_000_000, 16, settings, large, saving=True)
    assert "4-bit" in shortage_of(7_000_000_000, 16, settings, small, saving=True)
    assert "smaller model" in shortage_of(10**12, 16, settings, small, saving=True)


def test_marks_on_an_axis_are_round():
    assert ticks(7.2) == [0, 2, 4, 6]
    assert ticks(0.9) == [0, 0.2, 0.4, 0.6, 0.8]
    assert ticks(float("nan")) == [0, 1]
