"""Sample data: the real micrograph comes calibrated, the synthetic ones with their truth."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import samples


def test_nanoporous_gold_is_calibrated():
    ((array, keywords, kind),) = samples.nanoporous_gold()
    assert kind == "image"
    assert array.shape == (768, 1024)
    assert keywords["scale"] == (0.543, 0.543)
    assert keywords["units"] == ("nm", "nm")
    assert "MIT" in keywords["metadata"]["attribution"]
    assert keywords["metadata"]["instrument"] == {
        "maker": "Zeiss",
        "voltage_kv": 20.0,
        "working_distance_mm": 6.2,
        "magnification": 500_000.0,
        "detector": "InLens",
        "dwell_time_us": 0.1,
        "stage_tilt_deg": 0.0,
        "date": "2016-07-11T15:54:11",
    }


def test_nanoporous_gold_imports_no_other_package():
    code = (
        "import sys; from napari_micrograph_vlm.readers import samples; samples.nanoporous_gold();"
        "assert not {'aquami', 'matplotlib', 'napari', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_it_names_the_extra(monkeypatch):
    def files(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", files)
    with pytest.raises(SourceError, match=r"napari-micrograph-vlm\[samples\]"):
        samples.nanoporous_gold()


@pytest.mark.parametrize(
    "sample", [samples.wafer_with_defects, samples.coating_with_crack, samples.particle_field]
)
def test_synthetic_samples_carry_their_truth(sample):
    (image, picture, kind), (labels, truth, labels_kind) = sample()
    assert (kind, labels_kind) == ("image", "labels")
    assert image.shape == labels.shape
    assert picture["scale"] == truth["scale"]
    assert picture["units"] == truth["units"] == ("nm", "nm")
    assert picture["metadata"]["synthetic"] is True
    assert truth["visible"] is False
    kinds = picture["metadata"]["defects"]
    assert truth["features"]["defect"] == kinds
    assert set(np.unique(labels)) == set(range(len(kinds) + 1))


def test_the_wafer_and_the_coating_have_defects():
    assert samples.wafer_with_defects()[0][1]["metadata"]["defects"]
    assert "crack" in samples.coating_with_crack()[0][1]["metadata"]["defects"]
