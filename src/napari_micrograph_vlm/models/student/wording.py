"""An answer as it is written: its text, its words, and where the model looked for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...results import AttentionMap, Word
from ..transcript import SMALL_WORDS
from .confidence import confidence_of
from .layout import Layout
from .physical import Expander
from .tokenization import Detokenizer
from .writing import Step

__all__ = ["METHOD", "Scribe", "maps_of"]

METHOD = "cross-attention"


def maps_of(layouts: Sequence[Layout], share: NDArray[np.float32]) -> tuple[AttentionMap, ...]:
    """Return one map for each region, each summing to 1, of the shares of all tokens (N,).

    Of two, ``share`` says how the attention divides between them.
    """
    ends = np.cumsum([layout.tokens for layout in layouts])[:-1]
    parts = np.split(share, ends)
    total = float(share.sum())
    several = len(parts) > 1 and total > 0
    return tuple(
        AttentionMap(layout.to_map(part), METHOD, float(part.sum()) / total if several else None)
        for layout, part in zip(layouts, parts, strict=True)
    )


class Scribe:
    """Takes an answer token by token and tells its text on the way.

    Parameters
    ----------
    detokenizer : Detokenizer
        A new one.
    expander : Expander
        A new one, which puts in physical lengths.
    on_text : callable, optional
        Called with each new piece of text; the pieces add up to :attr:`text`.
    calibration : sequence of float, optional
        The configuration's ``answer_calibration``.
    """

    def __init__(
        self,
        detokenizer: Detokenizer,
        expander: Expander,
        on_text: Callable[[str], None] | None = None,
        calibration: Sequence[float] | None = None,
    ) -> None:
        self._calibration = calibration
        self._detokenizer = detokenizer
        self._expander = expander
        self._on_text = on_text
        self._steps: list[Step] = []
        self._attention = np.zeros((0, 0), np.float32)

    @property
    def text(self) -> str:
        """What is written so far."""
        return self._expander.text

    def push(self, step: Step) -> None:
        """Take the next token."""
        self._steps.append(step)
        self._tell(self._detokenizer.push(step.token))

    def finish(self) -> None:
        """Tell the rest; there is no further token."""
        self._tell(self._detokenizer.finish())
        self._attention = torch.stack([step.attention for step in self._steps]).cpu().numpy()

    def _tell(self, piece: str) -> None:
        # Pieces are whole words: where one ends a share of the picture, its length follows.
        piece = self._expander.push(piece)
        if piece and self._on_text is not None:
            self._on_text(piece)

    @property
    def confidence(self) -> float:
        """How probable it is that the answer is right."""
        return confidence_of([step.probability for step in self._steps], self._calibration)

    def words(self, layouts: Sequence[Layout]) -> tuple[Word, ...]:
        """Return the words of the finished answer.

        Parameters
        ----------
        layouts : sequence of Layout
            Where the image tokens of each region lie.
        """
        words = []
        for start, stop, tokens in self._expander.placed(self._detokenizer.words):
            probability = float(np.prod([self._steps[i].probability for i in tokens]))
            words.append(Word(start, stop, probability, maps_of(layouts, self._share(tokens))))
        return tuple(words)

    def maps(self, layouts: Sequence[Layout]) -> tuple[AttentionMap, ...]:
        """Return the mean over the words that carry meaning, or over all there are."""
        text = self._detokenizer.text
        spoken = [self._share(tokens) for _, _, tokens in self._detokenizer.words]
        telling = [
            share
            for share, (start, stop, _) in zip(spoken, self._detokenizer.words, strict=True)
            if text[start:stop].lower() not in SMALL_WORDS
        ]
        return maps_of(layouts, np.mean(telling or spoken or self._attention, axis=0))

    def _share(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        share: NDArray[np.float32] = self._attention[list(tokens)].mean(0)
        return share
