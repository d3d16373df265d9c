"""A model that cites: figures like the regions, told as sources or laid beside the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..citations import Citation
from ..models.consent import CAPTIONS
from ..models.wrapping import WrappedModel
from ..results import Answer, Question
from .index import FigureIndex
from .marks import marked

if TYPE_CHECKING:
    from ..models.base import Model
    from ..models.remote.address import Address

__all__ = [
    "COUNT",
    "CitingModel",
    "address_of",
    "agreed",
    "index_of",
    "takes_sources",
    "told_sources",
]

COUNT = 3
"""Figures beside an answer."""

LONGEST = 600
"""Letters of a caption that a model is told."""

_MARKS = 12
"""Tokens for the marks, besides those for the answer."""


class CitingModel(WrappedModel):
    """Looks up figures like the regions before it asks the model inside.

    A model that takes instructions is told their captions as numbered sources and marks what it
    has from them; the marks are checked. Any other, such as the bundled student, is asked as
    always, and the figures stand beside its answer.

    Parameters
    ----------
    model : Model
        Any.
    index : FigureIndex, optional
        Where figures are looked up.
    count : int
        Figures at most.
    known : sequence of Citation, optional
        Used instead of the index: to ask again with the same sources.
    send : bool or None
        Whether captions may go to the server that the model is behind; it holds for this object
        alone. Without it the figures only stand beside the answer. None: only those of ``known``,
        and only where the user agreed in the window that captions of their folders go there.
    """

    def __init__(
        self,
        model: Model,
        index: FigureIndex | None = None,
        *,
        count: int = COUNT,
        known: Sequence[Citation] = (),
        send: bool | None = None,
    ) -> None:
        name, revision = model.name, model.revision
        if index is not None:
            name = f"{name}, citing {len(index)} figures"
            revision = f"{revision} with figures {index.digest}"
        super().__init__(model, name=name, revision=revision)
        self.index, self.count, self.known = index, count, tuple(known)
        self._send = send

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        **options: Any,
    ) -> Answer:
        """Answer a question and say which figures are alike.

        Parameters
        ----------
        question, on_text, cancel, max_tokens
            As for :meth:`..models.base.Model.ask`; what ``on_text`` gets still has all marks.
        **options
            Whatever else the model takes.

        Returns
        -------
        Answer
            With its ``citations``, and ``parts`` where the model was told the captions.
        """
        text = question.text.strip()
        found = list(self.known)
        if self.index is not None and text and question.regions:
            found = self.index.similar(question.regions, text, self.count, cancel=cancel)
        tells = bool(found) and takes_sources(self.model) and self._may_send(found)
        given = replace(question, text=f"{text}\n\n{told_sources(found)}") if tells else question
        said = self.model.ask(
            given,
            on_text=on_text,
            cancel=cancel,
            max_tokens=max_tokens + (_MARKS if tells else 0),
            **options,
        )
        return marked(said, text, found) if tells else replace(said, citations=tuple(found))

    def __getattr__(self, name: str) -> Any:
        """Offer whatever else the model does; scores with the sources told, too."""
        found = super().__getattr__(name)
        return self._score if name == "score" else found

    def _score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return how likely given answers are, with the known sources: log-likelihoods, (L,)."""
        if self.known and takes_sources(self.model) and self._may_send(self.known):
            text = f"{question.text.strip()}\n\n{told_sources(self.known)}"
            question = replace(question, text=text)
        found: NDArray[np.float64] = self.model.score(question, answers, cancel)  # type: ignore[attr-defined]
        return found

    def _may_send(self, citations: Sequence[Citation]) -> bool:
        address = address_of(self.model)
        if address is None:
            return True
        if self._send is None:
            return self.index is None and agreed(address, citations)
        return self._send


def takes_sources(model: Model) -> bool:
    """Whether a model takes instructions.

    The bundled student was taught short answers only; models of the BLIP and PaliGemma families
    take a question or a task and nothing around it.
    """
    family = getattr(model, "family", None)
    return bool(getattr(model, "reasons", True)) and bool(getattr(family, "takes_conditions", True))


def told_sources(citations: Sequence[Citation]) -> str:
    """Return what a model is told of figures, behind the question: captions, no file names."""
    lines = [f"[{one.number}] {_short(' '.join(one.figure.caption.split()))}" for one in citations]
    numbers = " or ".join(f"[{one.number}]" for one in citations)
    return "\n".join(
        [
            "Captions of similar figures from papers. They show other samples:",
            *lines,
            f"Answer from the picture. Write {numbers} right behind a sentence that you take from "
            "that caption, and no number behind what you see in the picture.",
        ]
    )


def address_of(model: Model) -> Address | None:
    """Return the server that a model is behind; None: it runs here."""
    client = getattr(model, "client", None)
    found: Address | None = getattr(client, "address", None)
    return found


def agreed(address: Address, citations: Sequence[Citation]) -> bool:
    """Whether the user agreed in the window that captions of all these figures go to a server."""
    return all(CAPTIONS.granted(address, one.folder) for one in citations)


def index_of(cite: FigureIndex | str | PathLike[str], device: str = "auto") -> FigureIndex:
    """Return an index, read from its folder where that is given."""
    if isinstance(cite, (str, PathLike)):
        return FigureIndex.load(Path(cite), device=device)
    return cite


def _short(caption: str) -> str:
    if len(caption) <= LONGEST:
        return caption
    return f"{caption[:LONGEST].rsplit(' ', 1)[0]} …"
