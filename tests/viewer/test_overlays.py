"""Overlays show where the model looked and leave everything else as it was."""

from __future__ import annotations

import gc
import weakref
from types import FunctionType, ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from napari.components import ViewerModel

from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.results import (
    Answer,
    AttentionMap,
    Classification,
    Provenance,
    Word,
)
from napari_micrograph_vlm.viewer import overlays
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions
from napari_micrograph_vlm.viewer.overlay_picture import fading_colormap, smooth_map
from napari_micrograph_vlm.viewer.overlays import (
    OverlayStyle,
    hide_overlays,
    is_overlay,
    overlays_of,
    remove_overlays,
    show_overlay,
    show_word,
)
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.region_window import data_kept, same_data

PROVENANCE = Provenance("model", "r", "cpu", 0.1, "0")
SQUARE = np.array([[10, 20], [10, 49], [39, 49], [39, 20]], float)


def attention(shape=(6, 5), peak=(2, 3)):
    values = np.full(shape, 0.01, np.float32)
    values[peak] = 1
    return AttentionMap(values / values.sum(), "cross-attention")


def answer(regions, question="What is it?", maps=None, text="two words"):
    maps = maps or tuple(attention() for _ in regions)
    words = (Word(0, 3, 0.9, tuple(attention(peak=(0, 0)) for _ in regions)),)
    return Answer(question, text, tuple(regions), tuple(maps), words, 0.9, PROVENANCE)


def regions_of(viewer, image, choice=RegionChoice.WHOLE_LAYER, drawn=None):
    return [cutout.read() for cutout in plan_regions(viewer, image, choice, drawn=drawn)()]


@pytest.fixture(autouse=True)
def default_preferences(monkeypatch):
    """Keep what is set in napari on this machine out of the tests."""
    monkeypatch.setattr(overlays, "read_preferences", Preferences)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer):
    pixels = np.random.default_rng(0).random((60, 80))
    return viewer.add_image(pixels, name="sem", scale=(2, 2), units=("nm", "nm"))


# ---------------------------------------------------------------- the picture


