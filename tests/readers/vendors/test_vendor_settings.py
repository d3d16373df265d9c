"""What makers write, parsed: under common names, in common units, and nothing malformed."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest

from napari_micrograph_vlm.readers.vendors import fields
from napari_micrograph_vlm.readers.vendors.cameras import parse_gatan, parse_sis, parse_tvips
from napari_micrograph_vlm.readers.vendors.fei import parse_fei
from napari_micrograph_vlm.readers.vendors.hitachi import parse_hitachi
from napari_micrograph_vlm.readers.vendors.jeol import parse_jeol
from napari_micrograph_vlm.readers.vendors.tescan import parse_tescan

FEI = {
    "User": {"Date": "03/12/2019", "Time": "10:22:13 AM", "User": "supervisor"},
    "System": {"Type": "DualBeam", "SystemType": "Helios G4 UX", "DisplayWidth": 0.4},
    "Beam": {"HV": 5000, "Beam": "EBeam", "Scan": "EScan"},
    "EBeam": {"HV": 5000, "WD": 0.00412, "StageTa": 0.9075712},
    "Scan": {
        "Dwelltime": 3e-06,
        "PixelWidth": 2.0345e-09,
        "PixelHeight": 2.0345e-09,
        "HorFieldsize": 3.125e-06,
    },
    "Stage": {"StageT": 0.9075712, "WorkingDistance": 0.00412},
    "Detectors": {"Number": 1, "Name": "TLD", "Mode": "SE"},
}

TESCAN = """[MAIN]
Date=2021-03-09
Time=14:05:59
Device=MIRA3 LMH
Magnification=25000
PixelSizeX=8.1380e-9
PixelSizeY=8.1380e-9
[SEM]
Detector=SE
DwellTime=3.2e-6
HV=15000
StageTilt=-2.5
WD=0.00997
"""

JEOL = """$CM_FORMAT JEOL/SEM
$CM_INSTRUMENT JSM-7800F
$CM_SIGNAL LED
$CM_MAG 30000
$CM_ACCEL_VOLT 7.0
$CM_DATE 3/17/2022
$CM_TIME 1:02:09 PM
$CM_FULL_SIZE 1280 960
$CM_STAGE_POSITION X=37.17, Y=44.93, R=354.99, Z=16.90, T=-5.50
$$SM_WD 9.7
$$SM_MICRON_BAR 200
$$SM_MICRON_MARKER 1µm
"""

HITACHI = """[SemImageFile]
InstructName=SU8000
ImageName=a.tif
Date=01/18/2017
Time=16:01:37
DataSize=1280x960
PixelSize=9.922
SignalName=SE(U)
AcceleratingVoltage=5000 Volt
Magnification=10000
WorkingDistance=8100 um
"""


def blocks(*parts):
    """Return what TESCAN writes into its tag."""
    return b"".join(struct.pack("<IH", len(body) + 2, kind) + body for kind, body in parts)


def test_thermo_fisher():
    found = parse_fei(FEI)
    assert found.instrument.to_dict() == {
        "maker": "Thermo Fisher (FEI)",
        "voltage_kv": 5.0,
        "working_distance_mm": 4.12,
        "magnification": 128_000.0,
        "detector": "TLD",
        "dwell_time_us": 3.0,
        "stage_tilt_deg": pytest.approx(52.0, abs=1e-4),
        "date": "2019-03-12T10:22:13",
    }
    assert found.pixel_size_nm == (2.0345, 2.0345)


def test_thermo_fisher_ion_beam():
    raw = {
        "Beam": {"HV": 2000, "Beam": "IBeam", "Scan": "IScan"},
        "EBeam": {"HV": 5000, "WD": 0.004},
        "IBeam": {"HV": 30000, "WD": 0.0165},
        "IScan": {"PixelWidth": 1e-08, "PixelHeight": 2e-08},
    }
    found = parse_fei(raw)
    assert (found.instrument.voltage_kv, found.instrument.working_distance_mm) == (30.0, 16.5)
    assert found.pixel_size_nm == (20.0, 10.0)


def test_thermo_fisher_chamber_camera():
    raw = {
        "IRBeam": {"HFW": 0.2, "VFW": 0.15},
        "Image": {"ResolutionX": 1000, "ResolutionY": 500},
    }
    assert parse_fei(raw).pixel_size_nm == (3e5, 2e5)


TESCAN_FOUND = {
    "maker": "TESCAN",
    "voltage_kv": 15.0,
    "working_distance_mm": 9.97,
    "magnification": 25_000.0,
    "detector": "SE",
    "dwell_time_us": 3.2,
    "stage_tilt_deg": -2.5,
    "date": "2021-03-09T14:05:59",
}


@pytest.mark.parametrize(
    "raw",
    [
        TESCAN,
        TESCAN.replace("\n", "\r\n"),
        blocks(
            (1, b"\xff\xd8\xff a thumbnail"),
            (2, TESCAN[7:].split("[SEM]")[0].encode()),
            (3, TESCAN.split("[SEM]")[1].encode()),
            (0, b""),
        ),
        b"\x01\x02\xff\xff" + TESCAN.encode(),
        b"\x07" + b"AccFrames=1\n" + TESCAN.replace("[MAIN]", "").replace("[SEM]", "").encode(),
    ],
)
def test_tescan(raw):
    found = parse_tescan(raw)
    assert found.instrument.to_dict() == TESCAN_FOUND
    assert found.pixel_size_nm == (8.138, 8.138)


def test_tescan_ion_beam():
    found = parse_tescan(TESCAN.replace("[SEM]", "[FIB]"))
    assert found.instrument.to_dict() == TESCAN_FOUND


def test_jeol():
    found = parse_jeol(JEOL)
    assert found.instrument.to_dict() == {
        "maker": "JEOL",
        "voltage_kv": 7.0,
        "working_distance_mm": 9.7,
        "magnification": 30_000.0,
        "detector": "LED",
        "stage_tilt_deg": -5.5,
        "date": "2022-03-17T13:02:09",
    }
    assert found.pixel_size_nm == (5.0, 5.0)
    # A bar of 200 pixels ends somewhere within half a pixel.
    assert found.pixel_size_error == pytest.approx(0.0014, abs=1e-4)


@pytest.mark.parametrize(
    ("line", "size", "known"),
    [
        ("$CM_PIXEL_SIZE 0.00502", 5.02, True),
        ("$CM_PIXEL_SIZE 5.02 nm", 5.02, True),
        ("$CM_PIXEL_SIZE 0.02", 5.0, False),  # contradicts the bar, which anyone can see
        ("$$EM_PIXELSPERMETER_X 1e9", 1.0, True),
    ],
)
def test_jeol_pixel_size(line, size, known):
    found = parse_jeol(JEOL + line)
    assert found.pixel_size_nm == pytest.approx((size, size))
    assert (found.pixel_size_error is None) == known


def test_hitachi():
    found = parse_hitachi(HITACHI)
    assert found.instrument.to_dict() == {
        "maker": "Hitachi",
        "voltage_kv": 5.0,
        "working_distance_mm": 8.1,
        "magnification": 10_000.0,
        "detector": "SE(U)",
        "date": "2017-01-18T16:01:37",
    }
    assert found.pixel_size_nm == (9.922, 9.922)


@pytest.mark.parametrize(
    ("units", "size"),
    [(("nm", "nm"), (0.5, 0.25)), (("µm", "nm"), (0.5, 250.0)), (("1/nm", "1/nm"), None)],
)
def test_gatan(units, size):
    raw = {65003: units[0], 65004: units[1], 65009: 0.25, 65010: 0.5}
    assert parse_gatan(raw).pixel_size_nm == size


@pytest.mark.parametrize("factor", [1.0, 1e-9])
def test_tvips(factor):
    raw = {
        "PixelSizeX": 0.43 * factor,
        "PixelSizeY": 0.43 * factor,
        "TemHighTension": 200000.0,
        "TemMagnification": 50000.0,
        "TemStagePosition": [0.0, 0.0, 0.0, 12.5, 0.0],
        "CameraType": "TemCam-F416\0\0",
    }
    found = parse_tvips(raw)
    assert found.pixel_size_nm == pytest.approx((0.43, 0.43))
    assert found.instrument.to_dict() == {
        "maker": "TVIPS",
        "voltage_kv": 200.0,
        "magnification": 50_000.0,
        "detector": "TemCam-F416",
        "stage_tilt_deg": 12.5,
    }
    diffraction = parse_tvips({**raw, "TemMode": 3})
    assert diffraction.pixel_size_nm is None
    assert diffraction.instrument.magnification is None


def test_olympus_sis():
    found = parse_sis(
        {
            "pixelsizex": 1.2e-9,
            "pixelsizey": 1.2e-9,
            "magnification": 30000.0,
            "cameraname": "Veleta",
            "datetime": datetime(2020, 5, 6, 7, 8),
        }
    )
    assert found.pixel_size_nm == (1.2, 1.2)
    assert found.instrument.date == "2020-05-06T07:08:00"
    assert found.instrument.detector == "Veleta"


@pytest.mark.parametrize(
    ("day", "time", "date"),
    [
        ("2019-03-12", "10:22:13", "2019-03-12T10:22:13"),
        ("2019/3/2", None, "2019-03-02"),
        ("12.03.2019", "x", "2019-03-12"),
        ("03/12/2019", "12:00:01 AM", "2019-03-12T00:00:01"),
        ("03/12/2019", "10:22:13", None),  # March or December?
        ("13/02/2019", "10:22:13", "2019-02-13T10:22:13"),
        ("2/2/2019", None, "2019-02-02"),
        ("11 July 2016", "25:00:00", "2016-07-11"),
        ("30.02.2019", None, None),
        (None, "10:22:13", None),
        (7, 8, None),
    ],
)
def test_dates(day, time, date):
    assert fields.iso_date(day, time) == date


@pytest.mark.parametrize("bad", ["nan", "inf", "-1", "0", "1e400", "twelve", "", "5 kA", "1e300"])
def test_nonsense_is_left_out(bad):
    lines = [f"{key}={bad}" for key in ("PixelSizeX", "PixelSizeY", "Magnification")]
    found = parse_tescan("[MAIN]\n" + "\n".join(lines) + f"\n[SEM]\nHV={bad}\nWD={bad}")
    assert found.pixel_size_nm is None
    assert {"voltage_kv", "working_distance_mm"}.isdisjoint(found.instrument.to_dict())
    raw = {"Scan": {"PixelWidth": bad}, "EBeam": {"WD": bad}, "Stage": {"StageT": bad * 2}}
    assert parse_fei(raw).pixel_size_nm is None
    assert parse_fei(raw).instrument.working_distance_mm is None
    assert parse_jeol(f"$$SM_MICRON_BAR {bad}\n$$SM_MICRON_MARKER 1um").pixel_size_nm is None
    assert parse_hitachi(f"[SemImageFile]\nPixelSize={bad}").pixel_size_nm is None
