from __future__ import annotations

import numpy as np
import pytest
from tiny_student import make_region

from napari_micrograph_vlm.models.student.layout import Layout
from napari_micrograph_vlm.models.views import prepare_views

SHAPES = [((128, 128), False), ((60, 130), False), ((300, 300), True), ((200, 500), True)]


def _layout(shape: tuple[int, int], tiled: bool) -> Layout:
    return Layout.of(prepare_views(make_region(*shape), side=128, token=32, tiled=tiled), 32)


@pytest.mark.parametrize(("shape", "tiled"), SHAPES)
def test_each_token_lands_where_it_lies(shape: tuple[int, int], tiled: bool) -> None:
    layout = _layout(shape, tiled)
    positions, kinds = layout.positions().numpy(), layout.kinds().numpy()
    rows, columns = layout.shape
    for index, (y, x) in enumerate(positions):
        if kinds[index] != int(tiled):
            continue  # tokens of the whole are spread over several cells of a tiled map
        share = np.zeros(len(positions))
        share[index] = 1
        values = layout.to_map(share)
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert values.max() == pytest.approx(1)
        assert ((row + 0.5) / rows, (column + 0.5) / columns) == pytest.approx((y, x), abs=1e-6)


@pytest.mark.parametrize(("shape", "tiled"), SHAPES)
def test_maps_keep_the_whole_share(shape: tuple[int, int], tiled: bool) -> None:
    layout = _layout(shape, tiled)
    shares = np.random.default_rng(0).random(len(layout.positions())) + 0.1
    values = layout.to_map(shares)
    assert values.shape == layout.shape
    assert values.dtype == np.float32
    assert values.sum() == pytest.approx(1, abs=1e-6)
    grid_rows, grid_columns = layout.grids[0]
    overview = np.zeros_like(shares)
    overview[: grid_rows * grid_columns] = 1
    # An even look at the whole is an even map, however the grids divide.
    np.testing.assert_allclose(layout.to_map(overview), 1 / values.size, rtol=1e-5)


def test_the_whole_is_spread_by_area() -> None:
    layout = _layout((300, 300), True)  # 4 x 4 tokens, and 3 x 3 tiles of 4 x 4
    shares = np.zeros(len(layout.positions()))
    shares[5] = 1
    values = layout.to_map(shares)
    assert values.shape == (12, 12)
    assert values[3:6, 3:6] == pytest.approx(np.full((3, 3), 1 / 9))
    assert layout.tiles == 9


def test_no_attention_at_all_is_an_even_map() -> None:
    layout = _layout((128, 128), False)
    assert layout.to_map(np.zeros(16)) == pytest.approx(np.full((4, 4), 1 / 16))
    assert layout.tiles == 1
