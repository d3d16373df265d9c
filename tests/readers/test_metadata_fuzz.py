"""Whatever stands where a microscope writes its settings: sound settings or none, and no error."""

from __future__ import annotations

import ast
import contextlib
import json
import math
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.readers import tiff_described
from napari_micrograph_vlm.readers.metadata import Calibration, Instrument, to_nanometres
from napari_micrograph_vlm.readers.vendors import (
    cameras,
    fei,
    hitachi,
    jeol,
    side_files,
    tescan,
    zeiss,
)

FEW = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

UNITS = st.sampled_from(
    ["nm", "µm", "um", "mm", "m", "pm", "kV", "V", "eV", "", "furlong", "px", "°"]
)
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**30), 10**30),
    st.sampled_from([0, -1, -0.0, 1e-320, 1e308, True]),
)
WRITTEN = st.one_of(
    st.text(max_size=12),
    st.builds(lambda n, u: f"{n} {u}", NUMBERS, UNITS),
    st.builds(lambda n, u: f"{n}{u}", NUMBERS, UNITS),
    st.sampled_from(
        [
            *("1,5 nm", "1.2.3", "--", "NaN nm", "inf kV", "1e999 m", "500.00 K X", "²³", "٣ nm"),
            *("99:99:99", "31 Feb 2020", "2020-13-45", "0000-00-00", "12/31/1", "\0"),
        ]
    ),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), NUMBERS, WRITTEN, st.binary(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(WRITTEN, inner),
        st.tuples(WRITTEN, inner, UNITS),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=4,
)


def words_of(module):
    """All texts in a parser: the keys it looks for are among them."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return st.sampled_from(sorted(t for t in texts if isinstance(t, str) and len(t) < 40))


def mappings(module, values=ANYTHING):
    keys = st.one_of(words_of(module), st.text(max_size=5))
    flat = st.dictionaries(keys, values, max_size=12)
    return st.one_of(flat, st.dictionaries(keys, st.one_of(values, flat), max_size=12))


def lines(module):
    """Settings as text, in the ways that makers write them."""
    line = st.one_of(
        st.builds(lambda k, v: f"{k}={v}", words_of(module), WRITTEN),
        st.builds(lambda k, v: f"${k} {v}", words_of(module), WRITTEN),
        st.builds(lambda k: f"[{k}]", words_of(module)),
        WRITTEN,
    )
    return st.lists(line, max_size=12).map("\r\n".join)


def assert_sound(found):
    assert isinstance(found, Calibration)
    size = found.pixel_size_nm
    assert size is None or (len(size) == 2 and all(0 < n < math.inf for n in size))
    error = found.pixel_size_error
    assert error is None or 0 <= error < math.inf
    assert_sound_instrument(found.instrument)


def assert_sound_instrument(instrument):
    assert isinstance(instrument, Instrument)
    for name, value in instrument.to_dict().items():
        if name in ("maker", "detector", "date"):
            assert isinstance(value, str)
            assert value
        else:
            assert isinstance(value, float)
            assert math.isfinite(value)
    assert (instrument.voltage_kv or 0) >= 0
    assert (instrument.magnification or 0) >= 0
    json.dumps(instrument.to_dict(), allow_nan=False)


@FEW
@given(mappings(zeiss))
def test_zeiss(raw):
    assert_sound(zeiss.parse_zeiss(raw))


@FEW
@given(mappings(fei))
def test_fei(raw):
    assert_sound(fei.parse_fei(raw))


@FEW
@given(st.one_of(mappings(tescan), lines(tescan), st.binary(max_size=80)))
def test_tescan(raw):
    assert_sound(tescan.parse_tescan(raw))


@FEW
@given(st.one_of(mappings(jeol), lines(jeol)))
def test_jeol(raw):
    assert_sound(jeol.parse_jeol(raw))


@FEW
@given(st.one_of(mappings(hitachi), lines(hitachi)))
def test_hitachi(raw):
    assert_sound(hitachi.parse_hitachi(raw))


@FEW
@given(
    st.dictionaries(st.sampled_from(cameras.GATAN_TAGS), ANYTHING, max_size=4), mappings(cameras)
)
def test_cameras(tags, raw):
    assert_sound(cameras.parse_gatan(tags))
    assert_sound(cameras.parse_tvips(raw))
    assert_sound(cameras.parse_sis(raw))


@FEW
@given(data=st.one_of(lines(hitachi), lines(jeol), lines(tescan)), coded=st.sampled_from(
    ["utf-8", "utf-16", "latin-1"]))  # fmt: skip
def test_text_files_beside_a_picture(tmp_path, data, coded):
    beside = tmp_path / "a.txt"
    beside.write_bytes(data.encode(coded, "replace"))
    found = side_files.side_calibration(tmp_path / "a.tif")
    if found is not None:
        assert_sound(found)


ATTRIBUTE = WRITTEN.map(
    lambda text: "".join(c for c in text if c.isprintable() and c not in "<>&\"'")
)


@FEW
@given(st.dictionaries(words_of(tiff_described).filter(str.isidentifier), ATTRIBUTE, max_size=10))
def test_ome_attributes(attributes):
    inside = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    xml = (
        f"<OME><Instrument><Detector {inside}/></Instrument><Image><Pixels {inside}/></Image></OME>"
    )
    found = tiff_described.ome_description(xml)
    assert_sound(found.calibration)


@FEW
@given(st.one_of(st.text(max_size=60), lines(tiff_described)))
def test_ome_that_is_none(xml):
    # The reader takes any error for a header of another kind.
    with contextlib.suppress(ValueError, SyntaxError, LookupError):
        assert_sound(tiff_described.ome_description(xml).calibration)


@FEW
@given(st.sampled_from(["digitalmicrograph", "emd", "tia", "mrc", "hspy"]), st.data())
def test_what_rosetta_finds(plugin, data):
    module = import_module("napari_micrograph_vlm.readers.rosetta_metadata")
    own = mappings(module)
    signal = {"metadata": data.draw(own), "original_metadata": data.draw(own), "axes": []}
    if data.draw(st.booleans()):
        instrument = {"TEM": data.draw(own), "SEM": data.draw(own)}
        signal["metadata"]["Acquisition_instrument"] = instrument
    assert_sound_instrument(module.instrument_of(signal, plugin))


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, -math.inf, 1e-320])
@pytest.mark.parametrize("unit", ["nm", "m", "µm", "", "nonsense", "kV"])
def test_no_length_is_made_of_nonsense(value, unit):
    found = to_nanometres(value, unit)
    assert found is None or 0 < found < math.inf
    if value != 1e-320:
        assert found is None
