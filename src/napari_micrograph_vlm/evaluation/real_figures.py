"""The tables of real pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..models.student.physical import plain
from .baselines import BLIND, MAJORITY, SHUFFLED, majority_answers
from .figures import (
    OPEN_KINDS,
    OVERLAY_NOTE,
    by_truth,
    calibration_figures,
    case_figures,
    confused,
    kind_figures,
    refused_figures,
)
from .fold_figures import FEWEST_GROUPS
from .found import Case, Found, Reply
from .meteor import Meteor
from .report import Figure, Part
from .scores import group_sums, interval_of
from .text_figures import text_figures
from .text_metrics import exact_match, rouge_l, words_of

__all__ = ["nearest_text", "real_parts"]

CALIBRATION = 0.10

CANDIDATES = 12

NOTE = (
    "Labels, descriptions and questions were written by a teacher model unless they come with "
    "masks; no expert checked them. Intervals: bootstrap by paper or specimen. Blind: the same "
    "questions about the mean picture; shuffled: about a picture of another group."
)
BALANCED_NOTE = (
    f"Balanced: mean over the categories with test pictures of at least {FEWEST_GROUPS} papers or "
    "specimens."
)
CEILING_NOTE = (
    "Ceiling: for every answer, the text among those written for the training pictures that comes "
    "nearest to the reference by ROUGE-L. It takes the reference to find it, so nothing that only "
    "picks among known texts does better."
)


def real_parts(
    found: Sequence[Found], meteor: Meteor, training_texts: Mapping[str, Sequence[str]]
) -> list[Part]:
    """Make the tables of real pictures; parts without figures are left out.

    Parameters
    ----------
    found : sequence of Found
        From :mod:`.real`.
    meteor : Meteor
        Computes METEOR.
    training_texts : mapping of str to sequence of str
        What was written about pictures of the training split, by kind of question.
    """
    replies = [one for one in found if isinstance(one, Reply) and one.part == "real"]
    cases = [one for one in found if isinstance(one, Case) and one.part == "real"]
    closed = [reply for reply in replies if reply.kind not in OPEN_KINDS]
    written = [reply for reply in replies if reply.kind in OPEN_KINDS]
    labels = [case for case in cases if "peak" not in case.measure]
    labels = [case for case in labels if "attention" not in case.measure]
    shown = [case for case in cases if case not in labels]

    @cache
    def ceiling(kind: str, truth: str) -> str:
        return nearest_text(truth, training_texts.get(kind, ()))

    parts = [
        Part(
            "Closed questions, real pictures",
            [*_closed_figures(closed), *kind_figures(closed)],
            [NOTE],
            details={"confused": confused(closed)},
        ),
        Part(
            "Descriptions and free answers, real pictures",
            text_figures(
                written, meteor, ceiling=lambda r: ceiling(r.kind, r.truth), long_only=True
            ),
            [CEILING_NOTE],
        ),
        Part(
            "Classification and counts, real pictures",
            [*case_figures(labels, {}), *_balanced(labels), *case_figures(_by_source(labels), {})],
            [BALANCED_NOTE],
            details={"by_truth": by_truth(labels), "confused": confused(labels)},
        ),
        Part("Where it looks, real pictures", case_figures(_by_source(shown), {}), [OVERLAY_NOTE]),
        Part(
            "Calibration error, real pictures",
            calibration_figures(closed, labels, CALIBRATION),
        ),
        Part(
            "Wrongly refused, real pictures",
            refused_figures(replies, "answers “not a micrograph”"),
        ),
    ]
    return [part for part in parts if part.figures]


def nearest_text(reference: str, texts: Sequence[str]) -> str:
    """Return the text nearest to a reference by ROUGE-L, among those that share most words."""
    wanted = Counter(words_of(reference))
    shared = [sum((wanted & Counter(words_of(text))).values()) for text in texts]
    best = np.argsort(shared, kind="stable")[::-1][:CANDIDATES]
    return max((texts[i] for i in best), key=lambda text: rouge_l(reference, text), default="")


def _by_source(cases: Sequence[Case]) -> list[Case]:
    """Name the source in the measure; class names that come among the first five are left out."""
    return [
        replace(case, measure=f"{case.measure}: {case.source}")
        for case in cases
        if not case.measure.endswith("top-5")
    ]


def _closed_figures(replies: Sequence[Reply]) -> list[Figure]:
    """Return normalised match over all closed questions and those of each source."""
    if not replies:
        return []
    sources = sorted({reply.source for reply in replies})
    return [
        _matched("all, normalised match", replies),
        *(
            _matched(f"{source}, normalised match", [r for r in replies if r.source == source])
            for source in (sources if len(sources) > 1 else ())
        ),
    ]


def _matched(name: str, replies: Sequence[Reply]) -> Figure:
    """Return normalised exact match, beside blind, shuffled and majority."""
    majority = majority_answers(replies)
    others = {
        MAJORITY: float(np.mean([exact_match(plain(r.truth), majority[r.kind]) for r in replies]))
    }
    for other in (BLIND, SHUFFLED):
        some = [exact_match(r.truth, r.others[other]) for r in replies if other in r.others]
        if some:
            others[other] = float(np.mean(some))
    right = np.array([[exact_match(r.truth, r.said), 1.0] for r in replies], dtype=float)
    sums = group_sums([reply.group for reply in replies], right)
    interval = interval_of(sums, lambda s: s[:, 0] / s[:, 1])
    return Figure(name, len(replies), float(right[:, 0].mean()), interval, others)


def _balanced(cases: Sequence[Case]) -> list[Figure]:
    """Return the mean over categories of the share that is right."""
    some = [case for case in cases if case.measure == "category, top-1"]
    groups: dict[str, set[str]] = {}
    for case in some:
        groups.setdefault(case.truth, set()).add(case.group)
    names = [name for name, owners in groups.items() if len(owners) >= FEWEST_GROUPS]
    some = [case for case in some if case.truth in names]
    if len(names) < 2:
        return []
    table = np.zeros((len(some), 2 * len(names)))
    for row, case in zip(table, some, strict=True):
        row[2 * names.index(case.truth)] = case.value
        row[2 * names.index(case.truth) + 1] = 1

    def mean_share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = sums[..., 0::2] / sums[..., 1::2]
            there = np.isfinite(shares)
            result: NDArray[np.float64] = np.where(there, shares, 0).sum(-1) / there.sum(-1)
        return result

    value = float(mean_share(table.sum(0)))
    interval = interval_of(group_sums([case.group for case in some], table), mean_share)
    name = f"category, top-1, balanced over {len(names)}"
    return [Figure(name, len(some), value, interval, {"chance": 1 / len(names)})]
