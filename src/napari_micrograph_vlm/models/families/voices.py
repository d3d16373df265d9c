"""Answers of models that do not read image tokens in one sequence with the words.

A :class:`Voice` is such a model after it has read a question; from it come greedy answers and the
likelihoods of given ones, with where it looked at each token.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...attention.recorder import NAME, record, stoppable, use_recording
from ...errors import QuestionError
from ..generation import Step
from ..guards import stop_if

__all__ = ["DecoderVoice", "EncoderVoice", "Heard", "Voice", "refuse_reserved", "speak", "weigh"]


@dataclass(frozen=True, eq=False)
class Heard:
    """What came out for some tokens.

    Attributes
    ----------
    logits : (n, V) float32 Tensor
        Scores of the token that follows each.
    attention : (n, layers, M) float32 Tensor
        Share of attention on each of the M boxes.
    """

    logits: Tensor
    attention: Tensor


class Voice(ABC):
    """A model that has been given a question; :meth:`first` is called once, before all else.

    Attributes
    ----------
    ends : tuple of int
        Tokens that end an answer.
    asked : (rows, layers, M) float32 Tensor or None
        After :meth:`first`: attention of the prompt's tokens from the question's first on.
    """

    ends: tuple[int, ...] = ()
    asked: Tensor | None = None

    @abstractmethod
    def first(self) -> Heard:
        """Read the question and return what follows it, n = 1."""

    @abstractmethod
    def read(self, tokens: Sequence[int]) -> Heard:
        """Read more tokens of an answer."""

    @abstractmethod
    def fork(self) -> Voice:
        """Return a copy that goes on by itself."""


class EncoderVoice(Voice):
    """A decoder that looks at an encoder's output, of which each place saw some boxes.

    Parameters
    ----------
    decoder : Module
        Called with tokens and a cache; gives ``cross_attentions``.
    given : dict
        Its other arguments.
    ids : str
        Name of the decoder's argument that takes the tokens.
    start : int
        The token an answer begins with.
    ends : tuple of int
        Tokens that end an answer.
    compose : callable
        From attention over the encoder's places, (n, decoder layers, S), to (n, layers, M).
    """

    def __init__(
        self,
        decoder: nn.Module,
        given: dict[str, Any],
        *,
        ids: str,
        start: int,
        ends: tuple[int, ...],
        compose: Any,
    ) -> None:
        self._decoder = decoder
        self._given = given
        self._ids = ids
        self._start = start
        self.ends = ends
        self._compose = compose
        self._cache: Any = None

    def first(self) -> Heard:
        """Return what follows the token an answer begins with."""
        return self.read([self._start])

    def read(self, tokens: Sequence[int]) -> Heard:
        """Read more tokens of an answer."""
        device = next(self._decoder.parameters()).device
        given = {**self._given, self._ids: torch.tensor([list(tokens)], device=device)}
        out = self._decoder(
            **given,
            past_key_values=self._cache,
            use_cache=True,
            output_attentions=True,
            return_dict=True,
        )
        self._cache = out.past_key_values
        # layers of (1, heads, n, S)
        looked = torch.stack([layer[0].float().mean(0) for layer in out.cross_attentions], dim=1)
        return Heard(out.logits[0].float(), self._compose(looked))

    def fork(self) -> EncoderVoice:
        """Return a copy that goes on by itself."""
        other = EncoderVoice(
            self._decoder,
            self._given,
            ids=self._ids,
            start=self._start,
            ends=self.ends,
            compose=self._compose,
        )
        other._cache = deepcopy(self._cache)
        return other


class DecoderVoice(Voice):
    """A decoder that reads image tokens first and then words, given as vectors.

    Parameters
    ----------
    decoder : Module
        A causal language model of transformers.
    embedded : (1, S, C) Tensor
        The prompt.
    places : sequence of int
        Where its image tokens stand.
    asked_from : int
        The question's first token.
    ends : tuple of int
        Tokens that end an answer.
    shares : (P, M) Tensor
        Of which boxes each image token is made.
    """

    def __init__(
        self,
        decoder: Any,
        embedded: Tensor,
        places: Sequence[int],
        asked_from: int,
        ends: tuple[int, ...],
        shares: Tensor,
    ) -> None:
        self._decoder = decoder
        self._embedded = embedded
        self._places = list(places)
        self._asked_from = asked_from
        self.ends = ends
        self._shares = shares.float().cpu()
        self._cache: Any = None
        self._length = 0
        body = decoder.get_decoder()
        if body.config._attn_implementation != NAME:
            use_recording(body)

    def first(self) -> Heard:
        """Read the prompt."""
        length = self._embedded.shape[1]
        heard = self._run({"inputs_embeds": self._embedded}, length, length - self._asked_from)
        self.asked = heard.attention
        return Heard(heard.logits[-1:], heard.attention[-1:])

    def read(self, tokens: Sequence[int]) -> Heard:
        """Read more tokens of an answer."""
        ids = torch.tensor([list(tokens)], device=self._embedded.device)
        return self._run({"input_ids": ids}, len(tokens), None)

    def fork(self) -> DecoderVoice:
        """Return a copy that goes on by itself."""
        other = DecoderVoice(
            self._decoder,
            self._embedded,
            self._places,
            self._asked_from,
            self.ends,
            self._shares,
        )
        other._cache = deepcopy(self._cache)
        other._length = self._length
        return other

    def _run(self, given: dict[str, Tensor], new: int, rows: int | None) -> Heard:
        seen = self._length
        self._length += new
        mask = torch.ones(1, self._length, dtype=torch.long, device=self._embedded.device)
        with record(self._places, rows=rows, seen=seen) as recorder:
            out = self._decoder(
                **given,
                attention_mask=mask,
                past_key_values=self._cache,
                use_cache=True,
                return_dict=True,
            )
        self._cache = out.past_key_values
        looked = recorder.weights().transpose(0, 1) @ self._shares
        return Heard(out.logits[0].float(), looked)


def speak(voice: Voice, *, max_tokens: int, cancel: Event | None = None) -> Iterator[Step]:
    """Write the most probable answer, token by token.

    Raises
    ------
    Cancelled
        If ``cancel`` was set: between two tokens, or between two layers of a model that was given
        to :func:`napari_micrograph_vlm.attention.recorder.watch_layers`.
    """
    token = -1
    for count in range(max_tokens):
        stop_if(cancel)
        # Entered anew for each token: what is set in a generator would leak out at each yield.
        with torch.inference_mode(), stoppable(cancel):
            heard = voice.first() if count == 0 else voice.read([token])
            best = heard.logits[-1].log_softmax(-1).max(-1)
            token, probability = int(best.indices), float(best.values.exp())
        question = None
        if count == 0 and voice.asked is not None:
            question = _array(voice.asked)
        yield Step(token, probability, _array(heard.attention[-1]), question)
        if token in voice.ends:
            return


def weigh(
    voice: Voice, answers: Sequence[Sequence[int]], *, cancel: Event | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return log-likelihoods, (L,), of answers and their end, and attention, (L, layers, M).

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    likelihoods, looked = [], []
    with torch.inference_mode(), stoppable(cancel):
        start = voice.first()
        for answer in answers:
            stop_if(cancel)
            heard = voice.fork().read(answer)
            rows = torch.cat([start.logits, heard.logits]).double().log_softmax(-1)
            written = rows[torch.arange(len(answer)), list(answer)].sum()
            ended = rows[-1, list(voice.ends)].logsumexp(-1) if voice.ends else 0.0
            likelihoods.append(float(written + ended))
            looked.append(torch.cat([start.attention, heard.attention]).mean(0))
        attention = torch.stack(looked)
    return np.array(likelihoods, np.float64), _array(attention)


def refuse_reserved(tokenizer: Any, *texts: str) -> None:
    """Refuse words that a model keeps for itself.

    Raises
    ------
    QuestionError
        If one of the texts holds such a word, as ``<image>``.
    """
    for text in texts:
        for word in tokenizer.all_special_tokens:
            if word.strip() and word in text:
                raise QuestionError(
                    f"The question holds {word!r}, which the model keeps for itself; leave it out."
                )


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.float().cpu().numpy(), np.float32)
