"""A folder of slices is one lazy stack in the order of its numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import folder as folder_module
from napari_micrograph_vlm.readers import read_folder
from napari_micrograph_vlm.readers.micrograph import Axis
from napari_micrograph_vlm.readers.peek import picture_shape
from readers.making_files import write_mrc

SLICES = (np.arange(12 * 20 * 30) % 251).astype(np.uint8).reshape(12, 20, 30)


@pytest.fixture
def slices(tmp_path):
    where = tmp_path / "alloy"
    where.mkdir()
    for number, data in enumerate(SLICES, start=1):
        tifffile.imwrite(where / f"slice {number}.tif", data)
    (where / "notes.txt").write_text("slices of 10 nm")
    (where / ".hidden.tif").write_bytes(b"")
    (where / "more").mkdir()
    return where


def test_slices_are_in_the_order_of_their_numbers(slices):
    file = read_folder(slices)
    assert (file.name, file.pages, file.shape) == ("alloy", 12, (20, 30))
    assert file.outer == (Axis("slice", 12),)
    np.testing.assert_array_equal(np.asarray(file.array), SLICES)


@pytest.mark.parametrize(
    "index", [3, -1, (slice(1, 9, 3), slice(2, 5), 7), ([4, 2], ...), (5, slice(None), slice(9))]
)
def test_only_the_files_that_are_indexed_are_read(slices, monkeypatch, index):
    array, read = read_folder(slices).array, []
    real = folder_module.read_micrograph

    def counted(path, page=None):
        read.append(path)
        return real(path, page)

    monkeypatch.setattr(folder_module, "read_micrograph", counted)
    expected = SLICES[index]
    np.testing.assert_array_equal(array[index], expected)
    wanted = np.arange(12)[index[0] if isinstance(index, tuple) else index]
    assert len(read) == np.size(wanted)


def test_pixel_size_of_the_first_slice(tmp_path):
    for number in range(2):
        tifffile.imwrite(
            tmp_path / f"{number}.tif",
            SLICES[number],
            imagej=True,
            resolution=(0.5, 0.5),
            metadata={"unit": "nm"},
        )
    _array, keywords, _kind = read_folder(tmp_path).to_layer()
    assert keywords["scale"] == (1.0, 2.0, 2.0)
    assert keywords["units"] == ("pixel", "nm", "nm")
    assert keywords["axis_labels"] == ("slice", "y", "x")


def test_one_coloured_slice_makes_a_coloured_stack(tmp_path):
    colour = np.stack([SLICES[0], SLICES[1], SLICES[2]], axis=-1)
    Image.fromarray(SLICES[0]).save(tmp_path / "1.png")
    Image.fromarray(colour).save(tmp_path / "2.png")
    file = read_folder(tmp_path)
    assert file.is_rgb
    np.testing.assert_array_equal(file.array[0], np.stack([SLICES[0]] * 3, axis=-1))
    np.testing.assert_array_equal(file.array[1, 2:5, :, 1], colour[2:5, :, 1])


def test_different_sizes_are_refused(slices):
    tifffile.imwrite(slices / "slice 5.tif", SLICES[0, :10])
    with pytest.raises(SourceError, match=r"slice 5.tif is 10 x 30 pixels and slice 1.tif 20 x 30"):
        read_folder(slices)


def test_stacks_are_no_slices(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", SLICES)
    with pytest.raises(SourceError, match="holds 12 pictures; a folder of slices has one"):
        read_folder(tmp_path)


def test_what_is_wrong_with_a_slice_is_said(slices):
    (slices / "slice 7.tif").write_bytes(b"II*\0 nothing")
    with pytest.raises(SourceError, match=r"slice 7\.tif is damaged"):
        read_folder(slices)


def test_no_slices(tmp_path):
    with pytest.raises(SourceError, match="holds no pictures"):
        read_folder(tmp_path)
    with pytest.raises(SourceError, match="There is no"):
        read_folder(tmp_path / "gone")
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(SourceError, match="is a file; choose the folder"):
        read_folder(tmp_path / "a.txt")


def test_a_slice_that_changes_is_said(slices):
    array = read_folder(slices).array
    tifffile.imwrite(slices / "slice 1.tif", SLICES[0, :10])
    with pytest.raises(SourceError, match="has changed since the folder was opened"):
        array[0]


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_slices_of_several_types_of_pixels_are_refused(slices, kind):
    tifffile.imwrite(slices / "slice 5.tif", SLICES[0].astype(kind))
    with pytest.raises(SourceError, match=r"slice 5.tif are (uint16|float32) and those of"):
        read_folder(slices)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_of_one_type_in_several_formats_are_slices(tmp_path, dtype):
    data = SLICES[:2].astype(dtype)
    Image.fromarray(data[0]).save(tmp_path / "1.png")
    tifffile.imwrite(tmp_path / "2.tif", data[1], byteorder=">")
    np.testing.assert_array_equal(read_folder(tmp_path).array[...], data)


def test_a_stack_behind_the_first_slice_is_refused(slices):
    tifffile.imwrite(slices / "slice 5.tif", SLICES[:3], photometric="minisblack")
    with pytest.raises(SourceError, match=r"slice 5.tif holds 3 pictures; a folder of slices"):
        read_folder(slices)


def test_pixels_of_slices_are_not_read_to_know_what_they_are(tmp_path, monkeypatch):
    rosetta = pytest.importorskip("napari_micrograph_vlm.readers.rosetta")
    for number in range(5):
        write_mrc(tmp_path / f"{number}.mrc", SLICES[number].astype(np.uint16))
    loaded, real = [], rosetta._loaded
    monkeypatch.setattr(rosetta, "_loaded", lambda p, a: loaded.append(p.name) or real(p, a))
    file = read_folder(tmp_path)
    assert file.array.shape == (5, 20, 30)
    assert "1.mrc" not in loaded  # the first gives pixel size, two more tell whether of colour


def test_what_pillow_would_hand_to_another_program_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    assert picture_shape(tmp_path / "a.png") is None
