"""The words of an answer, and where the model looked for each and for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...results import AttentionMap, Word
from .layout import Layout
from .tokenization import Detokenizer
from .writing import Step

__all__ = ["METHOD", "answer_map", "answer_words"]

METHOD = "cross-attention"

_SMALL_WORDS = """
a an and are as at be been but by can do does for from has have i in is it its no not of on or so
that the their there these they this those to was were which with yes
"""


def answer_words(
    detokenizer: Detokenizer,
    steps: Sequence[Step],
    attention: NDArray[np.float32],
    layout: Layout,
) -> tuple[Word, ...]:
    """Return the words of a finished answer.

    Parameters
    ----------
    detokenizer : Detokenizer
        That was given all tokens.
    steps : sequence of Step
        The tokens.
    attention : (tokens, N) float32 array
        Share that each token paid to each image token.
    layout : Layout
        Where the image tokens lie.
    """
    words = []
    for start, stop, tokens in detokenizer.words:
        share = attention[list(tokens)].mean(0)
        probability = float(np.prod([steps[i].probability for i in tokens]))
        shown = AttentionMap(layout.to_map(share), METHOD)
        words.append(Word(start, stop, probability, (shown,)))
    return tuple(words)


def answer_map(
    detokenizer: Detokenizer, attention: NDArray[np.float32], layout: Layout
) -> AttentionMap:
    """Return the mean over the words that carry meaning, or over all there are."""
    text = detokenizer.text
    small = frozenset(_SMALL_WORDS.split())
    spoken = [attention[list(tokens)].mean(0) for _, _, tokens in detokenizer.words]
    telling = [
        share
        for share, (start, stop, _) in zip(spoken, detokenizer.words, strict=True)
        if text[start:stop].lower() not in small
    ]
    share = np.mean(telling or spoken or attention, axis=0)
    return AttentionMap(layout.to_map(share), METHOD)
