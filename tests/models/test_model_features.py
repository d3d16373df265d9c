"""What image encoders see of whole regions and of each place, for every family."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from models.tiny_models import BUILDERS, checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.attention.token_boxes import TokenBoxes
from napari_micrograph_vlm.errors import Cancelled, QuestionError
from napari_micrograph_vlm.models.base import Sees, eyes_of
from napari_micrograph_vlm.models.families.parts import grid_boxes
from napari_micrograph_vlm.models.features import POOLS, gridded
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.regions import Region


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = checkpoint(request.param, tmp_path_factory.mktemp("models") / request.param)
    loaded = load_model(folder, "cpu")
    assert isinstance(loaded, LocalModel)
    return loaded


def _changed(region: Region, rows: slice, columns: slice) -> Region:
    pixels = region.pixels.copy()
    pixels[rows, columns] = 1 - pixels[rows, columns]
    return replace(region, pixels=pixels)


def test_features_are_rows_that_tell_regions_apart(model: LocalModel) -> None:
    assert isinstance(model, Sees)
    one, two = make_region(150, 110), make_region(150, 110, seed=5)
    done: list[int] = []
    found = model.features([one, two, one], on_region=done.append)
    assert tuple(found) == POOLS
    assert done == [1, 2, 3]
    widths = {block.shape[1] for block in found.values()}
    assert len(widths) == 1
    for block in found.values():
        assert block.dtype == np.float32
        assert block.shape[0] == 3
        np.testing.assert_array_equal(block[0], block[2])
    assert np.abs(found["tokens mean"][0] - found["tokens mean"][1]).max() > 0


@pytest.mark.parametrize("shape", [(150, 110), (90, 240)])
def test_the_grid_covers_the_region_and_notices_where_it_changed(
    model: LocalModel, shape: tuple[int, int]
) -> None:
    before = make_region(*shape)
    down, across = shape[0] // 4, shape[1] // 4
    one = model.feature_grid(before)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    # Its cells keep the region's proportions as far as so few can, or those of a square.
    rows, columns = one.shape[:2]
    assert min(abs(rows / columns - a) for a in (shape[0] / shape[1], 1.0)) <= 1
    changed = (
        _changed(before, slice(0, down), slice(0, across)),
        _changed(before, slice(-down, None), slice(-across, None)),
    )
    first, last = (np.abs(one - model.feature_grid(each)).sum(-1) for each in changed)
    assert first.max() > 0
    if rows > 1 and columns > 1:
        # Random attention carries a change anywhere, and some cells are moved more easily.
        assert first[0, 0] * last[-1, -1] > first[-1, -1] * last[0, 0]


def test_looking_leaves_answers_as_they_were(model: LocalModel) -> None:
    from napari_micrograph_vlm.results import Question

    region = make_region(60, 60)
    question = Question("What defect is there?", (region,))
    before = model.ask(question, max_tokens=4).text
    model.features([region])
    model.feature_grid(region)
    assert model.ask(question, max_tokens=4).text == before


def test_looking_stops(tmp_path) -> None:
    model = load_model(checkpoint("llava", tmp_path / "llava"), "cpu")
    cancel = Event()
    with pytest.raises(Cancelled):
        eyes_of(model).features(
            [make_region()] * 3, on_region=lambda _: cancel.set(), cancel=cancel
        )
    with pytest.raises(QuestionError, match="Draw a region"):
        eyes_of(model).features([])


def test_tokens_go_where_they_lie_and_padding_counts_for_nothing() -> None:
    tokens = np.arange(8, dtype=np.float32)[:, None]
    plain = gridded(tokens, TokenBoxes(grid_boxes(2, 4)))
    np.testing.assert_allclose(plain[..., 0], [[0, 1, 2, 3], [4, 5, 6, 7]])
    # The upper half of the picture is padding: the lower tokens cover the region alone.
    padded = gridded(tokens, TokenBoxes(grid_boxes(2, 4, (-1.0, 0.0, 1.0, 1.0))))
    np.testing.assert_allclose(padded[..., 0], [[4, 5, 6, 7]])


def test_a_thumbnail_counts_less_than_the_tile_over_it() -> None:
    boxes = np.concatenate([grid_boxes(1, 1), grid_boxes(2, 2)])
    found = gridded(np.array([[1.0], [0], [0], [0], [0]], np.float32), TokenBoxes(boxes))
    np.testing.assert_allclose(found[..., 0], np.full((2, 2), 0.2))


def test_an_edge_that_no_token_covers_takes_the_nearest() -> None:
    boxes = grid_boxes(1, 3, (0.0, 0.0, 1.0, 0.7))
    found = gridded(np.array([[1.0], [2], [3]], np.float32), TokenBoxes(boxes))
    assert found.shape == (1, 4, 1)
    assert found[0, -1, 0] == 3
