"""Qwen-VL: how many image tokens a region gets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from transformers import AutoConfig

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.models.families import family_of
from napari_micrograph_vlm.models.families.base import Family
from napari_micrograph_vlm.regions import Cutout, Region

QUESTION = "What defect is there?"


def region(height: int, width: int) -> Region:
    pixels = np.random.default_rng(0).integers(60, 190, (height, width), dtype=np.uint8)
    return Cutout.of_array(pixels).read()


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Qwen2-VL with the limits that are published."""
    folder = checkpoint("qwen2_vl", tmp_path_factory.mktemp("roomy"))
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_pixels": 12845056}))
    config = AutoConfig.from_pretrained(folder)
    return family_of(config).load(folder, config)


def test_qwen_sees_small_regions_enlarged_and_large_ones_within_a_budget(roomy: Family) -> None:
    counts = {
        (side, tiled): len(
            roomy.prompt([region(side, side)], QUESTION, tiled=tiled).sights[0].boxes
        )
        for side, tiled in [(64, None), (900, None), (1500, None), (1500, True), (3300, None)]
    }
    assert counts[64, None] == 256
    assert counts[900, None] == 32 * 32
    assert 1200 <= counts[1500, None] <= 1280
    assert counts[1500, True] == 54 * 54
    assert 5000 <= counts[3300, None] <= 5120
    given = roomy.prepare(region(1500, 1500))
    assert given.could_tile
    assert not given.tiled
    assert not roomy.prepare(region(900, 900)).could_tile


def test_qwen_refuses_a_region_too_long_for_it(roomy: Family) -> None:
    with pytest.raises(RegionError, match="200 times"):
        roomy.prompt([region(8, 1700)], QUESTION)
