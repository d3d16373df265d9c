"""The panel of models with a hub on this machine and a model for tests."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from fakes import FakeModel
from hub_server import Hub, serving
from napari_micrograph_vlm import _offline
from napari_micrograph_vlm.models import catalog
from napari_micrograph_vlm.models.memory import Memory
from napari_micrograph_vlm.viewer import model_manager_handler
from napari_micrograph_vlm.viewer.docks import ModelDock
from napari_micrograph_vlm.viewer.handler_jobs import Job, wait_for_jobs
from napari_micrograph_vlm.viewer.model_choice import CHANGES, ModelChoice
from napari_micrograph_vlm.viewer.model_lines import Place, card_of, line_of
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.widgets.boxes import value_of
from napari_micrograph_vlm.widgets.model_manager import ModelCard
from napari_micrograph_vlm.widgets.model_picker import ModelPicker
from napari_micrograph_vlm.widgets.panel import Panel

pytestmark = pytest.mark.gui

GB = 10**9
WEIGHTS = save({"a": np.arange(200_000, dtype=np.float32)})
FILES = {"config.json": json.dumps({"model_type": "llava"}).encode(), "model.safetensors": WEIGHTS}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one model, which is all that the catalog knows beside the student."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", _offline._OURS):
        monkeypatch.delenv(name, raising=False)
    made = Hub(dict(FILES))
    entry = replace(
        catalog.on_hub(made.repo), name="tiny", licence="MIT", licence_link="https://mit.edu",
        download=3 * GB, weights=200_000,
    )  # fmt: skip
    never = replace(catalog.describe("minigpt-4"))
    monkeypatch.setattr(catalog, "_published", lambda: (entry, never))
    with serving(made) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield made


class Bench:
    """A panel with its own holder of models, and what was kept of the user's choices."""

    def __init__(self, qtbot, memory):
        self.memory = memory
        self.asked = []
        self.forgotten = []
        self.kept = {}
        self.model = FakeModel()
        self.holder = ModelHolder(self.load, self.forgotten.append)
        self.dock = ModelDock(
            models=self.holder,
            preferences=Preferences,
            choose=lambda **kept: self.kept.update(kept),
        )
        qtbot.addWidget(self.dock)
        self.qtbot = qtbot
        self.look()

    def load(self, *which):
        self.asked.append(which)
        return self.model

    def look(self):
        self.dock.handler.look()
        self.settle()

    def settle(self):
        def idle():
            assert not self.dock.handler.is_busy
            assert self.dock.handler._looking is None

        self.qtbot.waitUntil(idle, timeout=30_000)

    def act(self):
        self.dock.act.click()

    def agree(self):
        self.dock.messages.yes.click()
        self.settle()


@pytest.fixture
def memory(monkeypatch):
    """16 GB on the processor, and a second device with 1 GB."""
    free = {"cpu": Memory(12 * GB, 16 * GB), "cuda:0": Memory(GB, 2 * GB)}

    def look(device, precision):
        name = "cpu" if device == "auto" else device
        bits = 16 if precision == "auto" else int(precision.partition("-")[0])
        return [("cpu", "cpu"), ("cuda:0", "card")], Place(name, bits, free[name])

    monkeypatch.setattr(model_manager_handler, "_look", look)
    return free


@pytest.fixture
def bench(qtbot, hub, memory):
    made = Bench(qtbot, memory)
    yield made
    made.dock.handler.close()
    assert wait_for_jobs(10)


def lines(dock):
    items = [dock.list.topLevelItem(i) for i in range(dock.list.topLevelItemCount())]
    return {i.text(0): (i.text(1), i.text(2)) for i in items if not i.isHidden()}


