"""Going through the texts about figures, as a person does it."""

import shutil

import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from figure_teacher import LyingTeacher, make_world, write_figure_folder
from napari_micrograph_vlm.datasets.papers.figure import Panel, read_figures, write_figures
from napari_micrograph_vlm.datasets.papers.refine import refine
from napari_micrograph_vlm.datasets.papers.review import Review
from napari_micrograph_vlm.viewer import figure_review_folder
from napari_micrograph_vlm.viewer.docks import FigureReviewDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs

pytestmark = pytest.mark.gui


@pytest.fixture
def folder(tmp_path):
    where = tmp_path / "figures"
    worlds = write_figure_folder(where, 2)
    first, *others = read_figures(where)
    panel = Panel("a", (0, 0, 32, 48), f"{first.caption} Left half.")
    from dataclasses import replace

    write_figures(where, [replace(first, panels=(panel,)), *others])
    refine(where, LyingTeacher(worlds, lies=0), questions=2, panels=True)
    return where


class Reader:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot, monkeypatch):
        self.viewer, self.qtbot, self.patch = viewer, qtbot, monkeypatch
        self.view = FigureReviewDock(viewer)
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="figures")
        qtbot.waitUntil(self.view.isVisible)

    def open(self, folder):
        self.patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(folder))
        self.click(self.view.open)
        self.wait()

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.handler.jobs.is_busy)

    def click(self, button):
        assert button.isEnabled()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def press(self, name):
        """Press the key that the tool tip names, as the canvas does."""
        tip = getattr(self.view, name).toolTip()
        key = tip[tip.rindex("(") + 1 : -1].replace("+", "-")
        self.viewer.window._qt_viewer._key_map_handler.press_key(key)

    def choose(self, text):
        self.view.filters.setCurrentText(text)
        self.view.filters.activated.emit(self.view.filters.currentIndex())


