"""What comes back: answers, classifications, attention maps and where they came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .attention_map import AttentionMap, map_to_dict
from .citations import Citation, Part, unmarked
from .regions import Region

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Answer",
    "AttentionMap",
    "Classification",
    "Provenance",
    "Question",
    "Step",
    "Turn",
    "Word",
]


@dataclass(frozen=True)
class Turn:
    """An earlier question of the same conversation and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class Question:
    """What a model is asked.

    Attributes
    ----------
    text : str
        The question.
    regions : tuple of Region
        One region, two to compare, or more (frames of a stack).
    turns : tuple of Turn
        Earlier turns of the conversation, oldest first.
    tiled : bool or None
        Whether to look at the region in tiles at full detail; None: where it is reduced more
        than threefold.
    """

    text: str
    regions: tuple[Region, ...]
    turns: tuple[Turn, ...] = ()
    tiled: bool | None = None


@dataclass(frozen=True, eq=False)
class Word:
    """One word of an answer.

    Attributes
    ----------
    start, stop : int
        The word is ``answer.text[start:stop]``.
    probability : float
        Product of the probabilities of its tokens; NaN where a server does not tell.
    attention : tuple of AttentionMap
        One map for each region, on that region's grid.
    """

    start: int
    stop: int
    probability: float
    attention: tuple[AttentionMap, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One step on the way to a reasoned answer.

    Attributes
    ----------
    text : str
        What the model wrote, without ``"Step 1:"``.
    attention : tuple of AttentionMap
        Where it looked as it wrote this: one map for each region, on that region's grid.
    """

    text: str
    attention: tuple[AttentionMap, ...]


@dataclass(frozen=True)
class Provenance:
    """Enough to ask again.

    Attributes
    ----------
    model, revision : str
        Name of the model, and what identifies its weights.
    device : str
        Where it ran, such as ``"cpu"`` or ``"cuda:0"``.
    seconds : float
        From the question to the last token.
    version : str
        Version of this package.
    asked : str
        Date and time, ISO 8601, UTC.
    tiles : int
        Number of tiles each region was seen in (1: not tiled).
    """

    model: str
    revision: str
    device: str
    seconds: float
    version: str
    asked: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    tiles: int = 1


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer about one or more regions.

    Attributes
    ----------
    question, text : str
        What was asked and what the model wrote.
    regions : tuple of Region
        What it looked at.
    attention : tuple of AttentionMap
        Where it looked for the whole answer: one map for each region, on that region's grid.
    words : tuple of Word
        The words of ``text``, each with its own maps.
    confidence : float
        How sure the model is, 0 to 1: the bundled student's is the probability that the answer
        is right, fitted on answers kept aside; else the geometric mean of its tokens'. NaN
        where a server does not tell.
    turns : tuple of Turn
        The conversation before this question.
    provenance : Provenance
        Model, device, time.
    question_words : tuple of Word
        The words of ``question``, each with where the model looked when it read it and the
        probability 1; empty where the model does not record that.
    steps : tuple of Step
        How the model came to its answer, where it was asked to reason; ``text`` is the final
        answer alone.
    tiled : bool or None
        As in the :class:`Question` that it answers, or False where memory was short for tiles; to
        ask again in the same way.
    citations : tuple of Citation
        Figures of papers that are like the regions, where an index of them was given; each says
        whether the model was told its caption and whether a part of the answer rests on it.
    parts : tuple of Part
        All of ``text``, cut into what is from the image and what is from a citation; empty where
        the model was told no captions, so that all is from the image.
    notes : tuple of str
        What was changed in the answer and why, a sentence each: marks that no caption supports.
    """

    question: str
    text: str
    regions: tuple[Region, ...]
    attention: tuple[AttentionMap, ...]
    words: tuple[Word, ...]
    confidence: float
    provenance: Provenance
    turns: tuple[Turn, ...] = ()
    question_words: tuple[Word, ...] = ()
    steps: tuple[Step, ...] = ()
    tiled: bool | None = None
    citations: tuple[Citation, ...] = ()
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        at = self.provenance
        return (
            f"Answer({self.text!r}, confidence={self.confidence:.2f}, "
            f"model={at.model!r}, device={at.device!r}, {at.seconds:.2f} s)"
        )

    @property
    def next_turns(self) -> tuple[Turn, ...]:
        """The conversation including this answer, for a follow-up question."""
        return (*self.turns, Turn(self.question, unmarked(self.text, self.parts)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to doubt of the answer, a sentence each: sizes that do not fit, and the notes."""
        from .measuring.stated import impossible_sizes

        text = self.text
        for part in self.parts:
            if part.sources:  # sizes of another sample
                text = text[: part.start] + " " * (part.stop - part.start) + text[part.stop :]
        return (*impossible_sizes(replace(self, text=text)), *self.notes)

    def at_word(self, word: Word) -> Answer:
        """Return the same answer with the maps of one word as its attention."""
        return replace(self, attention=word.attention)

    def at_step(self, step: Step) -> Answer:
        """Return the same answer with the maps of one step as its attention."""
        return replace(self, attention=step.attention)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but pixels, ready for JSON."""
        return {
            "question": self.question,
            "answer": self.text,
            "confidence": _rounded(self.confidence),
            "warnings": list(self.warnings),
            "regions": [region.to_dict() for region in self.regions],
            "attention": [map_to_dict(m) for m in self.attention],
            "words": [
                {"text": self.text[w.start : w.stop], "probability": _rounded(w.probability)}
                for w in self.words
            ],
            "steps": [
                {"text": step.text, "attention": [map_to_dict(m) for m in step.attention]}
                for step in self.steps
            ],
            "turns": [asdict(turn) for turn in self.turns],
            "provenance": asdict(self.provenance),
            "citations": [one.to_dict() for one in self.citations],
            "parts": [
                {"text": self.text[one.start : one.stop], **one.to_dict()} for one in self.parts
            ],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as a JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def show(self, viewer: Any = None) -> Any:
        """Show where the model looked in napari.

        Parameters
        ----------
        viewer : napari.Viewer, optional
            The current viewer, or a new one, by default.

        Returns
        -------
        napari.Viewer
            The viewer that shows it.
        """
        from ._window import window

        return window().show_answer(self, viewer)


@dataclass(frozen=True, eq=False)
class Classification:
    """Probabilities of named classes for one or more regions.

    Attributes
    ----------
    labels : tuple of str
        The class names, in the order they were given.
    probabilities : (regions, labels) float32 array
        Rows sum to 1.
    regions : tuple of Region
        What was classified.
    attention : tuple of AttentionMap
        Where the model looked for the best class: one map a region, on that region's grid.
    provenance : Provenance
        Model, device, time.
    threshold : float
        A best class less probable than this is called unknown.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    regions: tuple[Region, ...]
    attention: tuple[AttentionMap, ...]
    provenance: Provenance
    threshold: float = 0.0

    UNKNOWN = "unknown"

    def __len__(self) -> int:
        return len(self.regions)

    def __str__(self) -> str:
        return "\n".join(
            f"{region.source} {list(region.box)}: {best} ("
            + ", ".join(f"{name} {probability:.2f}" for name, probability in self.top(i, 3))
            + ")"
            for i, (region, best) in enumerate(zip(self.regions, self.best, strict=True))
        )

    def __repr__(self) -> str:
        return f"Classification({', '.join(self.best)!s} of {list(self.labels)})"

    def top(self, index: int = 0, k: int = 5) -> list[tuple[str, float]]:
        """Return the ``k`` most probable (name, probability) pairs of one region."""
        row = self.probabilities[index]
        order = np.argsort(-row, kind="stable")[:k]
        return [(self.labels[i], float(row[i])) for i in order]

    @property
    def best(self) -> tuple[str, ...]:
        """The most probable class of each region, or ``"unknown"`` below the threshold."""
        return tuple(
            name if probability >= self.threshold else self.UNKNOWN
            for name, probability in (self.top(i, 1)[0] for i in range(len(self)))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but pixels, ready for JSON."""
        return {
            "labels": list(self.labels),
            "threshold": self.threshold,
            "regions": [
                {
                    **region.to_dict(),
                    "best": best,
                    "probabilities": {
                        name: round(float(p), 4) for name, p in zip(self.labels, row, strict=True)
                    },
                    "attention": map_to_dict(attention),
                }
                for region, best, row, attention in zip(
                    self.regions, self.best, self.probabilities, self.attention, strict=True
                )
            ],
            "provenance": asdict(self.provenance),
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as a JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a region: source, box, best class, probabilities."""
        import pandas as pd

        table = pd.DataFrame(self.probabilities, columns=list(self.labels))
        table.insert(0, "best", list(self.best))
        table.insert(0, "box", [list(region.box) for region in self.regions])
        table.insert(0, "source", [region.source for region in self.regions])
        return table

    def show(self, viewer: Any = None) -> Any:
        """Show the classes and where the model looked in napari (see :meth:`Answer.show`)."""
        from ._window import window

        return window().show_classification(self, viewer)


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)
