"""A new student, its vocabulary, and what it says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.questions import ask_about
from ..datasets.statements import QUESTIONS
from ..datasets.synthetic.truth import CATEGORIES, DEFECT_KINDS
from ..datasets.wording import NO_DEFECT
from ..models.student.configuration import MvaemaConfig
from ..models.student.convert import load_imagenet_backbone
from ..models.student.encoder import token_positions
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from .recipe import Recipe
from .shards import Picture

__all__ = ["DOMAIN", "SUGGESTIONS", "new_model", "new_processor"]

DOMAIN: dict[str, Any] = {
    "categories": list(CATEGORIES),
    "defects": [NO_DEFECT, *DEFECT_KINDS],
    "category_question": QUESTIONS["category"],
    "category_answer": "{label}",
    "defect_question": QUESTIONS["defect"],
    "defect_answer": "{label}",
    "generic_question": "What can be seen here?",
    "generic_answer": "{label}",
}
"""What the student is taught to tell apart, and how it is asked."""

SUGGESTIONS: tuple[str, ...] = (
    "What defect is this?",
    "Where is the defect?",
    "What kind of sample is this?",
    "How many defects are there?",
    "Describe this micrograph.",
    "How many objects are there?",
    "How are the objects arranged?",
    "Is this SEM or TEM?",
)

QUESTIONS_A_PICTURE = 8


def corpus(pictures: Iterable[Picture], rng: np.random.Generator) -> list[str]:
    """Return questions and answers from which a vocabulary can be learnt."""
    texts = [str(v) for v in DOMAIN.values() if isinstance(v, str)]
    texts += [*SUGGESTIONS, *CATEGORIES, *DEFECT_KINDS, NO_DEFECT]
    for picture in pictures:
        for item in ask_about(picture.facts, rng, QUESTIONS_A_PICTURE):
            texts += [item.question, item.answer]
        texts += [text for pair in picture.facts.qa for text in pair]
        if picture.facts.description:
            texts.append(picture.facts.description)
    return texts


def new_processor(pictures: Iterable[Picture], recipe: Recipe) -> MvaemaProcessor:
    """Learn the vocabulary from the questions and answers about some pictures."""
    texts = corpus(pictures, np.random.default_rng([recipe.seed, 3]))
    return MvaemaProcessor.from_texts(texts, recipe.vocabulary)


def new_model(
    processor: MvaemaProcessor, pictures: Sequence[Picture], recipe: Recipe
) -> MvaemaModel:
    """Return a student with ImageNet backbone, random heads and standardised features."""
    torch.manual_seed(recipe.seed)
    settings = dict(recipe.model)
    text = {**settings.pop("text_config", {}), "vocab_size": processor.vocab_size}
    config = MvaemaConfig(
        text_config=text, domain=DOMAIN, suggestions=list(SUGGESTIONS), **settings
    )
    model = MvaemaModel(config)
    load_imagenet_backbone(model)
    rng = np.random.default_rng([recipe.seed, 4])
    some = rng.choice(len(pictures), size=min(len(pictures), 300), replace=False)
    features = np.concatenate([pictures[int(i)].features for i in some])
    model.image_encoder.fit_statistics(torch.from_numpy(features))
    _strengthen_places(model, torch.from_numpy(features))
    return model


@torch.no_grad()
def _strengthen_places(model: MvaemaModel, features: Tensor) -> None:
    """Make the embedding of a token's place nearly as strong as that of what it shows.

    As drawn at random it is a hundred times weaker, and most of it is fast waves, from which no
    place can be read: the student learnt what a defect is long before it could say where.
    """
    encoder = model.image_encoder
    first, last = cast(nn.Linear, encoder.place.mlp[0]), cast(nn.Linear, encoder.place.mlp[-1])
    # Columns: sine and cosine, y and x, octaves from slow to fast.
    slow_first = (4 / 2.0 ** torch.arange(encoder.place.frequencies)).clamp_min(1)
    first.weight.mul_(slow_first.repeat(4))
    scaled = (features.float() - encoder.feature_mean) / encoder.feature_deviation
    side = model.config.image_size // model.config.token_size
    place = encoder.place(token_positions(side, side))
    last.weight.mul_(0.8 * encoder.project(scaled).std() / place.std(0).mean())
