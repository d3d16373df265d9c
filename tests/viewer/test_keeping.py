"""Answers kept beside their image, and brought back when it is opened again."""

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from fakes import FakeModel, picture
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.reporting.sidecar import Sidecar
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.features import COLUMNS
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.keeping import Keeper, path_of
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui

BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5
SLANTED = np.array([[45.0, 12], [70, 20], [60, 55], [42, 44]])
LABELS = ("crack", "pore")


class Session:
    """A viewer with an image from a file and the question panel."""

    def __init__(self, viewer, qtbot, path, model=None, **image):
        self.viewer, self.qtbot, self.path = viewer, qtbot, path
        self.model = model or FakeModel()
        self.chosen = Preferences()
        self.image = viewer.add_image(
            tifffile.imread(path), name="wafer", metadata={"path": str(path)}, **image
        )
        self.view = ask_widget(
            viewer, models=ModelHolder(lambda *_: self.model), preferences=lambda: self.chosen
        )
        self.view.advanced.checks.setChecked(False)
        self.handler = self.view.handler
        viewer.window.add_dock_widget(self.view, name="ask")
        self.wait()

    def wait(self):
        self.qtbot.waitUntil(
            lambda: not (self.handler.is_busy or self.handler.keeping.is_busy), timeout=20_000
        )

    def click(self, button):
        assert button.isEnabled()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait()

    def tick_keep(self):
        self.view.keep.click()
        self.wait()

    def draw(self, *outlines, kind="polygon", **options):
        shapes = self.viewer.add_shapes(
            list(outlines), shape_type=kind, scale=self.image.scale, **options
        )
        shapes.selected_data = {len(outlines) - 1}
        return shapes

    def ask(self, text):
        self.view.question.line.setText(text)
        self.click(self.view.ask)

    def show_entry(self, row):
        item = self.view.history.item(row)
        place = self.view.history.visualItemRect(item).center()
        self.qtbot.mouseClick(self.view.history.viewport(), Qt.MouseButton.LeftButton, pos=place)

    @property
    def message(self):
        return self.view.messages.text

    @property
    def overlay(self):
        (shown,) = (layer for layer in overlays_of(self.viewer) if layer.visible)
        return shown


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "wafer 7.tif"
    tifffile.imwrite(path, (picture((96, 80)) * 255).astype(np.uint8))
    return path


@pytest.fixture
def session(make_napari_viewer, qtbot, path):
    def start(**options):
        return Session(make_napari_viewer(), qtbot, path, **options)

    yield start
    assert wait_for_jobs(10)


def test_nothing_is_written_unless_the_user_asks(session, path):
    user = session()
    assert not user.view.keep.isChecked()
    user.ask("What is this?")
    assert list(path.parent.iterdir()) == [path]
    assert user.view.earlier.text == ""


def test_keeping_writes_what_was_said_and_what_is_said_next(session, path):
    user = session()
    user.ask("What is this?")
    assert "wafer 7.tif.vlm" in user.view.keep.toolTip()
    user.tick_keep()
    assert len(Sidecar(path)) == 1
    user.ask("Is there a defect?")
    kept, broken = Sidecar(path).kept()
    assert [one.result.question for one in kept] == ["What is this?", "Is there a defect?"]
    assert not broken
    user.tick_keep()
    user.tick_keep()
    assert len(Sidecar(path)) == 2  # nothing twice
    user.tick_keep()
    user.ask("And now?")
    assert len(Sidecar(path)) == 2


