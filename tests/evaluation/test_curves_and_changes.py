"""Insertion and deletion curves, and pictures that are changed."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.evaluation.answers import DEFECT_LABELS
from napari_micrograph_vlm.evaluation.faithfulness import (
    SHARES,
    area_under,
    blurred,
    faithfulness_of,
    mixed,
)
from napari_micrograph_vlm.evaluation.figures import above_random
from napari_micrograph_vlm.evaluation.robustness import CONDITIONS, robustness_of, seen_under
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import AttentionMap, Classification
from napari_micrograph_vlm.training.variation import Drawn

SPOT = np.s_[64:72, 32:40]


@pytest.fixture
def spotted():
    """A grey picture with one bright spot, which is the defect."""
    pixels = np.full((96, 96), 0.4, np.float32)
    mask = np.zeros((96, 96), dtype=bool)
    pixels[SPOT], mask[SPOT] = 1, True
    facts = Facts(category="tips", defects=(DefectFact("particle", mask),))
    return Drawn(Region(pixels, (0, 0, 96, 96), pixel_size=(2.0, 2.0), unit="nm"), facts)


class SpotFinder(FakeModel):
    """Sees a particle as far as the spot is bright, and looks at a cell of its own choice."""

    def __init__(self, cell=(8, 4)):
        super().__init__("particle")
        self.cell = cell

    def ask(self, question, **options):
        from dataclasses import replace

        values = np.full((12, 12), 1e-3, np.float32)
        values[self.cell] = 1
        answer = super().ask(question, **options)
        return replace(answer, attention=(AttentionMap(values, "fake"),))

    def classify(self, regions, labels, **options):
        rows = np.full((len(regions), len(labels)), 0.01, np.float32)
        for row, region in zip(rows, regions, strict=True):
            row[labels.index("particle")] = region.pixels.max()
        maps = tuple(self._map(0) for _ in regions)
        return Classification(tuple(labels), rows, tuple(regions), maps, self._provenance())


def test_a_right_map_beats_a_random_order(spotted):
    cases = list(faithfulness_of(SpotFinder(), spotted, 3))
    assert [case.measure for case in cases] == [
        "area under the insertion curve",
        "area under the deletion curve",
    ]
    insertion, deletion = cases
    assert insertion.value > insertion.others["random"]
    assert deletion.value < deletion.others["random"]
    assert all(figure.value > 0 for figure in above_random(cases))


def test_a_wrong_map_does_not(spotted):
    right, _ = faithfulness_of(SpotFinder(), spotted, 3)
    insertion, _ = faithfulness_of(SpotFinder((0, 0)), spotted, 3)
    assert insertion.value < right.value


def test_pictures_without_a_small_defect_are_left_out(spotted):
    good = Drawn(spotted.region, Facts(defects=()))
    everywhere = DefectFact("particle", np.ones((96, 96), dtype=bool))
    covered = Drawn(spotted.region, Facts(defects=(everywhere,)))
    for one in (good, covered):
        assert not list(faithfulness_of(SpotFinder(), one, 0))
        assert not list(robustness_of(SpotFinder(), one, 0))


def test_the_area_of_a_constant_is_the_constant():
    assert area_under(np.full(len(SHARES), 0.3)) == pytest.approx(0.3)
    assert area_under(np.array(SHARES)) == pytest.approx(0.5)


def test_cells_are_replaced_where_they_are_marked():
    cells = np.zeros((2, 3), dtype=bool)
    cells[1, 2] = True
    result = mixed(np.zeros((10, 9), np.float32), np.ones((10, 9), np.float32), cells)
    assert result.sum() == 15
    assert result[5:, 6:].all()
    colour = mixed(np.zeros((4, 6, 3), np.float32), np.ones((4, 6, 3), np.float32), cells)
    assert colour.sum() == 12


def test_the_blur_hides_the_spot(spotted):
    assert blurred(spotted.region.pixels).max() < 0.6
    assert "particle" in DEFECT_LABELS


@pytest.mark.parametrize(
    ("condition", "shape", "size"),
    [
        ("as drawn", (96, 96), 2.0),
        ("pixel size x 1/2", (192, 192), 1.0),
        ("pixel size x 2", (48, 48), 4.0),
        ("pixel size x 4", (24, 24), 8.0),
        ("window of 0.5", (48, 48), 2.0),
        ("noise 0.1", (96, 96), 2.0),
    ],
)
def test_changed_pictures_keep_their_scale(spotted, condition, shape, size):
    mask = spotted.facts.mask_of()
    seen = seen_under(condition, spotted.region, mask, np.random.default_rng(0))
    assert seen.region.pixels.shape == shape
    assert seen.region.shape == shape
    assert seen.region.pixel_size == (size, size)
    assert seen.region.pixels.dtype == np.float32


def test_windows_hold_the_defect(spotted):
    mask = spotted.facts.mask_of()
    for share in ("0.8", "0.65", "0.5", "0.4"):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            seen = seen_under(f"window of {share}", spotted.region, mask, rng)
            assert seen.mask.sum() == mask.sum()
            assert seen.region.pixels[seen.mask].min() == 1


def test_of_a_defect_larger_than_the_window_a_part_is_seen(spotted):
    diagonal = np.eye(96, dtype=bool)[::-1]
    seen = seen_under("window of 0.4", spotted.region, diagonal, np.random.default_rng(0))
    assert seen.mask.shape == (38, 38)
    assert seen.mask.any()


def test_inverted_is_inverted_and_noise_is_noise(spotted):
    mask = spotted.facts.mask_of()
    rng = np.random.default_rng(0)
    inverted = seen_under("inverted", spotted.region, mask, rng).region.pixels
    assert inverted[SPOT].max() == 0
    noisy = seen_under("noise 0.05", spotted.region, mask, rng).region.pixels
    assert (noisy[~mask] - 0.4).std() == pytest.approx(0.05, rel=0.1)


def test_every_condition_is_asked_about(spotted):
    cases = list(robustness_of(SpotFinder(), spotted, 0))
    assert len(cases) == 3 * len(CONDITIONS)
    right = {case.measure: case.value for case in cases}
    assert right["inverted: defect"] == 1
    assert right["noise 0.2: category"] == 0
    assert right["as drawn: peak in the defect"] == 1
