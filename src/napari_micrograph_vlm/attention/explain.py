"""The same answer with maps made in another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

from ..errors import Cancelled, ModelError
from ..models.base import Model
from ..results import Answer, Question
from .occlusion import occlusion_maps
from .relevance import REPLAYED, Method, Settings

__all__ = ["asked", "covered", "explained", "methods_of"]


def methods_of(model: Model) -> tuple[Method, ...]:
    """Return the ways in which a model can show where it looked, the recommended one first."""
    found = getattr(model, "methods", None)
    return tuple(found) if found else (Method.LAYERS, Method.OCCLUSION)


def asked(
    model: Model,
    question: Question,
    method: Method = Method.LAYERS,
    *,
    on_text: Callable[[str], None] | None = None,
    on_part: Callable[[int, int], None] | None = None,
    cancel: Event | None = None,
    max_tokens: int = 48,
) -> Answer:
    """Ask a question and have the maps made by a method; the model's own where it has no choice.

    Parameters
    ----------
    model, question, on_text, cancel, max_tokens
        As for :meth:`..models.base.Model.ask`.
    method : Method
        One of :func:`methods_of`; the recommended one instead where it is none, or memory is
        short for it once the answer is there.
    on_part : callable, optional
        As for :func:`explained`.

    Raises
    ------
    Cancelled
        If ``cancel`` was set; with what had been written.
    """
    options: dict[str, Any] = {}
    settings = getattr(model, "relevance", None)
    covering = method is Method.OCCLUSION
    own = covering or method is Method.LAYERS
    if isinstance(settings, Settings) and method in methods_of(model) and not own:
        options["relevance"] = Settings(method, settings.layers)
    answer = model.ask(question, on_text=on_text, cancel=cancel, max_tokens=max_tokens, **options)
    return covered(model, answer, on_part=on_part, cancel=cancel) if covering else answer


def covered(
    model: Model,
    answer: Answer,
    *,
    on_part: Callable[[int, int], None] | None = None,
    cancel: Event | None = None,
) -> Answer:
    """Return an answer with maps made by covering; as it is where these cannot be made.

    Raises
    ------
    Cancelled
        If ``cancel`` was set; with the answer's text.
    """
    try:
        return explained(model, answer, Method.OCCLUSION, on_part=on_part, cancel=cancel)
    except Cancelled:
        raise Cancelled(answer.text) from None
    except ModelError:
        return answer


def explained(
    model: Model,
    answer: Answer,
    method: Method,
    *,
    on_part: Callable[[int, int], None] | None = None,
    cancel: Event | None = None,
) -> Answer:
    """Return an answer with maps made by another method.

    Parameters
    ----------
    model : Model
        The one that gave the answer.
    answer : Answer
        What it said.
    method : Method
        One of :func:`methods_of`. By :attr:`.Method.OCCLUSION` the words have the map of the
        whole answer.
    on_part : callable, optional
        Called with the number of parts covered so far and of all parts.
    cancel : threading.Event, optional
        Once set, the work stops.

    Raises
    ------
    ModelError
        If the model cannot make such maps.
    Cancelled
        If ``cancel`` was set.
    """
    if method not in methods_of(model):
        raise ModelError(
            f"The model {model.name} cannot make maps in this way; choose 'As recommended'."
        )
    if method is Method.OCCLUSION:
        maps = occlusion_maps(model, answer, on_part=on_part, cancel=cancel)
        words = tuple(replace(word, attention=maps) for word in answer.words)
        return replace(answer, attention=maps, words=words)
    question = Question(answer.question, answer.regions, answer.turns, answer.tiled)
    most = 3 * len(answer.text.split()) + 48
    said = asked(model, question, method, cancel=cancel, max_tokens=most)
    if method in REPLAYED and all(each.method == Method.LAYERS for each in said.attention):
        raise ModelError(
            "There is not enough memory to make maps in this way; choose 'As recommended' in "
            "Advanced, or ask without tiles."
        )
    # Where the longest answer cut the first one off, its words are the beginning of these.
    words = tuple(
        replace(word, attention=other.attention)
        for word, other in zip(answer.words, said.words, strict=False)
    )
    steps = said.steps if len(said.steps) == len(answer.steps) else answer.steps
    return replace(answer, attention=said.attention, words=words, steps=steps)
