"""A resumed run sees that what it goes through is not what it was."""

from __future__ import annotations

import os

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import (
    ArraySource,
    FolderSource,
    LabelsSource,
    StackSource,
    Tiles,
)
from runs.making import Counting, noise, save, task


def go(source, path, model=None):
    model = model or Counting()
    with Journal.create(path, run_of(source, task(), model)) as journal:
        run_batch(source, task(), model, journal)
        return {one.item.key: one for one in journal.findings()}


@pytest.mark.parametrize("make", [da.from_array, zarr.array])
def test_other_lazy_arrays_are_another_source(make):
    one, same, other = (ArraySource(make(noise((90, 100), seed))) for seed in (0, 0, 1))
    assert one.to_dict() == same.to_dict()
    assert one.to_dict() != other.to_dict()
    stack, changed = noise((4, 60, 70, 3)), noise((4, 60, 70, 3))
    changed[3] = 7
    assert ArraySource(make(stack)).to_dict() != ArraySource(make(changed)).to_dict()


def test_a_lazy_array_that_cannot_be_read_has_a_digest_all_the_same():
    def broken(block):
        raise OSError("no disk")

    lazy = da.map_blocks(
        broken, da.zeros((40, 40), chunks=20), dtype=np.uint8, meta=np.empty((0, 0))
    )
    assert ArraySource(lazy).to_dict() == ArraySource(lazy).to_dict()


def test_one_pixel_of_an_array_in_memory_is_another_array():
    pixels = noise((300, 300))
    changed = pixels.copy()
    changed[101, 203] ^= 1
    assert ArraySource(pixels).to_dict() != ArraySource(changed).to_dict()


def test_an_object_that_moved_is_another_one():
    labels, moved = np.zeros((2, 200, 200), int)
    labels[101:111, 101:111] = 3
    moved[103:113, 102:112] = 3
    one, other = (LabelsSource(noise((200, 200)), each) for each in (labels, moved))
    assert [item.key for item in one.items()] != [item.key for item in other.items()]
    assert one.to_dict() != other.to_dict()
    lazy, far = (LabelsSource(noise((200, 200)), da.from_array(a)) for a in (labels, labels + 1))
    assert lazy.to_dict() != far.to_dict()


def test_other_contrast_and_colours_are_another_source():
    made = [
        ArraySource(noise((40, 40, 3))),
        ArraySource(noise((40, 40, 3)), rgb=False),
        ArraySource(noise((40, 40, 3)), contrast_limits=(0, 100)),
        ArraySource(noise((40, 40, 3)), contrast_limits=(0, 200)),
    ]
    assert len({str(one.to_dict()) for one in made}) == len(made)


def test_a_replaced_file_of_slices_is_another_source(tmp_path):
    np.save(tmp_path / "a.npy", noise((3, 300, 300)))
    before = StackSource(tmp_path / "a.npy").to_dict()
    assert StackSource(tmp_path / "a.npy").to_dict() == before
    changed = noise((3, 300, 300))
    changed[1, 101, 3] ^= 1
    np.save(tmp_path / "a.npy", changed)
    os.utime(tmp_path / "a.npy", ns=(1, 1))
    assert StackSource(tmp_path / "a.npy").to_dict() != before


@pytest.mark.parametrize("tiles", [None, Tiles(40, 0)])
def test_a_file_that_was_replaced_is_looked_at_again(tmp_path, tiles):
    folder, path = tmp_path / "wafer", tmp_path / "a.journal"
    for name in ("a.png", "b.png"):
        save(folder / name, noise((40, 40)))
    source = FolderSource(folder, tiles=tiles)
    found = go(source, path)
    save(folder / "b.png", noise((40, 40), 1))
    os.utime(folder / "b.png", ns=(5, 5))
    model = Counting()
    again = go(source, path, model)
    assert model.seen == [str(folder / "b.png")]
    assert list(again) == list(found)
    last = list(found)[-1]
    assert again[last].thumbnail != found[last].thumbnail
    model = Counting()
    assert list(go(FolderSource(folder, tiles=tiles), path, model)) == list(found)
    assert model.seen == []


def test_what_a_person_said_of_a_replaced_file_is_kept_apart(tmp_path):
    folder, path = tmp_path / "wafer", tmp_path / "a.journal"
    save(folder / "a.png")
    go(FolderSource(folder), path)
    for number in (1, 2):
        with Journal.open(path) as journal:
            journal.correct("a.png", f"crack {number}")
        save(folder / "a.png", noise(seed=number))
        os.utime(folder / "a.png", ns=(number, number))
        found = go(FolderSource(folder), path)
    said = {key: one.corrected for key, one in found.items()}
    assert said == {"a.png (replaced)": "crack 1", "a.png (replaced 2)": "crack 2", "a.png": ""}
    assert all(one.item.key == key and one.maps for key, one in found.items())


def test_a_damaged_file_that_was_mended_is_looked_at(tmp_path):
    folder, path = tmp_path / "wafer", tmp_path / "a.journal"
    save(folder / "a.png")
    (folder / "b.png").write_bytes(b"")
    assert go(FolderSource(folder), path)["b.png"].error
    save(folder / "b.png")
    assert not go(FolderSource(folder), path)["b.png"].error


@pytest.mark.parametrize("kind", ["array", "stack", "labels"])
def test_a_name_that_is_no_text_is_found_again(tmp_path, kind):
    name, path = "bad\udcff", tmp_path / "a.journal"
    if kind == "array":
        source = ArraySource(noise(), name=name)
    elif kind == "stack":
        source = StackSource(noise((3, 20, 20)), name=name)
    else:
        source = LabelsSource(noise(), np.ones((40, 48), int), name=name)
    go(source, path)
    model = Counting()
    found = go(source, path, model)
    assert model.seen == []
    assert list(found) == [item.key for item in source.items()]
    assert {one.item.source for one in found.values()} == {name}


def test_what_is_no_array_is_taken_or_refused_in_one_sentence():
    source = LabelsSource(noise((20, 20)).tolist(), np.ones((20, 20), int).tolist())
    assert len(list(map(source.read, source.items()))) == 1
    for make in (
        lambda: ArraySource([[1, 2], [3]]),
        lambda: LabelsSource(noise((20, 20)), [[1, 2], [3]]),
        lambda: LabelsSource(noise((20, 20)), None),
    ):
        with pytest.raises(MicrographError, match=r"^[^.]+\.$"):
            make()


def test_axes_are_counted_from_the_end_too():
    pixels = noise((4, 30, 40))
    items = list(ArraySource(pixels, axes=(-2, -1)).items())
    assert items == list(ArraySource(pixels).items())
    assert len(items) == 4
    for axes in ((0, 0), (0, 3), (1,), (-4, 0)):
        with pytest.raises(MicrographError, match="two different axes"):
            ArraySource(pixels, axes=axes)