@pytest.fixture
def reader(make_napari_viewer, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(figure_review_folder, "_file", lambda: tmp_path / "kept" / "last.json")
    yield Reader(make_napari_viewer(show=True), qtbot, monkeypatch)
    assert wait_for_jobs(10)


def test_keys_accept_and_reject_and_each_verdict_is_on_disk_at_once(reader, folder):
    reader.open(folder)
    first, second, third = (one.id for one in Review(folder).texts[:3])
    assert reader.handler.current == first
    assert reader.view.said.toPlainText() == Review(folder).text(first).said
    assert not reader.view.picture.pixmap().isNull()
    reader.press("accept")
    assert Review(folder).text(first).verdict == "accepted"
    assert reader.handler.current == second
    reader.press("reject")
    assert Review(folder).text(second).verdict == "rejected"
    assert reader.handler.current == third
    assert "1 accepted, 1 rejected" in reader.view.progress_label.text()
    reader.press("undo")
    assert reader.handler.current == second
    assert Review(folder).text(second).verdict == "open"
    reader.press("next")
    reader.press("previous")
    assert reader.handler.current == second


def test_words_can_be_changed_and_are_kept_even_without_a_verdict(reader, folder):
    reader.open(folder)
    first = reader.handler.current
    reader.view.said.setFocus()
    reader.view.said.selectAll()
    reader.qtbot.keyClicks(reader.view.said, "Mine g")
    assert reader.handler.current == first  # a letter is a letter while one types
    reader.qtbot.waitUntil(lambda: Review(folder).text(first).said == "Mine g")  # by itself
    reader.view.said.clear()
    reader.press("accept")
    assert reader.view.messages.text == "The field is empty; reject it, or write the words."
    assert Review(folder).text(first).verdict == "open"
    reader.view.said.setPlainText("Mine g")
    reader.click(reader.view.next)
    kept = Review(folder).text(first)
    assert (kept.verdict, kept.said) == ("open", "Mine g")
    reader.click(reader.view.previous)
    assert reader.view.said.toPlainText() == "Mine g"
    enter, control = Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier
    reader.qtbot.keyClick(reader.view.said, enter, control)
    assert Review(folder).text(first).verdict == "accepted"
    reader.choose("Accepted")
    assert reader.handler.current == first
    assert reader.view.state.text().startswith("Accepted in your words")


def test_the_last_text_says_that_all_are_reviewed(reader, folder):
    reader.open(folder)
    texts = Review(folder).texts
    for _ in texts:
        reader.click(reader.view.accept)
    assert reader.view.messages.text == "Every text is reviewed."
    assert {one.verdict for one in Review(folder).texts} == {"accepted"}
    reader.choose("Rejected")
    assert reader.view.messages.text == "There is no such text."
    assert not reader.view.accept.isEnabled()
    reader.open(folder)
    assert reader.view.wanted == ""
    assert reader.handler.current == texts[0].id


def test_a_figure_opens_as_a_layer_once_and_its_panel_alone(reader, folder):
    reader.open(folder)
    for _ in range(2):
        reader.click(reader.view.layer)
        reader.wait()
    (layer,) = reader.viewer.layers
    assert (layer.name, layer.data.shape) == ("Figure 1", (48, 64))
    while "panel a" not in reader.view.where.text():
        reader.click(reader.view.next)
    reader.click(reader.view.layer)
    reader.wait()
    assert reader.viewer.layers[-1].name == "Figure 1 (a)"
    assert reader.viewer.layers[-1].data.shape == (48, 32)


def test_folders_without_texts_and_full_disks_are_told_in_a_sentence(reader, folder, tmp_path):
    reader.open(tmp_path)
    assert "holds no figures.jsonl" in reader.view.messages.text
    reader.open(folder)
    assert reader.view.messages.text == ""
    first = reader.handler.current
    # A folder where the file should be: nothing can be written.
    (folder / "verdicts.jsonl").mkdir()
    reader.click(reader.view.accept)
    assert "nothing was kept" in reader.view.messages.text
    assert reader.handler.current == first
    assert not reader.view.undo.isEnabled()


def test_a_second_folder_shows_its_own_pictures_and_words_typed_meanwhile_are_kept(
    reader, folder, tmp_path
):
    second = tmp_path / "second"
    shutil.copytree(folder, second)
    for image in (second / "images").glob("*.png"):
        Image.linear_gradient("L").resize((64, 48)).save(image)
    (second / "refined.jsonl").unlink()
    worlds = {one.caption: make_world(i) for i, one in enumerate(read_figures(second))}
    refine(second, LyingTeacher(worlds, lies=0), questions=0)
    reader.open(folder)
    reader.click(reader.view.layer)
    reader.wait()
    first, before = reader.handler.current, reader.view.picture.pixmap().toImage()
    reader.handler.open(second)
    reader.view.said.setPlainText("Typed while it is read")
    reader.wait()
    assert Review(folder).text(first).said == "Typed while it is read"
    assert reader.view.picture.pixmap().toImage() != before
    reader.click(reader.view.layer)
    reader.wait()
    own, other = (layer.data for layer in reader.viewer.layers)
    assert (own != other).any()
    # What was said elsewhere meanwhile is not taken back by going on.
    key = reader.handler.current
    Review(second).say(key, "rejected")
    reader.click(reader.view.next)
    assert Review(second).text(key).verdict == "rejected"


def test_closing_the_panel_keeps_the_words_and_lets_go_of_the_keys(reader, folder):
    reader.open(folder)
    first = reader.handler.current
    reader.view.said.setPlainText("Unsaved words")
    bound = set(reader.viewer.keymap)
    reader.viewer.window.remove_dock_widget(reader.dock)
    assert Review(folder).text(first).said == "Unsaved words"
    assert len(set(reader.viewer.keymap)) < len(bound)
    again = Reader(reader.viewer, reader.qtbot, reader.patch)  # opens the same folder
    again.wait()
    assert again.view.said.toPlainText() == "Unsaved words"
    again.view.said.setPlainText("Typed last")
    again.view.deleteLater()  # as when napari's window is closed
    again.qtbot.waitUntil(lambda: again.handler.jobs.closed)
    assert Review(folder).text(first).said == "Typed last"
