"""One sentence for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import Answer, Classification
from ..runs.findings import Run

__all__ = ["methods_sentence"]

SPELT_OUT = 12
"""Longer lists of classes, or of questions, are counted instead of written out."""


def methods_sentence(result: Run | Answer | Classification, *, method: str = "") -> str:
    """Say what was done, in a sentence that can be pasted into a paper.

    Parameters
    ----------
    result : Run, Answer or Classification
        What was done.
    method : str
        How the maps of a run were found, such as ``"cross-attention"``; answers and
        classifications know theirs.

    Returns
    -------
    str
        Model, revision, version of this package, settings and date.
    """
    if isinstance(result, Run):
        task, labels = result.task, result.task.label_set
        parts = []
        if labels is not None:
            named = f"label set “{_plain(labels.name)}”, digest {labels.digest}"
            parts.append(_classified(labels.names, task.threshold, named))
        if task.questions:
            parts.append(_asked(task.questions))
        seen = {True: "seen in tiles at full detail", False: "seen whole, not in tiles"}
        return _sentence(
            ", and ".join(parts) or "looked at the regions",
            (result.model, result.revision, result.device),
            result.version,
            result.started,
            "" if task.tiled is None else seen[task.tiled],
            method,
        )
    made = result.provenance
    if isinstance(result, Classification):
        done = _classified(result.labels, result.threshold)
    else:
        regions = "the region" if len(result.regions) == 1 else f"{len(result.regions)} regions"
        done = f"answered “{_plain(result.question)}” about {regions}"
        if result.turns:
            done += f" after {_count(len(result.turns), 'earlier question')}"
    return _sentence(
        done,
        (made.model, made.revision, made.device),
        made.version,
        made.asked,
        f"seen in {made.tiles} tiles" if made.tiles > 1 else "",
        method or next((each.method for each in result.attention), ""),
    )


def _sentence(
    done: str, model: tuple[str, str, str], version: str, when: str, seen: str, method: str
) -> str:
    name, revision, device = map(_plain, model)
    text = (
        f"The vision-language model {name} (revision {revision}, on {device}), run by "
        f"napari-micrograph-vlm {_plain(version)} on {_plain(when)[:10]}, {done}"
    )
    if seen:
        text += f"; the regions were {seen}"
    if method:
        text += f"; where it looked was mapped by {_plain(method)}"
    return f"{text}."


def _classified(names: Sequence[str], threshold: float, of: str = "") -> str:
    said = [", ".join(map(_plain, names))] if len(names) <= SPELT_OUT else []
    inside = "; ".join([*said, *([of] if of else [])])
    text = f"gave each region one of {len(names)} classes" + (f" ({inside})" if inside else "")
    if threshold > 0:
        text += f", or “unknown” where none reached a probability of {threshold:g}"
    return text


def _asked(questions: Sequence[str]) -> str:
    if len(questions) > SPELT_OUT:
        return f"answered {len(questions)} questions about each region"
    said = ", ".join(f"“{_plain(question)}”" for question in questions)
    return f"answered {said} about each region"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _plain(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())
