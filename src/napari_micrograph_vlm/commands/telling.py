"""Answers and classes as text in a shell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .cite import sources_text

if TYPE_CHECKING:
    from ..results import Answer, Classification

__all__ = ["answer_text", "classification_text"]


def answer_text(answer: Answer) -> str:
    """Return an answer, how it came about, what to doubt and where the model looked."""
    made = answer.provenance
    how = f"{made.model} on {made.device}, {made.seconds:.2f} s"
    lines = [f"  {number}. {step.text}" for number, step in enumerate(answer.steps, start=1)]
    sure = "" if math.isnan(answer.confidence) else f"confidence {answer.confidence:.2f}; "
    lines += [answer.text, f"  {sure}{how}"]
    lines += [f"  Check: {sentence}" for sentence in answer.warnings]
    lines += [f"  {line}" for line in sources_text(answer)]
    for number, (region, attention) in enumerate(
        zip(answer.regions, answer.attention, strict=True), start=1
    ):
        place = f" in region {number}" if len(answer.regions) > 1 else ""
        if not attention.has_focus:
            lines.append(f"  The model looked at nothing in particular{place}.")
            continue
        rows, columns = attention.values.shape
        row, column = attention.peak
        height, width = region.shape
        y = region.box[0] - 0.5 + (row + 0.5) * height / rows
        x = region.box[1] - 0.5 + (column + 0.5) * width / columns
        lines.append(f"  looked most at row {y:.0f}, column {x:.0f}{place}")
    return "\n".join(lines)


def classification_text(result: Classification, top: int) -> str:
    """Return the most probable classes of each region."""
    lines = []
    for index, region in enumerate(result.regions):
        if len(result) > 1:
            lines.append(f"{region.source} {','.join(map(str, region.box))}")
        if result.best[index] == result.UNKNOWN:
            lines.append(f"{result.UNKNOWN}: no class reaches {result.threshold:g}")
        lines += [f"{probability:.3f}  {name}" for name, probability in result.top(index, top)]
    return "\n".join(lines)
