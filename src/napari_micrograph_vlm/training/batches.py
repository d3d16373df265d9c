"""From pictures and questions to the tensors of one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets.comparisons import PairQuestion
from ..datasets.questions import QuestionAnswer, ask_about
from ..datasets.statements import ASPECT_SHARES, ASPECTS, aspect_value, statement
from ..errors import QuestionError
from ..models.student.processing import Dialogue, MvaemaProcessor
from ..results import Turn
from .pairs import Pair, PairChoice, questions_about_pair
from .recipe import Recipe
from .shards import Picture, token_shares
from .tensors import ImageTensors, image_tensors, pair_tensors

__all__ = ["Batches", "ImageTensors", "Row", "image_tensors", "pair_tensors"]


@dataclass(frozen=True, eq=False)
class Row:
    """One dialogue, about which entry of the batch it is, and the shares of what it names."""

    dialogue: Dialogue
    image: int
    shares: NDArray[np.float32] | None


class Batches:
    """Draws batches without end.

    Parameters
    ----------
    recipe : Recipe
        Sizes and shares.
    processor : MvaemaProcessor
        Turns text to tokens.
    max_length : int
        Most tokens of a dialogue.
    rng : numpy.random.Generator
        Chooses everything.
    """

    def __init__(
        self,
        recipe: Recipe,
        processor: MvaemaProcessor,
        max_length: int,
        rng: np.random.Generator,
    ) -> None:
        self.recipe = recipe
        self.processor = processor
        self.max_length = max_length
        self.rng = rng
        self.synthetic: list[Picture] = []
        self.tiled: list[Picture] = []
        self.real: list[Picture] = []
        self._partners = {False: PairChoice(), True: PairChoice()}
        self._queues: dict[int, list[Picture]] = {}

    def add(self, pictures: Sequence[Picture], *, real: bool = False) -> None:
        """Take more pictures to draw from."""
        for picture in pictures:
            if real:
                self.real.append(picture)
            else:
                pool = self.tiled if len(picture.views) > 1 else self.synthetic
                pool += [picture] * self._times(picture)
            self._partners[real].add(picture)

    def _times(self, picture: Picture) -> int:
        """Return how often a synthetic picture is taken in one round."""
        return max((self.recipe.often.get(kind, 1) for kind in picture.facts.kinds), default=1)

    def draw(self, step: int) -> dict[str, Tensor]:
        """Return the arguments of the model for one step."""
        every = self.recipe.pairs_every
        # Not in the steps with statements, which come first: those are long enough.
        if every and step % every == every - 1:
            pairs = self.collate_pairs(self._pairs())
            if pairs is not None:
                return pairs
        pictures = self._pictures()
        if step % self.recipe.statements_every:
            return self.collate(pictures)
        aspect = ASPECTS[int(self.rng.choice(len(ASPECTS), p=ASPECT_SHARES))]
        # A picture that does not settle the aspect has no true statement to be matched with.
        settled = [p for p in pictures if aspect_value(p.facts, aspect) is not None]
        if len({aspect_value(p.facts, aspect) for p in settled}) < 2:
            return self.collate(pictures)
        return self.collate(settled, aspect)

    def collate(self, pictures: Sequence[Picture], aspect: str | None = None) -> dict[str, Tensor]:
        """Write questions about pictures and return the model's arguments.

        Parameters
        ----------
        pictures : sequence of Picture
            The batch.
        aspect : str, optional
            What one statement about each picture speaks of; none are written without.
        """
        images = image_tensors(pictures)
        found = images.arguments() | self._dialogues(pictures, images.features.shape[1])
        if aspect is not None:
            found |= self._statements(pictures, aspect)
        return found

    def collate_pairs(self, pairs: Sequence[Pair]) -> dict[str, Tensor] | None:
        """Write questions that compare and return the model's arguments; None without any.

        Parameters
        ----------
        pairs : sequence of (Picture, Picture)
            The batch; pairs about which nothing can be asked are left out.
        """
        asked = [(p, questions_about_pair(p, self.rng, self.recipe.rows_an_image)) for p in pairs]
        asked = [(pair, items) for pair, items in asked if items]
        if not asked:
            return None
        images = pair_tensors([pair for pair, _ in asked])
        rows: list[Row] = []
        for i, (pair, items) in enumerate(asked):
            for item in items:
                others = [other for other in items if other is not item]
                shares = _pair_shares(item, pair)
                rows += self._row(item, self._idle_turn(others), i, shares)
        return images.arguments() | self._tensors(rows, images.features.shape[1])

    def _pairs(self) -> list[Pair]:
        pairs = []
        n_real = round(self.recipe.real_share * self.recipe.pairs_a_step)
        n_real = n_real if len(self.real) > 1 else 0
        for pool, n, real in (
            (self.synthetic, self.recipe.pairs_a_step - n_real, False),
            (self.real, n_real, True),
        ):
            partners = self._partners[real]
            if len(partners) > 1 and pool:
                pairs += [(p, partners.partner(p, self.rng)) for p in self._take(pool, n)]
        return pairs

    def _pictures(self) -> list[Picture]:
        recipe = self.recipe
        total = len(self.synthetic) + len(self.tiled)
        if self.tiled and self.rng.random() < len(self.tiled) / total * (
            recipe.images_a_step / recipe.tiled_images_a_step
        ):
            return self._take(self.tiled, recipe.tiled_images_a_step)
        n_real = round(recipe.real_share * recipe.images_a_step) if self.real else 0
        chosen = self._take(self.synthetic, recipe.images_a_step - n_real)
        return chosen + self._take(self.real, n_real)

    def _take(self, pool: list[Picture], n: int) -> list[Picture]:
        """Take from a shuffled pool; shuffle again once all were taken."""
        queue = self._queues.setdefault(id(pool), [])
        if len(queue) < n:
            order = self.rng.permutation(len(pool))
            queue.extend(pool[int(i)] for i in order)
        taken = queue[:n]
        del queue[:n]
        return taken

    def _dialogues(self, pictures: Sequence[Picture], tokens: int) -> dict[str, Tensor]:
        rows: list[Row] = []
        for i, picture in enumerate(pictures):
            items = ask_about(picture.facts, self.rng, self.recipe.rows_an_image)
            for item in items:
                others = [other for other in items if other is not item and not other.turns]
                turns = item.turns or self._idle_turn(others)
                shares = (
                    None if item.grounded is None else token_shares(item.grounded, picture.views)
                )
                rows += self._row(item, turns, i, shares)
        return self._tensors(rows, tokens)

    def _row(
        self,
        item: QuestionAnswer | PairQuestion,
        turns: tuple[Turn, ...],
        image: int,
        shares: NDArray[np.float32] | None,
    ) -> list[Row]:
        """Return the row of one question; none where it is too long."""
        spans = [] if shares is None else [(0, len(item.answer))]
        try:
            dialogue = self.processor.encode_dialogue(
                turns, item.question, item.answer, max_length=self.max_length, grounded=spans
            )
        except QuestionError:  # a long description of a teacher
            return []
        return [Row(dialogue, image, shares)]

    def _tensors(self, rows: Sequence[Row], tokens: int) -> dict[str, Tensor]:
        """Pad dialogues, and the shares of what they name to ``tokens`` image tokens."""
        targets = np.zeros((len(rows), tokens), np.float32)
        for target, row in zip(targets, rows, strict=True):
            if row.shares is not None:
                target[: len(row.shares)] = row.shares
        padded = self.processor.pad_rows([row.dialogue.ids for row in rows])
        words = [[int(mark) for mark in row.dialogue.grounded] for row in rows]
        return {
            "input_ids": padded,
            "attention_mask": (padded != self.processor.pad).long(),
            "labels": self.processor.pad_rows([row.dialogue.labels for row in rows], -100),
            "grounding_words": self.processor.pad_rows(words, 0).bool(),
            "rows_to_image": torch.tensor([row.image for row in rows]),
            "grounding_target": torch.from_numpy(targets),
        }

    def _idle_turn(self, others: Sequence[QuestionAnswer | PairQuestion]) -> tuple[Turn, ...]:
        """Return now and then an earlier turn that the question does not need.

        People go on to something else in the same conversation: that must not confuse.
        """
        if not others or self.rng.random() >= self.recipe.idle_turns:
            return ()
        other = others[int(self.rng.integers(len(others)))]
        return (Turn(other.question, other.answer),)

    def _statements(self, pictures: Sequence[Picture], aspect: str) -> dict[str, Tensor]:
        """One statement a picture, all of one aspect."""
        values = [aspect_value(p.facts, aspect) or "" for p in pictures]
        rows = []
        for picture, value in zip(pictures, values, strict=True):
            question, answer = statement(value, aspect, picture.facts.objects, self.rng)
            rows.append(self.processor.encode_statement(question, answer))
        ids = self.processor.pad_rows(rows)
        return {
            "statement_ids": ids,
            "statement_mask": (ids != self.processor.pad).long(),
            "statement_matches": torch.tensor([[a == b for b in values] for a in values]),
        }


def _pair_shares(item: PairQuestion, pair: Pair) -> NDArray[np.float32] | None:
    """Return which share of what is named lies in each token of both wholes."""
    if all(mask is None for mask in item.grounded):
        return None
    parts = [
        np.zeros(picture.views[0].tokens, np.float32)
        if mask is None
        else token_shares(mask, picture.views[:1])
        for mask, picture in zip(item.grounded, pair, strict=True)
    ]
    shares = np.concatenate(parts)
    total = shares.sum()
    return shares / total if total else shares
