"""What is kept of two passes over a picture: what agrees, and what the truth does not deny."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..labelled import CLOSED, FIELDS, NO_DEFECT, Record
from ..synthetic.truth import DEFECT_KINDS
from .agreement import near, numbers_in, plain_words, same_answer
from .pairs import CANNOT_TELL
from .truth import Truth

__all__ = ["DENIED", "agreed_labels", "agreed_pairs", "pairs_not_denied", "true_labels"]

_DISAGREE = "two answers disagree"
_ONCE = "only one answer"

DENIED = "the truth says otherwise"
"""Why something was dropped that masks, counts or the truth of synthetic pictures deny."""

_OUR_NAMES: dict[str, tuple[str, ...]] = {
    "pore or void": ("pore", "void"),
    "contamination": ("residue", "particle"),
    "broken part": ("break", "broken particle"),
    "missing part": ("missing hole",),
}
"""What a teacher's names may stand for in the truth."""

FEW = 12
"""Up to so many objects nobody says "many" or "not countable"."""


def agreed_labels(first: Record, second: Record) -> tuple[Record, Counter[str]]:
    """Keep the fields on which two passes agree.

    The description is left to a question of its own: two right ones need not share a word.
    """
    kept: Record = {}
    dropped: Counter[str] = Counter()
    for name in FIELDS:
        if name not in first:
            if name in second and name != "description":
                dropped[f"{name}: {_ONCE}"] += 1
            continue
        value = first[name]
        if name == "description":
            kept[name] = value
        elif name not in second:
            dropped[f"{name}: {_ONCE}"] += 1
        elif name == "annotations":
            again = {tuple(plain_words(text)) for text in second[name]}
            kept[name] = [text for text in value if tuple(plain_words(text)) in again]
            lost = len(value) - len(kept[name])
            dropped.update({f"{name}: {_DISAGREE}": lost} if lost else {})
        elif name == "defects":
            _keep_defects(value, second[name], kept, dropped)
        elif _same(name, value, second[name]):
            kept[name] = value
        else:
            dropped[f"{name}: {_DISAGREE}"] += 1
    return kept, dropped


def _same(name: str, first: Any, second: Any) -> bool:
    if name == "count" and isinstance(first, int) and isinstance(second, int):
        return near(first, second)
    return bool(first == second)


def _keep_defects(
    first: list[Record], second: list[Record], kept: Record, dropped: Counter[str]
) -> None:
    """Keep a list whose kinds agree; of the places those that do."""
    if {d["kind"] for d in first} != {d["kind"] for d in second}:
        dropped[f"defects: {_DISAGREE}"] += 1
        return
    places = {(d["kind"], d["where"]) for d in second}
    found = []
    for defect in first:
        sure = (defect["kind"], defect["where"]) in places
        if not sure and defect["where"] is not None:
            dropped[f"place of a defect: {_DISAGREE}"] += 1
        found.append({"kind": defect["kind"], "where": defect["where"] if sure else None})
    kept["defects"] = found


def true_labels(labels: Record, truth: Truth) -> tuple[Record, Record]:
    """Drop the fields that the truth denies.

    Returns
    -------
    (dict, dict)
        The fields that are kept, and ``[said, true]`` of those that are not: who measures how
        often a teacher is wrong must not look at what is kept alone.
    """
    kept: Record = {}
    denied: Record = {}
    for name, value in labels.items():
        if name in truth.fields and _denied(name, value, truth.fields[name]):
            denied[name] = [value, truth.fields[name]]
        else:
            kept[name] = value
    return kept, denied


def _denied(name: str, said: Any, true: Any) -> bool:
    if name in CLOSED:
        return bool(said != true)
    if name == "count" and isinstance(true, int):
        return not near(said, true) if isinstance(said, int) else true <= FEW
    if name == "defects":
        names = {d["kind"] for d in true} - {NO_DEFECT}
        kinds = {d["kind"] for d in said} - {NO_DEFECT}
        meant = [{kind, *_OUR_NAMES.get(kind, ())} for kind in kinds]
        # Every kind said is there, and every kind that is there was said.
        return not (all(m & names for m in meant) and names <= set().union(*meant))
    return False


def agreed_pairs(
    pairs: Sequence[tuple[str, str]], again: Sequence[str | None]
) -> tuple[list[tuple[str, str]], Counter[str]]:
    """Keep the questions that were answered alike when they were asked again."""
    kept: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for (question, answer), second in zip(pairs, again, strict=True):
        if second is None:
            dropped[f"question: {_ONCE}"] += 1
        elif CANNOT_TELL in (answer.casefold().strip("."), second.casefold().strip(".")):
            dropped["question: the picture does not tell"] += 1
        elif not same_answer(answer, second):
            dropped[f"question: {_DISAGREE}"] += 1
        else:
            kept.append((question, answer))
    return kept, dropped


def pairs_not_denied(
    pairs: Sequence[tuple[str, str]], truth: Truth
) -> tuple[list[tuple[str, str]], Counter[str]]:
    """Drop answers about counts and defects that the truth denies."""
    kept = [pair for pair in pairs if not _pair_denied(*pair, truth)]
    lost = len(pairs) - len(kept)
    return kept, Counter({f"question: {DENIED}": lost} if lost else {})


def _pair_denied(question: str, answer: str, truth: Truth) -> bool:
    asked = question.casefold()
    count, objects = truth.fields.get("count"), truth.objects
    if isinstance(count, int) and objects:
        # "How many particles are there?", not "How many particles touch the edge?"
        whole = rf"how many {objects}( are (there|visible|shown|in (the|this) \w+)| can be seen)?\b"
        if re.match(whole + r"[^a-z]*(in (the|this) \w+)?[^a-z]*$", asked):
            said = numbers_in(answer)
            return bool(said) and not near(said[0], count)
    defects = truth.fields.get("defects")
    found = re.match(r"(?:is|are) there (?:an? |any )?([a-z -]+?)(?: visible| in .*)?\?", asked)
    if defects is None or found is None:
        return False
    kinds = {d["kind"] for d in defects} - {NO_DEFECT}
    name = found[1].rstrip("s")
    said_yes = plain_words(answer)[:1] == ["yes"]
    said_no = plain_words(answer)[:1] == ["no"]
    if name in ("defect", "visible defect"):
        return (said_yes and not kinds) or (said_no and bool(kinds))
    if name not in DEFECT_KINDS:
        return False
    return (said_yes and name not in kinds) or (said_no and name in kinds)
