"""Regions drawn on synthetic pictures: what is said of them is true inside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.datasets.synthetic import CATEGORIES, DEFECT_KINDS, synthesize
from napari_micrograph_vlm.datasets.synthetic.truth import Defect
from napari_micrograph_vlm.training import building
from napari_micrograph_vlm.training.building import draw_picture
from napari_micrograph_vlm.training.mirroring import mirrored
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.variation import CLOSE, Variation, whole

ALWAYS = {
    "crop": Variation(crop=1, zoom=0, outline=0, stretch=0),
    "zoom": Variation(crop=0, zoom=1, outline=0, stretch=0),
    "outline": Variation(crop=0, zoom=0, outline=1, stretch=0),
}


@pytest.fixture(scope="module")
def pictures():
    return [synthesize(seed, defect="particle", size=128) for seed in range(12)]


@pytest.mark.parametrize("name", ["crop", "zoom"])
def test_masks_follow_the_window(pictures, name):
    cropped = 0
    for i, picture in enumerate(pictures):
        drawn = ALWAYS[name].draw(picture, np.random.default_rng(i))
        y0, x0, y1, x1 = drawn.region.box
        inside = picture.image[y0:y1, x0:x1] / np.float32(255)
        np.testing.assert_allclose(drawn.region.pixels, inside, atol=1e-6)
        if inside.size == picture.image.size:
            continue
        cropped += 1
        assert drawn.facts.count is None or 0 < drawn.facts.count <= picture.count
        for defect in drawn.facts.defects:
            assert defect.mask.shape == inside.shape
            assert defect.mask.any()
        hidden = sum(d.mask.any() for d in picture.defects) - len(drawn.facts.defects)
        seen = sum(bool(d.mask[y0:y1, x0:x1].mean() > 0) for d in picture.defects)
        assert hidden >= len(picture.defects) - seen
    assert cropped > 6


def test_close_crops_show_a_defect_somewhere_in_them(pictures):
    shares, middles, shown = [], [], 0
    zoom = Variation(crop=0, zoom=1, outline=0, stretch=0, around=1)
    for i, picture in enumerate(pictures * 4):
        drawn = zoom.draw(picture, np.random.default_rng(i))
        if drawn.region.pixels.size == picture.image.size:
            continue
        shown += bool(drawn.facts.defects)
        shares += [n / 128 for n in drawn.region.pixels.shape]
        rows, columns = np.nonzero(drawn.facts.mask_of())
        height, width = drawn.region.pixels.shape
        middles.append((rows.mean() / height, columns.mean() / width))
    assert len(middles) == shown > 35
    assert min(shares) >= CLOSE[0] - 0.01
    assert max(shares) <= CLOSE[1] + 0.01
    assert np.median(shares) < 0.65
    # It is not to be found by looking into the middle.
    assert np.std(middles, axis=0).min() > 0.12


def small(kind, mask, **changes):
    picture = synthesize(1, category="films and coated surfaces", defect=None, size=128)
    return replace(picture, defects=(Defect(kind, mask),), **changes)


def test_a_piece_of_a_long_crack_is_a_crack_and_half_a_particle_is_nothing():
    mask = np.zeros((128, 128), bool)
    mask[:, 60:64] = True
    zoom = Variation(crop=0, zoom=1, outline=0, stretch=0)
    for kind in ("crack", "particle"):
        drawn = [zoom.draw(small(kind, mask), np.random.default_rng(i)) for i in range(20)]
        close = [d for d in drawn if d.region.pixels.shape[0] < 60 and d.facts.defects]
        assert bool(close) == (kind == "crack")


def test_large_pictures_are_cropped_more_closely():
    picture = synthesize(4, category="porous sponge", defect=None, size=512)
    drawn = [Variation().draw(picture, np.random.default_rng(i)) for i in range(40)]
    close = [d for d in drawn if d.region.pixels.size < 0.6 * picture.image.size]
    assert len(close) > 25
    tiled = [Variation().draw(picture, np.random.default_rng(i), tiled=True) for i in range(5)]
    assert all(d.region.pixels.shape == picture.image.shape for d in tiled)


def test_counts_and_sizes_in_a_window_are_those_of_the_window():
    found = 0
    for seed in range(60):
        picture = synthesize(seed, category="patterned surfaces", defect=None, size=128)
        if picture.centres is None:
            continue
        drawn = ALWAYS["zoom"].draw(picture, np.random.default_rng(seed))
        y0, x0, y1, x1 = drawn.region.box
        inside = ((picture.centres >= [y0, x0]) & (picture.centres < [y1, x1])).all(axis=1).sum()
        assert drawn.facts.count in (inside, None)
        share = picture.object_size / min(drawn.region.pixels.shape)
        low, high = {"small": (0, 0.05), "medium": (0.05, 0.12), "large": (0.12, 9)}[
            drawn.facts.size_class
        ]
        assert low <= share < high
        assert drawn.facts.object_size == pytest.approx(share)
        found += drawn.facts.count is not None
    assert found > 5


def test_enlarged_crops_say_nothing_about_sharpness(pictures):
    for i, picture in enumerate(pictures):
        drawn = ALWAYS["zoom"].draw(picture, np.random.default_rng(i))
        if drawn.region.pixels.shape != picture.image.shape:
            assert drawn.facts.quality is None
        else:
            assert drawn.facts.quality == picture.quality


def test_an_outline_hides_the_corners(pictures):
    drawn = [ALWAYS["outline"].draw(p, np.random.default_rng(0)) for p in pictures]
    outlined = [d for d in drawn if d.region.mask is not None]
    assert outlined
    for d in outlined:
        assert not d.region.mask[0, 0]
        assert all(not defect.mask[~d.region.mask].any() for defect in d.facts.defects)


def test_the_whole_picture_keeps_everything(pictures):
    drawn = whole(pictures[0])
    assert drawn.region.pixels.shape == pictures[0].image.shape
    assert drawn.facts.count == pictures[0].count
    assert len(drawn.facts.defects) == len(pictures[0].defects)


def test_the_seed_decides_the_picture():
    first, again = draw_picture(5, Recipe()), draw_picture(5, Recipe())
    np.testing.assert_array_equal(first.region.pixels, again.region.pixels)
    assert first.facts.kinds == again.facts.kinds


def test_every_category_and_defect_is_drawn(monkeypatch):
    monkeypatch.setattr(building, "SIDE", 160)
    monkeypatch.setattr(building, "CLOSER_SIDES", (200,))
    recipe = Recipe(large=0)
    drawn = [draw_picture(seed, recipe).facts for seed in range(220)]
    assert {facts.category for facts in drawn} == set(CATEGORIES)
    assert {kind for facts in drawn for kind in facts.kinds} == set(DEFECT_KINDS)
    good = sum(facts.defects == () for facts in drawn)
    assert 0.08 < good / len(drawn) < 0.5


def test_mirror_images_exchange_places_and_masks():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    mask = pixels == 3  # the top right pixel
    facts = Facts(
        category="powder",
        description="A crack at the top right.",
        qa=(("Where?", "At the right"),),
        defects=(DefectFact("crack", mask), DefectFact("pore", None, "at the top right")),
    )
    found = list(mirrored(pixels, facts))
    places = ["at the top left", "at the bottom right", "at the bottom left"]
    assert [f.defects[1].where for _, f in found] == places
    for seen, f in found:
        assert seen[f.defects[0].mask] == [3]
        assert (f.category, f.description, f.qa) == ("powder", None, ())
