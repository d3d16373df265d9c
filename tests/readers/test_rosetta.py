"""Files of transmission microscopes: pixels, scale, axes and settings as they were written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_micrograph, read_pictures
from napari_micrograph_vlm.readers.metadata import Instrument
from napari_micrograph_vlm.readers.micrograph import Axis
from napari_micrograph_vlm.readers.rosetta_metadata import instrument_of
from readers.making_files import (
    DM_TAGS,
    axis,
    dm_image,
    write_dm,
    write_emi,
    write_mrc,
    write_ser,
    write_velox,
    write_with_rosetta,
)

pytest.importorskip("rsciio", reason="needs the extra readers")
rosetta = pytest.importorskip("napari_micrograph_vlm.readers.rosetta")

GREY = (np.arange(20 * 30) % 251).astype(np.uint8).reshape(20, 30)
STACK = np.stack([GREY, 255 - GREY, GREY // 2]).astype(np.uint16)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)
NM = [(0.5, "nm"), (0.5, "nm")]


@pytest.mark.parametrize("version", [3, 4])
def test_digital_micrograph(tmp_path, version):
    path = tmp_path / f"a.dm{version}"
    file = read_micrograph(write_dm(path, dm_image(GREY, NM, "a", **DM_TAGS), version=version))
    np.testing.assert_array_equal(file.array, GREY)
    assert (file.name, file.pages, file.outer) == ("a", 1, ())
    assert (file.pixel_size, file.unit, file.scale_from) == ((0.5, 0.5), "nm", "the file")
    assert file.instrument.to_dict() == {
        "maker": "Gatan",
        "voltage_kv": 200.0,
        "magnification": 38_000.0,
        "detector": "HAADF",
        "dwell_time_us": 4.0,
        "stage_tilt_deg": 12.5,
        "date": "2021-03-14T15:09:26",
    }
    info = file.instrument.raw["ImageList"]["TagGroup0"]["ImageTags"]["Microscope Info"]
    assert info["Voltage"] == 200_000.0


def test_stack_of_digital_micrograph(tmp_path):
    path = write_dm(tmp_path / "a.dm4", dm_image(STACK, [(2.0, "nm"), *NM]), version=4)
    file = read_micrograph(path)
    np.testing.assert_array_equal(file.array, STACK)
    assert file.outer == (Axis("z", 3, 2.0, "nm"),)
    assert (file.pages, file.planes, file.shape) == (3, 3, (20, 30))
    np.testing.assert_array_equal(file.plane(1).array, STACK[1])
    np.testing.assert_array_equal(read_micrograph(path, 2).array, STACK[2])


def test_colours_of_digital_micrograph(tmp_path):
    file = read_micrograph(write_dm(tmp_path / "a.dm3", dm_image(COLOUR, NM)))
    assert file.is_rgb
    np.testing.assert_array_equal(file.array, COLOUR)


def test_several_images_of_one_file(tmp_path):
    other = dm_image(STACK[2, :10], [(3.0, "1/nm")] * 2, "diffraction")
    path = write_dm(tmp_path / "a.dm3", dm_image(GREY, NM, "image"), other)
    first, second = read_pictures(path)
    assert (first.name, second.name) == ("a: image", "a: diffraction")
    assert (first.pixel_size, second.pixel_size) == ((0.5, 0.5), None)
    np.testing.assert_array_equal(second.array, STACK[2, :10])
    page = read_micrograph(path, 1)
    np.testing.assert_array_equal(page.array, STACK[2, :10])
    assert page.pages == 2


def test_complex_numbers_cannot_be_shown(tmp_path):
    path = write_dm(tmp_path / "a.dm3", dm_image(np.ones((8, 8), np.complex64), NM))
    with pytest.raises(SourceError, match="complex numbers, which cannot be shown"):
        read_micrograph(path)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_mrc(tmp_path, dtype):
    data = STACK.astype(dtype)
    file = read_micrograph(write_mrc(tmp_path / "a.mrc", data, pixel_nm=0.25))
    np.testing.assert_array_equal(file.array, data)
    assert file.pixel_size == (0.25, 0.25)
    assert file.outer == (Axis("z", 3),)  # a series: the third length means nothing


def test_mrc_volume_has_a_third_length(tmp_path):
    file = read_micrograph(write_mrc(tmp_path / "a.mrc", STACK, 0.25, 1.5, volume=True))
    assert file.outer == (Axis("z", 3, 1.5, "nm"),)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_pixel_size_is_none(tmp_path, size):
    file = read_micrograph(write_mrc(tmp_path / "a.mrc", GREY.astype(np.int16), size))
    assert (file.pixel_size, file.unit, file.scale_from) == (None, "pixel", "")
    file = read_micrograph(write_dm(tmp_path / "a.dm3", dm_image(GREY, [(size, "nm")] * 2)))
    assert file.pixel_size is None


@pytest.mark.parametrize("unit", ["", "kg", "9**9**9**9", "x" * 5000, "µm/px", "\0"])
def test_senseless_units_are_none(tmp_path, unit):
    file = read_micrograph(write_dm(tmp_path / "a.dm3", dm_image(GREY, [(1.0, unit)] * 2)))
    assert (file.pixel_size, file.unit) == (None, "pixel")


def test_tia_series_and_what_lies_beside_it(tmp_path):
    path = write_ser(tmp_path / "a_1.ser", STACK, pixel_m=2e-10)
    alone = read_micrograph(path)
    np.testing.assert_array_equal(alone.array, STACK)
    assert (alone.pixel_size, alone.outer) == ((0.2, 0.2), (Axis("frame", 3),))
    assert alone.instrument.voltage_kv is None
    header = write_emi(tmp_path / "a.emi")
    for file in (read_micrograph(path), read_micrograph(header)):
        np.testing.assert_array_equal(file.array, STACK)
        assert file.instrument.to_dict() == {
            "maker": "FEI",
            "voltage_kv": 300.0,
            "magnification": 56_000.0,
            "detector": "BM-Ceta",
            "stage_tilt_deg": -7.5,
            "date": "2021-03-09T14:40:00",
        }


def test_emi_without_its_series(tmp_path):
    with pytest.raises(SourceError, match=r"in its \.ser files, which are not beside it"):
        read_micrograph(write_emi(tmp_path / "a.emi"))


@pytest.mark.parametrize("spectra", [False, True])
def test_velox(tmp_path, spectra):
    path = tmp_path / "a.emd"
    write_velox(path, {"HAADF": STACK, "BF": STACK[1]}, 1e-10, spectra=spectra)
    haadf, bright = read_pictures(path)
    np.testing.assert_array_equal(haadf.array, STACK)
    np.testing.assert_array_equal(bright.array, STACK[1])
    assert (haadf.name, bright.name) == ("a: HAADF", "a: BF")
    assert haadf.outer == (Axis("time", 3, 0.5, "s"),)
    assert haadf.pixel_size == bright.pixel_size == (0.1, 0.1)
    assert haadf.instrument.to_dict() == {
        "maker": "FEI Company",
        "voltage_kv": 200.0,
        "magnification": 320_000.0,
        "detector": "HAADF",
        "dwell_time_us": 2.0,
        "stage_tilt_deg": 10.0,
        "date": "2020-09-13T12:26:40",
    }
    # Pages are counted through all detectors.
    assert haadf.pages == 4
    np.testing.assert_array_equal(read_micrograph(path, 3).array, STACK[1])
    with pytest.raises(SourceError, match="holds 4 pictures, none of number 4"):
        read_micrograph(path, 4)


STACK_AXES = [
    axis("z", 3, 5.0, "nm", True),
    axis("y", 20, 0.1, "µm", False),
    axis("x", 30, 0.1, "µm", False),
]


@pytest.mark.parametrize(("name", "plugin"), [("a.hspy", "hspy"), ("a.emd", "emd")])
def test_what_rosetta_writes_is_read_back(tmp_path, name, plugin):
    path = write_with_rosetta(tmp_path / name, plugin, STACK, STACK_AXES)
    file = read_micrograph(path)
    np.testing.assert_array_equal(file.array, STACK)
    assert file.pixel_size == (100.0, 100.0)
    assert file.outer == (Axis("z", 3, 5.0, "nm"),)
    # The file is closed, so that it can be written again.
    write_with_rosetta(path, plugin, STACK[:2], [{**STACK_AXES[0], "size": 2}, *STACK_AXES[1:]])
    assert read_micrograph(path).pages == 2


@pytest.mark.parametrize("damaged", [False, True])
def test_no_file_stays_open(tmp_path, damaged):
    h5py = pytest.importorskip("h5py", reason="needs the extra readers")
    paths = [
        write_with_rosetta(tmp_path / "a.hspy", "hspy", STACK, STACK_AXES),
        write_velox(tmp_path / "v.emd", {"HAADF": GREY, "BF": GREY}),
    ]
    for path in paths:
        if damaged:
            contents = path.read_bytes()
            path.write_bytes(
                contents.replace(b"Experiments", b"Nothing----").replace(b"width", b"waste")
            )
            with pytest.raises(SourceError):
                read_pictures(path)
        else:
            read_micrograph(path, 1)
            read_pictures(path)
        kinds = h5py.h5f.OBJ_FILE | h5py.h5f.OBJ_GROUP | h5py.h5f.OBJ_DATASET
        listed = h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, kinds)
        assert str(path).encode() not in map(h5py.h5f.get_name, listed)


def test_settings_of_a_scanning_microscope(tmp_path):
    microscope = {
        "beam_energy": 15.0,
        "working_distance": 5.1,
        "magnification": 20_000,
        "dwell_time": 1e-6,
        "Detector": {"detector_type": "SE2"},
        "Stage": {"tilt_alpha": 3.0},
    }
    path = write_with_rosetta(
        tmp_path / "a.hspy",
        "hspy",
        STACK,
        STACK_AXES,
        Acquisition_instrument={"SEM": microscope},
    )
    assert read_micrograph(path).instrument.to_dict() == {
        "voltage_kv": 15.0,
        "working_distance_mm": 5.1,
        "magnification": 20_000.0,
        "detector": "SE2",
        "dwell_time_us": 1.0,
        "stage_tilt_deg": 3.0,
    }


def test_diffraction_patterns_have_no_pixel_size(tmp_path):
    patterns = np.arange(2 * 3 * 16 * 16).astype(np.uint8).reshape(2, 3, 16, 16)
    axes = [
        axis("y", 2, 5.0, "nm", True),
        axis("x", 3, 5.0, "nm", True),
        axis("dy", 16, 1.0, "cm", False),
        axis("dx", 16, 1.0, "cm", False),
    ]
    path = write_with_rosetta(tmp_path / "a.blo", "blockfile", patterns, axes)
    file = read_micrograph(path)
    np.testing.assert_array_equal(file.array, patterns)
    assert file.pixel_size is None
    assert file.outer == (Axis("y", 2, 5.0, "nm"), Axis("x", 3, 5.0, "nm"))
    np.testing.assert_array_equal(read_micrograph(path, 4).array, patterns[1, 1])
    _array, keywords, _kind = file.to_layer()
    assert len(set(keywords["axis_labels"])) == 4


def test_spectra_are_no_pictures(tmp_path):
    axes = [axis("x", 20, 1.0, "nm", True), axis("Energy", 30, 1.0, "eV", False)]
    path = write_with_rosetta(tmp_path / "a.hspy", "hspy", GREY.astype(float), axes)
    with pytest.raises(SourceError, match="holds no picture, only other data such as spectra"):
        read_micrograph(path)


@pytest.mark.parametrize("name", ["a.mrc", "a.hspy", "a.emd", "v.emd", "a.dm4"])
def test_large_files_are_read_where_they_are_indexed_by_many_threads(tmp_path, monkeypatch, name):
    monkeypatch.setattr(rosetta, "LAZY_ABOVE", 1000)
    path = tmp_path / name
    if name == "v.emd":
        write_velox(path, {"HAADF": STACK})
    elif name.endswith("mrc"):
        write_mrc(path, STACK)
    elif name.endswith("dm4"):
        write_dm(path, dm_image(STACK, [(1.0, "nm"), *NM]), version=4)
    else:
        write_with_rosetta(path, "hspy" if name == "a.hspy" else "emd", STACK, STACK_AXES)
    array = read_micrograph(path).array
    assert not isinstance(array, np.ndarray)

    def part(i: int) -> np.ndarray:
        return np.asarray(array[i % 3, i : i + 5, 3:20])

    with ThreadPoolExecutor(8) as threads:
        for i, found in enumerate(threads.map(part, range(12))):
            np.testing.assert_array_equal(found, STACK[i % 3, i : i + 5, 3:20])


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write_dm(path / "a.dm3", dm_image(GREY, NM)),
        lambda path: write_mrc(path / "a.mrc", STACK),
        lambda path: write_ser(path / "a.ser", STACK),
        lambda path: write_velox(path / "a.emd", {"HAADF": STACK}),
    ],
)
def test_a_cut_off_file_is_one_sentence(tmp_path, make):
    path = make(tmp_path)
    whole = path.read_bytes()
    for share in (0.3, 0.8):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SourceError, match=r"^[^\n]+\.$"):
            np.asarray(read_micrograph(path).array)


def test_wrong_contents_under_a_vendor_name(tmp_path):
    (tmp_path / "a.dm3").write_bytes(b"\0\0\0\5 nothing of the kind")
    with pytest.raises(SourceError, match="is no DigitalMicrograph file"):
        read_micrograph(tmp_path / "a.dm3")


def test_nothing_is_logged_or_warned_of(tmp_path, caplog, recwarn):
    write_dm(tmp_path / "a.dm3", dm_image(GREY, NM, **{"DataBar": {"Acquisition Date": "never"}}))
    read_micrograph(tmp_path / "a.dm3")
    assert not [record for record in caplog.records if record.name.startswith("rsciio")]
    assert not recwarn.list


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PATHS = [
    "Acquisition_instrument.TEM.beam_energy",
    "Acquisition_instrument.SEM.magnification",
    "Acquisition_instrument.TEM.Stage.tilt_alpha",
    "General.date",
]


@settings(max_examples=40, deadline=None)
@given(value=json_like, path=st.sampled_from(PATHS), other=json_like)
def test_any_metadata_give_an_instrument(value, path, other):
    signal = {
        "metadata": other,
        "original_metadata": {"a": value, "Scan": other, "ImageList": value, "microscope": other},
        "mapping": {"a": (path, float), "b": (path, None), "a.c": "nonsense"},
    }
    instrument = instrument_of(signal, "digitalmicrograph")
    assert isinstance(instrument, Instrument)
    for number in (instrument.voltage_kv, instrument.magnification, instrument.stage_tilt_deg):
        assert number is None or np.isfinite(number)
