"""A question to the student from its text to the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import QuestionError
from ...regions import Region
from ...results import Answer, Provenance, Question, Turn
from .configuration import MvaemaConfig
from .encoder import REGIONS
from .physical import Expander, plain, scale_of
from .processing import MvaemaProcessor
from .refusal import Refusal
from .seeing import Seen
from .wording import Scribe

__all__ = ["Asked", "check_regions"]


@dataclass(frozen=True, eq=False)
class Asked:
    """A question as the decoder reads it.

    Attributes
    ----------
    question : Question
        What was asked.
    text : str
        Its text as it is read.
    ids : list of int
        The prompt.
    most : int
        Longest answer in tokens.
    scribe : Scribe
        Takes the answer.
    """

    question: Question
    text: str
    ids: list[int]
    most: int
    scribe: Scribe

    @classmethod
    def of(
        cls,
        question: Question,
        processor: MvaemaProcessor,
        config: MvaemaConfig,
        max_tokens: int,
        on_text: Callable[[str], None] | None = None,
    ) -> Asked:
        """Read a question.

        Raises
        ------
        QuestionError
            If it is empty or too long, or has no region or too many.
        """
        # A lone surrogate, which a console can hold, is no text that a tokenizer takes.
        text = question.text.strip().encode("utf-8", "replace").decode()
        if not text:
            raise QuestionError("Type a question first.")
        check_regions(question.regions)
        longest = int(config.text_config.max_position_embeddings)
        most = max(min(max_tokens, longest // 2), 1)
        # The model has never read the lengths that follow its own words.
        turns = [Turn(turn.question, plain(turn.answer)) for turn in question.turns]
        dialogue = processor.encode_dialogue(turns, text, max_length=longest - most)
        expander = Expander(scale_of(question.regions), text)
        scribe = Scribe(processor.detokenizer(), expander, on_text, config.answer_calibration)
        return cls(question, text, dialogue.ids, most, scribe)

    def written(self, seen: Seen, provenance: Provenance) -> Answer:
        """Return the answer that the scribe has taken to the end."""
        scribe = self.scribe
        return Answer(
            question=self.text,
            text=scribe.text,
            regions=tuple(self.question.regions),
            attention=scribe.maps(seen.layouts),
            words=scribe.words(seen.layouts),
            confidence=scribe.confidence,
            provenance=provenance,
            turns=self.question.turns,
            tiled=self.question.tiled,
        )

    def refused(self, refusal: Refusal, provenance: Provenance) -> Answer:
        """Return the answer about what is no micrograph."""
        return Answer(
            question=self.text,
            text=refusal.text,
            regions=tuple(self.question.regions),
            attention=refusal.maps,
            words=refusal.words,
            confidence=refusal.confidence,
            provenance=provenance,
            turns=self.question.turns,
            tiled=self.question.tiled,
        )


def check_regions(regions: Sequence[Region]) -> None:
    """See that the student can look at so many regions together.

    Raises
    ------
    QuestionError
        If there is none, or there are more than two.
    """
    if not regions:
        raise QuestionError("Draw a region first.")
    if len(regions) > REGIONS:
        raise QuestionError(
            f"The bundled model compares two regions at most, not {len(regions)}; "
            "choose two of them, or ask about each alone."
        )
