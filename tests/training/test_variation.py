"""Regions drawn on synthetic pictures: what is said of them is true inside them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.datasets.synthetic import CATEGORIES, DEFECT_KINDS, synthesize
from napari_micrograph_vlm.training.building import draw_picture
from napari_micrograph_vlm.training.mirroring import mirrored
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.variation import Variation, whole

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
        assert drawn.facts.count is None
        for defect in drawn.facts.defects:
            assert defect.mask.shape == inside.shape
            assert defect.mask.any()
        hidden = sum(d.mask.any() for d in picture.defects) - len(drawn.facts.defects)
        seen = sum(bool(d.mask[y0:y1, x0:x1].mean() > 0) for d in picture.defects)
        assert hidden >= len(picture.defects) - seen
    assert cropped > 6


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


def test_every_category_and_defect_is_drawn():
    recipe = Recipe(large=0)
    drawn = [draw_picture(seed, recipe).facts for seed in range(160)]
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
