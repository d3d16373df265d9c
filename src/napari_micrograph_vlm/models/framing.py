"""Frames of a stack asked about together: several pictures, or one sheet with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..frames.cutouts import are_frames
from ..regions import Region
from ..results import Answer, AttentionMap, Question, Word
from .base import Model
from .conditions import told_to
from .wrapping import WrappedModel

if TYPE_CHECKING:
    from ..frames.montage import Montage

__all__ = ["FramesModel", "as_sheet", "framed"]


def framed(model: Model, regions: Sequence[Region]) -> Model:
    """Return a model that can be asked about these regions: around it where they are frames."""
    return FramesModel(model) if are_frames(regions) else model


def as_sheet(model: Model, count: int) -> bool:
    """Whether a model is given so many frames as one sheet and not as several pictures."""
    return count > int(getattr(model, "most_frames", 1))


class FramesModel(WrappedModel):
    """Asks a model about the frames of a stack.

    A model that takes several pictures gets them in order, each with its name; any other gets one
    sheet (see :mod:`..frames.montage`), and where it looked on the sheet is cut into a map for
    each frame. Either way the answer is about the frames, with one map each, and the maps'
    ``share`` tells how the attention divides between them where that is known.
    """

    def __getattr__(self, name: str) -> Any:
        """Offer whatever else the model does; scores too, where it gives any."""
        found = super().__getattr__(name)
        return self._score if name == "score" else found

    @property
    def check_pictures(self) -> bool:
        """Whether the model refuses what is no micrograph; set on the model itself."""
        return bool(self.__getattr__("check_pictures"))

    @check_pictures.setter
    def check_pictures(self, value: bool) -> None:
        self.model.check_pictures = value  # type: ignore[attr-defined]

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        **options: Any,
    ) -> Answer:
        """Answer a question about frames.

        Parameters
        ----------
        question, on_text, cancel, max_tokens
            As for :meth:`..base.Model.ask`. Whatever ``tiled`` says, a picture of its own is seen
            whole and a sheet in tiles where that shows more: seen whole, each frame is small.
        **options
            Whatever else the model takes.
        """
        given, montage = self._given(question)
        if montage is not None and hasattr(self.model, "check_pictures"):
            options.setdefault("refuse", False)  # a sheet is no micrograph, and may look like it
        said = self.model.ask(
            given, on_text=on_text, cancel=cancel, max_tokens=max_tokens, **options
        )
        if montage is None:
            return said
        return replace(
            said,
            question=question.text.strip(),
            regions=tuple(question.regions),
            attention=_cut(montage, said.attention),
            words=_words(montage, said.words),
            question_words=_words(
                montage,
                [word for word in said.question_words if word.stop <= len(question.text.strip())],
            ),
            tiled=question.tiled,
        )

    def _score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return how likely given answers are: log-likelihoods, (L,)."""
        given, _montage = self._given(question)
        found: NDArray[np.float64] = self.model.score(given, answers, cancel)  # type: ignore[attr-defined]
        return found

    def _given(self, question: Question) -> tuple[Question, Montage | None]:
        """Return what the model is asked, and the sheet that it is asked about."""
        if len(question.regions) < 2 or not as_sheet(self.model, len(question.regions)):
            return replace(question, tiled=False), None
        from ..frames.montage import SHEET, montage_of

        montage = montage_of(question.regions)
        text, sheet = question.text, montage.region
        if text.strip() and getattr(self.model, "reasons", True):
            # A model of a few words has never read of sheets, and would lose the question.
            told = told_to(self.model, question.regions).replace("Each picture", "Each frame", 1)
            text = " ".join(filter(None, (f"{text.strip()}\n\n{explanation(montage)}", told)))
        # What is known of a frame would be said of the sheet, which is larger.
        sheet = replace(sheet, pixel_size=None, unit="pixel", scale_from=SHEET, instrument=None)
        return replace(question, text=text, regions=(sheet,), tiled=True), montage


def explanation(montage: Montage) -> str:
    """Return what a model is told of a sheet, behind the question."""
    names = ", ".join(region.label or f"frame {i}" for i, region in enumerate(montage.frames))
    return (
        f"(The picture is a sheet of {len(montage.frames)} frames in rows of {montage.columns}, "
        f"from left to right and from top to bottom: {names}. The name of each frame stands "
        "above it.)"
    )


def _cut(montage: Montage, maps: tuple[AttentionMap, ...]) -> tuple[AttentionMap, ...]:
    return montage.cut(maps[0])


def _words(montage: Montage, words: Sequence[Word]) -> tuple[Word, ...]:
    return tuple(
        replace(word, attention=_cut(montage, word.attention)) if word.attention else word
        for word in words
    )
