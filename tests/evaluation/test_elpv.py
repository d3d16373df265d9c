"""The benchmark of solar cells, with forty made-up cells instead of the real ones."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest

from models.tiny_student import make_processor, make_student
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation import elpv
from napari_micrograph_vlm.evaluation.elpv import measure_elpv, resampled_interval, split

LIKELY = np.array([0, 1 / 3, 2 / 3, 1] * 10)
KINDS = np.array((["mono"] * 4 + ["poly"] * 4) * 5)


@pytest.fixture
def dataset(monkeypatch):
    """A package of forty cells of 40 pixels; a dark spot where there is a defect."""
    rng = np.random.default_rng(0)
    images = rng.integers(150, 180, (40, 40, 40)).astype(np.uint8)
    for image, likely in zip(images, LIKELY, strict=True):
        if likely >= 0.5:
            image[12:22, 12:22] = 10
    package, module = ModuleType("elpv_dataset"), ModuleType("elpv_dataset.utils")
    module.load_dataset = lambda: (images, LIKELY, KINDS)
    monkeypatch.setitem(sys.modules, "elpv_dataset", package)
    monkeypatch.setitem(sys.modules, "elpv_dataset.utils", module)


@pytest.fixture
def features():
    rng = np.random.default_rng(1)
    told = np.repeat(LIKELY[:, None], 3, axis=1) + 0.1 * rng.normal(size=(40, 3))
    return {"stride 32 mean": told, "whole": rng.normal(size=(40, 3))}


def test_splits_keep_the_share_of_every_stratum(dataset):
    cells = elpv.load_cells()
    assert set(cells.strata) == {f"{p:.2f} {k}" for p in (0, 1 / 3, 2 / 3, 1) for k in set(KINDS)}
    strata = np.array(cells.strata)
    for seed in range(5):
        training, test = split(cells.strata, 10, seed)
        assert sorted([*training, *test]) == list(range(40))
        assert len(test) == 10
        for name in set(cells.strata):
            assert (strata[test] == name).sum() in (1, 2)
    assert list(split(cells.strata, 10, 0)[1]) != list(split(cells.strata, 10, 1)[1])
    assert list(split(cells.strata, 10, 0)[1]) == list(split(cells.strata, 10, 0)[1])


def test_half_is_defective(dataset):
    cells = elpv.load_cells()
    assert list(cells.defective[:4]) == [False, False, True, True]


def test_what_is_tested_is_not_learnt_from(dataset, features, monkeypatch):
    cells = elpv.load_cells()
    held, learnt = [], []
    real_split, real_choose = elpv.split, elpv.choose

    def spy_split(*given):
        found = real_split(*given)
        held.append(found[1])
        return found

    def spy_choose(own, *rest):
        learnt.append({tuple(row) for row in own["stride 32 mean"]})
        return real_choose(own, *rest)

    monkeypatch.setattr(elpv, "split", spy_split)
    monkeypatch.setattr(elpv, "choose", spy_choose)
    told = {"stride 32 mean": features["stride 32 mean"]}
    measure_elpv(told, cells, splits=3, draws=2, few=16)
    assert len(held) == len(learnt) == 3 * 5
    for test, own in zip(held, learnt, strict=True):
        assert not {tuple(row) for row in told["stride 32 mean"][test]} & own
    assert {len(own) for own in learnt} == {30, 16}


def test_figures_and_table(dataset, features):
    told = []
    figures = measure_elpv(
        features,
        elpv.load_cells(),
        splits=3,
        draws=2,
        few=16,
        on_done=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (20, 20)
    assert figures["majority"] == 0.5
    good = figures["published protocol"]["backbone"]
    noise = figures["published protocol"]["student embeddings"]
    assert good["accuracy"] > 0.9 > noise["accuracy"]
    assert (good["training"], good["test"]) == (30, 10)
    assert figures["few"]["backbone"]["training"] == 16
    assert {"mono", "poly", "strength"} <= set(good["runs"][0])
    text = elpv.write_table(figures)
    assert "| CNN of Deitsch et al. 2019 | 88.42 | |" in text
    assert "| SVM of Deitsch et al. 2019 | 82.44 | |" in text
    assert '| always "good" | 50.00 | 50.00 |' in text


def test_intervals_heed_what_splits_share():
    values = np.array([0.88, 0.90, 0.89, 0.87, 0.91])
    low, high = resampled_interval(values, 1968, 656)
    naive = 2.776 * values.std(ddof=1) / np.sqrt(5)
    assert (high - low) / 2 > naive
    assert (low + high) / 2 == pytest.approx(0.89)
    few = resampled_interval(values, 50, 2574)
    assert (few[1] - few[0]) / 2 == pytest.approx(naive, rel=1e-3)
    one = resampled_interval(np.array([0.9]), 30, 100)
    assert one[0] == pytest.approx(0.9 - 1.96 * 0.03)


def test_a_student_looks_at_every_cell(dataset, tmp_path, monkeypatch):
    student = make_student()
    folder = tmp_path / "student"
    student.model.save_pretrained(folder)
    make_processor().save_pretrained(folder)
    monkeypatch.setattr(elpv, "SPLITS", 2)
    monkeypatch.setattr(elpv, "DRAWS", 2)
    monkeypatch.setattr(elpv, "FEW", 16)
    steps = []

    @contextmanager
    def bar(total, unit):
        steps.append([unit, total, 0])

        def step():
            steps[-1][2] += 1

        yield step

    figures = elpv.main_figures(folder, "cpu", tmp_path / "cache", bar)
    assert steps == [["cells", 40, 40], ["heads", 16, 16]]
    assert set(figures["published protocol"]) == {
        "mean of stride 32 alone",
        "backbone",
        "student embeddings",
        "backbone and student embeddings",
    }
    assert figures["published protocol"]["backbone"]["accuracy"] > 0.8
    kept = list((tmp_path / "cache").glob("elpv-*.npz"))
    assert len(kept) == 1


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    monkeypatch.setitem(sys.modules, "elpv_dataset.utils", None)
    with pytest.raises(SourceError, match=r"pip install napari-micrograph-vlm\[elpv\]"):
        elpv.load_cells()
