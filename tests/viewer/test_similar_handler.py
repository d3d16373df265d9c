"""The panel that finds more like an example, driven as a user drives it."""

from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import Qt

from fakes import FakeModel
from napari_micrograph_vlm.viewer.docks import SimilarDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.similar_layers import NAME

pytestmark = pytest.mark.gui

SPOTS = [(60, 60), (60, 200), (180, 120), (200, 240)]
"""Row and column of the corner of each bright defect, 16 pixels a side."""


def wafer(spots=SPOTS, shape=(288, 320)):
    pixels = np.random.default_rng(1).integers(40, 60, shape).astype(np.uint8)
    for y, x in spots:
        pixels[y : y + 16, x : x + 16] += 150
        pixels[y + 5 : y + 11, x + 5 : x + 11] -= 100
    return pixels


def around(y, x, plane=()):
    corners = np.array([[y, x], [y, x + 16], [y + 16, x + 16], [y + 16, x]]) - 0.5
    return np.hstack([np.tile(np.array(plane, float), (4, 1)), corners])


class Gated(FakeModel):
    """Knows the example and its background, and waits for the gate within the search."""

    def feature_grid(self, region, *, cancel=None):
        self.running += 1
        if self.running > 18:
            self._wait(cancel)
        return super().feature_grid(region, cancel=cancel)


def mine(viewer):
    """A key of the user."""


class User:
    def __init__(self, viewer, qtbot, model):
        self.viewer = viewer
        self.qtbot = qtbot
        self.view = SimilarDock(
            viewer, models=ModelHolder(lambda name, device: model), preferences=Preferences
        )
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="similar")

    def press(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=20_000)

    def wait(self):
        self.until(lambda: not self.handler.is_busy)

    def find(self):
        self.press(self.view.search)
        self.wait()

    @property
    def message(self):
        return self.view.messages.text

    @property
    def lines(self):
        return [self.view.list.item(i).text() for i in range(self.view.list.count())]

    @property
    def proposed(self):
        return [layer for layer in self.viewer.layers if layer.name.startswith(NAME)]


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(pixels=None, model=None, example=None, **options):
        viewer = make_napari_viewer(show=True)
        viewer.add_image(wafer() if pixels is None else pixels, name="wafer", **options)
        example = around(*SPOTS[0]) if example is None else example
        transform = {k: v for k, v in options.items() if k in ("scale", "translate", "units")}
        drawn = viewer.add_shapes([example], shape_type="rectangle", name="drawn", **transform)
        drawn.selected_data = {0}
        return User(viewer, qtbot, model or FakeModel())

    yield open_panel
    assert wait_for_jobs(5)


def centres(layer):
    return [tuple(corners.mean(axis=0)[-2:]) for corners in layer.data]


def is_at(centre, spot, within=5):
    return np.abs(np.array(centre) - (np.array(spot) + 7.5)).max() <= within


def test_the_others_are_proposed_first_and_the_example_is_not(user):
    it = user()
    it.find()
    assert it.message == ""
    (layer,) = it.proposed
    found = centres(layer)
    assert all(any(is_at(c, spot) for c in found[:3]) for spot in SPOTS[1:])
    assert not any(is_at(c, SPOTS[0]) for c in found)
    similar = list(layer.features["similarity"])
    assert similar == sorted(similar, reverse=True)
    assert set(layer.features["verdict"]) == {"proposed"}
    assert len(it.lines) == len(found)
    assert it.view.list.currentRow() == 0


def test_candidates_lie_exactly_on_a_scaled_and_moved_image_and_follow_it(user):
    it = user(scale=(2, 3), translate=(50, -20), units=("nm", "nm"))
    it.find()
    image, (layer,) = it.viewer.layers["wafer"], it.proposed
    for name in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(getattr(layer, name), getattr(image, name))
    assert layer.units == image.units
    image.scale = (4, 6)
    np.testing.assert_allclose(layer.scale, (4, 6))
    (shown,) = overlays_of(it.viewer)
    low, high = shown.extent.world
    np.testing.assert_allclose(high - low, image.extent.world[1] - image.extent.world[0], rtol=0.02)


