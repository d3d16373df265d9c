"""What is said of measured sizes: digits that the errors bear out, and what nobody looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_micrograph_vlm.measuring.measurement import Measurement
from napari_micrograph_vlm.measuring.objects import COLUMNS
from napari_micrograph_vlm.measuring.table_file import objects_of
from napari_micrograph_vlm.measuring.wording import DENIED, summary_of
from napari_micrograph_vlm.regions import Region


def found(*objects, method="by hand", **place):
    """A measurement of objects with (length, error, area, error)."""
    if "pixel_size" in place:
        place.setdefault("unit", "nm")
    region = Region(np.zeros((10, 10), np.float32), (0, 0, 10, 10), **place)
    rows = [
        dict.fromkeys(COLUMNS, 1.0)
        | {"label": n, "length": one[0], "length_error": one[1], "cut": False}
        | {"area": one[2], "area_error": one[3]}
        for n, one in enumerate(objects, start=1)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Measurement(region, np.zeros((10, 10), np.int32), table, method, "crack")


@pytest.mark.parametrize(
    ("sizes", "place", "said"),
    [
        ((11104.2, 19.08, 24600, 3500), {"pixel_size": (2, 2)}, "11.10 ± 0.02 µm long"),
        ((11104.2, 19.08, 24600, 3500), {"pixel_size": (2, 2)}, "area of 0.0246 ± 0.0035 µm²"),
        ((900, 99.6, 9944, 140), {"pixel_size": (2, 2)}, "900 ± 100 nm long"),
        ((900, 99.6, 9944, 140), {"pixel_size": (2, 2)}, "area of 9940 ± 140 nm²"),
        ((0.5, 0.02, 2e-8, 1e-9), {"pixel_size": (2, 2), "unit": "µm"}, "500 ± 20 nm long"),
        ((0.5, 0.02, 2e-8, 1e-9), {"pixel_size": (2, 2), "unit": "µm"}, "0.0200 ± 0.0010 nm²"),
        ((2448.4, 0.01, 1, 0.1), {"pixel_size": (2, 2)}, "2.448 ± 0.001 µm long"),
        ((11.3, 1.04, 1013, 141), {}, "11.3 ± 1.0 pixels long"),
        ((11.3, 1.04, 1013, 141), {}, "area of 1010 ± 140 pixels²"),
    ],
)
def test_a_value_has_the_digits_of_its_error(sizes, place, said):
    assert said in found(sizes, **place).summary()


def test_what_the_errors_hold_is_said_once():
    sizes = (900, 99.6, 9944, 140)
    frames = [found(sizes, sizes, label=f"frame {n}", pixel_size=(2, 2)) for n in (2, 7)]
    first, second, note = summary_of([frames[0], frames[1]]).split("\n")
    assert first.startswith("frame 2: 2 cracks cover ")
    assert second.startswith("frame 7: 2 cracks cover ")
    assert note == (
        "± is that of the outline, not what was taken for a crack; ± of the pixel size is not "
        "known."
    )
    known = replace(frames[0], region=replace(frames[0].region, scale_error=0.03)).summary()
    assert known.endswith(
        "± is that of the outline and of the pixel size (3 %), not what was taken for a crack."
    )
    assert found(sizes).summary().endswith("; the pixel size is not known.")


def test_a_coarser_grid_than_that_of_the_image_is_said():
    fine = found((900, 99.6, 9944, 140))
    coarse = replace(fine, region=replace(fine.region, box=(0, 0, 24, 24)))
    assert "2.4 times coarser than the image" in coarse.summary()
    assert summary_of([coarse, coarse]).count("coarser") == 1
    assert "coarser" not in fine.summary()


def test_that_nothing_was_looked_for_is_said():
    said = "The answer says that there is none; nothing was measured."
    assert found(method=DENIED).summary() == said
    assert summary_of([found(method=DENIED)] * 3) == said
    assert summary_of([found(), found()]).split("\n") == [
        "Region 1: No crack was found in the region.",
        "Region 2: No crack was found in the region.",
    ]


def test_heads_of_a_saved_table_say_units_and_where_the_scale_is_from():
    sizes = (900, 99.6, 9944, 140)
    table = objects_of(
        [
            found(sizes, pixel_size=(2, 2)),
            found(sizes, pixel_size=(2, 2), scale_from="the scale bar", scale_error=0.03),
        ]
    )
    assert {"y (pixel)", "x (pixel)", "orientation (° from the horizontal)"} <= set(table.columns)
    assert table["scale from"].tolist() == ["the image's scale", "the scale bar"]
    assert table["scale error (%)"].tolist()[1] == pytest.approx(3)
    assert objects_of([found(sizes)])["scale from"].tolist() == ["not known"]


def test_part_of_a_pattern_is_doubted_and_a_crack_is_not():
    crack = found((10, 1, 20, 2))
    assert "pattern" not in crack.summary()
    assert "A bridge may be as bright as the pattern" in replace(crack, what="bridge").summary()
    assert "pattern" not in replace(found(), what="bridge").summary()
