"""Discs, rods and cracks of known size at known pixel sizes come out as large as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.measuring.objects import COLUMNS, along_skeleton, step_of, table_of
from napari_micrograph_vlm.regions import Region

SIDE = 121


def region(shape=(SIDE, SIDE), step=(1.0, 1.0), reduction=1, **options):
    """A region whose pixels are ``step`` high and wide, read with every ``reduction``-th."""
    height, width = (n * reduction for n in shape)
    size = (step[0] / reduction, step[1] / reduction)
    box = (10, 20, 10 + height, 20 + width)
    return Region(np.zeros(shape, np.float32), box, pixel_size=size, unit="nm", **options)


def places(shape=(SIDE, SIDE), step=(1.0, 1.0)):
    """Distances of the pixels from the middle, along rows and columns, in units."""
    rows, columns = np.indices(shape, float)
    return (rows - shape[0] // 2) * step[0], (columns - shape[1] // 2) * step[1]


def rod(length, width, angle, step=(1.0, 1.0)):
    y, x = places(step=step)
    turn = np.deg2rad(angle)  # counter-clockwise as one sees it: rows run down
    along, across = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)


steps = st.sampled_from([(1.0, 1.0), (0.5, 0.5), (1.0, 0.5), (0.5, 1.0)])


@settings(max_examples=15, deadline=None)
@given(st.floats(8, 25), steps, st.sampled_from([1, 2, 4]))
def test_a_disc_has_its_area_and_diameter(radius, step, reduction):
    y, x = places(step=step)
    disc = (y**2 + x**2 <= radius**2).astype(np.int32)
    found = table_of(disc, region(step=step, reduction=reduction)).iloc[0]
    assert found["area"] == pytest.approx(np.pi * radius**2, rel=0.03)
    assert found["equivalent_diameter"] == pytest.approx(2 * radius, rel=0.015)
    assert found["length"] == pytest.approx(2 * radius, rel=0.1), "across the disc"
    assert found["aspect_ratio"] == pytest.approx(1, abs=0.03)
    middle = (SIDE // 2 + 0.5) * reduction - 0.5
    assert (found["y"], found["x"]) == pytest.approx((10 + middle, 20 + middle), abs=0.02)
    assert not found["cut"]


@settings(max_examples=25, deadline=None)
@given(st.floats(20, 50), st.floats(4, 8), st.floats(-89, 90), steps)
def test_a_rod_has_its_length_and_direction(length, width, angle, step):
    mask = rod(length, width, angle, step)
    found = table_of(mask.astype(np.int32), region(step=step)).iloc[0]
    # The skeleton of a broad end turns into one of its corners.
    assert found["length"] == pytest.approx(length, abs=0.35 * width + 2 * max(step))
    assert found["area"] == pytest.approx(length * width, abs=(length + width + 1) * max(step))
    assert -90 < found["orientation"] <= 90
    off = (found["orientation"] - angle + 90) % 180 - 90
    assert abs(off) < 4
    # The ellipse of a rod's moments has the rod's proportions.
    assert found["aspect_ratio"] == pytest.approx(length / width, rel=0.3)


@settings(max_examples=10, deadline=None)
@given(st.floats(2, 10), st.floats(30, 60), steps)
def test_a_winding_crack_is_as_long_as_its_middle_line(swing, period, step):
    span = np.linspace(-25, 25, 4000)
    line = swing * np.sin(2 * np.pi * span / period)
    length = np.hypot(np.diff(span), np.diff(line)).sum()
    near = np.zeros((SIDE, SIDE), bool)
    rows = np.round(line / step[0] + SIDE // 2).astype(int)
    columns = np.round(span / step[1] + SIDE // 2).astype(int)
    near[rows, columns] = True
    from scipy.ndimage import distance_transform_edt

    crack = distance_transform_edt(~near, sampling=step) <= 1.2
    # The distance reaches over the two ends by as much as over the sides.
    assert along_skeleton(crack, step) == pytest.approx(length + 2.4, rel=0.08, abs=2 * max(step))


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (12, 1)])
def test_single_pixels_and_lines_are_measured(shape):
    labels = np.zeros((40, 40), np.int32)
    labels[20 : 20 + shape[0], 15 : 15 + shape[1]] = 1
    found = table_of(labels, region((40, 40), (2.0, 2.0))).iloc[0]
    assert found["length"] == pytest.approx(2 * max(shape), abs=1)
    assert found["area"] == pytest.approx(4 * shape[0] * shape[1])
    assert found["aspect_ratio"] == pytest.approx(max(shape))


def test_side_branches_do_not_add_to_the_length():
    labels = np.zeros((60, 60), np.int32)
    labels[30, 5:55] = 1
    labels[20:30, 25] = 1
    assert along_skeleton(labels > 0, (1.0, 1.0)) == pytest.approx(50, abs=1)


def test_an_error_of_the_pixel_size_counts_twice_in_areas():
    y, x = places()
    disc = (y**2 + x**2 <= 40**2).astype(np.int32)
    exact = table_of(disc, region()).iloc[0]
    rough = table_of(disc, region(scale_error=0.1)).iloc[0]
    by_scale = np.sqrt(rough["area_error"] ** 2 - exact["area_error"] ** 2)
    assert by_scale == pytest.approx(0.2 * rough["area"])
    by_scale = np.sqrt(rough["length_error"] ** 2 - exact["length_error"] ** 2)
    assert by_scale == pytest.approx(0.1 * rough["length"])
    assert rough["equivalent_diameter_error"] == pytest.approx(
        rough["area_error"] / rough["area"] / 2 * rough["equivalent_diameter"]
    )


@settings(max_examples=10, deadline=None)
@given(st.floats(6, 40))
def test_the_error_of_the_outline_is_what_half_a_pixel_makes(radius):
    y, x = places()
    disc = (y**2 + x**2 <= radius**2).astype(np.int32)
    found = table_of(disc, region()).iloc[0]
    assert found["area_error"] == pytest.approx(2 * np.pi * radius * 0.5 / np.sqrt(3), rel=0.1)
    coarse = table_of(disc, region(), edge=3.0).iloc[0]
    assert coarse["area_error"] == pytest.approx(3 * found["area_error"])


def test_objects_at_the_border_of_the_region_are_marked_as_cut():
    labels = np.zeros((40, 40), np.int32)
    labels[0:5, 10:15], labels[20:25, 20:25], labels[30:34, 4:9] = 1, 2, 3
    mask = np.ones((40, 40), bool)
    mask[:, :4] = False
    assert list(table_of(labels, region((40, 40), mask=mask))["cut"]) == [True, False, True]


def test_without_an_object_the_table_is_empty_and_has_all_columns():
    table = table_of(np.zeros((20, 20), np.int32), region((20, 20)))
    assert len(table) == 0
    assert tuple(table.columns) == COLUMNS


def test_the_step_follows_from_size_and_reduction():
    coarse = Region(np.zeros((30, 20), np.float32), (0, 0, 120, 40), pixel_size=(2.0, 5.0))
    assert step_of(coarse) == (8.0, 10.0)
    assert step_of(Region(np.zeros((30, 20), np.float32), (0, 0, 120, 40))) == (4.0, 2.0)