@settings(max_examples=80, deadline=None)
@given(
    values=arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=14),
        elements=st.floats(0, 1, width=32),
    ),
    masked=st.booleans(),
    data=st.data(),
)
def test_peak_never_moves(values, masked, data):
    values[data.draw(st.integers(0, values.shape[0] - 1)), 0] += np.float32(0.1)
    found = AttentionMap(values / values.sum(), "x")
    mask = None
    if masked:
        mask = np.random.default_rng(0).random((23, 31)) < 0.7
        row, column = found.peak
        y = int((row + 0.5) / values.shape[0] * 23)
        x = int((column + 0.5) / values.shape[1] * 31)
        mask[y, x] = True
    fine = smooth_map(found, mask)
    assert fine.dtype == np.float32
    k = fine.shape[0] // values.shape[0]
    assert fine.shape == (values.shape[0] * k, values.shape[1] * k)
    top = np.unravel_index(np.nanargmax(fine), fine.shape)
    assert (top[0] // k, top[1] // k) == found.peak
    assert np.nanmax(fine) == 1
    assert np.nanmin(fine) >= 0


def test_cell_centres_keep_their_values():
    values = np.random.default_rng(0).random((6, 9)).astype(np.float32)
    found = AttentionMap(values / values.sum(), "x")
    fine = smooth_map(found)
    k = fine.shape[0] // 6
    np.testing.assert_allclose(fine[k // 2 :: k, k // 2 :: k], found.scaled(), atol=1e-5)


def test_outside_of_the_mask_is_nan_and_nan_is_transparent():
    mask = np.zeros((12, 10), bool)
    mask[:, :5] = True
    fine = smooth_map(attention(peak=(2, 1)), mask)
    assert np.isnan(fine[:, fine.shape[1] // 2 :]).all()
    assert np.isfinite(fine[:, : fine.shape[1] // 2]).all()
    assert fading_colormap("magma").map(np.array([np.nan]))[0, 3] == 0


def test_empty_map_stays_empty():
    assert smooth_map(AttentionMap(np.zeros((3, 3), np.float32), "x")).max() == 0


@pytest.mark.parametrize("name", ["magma", "viridis", "cividis"])
def test_low_attention_is_transparent_and_more_is_never_fainter(name):
    colors = fading_colormap(name).map(np.linspace(0, 1, 101))
    assert (colors[:10, 3] == 0).all()
    assert (np.diff(colors[:, 3]) >= 0).all()
    assert colors[-1, 3] == 1


# ---------------------------------------------------------------- layers


def test_new_overlay_lies_on_the_region_and_says_what_it_is(viewer, image):
    drawn = viewer.add_shapes(SQUARE, scale=(2, 2), units=("nm", "nm"))
    (layer,) = show_overlay(
        viewer, answer(regions_of(viewer, image, RegionChoice.EVERY_SHAPE, drawn))
    )
    assert layer.name == "looked at: What is it?"
    assert layer.contrast_limits == [0, 1]
    assert layer.data.dtype == np.float32
    assert is_overlay(layer)
    assert not is_overlay(image)
    kept = layer.metadata["micrograph_vlm"]
    assert kept["question"] == "What is it?"
    assert kept["answer"] == "two words"
    assert kept["word"] is None
    assert kept["model"] == "model"
    assert kept["region"]["box"] == [10, 20, 40, 50]
    low = np.array(layer.data_to_world((-0.5, -0.5)))
    high = np.array(layer.data_to_world(np.array(layer.data.shape) - 0.5))
    np.testing.assert_allclose(low, image.data_to_world((9.5, 19.5)))
    np.testing.assert_allclose(high, image.data_to_world((39.5, 49.5)))


def test_repeating_a_question_updates_instead_of_piling_up(viewer, image):
    regions = regions_of(viewer, image)
    (layer,) = show_overlay(viewer, answer(regions))
    layer.opacity, layer.visible = 0.3, False
    again = answer(regions_of(viewer, image), maps=[attention((6, 5), (5, 0))], text="other")
    assert show_overlay(viewer, again) == [layer]
    assert len(viewer.layers) == 2
    assert layer.metadata["micrograph_vlm"]["answer"] == "other"
    k = layer.data.shape[0] // 6
    assert np.unravel_index(layer.data.argmax(), layer.data.shape)[0] // k == 5
    assert layer.opacity == 0.3  # the user's
    assert layer.visible
    show_overlay(viewer, again, OverlayStyle("viridis", 0.8, "additive"))
    assert (layer.opacity, layer.blending) == (0.8, "additive")
    assert layer.colormap.name == "viridis (fading)"


def test_update_with_another_grid_covers_the_same_box(viewer, image):
    regions = regions_of(viewer, image)
    (layer,) = show_overlay(viewer, answer(regions))
    show_overlay(viewer, answer(regions, maps=[attention((3, 8), (1, 7))]))
    high = np.array(layer.data_to_world(np.array(layer.data.shape) - 0.5))
    np.testing.assert_allclose(high, image.data_to_world((59.5, 79.5)))


def test_overlay_follows_a_new_scale_of_the_image(viewer, image):
    regions = regions_of(viewer, image)
    (layer,) = show_overlay(viewer, answer(regions))
    image.scale = (7, 7)
    show_overlay(viewer, answer(regions))
    np.testing.assert_allclose(layer.data_to_world((-0.5, -0.5)), image.data_to_world((-0.5, -0.5)))


def edges_of(layer):
    low = layer.data_to_world(np.full(layer.ndim, -0.5))
    return np.array([low, layer.data_to_world(np.array(layer.data.shape) - 0.5)])


CHANGES = [
    {"scale": (7, 3)},
    {"translate": (11, -4)},
    {"rotate": 30},
    {"shear": [0.4]},
    {"affine": np.array([[0, 2, 5], [1, 0, 6], [0, 0, 1.0]])},
    {"units": ("um", "um")},
    {"units": ("pixel", "pixel"), "scale": (1, 1)},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "+".join(change))
def test_overlay_moves_with_its_image(viewer, image, change):
    (layer,) = show_overlay(viewer, answer(regions_of(viewer, image)))
    before = edges_of(layer)
    for name, value in change.items():
        setattr(image, name, value)
    np.testing.assert_allclose(edges_of(layer), edges_of(image), atol=1e-6)
    assert layer.units == image.units
    if "units" not in change:
        assert not np.allclose(edges_of(layer), before)


def test_overlay_of_a_part_of_a_stack_moves_in_its_slice(viewer):
    stack = viewer.add_image(np.random.default_rng(0).random((20, 60, 80)))
    viewer.dims.set_current_step(0, 6)
    drawn = viewer.add_shapes(SQUARE)
    (layer,) = show_overlay(
        viewer, answer(regions_of(viewer, stack, RegionChoice.EVERY_SHAPE, drawn))
    )
    stack.scale = (5, 3, 2)
    low = np.array(layer.data_to_world((0, -0.5, -0.5)))
    np.testing.assert_allclose(low, stack.data_to_world((6, 9.5, 19.5)))


@pytest.mark.parametrize("removed", ["overlay", "image"])
def test_what_was_removed_is_neither_moved_nor_kept(viewer, image, removed):
    found = answer(regions_of(viewer, image))
    callbacks = [len(image.events.scale.callbacks), len(viewer.layers.events.removed.callbacks)]
    (layer,) = show_overlay(viewer, found)
    show_overlay(viewer, found)  # listens once, however often it is shown
    viewer.layers.remove(layer if removed == "overlay" else image)
    place = layer.scale.copy()
    image.scale = (9, 9)
    np.testing.assert_array_equal(layer.scale, place)
    assert len(viewer.layers.events.removed.callbacks) == callbacks[1]
    if removed == "overlay":
        assert len(image.events.scale.callbacks) == callbacks[0]
        gone = weakref.ref(layer)
        del layer
        gc.collect()
        assert gone() is None


def test_other_question_place_or_layer_gets_its_own_overlay(viewer, image):
    other = viewer.add_image(np.random.default_rng(1).random((60, 80)))
    drawn = viewer.add_shapes([SQUARE, SQUARE + 5])
    show_overlay(viewer, answer(regions_of(viewer, image)))
    show_overlay(viewer, answer(regions_of(viewer, image), "Why?"))
    show_overlay(viewer, answer(regions_of(viewer, other)))
    two = show_overlay(viewer, answer(regions_of(viewer, image, RegionChoice.EVERY_SHAPE, drawn)))
    assert len(two) == 2
    assert len(overlays_of(viewer)) == 5


def test_polygon_is_masked_and_its_neighbour_is_not(viewer, image):
    drawn = viewer.add_shapes([SQUARE, SQUARE], shape_type=["rectangle", "ellipse"])
    drawn.scale = image.scale
    drawn.units = image.units
    plain, round_ = show_overlay(
        viewer, answer(regions_of(viewer, image, RegionChoice.EVERY_SHAPE, drawn))
    )
    assert np.isfinite(plain.data).all()
    assert np.isnan(round_.data).mean() == pytest.approx(1 - np.pi * 14.5**2 / 900, abs=0.03)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_overlay_of_a_stack_is_in_its_slice_only(viewer, order):
    stack = viewer.add_image(np.random.default_rng(0).random((20, 30, 40)), scale=(5, 1, 1))
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 6)
    (layer,) = show_overlay(viewer, answer(regions_of(viewer, stack)))
    assert layer.data.shape[order[0]] == 1
    world = layer.data_to_world((0, 0, 0))[order[0]]
    assert world == pytest.approx(6 * stack.scale[order[0]])
    assert viewer.dims.current_step[order[0]] == 6
    k = layer.data.shape[order[1]] // 6
    shown = layer.data.transpose(order)[0]
    assert tuple(np.array(np.unravel_index(shown.argmax(), shown.shape)) // k) == (2, 3)


def test_nothing_else_changes(viewer, image):
    drawn = viewer.add_shapes(SQUARE)
    viewer.scene.camera.zoom = 3.7
    camera, point = viewer.scene.camera.center, viewer.dims.point
    heard = []
    viewer.layers.selection.events.changed.connect(lambda e: heard.append(e))
    viewer.layers.selection.events.active.connect(lambda e: heard.append(e))
    found = answer(regions_of(viewer, image))
    show_overlay(viewer, found)
    assert viewer.layers.selection.active is drawn
    assert set(viewer.layers.selection) == {drawn}
    assert heard == []
    assert (viewer.scene.camera.center, viewer.scene.camera.zoom) == (camera, 3.7)
    assert viewer.dims.point == point
    assert [layer.name for layer in viewer.layers] == ["sem", "looked at: What is it?", drawn.name]
    remove_overlays(viewer)
    viewer.layers.selection = {image, drawn}
    show_overlay(viewer, found)
    assert set(viewer.layers.selection) == {image, drawn}


def test_map_without_focus_is_named_so(viewer, image):
    flat = AttentionMap(np.full((4, 4), 1 / 16, np.float32), "x")
    (layer,) = show_overlay(viewer, answer(regions_of(viewer, image), maps=[flat]))
    assert layer.name == "looked at: What is it? (no clear focus)"


def test_long_question_is_cut_in_the_name_and_stays_plain_text(viewer, image):
    question = "<b>What</b>\n is " + "very " * 30 + "small?"
    (layer,) = show_overlay(viewer, answer(regions_of(viewer, image), question))
    assert layer.name.startswith("looked at: <b>What</b> is very")
    assert len(layer.name) < 64
    assert layer.metadata["micrograph_vlm"]["question"] == question


def test_word_and_whole_answer_share_the_layer(viewer, image):
    found = answer(regions_of(viewer, image))
    (layer,) = show_overlay(viewer, found)
    assert show_word(viewer, found, found.words[0]) == [layer]
    assert layer.name == "looked at: What is it? [two]"
    assert layer.metadata["micrograph_vlm"]["word"] == "two"
    assert layer.data[0, 0] > 0.9
    assert show_word(viewer, found, None) == [layer]
    assert layer.metadata["micrograph_vlm"]["word"] is None
    assert len(viewer.layers) == 2


def test_hide_and_remove(viewer, image):
    one, other = (answer(regions_of(viewer, image), q) for q in ("one?", "other?"))
    (first,), (second,) = show_overlay(viewer, one), show_overlay(viewer, other)
    hide_overlays(viewer, one)
    assert (first.visible, second.visible) == (False, True)
    remove_overlays(viewer, one)
    assert overlays_of(viewer) == [second]
    remove_overlays(viewer)
    assert list(viewer.layers) == [image]


def test_overlay_removed_by_the_user_comes_back(viewer, image):
    found = answer(regions_of(viewer, image))
    (layer,) = show_overlay(viewer, found)
    viewer.layers.remove(layer)
    (new,) = show_overlay(viewer, found)
    assert new is not layer
    assert new in viewer.layers


def test_removed_image_is_said(viewer, image):
    found = answer(regions_of(viewer, image))
    viewer.layers.clear()
    with pytest.raises(RegionError, match="no longer in the viewer"):
        show_overlay(viewer, found)
    assert len(viewer.layers) == 0
    remove_overlays(viewer, found)


def test_answer_and_overlay_do_not_hold_the_image(viewer, image):
    found = answer(regions_of(viewer, image))
    (layer,) = show_overlay(viewer, found)
    for start in (found, layer.metadata):
        seen, todo = set(), [start]
        while todo:
            for one in gc.get_referents(todo.pop()):
                # Arrays, types and modules lead everywhere and hold no layer.
                if id(one) not in seen and not isinstance(one, (type, ModuleType, FunctionType)):
                    seen.add(id(one))
                    todo.append(one)
        assert id(image) not in seen


def test_image_with_new_axes_is_said(viewer, image):
    found = answer(regions_of(viewer, image))
    image.data = np.random.default_rng(0).random((3, 60, 80))
    with pytest.raises(RegionError, match="“sem” now holds other data"):
        show_overlay(viewer, found)


@pytest.mark.parametrize("shape", [(60, 80), (30, 40)])
def test_image_with_new_data_is_said(viewer, image, shape):
    found = answer(regions_of(viewer, image))
    image.data = np.random.default_rng(1).random(shape)
    with pytest.raises(RegionError, match="“sem” now holds other data"):
        show_overlay(viewer, found)
    assert overlays_of(viewer) == []


def test_arrays_of_a_live_image_are_told_apart_though_they_share_addresses(image):
    addresses, numbers = set(), set()
    for _ in range(100):
        image.data = np.zeros((60, 80))
        addresses.add(id(image.data))
        numbers.add(data_kept(image)["data_id"])
    assert len(addresses) < 100
    assert len(numbers) == 100


def test_data_changed_in_place_and_pyramids_are_the_same_data(viewer, image):
    found = answer(regions_of(viewer, image))
    image.data[:] = 0.5
    image.refresh()
    assert same_data(image, found.regions[0].placement)
    level = np.random.default_rng(0).random((64, 80))
    pyramid = viewer.add_image([level, level[::2, ::2]], multiscale=True)
    found = answer(regions_of(viewer, pyramid))
    assert same_data(pyramid, found.regions[0].placement)
    show_overlay(viewer, found)
    pyramid.data = [level.copy(), level[::2, ::2]]
    assert not same_data(pyramid, found.regions[0].placement)


def test_labels_with_the_same_box_have_their_own_overlays(viewer, image):
    painted = np.zeros((60, 80), int)
    painted[10:50, 10:50] = 1
    painted[20:40, 20:40] = 2
    painted[10, 10] = painted[49, 49] = 2
    labels = viewer.add_labels(painted, scale=image.scale, units=image.units)
    shown = []
    for label in (1, 2, 1):
        labels.selected_label = label
        regions = regions_of(viewer, image, RegionChoice.SELECTED_LABEL, labels)
        shown += show_overlay(viewer, answer(regions))
    assert shown[0] is shown[2]
    assert shown[0] is not shown[1]


def test_classification_has_overlays_too(viewer, image):
    regions = tuple(regions_of(viewer, image))
    found = Classification(
        ("crack", "pore"), np.array([[0.9, 0.1]], np.float32), regions, (attention(),), PROVENANCE
    )
    (layer,) = show_overlay(viewer, found)
    assert layer.name == "looked at: Which of crack, pore"
    assert show_overlay(viewer, found) == [layer]


@pytest.mark.gui
def test_in_a_window_the_micrograph_shows_through(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    image = viewer.add_image(np.full((64, 64), 0.5, np.float32) + np.eye(64, dtype=np.float32) / 4)
    image.contrast_limits = (0, 1)
    drawn = viewer.add_shapes(SQUARE)
    drawn.mode = "add_rectangle"
    drawn.opacity = 0.01
    before = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    (layer,) = show_overlay(
        viewer, answer(regions_of(viewer, image), maps=[attention((8, 8), (1, 1))])
    )
    after = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    changed = np.abs(after - before).max(axis=-1) > 8
    rows, columns = np.nonzero(changed)
    assert 0.005 < changed.mean() < 0.2  # only around the peak
    assert rows.mean() < before.shape[0] / 2
    assert columns.mean() < before.shape[1] / 2
    assert drawn.mode == "add_rectangle"
    assert viewer.layers.selection.active is drawn
    viewer.layers.selection.active = layer  # its controls exist and can be shown
    show_overlay(viewer, answer(regions_of(viewer, image), maps=[attention((8, 8), (6, 6))]))
    moved = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    assert np.abs(moved - after).max() > 50
