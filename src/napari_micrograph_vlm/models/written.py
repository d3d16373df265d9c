"""From the steps of an answer to its words, each with where the model looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from ..attention.relevance import Method, Recorded, Settings, maps_of, relevance_of
from ..errors import Cancelled, ModelError
from ..results import AttentionMap, Word
from .families.base import Family, Prompt
from .generation import Step
from .guards import is_short, make_room
from .transcript import Place, Transcript

__all__ = ["Written"]

Neutral = Callable[[], NDArray[np.floating]]
Replayed = Callable[[Method], NDArray[np.floating]]


class Written:
    """A finished answer.

    Parameters
    ----------
    family : Family
        Of the model that wrote it.
    prompt : Prompt
        The question.
    steps : sequence of Step
        The tokens, at least one.
    transcript : Transcript
        Their text.
    shares : sequence of (P, M) arrays
        For each region, from which patches a resampler made its image tokens; empty where image
        tokens are patches.
    """

    def __init__(
        self,
        family: Family,
        prompt: Prompt,
        steps: Sequence[Step],
        transcript: Transcript,
        shares: Sequence[NDArray[np.floating]] = (),
    ) -> None:
        self._family = family
        self._prompt = prompt
        self.steps = tuple(steps)
        self._transcript = transcript
        attention = np.stack([step.attention for step in steps])
        self.recorded = recorded_of(prompt, attention, shares)

    @property
    def text(self) -> str:
        """What the model wrote."""
        return self._transcript.text

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities."""
        logs = [log(max(step.probability, 1e-30)) for step in self.steps]
        return exp(sum(logs) / len(logs))

    def words(
        self,
        settings: Settings,
        neutral: Neutral | None = None,
        replayed: Replayed | None = None,
    ) -> tuple[tuple[Word, ...], tuple[AttentionMap, ...]]:
        """Return the words, and the maps of the whole answer: those of the words that tell most.

        Parameters
        ----------
        settings, neutral, replayed
            As in :func:`napari_micrograph_vlm.attention.relevance.relevance_of`.
        """
        relevance = relevance_of(self.recorded, settings, neutral=neutral, replayed=replayed)
        method = str(settings.method)
        places = self._transcript.words()
        words = []
        for place in places:
            chosen = list(place.tokens)
            probability = float(np.prod([self.steps[i].probability for i in chosen]))
            maps = maps_of(relevance[chosen].mean(0), self.recorded, method)
            words.append(Word(place.start, place.stop, probability, maps))
        telling = self._transcript.telling(places)
        means = [relevance[list(place.tokens)].mean(0) for place in telling]
        whole = np.mean(means, axis=0) if means else relevance.mean(0)
        return tuple(words), maps_of(whole, self.recorded, method)

    def explained(
        self,
        settings: Settings,
        neutral: Neutral | None = None,
        replayed: Replayed | None = None,
    ) -> tuple[tuple[Word, ...], tuple[AttentionMap, ...]]:
        """Return :meth:`words`, with plain maps where memory is short for those of the settings.

        Raises
        ------
        Cancelled
            If the work was stopped; with the answer's text.
        """
        try:
            return self.words(settings, neutral, replayed)
        except Cancelled:
            raise Cancelled(self.text) from None
        except (ModelError, MemoryError, RuntimeError) as error:
            if not (isinstance(error, ModelError) or is_short(error)):
                raise
        # Out of the except block, whose traceback would keep the tensors alive.
        make_room()
        return self.words(Settings(Method.LAYERS, settings.layers))

    def question_words(self, question: str, settings: Settings) -> tuple[Word, ...]:
        """Return the words of the question, each with where the model looked when it read it.

        Empty where the model does not record that, or its tokenizer changes the words.
        """
        rows = self.steps[0].question
        start, stop = self._prompt.question_span
        if rows is None or not len(rows):
            return ()
        # The last row is the prompt's last token.
        first = len(rows) - (self._prompt.length - start)
        if first < 0 or stop <= start:
            return ()
        if settings.method not in (Method.LAYERS, Method.MEAN):
            settings = Settings(Method.LAYERS, settings.layers)
        recorded = self.recorded.of(rows[first : first + stop - start])
        relevance = relevance_of(recorded, settings)
        tokens = self._prompt.inputs["input_ids"][0, start:stop].tolist()
        return tuple(
            Word(
                place.start,
                place.stop,
                1.0,
                maps_of(relevance[list(place.tokens)].mean(0), recorded, str(settings.method)),
            )
            for place in _places_in(question, tokens, self._family)
        )


def recorded_of(
    prompt: Prompt, attention: NDArray[np.float32], shares: Sequence[NDArray[np.floating]] = ()
) -> Recorded:
    """Return recorded attention, (T, layers, P), with what its image tokens show."""
    boxes = tuple(sight.boxes for sight in prompt.sights)
    counts = tuple(len(each) for each in (shares or boxes))
    return Recorded(attention, boxes, counts, tuple(shares))


def _places_in(question: str, tokens: Sequence[int], family: Family) -> tuple[Place, ...]:
    """Return the words of a question and their tokens; none where the tokens read otherwise."""
    transcript = Transcript(family.tokenizer)
    for token in tokens:
        transcript.push(token)
    transcript.finish()
    # Some tokenizers know small letters only.
    shift = transcript.text.lower().find(question.lower())
    if shift < 0:
        return ()
    return tuple(
        Place(place.start - shift, place.stop - shift, place.tokens)
        for place in transcript.words()
        if shift <= place.start and place.stop - shift <= len(question)
    )
