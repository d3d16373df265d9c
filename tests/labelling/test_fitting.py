"""Probabilities of a head are about as high as it is right, with few classes and with many."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.labelling.fitting import Examples, fit_examples


def _draw(centres: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, features, and names that say nothing."""
    rng = np.random.default_rng(seed)
    k = len(centres)
    truth = np.arange(n) % k
    seen = (centres[truth] + rng.normal(size=(n, centres.shape[1]))).astype(np.float32)
    named = rng.dirichlet(np.ones(k), n).astype(np.float32)
    return truth, seen, named


@pytest.mark.parametrize(("classes", "each"), [(18, 5), (10, 5), (3, 8)])
def test_what_is_easy_to_tell_apart_is_said_with_confidence(classes, each):
    centres = np.random.default_rng(1).normal(size=(classes, 32)) * 1.2
    truth, seen, named = _draw(centres, classes * each, 2)
    keys = tuple(map(str, range(len(truth))))
    fitted = fit_examples(Examples(keys, truth, {"a": seen}, named))
    truth, seen, named = _draw(centres, 20 * classes, 3)
    found = fitted.probabilities({"a": seen}, named)
    right, sure = (found.argmax(1) == truth).mean(), found.max(1).mean()
    assert right > 0.9
    assert 0.7 < sure <= right + 0.05


def test_what_cannot_be_told_apart_is_not_said_with_confidence():
    centres = np.zeros((4, 32))
    truth, seen, named = _draw(centres, 60, 4)
    keys = tuple(map(str, range(60)))
    fitted = fit_examples(Examples(keys, truth, {"a": seen}, named))
    _, seen, named = _draw(centres, 200, 5)
    assert fitted.probabilities({"a": seen}, named).max(1).mean() < 0.5