def test_the_users_selection_stays(user):
    it = user()
    drawn = it.viewer.layers["drawn"]
    it.viewer.layers.selection.active = drawn
    it.find()
    assert it.viewer.layers.selection.active is drawn
    assert it.handler.binding.drawn is drawn


def test_accept_and_reject_with_keys_write_features_and_go_on(user):
    it = user()
    it.view.name.setText("bridge")
    it.find()
    (layer,) = it.proposed
    keys = {str(key): call for key, call in it.viewer.keymap.items()}
    assert keys, "keys are bound while the panel is shown"
    assert it.handler.keys.key("accept") in it.view.accept.toolTip()
    keys[it.handler.keys.key("accept")](it.viewer)
    keys[it.handler.keys.key("reject")](it.viewer)
    assert list(layer.features["verdict"])[:2] == ["accepted", "rejected"]
    assert list(layer.features["class"])[:2] == ["bridge", ""]
    assert it.handler.current == min(2, len(it.lines) - 1)
    assert "1 accepted" in it.view.counts.text()
    assert "bridge" in it.lines[0]
    it.press(it.view.previous)
    assert it.handler.current == it.view.list.currentRow()


def test_the_current_candidate_stands_out_and_each_line_has_its_place(user):
    it = user()
    it.find()
    (layer,) = it.proposed
    for current in (0, 2):
        it.view.list.setCurrentRow(current)
        others = [i for i in range(layer.nshapes) if i != current]
        assert layer.edge_width[current] > 2 * max(layer.edge_width[i] for i in others)
        assert all((layer.edge_color[i] != layer.edge_color[current]).any() for i in others)
        row, column = centres(layer)[current]
        y, x = round(row + 0.5), round(column + 0.5)
        assert f"row {y}, column {x}" in it.lines[current]
    it.press(it.view.accept)
    assert it.view.counts.text().startswith(f"{len(it.lines) - 1} new, 1 judged")


def test_layers_made_for_an_image_that_is_gone_are_hidden(user):
    it = user()
    it.find()
    (layer,), (shown,) = it.proposed, overlays_of(it.viewer)
    it.viewer.layers.remove("wafer")
    assert it.message.startswith("The image of these candidates is no longer open.")
    assert not layer.visible
    assert not shown.visible
    assert not it.view.accept.isEnabled()
    assert not it.view.search_again.isEnabled()


def test_keys_of_the_user_stay_and_ours_go_with_the_dock(user):
    it = user()
    it.viewer.bind_key("G", mine, overwrite=True)
    it.view.hide()
    it.view.show()
    assert it.handler.keys.key("accept") != "G"
    it.viewer.window.remove_dock_widget(it.dock)
    assert list(it.viewer.keymap.values()) == [mine]


def test_searching_again_keeps_what_was_judged(user):
    it = user()
    it.find()
    before = len(it.lines)
    it.press(it.view.accept)
    assert it.view.search_again.isEnabled()
    kept = it.handler.rows[0].candidate.box
    it.press(it.view.search_again)
    it.wait()
    assert it.handler.rows[0].candidate.box == kept
    assert it.handler.rows[0].verdict == "accepted"
    assert [row.candidate.box for row in it.handler.rows].count(kept) == 1
    (layer,) = it.proposed
    assert layer.features["verdict"][0] == "accepted"
    assert 2 < len(it.lines) <= before + 3


def test_all_slices_of_a_stack(user):
    stack = np.stack([wafer(), wafer([]), wafer([(150, 40)])])
    it = user(stack, example=around(*SPOTS[0], plane=(0,)))
    it.viewer.dims.set_point(0, 0)
    it.view.places.setCurrentIndex(1)
    it.find()
    (layer,) = it.proposed
    at = [(int(c[0, 0]), tuple(c.mean(axis=0)[1:])) for c in layer.data]
    assert any(plane == 2 and is_at(centre, (150, 40)) for plane, centre in at[:4])
    index = next(i for i, (plane, _) in enumerate(at) if plane == 2)
    it.view.list.setCurrentRow(index)
    assert it.viewer.dims.current_step[0] == 2
    assert "slice 2" in it.lines[index]


