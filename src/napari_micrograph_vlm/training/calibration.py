"""Make the probabilities of classes honest: one temperature, found on pictures kept aside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..datasets.statements import aspect_value
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from ..models.student.scoring import dialogues, label_questions, score_answers
from .batches import image_tensors
from .shards import Picture

__all__ = ["best_temperature", "calibrate"]


def calibrate(
    model: MvaemaModel, processor: MvaemaProcessor, pictures: Sequence[Picture]
) -> dict[str, float]:
    """Set ``config.temperature`` from the taught classes of kept pictures, if there are any.

    Returns
    -------
    dict of str to float
        The temperature, and the share of pictures whose best class is right, for categories and
        for defects.
    """
    domain = model.config.domain or {}
    every_scores, every_truth, right = [], [], {}
    for aspect, key in (("category", "categories"), ("defect", "defects")):
        labels = list(domain[key])
        known = [p for p in pictures if aspect_value(p.facts, aspect) in labels]
        if not known:
            continue
        scores = torch.stack([_scores(model, processor, p, labels).cpu() for p in known])
        truth = torch.tensor([labels.index(aspect_value(p.facts, aspect) or "") for p in known])
        right[aspect] = float((scores.argmax(1) == truth).float().mean())
        every_scores.append(scores)
        every_truth.append(truth)
    if not every_scores:
        return {"temperature": model.config.temperature}
    temperature = best_temperature(every_scores, every_truth)
    model.config.temperature = temperature
    return {"temperature": temperature, **right}


def best_temperature(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Return what the scores are best divided by, from 0.25 to 8.

    Parameters
    ----------
    scores : sequence of (n, K) tensors
        Log-likelihoods of the classes; K may differ.
    truth : sequence of (n,) integer tensors
        The right classes.
    """

    def loss(temperature: float) -> float:
        return sum(
            float(torch.nn.functional.cross_entropy(s / temperature, t, reduction="sum"))
            for s, t in zip(scores, truth, strict=True)
        )

    return min((0.25 * 1.05**i for i in range(72)), key=loss) if scores else 1.0


@torch.inference_mode()
def _scores(
    model: MvaemaModel, processor: MvaemaProcessor, picture: Picture, labels: Sequence[str]
) -> Tensor:
    given = {n: v.to(model.device) for n, v in image_tensors([picture]).arguments().items()}
    mask = given.get("image_mask")
    embeddings = model.encode(given["features"], given["positions"], given["kinds"], mask)
    memory = model.remember(embeddings, mask)
    questions, _ = label_questions(labels, model.config.domain or {})
    length = int(model.config.text_config.max_position_embeddings)
    found = [
        score_answers(model, memory, dialogues(processor, question, length))[0]
        for question in questions
    ]
    return torch.stack(found).mean(0)
