"""From pictures and questions to the tensors of one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..datasets.questions import QuestionAnswer, ask_about
from ..datasets.statements import ASPECT_SHARES, ASPECTS, aspect_value, statement
from ..errors import QuestionError
from ..models.student.encoder import token_positions
from ..models.student.processing import MvaemaProcessor
from ..results import Turn
from .recipe import Recipe
from .shards import Picture, token_shares

__all__ = ["Batches", "ImageTensors", "image_tensors"]


@dataclass(frozen=True)
class ImageTensors:
    """Image tokens of several regions, padded to one length.

    Attributes
    ----------
    features : (B, N, F) float16 tensor
        Backbone features.
    positions : (B, N, 2) float32 tensor
        Places (y, x) in the region, 0 to 1.
    kinds : (B, N) int64 tensor
        0 for the view of the whole, 1 for a tile.
    mask : (B, N) bool tensor or None
        False for padding; None where there is none.
    """

    features: Tensor
    positions: Tensor
    kinds: Tensor
    mask: Tensor | None


def image_tensors(pictures: Sequence[Picture]) -> ImageTensors:
    """Stack the tokens of pictures."""
    longest = max(p.tokens for p in pictures)
    features = np.zeros((len(pictures), longest, pictures[0].features.shape[1]), np.float16)
    positions = torch.zeros(len(pictures), longest, 2)
    kinds = torch.zeros(len(pictures), longest, dtype=torch.long)
    mask = torch.zeros(len(pictures), longest, dtype=torch.bool)
    for i, picture in enumerate(pictures):
        features[i, : picture.tokens] = picture.features
        places = [token_positions(v.rows, v.columns, v.box) for v in picture.views]
        positions[i, : picture.tokens] = torch.cat(places)
        kinds[i, picture.views[0].tokens : picture.tokens] = 1
        mask[i, : picture.tokens] = True
    padded = None if bool(mask.all()) else mask
    return ImageTensors(torch.from_numpy(features), positions, kinds, padded)


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
        self._queues: dict[int, list[Picture]] = {}

    def add(self, pictures: Sequence[Picture], *, real: bool = False) -> None:
        """Take more pictures to draw from."""
        for picture in pictures:
            if real:
                self.real.append(picture)
            elif len(picture.views) > 1:
                self.tiled.append(picture)
            else:
                self.synthetic.append(picture)

    def draw(self, step: int) -> dict[str, Tensor]:
        """Return the arguments of the model for one step."""
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
        found: dict[str, Tensor] = {
            "features": images.features,
            "positions": images.positions,
            "kinds": images.kinds,
        }
        if images.mask is not None:
            found["image_mask"] = images.mask
        found |= self._dialogues(pictures, images.features.shape[1])
        if aspect is not None:
            found |= self._statements(pictures, aspect)
        return found

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
        ids, labels, words, rows, targets = [], [], [], [], []
        for i, picture in enumerate(pictures):
            items = ask_about(picture.facts, self.rng, self.recipe.rows_an_image)
            for item in items:
                spans = [(0, len(item.answer))] if item.grounded is not None else []
                try:
                    dialogue = self.processor.encode_dialogue(
                        self._turns(item, items),
                        item.question,
                        item.answer,
                        max_length=self.max_length,
                        grounded=spans,
                    )
                except QuestionError:  # a long description of a teacher
                    continue
                ids.append(dialogue.ids)
                labels.append(dialogue.labels)
                words.append([int(mark) for mark in dialogue.grounded])
                rows.append(i)
                targets.append(_target(item, picture, tokens))
        padded = self.processor.pad_rows(ids)
        return {
            "input_ids": padded,
            "attention_mask": (padded != self.processor.pad).long(),
            "labels": self.processor.pad_rows(labels, -100),
            "grounding_words": self.processor.pad_rows(words, 0).bool(),
            "rows_to_image": torch.tensor(rows),
            "grounding_target": torch.from_numpy(np.stack(targets)),
        }

    def _turns(self, item: QuestionAnswer, items: Sequence[QuestionAnswer]) -> tuple[Turn, ...]:
        """Return the turns a question needs; now and then one that it does not need.

        People go on to something else in the same conversation: an earlier turn must not confuse.
        """
        others = [other for other in items if other is not item and not other.turns]
        if item.turns or not others or self.rng.random() >= self.recipe.idle_turns:
            return item.turns
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


def _target(item: QuestionAnswer, picture: Picture, tokens: int) -> np.ndarray:
    target = np.zeros(tokens, dtype=np.float32)
    if item.grounded is not None:
        target[: picture.tokens] = token_shares(item.grounded, picture.views)
    return target
