"""EMD files as other programs write them: which way round, in which units, in which chunks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.models import memory
from napari_micrograph_vlm.readers import read_micrograph
from napari_micrograph_vlm.readers.micrograph import Axis

pytest.importorskip("rsciio", reason="needs the extra readers")
h5py = pytest.importorskip("h5py", reason="needs the extra readers")

GREY = (np.arange(20 * 30) % 251).astype(np.uint8).reshape(20, 30)
STEPS = {"z": 5.0, "y": 0.5, "x": 0.25}


def write_ncem(path, data, names, unit="[n_m]", **packing):
    """Write an NCEM file of arrays with these names of axes, in their order."""
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=data, **packing)
        for number, (name, length) in enumerate(zip(names, data.shape, strict=True), start=1):
            steps = np.arange(length) * STEPS[name]
            axis = group.create_dataset(f"dim{number}", data=steps)
            axis.attrs["name"], axis.attrs["units"] = name, unit
    return path


@pytest.mark.parametrize("names", ["yx", "xy"])
def test_rows_are_rows_whichever_axis_comes_first(tmp_path, names):
    data = GREY if names == "yx" else GREY.T
    file = read_micrograph(write_ncem(tmp_path / "a.emd", data, names))
    np.testing.assert_array_equal(file.array, GREY)
    assert file.pixel_size == (0.5, 0.25)


@pytest.mark.parametrize("names", ["zyx", "xyz"])
def test_slices_are_slices_whichever_axis_comes_first(tmp_path, names):
    stack = np.stack([GREY, 255 - GREY, GREY // 2])
    data = stack if names == "zyx" else stack.T
    file = read_micrograph(write_ncem(tmp_path / "a.emd", data, names))
    np.testing.assert_array_equal(file.array, stack)
    assert (file.pixel_size, file.outer) == ((0.5, 0.25), (Axis("z", 3, 5.0, "nm"),))


@pytest.mark.parametrize("unit", ["px", "pixel", "point", "in", "rod", "ly", "dot"])
def test_units_that_no_microscope_measures_in_are_none(tmp_path, unit):
    file = read_micrograph(write_ncem(tmp_path / "a.emd", GREY, "yx", unit))
    assert (file.pixel_size, file.unit) == (None, "pixel")


@pytest.mark.parametrize("unit", ["[n_m]", "nm", "nanometer", "nanometres"])
def test_lengths_in_words(tmp_path, unit):
    file = read_micrograph(write_ncem(tmp_path / "a.emd", GREY, "yx", unit))
    assert file.pixel_size == (0.5, 0.25)


@pytest.mark.parametrize("most", [None, (None, None)])
def test_a_chunk_that_fits_into_no_memory_is_refused(tmp_path, monkeypatch, most):
    path = tmp_path / "a.emd"
    side = 8000
    data = GREY if most else np.broadcast_to(np.uint8(0), (side, side))
    write_ncem(path, data, "yx", chunks=(side, side), maxshape=most, compression="gzip")
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(memory, "free_memory", lambda _device: memory.Memory(10**8, 10**8))
    with pytest.raises(SourceError, match=r"64 MB of memory .* write it again in smaller chunks"):
        read_micrograph(path)
