"""Texts about figures as conversations, the form that fine-tuning takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import MicrographError, SourceError
from ..chat import ChatExample, Message
from .refined import KINDS
from .review import Review, Reviewed
from .subjects import subject_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CAPTIONS", "chat_examples", "chosen_texts"]

CAPTIONS = ("needed", "never", "always")
"""When a question comes with the caption: where the answer needs it, never, always."""

SIDE = 1536
"""Longest side of a picture in the dataset, in pixels."""

_DESCRIBE = (
    "Describe this picture.",
    "What is to be seen here?",
    "Say in a few sentences what this picture shows.",
    "Describe what you see and what it is.",
)
_REASON = (
    "What does this picture tell about the material? Reason step by step.",
    "What can be concluded from this picture, and why?",
    "Explain step by step what follows from what is seen here.",
)


def chosen_texts(
    review: Review,
    *,
    accepted: bool = False,
    kinds: Sequence[str] = KINDS,
    pictures: Sequence[str] = (),
) -> list[Reviewed]:
    """Return the texts to learn from: never one that was rejected.

    Parameters
    ----------
    review : Review
        The folder's texts and verdicts.
    accepted : bool
        Only those that a person accepted.
    kinds : sequence of str
        ``"description"``, ``"reasoning"``, ``"question"``.
    pictures : sequence of str
        Only of these kinds of picture, such as ``"micrograph"``; none: all.

    Raises
    ------
    SourceError
        If there is none.
    """
    found = [
        one
        for one in review.texts
        if one.text.kind in kinds
        and (not pictures or one.picture in pictures)
        and (one.verdict == "accepted" if accepted else one.verdict != "rejected")
    ]
    if not found:
        what = "was accepted" if accepted else "is left"
        raise SourceError(
            f"No text of {review.folder} {what} to learn from; see them with "
            "`napari-micrograph-vlm data review FOLDER`."
        )
    return found


def chat_examples(
    review: Review,
    texts: Sequence[Reviewed],
    *,
    captions: str = "needed",
    together: bool = False,
    skipped: list[str] | None = None,
) -> Iterator[ChatExample]:
    """Turn texts into conversations; a paper's are one group, so never in two splits.

    Parameters
    ----------
    review : Review
        Where the pictures are.
    texts : sequence of Reviewed
        Those about one figure follow each other.
    captions : str
        One of :data:`CAPTIONS`. What only the caption says cannot be seen: a model that is asked
        for it with the picture alone learns to make things up.
    together : bool
        One conversation a figure instead of one a text.
    skipped : list of str, optional
        Gets one sentence for each figure whose picture cannot be read.
    """
    if captions not in CAPTIONS:
        raise SourceError(f"{captions!r} is none of {', '.join(CAPTIONS)}.")
    by_figure: dict[tuple[str, str], list[Reviewed]] = {}
    for one in texts:
        letter = "" if one.panel is None else one.panel.letter
        by_figure.setdefault((one.figure.id, letter), []).append(one)
    for about in by_figure.values():
        first = about[0]
        try:
            image = _picture(review.folder, first)
        except MicrographError as error:
            if skipped is not None:
                skipped.append(f"{first.where}: {error}")
            continue
        parts = [about] if together else [[one] for one in about]
        for part in parts:
            yield ChatExample(
                id=part[0].id,
                images=(image,),
                messages=tuple(_messages(part, captions)),
                group=first.figure.doi or first.figure.paper,
                source=first.where,
            )


def _messages(part: Sequence[Reviewed], captions: str) -> Iterator[Message]:
    told = False
    for i, one in enumerate(part):
        asked = one.asked or _ask(one)
        wanted = captions == "always" or (captions == "needed" and one.text.needs_caption)
        if wanted and not told:
            asked = f"The caption of this picture: “{one.caption}”\n\n{asked}"
            told = True
        yield Message("user", asked, images=1 if i == 0 else 0)
        yield Message("assistant", one.said)


def _ask(one: Reviewed) -> str:
    """Return a question for a text without one: another for another text, the same in each run."""
    choices = _DESCRIBE if one.text.kind == "description" else _REASON
    return choices[int(one.id[:4], 16) % len(choices)]


def _picture(folder: Path, one: Reviewed) -> Image.Image:
    return subject_of(folder, one.figure, one.panel).show(SIDE).image