def test_a_folder_is_looked_through_and_its_files_open(user, tmp_path):
    from PIL import Image

    Image.fromarray(wafer([(100, 100)])).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    it = user()
    it.view.places.setCurrentIndex(2)
    it.view.folder.setText(str(tmp_path))
    it.find()
    assert "1 file was passed over" in it.message
    assert "other.png" in it.lines[0]
    it.until(lambda: "other" in it.viewer.layers)
    (layer,) = it.proposed
    assert is_at(centres(layer)[0], (100, 100))
    it.press(it.view.accept)
    assert layer.features["verdict"][0] == "accepted"


@pytest.mark.parametrize("folder", ["", "/no/such/folder"])
def test_a_folder_must_be_chosen(user, folder):
    it = user()
    it.view.places.setCurrentIndex(2)
    it.view.folder.setText(folder)
    it.find()
    assert it.message == "Choose the folder to look through first."


def test_the_whole_image_is_no_example(user):
    it = user()
    choices = it.view.regions.choices
    choices.setCurrentIndex(choices.findText("Whole image"))
    choices.activated.emit(choices.currentIndex())
    it.find()
    assert it.message.startswith("Draw a shape round one defect")
    assert not it.proposed


def test_stop_leaves_no_candidates(user):
    it = user(model=Gated(gate=Event()))
    it.press(it.view.search)
    it.until(lambda: it.handler.hunt is None and "Looking through" in it.view.status.text())
    it.press(it.view.stop)
    it.wait()
    assert it.message.startswith("Stopped")
    assert not it.proposed
    assert not it.view.stop.isEnabled()


def test_the_image_removed_in_the_middle(user):
    gate = Event()
    it = user(model=Gated(gate=gate))
    it.press(it.view.search)
    it.until(lambda: "Looking through" in it.view.status.text())
    it.viewer.layers.remove("wafer")
    gate.set()
    it.wait()
    assert "removed while it was being searched" in it.message
    assert not it.proposed


def test_the_result_lands_on_the_image_asked_about(user):
    gate = Event()
    it = user(model=Gated(gate=gate))
    it.press(it.view.search)
    it.until(lambda: "Looking through" in it.view.status.text())
    other = it.viewer.add_image(wafer([])[:100], name="other", scale=(7, 7))
    it.viewer.layers.selection.active = other
    gate.set()
    it.wait()
    (layer,) = it.proposed
    np.testing.assert_allclose(layer.scale, (1, 1))


def test_candidates_of_an_image_that_is_gone(user):
    it = user()
    it.find()
    it.viewer.layers.remove("wafer")
    it.view.list.setCurrentRow(1)
    assert "no longer open" in it.message
    it.press(it.view.accept)
    it.press(it.view.search_again)
    assert "no longer open" in it.message


def test_a_removed_layer_of_candidates_does_no_harm(user):
    it = user()
    it.find()
    it.viewer.layers.remove(it.proposed[0])
    it.press(it.view.accept)
    assert it.message == ""
    assert "1 accepted" in it.view.counts.text()


def test_the_map_can_be_hidden(user):
    it = user()
    it.find()
    (shown,) = overlays_of(it.viewer)
    it.view.show_map.click()
    assert not shown.visible
    it.view.show_map.click()
    assert overlays_of(it.viewer)[0].visible


def test_closing_the_dock_in_the_middle(user):
    gate = Event()
    it = user(model=Gated(gate=gate))
    it.press(it.view.search)
    it.until(lambda: "Looking through" in it.view.status.text())
    it.viewer.window.remove_dock_widget(it.dock)
    gate.set()
    assert wait_for_jobs(5)
    assert not it.proposed
    assert not it.viewer.keymap
