"""The list of classes with its sentences, and the learning part, without viewer or model."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.labelling import PRESETS, LabelClass, LabelSet
from napari_micrograph_vlm.widgets.class_list import ClassList
from napari_micrograph_vlm.widgets.learn_view import LearnView

pytestmark = pytest.mark.gui

MINE = LabelSet("mine", (LabelClass("short", "joins <b>two</b> lines"), LabelClass("open")))


@pytest.fixture
def shown(qtbot):
    def show(widget):
        qtbot.addWidget(widget)
        widget.resize(340, 600)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show


def test_the_sentence_of_the_chosen_class_is_shown_and_edited(shown, qtbot):
    classes = shown(ClassList(PRESETS))
    assert not classes.sentence.isEnabled()
    classes.names.setCurrentRow(2)
    assert classes.sentence.toPlainText() == classes.classes[2].sentence != ""
    classes.sentence.selectAll()
    with qtbot.waitSignal(classes.changed):
        qtbot.keyClicks(classes.sentence, "A thin film.")
    assert classes.classes[2].sentence == "A thin film."
    assert classes.preset.currentText() == "My own list"
    assert classes.name == "My own list"
    classes.names.setCurrentRow(3)
    assert classes.sentence.toPlainText() == classes.classes[3].sentence
    classes.names.setCurrentRow(2)
    assert classes.sentence.toPlainText() == "A thin film."


def test_what_the_disabled_sentence_says_can_be_read(shown):
    classes = shown(ClassList({"a": ["one", "two"]}))
    assert not classes.sentence.isEnabled()
    picture = classes.grab(classes.sentence.geometry()).toImage()
    light = [
        picture.pixelColor(x, y).lightness()
        for x in range(4, picture.width() - 4)
        for y in range(4, picture.height() - 4)
    ]
    back = max(set(light), key=light.count)
    assert max(abs(one - back) for one in light) > 90


def test_a_long_sentence_is_drawn_behind_its_name_as_far_as_there_is_room(shown):
    classes = shown(ClassList({"mine": MINE}))
    long = LabelSet("mine", (LabelClass("short", "word " * 200), LabelClass("open")))

    def ink():
        row = classes.names.visualItemRect(classes.names.item(0))
        pixels = classes.names.viewport().grab(row).toImage()
        colours = [
            pixels.pixel(x, y) for x in range(pixels.width()) for y in range(pixels.height())
        ]
        return len(colours) - max(map(colours.count, set(colours)))

    classes.set_labels(["short", "open"])
    bare = ink()
    classes.set_labels(long)
    assert ink() > 3 * bare
    assert classes.names.horizontalScrollBar().maximum() == 0


def test_sentences_are_shown_letter_for_letter(shown):
    classes = shown(ClassList({"mine": MINE}))
    assert "&lt;b&gt;" in classes.names.item(0).toolTip()
    assert classes.label_set == MINE


def test_own_lists_are_below_the_presets_and_can_be_forgotten(shown, qtbot, monkeypatch):
    classes = shown(ClassList(PRESETS))
    assert not classes.forget.isEnabled()
    classes.set_kept({"mine": MINE})
    items = [classes.preset.itemText(i) for i in range(classes.preset.count())]
    assert items == [*PRESETS, "mine", "My own list"]
    assert classes.preset.currentText() == next(iter(PRESETS))
    classes.preset.setCurrentText("mine")
    classes.preset.activated.emit(classes.preset.currentIndex())
    assert classes.label_set == MINE
    with qtbot.waitSignal(classes.forget_wanted) as wanted:
        qtbot.mouseClick(classes.forget, Qt.MouseButton.LeftButton)
    assert wanted.args == ["mine"]
    classes.set_kept({})
    assert classes.labels == MINE.names
    assert classes.preset.currentText() == "My own list"


def test_files_and_names_are_asked_for(shown, qtbot, monkeypatch):
    classes = shown(ClassList(PRESETS))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: ("in.csv", ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("out.json", ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: (" lot 3 ", True))
    for pressed, signal, told in (
        (classes.read, classes.import_wanted, "in.csv"),
        (classes.write, classes.export_wanted, "out.json"),
        (classes.keep, classes.keep_wanted, "lot 3"),
    ):
        with qtbot.waitSignal(signal) as wanted:
            qtbot.mouseClick(pressed, Qt.MouseButton.LeftButton)
        assert wanted.args == [told]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: ("", ""))
    with qtbot.assertNotEmitted(classes.import_wanted):
        classes.read.click()


def test_thousands_of_classes_are_listed(shown):
    many = LabelSet("many", tuple(LabelClass(f"class {i}", "one") for i in range(5000)))
    classes = shown(ClassList({"many": many}))
    assert classes.label_set == many
    classes.names.selectAll()
    classes.remove.click()
    assert classes.labels == ()
    with pytest.raises(QuestionError, match="at least two"):
        _ = classes.label_set


def test_learning_shows_what_is_needed_for_its_source(shown):
    learn = shown(LearnView())
    assert learn.column.isVisible()
    assert not learn.folder.isVisible()
    learn.source.setCurrentIndex(1)
    learn.source.activated.emit(1)
    assert not learn.column.isVisible()
    assert learn.folder.isVisible()
    assert not learn.in_shapes


def test_the_table_keeps_its_shape_and_says_itself_in_words(shown, qtbot):
    learn = shown(LearnView())
    assert not learn.matrix.isVisible()
    assert not learn.save.isEnabled()
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, :100] = (255, 0, 0)
    learn.show_learnt(picture, "9 of 10 right", "")
    assert learn.matrix.heightForWidth(100) == 50
    assert learn.matrix.heightForWidth(1000) == 100
    assert learn.matrix.accessibleDescription() == "9 of 10 right"
    qtbot.waitUntil(lambda: learn.matrix.height() >= 100)
    grabbed = learn.matrix.grab().toImage()
    assert grabbed.pixelColor(20, 20).getRgb()[:3] == (255, 0, 0)
    assert grabbed.pixelColor(150, 20).getRgb()[:3] == (0, 0, 0)
    assert not learn.advice.isVisible()
    assert learn.save.isEnabled()


def test_what_cannot_be_used_is_not_used(shown, qtbot):
    learn = shown(LearnView())
    learn.allow_use(True)
    qtbot.mouseClick(learn.use, Qt.MouseButton.LeftButton, pos=learn.use.rect().center())
    learn.use.setChecked(True)
    assert learn.uses
    learn.allow_use(False, "other classes")
    assert not learn.uses
    assert learn.use.toolTip() == "other classes"
    learn.allow_use(True)
    assert not learn.uses
