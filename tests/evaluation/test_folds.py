"""Heads, and cross-validation that never splits a paper."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation import folds
from napari_micrograph_vlm.evaluation.folds import OTHER, Borrowed, align, measure_folds
from napari_micrograph_vlm.evaluation.frozen import describe_all, pooled
from napari_micrograph_vlm.labelling.heads import (
    Settings,
    balanced_weights,
    choose,
    fit,
    folds_of,
    indicators,
)

MEAN, DEVIATION = folds.PROBED, folds.PROBED.replace("mean", "deviation")
NAMES = ("fibres", "particles", "powder")


def made_up(rng, papers=8, pictures=3, width=6, distance=2.0):
    """Pictures of three categories, each paper with a look of its own."""
    labels, groups, rows = [], [], []
    for k, name in enumerate(NAMES):
        for paper in range(papers):
            look = rng.normal(size=width)
            for _ in range(pictures):
                row = look + 0.3 * rng.normal(size=width)
                row[k] += distance
                rows.append(row)
                labels.append(name)
                groups.append(f"{name} {paper}")
    block = np.array(rows)
    features = {name: rng.normal(size=block.shape) for names in folds._BLOCKS for name in names}
    return {**features, MEAN: block}, labels, groups


@pytest.mark.parametrize("bend", [0.0, 0.5])
def test_parts_held_out_are_scored_as_if_never_learnt_from(bend):
    rng = np.random.default_rng(0)
    features, truth = {MEAN: rng.normal(size=(30, 4))}, rng.random((30, 1))
    held = [np.arange(0, 10), np.arange(10, 30)]
    settings = Settings((MEAN,), 0.3, bend)
    head, scores = choose(features, truth, [settings], [held])
    for part in held:
        rest = np.setdiff1d(np.arange(30), part)
        # Fitted again on the rest alone, in the scale and from the start of all.
        kernel = head.support @ head.support.T
        if bend:
            squares = ((head.support[:, None] - head.support[None]) ** 2).sum(-1)
            kernel = np.exp(-bend * squares)
        dual = np.linalg.solve(
            kernel[np.ix_(rest, rest)] + 0.3 * np.eye(len(rest)), truth[rest] - head.start
        )
        again = kernel[np.ix_(part, rest)] @ dual + head.start
        assert np.allclose(scores[part], again, atol=1e-4)


def test_the_better_settings_are_chosen():
    rng = np.random.default_rng(1)
    features = {MEAN: rng.normal(size=(60, 3)), DEVIATION: rng.normal(size=(60, 3))}
    truth = (features[MEAN][:, :1] > 0).astype(float)
    candidates = [Settings((DEVIATION,), 1.0), Settings((MEAN,), 1.0)]
    held = folds_of([str(v) for v in truth[:, 0]], None, 4, 0)
    head, _ = choose(
        features, truth, candidates, [held], lambda s: float(((s >= 0.5) == truth).mean())
    )
    assert head.settings == candidates[1]
    assert ((head.probabilities(features) >= 0.5) == truth).mean() > 0.9
    with pytest.raises(ValueError, match="no settings"):
        choose(features, truth, [], [held])


def test_probabilities_sum_to_one_and_a_weight_counts_like_copies():
    rng = np.random.default_rng(2)
    features = {MEAN: rng.normal(size=(20, 3))}
    labels = indicators(np.array(["a", "b"] * 10), ("a", "b"))
    settings = Settings((MEAN,), 1.0)
    said = fit(features, labels, settings).probabilities(features)
    assert np.allclose(said.sum(1), 1)
    assert said.min() >= 0
    weights = np.ones(20)
    weights[3] = 3
    twice = np.r_[np.arange(20), 3, 3]
    one = fit(features, labels, settings, weights).scores(features)
    other = fit({MEAN: features[MEAN][twice]}, labels[twice], settings).scores(features)
    assert np.allclose(one, other, atol=1e-4)
    weights[5:9] = 0
    kept = np.flatnonzero(weights)
    without = fit({MEAN: features[MEAN][kept]}, labels[kept], settings, weights[kept])
    left_out = fit(features, labels, settings, weights)
    assert np.allclose(left_out.scores(features), without.scores(features), atol=1e-5)


def test_groups_are_never_split_and_labels_are_spread():
    rng = np.random.default_rng(3)
    _, labels, groups = made_up(rng, papers=10)
    for seed in range(3):
        parts = folds_of(labels, groups, 5, seed)
        assert sorted(np.concatenate(parts)) == list(range(len(labels)))
        for part in parts:
            inside = {groups[i] for i in part}
            assert not inside & {groups[i] for i in np.setdiff1d(range(len(labels)), part)}
            assert {labels[i] for i in part} == set(NAMES)
    first, second = folds_of(labels, groups, 5, 0), folds_of(labels, groups, 5, 1)
    assert any(list(a) != list(b) for a, b in zip(first, second, strict=True))


def test_labels_weigh_alike_and_large_groups_less_than_their_number():
    labels = np.array(["a"] * 6 + ["b"] * 2)
    groups = np.array(["p", "p", "p", "p", "q", "r", "s", "t"])
    weights = balanced_weights(labels, groups)
    assert weights[:6].sum() == pytest.approx(weights[6:].sum())
    assert weights[:4].sum() == pytest.approx(2 * weights[4])


def test_a_paper_that_is_tested_is_learnt_from_in_no_way(monkeypatch):
    rng = np.random.default_rng(4)
    features, labels, groups = made_up(rng)
    seen = []
    real_choose = folds.choose

    def spy(own, targets, *rest):
        seen.append({tuple(row) for row in own[MEAN].round(6)})
        return real_choose(own, targets, *rest)

    monkeypatch.setattr(folds, "choose", spy)
    measure_folds(features, labels, groups, repeats=1)
    rows = [tuple(row) for row in features[MEAN].round(6)]
    assert len(seen) == folds.PARTS
    for learnt in seen:
        papers = {g for row, g in zip(rows, groups, strict=True) if row in learnt}
        others = {g for row, g in zip(rows, groups, strict=True) if row not in learnt}
        assert others
        assert not papers & others


def test_figures_of_folds():
    rng = np.random.default_rng(5)
    features, labels, groups = made_up(rng)
    strange = 4 * rng.normal(size=(12, 6))
    features = {k: np.concatenate([v, strange]) for k, v in features.items()}
    labels = [*labels, *[OTHER] * 12]
    groups = [*groups, *[f"strange {i}" for i in range(12)]]
    told = []
    found = measure_folds(
        features, labels, groups, repeats=2, on_done=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (10, 10)
    assert found["with a category"] == 72
    assert set(found["categories"]) == set(NAMES)
    low, high = found["head"]["balanced"]["interval"]
    assert low < found["head"]["balanced"]["value"] < high
    assert found["head"]["balanced"]["value"] > 0.6
    assert found["majority"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["with abstention"]["other abstained"]["value"] >= 0
    text = folds.write_table(found)
    assert "| particles | 24 | 8 |" in text
    assert "teacher model" in text


def test_a_category_of_too_few_papers_is_no_class():
    rng = np.random.default_rng(6)
    features, labels, groups = made_up(rng)
    features = {k: np.concatenate([v, v[:2]]) for k, v in features.items()}
    found = measure_folds(features, [*labels, "tips", "tips"], [*groups, "x", "y"], repeats=1)
    assert "tips" not in found["categories"]
    assert found["with a category"] == 74


def test_noise_is_no_better_than_chance():
    rng = np.random.default_rng(7)
    features, labels, groups = made_up(rng, distance=0.0)
    found = measure_folds(features, labels, groups, repeats=2)
    low, high = found["head"]["balanced"]["interval"]
    assert low < 1 / 3 < high


def test_synthetic_pictures_help_where_there_are_few(monkeypatch):
    monkeypatch.setattr(folds, "_SHARES", (5.0,))
    rng = np.random.default_rng(0)
    features, labels, groups = made_up(rng, papers=6, pictures=1, width=60, distance=3)
    drawn, kinds, _ = made_up(rng, papers=60, pictures=1, width=60, distance=3)
    shifted = {k: 3 * v + 7 for k, v in drawn.items()}
    alone = measure_folds(features, labels, groups, repeats=3)["head"]["balanced"]["value"]
    lent = Borrowed(shifted, np.array(kinds))
    both = measure_folds(features, labels, groups, lent, repeats=3)["head"]["balanced"]["value"]
    assert both > alone + 0.2


def test_synthetic_features_get_the_scale_of_the_real_ones():
    rng = np.random.default_rng(9)
    own = {MEAN: rng.normal(2, 3, size=(50, 2))}
    found = align({MEAN: rng.normal(-1, 0.5, size=(40, 2))}, own)[MEAN]
    assert np.allclose(found.mean(0), own[MEAN].mean(0))
    assert np.allclose(found.std(0), own[MEAN].std(0))


def test_what_belongs_to_lines_is_no_residue():
    lines = np.tile(np.arange(6.0) % 2, (1, 6, 1)).astype(np.float32)
    found = pooled(lines)
    assert found["residue largest"] == pytest.approx(0, abs=1e-6)
    lines[0, 2, 3] += 1
    assert pooled(lines)["residue largest"] > 0.5
    assert pooled(lines)["mean"].shape == (1,)


def test_looking_goes_on_where_it_stopped_and_names_what_is_broken(tmp_path):
    looked = []

    def look(pixels):
        looked.append(int(pixels[0, 0]))
        return {"a": pixels.mean(1, dtype=np.float32)}

    def broken():
        raise SourceError("x.png is damaged.")

    readers = [lambda i=i: np.full((3, 4), i, np.uint8) for i in range(150)]
    first, _, _ = describe_all(readers, look, tmp_path, "n")
    again, places, wrong = describe_all(readers, look, tmp_path, "n")
    assert looked == list(range(150))
    assert np.array_equal(first["a"], again["a"])
    assert (places, wrong) == (list(range(150)), [])
    _, places, wrong = describe_all([readers[0], broken], look, tmp_path, "m")
    assert (places, wrong) == ([0], ["x.png is damaged."])
    with pytest.raises(SourceError, match="None of the pictures"):
        describe_all([broken], look)


def test_too_few_labels_are_told(tmp_path):
    (tmp_path / "teacher_labels.jsonl").write_text("")
    with pytest.raises(SourceError, match="label more pictures"):
        folds.main_figures(tmp_path, 0, "cpu", None, None)
