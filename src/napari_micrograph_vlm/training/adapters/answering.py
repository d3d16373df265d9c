"""One answer as a lesson: the prompt that the model will be asked with, and what it should write.

The prompt is the family's own, made as for a question, so that nothing differs between teaching
and asking. Only the answer's tokens and the one that ends it count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import QuestionError
from ...models.families.base import Family, Prompt
from ...models.families.speaking import SpeakingFamily
from ...models.scoring import answer_tokens, blank_region, ends_of
from ...models.session import accepts, placed
from ...regions import Region
from ...results import Turn

__all__ = ["Lesson", "end_of_answer", "lesson_of", "logits_of", "loss_of"]

_WORD = "Yes"


@dataclass(frozen=True, eq=False)
class Lesson:
    """A prompt and the tokens that should follow it.

    Attributes
    ----------
    prompt : Prompt
        As for a question.
    answer : tuple of int
        The answer's tokens, the one that ends it last where the model has one.
    """

    prompt: Prompt
    answer: tuple[int, ...]


def lesson_of(
    family: Family,
    regions: Sequence[Region],
    question: str,
    turns: Sequence[Turn],
    answer: str,
    end: int | None,
    conditions: str = "",
) -> Lesson:
    """Put a question with its pictures and the right answer into a family's own form.

    Parameters
    ----------
    family : Family
        Of the model.
    regions : sequence of Region
        The pictures, at least one.
    question, answer : str
        What is asked, and what should be written.
    turns : sequence of Turn
        What was asked and answered before.
    end : int or None
        From :func:`end_of_answer`.
    conditions : str
        What is known of scale and instrument; left out where the family is told nothing of it.

    Raises
    ------
    QuestionError
        If there is no picture or there are too many, or the answer is empty.
    """
    if not regions:
        raise QuestionError("it has no picture")
    if len(regions) > family.max_regions:
        raise QuestionError(
            f"it has {len(regions)} pictures and this model looks at {family.max_regions} at a time"
        )
    if not answer.strip():
        raise QuestionError("an answer is empty")
    told = conditions if family.takes_conditions else ""
    prompt = family.prompt(regions, question, turns, conditions=told)
    tokens = answer_tokens(family.tokenizer, prompt, [answer])[0]
    return Lesson(prompt, (*tokens, *(() if end is None else (end,))))


def end_of_answer(model: nn.Module, family: Family) -> int | None:
    """Return the token that ends an answer in the family's chat format; None: it has none.

    Of several that the model stops at it is the one that the chat template itself writes behind
    an earlier answer.
    """
    if isinstance(family, SpeakingFamily):
        ends = list(family.ends(model))
    else:
        ends = ends_of(model, family)
    if len(ends) < 2:
        return ends[0] if ends else None
    blank = [blank_region()]
    asked = family.prompt(blank, _WORD).inputs["input_ids"][0].tolist()
    told = family.prompt(blank, _WORD, [Turn(_WORD, _WORD)]).inputs["input_ids"][0].tolist()
    same = next(
        (i for i, (a, b) in enumerate(zip(asked, told, strict=False)) if a != b), len(asked)
    )
    return next((token for token in told[same:] if token in ends), ends[0])


def logits_of(model: nn.Module, family: Family, lesson: Lesson) -> Tensor:
    """Return what the model gives each token of an answer, those before it known: (n, V) float32.

    With gradients, unless they are off.
    """
    if isinstance(family, SpeakingFamily):
        return family.answer_logits(model, lesson.prompt, lesson.answer)
    count = len(lesson.answer)
    given: dict[str, Any] = placed(model, _with_answer(family, lesson))
    if accepts(model, "logits_to_keep"):
        given["logits_to_keep"] = count + 1
    logits: Tensor = model(**given, use_cache=False).logits[0]
    return logits[-count - 1 : -1].float()


def loss_of(model: nn.Module, family: Family, lesson: Lesson) -> Tensor:
    """Return the mean negative log-likelihood of an answer's tokens, in nats."""
    logits = logits_of(model, family, lesson)
    target = torch.tensor(lesson.answer, device=logits.device)
    return nn.functional.cross_entropy(logits, target)


def _with_answer(family: Family, lesson: Lesson) -> dict[str, Tensor]:
    """Return the prompt's inputs with the answer behind them."""
    answer = torch.tensor([lesson.answer])
    inputs = dict(lesson.prompt.inputs)
    for name in family.sequence_keys:
        if name not in inputs:
            continue
        value = inputs[name]
        if name == "input_ids":
            more = answer.to(value.dtype)
        elif name == "attention_mask":
            more = torch.ones_like(answer, dtype=value.dtype)
        elif name.endswith("token_type_ids"):
            more = torch.full_like(answer, family.answer_type, dtype=value.dtype)
        else:
            # What the prompt's last token may see, the answer may see, too.
            more = value[:, -1:].expand(-1, len(lesson.answer), *value.shape[2:])
        inputs[name] = torch.cat([value, more], dim=1)
    return inputs
