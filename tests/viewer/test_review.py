"""Going through what a run found, as a person does it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Picture
from qtpy.QtCore import Qt

from fakes import FakeModel, picture
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.findings import Finding, Run, Said, Status
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.viewer.docks import ReviewDock
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.item_features import CORRECTED
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui

LABELS = ("crack", "pore", "scratch")
BOXES = [(5 + 25 * i, 10, 25 + 25 * i, 40) for i in range(4)]


def jpeg():
    data = BytesIO()
    Picture.fromarray(np.arange(1600, dtype=np.uint8).reshape(40, 40)).save(data, "JPEG")
    return data.getvalue()


def finding(key, shares, names=LABELS, **more):
    shares = dict(zip(names, shares, strict=True))
    best = max(shares, key=shares.get)
    values = np.array([[0.8, 0.1], [0.05, 0.05]], np.float32)
    given = {
        "best": best,
        "probability": shares[best],
        "probabilities": shares,
        "maps": (AttentionMap(values, "cross-attention"),),
        "thumbnail": jpeg(),
        "shape": (20, 30),
    }
    box = BOXES[int(key[-1])] if key[-1].isdecimal() and int(key[-1]) < 4 else BOXES[0]
    return Finding(Item(key, "wafer", box=box), **{**given, **more})


def journal_with(*findings, names=LABELS, questions=(), path=":memory:", model="student"):
    task = Task(questions, label_set_of(names, "defects") if names else None)
    journal = Journal.create(path, Run(model, "1", "cpu", task, {"kind": "panel"}))
    for one in findings:
        journal.add(one)
    return journal


def four():
    """Sure, hesitating, undecided, and one that could not be read."""
    return (
        finding("item 0", (0.9, 0.05, 0.05)),
        finding("item 1", (0.2, 0.6, 0.2)),
        finding("item 2", (0.4, 0.2, 0.4)),
        Finding(Item("item 3", "gone.tif"), Status.SKIPPED, "gone.tif cannot be read."),
    )


class Reviewer:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.image = viewer.add_image(picture((110, 60)), name="wafer")
        self.book = RunBook.of(viewer)
        self.view = ReviewDock(viewer)
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="review")
        qtbot.waitUntil(self.view.isVisible)

    def open(self, journal):
        self.book.open(journal)
        self.wait()

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.handler.is_reading)

    def click(self, button):
        assert button.isEnabled()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def click_line(self, row):
        index = self.view.list.model().index(row, 0)
        place = self.view.list.visualRect(index).center()
        self.qtbot.mouseClick(self.view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def click_class(self, name):
        chooser = self.view.classes
        row = chooser.names.index(name)
        place = chooser.list.visualItemRect(chooser.list.item(row)).center()
        self.qtbot.mouseClick(chooser.list.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def press(self, key):
        """Press a key as the canvas does."""
        return self.viewer.window._qt_viewer._key_map_handler.press_key(key)

    @property
    def listed(self):
        return [line.key for line in self.view.list.lines]

    @property
    def marks(self):
        return {line.key: line.mark for line in self.view.list.lines}

    @property
    def message(self):
        return self.view.messages.text

    def order(self, text):
        self.view.orders.setCurrentText(text)
        self.view.orders.activated.emit(self.view.orders.currentIndex())


@pytest.fixture
def reviewer(make_napari_viewer, qtbot):
    yield Reviewer(make_napari_viewer(show=True), qtbot)
    assert wait_for_jobs(10)


def test_the_most_uncertain_come_first_and_unreadable_ones_not_at_all(reviewer):
    reviewer.open(journal_with(*four()))
    assert reviewer.listed == ["item 2", "item 1", "item 0"]
    assert reviewer.view.progress_label.text() == "0 of 3 reviewed"
    reviewer.order("Strongest first")
    assert reviewer.listed == ["item 0", "item 1", "item 2"]
    reviewer.order("As listed")
    assert reviewer.listed == ["item 0", "item 1", "item 2"]


def test_going_to_a_region_shows_it_with_its_overlay(reviewer):
    reviewer.open(journal_with(*four()))
    assert not overlays_of(reviewer.viewer)
    reviewer.click(reviewer.view.next)
    assert reviewer.handler.current == "item 2"
    assert reviewer.view.title.text() == "crack"
    assert [name for name, _ in reviewer.view.bars.rows] == ["crack", "scratch", "pore"]
    assert not reviewer.view.picture.pixmap().isNull()
    (overlay,) = overlays_of(reviewer.viewer)
    assert overlay.visible
    center = reviewer.viewer.scene.camera.center[-2:]
    assert center == pytest.approx((64.5, 24.5), abs=0.6)
    reviewer.click_line(2)
    assert reviewer.handler.current == "item 0"
    assert reviewer.viewer.scene.camera.center[-2] == pytest.approx(14.5, abs=0.6)
    assert sum(layer.visible for layer in overlays_of(reviewer.viewer)) == 1


def test_accepting_goes_on_to_the_next(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    reviewer.click(reviewer.view.accept)
    assert reviewer.handler.current == "item 1"
    assert journal.finding("item 2").reviewed
    assert journal.finding("item 2").corrected == ""
    assert reviewer.marks["item 2"] == "agreed"
    assert reviewer.view.progress_label.text() == "1 of 3 reviewed"
    reviewer.click(reviewer.view.accept)
    reviewer.click(reviewer.view.accept)
    assert reviewer.message == "Every region is reviewed."


def test_a_correction_is_the_persons_and_can_be_taken_back(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    reviewer.click_class("scratch")
    assert journal.finding("item 2").final == "scratch"
    assert journal.finding("item 2").best == "crack"
    assert reviewer.marks["item 2"] == "changed"
    reviewer.click_line(0)
    assert reviewer.view.by.text() == "Corrected; the model said crack"
    reviewer.click(reviewer.view.undo)
    assert reviewer.handler.current == "item 2"
    assert journal.finding("item 2").corrected == ""
    assert not journal.finding("item 2").reviewed
    assert not reviewer.view.undo.isEnabled()
    reviewer.handler.undo()  # by its key
    assert reviewer.message == "There is nothing to take back."


def test_accepting_a_corrected_one_takes_the_correction_back(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.click_line(0)
    reviewer.click_class("pore")
    reviewer.click_line(0)
    reviewer.click(reviewer.view.accept)
    assert journal.finding("item 2").final == "crack"
    reviewer.click(reviewer.view.undo)
    assert journal.finding("item 2").final == "pore"


def test_keys_do_what_the_buttons_do_and_are_named_in_tips(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    view = reviewer.view
    assert view.next.toolTip().endswith("(N)")
    assert view.accept.toolTip().endswith("(G)")
    reviewer.press("N")
    assert reviewer.handler.current == "item 2"
    reviewer.press("N")
    reviewer.press("Shift-N")
    assert reviewer.handler.current == "item 2"
    reviewer.press("G")
    assert journal.finding("item 2").reviewed
    reviewer.press("Ctrl-3")
    assert journal.finding("item 1").corrected == "scratch"
    reviewer.press("U")
    assert journal.finding("item 1").corrected == ""
    reviewer.press("Ctrl-9")  # there is no ninth class
    assert journal.finding("item 1").corrected == ""
    reviewer.dock.hide()
    assert not reviewer.viewer.keymap


def test_numbers_are_classes_while_the_panel_has_the_focus(reviewer, qtbot):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.viewer.window._qt_window.activateWindow()
    reviewer.view.list.setFocus()
    qtbot.waitUntil(reviewer.view.list.hasFocus)
    qtbot.keyClick(reviewer.view.list, Qt.Key.Key_Down)
    first = reviewer.handler.current
    qtbot.keyClick(reviewer.view.list, Qt.Key.Key_2)
    assert journal.finding(first).corrected == "pore"


def test_among_many_classes_one_is_found_by_letters(reviewer, qtbot):
    names = [f"class {i:02}" for i in range(30)]
    shares = np.full(30, 0.6 / 29)
    shares[4] = 0.4
    journal = journal_with(finding("item 0", shares, names), names=names)
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    search = reviewer.view.classes.search
    assert search.isVisible()
    reviewer.viewer.window._qt_window.activateWindow()
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    qtbot.keyClicks(search, "27")
    assert not journal.finding("item 0").reviewed  # figures are text here
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert journal.finding("item 0").corrected == "class 27"
    assert search.text() == ""


def test_reviewed_ones_can_be_hidden(reviewer):
    reviewer.open(journal_with(*four()))
    reviewer.view.hide_reviewed.setChecked(True)
    reviewer.click(reviewer.view.next)
    reviewer.click(reviewer.view.accept)
    assert reviewer.listed == ["item 1", "item 0"]
    reviewer.click(reviewer.view.undo)
    assert reviewer.listed == ["item 2", "item 1", "item 0"]


def test_the_list_follows_a_batch_that_still_writes(reviewer):
    journal = journal_with(*four()[:2])
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    assert reviewer.handler.current == "item 1"
    journal.add(four()[2])
    reviewer.book.changed.emit(["item 2"])
    assert reviewer.listed == ["item 2", "item 1", "item 0"]
    assert reviewer.view.list.key == reviewer.handler.current == "item 1"
    more = [finding(f"more {i}x", (0.5, 0.3, 0.2)) for i in range(30)]
    for one in more:
        journal.add(one)
    reviewer.book.changed.emit([one.item.key for one in more])
    reviewer.wait()
    assert len(reviewer.listed) == 33
    assert reviewer.view.list.key == "item 1"


def test_what_another_program_writes_is_found_too(reviewer, tmp_path):
    path = tmp_path / "run.sqlite"
    with journal_with(*four()[:1], path=path) as writing:
        reviewer.open(Journal.open(path))
        assert reviewer.listed == ["item 0"]
        writing.add(four()[1])
        reviewer.qtbot.waitUntil(lambda: len(reviewer.listed) == 2, timeout=10_000)
        reviewer.click(reviewer.view.next)
        reviewer.click(reviewer.view.accept)
        assert writing.finding("item 1").reviewed


def test_a_new_run_keeps_the_place(reviewer):
    reviewer.open(journal_with(*four()))
    reviewer.click_line(1)
    reviewer.open(journal_with(*four(), model="another"))
    assert reviewer.handler.current == "item 1"
    assert reviewer.view.run.text() == "another · defects"
    drawn_anew = [finding(f"new {i}", (0.5 + i / 10, 0.3 - i / 10, 0.2)) for i in range(3)]
    reviewer.open(journal_with(*drawn_anew))
    assert reviewer.handler.current == "new 1"
    reviewer.open(None)
    assert reviewer.listed == []
    assert reviewer.handler.current == ""
    assert not reviewer.view.accept.isEnabled()


def test_a_removed_layer_is_said_in_one_sentence(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.viewer.layers.remove(reviewer.image)
    reviewer.click(reviewer.view.next)
    assert reviewer.message == "The image of this item is no longer open."
    reviewer.click(reviewer.view.accept)  # what it shows in the panel can still be judged
    assert journal.finding("item 2").reviewed


def test_a_missing_file_is_said_in_one_sentence(reviewer, tmp_path):
    gone = Finding(Item("item 0", str(tmp_path / "gone.tif")), best="crack", probability=0.5)
    task = Task((), label_set_of(LABELS))
    journal = Journal.create(":memory:", Run("student", "1", "cpu", task, {"kind": "folder"}))
    journal.add(gone)
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    reviewer.qtbot.waitUntil(lambda: "gone.tif" in reviewer.message)
    assert "\n" not in reviewer.message


def test_a_journal_that_cannot_be_written_is_said(reviewer):
    journal = journal_with(*four())
    reviewer.open(journal)
    reviewer.click(reviewer.view.next)
    journal.close()
    reviewer.click(reviewer.view.accept)
    assert reviewer.message
    assert "\n" not in reviewer.message


def test_answers_without_classes_are_reviewed_as_well(reviewer):
    said = (Said("Is there a defect?", "yes", 0.55),)
    one = Finding(Item("item 0", "wafer", box=BOXES[0]), said=said, thumbnail=jpeg())
    sure = Finding(
        Item("item 1", "wafer", box=BOXES[1]), said=(Said("Is there a defect?", "no", 0.97),)
    )
    journal = journal_with(sure, one, names=(), questions=("Is there a defect?",))
    reviewer.open(journal)
    assert reviewer.listed == ["item 0", "item 1"]
    reviewer.click(reviewer.view.next)
    assert reviewer.view.said.text() == "Is there a defect?\nyes"
    assert not reviewer.view.classes.isVisible()
    reviewer.click(reviewer.view.accept)
    assert journal.finding("item 0").reviewed
    assert reviewer.view.picture.text() == "No picture"


def test_corrections_of_drawn_shapes_are_written_beside_them_and_outlive_a_new_run(reviewer):
    boxes = [[[y0, x0], [y0, x1], [y1, x1], [y1, x0]] for y0, x0, y1, x1 in BOXES]
    shapes = reviewer.viewer.add_shapes(boxes, name="suspects")
    plan = plan_regions(reviewer.viewer, reviewer.image, RegionChoice.EVERY_SHAPE, drawn=shapes)

    def classify():
        regions = [cutout.read() for cutout in plan()]
        with reviewer.qtbot.waitSignal(reviewer.book.opened):
            reviewer.book.take(FakeModel().classify(regions, LABELS), LABELS)
        reviewer.wait()

    classify()
    reviewer.order("As listed")
    reviewer.click_line(1)
    reviewer.click_class("scratch")
    assert list(shapes.features[CORRECTED]) == ["", "scratch", "", ""]
    classify()
    assert reviewer.marks[reviewer.listed[1]] == "changed"
    assert list(shapes.features[CORRECTED])[1] == "scratch"


def test_every_control_has_a_tool_tip(reviewer):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    controls = [
        control
        for kind in (QAbstractButton, QComboBox, QLineEdit)
        for control in reviewer.view.findChildren(kind)
        # The clear button of a text field is Qt's own.
        if not isinstance(control.parent(), QLineEdit)
    ]
    assert len(controls) >= 7
    assert [control for control in controls if not control.toolTip()] == []


def test_napari_opens_the_panel(reviewer):
    _, view = reviewer.viewer.window.add_plugin_dock_widget("napari-micrograph-vlm", "Review")
    assert isinstance(view, ReviewDock)
    assert view.handler.viewer is reviewer.viewer
    reviewer.qtbot.waitUntil(view.isVisible)
    assert view.handler.keys.key("next") == "J"  # the first panel has N
    assert view.minimumSizeHint().width() <= 350


def test_a_closed_viewer_ends_the_review(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    view = ReviewDock(viewer)
    viewer.window.add_dock_widget(view, name="review")
    book = RunBook.of(viewer)
    book.open(journal_with(*four()))
    qtbot.waitUntil(lambda: not view.handler.is_reading)
    handler = view.handler
    viewer.close()
    qtbot.waitUntil(lambda: handler.closed)
    book.changed.emit(["item 0"])
    book.open(None)


def test_a_closed_panel_hears_nothing_more(reviewer, qtbot):
    reviewer.open(journal_with(*four()))
    view = reviewer.view
    with qtbot.waitSignal(view.destroyed):
        reviewer.viewer.window.remove_dock_widget(reviewer.dock)
    assert reviewer.handler.closed
    assert not reviewer.viewer.keymap
    reviewer.book.changed.emit(["item 0"])
    reviewer.book.open(None)


def test_undo_is_offered_only_where_there_is_something_to_take_back(reviewer):
    reviewer.open(journal_with(*four()))
    assert not reviewer.view.undo.isEnabled()
    reviewer.click(reviewer.view.next)
    reviewer.click(reviewer.view.accept)
    assert reviewer.view.undo.isEnabled()
    reviewer.click(reviewer.view.undo)
    assert not reviewer.view.undo.isEnabled()
