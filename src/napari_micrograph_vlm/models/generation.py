"""Write an answer token by token, and tell for each where the model looked.

Transformers prepares the prompt and steps the model; the loop between is ours, so that every token
comes out as soon as it is chosen and the work can stop between any two layers. The tokens are those
of transformers' own greedy ``generate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..attention.recorder import Recorder, recording, stoppable
from ..errors import Cancelled
from .families.base import Family, Prompt
from .session import Started

__all__ = ["Step", "generate", "image_positions"]

Look = Callable[[], NDArray[np.float32]]


class Step:
    """One token of an answer.

    Parameters
    ----------
    token : int
        Its number in the vocabulary.
    probability : float
        What the model gave it, 0 to 1.
    attention : (layers, P) float32 array or callable
        Share of its attention on each image token of all regions, in their order; or a function
        that works it out when it is asked for.
    question : (rows, layers, P) float32 array or callable, optional
        On the first step: the same for the tokens of the prompt from the question's first on.
    """

    __slots__ = ("_attention", "_question", "probability", "token")

    def __init__(
        self,
        token: int,
        probability: float,
        attention: NDArray[np.float32] | Look,
        question: NDArray[np.float32] | Look | None = None,
    ) -> None:
        self.token = token
        self.probability = probability
        self._attention = attention
        self._question = question

    @property
    def attention(self) -> NDArray[np.float32]:
        """Share of attention on each image token, (layers, P).

        Best read when the answer is finished: the weights of many tokens are worked out at once.
        """
        return self._attention() if callable(self._attention) else self._attention

    @property
    def question(self) -> NDArray[np.float32] | None:
        """The same for the tokens of the question, (rows, layers, P); None but on the first."""
        return self._question() if callable(self._question) else self._question


def generate(
    model: nn.Module,
    family: Family,
    prompt: Prompt,
    started: Started | None = None,
    *,
    max_tokens: int = 48,
    record: bool = True,
    cancel: Event | None = None,
    min_tokens: int = 0,
) -> Iterator[Step]:
    """Write an answer.

    Parameters
    ----------
    model : Module
        A generative model of transformers whose decoder was given to ``use_recording``.
    family : Family
        How it is asked.
    prompt : Prompt
        The question.
    started : Started, optional
        The image part of the prompt, read before (:meth:`.session.Sessions.start`); it is used up.
    max_tokens, min_tokens : int
        Longest and shortest answer.
    record : bool
        Whether attention is recorded at all.
    cancel : Event, optional
        Once set, the work stops at the next layer.

    Yields
    ------
    Step
        One a token, the end-of-answer token included.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    started = started or Started()
    rows = max(prompt.length - prompt.question_span[0], 1)
    recorder = Recorder(
        image_positions(prompt),
        rows=rows,
        layers=family.attention_layers,
        seen=started.length,
    )
    inputs = started.arguments(model, family, prompt)
    loop: Iterator[tuple[Tensor, Tensor]] | None = None
    count = 0

    def look(row: int) -> NDArray[np.float32]:
        return np.asarray(recorder.weights()[:, row].numpy(), np.float32)

    def asked() -> NDArray[np.float32]:
        return np.asarray(recorder.forwards()[0].transpose(0, 1).numpy(), np.float32)

    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        with _running(recorder if record else None, cancel):
            if loop is None:
                loop = model.generate(  # type: ignore[operator]
                    **inputs,
                    custom_generate=_greedy,
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=max_tokens,
                    **({"min_new_tokens": min_tokens} if min_tokens else {}),
                )
            item = next(loop, None)
            if item is None:
                return
            token, probability = int(item[0]), float(item[1])
        if not record:
            nothing = np.zeros((0, 0), np.float32)
            yield Step(token, probability, nothing)
            continue
        # The prefill's last row is that of the first token; each further pass has one row.
        first = recorder.first_rows
        row = first - 1 + count
        yield Step(token, probability, _later(look, row), asked if count == 0 else None)
        count += 1


def image_positions(prompt: Prompt) -> NDArray[np.int64]:
    """Return where the image tokens of all regions stand, region after region, (P,)."""
    if not prompt.sights:
        return np.zeros(0, np.int64)
    return np.concatenate([sight.positions for sight in prompt.sights]).astype(np.int64)


def _later(look: Callable[[int], NDArray[np.float32]], row: int) -> Look:
    return lambda: look(row)


@contextmanager
def _running(recorder: Recorder | None, cancel: Event | None) -> Iterator[None]:
    # Entered anew for each token: what is set in a generator would leak out at each yield.
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if recorder is not None:
            stack.enter_context(recording(recorder))
        stack.enter_context(stoppable(cancel))
        yield


def _greedy(
    model: Any,
    input_ids: Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    **state: Any,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the most probable token and its probability, (1,) each, until an answer ends."""
    outputs = model._prefill(input_ids, generation_config, state, is_first_iteration=True)
    while True:
        state = model._update_model_kwargs_for_generation(
            outputs, state, is_encoder_decoder=model.config.is_encoder_decoder
        )
        # A copy of the last row lets go of the others, which may be large.
        logits = outputs.logits[:, -1].to(input_ids.device, torch.float32, copy=True)
        del outputs
        scores = logits_processor(input_ids, logits)
        best = scores.max(dim=-1)
        probability = (best.values - scores.logsumexp(-1)).exp()
        input_ids = torch.cat([input_ids, best.indices[:, None]], dim=-1)
        ends = bool(stopping_criteria(input_ids, None).all())
        yield best.indices, probability
        if ends:
            return
        inputs = model.prepare_inputs_for_generation(input_ids, next_sequence_length=1, **state)
        outputs = model(**inputs, return_dict=True)
