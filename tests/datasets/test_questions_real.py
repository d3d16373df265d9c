"""Real pictures with a teacher's labels: read where they lie, split by group."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.datasets.facts import Facts
from napari_micrograph_vlm.datasets.questions import questions_about
from napari_micrograph_vlm.datasets.real_masks import read_real
from napari_micrograph_vlm.datasets.teacher_labels import (
    RealPicture,
    facts_of_record,
    in_test,
    read_teacher_labels,
)
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


@pytest.mark.parametrize(
    ("kind", "category", "ours"),
    [
        ("pore or void", "porous sponge", "pore"),
        ("broken part", "fibres", "break"),
        ("broken part", "powder", "broken particle"),
        ("contamination", "particles", "residue"),
        ("micro-bridge", "patterned surfaces", "micro-bridge"),
        ("break", "particles", "break"),
    ],
)
def test_names_of_defects(kind, category, ours):
    record = {**RECORD, "category": category, "defects": [{"kind": kind, "where": None}]}
    (defect,) = facts_of_record(record).defects
    assert (defect.kind, defect.where) == (ours, None)


def test_null_and_missing_stay_unknown():
    facts = facts_of_record({"image": "x.png", "group": "x", "defects": None, "count": None})
    assert facts.defects is None
    assert facts.category is facts.technique is facts.count is facts.quality is None
    assert questions_about(facts, np.random.default_rng(0)) == []
    assert facts_of_record({**RECORD, "defects": []}).defects == ()


def test_broken_records_are_left_out(folder):
    text = (folder / "teacher_labels.jsonl").read_text().splitlines()
    wrong = {**RECORD, "image": "w.png", "defects": [{"where": "top"}]}
    lost = {**RECORD, "image": "l.png", "object_masks": "masks/none.png"}
    lines = [text[0], "{not json", json.dumps(wrong), json.dumps(lost), text[1]]
    (folder / "teacher_labels.jsonl").write_text("\n".join(lines))
    broken = []
    names = [p.path.name for p in read_teacher_labels(folder, broken)]
    assert names == ["a1.jpg", "x.png"] == [p.path.name for p in read_teacher_labels(folder)]
    assert broken[0] == "teacher_labels.jsonl, line 2: not a JSON record"
    assert broken[1] == "teacher_labels.jsonl, w.png: One of its defects names no kind."
    assert broken[2].startswith("teacher_labels.jsonl, l.png: There is no mask ")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"count": "three"}, "Its count must be a whole number, not 'three'."),
        ({"count": 2.5}, "count"),
        ({"density": 3}, "Its density must be a text, not 3."),
        ({"description": ["a"]}, "description"),
        ({"category": {}}, "category"),
        ({"defects": "crack"}, "Its defects must be a list, not 'crack'."),
        ({"defects": ["crack"]}, "names no kind"),
        ({"defects": [{"kind": "crack", "where": 3}]}, "place"),
        ({"quality": "noisy"}, "quality"),
        ({"object_masks": 3}, "object_masks"),
        ({"object_masks": "x.png"}, "There is no mask"),
        ({"object_masks": "particles/counts.csv"}, "cannot be read"),
        ({"object_masks": "particles/instances/a1.png", "pixel_size_nm": "2"}, "pixel_size_nm"),
        (
            {"defect_masks": "particles/instances/a1.png", "covered_defects": {"7": "x.png"}},
            "covered_defects",
        ),
    ],
)
def test_a_wrong_field_is_named(folder, wrong, words):
    (folder / "teacher_labels.jsonl").write_text(json.dumps({**RECORD, **wrong}))
    broken = []
    assert list(read_teacher_labels(folder, broken)) == []
    (line,) = broken
    assert words in line
    assert line.startswith("teacher_labels.jsonl, particles/images/a1.jpg: ")


def test_broken_masks_cost_their_pictures_alone(folder):
    rng = np.random.default_rng(0)
    for part in ("superalloy/images", "superalloy/masks"):
        (folder / part).mkdir(parents=True)
    for name in ("s1_1.png", "s2_1.png", "s3_1.png", "s4_1.png"):
        pixels = rng.integers(0, 255, (40, 40), np.uint8)
        for part in ("images", "masks"):
            Image.fromarray(pixels).save(folder / "superalloy" / part / name)
    before = len(read_real(folder))
    (folder / "superalloy/masks/s1_1.png").write_bytes(b"no mask")
    whole = (folder / "superalloy/masks/s2_1.png").read_bytes()
    (folder / "superalloy/masks/s2_1.png").write_bytes(whole[: len(whole) // 2])
    (folder / "superalloy/masks/s3_1.png").unlink()
    colours = Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8))
    colours.save(folder / "superalloy/masks/s4_1.png")
    (folder / "particles/instances/a1.png").write_bytes(b"")
    broken = []
    assert len(read_real(folder, broken)) == before - 5 == len(read_real(folder))
    assert [next(n for n in ("a1", "s1_1", "s2_1", "s3_1", "s4_1") if n in line)
            for line in broken] == ["a1", "s1_1", "s2_1", "s3_1", "s4_1"]  # fmt: skip
    (folder / "coating_cracks/masks/s1_2_3.png").write_bytes(b"no mask")
    (folder / "particles/counts.csv").write_bytes(b"\xff\xfe")
    broken = []
    assert [p.path.name for p in read_real(folder, broken)] == ["x.png"]
    assert len(broken) == 7


def test_exact_records_bring_their_masks(tmp_path):
    (tmp_path / "masks").mkdir()
    ids = np.zeros((100, 200), np.uint8)
    ids[10:20, 20:40], ids[70:90, 150:160] = 1, 3
    Image.fromarray(ids).save(tmp_path / "masks/d.png")
    Image.fromarray((ids > 0).astype(np.uint8) * 255).save(tmp_path / "masks/o.png")
    kinds = [("crack", "top left"), ("pore", "top"), ("pore", "bottom right")]
    record = {**RECORD, "teacher": "truth", "objects": "layers", "quality": ["noisy"],
              "defects": [{"kind": kind, "where": where} for kind, where in kinds],
              "object_masks": "masks/o.png", "defect_masks": "masks/d.png",
              "pixel_size_nm": 2.0}  # fmt: skip
    (tmp_path / "teacher_labels.jsonl").write_text(json.dumps(record))
    (facts,) = (p.facts for p in read_teacher_labels(tmp_path))
    assert (facts.objects, facts.quality, facts.qa) == ("layers", ("noisy",), ())
    assert (facts.field_of_view_nm, facts.aspect) == (400.0, 2.0)
    assert [d.where for d in facts.defects] == [
        "at the top left", "at the top", "at the bottom right"
    ]  # fmt: skip
    # The second defect is covered by others: its place is all that is known.
    assert [d.mask is None for d in facts.defects] == [False, True, False]
    assert facts.extent_of(facts.defects[0]) == pytest.approx(0.1, abs=0.01)
    assert facts.covered == pytest.approx(400 / 20000, rel=0.1)


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_sixteen_bit_pictures_are_not_clipped(tmp_path, suffix):
    ramp = np.linspace(5000, 60000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    pixels = RealPicture(tmp_path / f"a.{suffix}", "a", Facts()).read()
    assert pixels.dtype == np.uint8
    assert pixels.shape == (64, 64)
    assert len(np.unique(pixels)) > 200


def test_colour_is_read_as_grey(tmp_path):
    colour = np.zeros((40, 50, 3), np.uint8)
    colour[..., 1] = 100
    Image.fromarray(colour).save(tmp_path / "a.png")
    picture = RealPicture(tmp_path / "a.png", "a", Facts(), box=(5, 10, 25, 40))
    pixels = picture.read()
    assert pixels.shape == (20, 30)
    np.testing.assert_allclose(pixels, 58.7, atol=1)


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
