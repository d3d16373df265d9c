"""The panel that teaches a model, driven as a user drives it."""

import json
from contextlib import redirect_stdout
from io import StringIO
from threading import Event

import numpy as np
import pytest

pytest.importorskip("peft")

from qtpy.QtWidgets import QLabel, QPushButton, QScrollArea

from fakes import FakeModel
from models.tiny_models import checkpoint
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.datasets.chat import read_chat
from napari_micrograph_vlm.errors import Cancelled, MicrographError
from napari_micrograph_vlm.labelling.label_sets import LabelClass, LabelSet
from napari_micrograph_vlm.models.asking import which_of
from napari_micrograph_vlm.models.catalog import FOLDERS_VARIABLE
from napari_micrograph_vlm.runs.findings import Run
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.training.adapters.settings import Progress
from napari_micrograph_vlm.viewer.docks import TeachDock
from napari_micrograph_vlm.viewer.features import write_labels
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.run_book import RunBook
from napari_micrograph_vlm.viewer.teach_examples import Example, classes_in
from napari_micrograph_vlm.widgets.fold import Fold
from napari_micrograph_vlm.widgets.teach_view import TeachView

pytestmark = pytest.mark.gui


class Teacher:
    """Stands for the process that teaches; waits where a gate is given."""

    def __init__(self, better=True):
        self.arguments, self.better, self.gate, self.fails = [], better, None, ""

    def __call__(self, arguments, on_progress, cancel):
        self.arguments = list(arguments)
        if self.fails:
            raise MicrographError(self.fails)
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
        self.reopen()

    def reopen(self):
        """Close the panel where it is open, and open it anew."""
        if hasattr(self, "dock"):
            self.view.handler.close()
            self.viewer.window.remove_dock_widget(self.dock)
        self.view = TeachDock(
            self.viewer, models=ModelHolder(lambda *_: FakeModel()), run=self.run,
            preferences=lambda: Preferences(**self.chosen), choose=self.chosen.update,
        )  # fmt: skip
        self.dock = self.viewer.window.add_dock_widget(self.view, name="teach")
        return self.view

    def classified_with(self, labels):
        """Let the run book hold what a panel classified."""
        run = Run("tiny", "1", "cpu", Task(label_set=labels), {"kind": "panel", "layers": []})
        RunBook.of(self.viewer).open(Journal.create(":memory:", run))

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


def test_corrections_are_listed_changed_and_added_to(user, tmp_path):
    (tmp_path / "own" / "mine").mkdir()
    for name, words in (("mine", "already"), ("a/b", "no name for a model"), ("new", "")):
        user.view.name.setText(name)
        assert words in user.view.name_note.text()
        assert user.view.name_note.isHidden() is not bool(words)
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
    assert user.view.counts.text() == "2 examples, 1 left out"
    user.view.put_back.click()
    assert [row[2] for row in user.rows()] == ["bridge", "gap", "bridge"]
    assert user.view.put_back.isHidden()
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
    kinds = (LabelClass("none", "Straight lines."), LabelClass("break", "A gap."))
    labels = LabelSet("defects", (*kinds, LabelClass("bridge")))
    user.classified_with(labels)
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
    # In the order and with the sentences that "Classify regions" asks with.
    question = which_of(labels.names, labels.sentences)
    assert [row["messages"][0]["content"][-1]["text"] for row in rows] == [question] * 4


def test_a_class_that_was_not_listed_stands_behind_the_others():
    labels = LabelSet("defects", (LabelClass("none", "Straight."), LabelClass("break")))

    def example(key, answer, known):
        return Example("", answer, lambda: [], key, "", known)

    found = classes_in(
        [example("1", "Break", labels), example("2", "gap", labels), example("3", "pore", None)]
    )
    assert found["1"].classes == (*labels.classes, LabelClass("gap"))
    assert found["2"] == found["1"]
    assert found["3"].names == ("Break", "gap", "pore")


def test_a_start_that_failed_is_begun_anew_and_a_stopped_training_goes_on(user, tiny, tmp_path):
    user.label(["bridge", "break"])
    user.run.fails = "There is too little memory."
    user.teach()
    assert user.view.messages.text == "There is too little memory."
    assert user.view.teach.text() == "Teach"
    user.label(["break", "bridge", "break"])
    user.run.fails = ""
    user.run.gate = Event()
    user.run.better = False
    user.view.teach.click()
    user.wait(lambda: bool(user.view.curve.held))
    rows = read_chat(tmp_path / "own" / "llava-taught-training" / "conversations")
    answers = [row["messages"][1]["content"][-1]["text"] for row in rows]
    assert answers == ["break", "bridge", "break"]
    assert not user.view.teach.isEnabled()
    (tmp_path / "own" / "llava-taught-training" / "training.json").write_text("{}")
    user.view.stop.click()
    user.wait(lambda: not user.view.handler.is_teaching)
    assert user.view.teach.text() == "Go on"
    assert not user.view.finish.isHidden()
    user.label(["break", "break", "break", "bridge"])
    user.view.teach.click()
    assert "2 of the list are new or changed and left out" in user.view.messages.text
    user.view.stop.click()
    user.wait(lambda: not user.view.handler.is_teaching)
    rows = read_chat(tmp_path / "own" / "llava-taught-training" / "conversations")
    assert len(rows) == 3
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


