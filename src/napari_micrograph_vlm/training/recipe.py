"""Everything that decides what a training does."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import SourceError

__all__ = ["TEST_SEED", "VALIDATION_SEED", "Recipe", "shipped_file"]

TEST_SEED = 10_000_000
"""Synthetic pictures from this seed on are kept for the test."""

VALIDATION_SEED = 9_000_000
"""Synthetic pictures from this seed on are kept for calibration."""

KEPT_SEEDS = range(VALIDATION_SEED, 20_000_000)
"""Seeds of both, which no training may draw."""

_AT_LEAST_ONE = {
    "images_a_step",
    "rows_an_image",
    "shard",
    "statements_every",
    "steps",
    "vocabulary",
}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes
    ----------
    seed : int
        Of weights, order and phrasings.
    images, first_seed : int
        Synthetic pictures to make, with the seeds ``first_seed``, ``first_seed + 1``, ...; the
        seeds 9,000,000 to 19,999,999 are kept for calibration and test.
    validation_images : int
        Synthetic pictures for the calibration of label probabilities and of the confidence of
        answers.
    shard : int
        Pictures in one file of the cache.
    processes : int
        Processes that make pictures; 0 for one on each core.
    large : float
        Share of the pictures that have 768 pixels a side; half of them are tiled.
    by_category : float
        Share whose category is drawn evenly; the others draw the kind of defect evenly.
    steps : int
        Optimiser steps; fewer where ``minutes`` run out first (the schedule adapts).
    minutes : float or None
        Longest time for the steps.
    images_a_step, rows_an_image : int
        Pictures in a batch and questions about each.
    tiled_images_a_step : int
        Pictures in a batch of tiled ones.
    idle_turns : float
        Share of the questions that come after one that has nothing to do with them.
    real_share : float
        Share of the batches that are drawn from real pictures, where there are any.
    statements_every : int
        Steps between two with the contrastive and the matching loss.
    pairs_every, pairs_a_step : int
        Steps between two that compare regions (0: none do), and pairs of pictures in such a step.
    learning_rate, warm_up, weight_decay, clip, average : float
        Peak rate of AdamW, share of the steps until it, decay, largest norm of the gradient, and
        decay of the running mean of the weights, which is what is saved.
    vocabulary : int
        Most entries of the tokenizer.
    often : dict of str to int
        Kinds of defect -> how often a synthetic picture that shows one is taken, where others are
        taken once: for kinds that are hard to tell.
    bfloat16 : bool
        Whether products are made in bfloat16: half the time of float32 on processors that have it
        (tiny models are slower); weights stay float32.
    model : dict
        Changes of the model's configuration.

    Raises
    ------
    SourceError
        If the seeds touch those that are kept for calibration and test.
    """

    seed: int = 0
    images: int = 10_000
    first_seed: int = 1
    validation_images: int = 400
    shard: int = 100
    processes: int = 0
    large: float = 0.08
    by_category: float = 0.4
    steps: int = 8_000
    minutes: float | None = None
    images_a_step: int = 32
    rows_an_image: int = 3
    tiled_images_a_step: int = 8
    idle_turns: float = 0.2
    real_share: float = 0.15
    statements_every: int = 2
    pairs_every: int = 10
    pairs_a_step: int = 8
    learning_rate: float = 1e-3
    warm_up: float = 0.04
    weight_decay: float = 0.05
    clip: float = 1.0
    average: float = 0.998
    vocabulary: int = 4_000
    often: dict[str, int] = field(default_factory=dict)
    bfloat16: bool = True
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = self.first_seed + self.images - 1
        if self.images and self.first_seed < KEPT_SEEDS.stop and last >= KEPT_SEEDS.start:
            raise SourceError(
                f"The recipe draws the seeds {self.first_seed} to {last}, but {KEPT_SEEDS.start} "
                f"to {KEPT_SEEDS.stop - 1} are kept for calibration and test; choose another "
                "first_seed or fewer images."
            )

    @classmethod
    def read(cls, path: Path | None = None) -> Recipe:
        """Read a recipe; that of the package by default.

        Raises
        ------
        SourceError
            If the file cannot be read, names something unknown or has a wrong value, or its
            seeds touch those that are kept for calibration and test.
        """
        if path is None:
            text = shipped_file("recipe.json")
        else:
            try:
                text = path.read_text(encoding="utf-8")
            except OSError as error:
                raise SourceError(f"The recipe {path} cannot be read: {error.strerror}.") from None
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise SourceError(f"The recipe {path} is no JSON: {error}.") from None
        if not isinstance(values, dict):
            raise SourceError(f"The recipe {path} is no JSON object with settings.")
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise SourceError(f"The recipe {path} names unknown settings: {sorted(unknown)}.")
        for name, value in values.items():
            if not _fits(value, getattr(cls(), name)) or (name in _AT_LEAST_ONE and value < 1):
                raise SourceError(f"The recipe {path} gives {name} a wrong value: {value!r}.")
        return cls(**values)

    @classmethod
    def fine_tuning(cls) -> Recipe:
        """Return the recipe that teaches a trained student some pictures more."""
        return cls(**json.loads(shipped_file("fine_tune.json")))

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=2)


def shipped_file(name: str) -> str:
    """Return the text of a file that lies beside this module."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _fits(value: Any, default: Any) -> bool:
    """Whether a value of a recipe is of the kind of the default; numbers must not be negative."""
    if isinstance(default, bool | dict):
        return isinstance(value, type(default))
    if value is None:
        return default is None
    kinds = int if isinstance(default, int) else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and value >= 0
