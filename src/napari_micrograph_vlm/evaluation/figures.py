"""From all that was asked to the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from ..models.student.physical import plain
from .baselines import BLIND, MAJORITY, SHUFFLED, best_answers
from .calibration_error import calibration_error, calibration_interval
from .found import Case, Found, Reply, Skipped
from .judging import judge
from .meteor import Meteor
from .photographs import is_refusal
from .report import Figure, Part
from .robustness import CONDITIONS
from .scores import mean_interval
from .synthetic import SECONDS
from .text_figures import PAPER, text_figures

__all__ = ["case_figures", "kind_figures", "parts_of", "share_of"]

TARGETS: dict[str, float] = {
    "category, top-1": 0.947,
    "category, top-5": 0.988,
    "defect kind, top-1": 0.95,
    "peak in the defect": 0.97,
    "peak in the defect, held-out phrasing": 0.97,
    "in colour": 0.95,
    "in grey": 0.95,
    SECONDS: 0.2,
}
"""What the figures on synthetic pictures and on photographs should reach."""

CALIBRATION = 0.05

OPEN_KINDS = ("describe", "free", "difference")
"""Kinds of question with many right answers: there is no confidence of being right to check."""

METRICS_NOTE = (
    "Words in lower case without punctuation; corpus BLEU without smoothing, so answers shorter "
    "than n words add no n-grams; ROUGE-L is F1; METEOR as nltk computes it, which gives a right "
    "answer of one word 0.5 (ceiling: every answer right). Intervals: bootstrap by picture. Blind: "
    "the same questions about the mean picture; shuffled: about the next picture; majority: the "
    "most frequent answer to each kind of question."
)


def parts_of(found: Sequence[Found], meteor: Meteor) -> list[Part]:
    """Make the tables of synthetic pictures and photographs; parts without figures are left out.

    Parameters
    ----------
    found : sequence of Found
        From :mod:`.synthetic` and :mod:`.photographs`.
    meteor : Meteor
        Computes METEOR.
    """
    replies = [one for one in found if isinstance(one, Reply)]
    cases = [one for one in found if isinstance(one, Case)]
    synthetic = [reply for reply in replies if reply.part == "synthetic"]
    pairs = [reply for reply in replies if reply.part == "pairs"]
    parts = [
        Part(
            f"Answers in words, synthetic pictures, {how}",
            text_figures(some, meteor, targets=PAPER),
            [METRICS_NOTE],
        )
        for how, held_out in (("phrasings never trained on", True), ("phrasings trained on", False))
        if (some := [reply for reply in synthetic if reply.held_out == held_out])
    ]
    labels = [case for case in cases if case.part == "synthetic"]
    overlay = [case for case in labels if "peak" in case.measure or "attention" in case.measure]
    rest = [case for case in labels if case not in overlay]
    shown = [case for case in cases if case.part == "overlay"]
    parts += [
        Part(
            "Classification, counts, sizes and time, synthetic pictures",
            case_figures(rest),
            [CLASS_NOTE],
            details={"by_truth": by_truth(rest), "confused": confused(rest)},
        ),
        Part(
            "Where it looks, synthetic pictures",
            [*case_figures(overlay), *case_figures(shown), *above_random(shown)],
            [OVERLAY_NOTE, CURVES_NOTE],
        ),
        Part(
            "Calibration error, synthetic pictures",
            calibration_figures(synthetic, labels, CALIBRATION),
            ["15 bins of as many answers each; descriptions left out."],
        ),
        Part(
            "Each kind of question, synthetic pictures",
            kind_figures(synthetic),
            [KINDS_NOTE],
            details={"confused": confused(synthetic)},
        ),
        Part("Two regions compared, synthetic pictures", kind_figures(pairs)),
        Part(
            "Changed pictures, synthetic",
            _in_order(case_figures([case for case in cases if case.part == "robustness"])),
            [ROBUST_NOTE],
            grid=True,
        ),
        Part(
            "Says “not a micrograph”",
            [
                *case_figures([case for case in cases if case.part == "photographs"]),
                *refused_figures(synthetic, "synthetic micrographs, all questions (wrongly)"),
            ],
            ["The photographs of scikit-image; intervals: bootstrap by photograph."],
        ),
    ]
    return [part for part in parts if part.figures]


CLASS_NOTE = (
    "Class names given to `classify`: ten categories; the kinds of defect and “no defect”, on "
    "pictures with at most one kind. Time: with one core for each process; "
    "in place of an interval, between which values nine of ten lie."
)
KINDS_NOTE = (
    "Held out: with phrasings never trained on; all else with those of the training. Majority: the "
    "one answer to each kind of question that is right most often."
)
OVERLAY_NOTE = (
    "Peak: the largest cell of the overlay touches the defect's mask; chance: a random cell. "
    "Defects that touch more than a tenth of the cells are counted apart."
)
CURVES_NOTE = (
    "Insertion and deletion: "
    "probability of the true kind while cells are un-blurred or blurred in the order of the "
    "overlay; random: in a random order; gain: how much better than that, above 0 is good."
)
ROBUST_NOTE = (
    "On pictures with one kind of defect that touches at most a tenth of the cells. Pixel size: "
    "the same field averaged to 192 and 96 pixels a side, or interpolated to 768; windows: that "
    "share of the side around the defect; noise: standard deviation, white is 1."
)


def case_figures(cases: Iterable[Case], targets: Mapping[str, float] = TARGETS) -> list[Figure]:
    """Return the mean of each measure with its interval, in the order of their names' first use."""
    by_name: dict[str, list[Case]] = {}
    for case in cases:
        by_name.setdefault(case.measure, []).append(case)
    found = []
    for name, some in by_name.items():
        value, interval = mean_interval([c.value for c in some], [c.group for c in some])
        others = {
            other: float(np.mean([c.others[other] for c in some])) for other in some[0].others
        }
        names = [case.truth for case in some if case.truth]
        if name.endswith("top-1") and names:
            others[MAJORITY] = Counter(names).most_common(1)[0][1] / len(names)
        if name == SECONDS:
            value, name_shown = float(np.median([c.value for c in some])), f"{name}, median"
            low, high = np.percentile([c.value for c in some], (5, 95))
            interval = float(low), float(high)
        else:
            name_shown = name
        below = name == SECONDS
        found.append(
            Figure(name_shown, len(some), value, interval, others, targets.get(name), below)
        )
    return found


