"""Flaws of the picture itself are named where they can be seen, and sizes and places are true."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_micrograph_vlm.datasets.synthetic import synthesize
from napari_micrograph_vlm.datasets.synthetic.formation import expose, weather
from napari_micrograph_vlm.datasets.synthetic.patterns import line_space
from napari_micrograph_vlm.datasets.synthetic.quality import (
    Scan,
    astigmatic,
    charging,
    draw_scan,
    torn,
)
from napari_micrograph_vlm.datasets.synthetic.truth import QUALITY_FLAWS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def beads() -> np.ndarray:
    """Bright discs on dark ground, as a signal on the detector."""
    y, x = np.mgrid[:256, :256]
    disc = ((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 64).astype(np.float32)
    return np.float32(0.2) + np.float32(0.6) * disc


def grain(image: np.ndarray) -> float:
    """Standard deviation of the noise in the discs of `beads` relative to the contrast."""
    few = image.astype(float)
    y, x = np.mgrid[:256, :256]
    disc = (y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 16
    steps = (few[1:] - few[:-1])[disc[1:] & disc[:-1]]
    ground = (y % 32 < 4) & (x % 32 < 4)
    return float(steps.std() / np.sqrt(2) / (few[disc].mean() - few[ground].mean()))


def sharpness(image: np.ndarray) -> float:
    """Steepest slopes of a picture after noise is averaged away, relative to its contrast."""
    few = np.stack(image).astype(float).mean(axis=0)
    slope = np.hypot(*np.gradient(few))
    return float(np.quantile(slope, 0.99) / np.ptp(np.quantile(few, [0.02, 0.98])))


@pytest.mark.parametrize("delicate", [True, False])
def test_noisy_pictures_have_more_noise_than_any_other(delicate: bool) -> None:
    noisy = [grain(expose(rng(s), beads(), delicate, False, ["noisy"])) for s in range(20)]
    clean = [grain(expose(rng(s), beads(), delicate, False)) for s in range(20)]
    assert np.quantile(noisy, 0.2) > np.quantile(clean, 0.8)
    assert np.mean(noisy) > 2 * np.mean(clean)


def test_blurred_pictures_are_less_sharp_than_any_other() -> None:
    def mean_of(flaws: list[str], first: int) -> float:
        made = [expose(rng(s), beads(), True, False, flaws) for s in range(first, first + 8)]
        return sharpness(np.array(made))

    for first in range(0, 32, 8):
        assert mean_of(["blurred"], first) < 0.7 * mean_of([], first)


def test_astigmatism_smears_in_one_direction() -> None:
    spot = np.zeros((61, 61), np.float32)
    spot[30, 30] = 1
    for seed in range(6):
        smeared = astigmatic(rng(seed), spot, 3.0)
        assert smeared.shape == spot.shape
        assert smeared.sum() == pytest.approx(1, abs=1e-3)
        y, x = np.mgrid[-30:31, -30:31]
        moments = [[(smeared * a * b).sum() for a in (y, x)] for b in (y, x)]
        short, long = np.sqrt(np.linalg.eigvalsh(moments))
        assert long > 3 * short


def test_charging_leaves_tails_beside_bright_things_only() -> None:
    image = np.zeros((128, 128), np.float32)
    image[40:90, 20:60] = 1
    for seed in range(6):
        weak = np.abs(charging(rng(seed), image, 0.05) - image)
        strong = np.abs(charging(rng(seed), image, 0.25) - image)
        assert strong[40:90, 61:70].mean() > 4 * weak[40:90, 61:70].mean() > 0
        assert not strong[:40].any()
        assert not strong[:, :20].any()


def test_a_torn_scan_is_told_from_a_calm_one() -> None:
    strong = [torn(draw_scan(rng(s), (384, 384), 8, strong=True)) for s in range(40)]
    calm = [torn(draw_scan(rng(s), (384, 384), 8)) for s in range(40)]
    assert np.mean(strong) > 0.9
    assert not any(calm)
    still = Scan(np.arange(8, 392), np.full(384, 8.0, np.float32), 384)
    assert not torn(still)


def test_drift_tears_the_edges_of_upright_lines() -> None:
    lines = np.zeros((400, 400), np.float32)
    lines[:, (np.arange(400) // 20) % 2 == 0] = 1

    def ragged(strong: bool) -> float:
        scans = [draw_scan(rng(s), (384, 384), 8, strong=strong) for s in range(10)]
        return float(np.mean([np.abs(np.diff(s.picture(lines), axis=0)).mean() for s in scans]))

    assert ragged(True) > 3 * ragged(False)


def test_every_flaw_occurs_and_most_pictures_have_none() -> None:
    found = [synthesize(seed, defect=None, size=128).quality for seed in range(120)]
    assert 0.5 < np.mean([not flaws for flaws in found]) < 0.85
    # Jumps of pictures as small as these are too small to be seen.
    assert {flaw for flaws in found for flaw in flaws} >= set(QUALITY_FLAWS) - {"drift"}
    assert {flaw for flaws in found for flaw in flaws} <= set(QUALITY_FLAWS)


def test_drift_is_found_in_pictures_of_the_usual_size() -> None:
    made = (synthesize(s, category="tips", defect=None, size=(384, 200)) for s in range(150))
    assert any("drift" in picture.quality for picture in made)


def test_transmission_pictures_do_not_charge() -> None:
    for seed in range(60):
        made = synthesize(seed, category="particles", defect=None, size=96)
        assert made.technique == "SEM" or "charging" not in made.quality


def test_weather_changes_a_scene_a_little() -> None:
    scene = line_space(rng(1), (200, 200), ())
    height, albedo, objects = scene.height.copy(), scene.albedo.copy(), scene.objects.copy()
    weather(rng(2), scene)
    assert 0 < np.abs(scene.height - height).mean() < 0.4
    assert 0 < np.abs(scene.albedo / albedo - 1).mean() < 0.15
    np.testing.assert_array_equal(scene.objects, objects)


@pytest.mark.parametrize("seed", range(3))
def test_object_size_is_that_of_the_objects(seed: int) -> None:
    for offset in range(0, 4000, 50):
        made = synthesize(seed + offset, category="patterned surfaces", defect=None, size=256)
        if made.objects == "contact holes" and not made.quality:
            break
    labels, number = ndimage.label(made.object_mask)
    areas = ndimage.sum_labels(made.object_mask, labels, np.arange(1, number + 1))
    side = np.sqrt(np.median(areas))
    # Between a square hole as wide and a round one.
    assert 0.8 * side < made.object_size < 1.3 * side


def test_size_classes_agree_with_sizes() -> None:
    for seed in range(25):
        made = synthesize(seed, size=96)
        share = made.object_size / 96
        low, high = {"small": (0, 0.05), "medium": (0.05, 0.12), "large": (0.12, 9)}[
            made.size_class
        ]
        assert low <= share < high


def test_centres_and_centre_lines_are_those_that_are_counted() -> None:
    kinds = set()
    for seed in range(40):
        made = synthesize(seed, size=128)
        if made.centres is not None:
            kinds.add("centres")
            assert made.count == len(made.centres)
            assert made.centres.shape == (made.count, 2)
            assert (made.centres >= 0).all()
            assert (made.centres < [128 - made.bar_rows, 128]).all()
        if made.cores is not None:
            kinds.add("cores")
            assert made.cores.shape == made.image.shape
            assert made.count == len(np.unique(made.cores[made.cores > 0]))
        if made.centres is None and made.cores is None:
            assert made.count is None
    assert kinds == {"centres", "cores"}
