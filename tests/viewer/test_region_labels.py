"""The selected label as a region."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions

LABEL = RegionChoice.SELECTED_LABEL


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.random.default_rng(0).random((60, 80)))


def painted(shape=(60, 80)):
    labels = np.zeros(shape, int)
    labels[..., 10:30, 20:25] = 3
    labels[..., 10:15, 20:50] = 3
    labels[..., 40:50, 40:50] = 4
    return labels


def cut(viewer, image, labels, label=3):
    labels.selected_label = label
    (cutout,) = plan_regions(viewer, image, LABEL, drawn=labels)()
    return cutout


def test_label_gives_its_box_and_pixels(viewer, image):
    labels = viewer.add_labels(painted())
    cutout = cut(viewer, image, labels)
    assert cutout.box == (10, 20, 30, 50)
    np.testing.assert_array_equal(cutout.read().mask, painted()[10:30, 20:50] == 3)
    assert cutout.placement.shape_id == f"label:{labels.unique_id}:3"


def test_label_of_another_scale_and_place(viewer, image):
    labels = viewer.add_labels(painted()[::2, ::2], scale=(2, 2), translate=(0.5, 0.5))
    cutout = cut(viewer, image, labels)
    assert cutout.box == (10, 20, 30, 50)
    coarse = painted()[::2, ::2] == 3
    np.testing.assert_array_equal(
        cutout.read().mask, coarse.repeat(2, axis=0).repeat(2, axis=1)[10:30, 20:50]
    )


def test_rotated_labels_are_bounded_by_their_pixels(viewer, image):
    one = np.zeros((60, 80), int)
    one[20:40, 30:50] = 3
    angle = np.radians(45)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([29.5, 39.5])
    labels = viewer.add_labels(one, rotate=45, translate=centre - turn @ centre)
    mask = cut(viewer, image, labels).read().mask
    assert mask.sum() == pytest.approx(400, rel=0.05)
    assert mask.shape == pytest.approx((29, 29), abs=1)
    assert not mask[0, 0]


def test_label_in_the_shown_slice_only(viewer):
    image = viewer.add_image(np.random.default_rng(0).random((4, 60, 80)))
    stack = np.zeros((4, 60, 80), int)
    stack[2] = painted()
    labels = viewer.add_labels(stack, name="cells")
    viewer.dims.set_point(0, 2)
    assert cut(viewer, image, labels).placement.plane == (2,)
    viewer.dims.set_point(0, 1)
    with pytest.raises(RegionError, match="Label 3 of “cells” does not occur in this slice"):
        cut(viewer, image, labels)


def test_transposed_display(viewer):
    image = viewer.add_image(np.random.default_rng(0).random((60, 80)))
    labels = viewer.add_labels(painted())
    viewer.dims.order = (1, 0)
    cutout = cut(viewer, image, labels)
    assert cutout.box == (20, 10, 50, 30)
    np.testing.assert_array_equal(cutout.read().mask, painted()[10:30, 20:50].T == 3)


def test_only_the_shown_slice_is_read(viewer):
    da = pytest.importorskip("dask.array")
    seen = []

    def block(block_info=None):
        seen.append(block_info[None]["chunk-location"][0])
        return painted()[None]

    image = viewer.add_image(np.random.default_rng(0).random((5, 60, 80)))
    array = da.map_blocks(block, chunks=((1,) * 5, (60,), (80,)), dtype=int)
    labels = viewer.add_labels(array, cache=False)
    viewer.dims.set_point(0, 3)
    labels.selected_label = 4
    seen.clear()
    plan = plan_regions(viewer, image, LABEL, drawn=labels)
    assert seen == []
    assert plan()[0].box == (40, 40, 50, 50)
    assert set(seen) == {3}


def test_background_is_refused_at_once(viewer, image):
    labels = viewer.add_labels(painted(), name="cells")
    labels.selected_label = 0
    with pytest.raises(RegionError, match="background of “cells”"):
        plan_regions(viewer, image, LABEL, drawn=labels)