def test_answers_come_back_with_their_regions_and_overlays(session, path):
    before = session(scale=(2, 2), units=("nm", "nm"))
    told = {"instrument": {"maker": "Zeiss"}, "scale_from": "the scale bar", "scale_error": 0.02}
    before.image.metadata = {**before.image.metadata, **told}
    shapes = before.draw(BOX, SLANTED)
    before.view.keep.setChecked(True)
    before.ask("What is the slanted one?")
    shapes.selected_data = {0}
    before.ask("What is the box?")
    boxes = [entry.answer.regions[0] for entry in before.handler.entries]
    overlay = np.array(before.overlay.data), before.overlay.translate.copy()

    after = session(scale=(2, 2), units=("nm", "nm"))
    assert after.view.earlier.text == "This image has 2 earlier answers"
    after.click(after.view.earlier.show_them)
    assert after.view.earlier.text == ""
    assert after.view.history.count() == 2
    assert after.message == ""
    (drawn,) = (layer for layer in after.viewer.layers if layer.name == "regions of wafer")
    assert list(drawn.shape_type) == ["polygon", "rectangle"]
    np.testing.assert_allclose(drawn.data[0], SLANTED, atol=1e-4)
    # The last one is shown, in its place, and a question now would be about it again.
    assert after.view.asked_label.toPlainText() == "What is the box?"
    np.testing.assert_allclose(after.overlay.data, overlay[0], atol=1e-6)
    np.testing.assert_allclose(after.overlay.translate, overlay[1])
    assert set(drawn.selected_data) == {1}
    assert after.view.follow_up.isEnabled()
    for entry, region in zip(after.handler.entries, boxes, strict=True):
        again = entry.answer.regions[0]
        assert again.box == region.box
        assert again.scale_error == region.scale_error == 0.02
        assert again.scale_from == region.scale_from == "the scale bar"
        assert again.instrument.to_dict() == region.instrument.to_dict() == {"maker": "Zeiss"}
        np.testing.assert_allclose(again.pixels, region.pixels, atol=1e-3)
        if region.mask is None:
            assert again.mask is None
        else:
            np.testing.assert_array_equal(again.mask, region.mask)
    after.show_entry(1)
    assert set(drawn.selected_data) == {0}
    assert after.message == ""


def test_shapes_that_are_there_are_not_drawn_again(session):
    before = session()
    before.draw(BOX)
    before.view.keep.setChecked(True)
    before.ask("What is this?")

    after = session()
    shapes = after.draw(SLANTED, BOX, name="mine")
    after.click(after.view.earlier.show_them)
    assert [layer.name for layer in after.viewer.layers if "regions of" in layer.name] == []
    assert set(shapes.selected_data) == {1}


@pytest.mark.parametrize("kind", ["line", "path", "ellipse"])
def test_other_kinds_of_shapes_come_back_as_the_same_region(session, kind):
    outline = {"line": BOX[:3:2], "path": SLANTED, "ellipse": BOX}[kind]
    before = session()
    before.draw(outline, kind=kind)
    before.view.keep.setChecked(True)
    before.ask("What is this?")
    region = before.handler.entries[0].answer.regions[0]

    after = session()
    after.click(after.view.earlier.show_them)
    assert after.message == ""
    after.ask("And again?")
    again = after.model.questions[-1].regions[0]
    assert again.box == region.box
    assert (again.mask == region.mask).mean() > 0.99


def test_an_image_that_has_changed_is_said(session, path):
    before = session()
    before.view.keep.setChecked(True)
    before.ask("What is this?")
    tifffile.imwrite(path, (picture((80, 96)) * 255).astype(np.uint8))
    after = session()
    after.click(after.view.earlier.show_them)
    assert after.view.history.count() == 1
    assert "has changed since" in after.message
    assert not overlays_of(after.viewer)


def test_slices_of_a_stack_come_back(session, tmp_path, make_napari_viewer, qtbot):
    path = tmp_path / "stack.tif"
    stack = np.stack([picture((64, 64)) * 200 + 10 * i for i in range(4)]).astype(np.uint8)
    tifffile.imwrite(path, stack, photometric="minisblack")
    before = Session(make_napari_viewer(), qtbot, path)
    before.viewer.dims.set_point(0, 3)
    before.view.keep.setChecked(True)
    before.ask("What is this?")
    region = before.handler.entries[0].answer.regions[0]
    after = Session(make_napari_viewer(), qtbot, path)
    after.viewer.dims.set_point(0, 0)
    after.click(after.view.earlier.show_them)
    assert after.viewer.dims.current_step[0] == 3
    again = after.handler.entries[0].answer.regions[0]
    np.testing.assert_allclose(again.pixels, region.pixels, atol=0.02)


