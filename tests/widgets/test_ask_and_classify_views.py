"""Views without viewer or model: what they show and what they say."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication

from napari_micrograph_vlm.readers.scale_proposal import ScaleProposal
from napari_micrograph_vlm.widgets.answer_text import AnswerText
from napari_micrograph_vlm.widgets.ask_view import AskView
from napari_micrograph_vlm.widgets.bars import Bars
from napari_micrograph_vlm.widgets.class_list import ClassList
from napari_micrograph_vlm.widgets.classify_view import ClassifyView
from napari_micrograph_vlm.widgets.history_list import HistoryList
from napari_micrograph_vlm.widgets.message_bar import MessageBar
from napari_micrograph_vlm.widgets.panel import PlainLabel, button, plain_tip
from napari_micrograph_vlm.widgets.question_box import QuestionBox
from napari_micrograph_vlm.widgets.region_picker import RegionPicker
from napari_micrograph_vlm.widgets.scale_bar_row import ScaleBarRow
from napari_micrograph_vlm.widgets.thumbnail import Thumbnail

pytestmark = pytest.mark.gui

PRESETS = {"two": ("a", "b"), "three": ("a", "b", "c")}


@pytest.fixture
def shown(qtbot):
    def show(widget):
        qtbot.addWidget(widget)
        widget.resize(360, 200)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show


def test_words_are_chosen_with_mouse_and_keys(shown, qtbot):
    text = shown(AnswerText())
    clicked = []
    text.word_clicked.connect(clicked.append)
    # The first word is outside of Unicode's first plane, where Qt counts two.
    text.set_text("🔬 crack here", [(0, 1, 0.9), (2, 7, 0.2), (8, 12, 0.9)])
    cursor = text.textCursor()
    cursor.setPosition(5)
    point = text.cursorRect(cursor).center()
    assert text.word_at(point) == 1
    qtbot.mouseClick(text.viewport(), Qt.MouseButton.LeftButton, pos=point)
    marked = [mark.cursor.selectedText() for mark in text.extraSelections()]
    assert marked == ["crack"]
    qtbot.keyClick(text, Qt.Key.Key_Right)
    qtbot.keyClick(text, Qt.Key.Key_Right)
    qtbot.keyClick(text, Qt.Key.Key_Left)
    qtbot.keyClick(text, Qt.Key.Key_Escape)
    assert clicked == [1, 2, 2, 1, -1]
    qtbot.mouseClick(text.viewport(), Qt.MouseButton.LeftButton, pos=point)
    qtbot.mouseClick(text.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert clicked[-2:] == [1, -1]


def test_an_answer_grows_with_its_text(shown):
    text = shown(AnswerText())
    before = text.height()
    text.set_text("word " * 100)
    assert text.height() > 3 * before
    text.set_text("word")
    assert text.height() == before


def test_old_questions_come_back_with_up_and_down(shown, qtbot):
    box = shown(QuestionBox())
    box.remember("first")
    box.remember("second")
    box.remember("first")
    qtbot.keyClicks(box.line, "draft")
    for key, expected in [
        (Qt.Key.Key_Up, "first"),
        (Qt.Key.Key_Up, "second"),
        (Qt.Key.Key_Up, "second"),
        (Qt.Key.Key_Down, "first"),
        (Qt.Key.Key_Down, "draft"),
    ]:
        qtbot.keyClick(box.line, key)
        assert box.text == expected


def test_a_suggestion_asks_itself(shown, qtbot):
    box = shown(QuestionBox())
    box.set_suggestions(["Is this R&D?", "<b>bold</b>?", "long " * 30])
    chip = box._flow.itemAt(0).widget()
    assert chip.text() == "Is this R&&D?"
    assert len(box._flow.itemAt(2).widget().text()) <= 42
    with qtbot.waitSignal(box.submitted):
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert box.text == "Is this R&D?"


def test_class_names_are_added_edited_pasted_and_removed(shown, qtbot):
    classes = shown(ClassList(PRESETS))
    assert classes.labels == ("a", "b")
    classes.preset.setCurrentIndex(1)
    classes.preset.activated.emit(1)
    assert classes.labels == ("a", "b", "c")
    qtbot.keyClicks(classes.entry, "  crack ")
    qtbot.keyClick(classes.entry, Qt.Key.Key_Return)
    assert classes.labels[-1] == "crack"
    assert classes.preset.currentText() == "My own list"
    QGuiApplication.clipboard().setText("pore\n\nA\n crack\nvoid,\n")
    qtbot.keyClick(classes.names, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert classes.labels == ("a", "b", "c", "crack", "pore", "void")
    classes.names.item(0).setText("first")
    classes.names.item(1).setSelected(True)
    qtbot.keyClick(classes.names, Qt.Key.Key_Delete)
    assert classes.labels == ("first", "c", "crack", "pore", "void")


def test_history_says_which_entry_was_chosen(shown, qtbot):
    history = shown(HistoryList())
    history.grab()  # the hint of the empty list
    numbers = [history.add(f"q{i}", f"a{i}\nb") for i in range(3)]
    assert numbers == [0, 1, 2]
    assert history.item(0).text() == "q2"
    place = history.visualItemRect(history.item(2)).center()
    with qtbot.waitSignal(history.entry_chosen) as chosen:
        qtbot.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen.args == [0]
    history.change(0, "other")
    assert history.answer_of(0) == "other"
    history.mark(2)
    assert history.currentRow() == 0
    history.grab()


def test_messages_are_plain_and_questions_are_answered(shown, qtbot):
    bar = shown(MessageBar())
    bar.warn("<b>no</b>")
    assert bar.text == "<b>no</b>"
    bar.grab()
    bar.ask("Replace?", "Yes", "No")
    assert bar.is_asking
    with qtbot.waitSignal(bar.answered) as answered:
        qtbot.mouseClick(bar.no, Qt.MouseButton.LeftButton)
    assert answered.args == [False]
    assert bar.text == ""
    bar.inform("done")
    assert not bar.is_asking
    bar.grab()


def test_choosing_an_image_by_hand_pins_it(shown, qtbot):
    picker = shown(RegionPicker())
    assert not picker.pinned
    picker.set_images([("1", "one"), ("2", "two")], "1")
    picker.set_choices([("whole", "Whole")])
    with qtbot.waitSignals([picker.changed, picker.pin_toggled]):
        picker.images.setCurrentIndex(1)
        picker.images.activated.emit(1)
    assert picker.pinned
    picker.set_images([("2", "renamed"), ("1", "one")])
    assert picker.image_key == "2"
    picker.set_images([])
    assert picker.image_key == ""
    assert not picker.images.isEnabled()


def test_the_thumbnail_paints_the_very_pixels(shown):
    thumbnail = shown(Thumbnail())
    assert thumbnail.tiled is None
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    blue = red[..., ::-1].copy()
    tiles = [(red, (0.0, 0.0, 1.0, 0.5)), (blue, (0.0, 0.5, 1.0, 1.0))]
    thumbnail.show_tiles(tiles, (75, 150), "150 × 75 pixels", "")
    image = thumbnail.picture.grab().toImage()
    assert image.pixelColor(30, 75).getRgb()[:3] == (255, 0, 0)
    assert image.pixelColor(120, 75).getRgb()[:3] == (0, 0, 255)
    assert image.pixelColor(75, 10).red() not in (0, 255)  # beside the region
    thumbnail.detail.setCurrentIndex(2)
    assert thumbnail.tiled is True
    thumbnail.clear("nothing")
    assert thumbnail.picture.count == 0


def test_bars_are_as_long_as_probable(shown):
    bars = Bars()
    bars.set_rows([("crack", 0.75), ("a very long name of a class", 0.25)], 0.8)
    shown(bars)

    def colour(share):
        at = 0.42 * bars.width()
        room = bars.width() * 0.58 - bars.fontMetrics().horizontalAdvance("100 %") - 6
        found = bars.grab().toImage().pixelColor(int(at + share * room), 12)
        return np.array(found.getRgb()[:3])

    assert np.allclose(colour(0.7), (230, 159, 0), atol=3)
    assert not np.allclose(colour(0.9), (230, 159, 0), atol=50)
    bars.set_rows([("crack", 0.75)], 0.5)
    assert np.allclose(colour(0.7), (0, 114, 178), atol=3)
    assert "crack 75%" in bars.accessibleDescription()


def test_nothing_is_read_as_markup(qtbot):
    label = PlainLabel("<b>x</b>", dim=True, small=True)
    qtbot.addWidget(label)
    assert label.textFormat() is Qt.TextFormat.PlainText
    assert plain_tip("<b>x</b>") == "<qt>&lt;b&gt;x&lt;/b&gt;</qt>"
    made = button("a & b", "tip")
    qtbot.addWidget(made)
    assert made.text() == "a && b"


@pytest.mark.parametrize("make", [AskView, lambda: ClassifyView(PRESETS)])
def test_a_panel_is_never_narrower_than_its_contents(make, qtbot):
    panel = make()
    qtbot.addWidget(panel)
    panel.resize(10, 600)
    panel.show()
    panel.column.addWidget(button("A control that needs much room " * 3, "wide"))
    inner = panel.column.parentWidget()
    qtbot.waitUntil(lambda: inner.width() >= inner.minimumSizeHint().width() > 400)
    assert panel.minimumSizeHint().width() >= inner.minimumSizeHint().width()


@pytest.mark.parametrize("replaced", ["clear", "warn", "inform"])
def test_a_question_that_something_else_replaces_counts_as_refused(shown, replaced):
    bar = shown(MessageBar())
    told = []
    bar.ask("May pixels go there?", "Send", "Do not send", told.append)
    if replaced == "clear":
        bar.clear()
    else:
        getattr(bar, replaced)("Something else.")
    assert told == [False]
    assert not bar.is_asking
    bar.ask("May pixels go there?", "Send", "Do not send", told.append)
    bar.yes.click()
    assert told == [False, True]


@pytest.mark.parametrize(("typed", "length"), [("0,5", 0.5), ("0.5", 0.5), ("1,25", 1.25)])
def test_both_decimal_marks_are_taken_for_the_length_of_a_scale_bar(shown, qtbot, typed, length):
    row = shown(ScaleBarRow())
    row.show_proposal(ScaleProposal("Scale bar", 50.0))
    assert not row.use.isEnabled()
    row.length.selectAll()
    qtbot.keyClicks(row.length, typed)
    assert row.length.value() == length
    row.length.interpretText()
    assert row.proposal.pixel_size_nm == pytest.approx(length / 50)
    assert row.use.isEnabled()


def test_a_pixel_size_that_no_microscope_gives_cannot_be_used(shown):
    row = shown(ScaleBarRow())
    row.set_sources(file=False, text=False)
    row.show_proposal(ScaleProposal("Scale bar", 37.0, None, "mm", error=0.027))
    assert "extra “ocr”" in row.result.text()
    row.length.setValue(1e6)
    assert not row.use.isEnabled()
    assert "no microscope gives" in row.result.text()
    row.length.setValue(20)
    assert row.use.isEnabled()
    assert row.result.text().endswith("(±\u00a02.7\u00a0%)")


def test_no_lines_cut_a_sheet_of_frames(shown):
    thumbnail = shown(Thumbnail())
    white = np.full((10, 10, 3), 255, np.uint8)
    edges = [0, 0.31, 0.64, 1]
    sides = list(pairwise(edges))
    tiles = [(white, (y0, x0, y1, x1)) for y0, y1 in sides for x0, x1 in sides]

    def darkest():
        picture = thumbnail.picture.grab().toImage()
        return min(picture.pixelColor(i, 75).lightness() for i in range(5, picture.width() - 5))

    thumbnail.show_tiles(tiles, (100, 100), "", "")
    assert darkest() < 250
    thumbnail.show_tiles(tiles, (100, 100), "", "", seams=False)
    assert darkest() == 255
