"""What the grouped cross-validation found: shares, their intervals, and a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labelling.heads import Floats
from .scores import group_sums, interval_of

__all__ = [
    "COMPARED",
    "FEWEST_GROUPS",
    "OTHER",
    "PARTS",
    "Labels",
    "balanced_accuracy",
    "fold_figures",
    "write_table",
]

OTHER = "other"
"""A picture of no category: the right answer is to abstain."""

PARTS, FEWEST_GROUPS = 5, 5

COMPARED = ("head", "probe", "weighed probe")
"""What is measured in the same folds."""

Labels = NDArray[np.str_]


def fold_figures(
    hits: dict[str, list[Floats]],
    truth: Labels,
    owner: Labels,
    names: tuple[str, ...],
    repeats: int,
) -> dict[str, Any]:
    """Return every figure, ready for JSON.

    Parameters
    ----------
    hits : dict of str to list of (n,) arrays
        1 where a method was right about a picture, for each repeat.
    truth, owner : (n,) arrays of str
        Category and group of each picture.
    names : tuple of str
        The categories that count.
    repeats : int
        How often the folds were drawn.
    """
    named = truth != OTHER
    mean = {name: np.mean(values, axis=0) for name, values in hits.items()}
    counted = np.stack([truth == name for name in names], axis=1).astype(float)
    everything = np.ones(len(truth), dtype=bool)

    def figure(right: Floats, which: NDArray[np.bool_]) -> dict[str, Any]:
        sums = group_sums(
            list(owner[which]), np.stack([right[which], np.ones(which.sum())], axis=1)
        )
        value = float(right[which].mean())
        return _with_interval(value, interval_of(sums, lambda s: s[:, 0] / s[:, 1]))

    def balanced(right: Floats) -> dict[str, Any]:
        sums = group_sums(list(owner), np.concatenate([counted * right[:, None], counted], axis=1))
        value = balanced_accuracy(sums.sum(0, keepdims=True))[0]
        return _with_interval(float(value), interval_of(sums, balanced_accuracy))

    found: dict[str, Any] = {
        "pictures": len(truth),
        "with a category": int(named.sum()),
        "groups": len(set(owner)),
        "categories": {
            name: {
                "pictures": int((truth == name).sum()),
                "groups": len(set(owner[truth == name])),
                "head": round(float(mean["head"][truth == name].mean()), 4),
                "probe": round(float(mean["probe"][truth == name].mean()), 4),
            }
            for name in names
        },
        "repeats": repeats,
        "majority": round(max(float((truth[named] == name).mean()) for name in names), 4),
        "majority of all": round(max(float((truth == name).mean()) for name in names), 4),
        "balanced by chance": round(1 / len(names), 4),
    }
    for name in COMPARED:
        found[name] = {
            "balanced": balanced(mean[name]),
            "plain": figure(mean[name], named),
            "balanced of each repeat": [balanced(values)["value"] for values in hits[name]],
        }
    found["gain"] = balanced(mean["head"] - mean["probe"])
    abstaining = mean["with abstention"]
    found["with abstention"] = {
        "plain, of all": figure(abstaining, everything),
        "balanced": balanced(abstaining),
        "other abstained": figure(abstaining, ~named) if not named.all() else None,
    }
    return found


def balanced_accuracy(sums: Floats) -> Floats:
    """Return the mean of the categories' accuracies.

    Parameters
    ----------
    sums : (draws, 2 K) array
        Right answers of each category, then pictures; a category without pictures is left out.

    Returns
    -------
    (draws,) array
    """
    right, of = np.split(sums, 2, axis=1)
    shares = np.divide(right, of, out=np.full_like(right, np.nan), where=of > 0)
    found: Floats = np.nanmean(shares, axis=1)
    return found


def _with_interval(value: float, interval: tuple[float, float] | None) -> dict[str, Any]:
    return {
        "value": round(value, 4),
        "interval": None if interval is None else [round(v, 4) for v in interval],
    }


def write_table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    return "\n".join(_lines(figures))


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    abstaining = figures["with abstention"]
    yield "| real pictures, category | balanced accuracy | plain accuracy |"
    yield "|---|---|---|"
    for name, value in (
        ("head", figures["head"]),
        ("linear probe", figures["probe"]),
        ("linear probe, all categories weighed alike", figures["weighed probe"]),
    ):
        yield f"| {name} | {_text(value['balanced'])} | {_text(value['plain'])} |"
    yield f"| head less probe | {_text(figures['gain'])} | |"
    yield (
        f"| always the most frequent | {figures['balanced by chance']:.3f} "
        f"| {figures['majority']:.3f} |"
    )
    yield (
        f"| head that may abstain, all {figures['pictures']} pictures "
        f"| {_text(abstaining['balanced'])} | {_text(abstaining['plain, of all'])} |"
    )
    if abstaining["other abstained"] is not None:
        yield f'| abstains on "{OTHER}" | | {_text(abstaining["other abstained"])} |'
    yield ""
    yield "| category | pictures | papers | head | probe |"
    yield "|---|---|---|---|---|"
    for name, value in figures["categories"].items():
        yield (
            f"| {name} | {value['pictures']} | {value['groups']} "
            f"| {value['head']:.3f} | {value['probe']:.3f} |"
        )
    yield ""
    yield (
        f"Grouped {PARTS}-fold cross-validation over {figures['groups']} papers, repeated "
        f"{figures['repeats']} times; no paper is in two folds. Balanced: the mean over the "
        f"{len(figures['categories'])} categories with at least {FEWEST_GROUPS} papers. Plain: of "
        f'the {figures["with a category"]} pictures that have a category. "{OTHER}" is no '
        "category to answer: right is to abstain, and the two lines about abstaining count that. "
        "Settings are chosen by cross-validation by paper inside the training folds. In brackets "
        "the 95 % interval, papers drawn again. The labels were written by a teacher model, not "
        "by an expert."
    )


def _text(figure: dict[str, Any]) -> str:
    if figure["interval"] is None:
        return f"{figure['value']:.3f}"
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.3f} to {high:.3f})"
