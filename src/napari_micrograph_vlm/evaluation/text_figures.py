"""From answers to BLEU, ROUGE-L, METEOR and exact match, beside those who do not look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.student.physical import plain
from .baselines import BLIND, MAJORITY, SHUFFLED, majority_answers
from .found import Reply
from .meteor import Meteor
from .report import Figure
from .scores import Sums, group_sums, interval_of
from .text_metrics import BLEU_ORDER, bleu, bleu_counts, exact_match, rouge_l, words_of

__all__ = ["LONG", "PAPER", "text_figures"]

LONG = 4
"""Words from which on an answer has all the n-grams of BLEU-4."""

PAPER: Mapping[str, float] = {"BLEU-4": 0.709, "ROUGE-L": 0.822, "METEOR": 0.853}
"""What MVaEMa (arXiv 2409.07463) reports on its own test set."""

ABOVE_BLIND = 0.25

_ROUGE, _METEOR, _EXACT, _ONE = range(2 + 2 * BLEU_ORDER, 6 + 2 * BLEU_ORDER)

Statistic = Callable[[Sums], NDArray[np.float64]]


def text_figures(
    replies: Sequence[Reply],
    meteor: Meteor,
    *,
    targets: Mapping[str, float] | None = None,
    ceiling: Callable[[Reply], str] | None = None,
    long_only: bool = False,
) -> list[Figure]:
    """Compute every text metric over some answers.

    Parameters
    ----------
    replies : sequence of Reply
        The answers.
    meteor : Meteor
        Computes METEOR.
    targets : mapping of str to float, optional
        What BLEU-4, ROUGE-L and METEOR should reach.
    ceiling : callable, optional
        Gives for an answer the text that is taken for the best that could be said.
    long_only : bool
        Leave out what is computed over answers of any length.
    """
    found: list[Figure] = []
    majority = majority_answers(replies)
    for long in (False, True):
        chosen = [r for r in replies if not long or len(words_of(r.truth)) >= LONG]
        if not chosen or (long_only and not long):
            continue
        texts = _texts_of_others(chosen)
        if ceiling is not None:
            texts["ceiling"] = {i: ceiling(reply) for i, reply in enumerate(chosen)}
        scored = {name: _scored(chosen, said, meteor) for name, said in texts.items()}
        always = {i: majority[reply.kind] for i, reply in enumerate(chosen)}
        scored[MAJORITY] = _scored(chosen, always, meteor, plain)
        own = _scored(chosen, {i: r.said for i, r in enumerate(chosen)}, meteor)
        if ceiling is None:
            perfect = {i: reply.truth for i, reply in enumerate(chosen)}
            scored["ceiling"] = _scored(chosen, perfect, meteor)
        for name, statistic in _statistics(meteor, long):
            aim = (targets or {}).get(name.split(" (")[0])
            suffix = f", answers of {LONG} words and more" if long else ""
            others = {
                other: value
                for other, rows in scored.items()
                if (value := _value(rows, statistic)) is not None
            }
            if others.get("ceiling") == 1 and ceiling is None:
                del others["ceiling"]  # a right answer gets 1: nothing to say
            sums = group_sums([chosen[i].group for i in own], np.stack(list(own.values())))
            found.append(
                Figure(
                    name + suffix,
                    len(own),
                    _value(own, statistic),
                    interval_of(sums, statistic),
                    others,
                    aim,
                )
            )
        if not long and BLIND in scored:
            found.append(_above_blind(chosen, own, scored[BLIND], bool(targets)))
    return found


Rows = dict[int, NDArray[np.float64]]


def _texts_of_others(replies: Sequence[Reply]) -> dict[str, dict[int, str]]:
    texts: dict[str, dict[int, str]] = {}
    for name in (BLIND, SHUFFLED):
        said = {i: r.others[name] for i, r in enumerate(replies) if name in r.others}
        if said:
            texts[name] = said
    return texts


def _scored(
    replies: Sequence[Reply],
    said: Mapping[int, str],
    meteor: Meteor,
    reading: Callable[[str], str] = str,
) -> Rows:
    rows: Rows = {}
    for i, text in said.items():
        truth = reading(replies[i].truth)
        rest = [rouge_l(truth, text), meteor(truth, text), exact_match(truth, text), 1.0]
        rows[i] = np.concatenate([bleu_counts(truth, text), rest])
    return rows


def _statistics(meteor: Meteor, long: bool) -> list[tuple[str, Statistic]]:
    def bleu_of(order: int) -> Statistic:
        return lambda sums: bleu(sums[..., : 2 + 2 * BLEU_ORDER], order)

    def mean_of(column: int) -> Statistic:
        return lambda sums: sums[..., column] / sums[..., _ONE]

    orders = (BLEU_ORDER,) if long else range(1, BLEU_ORDER + 1)
    return [
        *((f"BLEU-{n}", bleu_of(n)) for n in orders),
        ("ROUGE-L", mean_of(_ROUGE)),
        (meteor.name, mean_of(_METEOR)),
        ("exact match", mean_of(_EXACT)),
    ]


def _value(rows: Rows, statistic: Statistic) -> float | None:
    if not rows:
        return None
    value = float(statistic(np.sum(list(rows.values()), axis=0)))
    return value if np.isfinite(value) else None


def _above_blind(replies: Sequence[Reply], own: Rows, blind: Rows, aimed: bool) -> Figure:
    """How far exact match lies above that of the blind, on the questions that both were asked."""
    both = np.stack([[own[i][_EXACT], blind[i][_EXACT], 1.0] for i in blind])
    sums = group_sums([replies[i].group for i in blind], both)

    def difference(s: Sums) -> NDArray[np.float64]:
        result: NDArray[np.float64] = (s[..., 0] - s[..., 1]) / s[..., 2]
        return result

    value = float(difference(both.sum(0)))
    name = "exact match above blind, same questions"
    target = ABOVE_BLIND if aimed else None
    return Figure(name, len(both), value, interval_of(sums, difference), target=target)
