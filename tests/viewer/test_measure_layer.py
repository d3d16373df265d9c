"""Measured objects lie on exactly their pixels of the image, wherever that lies."""

from __future__ import annotations

import gc
import itertools
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_micrograph_vlm.errors import RegionError, SourceError
from napari_micrograph_vlm.measuring.measurement import Measurement
from napari_micrograph_vlm.measuring.objects import table_of
from napari_micrograph_vlm.regions import Cutout, Placement, Region
from napari_micrograph_vlm.viewer import measure_layer
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions
from napari_micrograph_vlm.viewer.measure_layer import (
    features_of,
    in_order,
    is_measured,
    show_all,
    show_objects,
    show_only,
)
from napari_micrograph_vlm.viewer.overlay_identity import MEASURED_KEY
from napari_micrograph_vlm.viewer.region_window import data_kept

FEW = settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
SQUARE = np.array([[10, 20], [10, 49], [39, 49], [39, 20]], float)


def measured(
    region: Region, *objects: tuple[slice, slice], what: str = "crack", question: str = ""
) -> Measurement:
    labels = np.zeros(region.pixels.shape[:2], np.int32)
    for number, (rows, columns) in enumerate(objects or [(slice(2, 5), slice(3, 9))], start=1):
        labels[rows, columns] = number
    return Measurement(region, labels, table_of(labels, region), "by hand", what, question)


def region_of(viewer, image, choice=RegionChoice.WHOLE_LAYER, drawn=None) -> Region:
    (cutout,) = plan_regions(viewer, image, choice, drawn=drawn)()
    return cutout.read()


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer):
    pixels = np.random.default_rng(0).random((60, 80))
    return viewer.add_image(pixels, name="sem", scale=(2, 2), units=("nm", "nm"))


@st.composite
def places(draw):
    """A layer of two to four axes somewhere in the world, and the axes that are shown."""
    ndim = draw(st.integers(2, 4))
    number, share = st.floats(0.05, 20), st.floats(-0.4, 0.4)
    angle = draw(st.floats(-3.1, 3.1))
    rotate, shear, affine = np.eye(ndim), np.eye(ndim), np.eye(ndim + 1)
    rotate[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    shear[-2, -1] = draw(share)
    affine[-3:-1, -3:-1] += np.array([[draw(share) for _ in range(2)] for _ in range(2)])
    affine[:-1, -1] = [draw(st.floats(-1e3, 1e3)) for _ in range(ndim)]
    unit = draw(st.sampled_from(["nm", "um", "pixel"]))
    layer = {
        "scale": [draw(number) for _ in range(ndim)],
        "rotate": rotate,
        "shear": shear,
        "affine": affine,
        "translate": [draw(st.floats(-1e3, 1e3)) for _ in range(ndim)],
        "units": ("pixel",) * (ndim - 2) + (unit, unit),
        "axis_labels": tuple("tzyx"[-ndim:]),
    }
    return layer, tuple(draw(st.permutations(range(ndim)))[:2])


@FEW
@given(place=places(), step=st.sampled_from([(1, 1), (2, 1), (3, 4)]), data=st.data())
def test_each_labelled_pixel_lies_on_its_pixel(place, step, data):
    given_place, axes = place
    ndim = len(given_place["scale"])
    plane = tuple(data.draw(st.integers(0, 4)) for _ in range(ndim - 2))
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5,) * ndim, np.uint8), **given_place)
    y0, x0 = data.draw(st.tuples(st.integers(0, 500), st.integers(0, 500)))
    box = (y0, x0, y0 + 12 * step[0], x0 + 16 * step[1])
    placement = Placement(axes, plane, np.zeros((4, 2)), weakref.ref(image), **data_kept(image))
    region = Region(np.zeros((12, 16), np.float32), box, placement=placement)
    row, column = data.draw(st.tuples(st.integers(0, 11), st.integers(0, 15)))
    layer = show_objects(viewer, measured(region, (slice(row, row + 1), slice(column, column + 1))))
    (at,) = np.argwhere(np.asarray(layer.data))
    # Corner by corner: the cell of the grid is the block of pixels that was read for it.
    for down, across in itertools.product((0, 1), repeat=2):
        on_layer, on_image = at.astype(float), np.zeros(ndim)
        on_layer[list(axes)] += np.array([down, across]) - 0.5
        hidden = [axis for axis in range(ndim) if axis not in axes]
        on_image[hidden] = plane
        on_image[list(axes)] = (
            np.array([y0 + (row + down) * step[0], x0 + (column + across) * step[1]]) - 0.5
        )
        np.testing.assert_allclose(
            image.world_to_data(layer.data_to_world(on_layer)), on_image, atol=1e-6
        )
    assert layer.units == image.units
    assert layer.axis_labels == image.axis_labels


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_the_window_shows_objects_where_the_image_shows_them(viewer, order):
    pixels = np.random.default_rng(0).random((20, 24, 28))
    image = viewer.add_image(pixels, scale=(3, 2, 1), translate=(5, 6, 7))
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 4)
    region = region_of(viewer, image)
    layer = show_objects(viewer, measured(region))
    # What is under the mouse: object and brightness, as napari finds them.
    index = np.argwhere(np.asarray(layer.data) == 1)[0]
    world = layer.data_to_world(index)
    assert layer.get_value(world, world=True) == 1
    labels = measured(region).labels
    row, column = np.argwhere(labels == 1)[0]
    plane = np.moveaxis(pixels, order, (0, 1, 2))[4]
    assert image.get_value(world, world=True) == plane[row, column]
    viewer.dims.set_current_step(order[0], 5)
    assert not layer._slice.image.view.any()  # in its own slice only


