"""Labelled folders as a dataset: opened again with the datasets library, without a network."""

from __future__ import annotations

import io
import json
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_micrograph_vlm.datasets.bare_files import bare_jpeg, bare_png
from napari_micrograph_vlm.datasets.export import export_folders
from napari_micrograph_vlm.datasets.synthetic_folder import Drawing, draw_folder
from napari_micrograph_vlm.datasets.teacher_labels import in_test
from napari_micrograph_vlm.errors import SourceError

TEACHER = {
    "technique": "TEM",
    "category": "particles",
    "count": 4,
    "defects": [{"kind": "crack", "where": None}],
    "description": None,
    "annotations": ["(a)"],
    "qa": [["How many particles are there?", "4"]],
    "teacher": "some-vlm",
    "agreed": True,
    "dropped": {"description: not confirmed": 1},
}


@pytest.fixture
def labelled(tmp_path):
    folder = tmp_path / "papers"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for i in range(12):
        pixels = rng.integers(0, 4000 if i == 3 else 255, (30, 40), np.uint16 if i == 3 else "u1")
        name = f"{i}.tif" if i == 3 else f"{i}.jpg"
        Image.fromarray(pixels).save(folder / name)
        lines.append(json.dumps({"image": name, "group": f"paper {i // 2}", **TEACHER}))
    (folder / "teacher_labels.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def load(tmp_path):
    def opened(folder):
        from datasets import load_dataset

        return load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))

    return opened


def test_a_dataset_that_opens_again(labelled, tmp_path, load):
    output = tmp_path / "out"
    made = export_folders([labelled], output, title="Papers", licence="cc-by-4.0")
    assert made.skipped == []
    data = load(output)
    groups = {split: set(data[split]["group"]) for split in data}
    names = [f"paper {i}" for i in range(6)]
    for split, found in groups.items():
        meant = [name for name in names if in_test(name) == (split == "test")]
        assert found == {sha256(name.encode()).hexdigest()[:16] for name in meant}
    rows = [row for split in data.values() for row in split]
    assert len(rows) == 12 == sum(made.pictures.values())
    by_name = {row["name"]: row for row in rows}
    row = by_name["5.jpg"]
    assert row["image"].size == (40, 30)
    assert row["count"] == "4"
    assert row["description"] is None
    assert row["defects"] == [{"kind": "crack", "where": None}]
    assert row["texts"] == [
        {"user": "How many particles are there?", "assistant": "4", "kind": "how many"}
    ]
    assert np.asarray(by_name["3.tif"]["image"]).dtype == np.uint8
    assert "source" in row
    assert str(tmp_path) not in json.dumps(
        [{k: v for k, v in row.items() if k != "image"} for row in rows]
    )


def exported(output):
    import pyarrow.parquet as parquet

    return {
        row["name"]: row
        for path in (output / "data").glob("*.parquet")
        for row in parquet.read_table(path).to_pylist()
    }


def test_jpeg_pictures_are_not_compressed_again(labelled, tmp_path):
    export_folders([labelled], tmp_path / "out", title="t")
    kept = {name: row["image"]["bytes"] for name, row in exported(tmp_path / "out").items()}
    assert kept["0.jpg"] == (labelled / "0.jpg").read_bytes()
    assert Image.open(io.BytesIO(kept["3.tif"])).format == "PNG"


SECRET = b"client-ACME"


def with_secrets(folder):
    """Write pictures that say in many ways where they are from."""
    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 255, (40, 60), np.uint8))
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = SECRET.decode()
    text = PngInfo()
    text.add_text("Author", SECRET.decode())
    text.add_itxt("Where", SECRET.decode(), zip=False)
    jpeg = {"exif": exif, "comment": SECRET, "icc_profile": SECRET, "quality": 90}
    png = {"pnginfo": text, "exif": exif, "icc_profile": SECRET}
    grey.save(folder / "a.jpg", **jpeg)
    grey.convert("RGB").save(folder / "b.jpeg", **jpeg, progressive=True)
    grey.convert("CMYK").save(folder / "c.jpg", **jpeg)
    grey.save(folder / "d.png", **png)
    grey.convert("P").save(folder / "e.png", **png)
    Image.fromarray(rng.integers(0, 60000, (40, 60), np.uint16)).save(folder / "f.png", **png)
    grey.save(folder / "g.tif", description=SECRET.decode())
    grey.save(folder / "h.png", "TIFF", description=SECRET.decode())  # not what it is called
    names = [path.name for path in sorted(folder.iterdir())]
    for name in names:
        with (folder / name).open("ab") as file:
            file.write(SECRET)
    # An editor's segment between those of the picture.
    data = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(
        data[:2] + b"\xff\xed" + (len(SECRET) + 2).to_bytes(2, "big") + SECRET + data[2:]
    )
    return names


