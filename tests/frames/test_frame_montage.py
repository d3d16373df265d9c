"""Frames on one sheet, and maps of the sheet cut apart again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.frames.montage import layout_of, montage_of
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import AttentionMap

sides = st.integers(8, 61)


def frame(height, width, seed=0, rgb=False, **known):
    shape = (height, width, 3) if rgb else (height, width)
    pixels = np.random.default_rng(seed).random(shape, np.float32)
    return Region(pixels, (0, 0, height, width), label=f"slice {seed}", **known)


@st.composite
def stacks(draw):
    shapes = draw(st.lists(st.tuples(sides, sides, st.booleans()), min_size=1, max_size=9))
    if draw(st.booleans()):
        shapes = [shapes[0]] * len(shapes)
    return [frame(h, w, i, rgb) for i, (h, w, rgb) in enumerate(shapes)]


@given(stacks())
@settings(max_examples=40, deadline=None)
def test_every_frames_pixels_are_where_the_montage_says(frames):
    montage = montage_of(frames)
    sheet = montage.region.pixels
    taken = np.zeros(sheet.shape[:2], int)
    for one, (y0, x0, y1, x1) in zip(frames, montage.boxes, strict=True):
        pixels = one.pixels
        if sheet.ndim == 3 and pixels.ndim == 2:
            pixels = pixels[..., None].repeat(3, axis=2)
        np.testing.assert_array_equal(sheet[y0:y1, x0:x1], pixels)
        taken[y0:y1, x0:x1] += 1
        name = sheet[y0 - 11 : y0, x0 : max(x1, x0 + 40)]
        assert name.min() == 0  # black, with letters
        assert name.max() > 0.5
    assert taken.max() == 1


@given(stacks(), st.integers(2, 40), st.integers(2, 40), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_cut_map_keeps_every_share(frames, rows, columns, seed):
    montage = montage_of(frames)
    values = np.random.default_rng(seed).random((rows, columns)) ** 4
    maps = montage.cut(AttentionMap((values / values.sum()).astype(np.float32), "attention"))
    assert len(maps) == len(frames)
    height, width = montage.region.pixels.shape[:2]
    # What lies in each frame, counted on a grid fine enough for every edge.
    fine = np.kron(values, np.ones((height, width)))
    inside = [
        fine[y0 * rows : y1 * rows, x0 * columns : x1 * columns].sum()
        for y0, x0, y1, x1 in montage.boxes
    ]
    for one, own, (y0, x0, y1, x1) in zip(maps, inside, montage.boxes, strict=True):
        assert one.values.sum() == pytest.approx(1, abs=1e-4)
        assert one.share == pytest.approx(own / sum(inside), abs=1e-5)
        own_grid = (y1 - y0) / height * rows, (x1 - x0) / width * columns
        for cells, exact in zip(one.values.shape, own_grid, strict=True):
            # Half a cell may be rounded either way.
            assert cells == 1 or cells == pytest.approx(exact, abs=0.5 + 1e-6)


def test_a_cut_map_is_on_the_frames_own_grid():
    frames = [frame(50, 50, i) for i in range(4)]
    montage = montage_of(frames)
    height, width = montage.region.pixels.shape[:2]
    values = np.zeros((height, width), np.float32)
    y0, x0, _, _ = montage.boxes[2]
    values[y0 + 10, x0 + 30] = 1
    maps = montage.cut(AttentionMap(values, "attention"))
    assert maps[2].peak == (10, 30)
    assert [one.share for one in maps] == [0, 0, 1, 0]
    assert maps[0].values.std() == pytest.approx(0)


def test_a_map_that_is_nowhere_gives_flat_maps():
    montage = montage_of([frame(20, 30, i) for i in range(3)])
    maps = montage.cut(AttentionMap(np.zeros((5, 5), np.float32), "attention"))
    assert [one.share for one in maps] == [pytest.approx(1 / 3)] * 3
    assert all(one.values.sum() == pytest.approx(1) for one in maps)


def test_a_sheet_that_would_be_too_long_is_reduced_alike_everywhere():
    frames = [frame(200, 200, i) for i in range(4)]
    montage = montage_of(frames, longest=250)
    assert montage.reduction == 2
    assert {(y1 - y0, x1 - x0) for y0, x0, y1, x1 in montage.boxes} == {(100, 100)}
    y0, x0, y1, x1 = montage.boxes[3]
    want = frames[3].pixels.reshape(100, 2, 100, 2).mean((1, 3))
    np.testing.assert_allclose(montage.region.pixels[y0:y1, x0:x1], want, rtol=1e-5)


def test_the_sheet_has_the_scale_that_its_frames_share():
    known = {"pixel_size": (2.0, 2.0), "unit": "nm"}
    alike = montage_of([frame(40, 40, i, **known) for i in range(2)])
    assert alike.region.pixel_size == (2.0, 2.0)
    assert alike.region.shape == alike.region.pixels.shape
    other = montage_of([frame(40, 40, 0, **known), frame(40, 40, 1)])
    assert other.region.pixel_size is None


def test_pixels_outside_an_outline_are_hidden():
    mask = np.zeros((20, 20), bool)
    mask[5:10, 5:10] = True
    one = frame(20, 20, 1, mask=mask)
    montage = montage_of([one, frame(20, 20, 2)])
    y0, x0, y1, x1 = montage.boxes[0]
    seen = montage.region.pixels[y0:y1, x0:x1]
    np.testing.assert_array_equal(seen[mask], one.pixels[mask])
    np.testing.assert_allclose(seen[~mask], one.pixels[mask].mean(), rtol=1e-5)


@given(st.integers(1, 25), sides, sides)
@settings(max_examples=40)
def test_frames_stand_so_that_the_sheet_is_no_longer_than_a_row_or_a_column(count, tall, wide):
    columns = layout_of(count, tall, wide)
    rows = -(-count // columns)
    assert 1 <= columns <= count
    assert max(rows * tall, columns * wide) <= max(count * tall, count * wide)


def test_no_frames_are_no_sheet():
    with pytest.raises(QuestionError):
        montage_of([])
