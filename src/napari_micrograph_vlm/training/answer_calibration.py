"""Make the confidence of answers honest: a logistic regression on answers kept aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.questions import ask_about
from ..errors import QuestionError
from ..evaluation.judging import judge
from ..models.student.confidence import features_of
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from ..models.student.writing import hidden_tokens, write
from .batches import image_tensors
from .shards import Picture

__all__ = ["FEWEST", "calibrate_answers", "fit_confidence"]

FEWEST = 200
"""Answers below which nothing is fitted."""

QUESTIONS_A_PICTURE = 6
MOST_TOKENS = 40

_OPEN = ("describe", "free", "difference")
"""Kinds with many right answers."""

_RIDGE = 1e-4


def calibrate_answers(
    model: MvaemaModel, processor: MvaemaProcessor, pictures: Sequence[Picture], seed: int = 0
) -> dict[str, float]:
    """Set ``config.answer_calibration`` from answers about kept pictures, if there are enough.

    Returns
    -------
    dict of str to float
        How many answers there were, the share of right ones, and the mean confidence after.
    """
    rows, right = [], []
    for features, good in _answers(model, processor, pictures, np.random.default_rng([seed, 7])):
        rows.append(features)
        right.append(good)
    if len(rows) < FEWEST or len(set(right)) < 2:
        return {"answers": len(rows)}
    x, y = np.array(rows), np.array(right, np.float64)
    weights = fit_confidence(x, y)
    model.config.answer_calibration = [round(float(w), 5) for w in weights]
    said = 1 / (1 + np.exp(-(weights[0] + x @ weights[1:])))
    return {"answers": len(rows), "right": float(y.mean()), "confidence": float(said.mean())}


def fit_confidence(
    features: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a logistic regression by Newton's method.

    Parameters
    ----------
    features : (n, 3) float64 array
        As :func:`~napari_micrograph_vlm.models.student.confidence.features_of` gives them.
    right : (n,) float64 array
        1 where the answer was right, else 0.

    Returns
    -------
    (4,) float64 array
        The offset, then the factors.
    """
    x = np.column_stack([np.ones(len(features)), features])
    weights = np.zeros(x.shape[1])
    ridge = _RIDGE * len(x) * np.diag([0.0, *np.ones(x.shape[1] - 1)])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (right - p) - ridge @ weights
        bend = (x * (p * (1 - p) + 1e-9)[:, None]).T @ x + ridge
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return weights


@torch.inference_mode()
def _answers(
    model: MvaemaModel,
    processor: MvaemaProcessor,
    pictures: Sequence[Picture],
    rng: np.random.Generator,
) -> Iterator[tuple[NDArray[np.float64], bool]]:
    """Ask about each picture; yield what the confidence is told from, and whether it was right."""
    hidden = hidden_tokens(processor.vocab_size, processor.eos, model.device)
    longest = int(model.config.text_config.max_position_embeddings) - MOST_TOKENS
    for picture in pictures:
        given = {n: v.to(model.device) for n, v in image_tensors([picture]).arguments().items()}
        mask = given.get("image_mask")
        embeddings = model.encode(given["features"], given["positions"], given["kinds"], mask)
        memory = model.remember(embeddings, mask)
        for item in ask_about(picture.facts, rng, QUESTIONS_A_PICTURE):
            if item.kind in _OPEN:
                continue
            try:
                ids = processor.encode_dialogue(item.turns, item.question, max_length=longest).ids
            except QuestionError:  # a long one
                continue
            steps = list(write(model, memory, ids, MOST_TOKENS, hidden))
            writer = processor.detokenizer()
            for step in steps:
                writer.push(step.token)
            writer.finish()
            features = features_of([step.probability for step in steps])
            yield features, judge(item.kind, item.answer, writer.text)
