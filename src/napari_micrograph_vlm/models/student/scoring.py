"""How likely each label is as the answer to the question that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .memory import ImageMemory
from .modeling import MvaemaModel
from .processing import Dialogue, MvaemaProcessor
from .writing import fork, read_prefix

__all__ = [
    "LABELS_AT_ONCE",
    "LabelQuestion",
    "label_questions",
    "score_answers",
    "score_labels",
    "score_labels_of_each",
]

LABELS_AT_ONCE = 64
ROWS_AT_ONCE = 160
"""Answers that are read in one pass, of all regions together."""


@dataclass(frozen=True)
class LabelQuestion:
    """A question whose answers name the labels.

    Attributes
    ----------
    text : str
        The question.
    answers : tuple of str
        The answer that names each label.
    spans : tuple of (int, int)
        The characters of each answer that are the label; the whole where it is not in it.
    """

    text: str
    answers: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def label_questions(
    labels: Sequence[str], domain: Mapping[str, Any]
) -> tuple[list[LabelQuestion], bool]:
    """Choose the questions that tell labels apart.

    Parameters
    ----------
    labels : sequence of str
        Class names.
    domain : mapping
        ``config.domain`` of the model.

    Returns
    -------
    questions : list of LabelQuestion
        The one that asks for categories or defects where all labels are such, else all there are.
    known : bool
        Whether all labels are such.
    """
    folded = {label.casefold() for label in labels}
    categories = {str(name).casefold() for name in domain.get("categories", ())}
    defects = {str(name).casefold() for name in domain.get("defects", ())} | {"no defect"}
    if folded <= categories:
        kinds = ["category"]
    elif folded <= defects:
        kinds = ["defect"]
    else:
        kinds = ["category", "defect", "generic"]
    fallback = {"generic_question": "What is shown in this region?"}
    special = {str(k).casefold(): str(v) for k, v in domain.get("answers", {}).items()}
    questions = []
    for kind in kinds:
        text = domain.get(f"{kind}_question") or fallback.get(f"{kind}_question")
        if text:
            template = str(domain.get(f"{kind}_answer") or "{label}")
            answers = tuple(
                special.get(label.casefold()) or template.replace("{label}", label)
                for label in labels
            )
            spans = tuple(map(_span, labels, answers))
            questions.append(LabelQuestion(str(text), answers, spans))
    if not questions:
        plain = tuple(labels)
        questions = [
            LabelQuestion(fallback["generic_question"], plain, tuple(map(_span, plain, plain)))
        ]
    return questions, kinds != ["category", "defect", "generic"]


def _span(label: str, answer: str) -> tuple[int, int]:
    start = answer.casefold().find(label.casefold())
    return (start, start + len(label)) if start >= 0 else (0, len(answer))


def dialogues(
    processor: MvaemaProcessor, question: LabelQuestion, max_length: int
) -> list[Dialogue]:
    """Return the dialogue of each answer, the label marked as grounded."""
    return [
        processor.encode_dialogue((), question.text, answer, max_length=max_length, grounded=[span])
        for answer, span in zip(question.answers, question.spans, strict=True)
    ]


def score_answers(
    model: MvaemaModel, memory: ImageMemory, rows: Sequence[Dialogue]
) -> tuple[Tensor, Tensor]:
    """Score several answers to one question about one image, reading image and question once.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    memory : ImageMemory
        Of one region.
    rows : sequence of Dialogue
        They differ in the last answer only.

    Returns
    -------
    scores : (K,) float tensor
        Log-likelihood of each answer and its end.
    attention : (K, N) float tensor
        Where the decoder looked when it predicted the label's tokens.
    """
    scores, attention = score_answers_of_each(model, memory, rows)
    return scores[0], attention[0]


def score_answers_of_each(
    model: MvaemaModel, memory: ImageMemory, rows: Sequence[Dialogue]
) -> tuple[Tensor, Tensor]:
    """Score the same answers for each of several images.

    Returns
    -------
    scores, attention : (B, K) and (B, K, N) float tensors
        As :func:`score_answers` gives them for one image.
    """
    images, start = memory.images, rows[0].answer_start
    prefix = read_prefix(model, memory, [rows[0].ids[:start]] * images)
    answers = [row.ids[start:] for row in rows]
    length = max(map(len, answers))
    device = model.device
    # What pads a row comes after all that is looked at, and the decoder never looks ahead.
    ids = torch.tensor([a + [a[-1]] * (length - len(a)) for a in answers], device=device)
    real = torch.tensor([[i < len(a) for i in range(length)] for a in answers], device=device)
    marked = torch.tensor(
        [[i < len(a) and r.grounded[start - 1 + i] for i in range(length)]
         for r, a in zip(rows, answers, strict=True)],
        device=device,
    )  # fmt: skip
    arguments = memory.arguments() | {"past_key_values": fork(prefix.cache, len(rows))}
    read = model.decoder.bert(
        input_ids=ids[:, :-1].repeat(images, 1),
        is_decoder=True,
        use_cache=True,
        output_attentions=True,
        **arguments,
    )
    first = prefix.logits.float().log_softmax(-1)[:, None, None].expand(-1, len(rows), 1, -1)
    later = model.decoder.cls(read.last_hidden_state).float().log_softmax(-1)
    later = later.unflatten(0, (images, len(rows)))
    wanted = ids.expand(images, -1, -1)
    likelihood = torch.cat(
        [first.gather(3, wanted[..., :1, None]), later.gather(3, wanted[..., 1:, None])], dim=2
    )[..., 0]
    scores = (likelihood * real).sum(2)
    shown = model.shown_attention(read.cross_attentions).unflatten(0, (images, len(rows)))
    shown = torch.cat([prefix.attention[:, None, None].expand(-1, len(rows), 1, -1), shown], dim=2)
    weight = marked.to(shown.dtype)[..., None]
    attention = (shown * weight).sum(2) / weight.sum(1).clamp_min(1)
    return scores, attention


def score_labels(
    model: MvaemaModel,
    processor: MvaemaProcessor,
    memory: ImageMemory,
    labels: Sequence[str],
    check: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """Score labels as answers to every question that tells them apart.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    processor : MvaemaProcessor
        Turns text to tokens.
    memory : ImageMemory
        Of one region.
    labels : sequence of str
        Class names.
    check : callable
        Called between batches; raises to stop.

    Returns
    -------
    scores, attention : (K,) and (K, N) float tensors
        Mean over the questions, as :func:`score_answers` gives them.
    """
    scores, attention = score_labels_of_each(model, processor, memory, labels, check)
    return scores[0], attention[0]


def score_labels_of_each(
    model: MvaemaModel,
    processor: MvaemaProcessor,
    memory: ImageMemory,
    labels: Sequence[str],
    check: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """Score labels for each of several images.

    Returns
    -------
    scores, attention : (B, K) and (B, K, N) float tensors
        As :func:`score_labels` gives them for one image.
    """
    questions, _ = label_questions(labels, model.config.domain or {})
    longest = int(model.config.text_config.max_position_embeddings)
    at_once = max(min(LABELS_AT_ONCE, ROWS_AT_ONCE // memory.images), 1)
    scores, attention = [], []
    for question in questions:
        rows = dialogues(processor, question, longest)
        some = []
        for start in range(0, len(rows), at_once):
            check()
            some.append(score_answers_of_each(model, memory, rows[start : start + at_once]))
        scores.append(torch.cat([one for one, _ in some], dim=1))
        attention.append(torch.cat([one for _, one in some], dim=1))
    return torch.stack(scores).mean(0), torch.stack(attention).mean(0)
