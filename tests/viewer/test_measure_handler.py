"""Measuring from the question panel: one click, on the right image, whatever the user does."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog

from fakes import FakeModel
from napari_micrograph_vlm.measuring import measurement
from napari_micrograph_vlm.reporting.table_files import read_table
from viewer.ask_panel import AskPanel


def crack(shape=(63, 63)) -> np.ndarray:
    """A dark line from the upper left, where the fake looks."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(170, 210, shape).astype(np.uint8)
    pixels[3:8, 2:40] = rng.integers(10, 40, (5, 38))
    return pixels


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    model = FakeModel("a crack 4 mm long")
    model.takes_conditions = True
    panel = AskPanel(make_napari_viewer(), qtbot, model)
    (image,) = panel.viewer.layers
    image.data, image.scale, image.units = crack(), (2, 2), ("nm", "nm")
    return panel


def measured(panel) -> list[Labels]:
    return [layer for layer in panel.viewer.layers if isinstance(layer, Labels)]


def done(panel) -> None:
    panel.until(lambda: not panel.handler.measuring.is_busy)


def test_one_click_measures_and_the_sizes_can_be_saved(panel, tmp_path, monkeypatch):
    view = panel.view
    assert view.measure.isHidden()
    panel.ask("How long is the crack?")
    (entry,) = panel.handler.entries
    assert view.sizes.text.text() == entry.answer.warnings[0]
    assert view.sizes.text.text().startswith("“4 mm” is longer than the region")
    panel.until(lambda: view.thumbnail.told_label.isVisibleTo(view))
    assert "The picture shows 126 × 126 nm" in view.thumbnail.told_label.text()
    assert panel.model.questions[0].text == "How long is the crack?"

    panel.click(view.measure.measure)
    assert not view.measure.measure.isEnabled()
    done(panel)
    assert view.measure.summary.text() == entry.measured[0].summary()
    (layer,) = measured(panel)
    (image, *_) = panel.viewer.layers
    found = np.asarray(layer.data) > 0
    assert found.any()
    assert layer.data_to_world((0, 0)) == pytest.approx(image.data_to_world((0, 0)))
    assert panel.viewer.layers.selection == {image}

    path = tmp_path / "sizes.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), "CSV (*.csv)"))
    panel.click(view.measure.table)
    done(panel)
    table = read_table(path)
    assert len(table) == entry.measured[0].count
    assert {"source", "object", "area (nm²)", "length_error (nm)"} <= set(table.columns)
    panel.handler.start_conversation()
    assert view.measure.isHidden()
    assert view.sizes.isHidden()


def test_the_pixel_size_is_that_of_now_not_of_the_question(panel):
    (image,) = panel.viewer.layers
    image.metadata = {"scale_from": "the scale bar", "scale_error": 0.03}
    panel.ask("How long is the crack?")
    view, (entry,) = panel.view, panel.handler.entries
    sizes = []
    for scale, unit in (((4, 4), "nm"), ((1, 1), "pixel"), ((2, 2), "um")):
        image.scale, image.units = scale, (unit, unit)
        panel.click(view.measure.measure)
        done(panel)
        sizes.append(entry.measured[0].table["length"].max() / scale[0])
        assert view.measure.summary.text().count({"um": "µm"}.get(unit, unit)) > 1
    assert sizes == pytest.approx([sizes[0]] * 3)
    assert entry.measured[0].region.scale_error == 0.03
    assert entry.answer.regions[0].pixel_size == (2, 2)


def test_each_answer_shows_its_own_objects(panel):
    view = panel.view
    for question in ("How long is the crack?", "How many cracks are there?"):
        panel.ask(question)
        assert not any(layer.visible for layer in measured(panel))
        panel.click(view.measure.measure)
        done(panel)
    first, second = measured(panel)
    assert (first.visible, second.visible) == (False, True)
    panel.handler.show_entry(0)
    assert (first.visible, second.visible) == (True, False)
    panel.handler.start_conversation()
    assert (first.visible, second.visible) == (False, False)


def test_objects_land_on_their_image_though_the_user_has_moved_on(panel, monkeypatch):
    gate, plain = Event(), measurement.measure

    def slow(*given, **options):
        gate.wait(30)
        return plain(*given, **options)

    monkeypatch.setattr(measurement, "measure", slow)
    viewer, view = panel.viewer, panel.view
    (image,) = viewer.layers
    panel.ask()
    panel.click(view.measure.measure)
    other = viewer.add_image(crack(), name="other.tif", translate=(500, 500))
    panel.ask()
    assert not view.measure.summary.isVisibleTo(view)
    gate.set()
    done(panel)
    (layer,) = measured(panel)
    assert layer.name.endswith("gold.tif")
    assert not layer.visible  # another answer is shown
    assert layer.data_to_world((0, 0)) == pytest.approx(image.data_to_world((0, 0)))
    # The sizes belong to the answer before, and are there when it is shown again.
    assert not view.measure.summary.isVisibleTo(view)
    assert viewer.layers.selection.active is other
    panel.handler.show_entry(0)
    assert view.measure.summary.text() == panel.handler.entries[0].measured[0].summary()
    assert layer.visible

    gate.clear()
    panel.click(view.measure.measure)
    viewer.layers.remove(image)
    gate.set()
    done(panel)
    assert view.messages.text.startswith("The image that was measured is no longer in the viewer")
    assert view.measure.table.isVisibleTo(view)  # the sizes are known all the same
