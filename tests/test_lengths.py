import pytest

from napari_micrograph_vlm.lengths import in_metres, readable_length


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ((1120.0, 840.0), "nm", "1.12 × 0.84 µm"),
        ((38.4,), "nm", "38.4 nm"),
        ((0.543,), "nm", "543 pm"),
        ((999.7,), "nm", "1 µm"),
        ((0.002,), "mm", "2 µm"),
        ((2.5,), "µm", "2.5 µm"),
        ((12.0,), "furlong-ish", "12 furlong-ish"),
        ((4.0,), "pixel", "4 pixel"),
    ],
)
def test_reads_as_people_write(values, unit, text):
    assert readable_length(*values, unit=unit) == text


@pytest.mark.parametrize("unit", ["px", "pixel", "pixels", "point", "dot"])
def test_units_of_pictures_are_no_lengths(unit):
    assert in_metres(unit) is None
    assert readable_length(4.0, unit=unit) == f"4 {unit}"
