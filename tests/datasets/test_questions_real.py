"""Real pictures with a teacher's labels: read where they lie, split by group."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.datasets.real_masks import read_real
from napari_micrograph_vlm.datasets.teacher_labels import in_test, read_teacher_labels
from napari_micrograph_vlm.errors import SourceError

RECORD = {
    "image": "particles/images/a1.jpg",
    "group": "a1",
    "technique": "TEM",
    "category": "particles",
    "shape": "spherical",
    "arrangement": "dispersed",
    "density": "sparse",
    "size_uniformity": "uniform",
    "contrast": "dark on bright",
    "surface": "smooth",
    "orientation": "none",
    "count": "many",
    "defects": [{"kind": "agglomerate", "where": "top left"}],
    "description": "Dark round particles.",
    "qa": [["What shape?", "Round"]],
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("particles/images", "particles/instances"):
        (tmp_path / name).mkdir(parents=True)
    pixels = rng.integers(0, 255, (60, 80), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "particles/images/a1.jpg")
    ids = np.zeros((60, 80), np.uint16)
    ids[5:10, 5:10], ids[30:40, 50:60], ids[50:55, 5:9] = 1, 2, 7
    Image.fromarray(ids).save(tmp_path / "particles/instances/a1.png")
    (tmp_path / "particles/counts.csv").write_text("id,particles\na1,3\n")
    for name in ("coating_cracks/images", "coating_cracks/masks"):
        (tmp_path / name).mkdir(parents=True)
    Image.fromarray(rng.integers(0, 255, (800, 800), dtype=np.uint8)).save(
        tmp_path / "coating_cracks/images/s1_2_3.png"
    )
    cracks = np.zeros((800, 800), np.uint8)
    cracks[10:20, 10:60] = 2
    Image.fromarray(cracks).save(tmp_path / "coating_cracks/masks/s1_2_3.png")
    lines = [RECORD, {**RECORD, "image": "x.png", "category": "other", "count": 4,
                      "defects": [{"kind": "grain boundary", "where": "spread"}]}]  # fmt: skip
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "teacher_labels.jsonl").write_text(text)
    return tmp_path


def test_fields_of_the_teacher(folder):
    facts, other = (p.facts for p in read_teacher_labels(folder))
    assert (facts.category, facts.technique, facts.count) == ("particles", "TEM", "many")
    assert facts.kinds == ("agglomerate",)
    assert facts.defects[0].where == "at the top left"
    assert facts.mask_of() is None
    # What has no name of ours stays unknown instead of becoming "no defect".
    assert other.category is None
    assert other.defects is None
    assert other.count is None


def test_instances_give_count_and_mask(folder):
    picture = read_real(folder)[0]
    assert picture.facts.count == 3
    assert picture.facts.object_mask.sum() == 25 + 100 + 20
    assert picture.read().shape == (60, 80)


def test_cracks_are_windows_at_native_scale(folder):
    windows = [p for p in read_real(folder) if p.facts.source == "coating cracks"]
    assert all(p.read().shape == (384, 384) for p in windows)
    cracked = [p for p in windows if p.facts.defects]
    assert [p.box[:2] for p in cracked] == [(0, 0)]
    assert cracked[0].facts.mask_of("crack").sum() == 500
    # Pores are not marked: a window without a crack is not known to be good.
    assert all(p.facts.defects is None for p in windows if p not in cracked)


def test_a_picture_is_listed_once(folder):
    names = [p.path.name for p in read_real(folder) if p.box is None]
    assert len(names) == len(set(names))


def test_split_by_group_is_a_fifth_and_never_changes():
    groups = [f"paper {i}" for i in range(2000)]
    share = sum(map(in_test, groups)) / len(groups)
    assert 0.17 < share < 0.23
    assert in_test("a1") == in_test("a1")
    assert [in_test(g) for g in groups[:8]] == [in_test(g) for g in groups[:8]]


def test_a_folder_without_labels_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"teacher_labels\.jsonl"):
        list(read_teacher_labels(tmp_path))
