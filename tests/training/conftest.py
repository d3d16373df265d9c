"""A tiny student that was trained for three steps, with its cache."""

from __future__ import annotations

import pytest
from tiny_training import RECIPE

from napari_micrograph_vlm.training.run import run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    lines = []
    run(RECIPE, output=folder / "weights", cache=folder / "cache", device="cpu", say=lines.append)
    return folder, lines
