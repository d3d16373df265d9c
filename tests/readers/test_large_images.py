"""Questions about huge images cost what they cost of small ones: the benchmark in small."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="an archive without benchmarks"
)


@pytest.fixture
def measure(monkeypatch):
    for package in ("zarr", "dask"):
        pytest.importorskip(package, reason=f"{package} of the extra all")
    monkeypatch.syspath_prepend(str(ROOT))
    module = import_module("benchmarks.large_images")
    return module.one


@pytest.mark.parametrize(
    ("kind", "way"),
    [("zarr", "path"), ("dask", "array"), ("tiff", "path"), ("dask", "layer")],
)
def test_a_region_reads_only_its_chunks_and_the_whole_a_small_level(measure, kind, way):
    found = measure(kind, way, True)
    ((_, _, chunks),) = found["large"]
    # 1,000 x 1,000 pixels lie in 3 x 3 chunks of 512; a TIFF's first tile is tried when it opens.
    assert 0 < chunks <= 9 + 1
    assert found["memory_mb"] < 200
    _, megabytes, chunks = found["whole"]
    assert megabytes < 200
    if way != "array":  # an array alone has no smaller versions
        assert 0 < chunks <= 25 + 1
