"""A new student, its vocabulary, and what it says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..datasets.phrasings import PHRASINGS
from ..datasets.phrasings.grammar import words_of
from ..datasets.questions import ask_about
from ..datasets.statements import QUESTIONS
from ..datasets.synthetic.truth import CATEGORIES, DEFECT_KINDS
from ..datasets.wording import NO_DEFECT
from ..models.student.configuration import MvaemaConfig
from ..models.student.convert import load_imagenet_backbone
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from .pairs import questions_about_pair
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
    "How large is the defect in nm?",
    "What is the direction of the defect?",
    "What kind of sample is this?",
    "How many defects are there?",
    "Describe this micrograph.",
    "How many objects are there?",
    "How are the objects arranged?",
    "What is wrong with the image quality?",
    "Is this SEM or TEM?",
)

QUESTIONS_A_PICTURE = 8
PAIR_QUESTIONS_A_PICTURE = 2


def corpus(pictures: Sequence[Picture], rng: np.random.Generator) -> list[str]:
    """Return questions and answers from which a vocabulary can be learnt."""
    texts = [str(v) for v in DOMAIN.values() if isinstance(v, str)]
    texts += [*SUGGESTIONS, *CATEGORIES, *DEFECT_KINDS, NO_DEFECT]
    texts += [words_of(line) for lines in PHRASINGS.values() for line in lines]
    texts *= 2  # a word that occurs once only is left out
    for picture in pictures:
        other = pictures[int(rng.integers(len(pictures)))]
        for pair in questions_about_pair((picture, other), rng, PAIR_QUESTIONS_A_PICTURE):
            texts += [pair.question, pair.answer]
        for item in ask_about(picture.facts, rng, QUESTIONS_A_PICTURE):
            texts += [item.question, item.answer]
        texts += [text for asked in picture.facts.qa for text in asked]
        if picture.facts.description:
            texts.append(picture.facts.description)
    return texts


def new_processor(pictures: Sequence[Picture], recipe: Recipe) -> MvaemaProcessor:
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
    return model
