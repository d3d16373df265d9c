"""Zeiss settings: under the maker's names, and what is made of them."""

from __future__ import annotations

import pytest

from napari_micrograph_vlm.readers.vendors.zeiss import parse_zeiss


def test_reads_settings_under_common_names():
    found = parse_zeiss(
        {
            "": (0, 0, 0, 5.4e-10),
            "ap_actualkv": ("EHT", 20.0, "kV"),
            "ap_wd": ("WD", 6.2, "mm"),
            "ap_mag": ("Mag", "500.00 K X"),
            "dp_detector_channel": ("Signal A", "InLens"),
            "ap_date": ("Date", "11 Jul 2016"),
            "ap_time": ("Time", "15:54:11"),
            "ap_image_pixel_size": ("Image Pixel Size", 543.0, "pm"),
        }
    )
    assert found.instrument.to_dict() == {
        "maker": "Zeiss",
        "voltage_kv": 20.0,
        "working_distance_mm": 6.2,
        "magnification": 500_000.0,
        "detector": "InLens",
        "date": "2016-07-11T15:54:11",
    }
    assert found.pixel_size_nm == (0.543, 0.543)


@pytest.mark.parametrize(
    ("entry", "volts"),
    [(("EHT", 500, "V"), 0.5), (("EHT", 1.5, "kV"), 1.5), (("EHT", 3.0, "Pa"), None)],
)
def test_voltage_in_any_unit(entry, volts):
    assert parse_zeiss({"ap_actualkv": entry}).instrument.voltage_kv == volts


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("500.00 K X", 500e3),
        ("1.20 M X", 1.2e6),
        ("85 X", 85.0),
        (250, 250.0),
        ("?", None),
        (".", None),
    ],
)
def test_magnification(text, times):
    assert parse_zeiss({"ap_mag": ("Mag", text)}).instrument.magnification == times


@pytest.mark.parametrize(
    ("entry", "nanometres"),
    [((1.2, "µm"), 1200.0), ((2.0, "nm"), 2.0), ((0.0, "fm"), None), ((3.0, "kV"), None)],
)
def test_pixel_size_in_any_unit(entry, nanometres):
    size = parse_zeiss({"ap_pixel_size": ("Pixel Size", *entry)}).pixel_size_nm
    assert size == (None if nanometres is None else (nanometres, nanometres))


def test_old_files_have_only_the_unnamed_pixel_size():
    size = parse_zeiss({"": (0, 0, 0, 5e-9)}).pixel_size_nm
    assert size == pytest.approx((5.0, 5.0))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"": ()},
        {"ap_wd": None, "ap_mag": ("Mag",), "ap_date": ("Date", 3), "ap_time": ()},
        {"ap_actualkv": ("EHT", "twenty", "kV"), "ap_date": ("Date", "11 Xyz 2016")},
    ],
)
def test_missing_or_malformed_entries_are_left_out(raw):
    found = parse_zeiss(raw)
    assert found.instrument.to_dict() == {"maker": "Zeiss"}
    assert found.pixel_size_nm is None
