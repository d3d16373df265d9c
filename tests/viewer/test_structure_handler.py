"""The panel that makes a 3-D structure, driven as a user drives it."""

import numpy as np
import pytest
from napari.layers import Image, Surface
from qtpy.QtCore import Qt

from fakes import FakeModel
from napari_micrograph_vlm.structures.describing import QUESTIONS
from napari_micrograph_vlm.structures.fields import complete
from napari_micrograph_vlm.viewer.docks import StructureDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.structure_handler import QFileDialog

pytestmark = pytest.mark.gui

ANSWERS = {
    "objects": "Lines",
    "category": "Patterned surfaces",
    "orientation": "Horizontal",
    "coverage": "About 40 % of the area",
    "size": "About 10 % of the picture",
}


class Describing(FakeModel):
    """Says of every region that it shows horizontal lines."""

    def ask(self, question, **options):
        names = {text: name for name, text in QUESTIONS.items()}
        self.text = ANSWERS.get(names[question.text], "No")
        return super().ask(question, **options)


class User:
    def __init__(self, viewer, qtbot, model):
        self.viewer, self.qtbot, self.model = viewer, qtbot, model
        self.view = StructureDock(
            viewer, models=ModelHolder(lambda name, device: model), preferences=Preferences
        )
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="structure")

    def press(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: not self.handler.is_busy, timeout=20_000)

    def write(self, words):
        self.view.words.setText(words)
        self.qtbot.keyClick(self.view.words, Qt.Key.Key_Return)

    @property
    def structure_kind(self):
        return self.handler.structure.fields.kind

    @property
    def message(self):
        return self.view.messages.text


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(model=None, **image):
        viewer = make_napari_viewer()
        if image:
            pixels = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
            viewer.add_image(pixels, **image)
        return User(viewer, qtbot, model or Describing())

    yield open_panel
    assert wait_for_jobs(5)


def test_words_become_a_surface_and_a_file(user, monkeypatch, tmp_path):
    it = user()
    assert not it.view.save.isEnabled()
    it.write("lines at a pitch of 100 nm, 40 % solid, horizontal, block 400 nm wide")
    assert it.message == ""
    assert it.view.lengths["size"].value() == 40
    assert it.view.lengths["size"].suffix() == " nm"
    it.press(it.view.build)
    (layer,) = it.viewer.layers
    assert isinstance(layer, Surface)
    assert it.viewer.dims.ndisplay == 3
    assert [str(unit) for unit in layer.units] == ["nanometer"] * 3
    assert it.message == ""
    low, high = layer.extent.world
    assert high[2] - low[2] == pytest.approx(400)
    assert 300 < high[1] - low[1] < 400, "no line lies on the border"
    np.testing.assert_allclose(high[0], 0, atol=5)  # it stands on the plane of the pictures
    assert "40.0 % solid" in it.view.result.text()
    target = tmp_path / "lines"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args: (str(target), "STL file (*.stl)")
    )
    it.press(it.view.save)
    assert (tmp_path / "lines.stl").stat().st_size > 1000
    assert "1 in the file is 1 nm" in it.message


def test_a_described_region_fills_the_form_and_stands_beside_its_image(user):
    it = user(name="wafer", scale=(2, 2), units="nm")
    it.press(it.view.describe)
    assert it.message == ""
    assert it.view.values() == pytest.approx(
        {
            "kind": "lines",
            "density": 0.4,
            "orientation": "horizontal",
            "regularity": 1.0,
            "size": 16.0,  # a tenth of the longer side, 160 nm
            "spacing": 40.0,
            "width": 120.0,
            "depth": 24.0,
        }
    )
    assert "What objects are there? Lines" in it.view.said.text()
    it.view.shown_as.setCurrentIndex(1)
    it.press(it.view.build)
    assert it.message == ""
    layer = it.viewer.layers[-1]
    assert isinstance(layer, Image)
    assert layer.ndim == 3
    assert layer.data.dtype == np.float32, "whole numbers would be drawn black"
    assert layer.data.mean() == pytest.approx(0.4, rel=0.02)
    assert layer.extent.world[0][2] > it.viewer.layers["wafer"].extent.world[1][1]
    it.press(it.view.picture)
    picture = it.viewer.layers[-1]
    assert picture.ndim == 2
    assert it.viewer.dims.ndisplay == 2
    assert picture.extent.world[0][-1] > layer.extent.world[1][2], "it lies beside the block"
    assert it.viewer.layers.selection.active is not picture
    it.viewer.dims.ndisplay = 3
    it.view.words.setText("a gyroid")
    it.viewer.layers.selection.active = it.viewer.layers["wafer"]
    it.press(it.view.describe)
    assert it.message == ""
    assert it.view.values()["kind"] == "lines"
    assert it.view.words.text() == ""


def test_words_that_were_not_confirmed_are_built(user):
    it = user()
    it.view.words.setText("pillars 20 nm in diameter, pitch 100 nm, block 60 nm wide, 30 nm high")
    it.press(it.view.build)
    assert it.structure_kind == "pillars"
    assert "pitch is larger than the block" in it.message
    it.view.words.setText("a happy elephant")
    it.press(it.view.build)
    assert it.message.startswith("The text names no structure")
    assert len(it.viewer.layers) == 1


def test_changing_one_number_brings_the_others_along(user):
    it = user()
    it.write("pillars, pitch 200 nm, 100 nm in diameter")
    it.view.density.setValue(10)
    wanted = complete(kind="pillars", density=0.1, size=100, unit="nm")
    assert it.view.lengths["spacing"].value() == pytest.approx(wanted.spacing, abs=0.1)
    it.view.lengths["spacing"].setValue(300)
    assert it.view.lengths["spacing"].value() == 300, "it is not put back"
    assert it.view.density.value() == 10
    it.view.density.setValue(90)
    assert "Pillars can be 0.5 to 75 % solid, not 90 %" in it.message
    assert it.view.density.value() == 10, "what cannot be is not taken"
    it.view.kind.setCurrentIndex(it.view.kind.findData("film"))
    it.view.kind.activated.emit(it.view.kind.currentIndex())
    assert it.view.lengths["spacing"].isHidden()
    assert not it.view.lengths["size"].isHidden()


def test_what_cannot_be_built_is_one_sentence(user, monkeypatch):
    it = user(Describing(), name="wafer")
    it.write("a happy elephant")
    assert it.message.startswith("The text names no structure")
    monkeypatch.setitem(ANSWERS, "objects", "Elephants")
    monkeypatch.setitem(ANSWERS, "category", "zoo")
    it.press(it.view.describe)
    assert "“Elephants”" in it.message
    it.write("fibres 1 nm thick, 20 % solid, field of view 10 µm")
    it.press(it.view.build)
    assert "voxels" in it.message
    assert len(it.viewer.layers) == 1
