"""Drawn pictures of the cache: those of the recipe's seeds and settings are read, no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import Facts
from napari_micrograph_vlm.training import building, gathering
from napari_micrograph_vlm.training.gathering import gather
from napari_micrograph_vlm.training.progress import Lines
from napari_micrograph_vlm.training.recipe import VALIDATION_SEED, Recipe
from napari_micrograph_vlm.training.shards import Picture, ViewGrid, write_shard

RECIPE = Recipe(images=6, validation_images=2, shard=4, processes=1)


def write(jobs):
    """Write shards whose pictures bear their seeds as counts."""
    for job in jobs:
        features = np.zeros((4, 2), np.float16)
        grids = (ViewGrid(2, 2),)
        write_shard(
            job.folder, job.name, [Picture(features, grids, Facts(count=s)) for s in job.seeds]
        )


@pytest.fixture
def made(monkeypatch):
    """Draw nothing; note the seeds of what would be drawn."""
    seeds = []

    def fill(jobs, processes=0, on_done=None):
        seeds.extend(seed for job in jobs for seed in job.seeds)
        write(jobs)
        return []

    monkeypatch.setattr(gathering, "fill_cache", fill)
    return seeds


def seeds_read(recipe, cache, **given):
    pictures = gather(recipe, cache, told=Lines(lambda _: None), **given)
    return [p.facts.count for p in pictures.synthetic]


def test_what_is_there_is_not_drawn_again(made, tmp_path):
    assert seeds_read(RECIPE, tmp_path) == [1, 2, 3, 4, 5, 6]
    assert made == [*range(1, 7), VALIDATION_SEED, VALIDATION_SEED + 1]
    made.clear()
    assert seeds_read(RECIPE, tmp_path) == [1, 2, 3, 4, 5, 6]
    assert made == []


def test_more_pictures_within_a_file_are_drawn(made, tmp_path):
    seeds_read(replace(RECIPE, images=2), tmp_path)
    assert seeds_read(replace(RECIPE, images=3), tmp_path) == [1, 2, 3]
    assert seeds_read(RECIPE, tmp_path) == [1, 2, 3, 4, 5, 6]
    pictures = gather(replace(RECIPE, validation_images=3), tmp_path, told=Lines(lambda _: None))
    assert [p.facts.count - VALIDATION_SEED for p in pictures.validation] == [0, 1, 2]


def test_what_the_recipe_does_not_ask_for_is_not_read(made, tmp_path):
    seeds_read(RECIPE, tmp_path)
    assert seeds_read(replace(RECIPE, images=0), tmp_path) == []
    assert seeds_read(replace(RECIPE, images=5), tmp_path) == [1, 2, 3, 4, 5]
    assert seeds_read(replace(RECIPE, images=1, first_seed=3), tmp_path) == [3]
    assert seeds_read(RECIPE, tmp_path, leave_out=["synthetic"]) == []
    none = gather(replace(RECIPE, validation_images=0), tmp_path, told=Lines(lambda _: None))
    assert none.validation == []


@pytest.mark.parametrize("changed", [{"large": 0.5}, {"by_category": 0.0}])
def test_pictures_drawn_otherwise_are_not_taken_for_these(made, tmp_path, changed):
    seeds_read(RECIPE, tmp_path)
    made.clear()
    assert seeds_read(replace(RECIPE, **changed), tmp_path) == [1, 2, 3, 4, 5, 6]
    assert made[:6] == [1, 2, 3, 4, 5, 6]


def test_pictures_of_an_older_version_are_not_taken_for_these(made, monkeypatch, tmp_path):
    seeds_read(RECIPE, tmp_path)
    made.clear()
    monkeypatch.setattr(building, "DRAWING", building.DRAWING + 1)
    seeds_read(RECIPE, tmp_path)
    assert made[:6] == [1, 2, 3, 4, 5, 6]


def test_settings_of_the_steps_leave_the_pictures_alone(made, tmp_path):
    seeds_read(RECIPE, tmp_path)
    made.clear()
    seeds_read(replace(RECIPE, steps=5, learning_rate=1.0, seed=4), tmp_path)
    assert made == []
