"""Questions of a session, and the words around their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING

from ..attention.relevance import Method
from ..attention.trust import Trust
from ..results import Answer, AttentionMap
from .handler_regions import Chosen
from .region_picture import name_shapes

if TYPE_CHECKING:
    from ..measuring.measurement import Measurement

__all__ = ["STOPPED", "SUGGESTIONS", "Entry", "covering", "describe"]

SUGGESTIONS = (
    "What is this?",
    "Is there a defect here?",
    "What kind of defect is it?",
    "Where is the defect?",
    "Describe this region.",
)
"""Offered until a model is loaded that has its own."""

STOPPED = "(stopped)"


@dataclass
class Entry:
    """A question of this session.

    Attributes
    ----------
    question : str
        What was asked.
    text : str
        What has been written so far, or why nothing was.
    answer : Answer or None
        The answer once it is complete.
    ended : bool
        Whether nothing more will be written.
    region : Chosen or None
        What was chosen when it was asked.
    trust : Trust or None
        What checking the answer has told; None until it is checked.
    covered : tuple of AttentionMap
        Which covered parts mattered, a map for each region; empty until that is looked at.
    method : Method
        How the maps of ``answer`` are made.
    versions : dict
        The answer with the maps of each method that was asked for.
    model : str or None
        The model that was chosen when it was asked; None: the default.
    measured : tuple of Measurement
        The sizes of what it is about, a measurement for each region; empty until it is measured.
    """

    question: str
    text: str = ""
    answer: Answer | None = None
    ended: bool = False
    region: Chosen | None = None
    trust: Trust | None = None
    covered: tuple[AttentionMap, ...] = ()
    method: Method = Method.LAYERS
    versions: dict[Method, Answer] = field(default_factory=dict)
    model: str | None = None
    measured: tuple[Measurement, ...] = ()

    @classmethod
    def of(cls, answer: Answer, model: str | None) -> Entry:
        """Return the entry of an answer from an earlier session; ``model`` is chosen now."""
        known = [method for method in Method for each in answer.attention if each.method == method]
        method = known[0] if known else Method.LAYERS
        return cls(
            answer.question,
            answer.text,
            answer,
            ended=True,
            method=method,
            versions={method: answer},
            model=model,
        )

    @property
    def fell_back(self) -> bool:
        """Whether the maps are not made as asked for, such as for want of memory."""
        made = {each.method for each in (() if self.answer is None else self.answer.attention)}
        if self.method is Method.OCCLUSION:
            return bool(made - {Method.OCCLUSION})
        return self.method is not Method.LAYERS and Method.LAYERS in made

    @property
    def looked(self) -> Answer | None:
        """The answer with maps of where the model looked; None: only covered parts are known."""
        if self.method is not Method.OCCLUSION:
            return self.answer
        return next((a for m, a in self.versions.items() if m is not Method.OCCLUSION), None)


def covering(done: int, parts: int) -> str:
    """Return how far covering parts of the picture has come."""
    return f"Covering parts: {done} of {parts}"


def describe(answer: Answer, index: int = -1) -> str:
    """Return one line on an answer or one of its words: sureness, time, model, device, shapes."""
    at = answer.provenance
    if 0 <= index < len(answer.words):
        word = answer.words[index]
        maps = word.attention
        start = f"“{answer.text[word.start : word.stop]}”"
        if not isnan(word.probability):  # a server may not tell
            start += f" {100 * word.probability:.0f} % sure"
    else:
        maps = answer.attention
        start = f"{at.seconds:.1f} s · {at.model} · {at.device}"
        if not isnan(answer.confidence):
            start = f"confidence {100 * answer.confidence:.0f} % · {start}"
    parts = [start, name_shapes(answer.regions)]
    if maps and not any(each.has_focus for each in maps):
        parts.append("no clear focus")
    return " · ".join(part for part in parts if part)
