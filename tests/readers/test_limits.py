"""What a file may be and may claim before anything is read."""

from __future__ import annotations

import os

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.models import memory
from napari_micrograph_vlm.readers.limits import check_claim, check_shape, ordinary_path
from napari_micrograph_vlm.readers.rosetta_claims import check_header


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "a.tif"
    found.write_bytes(b"1")
    return found


def test_files_and_folders_are_ordinary(path):
    assert ordinary_path(str(path)) == path
    assert ordinary_path(path.parent) == path.parent


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_who_writes(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(SourceError, match="pipe or a device"):
        ordinary_path(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 5), (2**40, 5)])
def test_impossible_sizes(path, shape):
    with pytest.raises(SourceError, match="its size is given as"):
        check_shape(path, shape)


def test_what_must_lie_in_memory_has_to_fit_there(path, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda _device: memory.Memory(10**9, 10**9))
    check_claim(path, (15_000, 15_000), np.uint8)
    with pytest.raises(SourceError, match=r"would take 400 MB.* 1\.0 GB are free"):
        check_claim(path, (20_000, 20_000), np.uint8)
    with pytest.raises(SourceError, match="cut it"):
        check_claim(path, (20_000, 20_000), np.uint8, hint="cut it")


@pytest.mark.parametrize("plugin", ["mrc", "tia"])
def test_too_few_bytes_for_a_header(path, plugin):
    with pytest.raises(SourceError, match="damaged or incomplete"):
        check_header(path, plugin)
