"""The category of real micrographs, by cross-validation that never splits a paper.

The shipped student has seen most of the pictures there are to test with. What is measured here
has not: a head on the frozen ImageNet backbone, fitted anew for every fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import Facts
from ..datasets.labelled import read_labelled
from ..datasets.synthetic import synthesize
from ..datasets.synthetic.truth import CATEGORIES
from ..datasets.teacher_labels import RealPicture
from ..errors import SourceError
from ..labelling.heads import (
    Features,
    Floats,
    Head,
    Settings,
    balanced_weights,
    choose,
    folds_of,
    indicators,
)
from .fold_figures import COMPARED, FEWEST_GROUPS, OTHER, PARTS, Labels, fold_figures, write_table

__all__ = [
    "OTHER",
    "PARTS",
    "Borrowed",
    "align",
    "main_figures",
    "measure_folds",
    "write_table",
]

REPEATS = 5
INNER, INNER_REPEATS = 4, 5

SIDES = (224, 384)
"""The pictures are seen at two scales: what the backbone learnt on ImageNet, and the student's."""

PROBED = f"side {SIDES[-1]} stride 32 mean"
"""What the linear probe is given."""

_MEANS = tuple(f"side {side} stride 32 mean" for side in SIDES)
_BLOCKS = (_MEANS, (*_MEANS, *(f"side {side} stride 32 deviation" for side in SIDES)))
_STRENGTHS = (1.5, 5.0)
_SHARES = (0.2, 0.4)

_SEED = 40_000_000
"""Synthetic pictures that no training and no test draws."""

Bar = Callable[[int, str], AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True, eq=False)
class Borrowed:
    """Synthetic pictures that are learnt from in every fold and never tested.

    Attributes
    ----------
    features : dict of str to (n, F) arrays
        As of the real pictures.
    labels : (n,) array of str
        Their categories.
    """

    features: Features
    labels: Labels


