"""Many regions and many questions at once, as well as the model can."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

from ..errors import QuestionError
from ..labelling.label_sets import LabelSet, label_set_of
from ..regions import Region
from ..results import Answer, Classification, Question
from .base import Model

__all__ = ["ask_many", "classify_many", "takes_many"]


def takes_many(model: Model) -> bool:
    """Whether the model has a way of its own to look at several regions together.

    Of a model around another, which says so by ``wraps``, the one inside is what counts.
    """
    if getattr(type(model), "wraps", False):
        return takes_many(model.model)  # type: ignore[attr-defined]
    return _own(model, "classify_many") is not None and _own(model, "ask_many") is not None


def classify_many(
    model: Model,
    regions: Sequence[Region],
    label_set: LabelSet | Sequence[str],
    *,
    threshold: float = 0.0,
    cancel: Event | None = None,
) -> Classification:
    """Give every region a probability for each class.

    The model's own ``classify_many`` where it has one, which reads several regions together;
    else its ``classify``. Both find the same.

    Parameters
    ----------
    model : Model
        Any.
    regions : sequence of Region
        At least one.
    label_set : LabelSet or sequence of str
        The classes.
    threshold : float
        A best class less probable than this is called unknown.
    cancel : threading.Event, optional
        Once set, the work stops after the regions that are being read.

    Raises
    ------
    QuestionError
        If there is no region, or the classes cannot be told apart.
    Cancelled
        If ``cancel`` was set.
    """
    if not regions:
        raise QuestionError("Draw a region first.")
    classes = label_set_of(label_set)
    together = _own(model, "classify_many")
    if together is not None:
        found: Classification = together(regions, classes, threshold=threshold, cancel=cancel)
        return found
    # Names alone are what every model takes.
    labels = classes if any(classes.sentences) else classes.names
    return model.classify(regions, labels, threshold=threshold, cancel=cancel)  # type: ignore[arg-type,unused-ignore]


def ask_many(
    model: Model,
    questions: Sequence[Question],
    *,
    max_tokens: int = 48,
    cancel: Event | None = None,
) -> list[Answer]:
    """Answer questions, each on its own; the answers are in the questions' order.

    The model's own ``ask_many`` where it has one, which writes several answers together; else
    its ``ask``, one after the other. Both write the same.

    Parameters
    ----------
    model : Model
        Any.
    questions : sequence of Question
        Of any regions, in any mixture; may be none.
    max_tokens : int
        Longest answer.
    cancel : threading.Event, optional
        Once set, the work stops within a token or a few.

    Raises
    ------
    QuestionError
        If one of the questions cannot be asked.
    Cancelled
        If ``cancel`` was set.
    """
    if not questions:
        return []
    together = _own(model, "ask_many")
    if together is not None:
        answers: list[Answer] = together(questions, max_tokens=max_tokens, cancel=cancel)
        return answers
    return [model.ask(one, max_tokens=max_tokens, cancel=cancel) for one in questions]


def _own(model: Model, name: str) -> Any:
    """Return a method of the model's own class.

    Not one that it passes on from a model inside it, which would leave out what it adds.
    """
    return getattr(model, name) if hasattr(type(model), name) else None
