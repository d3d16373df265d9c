"""The panel that teaches a model, driven as a user drives it."""

from threading import Event

import numpy as np
import pytest

pytest.importorskip("peft")

from fakes import FakeModel
from models.tiny_models import checkpoint
from napari_micrograph_vlm.datasets.chat import read_chat
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.models.catalog import FOLDERS_VARIABLE
from napari_micrograph_vlm.training.adapters.settings import Progress
from napari_micrograph_vlm.viewer.docks import TeachDock
from napari_micrograph_vlm.viewer.features import write_labels
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.teach_process import teach

pytestmark = pytest.mark.gui


class Teacher:
    """Stands for the process that teaches; waits where a gate is given."""

    def __init__(self, better=True):
        self.arguments, self.better, self.gate = [], better, None

    def __call__(self, arguments, on_progress, cancel):
        self.arguments = list(arguments)
        on_progress(Progress(0, 10, validation=4.0))
        on_progress(Progress(5, 10, 2.5, 3.0 if self.better else 5.0))
        while self.gate is not None and not self.gate.is_set():
            if cancel.wait(0.01):
                raise Cancelled
        best = 3.0 if self.better else 5.0
        folder = self.arguments[self.arguments.index("--output") + 1]
        return {"folder": folder, "first": 4.0, "best": best, "skipped": []}


class User:
    def __init__(self, viewer, qtbot, model, run):
        self.viewer, self.qtbot, self.run = viewer, qtbot, run
        self.chosen = {"model": model, "device": "cpu"}
        pixels = np.random.default_rng(0).integers(0, 255, (120, 160)).astype(np.uint8)
        self.image = viewer.add_image(pixels, name="wafer")
        corners = np.array([[0, 0], [0, 30], [30, 30], [30, 0]])
        boxes = [corners + np.array([10 + 40 * (i // 3), 10 + 45 * (i % 3)]) for i in range(6)]
        self.shapes = viewer.add_shapes(boxes, name="Regions")
        self.view = TeachDock(
            viewer, models=ModelHolder(lambda *_: FakeModel()), run=run,
            preferences=lambda: Preferences(**self.chosen), choose=self.chosen.update,
        )  # fmt: skip
        self.dock = viewer.window.add_dock_widget(self.view, name="teach")

    def label(self, names):
        write_labels(self.shapes, dict(enumerate(names)))
        self.view.handler.refresh()

    def rows(self):
        table = self.view.table
        return [tuple(table.item(i, j).text() for j in range(3)) for i in range(table.rowCount())]

    def teach(self, seconds=10):
        self.view.teach.click()
        self.wait(lambda: not self.view.handler.is_teaching, seconds)

    def wait(self, done, seconds=10):
        self.qtbot.waitUntil(done, timeout=1000 * seconds)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return checkpoint("llava", tmp_path_factory.mktemp("tiny") / "llava")


@pytest.fixture
def user(make_napari_viewer, qtbot, tiny, tmp_path, monkeypatch):
    """A viewer with six regions, a tiny model, and the panel."""
    (tmp_path / "own").mkdir()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path / "own"))
    made = User(make_napari_viewer(), qtbot, str(tiny), Teacher())
    yield made
    made.view.handler.close()
    assert wait_for_jobs(20)


def test_corrections_are_listed_changed_and_added_to(user):
    user.view.teach.click()
    assert "at least two regions" in user.view.messages.text
    user.label(["bridge", "bridge"])
    user.view.teach.click()
    assert "another class" in user.view.messages.text
    user.label(["bridge", "", "break", "bridge"])
    assert user.rows() == [
        ("Regions 0", "What is shown?", "bridge"),
        ("Regions 2", "What is shown?", "break"),
        ("Regions 3", "What is shown?", "bridge"),
    ]
    user.view.table.item(1, 2).setText("gap")
    user.view.table.selectRow(0)
    user.view.leave_out.click()
    user.shapes.selected_data = {5}
    user.view.question.setText("How many pores?")
    user.view.add.click()
    assert "right answer" in user.view.messages.text
    user.view.answer.setText("Three.")
    user.view.add.click()
    assert [row[1:] for row in user.rows()] == [
        ("What is shown?", "gap"), ("What is shown?", "bridge"), ("How many pores?", "Three."),
    ]  # fmt: skip


def test_what_is_listed_is_taught_and_the_model_is_chosen(user, tmp_path):
    user.label(["bridge", "break", "bridge", "break"])
    assert user.view.name.text() == "llava-taught"
    user.teach()
    assert user.chosen["model"] == str(tmp_path / "own" / "llava-taught")
    assert "4.000 before, 3.000 now" in user.view.messages.text
    assert user.view.curve.held == [(0, 4.0), (5, 3.0)]
    assert user.view.curve.learnt == [(5, 2.5)]
    rows = read_chat(tmp_path / "own" / "llava-taught-training" / "conversations")
    answers = [row["messages"][1]["content"][-1]["text"] for row in rows]
    assert answers == ["bridge", "break", "bridge", "break"]
    assert rows[0]["images"][0].size == (31, 31)
    assert "bridge or break" in rows[0]["messages"][0]["content"][-1]["text"]


def test_a_stopped_training_goes_on_and_a_worse_model_is_not_chosen(user, tiny, tmp_path):
    user.label(["bridge", "break", "bridge"])
    user.run.gate = Event()
    user.run.better = False
    user.view.teach.click()
    user.wait(lambda: bool(user.view.curve.held))
    assert not user.view.teach.isEnabled()
    (tmp_path / "own" / "llava-taught-training" / "training.json").write_text("{}")
    user.view.stop.click()
    user.wait(lambda: not user.view.handler.is_teaching)
    assert user.view.teach.text() == "Go on"
    assert not user.view.finish.isHidden()
    user.run.gate = None
    user.view.finish.click()
    user.wait(lambda: not user.view.handler.is_teaching)
    assert user.run.arguments[-1] == "--finish"
    assert "no better" in user.view.messages.text
    assert user.chosen["model"] == str(tiny)
    user.view.sources.setCurrentIndex(1)
    user.view.teach.click()
    assert "Choose the folder" in user.view.messages.text
    user.chosen["model"] = None
    user.view.teach.click()
    assert "choose a large model" in user.view.messages.text


def test_a_process_of_its_own_teaches(user, tmp_path):
    user.label(["bridge", "break"] * 3)
    user.view.handler._run = teach
    user.view.batch.setValue(2)
    user.view.epochs.setValue(1.5)
    user.view.rate.setValue(0.01)
    user.teach(90)
    assert "it answers from now on" in user.view.messages.text
    assert (tmp_path / "own" / "llava-taught" / "adapter_model.safetensors").is_file()
    assert len(user.view.curve.learnt) > 2
