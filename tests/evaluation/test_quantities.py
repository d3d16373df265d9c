"""Numbers with units, read from answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.evaluation.quantities import UNITS, read_quantity

PAIRS = [(name, other) for names in UNITS.values() for name in names for other in names]


@settings(max_examples=60, deadline=None)
@given(
    value=st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-3),
    pair=st.sampled_from(PAIRS),
    form=st.sampled_from(["{:.6g} {}", "about {:.6g} {}", "It is {:.6g}{}.", "({:.6e} {})"]),
)
def test_what_was_written_is_read_in_any_unit(value, pair, form):
    written, wanted = pair
    kind = next(names for names in UNITS.values() if written in names)
    read = read_quantity(form.format(value, written), wanted)
    expected = float(f"{value:.6g}") * kind[written] / kind[wanted]
    assert read == pytest.approx(expected, rel=1e-5, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["MPa", "%", "°", "µm"]))
def test_any_text_is_read_without_an_error(text, unit):
    read = read_quantity(text, unit)
    assert read is None or isinstance(read, float)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("1,234.5 kPa", "MPa", 1.2345),
        ("12,5 MPa", "MPa", 12.5),
        ("−12°", "°", -12),
        ("a 12-degree angle", "°", 12),
        ("between 10 and 20 MPa", "MPa", 15),
        ("between 10 MPa and 20 MPa", "MPa", 15),
        ("10 MPa to 20 MPa", "MPa", 15),
        ("10 MPa and 20 MPa", "MPa", 10),
        ("-10 to 20°", "°", 5),
        ("from -10° to -5°", "°", -7.5),
        ("minus 5°", "°", -5),
        ("1 234 MPa", "MPa", 1234),
        ("1\u202f234.5 MPa", "MPa", 1234.5),
        ("35 kJ/m3", "kJ/m³", 35),
        ("10–12 MPa", "MPa", 11),
        ("12 ± 2 MPa", "MPa", 12),
        ("1.2 × 10³ kJ/m³", "kJ/m³", 1200),
        ("1.2 x 10^-3 MJ/m^3", "kJ/m³", 1.2),
        ("At 1.62 % strain.", "%", 1.62),
        ("about 37 % of the picture (about 44 µm)", "µm", 44),
        ("about 37 % of the picture (about 44 µm)", "%", 37),
        ("3 microns", "nm", 3000),
    ],
)
def test_the_ways_people_write_numbers(text, unit, expected):
    assert read_quantity(text, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("35", "MPa"),
        ("35 kJ/m³", "MPa"),
        ("5 mm²", "µm"),
        ("5 mm2", "µm"),
        ("2 m/s", "m"),
        ("none", "%"),
        ("35 MPas", "MPa"),
    ],
)
def test_a_number_without_its_unit_says_nothing(text, unit):
    assert read_quantity(text, unit) is None


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="furlong"):
        read_quantity("3 furlong", "furlong")
