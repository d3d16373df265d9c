"""Bad files of every kind, through every reader: one sentence, no hang, little memory."""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import bad_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_micrograph
from napari_micrograph_vlm.runs.stack_source import StackSource

pytestmark = pytest.mark.skipif(os.name != "posix", reason="alarm clocks and limits of a process")

MEMORY_MB = 600
"""Pictures up to 178 million pixels are unpacked before it is seen that they are cut off."""


def run(folder, *options):
    """Read in a process of its own; return what it printed of each file."""
    root = Path(bad_files.__file__).parents[2]
    here = [str(root / "src"), str(Path(bad_files.__file__).parent)]
    paths = os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, bad_files.__file__, str(folder), *options],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What reading every file of the corpus came to."""
    folder = tmp_path_factory.mktemp("corpus") / "with spaces, Größe und 大きさ"
    folder.mkdir()
    bad_files.write_corpus(folder)
    rows = run(folder)
    assert len(rows) == len(list(bad_files.every_path(folder)))
    return {row["path"]: row for row in rows}


def test_each_is_opened_or_refused_with_one_sentence(found):
    for path, row in found.items():
        assert row["kind"] in ("opened", "refused"), f"{path}: {row['kind']}\n{row['trace']}"
        if row["kind"] == "refused":
            assert row["said"].endswith(".")
            assert "\n" not in row["said"]


def test_good_files_open(found):
    refused = {p: r["said"] for p, r in found.items() if p.startswith("good/") and r["said"]}
    assert refused == {}


@pytest.mark.parametrize("kind", ["empty", "zeros", "noise", "text"])
def test_what_is_no_picture_is_refused(found, kind):
    rows = {p: r for p, r in found.items() if p.startswith(f"{kind}/")}
    assert len(rows) > 10
    assert [p for p, r in rows.items() if r["kind"] != "refused"] == []


@pytest.mark.parametrize("cut", ["1", "8", "some", "half"])
def test_truncated_files_are_refused(found, cut):
    rows = {p: r for p, r in found.items() if p.startswith(f"truncated/{cut}_")}
    assert len(rows) > 10
    assert [p for p, r in rows.items() if r["kind"] != "refused"] == []


@pytest.mark.parametrize("kind", ["tif", "png", "jpg", "bmp", "gif", "ppm", "mrc", "dm3", "ser"])
def test_what_claims_terabytes_and_has_a_few_bytes_is_refused(found, kind):
    rows = {p: r for p, r in found.items() if p.startswith("bombs/") and p.endswith(f".{kind}")}
    for sound in ("circle", "laughs"):  # their first picture is whole
        rows.pop(f"bombs/{sound}.tif", None)
    if not rows:
        pytest.skip(f"no writer of {kind} files is installed")
    assert [p for p, r in rows.items() if r["kind"] != "refused"] == []


@pytest.mark.parametrize(
    "name", ["sparse_velox.emd", "sparse_ncem.emd", "sparse_good.hspy", "three.zarr"]
)
def test_terabytes_that_are_read_in_parts_open(found, name):
    row = found.get(f"bombs/{name}")
    if row is None:
        pytest.skip(f"no writer of {name} is installed")
    assert row["said"] == ""


def test_nothing_hangs_or_takes_much_memory(found):
    slow = {p: r["seconds"] for p, r in found.items() if r["kind"] == "too long"}
    large = {p: r["grew_mb"] for p, r in found.items() if r["grew_mb"] > MEMORY_MB}
    assert (slow, large) == ({}, {})


@pytest.mark.parametrize("name", ["pipe.tif", "pipe.dm3", "pipe.zarr", "circle.tif", "gone.tif"])
def test_pipes_and_circles_of_links_are_not_opened(found, name):
    assert found[f"folders/{name}"]["kind"] == "refused"


@pytest.mark.parametrize("name", ["empty", "of_folders", "mixed", "bad_slice", "looped", "pipes"])
def test_folders_without_a_stack_are_refused(found, name):
    assert found[f"folders/{name}"]["kind"] == "refused"


def test_files_that_change_while_they_are_read(tmp_path):
    rows = run(tmp_path, "changing")
    assert {row["change"] for row in rows} == {*bad_files.CHANGES, "meanwhile"}
    odd = [row for row in rows if row["kind"] not in ("opened", "refused")]
    assert odd == []
    # What was read in parts is not taken from another file, nor from none.
    lazy = [row for row in rows if row["path"] in ("plain.tif", "tiled.tif", "good.mrc")]
    assert {row["change"] for row in lazy if row["kind"] == "refused"} >= {"shorter", "empty"}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return [p for p in bad_files.write_good(tmp_path_factory.mktemp("good")) if p.is_file()]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_bytes_changed_anywhere(good, tmp_path, data):
    path = data.draw(st.sampled_from(good))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # Most of what can go wrong is written at the beginning or at the end.
        end = data.draw(st.sampled_from([8, 64, 512, len(content)]))
        at = data.draw(st.integers(0, min(end, len(content)) - 1))
        at = data.draw(st.sampled_from([at, len(content) - 1 - at]))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.just(b"\xff\xff\xff\x7f")))
        content[at : at + len(new)] = new
    changed = tmp_path / path.name
    changed.write_bytes(bytes(content))
    try:
        file = read_micrograph(changed)
    except SourceError:
        return
    assert file.shape[0] > 0
    assert file.pixel_size is None or all(0 < side < math.inf for side in file.pixel_size)
    json.dumps(file.instrument.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "name", ["a b.tif", "größe.tif", "顕微鏡.tif", "a'\".tif", "~.tif", "%s.tif"]
)
def test_names_of_every_kind(tmp_path, name):
    Image.fromarray(bad_files.GREY).save(tmp_path / "a.tif")
    (tmp_path / "a.tif").rename(tmp_path / name)
    assert read_micrograph(tmp_path / name).shape == bad_files.GREY.shape
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match="is empty"):
        read_micrograph(tmp_path / name)


@pytest.mark.parametrize("name", ["a\0b.tif", "~nobody_of_this_name/a.tif", "x" * 5000, ""])
def test_what_is_no_path(name):
    with pytest.raises(SourceError):
        read_micrograph(name)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_metadata_of_a_group_run_nothing_in_its_arrays(tmp_path):
    folder, ran = tmp_path / "a.zarr", tmp_path / "ran"
    (folder / "0").mkdir(parents=True)
    array = {"zarr_format": 2, "shape": [2, 8, 40], "chunks": [2, 8, 40], "fill_value": 0}
    plain = {**array, "order": "C", "dtype": "|u1", "compressor": None, "filters": None}
    harm = {
        **plain,
        "dtype": "|O",
        "filters": [{"id": "vlen-utf8"}],
        "compressor": {"id": "pickle"},
    }
    (folder / "0" / ".zarray").write_text(json.dumps(plain))
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    consolidated = {".zgroup": {"zarr_format": 2}, "0/.zarray": harm}
    (folder / ".zmetadata").write_text(
        json.dumps({"zarr_consolidated_format": 1, "metadata": consolidated})
    )
    packed = pickle.dumps(Runs(ran))
    (folder / "0" / "0.0.0").write_bytes(packed.ljust(2 * 8 * 40, b"\0"))
    source = StackSource(folder)
    assert source.array.dtype == np.uint8
    assert source.read(next(source.items())).shape == (8, 40)
    assert not ran.exists()


def test_nothing_in_a_file_is_run(tmp_path):
    ran = tmp_path / "ran"
    harm = pickle.dumps(Runs(ran))
    (tmp_path / "a.zarr").mkdir()
    document = {"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "fill_value": 0, "order": "C"}
    packed = {"dtype": "|O", "compressor": None, "filters": [{"id": "pickle"}]}
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(document | packed))
    (tmp_path / "a.zarr" / "0.0").write_bytes(harm)
    np.save(tmp_path / "a.npy", np.array([Runs(ran)], object), allow_pickle=True)
    (tmp_path / "a.png").write_bytes(harm)
    page = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n({ran}) (w) file closefile\n"
    (tmp_path / "a.eps").write_text(page)
    for name in ("a.zarr", "a.npy", "a.png", "a.eps"):
        with pytest.raises(SourceError):
            np.asarray(read_micrograph(tmp_path / name).array)
    for name in ("a.zarr", "a.npy"):
        with pytest.raises(SourceError):
            StackSource(tmp_path / name)
    assert not ran.exists()