def measure_folds(
    features: Features,
    labels: Sequence[str],
    groups: Sequence[str],
    borrowed: Borrowed | None = None,
    *,
    repeats: int = REPEATS,
    on_done: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure a head, and a plain linear probe, in the same folds.

    Parameters
    ----------
    features : dict of str to (n, F) arrays
        From :func:`.frozen.describe`.
    labels, groups : sequences of n str
        Category and paper of each picture; the category may be :data:`OTHER`.
    borrowed : Borrowed, optional
        Synthetic pictures to learn from besides.
    repeats : int
        How often the pictures are split into folds anew.
    on_done : callable, optional
        Gets the number of folds done and of all.

    Returns
    -------
    dict
        Ready for JSON.
    """
    truth, owner = np.asarray(labels, str), np.asarray(groups, str)
    names = tuple(
        sorted(
            name
            for name in set(labels) - {OTHER}
            if len(set(owner[truth == name])) >= FEWEST_GROUPS
        )
    )
    hits: dict[str, list[Floats]] = {name: [] for name in (*COMPARED, "with abstention")}
    chosen = []
    done, total = 0, repeats * PARTS
    for seed in range(repeats):
        right = {name: np.zeros(len(truth)) for name in hits}
        for held in folds_of(labels, groups, PARTS, seed):
            training = np.setdiff1d(np.arange(len(truth)), held)
            head, threshold = _fit(features, truth, owner, training, borrowed, names)
            said = head.scores({k: features[k][held] for k in head.settings.blocks})
            best, sure = np.asarray(names)[said.argmax(1)], said.max(1)
            right["head"][held] = best == truth[held]
            with_other = np.where(sure < threshold, OTHER, best)
            right["with abstention"][held] = with_other == truth[held]
            for name, weights in (("probe", None), ("weighed probe", "balanced")):
                said_by_it = _probe(features, truth, training, held, names, weights)
                right[name][held] = said_by_it == truth[held]
            chosen.append(
                {
                    "blocks": list(head.settings.blocks),
                    "strength": head.settings.strength,
                    "borrowed": head.settings.borrowed,
                    "threshold": round(threshold, 4),
                }
            )
            done += 1
            if on_done is not None:
                on_done(done, total)
        for name, values in right.items():
            hits[name].append(values)
    return fold_figures(hits, truth, owner, names, repeats) | {"chosen": chosen}


def align(features: Features, own: Features) -> Features:
    """Give synthetic features the mean and deviation of real ones, number by number.

    What is drawn differs from what a microscope records in ways that have nothing to do with the
    category; most of that is a shift.
    """
    found: Features = {}
    for name, block in features.items():
        scale = own[name].std(0) / np.maximum(block.std(0), 1e-6)
        found[name] = (block - block.mean(0)) * scale + own[name].mean(0)
    return found


def _fit(
    features: Features,
    truth: Labels,
    owner: Labels,
    training: NDArray[np.intp],
    borrowed: Borrowed | None,
    names: tuple[str, ...],
) -> tuple[Head, float]:
    """Fit a head on the training pictures; return the score below which it had better abstain."""
    learnt = training[np.isin(truth[training], names)]
    used = sorted({name for blocks in _BLOCKS for name in blocks})
    own = {name: features[name][learnt] for name in used}
    labels, n = truth[learnt], len(learnt)
    own_weights = balanced_weights(labels, owner[learnt])
    lent = np.zeros(0)
    everything, of_all = own, labels
    if borrowed is not None:
        use = np.isin(borrowed.labels, names)
        lent = balanced_weights(borrowed.labels[use])
        aligned = align({name: borrowed.features[name][use] for name in used}, own)
        everything = {name: np.concatenate([own[name], aligned[name]]) for name in used}
        of_all = np.concatenate([labels, borrowed.labels[use]])

    def weigh(settings: Settings) -> Floats:
        if not len(lent):
            return own_weights
        share = settings.borrowed * own_weights.sum() / lent.sum()
        return np.concatenate([own_weights, lent * share])

    def merit(scores: Floats) -> float:
        right = (scores[:n].argmax(1) == indicators(labels, names).argmax(1)).astype(float)
        return float(np.mean([right[labels == name].mean() for name in np.unique(labels)]))

    shares = _SHARES if len(lent) else (0.0,)
    candidates = [
        Settings(blocks, strength, borrowed=share)
        for blocks, share, strength in product(_BLOCKS, shares, _STRENGTHS)
    ]
    partitions = [
        folds_of(list(labels), list(owner[learnt]), INNER, seed) for seed in range(INNER_REPEATS)
    ]
    head, scores = choose(
        everything, indicators(of_all, names), candidates, partitions, merit, weigh
    )
    others = training[truth[training] == OTHER]
    threshold = -np.inf
    if len(others):
        strange = head.scores({k: features[k][others] for k in head.settings.blocks}).max(1)
        right = scores[:n].argmax(1) == indicators(labels, names).argmax(1)
        threshold = _threshold(scores[:n].max(1), right, strange)
    return head, float(threshold)


def _threshold(sure: Floats, right: NDArray[np.bool_], strange: Floats) -> float:
    """Return the score below which abstaining makes most answers right."""
    tried = np.concatenate([[-np.inf], np.unique(np.concatenate([sure, strange]))])
    good = [(right & (sure >= at)).sum() + (strange < at).sum() for at in tried]
    return float(tried[int(np.argmax(good))])


def _probe(
    features: Features,
    truth: Labels,
    training: NDArray[np.intp],
    held: NDArray[np.intp],
    names: tuple[str, ...],
    class_weight: str | None,
) -> Labels:
    """Return what a logistic regression on the mean of the last stage says."""
    from sklearn.linear_model import LogisticRegression

    learnt = training[np.isin(truth[training], names)]
    block = features[PROBED].astype(float)
    mean, deviation = block[learnt].mean(0), block[learnt].std(0) + 1e-9
    scaled = (block - mean) / deviation
    fitted = LogisticRegression(max_iter=1000, class_weight=class_weight).fit(
        scaled[learnt], truth[learnt]
    )
    said: Labels = fitted.predict(scaled[held])
    return said


def main_figures(
    folder: Path, synthetic: int, device: str, cache: Path | None, on_bar: Bar
) -> tuple[dict[str, Any], list[str]]:
    """Look at the pictures of a labelled folder with the ImageNet backbone, and measure.

    Parameters
    ----------
    folder : Path
        A labelled folder.
    synthetic : int
        Synthetic pictures of each category to learn from besides.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"``, ...
    cache : Path or None
        Folder where features are kept.
    on_bar : callable
        Opens a progress bar for a total and a unit.

    Returns
    -------
    figures : dict
        Of :func:`measure_folds`.
    broken : list of str
        Lines and pictures that were skipped.

    Raises
    ------
    SourceError
        If too few papers are labelled.
    """
    found = read_labelled(folder)
    records = [r for r in found.records if r.get("category") in (*CATEGORIES, OTHER)]
    groups = [str(r["group"]) for r in records]
    labels = [str(r["category"]) for r in records]
    _check(labels, groups, folder)
    from ..models.student.convert import load_imagenet_backbone
    from ..models.student.loading import choose_device, load_parts
    from .frozen import describe, describe_all

    model, processor = load_parts(None)
    # Whatever the shipped student learnt, this backbone has never seen a micrograph.
    load_imagenet_backbone(model)
    model.eval().to(choose_device(device))

    def look(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}
        for side in SIDES:
            seen = describe(model, processor.image_processor, pixels, embed=False, side=side)
            found |= {f"side {side} {name}": block for name, block in seen.items()}
        return found

    names = "\n".join(f"{r['image']} {label}" for r, label in zip(records, labels, strict=True))
    digest = sha256(f"{folder.resolve()}\n{names}".encode()).hexdigest()[:12]
    with on_bar(len(records) + synthetic * len(CATEGORIES), "pictures") as step:
        features, places, broken = describe_all(
            (partial(_read, folder / r["image"], g) for r, g in zip(records, groups, strict=True)),
            look,
            cache,
            f"real-{digest}",
            step,
        )
        borrowed = None
        if synthetic:
            kinds = [name for name in CATEGORIES for _ in range(synthetic)]
            drawn, kept, _ = describe_all(
                (partial(_draw, i, kind) for i, kind in enumerate(kinds)),
                look,
                cache,
                f"synthetic-{synthetic}",
                step,
            )
            borrowed = Borrowed(drawn, np.asarray([kinds[i] for i in kept], str))
    labels, groups = [labels[i] for i in places], [groups[i] for i in places]
    _check(labels, groups, folder)
    with on_bar(PARTS * REPEATS, "folds") as step:
        figures = measure_folds(
            features, labels, groups, borrowed, on_done=lambda done, total: step()
        )
    return {"synthetic of each category": synthetic, **figures}, [*found.broken, *broken]


def _check(labels: Sequence[str], groups: Sequence[str], folder: Path) -> None:
    papers: dict[str, set[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        papers.setdefault(label, set()).add(group)
    enough = [k for k, v in papers.items() if k != OTHER and len(v) >= FEWEST_GROUPS]
    if len(enough) < 2:
        raise SourceError(
            f"{folder} needs labelled pictures from at least {FEWEST_GROUPS} groups for each of "
            f"two categories, but has {len(enough)} such; label more pictures."
        )


def _read(path: Path, group: str) -> NDArray[np.uint8]:
    return RealPicture(path, group, Facts()).read()


def _draw(number: int, category: str) -> NDArray[np.uint8]:
    return synthesize(_SEED + number, category=category).image