def test_a_damaged_entry_is_said_and_the_others_are_shown(session, path):
    before = session()
    before.view.keep.setChecked(True)
    before.ask("What is this?")
    before.ask("Is there a defect?")
    sidecar = Sidecar(path)
    sidecar._entry(sidecar.keys()[0]).write_text("{", encoding="utf-8")
    after = session()
    after.click(after.view.earlier.show_them)
    assert after.view.history.count() == 1
    assert "damaged" in after.message
    assert "\n" not in after.message


def test_an_image_without_a_file_cannot_be_kept_beside(session, path):
    user = session()
    user.viewer.layers.clear()
    user.viewer.add_image(picture((64, 64)), name="live")
    user.wait()
    user.tick_keep()
    assert user.message == (
        "“live” was not opened from a file, so its answers cannot be kept; save it and open that."
    )
    user.ask("What is this?")
    assert "cannot be kept" in user.message
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_said(session, path, monkeypatch):
    def refuse(self, *args, **options):
        raise SourceError("The folder is read-only.")

    monkeypatch.setattr(Sidecar, "keep", refuse)
    user = session()
    user.view.keep.setChecked(True)
    user.ask("What is this?")
    assert user.message == "The folder is read-only."
    assert user.view.history.answer_of(0) == user.model.text


def test_kept_classes_come_back_to_shapes_results_and_review(session, path, qtbot):
    before = session()
    shapes = before.draw(BOX, SLANTED)
    plan = plan_regions(before.viewer, before.image, RegionChoice.EVERY_SHAPE, drawn=shapes)
    found = FakeModel().classify([cutout.read() for cutout in plan()], LABELS)
    keeper = Keeper.of(before.viewer)
    assert not keeper.keep(found)
    keeper.wanted = True
    with qtbot.waitSignal(keeper.kept):
        assert keeper.keep(found, label_set=label_set_of(LABELS, "mine"))

    after = session()
    assert after.view.earlier.text == "This image has 1 earlier answer"
    book = RunBook.of(after.viewer)
    with qtbot.waitSignal(book.opened):
        after.click(after.view.earlier.show_them)
    (drawn,) = (layer for layer in after.viewer.layers if layer.name == "regions of wafer")
    assert list(drawn.features["vlm_class"]) == ["crack", "pore"]
    assert set(COLUMNS) <= set(drawn.features)
    assert book.journal.run.task.label_set.name == "mine"
    assert [one.best for one in book.journal.findings()] == ["crack", "pore"]


def test_the_answer_becomes_a_figure(session, path, monkeypatch):
    pytest.importorskip("matplotlib")
    user = session()
    assert not user.view.share.figure.isEnabled()
    user.ask("What is this?")
    asked = []

    def choose(parent, title, start, kinds):
        asked.append(start)
        return str(path.parent / "figure 1"), "SVG (*.svg)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    user.click(user.view.share.figure)
    assert asked == [str(path.with_suffix(".png"))]
    assert (path.parent / "figure 1.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert user.message == f"Saved figure 1.svg in {path.parent}."
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    user.click(user.view.share.figure)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path / "x.png"), ""))
    user.click(user.view.share.figure)
    assert user.message
    assert "Saved" not in user.message


def test_the_methods_sentence_is_copied(session):
    user = session()
    user.ask("What is this?")
    user.click(user.view.share.methods)
    text = QGuiApplication.clipboard().text()
    assert "“What is this?”" in text
    assert "fake (revision 1" in text


def test_a_layer_is_known_by_the_file_it_shows(path, make_napari_viewer):
    viewer = make_napari_viewer()
    (opened,) = viewer.open(str(path), plugin="napari")
    assert path_of(opened) == path
    gone = viewer.add_image(picture(), metadata={"path": str(path) + "x"})
    assert path_of(gone) is None
    assert path_of(viewer.add_image(picture(), metadata={"path": 3})) is None
    assert path_of(None) is None
