"""Words of information bars become quantities, whoever wrote and misread them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.readers.bar.text import Word, lengths_in, settings_in


def read(*texts):
    return settings_in(
        [Word(text, (0, 200 * i, 10, 200 * i + 100)) for i, text in enumerate(texts)]
    )


@pytest.mark.parametrize(
    ("text", "nm"),
    [
        ("20 nm", 20),
        ("2O urn", 20_000),
        ("5OO nm", 500),
        ("l µm", 1000),
        ("Sum", 5000),
        ("0,5 μm", 500),
        ("1,000 nm", 1000),
        ("500pm", 500_000),
        ("1 mm", 1e6),
        ("50.Dum", 50_000),
        ("10 microns", 10_000),
    ],
)
def test_lengths_are_read_in_spite_of_misread_letters(text, nm):
    assert [length.nm for length in lengths_in(text)] == [pytest.approx(nm)]


@pytest.mark.parametrize("text", ["5 1/nm", "10 nm-1", "10 nm^-1", "3.1 ± 1.2 nm", "11 Jul 2016"])
def test_what_is_no_length_is_not_taken_for_one(text):
    assert lengths_in(text) == []


@pytest.mark.parametrize(
    ("text", "voltage", "distance", "times"),
    [
        ("EHT = 20.00 kV", 20, None, None),
        ("500 V", 0.5, None, None),
        ("WD = 6.2 mmPhoto No. = 8399", None, 6.2, None),
        ("WD10mm", None, 10, None),
        ("Mag = 500.00 K X", None, None, 500_000),
        ("700 000 x", None, None, 700_000),
        ("P:50.000x", None, None, 50_000),
        ("X25,000", None, None, 25_000),
        ("SEM MAG: 1.00 kx", None, None, 1000),
        ("SU8010 5.0kV 9.2mm x600 LM(L)", 5, 9.2, 600),
        ("SU80105.0kV9.2mmx600LM(L)7/10/2018", 5, 9.2, 600),
        ("S-48003.0kV14.9mm×20.0k6/23/2017", 3, 14.9, 20_000),
    ],
)
def test_settings_of_many_makers_are_read(text, voltage, distance, times):
    found = read(text)
    assert (found.voltage_kv, found.working_distance_mm) == (voltage, distance)
    assert found.magnification == times


def test_the_width_of_the_field_is_not_the_scale_bar():
    found = read("Width = 556.0 nm", "20 nm")
    assert found.field_width_nm == 556
    assert [nm for nm, _ in found.scales] == [20]


def test_a_table_is_read_by_its_headings():
    words = [
        Word("WD", (0, 0, 10, 30)),
        Word("HFW", (0, 100, 10, 140)),
        Word("5.1 mm", (15, 0, 25, 60)),
        Word("592 nm", (15, 100, 25, 160)),
    ]
    found = settings_in(words)
    assert (found.working_distance_mm, found.field_width_nm) == (5.1, 592)
    assert found.scales == ()


def test_an_unsure_word_is_no_scale():
    assert settings_in([Word("2 µm", (0, 0, 10, 40), 0.4)]).scales == ()


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_text_is_too_strange(text):
    found = read(text)
    for value in (found.voltage_kv, found.working_distance_mm, found.magnification):
        assert value is None or 0 < value < float("inf")