def test_the_list_says_what_fits_and_where_it_is(bench):
    assert lines(bench.dock) == {
        "student": ("620 MB", "✓ bundled"),
        "tiny": ("600 MB", "download"),
        "minigpt-4": ("–", "✗ not usable"),
    }
    assert "12.0 GB of 16.0 GB free" in bench.dock.free.text()
    bench.memory["cuda:0"] = Memory(GB // 2, 2 * GB)
    bench.dock.devices.setCurrentIndex(2)
    bench.settle()
    assert lines(bench.dock)["tiny"][0] == "600 MB ✗"
    bench.dock.choose("tiny")
    assert "600 MB and 500 MB are free; unload another model" in bench.dock._memory.text()


def test_words_and_a_box_shorten_the_list(bench):
    bench.dock.search.setText("MINI gpt")
    assert list(lines(bench.dock)) == ["minigpt-4"]
    assert bench.dock.name == "minigpt-4"
    bench.dock.search.clear()
    bench.dock.only_here.setChecked(True)
    assert list(lines(bench.dock)) == ["student"]


def test_words_that_no_model_has_leave_an_empty_card(bench):
    bench.dock.choose("minigpt-4")
    bench.dock.messages.warn("It went wrong.")
    bench.dock.search.setText("zzz")
    assert lines(bench.dock) == {}
    assert not bench.dock.nothing.isHidden()
    assert bench.dock.nothing.text() == "No model has these words."
    assert bench.dock._title.text() == bench.dock.messages.text == ""
    assert bench.dock._details.isHidden()
    bench.dock.search.clear()
    assert bench.dock.nothing.isHidden()
    assert bench.dock.name == bench.dock._title.text() == "minigpt-4"
    assert not bench.dock._details.isHidden()


def test_choosing_another_model_clears_what_was_said_and_a_second_look_does_not(bench):
    bench.dock.choose("student")
    bench.dock.messages.inform("The model was unloaded.")
    bench.look()
    assert bench.dock.messages.text == "The model was unloaded."
    bench.dock.choose("tiny")
    assert bench.dock.messages.text == ""


def test_the_chosen_model_stays_in_sight_beside_its_card(bench):
    dock = bench.dock
    dock.resize(380, 900)
    dock.show()
    bench.look()  # as a shown panel does; the list is not filled anew after this
    named = [replace(line, name=f"{line.name} {i}") for i in range(30) for line in dock._lines]
    dock.show_models(named)
    dock.choose("minigpt-4 29")
    dock.show_card(ModelCard())
    bench.qtbot.wait(50)
    dock.show_card(ModelCard("minigpt-4", "About it. " * 40, "MIT", note="A note. " * 40))
    bench.qtbot.wait(50)
    line = dock.list.visualItemRect(dock.list.currentItem())
    assert dock.list.viewport().rect().contains(line)


def test_a_model_that_another_panel_loads_can_be_unloaded_here(bench):
    """Panels behind tabs are not told that they are shown."""
    bench.dock.choose("tiny")
    assert not bench.dock.unload.isEnabled()

    def ask(report, cancel):  # as the other panels do
        with bench.holder.use("tiny", None, cancel=cancel):
            return threading.current_thread()

    refreshed = []
    bench.dock.outdated.connect(lambda: refreshed.append(threading.current_thread()))
    job = Job(ask)
    with bench.qtbot.waitSignal(job.ended, timeout=10_000):
        job.start()
    bench.qtbot.waitUntil(bench.dock.unload.isEnabled, timeout=10_000)
    assert refreshed == [threading.current_thread()]
    assert lines(bench.dock)["tiny"][1] == "● loaded"
    assert "It is loaded" in bench.dock._memory.text()
    bench.dock.unload.click()
    bench.settle()
    assert bench.forgotten == [bench.model]
    assert not bench.dock.unload.isEnabled()


def test_a_model_that_cannot_be_loaded_offers_nothing(bench):
    bench.dock.choose("minigpt-4")
    assert not bench.dock.act.isEnabled()
    assert "Take instructblip-vicuna-7b instead." in bench.dock._note.text()


def test_a_download_asks_shows_progress_checks_and_loads(bench, hub):
    bench.dock.choose("tiny")
    assert bench.dock.act.text() == "Download…"
    bench.act()
    question = bench.dock.messages.text
    assert "licence: MIT" in question
    assert "about 3.0 GB from huggingface.co" in question
    assert "https://mit.edu" in bench.dock._licence.text()
    assert hub.sent == []
    assert not hub.agents
    shown = []
    busy = bench.dock.show_busy
    bench.dock.show_busy = lambda what, done=0, of=0: (
        shown.append((what, done, of)),
        busy(what, done, of),
    )
    bench.agree()
    assert "was downloaded and checked" in bench.dock.messages.text
    total = sum(map(len, FILES.values()))
    assert ("Downloading: 1 MB of 1 MB", total, total) in shown
    assert any(what.startswith("Checking") for what, _, _ in shown)
    assert lines(bench.dock)["tiny"][1] == "✓ here"
    bench.act()
    bench.settle()
    assert bench.asked == [("tiny", None)]
    assert bench.kept == {"model": "tiny", "device": None, "precision": None}
    assert lines(bench.dock)["tiny"][1] == "● loaded"
    assert "is loaded on cpu" in bench.dock.messages.text
    bench.dock.unload.click()
    bench.settle()
    assert bench.forgotten == [bench.model]
    assert bench.holder.held is None
    bench.dock.remove.click()
    assert "for every program" in bench.dock.messages.text
    bench.agree()
    assert lines(bench.dock)["tiny"][1] == "download"
    assert "was removed; 1 MB are free again" in bench.dock.messages.text


def test_no_means_no(bench, hub):
    bench.dock.choose("tiny")
    bench.act()
    bench.dock.messages.no.click()
    bench.settle()
    assert not hub.agents
    assert bench.dock.messages.text == ""


def test_a_question_about_one_model_is_not_answered_for_another(bench, hub):
    bench.dock.choose("tiny")
    bench.act()
    bench.dock.choose("student")
    assert not bench.dock.messages.is_asking
    bench.dock.messages.yes.click()
    assert not bench.dock.handler.is_busy
    assert not hub.agents


def test_stopping_a_download_leaves_nothing_behind(bench, hub, tmp_path):
    hub.pause = 0.5
    bench.dock.choose("tiny")
    bench.act()
    bench.dock.messages.yes.click()
    bench.qtbot.waitUntil(lambda: "model.safetensors" in hub.sent, timeout=30_000)
    assert not bench.dock.act.isEnabled()
    bench.dock.stop.click()
    bench.settle()
    assert bench.dock.messages.text == "Stopped."
    assert lines(bench.dock)["tiny"][1] == "download"
    assert not list(tmp_path.rglob("*.incomplete"))


def test_what_goes_wrong_is_one_sentence(bench, hub):
    hub.gated = True
    bench.dock.choose("tiny")
    bench.act()
    bench.agree()
    assert "agreed to its licence" in bench.dock.messages.text
    assert bench.dock.act.isEnabled()


def test_what_does_not_fit_is_loaded_only_after_a_question(bench):
    bench.memory["cpu"] = Memory(GB // 2, 16 * GB)
    bench.look()
    bench.dock.choose("student")
    bench.act()
    assert "may not fit" in bench.dock.messages.text
    assert bench.asked == []
    bench.agree()
    # The panels ask for the student by no name; the same key keeps it loaded for them.
    assert bench.asked == [(None, None)]


def test_a_failed_load_keeps_the_panel_usable(bench):
    def load(*_):
        raise RuntimeError("CUDA out of memory")

    bench.holder._load = load
    bench.dock.choose("student")
    bench.act()
    bench.settle()
    assert "CUDA out of memory" in bench.dock.messages.text
    assert bench.kept == {}
    assert bench.dock.act.isEnabled()


def test_device_and_precision_are_handed_on(bench):
    bench.dock.devices.setCurrentIndex(1)
    bench.dock.precisions.setCurrentIndex(bench.dock.precisions.findData("8-bit"))
    bench.settle()
    bench.dock.choose("student")
    bench.act()
    bench.settle()
    assert bench.asked == [(None, "cpu", "8-bit")]
    assert bench.kept == {"model": None, "device": "cpu", "precision": "8-bit"}


def test_closing_the_panel_stops_the_download(bench, hub):
    hub.pause = 0.5
    bench.dock.choose("tiny")
    bench.act()
    bench.dock.messages.yes.click()
    bench.qtbot.waitUntil(lambda: "model.safetensors" in hub.sent, timeout=30_000)
    bench.dock.handler.close()
    assert wait_for_jobs(10)
    assert catalog.describe("tiny").status is catalog.Status.ABSENT


def test_closing_the_panel_while_it_looks_up_memory(bench):
    bench.dock.handler.look()
    bench.dock.handler.close()
    assert bench.dock.handler.closed
    assert wait_for_jobs(10)


def test_another_model_is_unloaded_before_the_next_is_loaded():
    order = []
    holder = ModelHolder(lambda name, device: order.append(name) or name, order.append)
    for name in ("a", "b"):
        with holder.use(name, cancel=Event()):
            pass
    assert order == ["a", "a", "b"]  # loaded, forgotten, loaded
    assert holder.unload(Event())
    assert not holder.unload(Event())


def test_a_card_tells_of_accounts_and_instead(hub):
    gated = replace(catalog.describe("tiny"), gated=True, note="A note.")
    card = card_of(gated, Place(counts={"tiny": 2 * GB}))
    assert card.note == "A note. The hub asks for an account that agreed to the licence."
    assert "2.0 billion weights" in card.about
    for count, words in ((300_000, "less than 1 million"), (2_400_000, "2 million")):
        card = card_of(gated, Place(counts={"tiny": count}))
        assert f", {words} weights" in card.about
    assert line_of(gated, Place()).memory == "?"


def test_the_picker_keeps_what_the_user_picked(qtbot, hub, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(mine))
    picker, panel, kept = ModelPicker(), Panel(), []
    qtbot.addWidget(picker)
    qtbot.addWidget(panel)
    chosen = SimpleNamespace(now=Preferences(model="/a/folder", device="cpu"))
    choice = ModelChoice(picker, panel, lambda: chosen.now, lambda **choices: kept.append(choices))
    names = [picker.model.itemData(i) for i in range(picker.model.count())]
    assert names == ["", str(mine), "/a/folder"]
    assert [value_of(b) for b in (picker.model, picker.device, picker.precision)] == [
        "/a/folder", "cpu", "",
    ]  # fmt: skip
    picker.model.setCurrentIndex(1)
    picker.model.activated.emit(1)
    picker.precision.activated.emit(0)
    assert kept == [{"model": str(mine)}, {"precision": None}]
    chosen.now = Preferences(model="student")
    panel.show()
    assert value_of(picker.model) == ""
    chosen.now = Preferences(model=str(mine), precision="8-bit")
    CHANGES.happened.emit()  # as the panel of models does
    assert (value_of(picker.model), value_of(picker.precision)) == (str(mine), "8-bit")
    choice.close()


def test_a_deleted_panel_is_not_looked_at_again(qtbot, hub):
    picker, panel = ModelPicker(), Panel()
    qtbot.addWidget(panel)
    ModelChoice(picker, panel, Preferences)
    picker.deleteLater()
    qtbot.wait(50)
    CHANGES.happened.emit()