def test_a_stopped_training_is_offered_again_by_a_new_panel(user, tiny, tmp_path):
    own = tmp_path / "own"
    for name in ("command", "foreign"):  # neither was begun by the panel
        (own / f"{name}-training").mkdir()
        (own / f"{name}-training" / "training.json").write_text("{}")
    user.label(["bridge", "break"])
    (own / "notes-training").mkdir()
    (own / "notes-training" / "mine.txt").touch()
    user.view.name.setText("notes")
    user.teach()
    assert "no training of this panel" in user.view.messages.text
    user.view.name.setText("mine2")
    user.view.rank.setValue(4)
    user.view.rate.setValue(0.003)
    user.view.whole.setChecked(True)
    user.run.gate = Event()
    user.view.teach.click()
    user.wait(lambda: bool(user.view.curve.held))
    begun = user.run.arguments
    work = own / "mine2-training"
    (work / "training.json").write_text("{}")
    for step, mark in ((20, "whole"), (40, "whole"), (60, "part")):
        (work / f"checkpoint-{step}").mkdir()
        (work / f"checkpoint-{step}" / mark).touch()
        state = json.dumps({"global_step": step, "max_steps": 200})
        (work / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    user.view.stop.click()
    user.wait(lambda: not user.view.handler.is_teaching)
    user.chosen["model"] = None
    view = user.reopen()
    (line,) = view.stopped_before.lines
    assert line.findChild(QLabel).text() == "mine2 was stopped at step 40 of 200."
    go_on, discard = line.findChildren(QPushButton)
    assert (view.rank.value(), view.whole.isChecked()) == (16, False)
    go_on.click()
    user.wait(lambda: bool(view.curve.held))
    assert user.run.arguments == begun
    assert (view.name.text(), view.rank.value()) == ("mine2", 4)
    assert view.stopped_before.isHidden()
    view.stop.click()
    user.wait(lambda: not view.handler.is_teaching)
    for click, stays in ((view.messages.no, True), (view.messages.yes, False)):
        discard.click()
        assert "Delete what mine2 has learnt" in view.messages.text
        click.click()
        user.wait(lambda stays=stays: work.exists() is stays)
    user.wait(view.stopped_before.isHidden)
    assert view.teach.text() == "Teach"
    left = {each.name for each in own.iterdir()}
    assert left == {"command-training", "foreign-training", "notes-training"}


def test_what_is_said_and_how_far_it_is_are_scrolled_to(qtbot):
    view = TeachView()
    qtbot.addWidget(view)
    view.resize(380, 400)
    view.show()
    for fold in view.findChildren(Fold):
        fold.title.setChecked(True)

    def is_seen(part):
        top = part.mapTo(view, part.rect().topLeft()).y()
        return part.isVisible() and top >= 0 and top + part.height() <= view.height()

    assert not is_seen(view.teach)
    view.messages.warn("Write a question and its right answer.")
    qtbot.waitUntil(lambda: is_seen(view.messages))
    view.messages.clear()
    view.findChild(QScrollArea).verticalScrollBar().setValue(0)
    view.curve.show()
    view.show_busy("Step 1 of 2", 1, 2)
    qtbot.waitUntil(lambda: is_seen(view.curve) and is_seen(view.progress))
    assert not view.table.isVisible()
    view.what.title.click()
    view.show_busy("Step 2 of 2", 2, 2)
    assert view.table.isVisible()  # unfolded by hand, it stays so
    view.what.title.click()
    view.show_idle()
    assert view.table.isVisible()


def test_what_the_panel_gives_is_what_the_command_takes(user, tmp_path):
    def teach(arguments, on_progress, _cancel):
        """Run the command in this process, which is faster."""
        with redirect_stdout(StringIO()) as said, pytest.raises(SystemExit) as ended:
            main(["fine-tune", *arguments, "--lines"])
        told = [json.loads(line) for line in said.getvalue().splitlines()]
        assert ended.value.code == 0, told
        for each in told[:-1]:
            on_progress(Progress.from_dict(each["progress"]))
        return told[-1]["outcome"]

    user.label(["bridge", "break"] * 3)
    user.view.handler._run = teach
    user.view.batch.setValue(2)
    user.view.epochs.setValue(1)
    user.view.rate.setValue(0.01)
    user.teach(90)
    assert "it answers from now on" in user.view.messages.text
    assert (tmp_path / "own" / "llava-taught" / "adapter_model.safetensors").is_file()
    assert len(user.view.curve.learnt) > 2
