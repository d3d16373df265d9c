"""The overlay as a picture file."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.picture import magma, overlay_picture, save_overlay
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import AttentionMap


def region_of(*shape):
    pixels = np.full(shape, 0.5, np.float32)
    return Region(pixels, (0, 0, *shape[:2]))


def spot(rows, columns, row, column):
    values = np.zeros((rows, columns), np.float32)
    values[row, column] = 1
    return AttentionMap(values, "made")


@pytest.mark.parametrize("shape", [(400, 800), (400, 800, 3)])
def test_the_spot_lies_where_the_cell_lies(shape):
    picture = np.asarray(overlay_picture(region_of(*shape), spot(4, 8, 1, 6))).astype(float)
    assert picture.shape == (400, 800, 3)
    colour = np.ptp(picture, axis=-1)
    rows, columns = np.indices(colour.shape)
    # The centre of cell (1, 6) of cells of 100 x 100 pixels.
    assert (rows * colour).sum() / colour.sum() == pytest.approx(149.5, abs=1)
    assert (columns * colour).sum() / colour.sum() == pytest.approx(649.5, abs=1)


def test_where_nothing_was_looked_at_the_micrograph_shows():
    picture = np.asarray(overlay_picture(region_of(400, 400), spot(4, 4, 0, 0)))
    assert (picture[300:, 300:] == 128).all()


def test_small_regions_are_enlarged():
    assert overlay_picture(region_of(10, 20), spot(1, 2, 0, 0)).size == (400, 200)


def test_magma_runs_from_black_to_pale_yellow():
    np.testing.assert_allclose(
        magma(np.array([0, 1, 2], np.float32)), [(0, 0, 4), (252, 253, 191), (252, 253, 191)]
    )


def test_an_unwritable_place_is_said(tmp_path):
    with pytest.raises(SourceError, match="no folder"):
        save_overlay(tmp_path / "none" / "a.png", region_of(10, 10), spot(1, 1, 0, 0))
    (tmp_path / "a.png").mkdir()
    with pytest.raises(SourceError, match="cannot be written"):
        save_overlay(tmp_path / "a.png", region_of(10, 10), spot(1, 1, 0, 0))
