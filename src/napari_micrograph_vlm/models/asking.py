"""What goes into a question to a large model: checks, wordings, and what is asked unasked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import QuestionError
from ..regions import Region
from ..results import Question
from .families.base import Family

__all__ = ["LISTED", "SUGGESTIONS", "as_arrays", "checked", "tiles_of", "which_of"]

LISTED = 60
"""Most labels that are named in the question; more would make it too long to read."""

TOLD = 4000
"""Most characters of names and sentences in the question; where there are more, names only."""

SUGGESTIONS = (
    "Describe this micrograph.",
    "What defects are there?",
    "What material could this be, and why?",
    "How are the particles arranged?",
    "Is this an SEM or a TEM image?",
)
"""Questions that any model of micrographs can be asked."""


def tiles_of(family: Family, region: Region, tiled: bool | None) -> int:
    """Return the number of tiles a region is seen in; 1 where it is not tiled."""
    if tiled is False:
        return 1
    given = family.prepare(region, tiled)
    return max(len(given.views) - 1, 1) if given.tiled else 1


def checked(question: Question, family: Family, name: str) -> Question:
    """Return a question that can be asked.

    Raises
    ------
    QuestionError
        If it is empty, or about no region or too many.
    """
    # A lone surrogate, which a console can hold, is no text that a tokenizer takes.
    text = question.text.strip().encode("utf-8", "replace").decode()
    if not text:
        raise QuestionError("Type a question first.")
    if not question.regions:
        raise QuestionError("Draw a region first.")
    most = family.max_regions
    if len(question.regions) > most:
        raise QuestionError(
            f"The model {name} looks at {most} region{'s' if most > 1 else ''} at a time, not "
            f"{len(question.regions)}; choose fewer."
        )
    return replace(question, text=text, regions=tuple(question.regions))


def which_of(names: Sequence[str], sentences: Sequence[str] = ()) -> str:
    """Return the question that labels are answers to.

    Parameters
    ----------
    names : sequence of str
        The labels.
    sentences : sequence of str
        What each looks like, as far as somebody said; empty: nobody did.
    """
    if len(names) > LISTED:
        return "What is shown in this micrograph? Answer with a few words."
    if any(sentences) and sum(map(len, names)) + sum(map(len, sentences)) <= TOLD:
        lines = [
            f"- {name}: {sentence}" if sentence else f"- {name}"
            for name, sentence in zip(names, sentences, strict=True)
        ]
        return "\n".join(
            ["Which of these is shown in this micrograph?", *lines, "Answer with the name only."]
        )
    listed = ", ".join(names[:-1]) + f" or {names[-1]}"
    return f"What is shown in this micrograph: {listed}? Answer with one of these only."


def as_arrays(shares: Sequence[Tensor]) -> tuple[NDArray[np.float32], ...]:
    """Bring tensors of any kind and place to arrays."""
    return tuple(share.detach().float().cpu().numpy() for share in shares)
