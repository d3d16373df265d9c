"""Needed and free memory, in numbers and in words."""

from __future__ import annotations

import pytest

from napari_micrograph_vlm.models import memory
from napari_micrograph_vlm.models.memory import (
    Memory,
    free_memory,
    needed_bytes,
    readable_bytes,
    shortage,
)

GB = 10**9


def test_fewer_bits_need_less():
    needs = [needed_bytes(8 * GB, bits) for bits in (32, 16, 8, 4)]
    assert needs == sorted(needs, reverse=True)
    assert 16 * GB < needs[1] < 20 * GB
    assert 32 * GB < needs[0] < 38 * GB
    # 4 bits must be more than the bare numbers: word embeddings stay as they are.
    assert 4 * GB < needs[3] < 0.5 * needs[1]


def test_free_memory_of_the_processor_is_part_of_all():
    found = free_memory("cpu")
    assert 0 < found.free < found.total


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    without = free_memory("cpu")
    (tmp_path / "memory.max").write_text("900000\n")
    (tmp_path / "memory.current").write_text("500000\n")
    (tmp_path / "memory.stat").write_text("anon 400000\ninactive_file 100000\n")
    assert free_memory("cpu") == Memory(500_000, 900_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory("cpu").total == without.total


@pytest.mark.parametrize(
    ("free", "total", "advice"),
    [
        (40, 80, ""),
        (15, 80, "choose 8-bit numbers"),
        (10, 80, "choose 4-bit numbers"),
        (4, 80, "unload another model or close other programs"),
        (4, 10, "choose a smaller model"),
    ],
)
def test_what_to_do_where_it_does_not_fit(free, total, advice):
    said = shortage(8 * GB, 16, Memory(free * GB, total * GB))
    assert bool(said) == bool(advice)
    assert advice in said


def test_nothing_is_said_of_a_model_of_unknown_size():
    assert shortage(None, 16, Memory(0, 0)) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 MB"), (240e6, "240 MB"), (999.6e6, "1.0 GB"), (16.81e9, "16.8 GB"), (1e11, "100 GB")],
)
def test_bytes_in_words(count, text):
    assert readable_bytes(count) == text