def frames_of(viewer, planes, axis=0):
    frames = []
    for plane in planes:
        viewer.dims.set_current_step(axis, plane)
        frames.append(replace(region_of(viewer, viewer.layers[0]), label=f"frame {plane}"))
    return frames


@pytest.mark.parametrize("axis", [0, 2])
def test_frames_of_a_stack_share_a_layer_and_one_table(viewer, axis):
    shape = np.insert([20, 24], axis, 9)
    image = viewer.add_image(np.random.default_rng(0).random(shape), scale=(2, 3, 0.5))
    viewer.dims.order = (axis, *(one for one in range(3) if one != axis))
    first, second, third = frames_of(viewer, (2, 4, 7), axis)
    found = in_order(
        [
            measured(third, (slice(9), slice(0, 9)), (slice(12, 15), slice(8))),
            measured(first),
            measured(second, (slice(0), slice(0))),
        ]
    )
    assert [one.region.label for one in found] == ["frame 2", "frame 4", "frame 7"]
    (layer,) = show_all(viewer, found)
    assert layer.name == "crack: Image (frames 2, 4, 7)"
    assert np.asarray(layer.data).shape[axis] == 6
    for plane, numbers in ((2, {0, 1}), (3, {0}), (4, {0}), (7, {0, 2, 3})):
        viewer.dims.set_current_step(axis, plane)
        assert set(np.unique(layer._slice.image.raw)) == numbers
    at = np.insert([3, 4], axis, 0)
    there = np.insert([3, 4], axis, 2)
    assert layer.data_to_world(at) == pytest.approx(image.data_to_world(there))
    features = layer.features
    assert features["index"].tolist() == [0, 1, 2, 3]
    assert features["frame"].tolist()[1:] == ["frame 2", "frame 7", "frame 7"]
    assert features["label"].tolist()[1:] == [1, 1, 2]
    assert features["area (pixel²)"].tolist()[1:] == [18, 81, 24]
    image.scale = (4, 5, 6)
    assert layer.data_to_world(at) == pytest.approx(image.data_to_world(there))
    assert show_all(viewer, found) == [layer]
    layer.data[tuple(np.insert([0, 0], axis, 3))] = 9  # in a slice between the frames
    assert show_all(viewer, found) != [layer]


