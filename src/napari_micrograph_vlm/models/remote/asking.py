"""From a question about regions to a request, and from the pieces that come back to words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import exp, nan
from typing import Any

from PIL import Image

from ...regions import Region
from ...results import AttentionMap, Question, Word
from ..base import ModelInput
from ..views import prepare_views
from .protocol import Piece, Token, picture_part, text_part

__all__ = ["SIDE", "TOP", "Writing", "messages", "shown"]

SIDE = 1024
"""Longest side in pixels of a picture that is sent; servers reduce larger ones themselves."""

SMALLEST = 224
"""Regions are enlarged to this: some servers refuse pictures of a few pixels."""

TOP = 20
"""How many tokens a server is asked to tell the probability of in each place; most allow 20."""

_WORD = re.compile(r"\w+(?:[-.,'’/]\w+)*%?")


def shown(region: Region, tiled: bool | None) -> ModelInput:
    """Return the pictures of a region that are sent: the whole, then its tiles."""
    longest = max(region.pixels.shape[:2])
    return prepare_views(region, side=min(max(longest, SMALLEST), SIDE), token=1, tiled=tiled)


def messages(
    question: Question, given: Sequence[ModelInput], conditions: str = ""
) -> list[dict[str, Any]]:
    """Return the conversation: pictures first, then earlier turns, then the question.

    Parameters
    ----------
    question : Question
        Its text and the earlier turns.
    given : sequence of ModelInput
        The pictures of each region.
    conditions : str
        What is known of scale and instrument; it stands behind the pictures.
    """
    content: list[dict[str, Any]] = []
    names = [region.label for region in question.regions]
    for number, one in enumerate(given, start=1):
        if len(given) > 1:
            content.append(text_part(f"{names[number - 1] or f'Region {number}'}:"))
        content += [picture_part(Image.fromarray(view.pixels)) for view in one.views]
        if one.tiled:
            content.append(
                text_part("The first picture is the whole, the others its parts row by row.")
            )
    if conditions:
        content.append(text_part(conditions))
    said: list[dict[str, Any]] = []
    for turn in question.turns:
        said += [
            {"role": "user", "content": [*content, text_part(turn.question)]},
            {"role": "assistant", "content": turn.answer},
        ]
        content = []
    return [*said, {"role": "user", "content": [*content, text_part(question.text)]}]


@dataclass
class Writing:
    """An answer as it comes.

    Attributes
    ----------
    text : str
        What is written so far, without space at its start.
    tokens : list of Token
        Those the server told about.
    """

    text: str = ""
    tokens: list[Token] = field(default_factory=list)
    _spans: list[tuple[int, int, float]] = field(default_factory=list)

    def push(self, piece: Piece) -> str:
        """Take a piece and return what it adds."""
        text = piece.text if self.text else piece.text.lstrip()
        start = len(self.text)
        self.text += text
        self.tokens += piece.tokens
        sure = sum(token.logprob for token in piece.tokens) if piece.tokens else nan
        self._spans.append((start, len(self.text), sure))
        return text

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities; NaN where the server tells none."""
        logs = [token.logprob for token in self.tokens]
        return exp(min(sum(logs) / len(logs), 0.0)) if logs else nan

    def words(self, maps: tuple[AttentionMap, ...]) -> tuple[Word, ...]:
        """Return the words, all with the same ``maps``: a server shows no word's own."""
        return tuple(
            Word(start, stop, self._sure(start, stop), maps) for start, stop in self._places()
        )

    def _places(self) -> Iterator[tuple[int, int]]:
        return (found.span() for found in _WORD.finditer(self.text))

    def _sure(self, start: int, stop: int) -> float:
        """Product of the probabilities of the pieces that touch a word; NaN where not told."""
        logs = [sure for first, last, sure in self._spans if first < stop and last > start]
        return exp(min(sum(logs), 0.0))
