"""What napari is given: scale, units that read well, names of axes, levels and settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers.metadata import Instrument
from napari_micrograph_vlm.readers.micrograph import Axis, MicrographFile
from napari_micrograph_vlm.readers.planes import Plane, locate, plane_of


class Counted:
    """An array of nothing that counts what is read of it."""

    dtype = np.dtype(np.uint8)

    def __init__(self, *shape):
        self.shape, self.ndim, self.read = shape, len(shape), []

    def __getitem__(self, index):
        self.read.append(index)
        return np.zeros(self.shape, np.uint8)[index]


def micrograph(array, **options):
    return MicrographFile(array, "a", Path("a.dm3"), **options)


@pytest.mark.parametrize(
    ("size", "unit", "scale"),
    [((0.5, 0.5), "nm", (0.5, 0.5)), ((50.0, 40.0), "µm", (0.05, 0.04)), ((9e6, 9e6), "µm", None)],
)
def test_units_that_read_well(size, unit, scale):
    array = np.zeros((300, 400), np.uint8)
    _array, keywords, kind = micrograph(array, pixel_size=size, unit="nm").to_layer()
    assert kind == "image"
    assert keywords["units"] == (unit, unit)
    assert keywords["scale"] == pytest.approx(scale or (9e3, 9e3))
    assert keywords["axis_labels"] == ("y", "x")


def test_axes_before_rows_and_columns():
    outer = (Axis("time", 2, 0.5, "s"), Axis("z", 3, 20.0, "nm"), Axis("", 4), Axis("y", 1))
    file = micrograph(
        np.zeros((2, 3, 4, 1, 300, 400)), pixel_size=(50.0, 50.0), unit="nm", outer=outer
    )
    keywords = file.to_layer()[1]
    assert keywords["units"] == ("pixel", "µm", "pixel", "pixel", "µm", "µm")
    assert keywords["scale"] == pytest.approx((1.0, 0.02, 1.0, 1.0, 0.05, 0.05))
    assert keywords["axis_labels"] == ("time", "z", "axis 3", "y 4", "y", "x")
    steps = keywords["metadata"]["steps"]
    assert [steps[name] for name in ("time", "z")] == [(0.5, "s"), (20.0, "nm")]
    assert len(steps) == 2


def test_a_viewer_can_bring_series_and_single_pictures_to_one_unit():
    series = [Axis("time", 2, 0.5, "s"), Axis("time", 2, 4.0, "min"), Axis("tilt", 2, 1.0, "deg")]
    layers = [
        Image(array, **keywords)
        for outer in (*((one,) for one in [*series, Axis("frame", 2)]), ())
        for size in (1.0, 1000.0)
        for array, keywords, _kind in [
            micrograph(
                np.zeros((2,) * len(outer) + (40, 40)),
                pixel_size=(size, size),
                unit="nm",
                outer=outer,
            ).to_layer()
        ]
    ]
    together = LayerList(layers)
    assert [f"{unit:~}" for unit in together.units] == ["pixel", "nm", "nm"]


def test_a_known_step_between_unknown_pixels():
    file = micrograph(np.zeros((3, 8, 8)), outer=(Axis("z", 3, 10.0, "nm"),))
    keywords = file.to_layer()[1]
    assert not {"scale", "units"} & set(keywords)
    assert keywords["metadata"]["steps"] == {"z": (10.0, "nm")}


def test_nothing_known_gives_no_scale():
    keywords = micrograph(np.zeros((8, 8)), contrast_limits=(5.0, 5.0)).to_layer()[1]
    assert not {"scale", "units", "contrast_limits"} & set(keywords)


def test_settings_source_of_the_scale_and_contrast_travel_with_the_layer():
    file = micrograph(
        np.zeros((8, 8)),
        pixel_size=(1.0, 1.0),
        unit="nm",
        instrument=Instrument("Zeiss", 5.0, raw={"AP_MAG": "x"}),
        contrast_limits=(2.0, 9.0),
        scale_from="the file",
        scale_error=0.01,
    )
    keywords = file.to_layer()[1]
    metadata = keywords["metadata"]
    assert keywords["contrast_limits"] == (2.0, 9.0)
    assert metadata["instrument"] == {"maker": "Zeiss", "voltage_kv": 5.0}
    assert metadata["raw"] == {"AP_MAG": "x"}
    assert (metadata["scale_from"], metadata["scale_error"]) == ("the file", 0.01)
    assert Instrument.of_layer(metadata) == file.instrument


@pytest.mark.parametrize(
    "told", [None, 5, {}, {"maker": 7, "voltage_kv": "high", "magnification": True, "other": 1}]
)
def test_what_others_write_into_metadata_is_no_instrument(told):
    assert Instrument.of_layer({"instrument": told}) is None


def test_levels_make_a_pyramid():
    big, small = np.zeros((3, 64, 64)), np.zeros((3, 32, 32))
    file = micrograph(big, outer=(Axis("z", 3),), levels=(small,))
    data, keywords, _kind = file.to_layer()
    assert keywords["multiscale"] is True
    assert [level.shape for level in data] == [(3, 64, 64), (3, 32, 32)]
    plane = file.plane(2)
    assert (plane.array.shape, plane.levels[0].shape) == ((64, 64), (32, 32))


def test_a_plane_by_one_number_or_by_one_for_each_axis():
    array = np.arange(2 * 3 * 8 * 9).reshape(2, 3, 8, 9)
    file = micrograph(array, outer=(Axis("time", 2), Axis("z", 3)))
    assert file.planes == 6
    for index in (4, (1, 1), np.int64(4)):
        np.testing.assert_array_equal(file.plane(index).array, array[1, 1])
    for index in (6, -1, (2, 0), (0,), (0, -1)):
        with pytest.raises(SourceError, match="holds 2 x 3 planes, none of number"):
            file.plane(index)
    flat = micrograph(array[0, 0])
    assert flat.plane(0).array is flat.array
    with pytest.raises(SourceError, match="holds 1 planes, none of number 1"):
        flat.plane(1)


def test_a_plane_of_a_lazy_array_reads_only_what_is_indexed():
    array = Counted(5, 100, 100)
    plane = plane_of(array, (3,))
    assert isinstance(plane, Plane)
    assert (plane.shape, plane.ndim, len(plane)) == ((100, 100), 2, 100)
    assert array.read == []
    assert plane[2:5, 7].shape == (3,)
    assert array.read == [(3, slice(2, 5), 7)]
    assert np.asarray(plane).shape == (100, 100)


def test_planes_are_counted_through_several_stacks():
    assert [locate([3, 1, 2], page) for page in range(7)] == [
        *((0, i) for i in range(3)),
        (1, 0),
        (2, 0),
        (2, 1),
        None,
    ]
    assert locate([3], -1) is None