def above_random(cases: Sequence[Case]) -> list[Figure]:
    """Return the gain of each curve over a random order, picture by picture; above 0 is better."""
    found = []
    for name, sign in (("insertion", 1), ("deletion", -1)):
        some = [case for case in cases if f"the {name} curve" in case.measure]
        if some:
            gains = [sign * (case.value - case.others["random"]) for case in some]
            value, interval = mean_interval(gains, [case.group for case in some])
            found.append(Figure(f"{name}: gain over a random order", len(some), value, interval))
    return found


def kind_figures(replies: Sequence[Reply]) -> list[Figure]:
    """Return the share of right answers to each kind of question, beside the baselines."""
    best = best_answers(replies)
    by_kind: dict[str, list[Reply]] = {}
    for reply in replies:
        by_kind.setdefault(reply.kind, []).append(reply)
    found = []
    for kind, some in sorted(by_kind.items()):
        trained = [reply for reply in some if not reply.held_out]
        new = [reply for reply in some if reply.held_out]
        shown = trained or new
        others = {}
        if trained and new:
            others["held out"] = float(np.mean([reply.right for reply in new]))
        for name in (BLIND, SHUFFLED):
            told = [reply.others_right[name] for reply in some if name in reply.others_right]
            if told:
                others[name] = float(np.mean(told))
        others[MAJORITY] = float(np.mean([judge(kind, plain(r.truth), best[kind]) for r in some]))
        found.append(share_of(kind, shown, others))
    return found


def share_of(name: str, replies: Sequence[Reply], others: dict[str, float] | None = None) -> Figure:
    """Return the share of right answers."""
    value, interval = mean_interval([r.right for r in replies], [r.group for r in replies])
    return Figure(name, len(replies), value, interval, others or {})


def calibration_figures(
    replies: Sequence[Reply], cases: Sequence[Case], target: float
) -> list[Figure]:
    """Return the calibration error of answers and of class probabilities."""
    closed = [reply for reply in replies if reply.kind not in OPEN_KINDS]
    sets: dict[str, list[tuple[float, float, str]]] = {
        # Some servers tell no probabilities.
        "answers": [(r.confidence, r.right, r.group) for r in closed if not isnan(r.confidence)]
    }
    for case in cases:
        if case.confidence is not None:
            row = case.confidence, case.value, case.group
            sets.setdefault(f"classify, {case.measure.split(',')[0]}", []).append(row)
    found = []
    for name, rows in sets.items():
        if rows:
            confidence, right, groups = (list(column) for column in zip(*rows, strict=True))
            given = np.array(confidence, dtype=float), np.array(right, dtype=float)
            value = calibration_error(*given)
            interval = calibration_interval(*given, groups)
            found.append(Figure(name, len(rows), value, interval, target=target, below=True))
    return found


def refused_figures(replies: Sequence[Reply], name: str) -> list[Figure]:
    """Return the share of answers about micrographs that say they are none."""
    if not replies:
        return []
    refused = [is_refusal(reply.said) for reply in replies]
    value, interval = mean_interval(refused, [reply.group for reply in replies])
    return [Figure(name, len(replies), value, interval)]


def by_truth(cases: Iterable[Case]) -> dict[str, dict[str, list[int]]]:
    """Return hits and cases of each true name, for each measure that has names."""
    found: dict[str, dict[str, list[int]]] = {}
    for case in cases:
        if case.truth:
            pair = found.setdefault(case.measure, {}).setdefault(case.truth, [0, 0])
            pair[0] += int(case.value)
            pair[1] += 1
    return found


def confused(found: Iterable[Case | Reply], most: int = 8) -> dict[str, list[list[Any]]]:
    """Return what was most often said for what was true, for each measure or kind of question."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for one in found:
        wrong = not one.right if isinstance(one, Reply) else bool(one.said) and not one.value
        if wrong:
            name = one.kind if isinstance(one, Reply) else one.measure
            counts.setdefault(name, Counter())[(one.truth, one.said)] += 1
    return {
        name: [[truth, said, n] for (truth, said), n in count.most_common(most)]
        for name, count in counts.items()
    }


def skipped_text(found: Iterable[Found]) -> str:
    """Name what could not be measured; empty where there is nothing."""
    skipped = list(dict.fromkeys(one for one in found if isinstance(one, Skipped)))
    if not skipped:
        return ""
    names = "; ".join(f"{one.name}: {one.reason}" for one in skipped[:10])
    more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
    return f"{len(skipped)} skipped: {names}{more}"


def _in_order(figures: list[Figure]) -> list[Figure]:
    return sorted(figures, key=lambda figure: CONDITIONS.index(figure.name.split(":")[0]))