def test_frames_far_apart_get_a_layer_each_with_the_frame_in_its_name(viewer, monkeypatch):
    viewer.add_image(np.random.default_rng(0).random((9, 20, 24)))
    monkeypatch.setattr(measure_layer, "_MOST_BYTES", 4 * 20 * 24 * 8)
    layers = show_all(viewer, [measured(one) for one in frames_of(viewer, (0, 8))])
    assert [layer.name for layer in layers] == [f"crack: Image (frame {n})" for n in (0, 8)]
    (layer,) = show_all(viewer, [measured(one) for one in frames_of(viewer, (1, 8))])
    assert layer.data.shape == (8, 20, 24)


def test_a_drawn_region_and_a_reduced_one_fit_as_well(viewer):
    levels = [np.random.default_rng(0).random((64 // k, 96 // k)) for k in (1, 2, 4)]
    image = viewer.add_image(levels, multiscale=True, scale=(0.5, 0.5), units=("um", "um"))
    (cutout,) = plan_regions(viewer, image, RegionChoice.WHOLE_LAYER, longest=24)()
    region = cutout.read()
    assert region.pixels.shape == (16, 24)
    layer = show_objects(viewer, measured(region, (slice(0, 16), slice(0, 24))))
    for ours, theirs in (((-0.5, -0.5), (-0.5, -0.5)), ((15.5, 23.5), (63.5, 95.5))):
        assert layer.data_to_world(ours) == pytest.approx(image.data_to_world(theirs))
    drawn = viewer.add_shapes(SQUARE, shape_type="polygon", scale=(0.5, 0.5), units=("um", "um"))
    drawn.selected_data = {0}
    region = region_of(viewer, image, RegionChoice.SELECTED_SHAPES, drawn)
    layer = show_objects(viewer, measured(region))
    y0, x0 = region.box[:2]
    assert layer.data_to_world((2, 3)) == pytest.approx(image.data_to_world((y0 + 2, x0 + 3)))


def test_sizes_are_features_of_the_labels(viewer, image):
    found = measured(
        region_of(viewer, image), (slice(2, 5), slice(3, 9)), (slice(20, 30), slice(20, 25))
    )
    layer = show_objects(viewer, found)
    assert layer.features["index"].tolist() == [0, 1, 2]
    assert layer.features["area (nm²)"].tolist()[1:] == [72, 200]
    assert np.isnan(layer.features["area (nm²)"][0])
    assert features_of(measured(found.region, (slice(0), slice(0))))["index"].tolist() == [0]


def test_selection_and_sliders_stay(viewer, image):
    drawn = viewer.add_shapes([SQUARE])
    viewer.layers.selection = {drawn}
    before = viewer.dims.point
    told = []
    viewer.layers.selection.events.changed.connect(told.append)
    layer = show_objects(viewer, measured(region_of(viewer, image)))
    assert viewer.layers.selection == {drawn}
    assert viewer.dims.point == before
    assert told == []
    # Drawn shapes stay on top, where they can be clicked.
    assert list(viewer.layers) == [image, layer, drawn]


def test_it_follows_its_image(viewer, image):
    layer = show_objects(viewer, measured(region_of(viewer, image)))
    image.scale, image.translate, image.rotate = (5, 5), (7, 8), 30
    image.units = ("um", "um")
    np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert layer.data_to_world((9, 9)) == pytest.approx(image.data_to_world((9, 9)))
    assert layer.units == image.units


def test_measuring_again_takes_the_place_of_what_was_there(viewer, image):
    region = region_of(viewer, image)
    layer = show_objects(viewer, measured(region))
    layer.visible = False
    again = show_objects(viewer, measured(region, (slice(8, 9), slice(2, 20))))
    assert again is layer
    assert layer.visible
    assert (np.asarray(layer.data) > 0).sum() == 18
    assert len(layer.features) == 2
    assert show_objects(viewer, measured(region, what="pore")) is not layer
    nothing = measured(region, (slice(0), slice(0)))
    assert show_objects(viewer, nothing) is None
    assert layer not in viewer.layers


def test_objects_of_another_question_do_not_take_their_place(viewer, image):
    region = region_of(viewer, image)
    one, other = (measured(region, question=text) for text in ("How long?", "How many?"))
    first, second = show_objects(viewer, one), show_objects(viewer, other)
    assert first is not second
    assert show_objects(viewer, one) is first
    for shown, found in (((True, False), [one]), ((False, True), [other]), ((False, False), [])):
        show_only(viewer, found)
        assert (first.visible, second.visible) == shown
    image.data = np.zeros((60, 80))
    show_only(viewer, [one])
    assert not first.visible


def test_what_a_user_painted_is_kept(viewer, image):
    region = region_of(viewer, image)
    found = measured(region)
    layer = show_objects(viewer, found)
    layer.paint((40, 40), 7)
    again = show_objects(viewer, found)
    assert again is not layer
    assert np.asarray(layer.data)[40, 40] == 7
    assert not found.labels[40, 40]


def test_an_image_that_is_gone_or_another_is_said_in_one_sentence(viewer, image):
    found = measured(region_of(viewer, image))
    image.data = np.zeros((60, 80))
    with pytest.raises(RegionError, match=r"“sem” now holds other data than was measured; .*\.$"):
        show_objects(viewer, found)
    viewer.layers.remove(image)
    with pytest.raises(RegionError, match=r"no longer in the viewer; .*\.$"):
        show_objects(viewer, found)
    with pytest.raises(RegionError, match="no longer in the viewer"):
        show_objects(viewer, replace(found, region=replace(found.region, placement=None)))
    assert not viewer.layers


@pytest.mark.parametrize("change", ["removed", "other data", "other contrast"])
def test_objects_are_seen_only_on_the_pixels_they_are_of(viewer, image, change):
    layer = show_objects(viewer, measured(region_of(viewer, image)))
    if change == "removed":
        viewer.layers.remove(image)
    elif change == "other data":
        image.data = np.zeros((60, 80))
    else:
        image.contrast_limits = (0.1, 0.2)
    assert layer in viewer.layers
    assert layer.visible is (change == "other contrast")


@pytest.mark.parametrize("removed", ["objects", "image"])
def test_what_was_removed_is_neither_moved_nor_kept(viewer, image, removed):
    layer = show_objects(viewer, measured(region_of(viewer, image)))
    viewer.layers.remove(layer if removed == "objects" else image)
    place = layer.scale.copy()
    image.scale = (9, 9)
    np.testing.assert_array_equal(layer.scale, place)
    if removed == "objects":
        gone = weakref.ref(layer)
        del layer
        gc.collect()
        assert gone() is None


def test_a_script_shows_objects_of_an_array_on_its_pixels(viewer):
    pixels = np.random.default_rng(0).random((40, 50))
    region = Cutout.of_array(pixels, (8, 10, 32, 42), pixel_size=(0.5, 0.5), unit="nm").read()
    found = measured(region)
    assert found.show(viewer) is viewer
    image, layer = viewer.layers
    assert isinstance(image, Image)
    assert isinstance(layer, Labels)
    assert is_measured(layer)
    np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert layer.metadata[MEASURED_KEY]["summary"] == found.summary()
    found.show(viewer)
    assert len(viewer.layers) == 2


def test_a_script_shows_objects_on_their_own_image(viewer, image):
    found = measured(region_of(viewer, image))
    found.show(viewer)
    assert [layer.name for layer in viewer.layers] == ["sem", "crack: sem"]
    with pytest.raises(SourceError, match="in another viewer"):
        found.show(ViewerModel())