def test_nothing_but_pixels_leaves_the_house(tmp_path):
    folder = tmp_path / SECRET.decode()
    folder.mkdir()
    names = with_secrets(folder)
    inside = tmp_path / "labels"
    inside.mkdir()
    lines = [
        json.dumps({**TEACHER, "image": f"../{SECRET.decode()}/{name}", "qa": []}) for name in names
    ]
    (inside / "teacher_labels.jsonl").write_text("\n".join(lines))
    made = export_folders([inside], tmp_path / "out", title="t")
    assert made.skipped == []
    rows = exported(tmp_path / "out")
    assert sorted(rows) == names
    for name, row in rows.items():
        assert SECRET in (folder / name).read_bytes()
        data = row["image"].pop("bytes")
        assert SECRET not in data, name
        assert SECRET.decode() not in json.dumps(row)
        with Image.open(folder / name) as image, Image.open(io.BytesIO(data)) as again:
            assert np.array_equal(np.asarray(image), np.asarray(again)), name
            assert not again.getexif()
            assert "icc_profile" not in again.info
    for path in (tmp_path / "out").rglob("*.*"):
        assert SECRET not in path.read_bytes()


@pytest.mark.parametrize("bare", [bare_png, bare_jpeg])
def test_half_a_file_is_not_copied(bare, tmp_path):
    name = tmp_path / ("a.png" if bare is bare_png else "a.jpg")
    pixels = np.random.default_rng(0).integers(0, 255, (20, 20), np.uint8)
    Image.fromarray(pixels).save(name)
    data = name.read_bytes()
    assert bare(data) is not None
    assert all(bare(data[:n]) is None for n in range(len(data) - 1))
    assert bare(b"II*\0") is None


def test_the_card_says_what_it_is(labelled, tmp_path):
    import yaml

    made = export_folders([labelled], tmp_path / "out", title="My papers", licence="cc-by-4.0")
    _, front, text = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["license"] == "cc-by-4.0"
    assert head["pretty_name"] == "My papers"
    splits = {s["name"]: s["num_examples"] for s in head["dataset_info"]["splits"]}
    assert splits == dict(made.pictures)
    names = [feature["name"] for feature in head["dataset_info"]["features"]]
    assert names[:4] == ["image", "name", "group", "source"]
    for words in ("# My papers", "| papers |", "`some-vlm`", "| how many | 12 |",
                  "| description: not confirmed | 12 |", "cc-by-4.0"):  # fmt: skip
        assert words in text, words


def test_broken_pictures_and_records_are_left_out_and_named(labelled, tmp_path):
    (labelled / "0.jpg").write_bytes(b"no picture")
    (labelled / "1.jpg").unlink()
    with (labelled / "teacher_labels.jsonl").open("a") as file:
        file.write('\n{"image": \n{"group": "x"}\n{"image": "2.jpg", "qa": ["x"]}\n')
    made = export_folders([labelled], tmp_path / "out", title="t")
    assert sum(made.pictures.values()) == 10
    assert [line.split(":")[0] for line in made.skipped] == [
        "teacher_labels.jsonl, line 13",
        "teacher_labels.jsonl, line 14",
        "teacher_labels.jsonl, line 15",
        "0.jpg",
        "1.jpg",
    ]
    assert "5 records were left out" in (tmp_path / "out" / "README.md").read_text()


def test_synthetic_pictures_keep_their_masks(labelled, tmp_path, load):
    drawn = tmp_path / "drawn"
    draw_folder(drawn, range(40, 44), Drawing(96, defects=("crack",)))
    export_folders([drawn, labelled], tmp_path / "out", title="Both")
    rows = [row for split in load(tmp_path / "out").values() for row in split]
    assert {row["source"] for row in rows} == {"drawn", "papers"}
    for row in rows:
        if row["source"] == "papers":
            assert row["defect_masks"] is None
        else:
            assert row["defect_masks"].size == row["image"].size == (96, 96)
            assert np.asarray(row["defect_masks"]).any()
    text = (tmp_path / "out" / "README.md").read_text()
    assert "4 pictures are synthetic" in text


def test_nothing_is_written_over(labelled, tmp_path):
    with pytest.raises(SourceError, match="not empty"):
        export_folders([labelled], labelled, title="t")
    with pytest.raises(SourceError, match=r"teacher_labels\.jsonl"):
        export_folders([tmp_path], tmp_path / "out", title="t")
    for path in labelled.glob("*.*"):
        if path.suffix != ".jsonl":
            path.write_bytes(b"")
    with pytest.raises(SourceError, match="None of the pictures"):
        export_folders([labelled], tmp_path / "out", title="t")
