"""Regions of a layer know how its micrograph was taken."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from napari_micrograph_vlm.api import plan_of


def region_of(**metadata):
    pixels = np.arange(40 * 60).reshape(40, 60) % 251
    layer = Image(pixels, metadata=metadata, scale=(2.0, 2.0), units=("nm", "nm"))
    (region,) = plan_of(layer, (0, 0, 20, 20))()
    return region


def test_the_instrument_of_a_layer_is_that_of_its_regions():
    region = region_of(
        instrument={"maker": "Zeiss", "voltage_kv": 5.0}, raw={"AP_MAG": "x"}, scale_from="the file"
    )
    assert region.instrument.to_dict() == {"maker": "Zeiss", "voltage_kv": 5.0}
    assert region.instrument.raw == {"AP_MAG": "x"}
    assert region.scale_from == "the file"


def test_metadata_of_other_plugins_are_no_instrument():
    assert region_of(instrument="an old one").instrument is None
    assert region_of().instrument is None
