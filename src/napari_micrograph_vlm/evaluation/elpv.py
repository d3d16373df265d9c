"""Defective solar cells: the student on a public benchmark it was not made for.

The cells (Deitsch et al. 2019) are electroluminescence images of semiconductor devices. Their
licence (CC BY-NC-SA 4.0) allows to measure with them; nothing that is shipped learns from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..labelling.heads import Features, Settings, choose, folds_of

__all__ = ["Cells", "load_cells", "main_figures", "measure_elpv", "split", "write_table"]

PUBLISHED = {"CNN": 0.8842, "SVM": 0.8244}
"""Accuracies of Deitsch et al. 2019, one split of 75 to 25."""

TEST_SHARE, SPLITS, FEW, DRAWS = 0.25, 10, 50, 20

_STRENGTHS, _BENDS = (0.1, 0.3), (0.5, 1.0, 2.0)
_FEW_STRENGTHS, _FEW_BENDS = (0.1, 0.3, 1.0, 3.0), (0.0,)

Progress = Callable[[int, int], None]
Bar = Callable[[int, str], AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True, eq=False)
class Cells:
    """The benchmark.

    Attributes
    ----------
    images : (n, 300, 300) uint8 array
        One cell each.
    probability : (n,) float array
        Of a defect, as experts said: 0, 1/3, 2/3 or 1.
    kind : (n,) array of str
        ``"mono"`` or ``"poly"``: crystalline or polycrystalline.
    """

    images: NDArray[np.uint8]
    probability: NDArray[np.float64]
    kind: NDArray[np.str_]

    @property
    def defective(self) -> NDArray[np.bool_]:
        """Whether a defect is more likely than not: what the test asks for."""
        return self.probability >= 0.5

    @property
    def strata(self) -> list[str]:
        """What a split keeps the shares of: probability and kind."""
        return [f"{p:.2f} {k}" for p, k in zip(self.probability, self.kind, strict=True)]


def load_cells() -> Cells:
    """Read the benchmark from its package.

    Raises
    ------
    SourceError
        If ``elpv-dataset`` is not installed.
    """
    try:
        from elpv_dataset.utils import load_dataset
    except ImportError:
        raise SourceError(
            "The solar cells are not installed; "
            "install them with `pip install napari-micrograph-vlm[elpv]`."
        ) from None
    images, probability, kind = load_dataset()
    return Cells(np.asarray(images), np.asarray(probability, float), np.asarray(kind, str))


def split(strata: Sequence[str], test: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw a test set that keeps the share of every stratum, to within one picture.

    Parameters
    ----------
    strata : sequence of n str
        The stratum of each picture.
    test : int
        Pictures in the test set.
    seed : int
        Decides which.

    Returns
    -------
    training, test : arrays of int
        Places, in order.
    """
    rng = np.random.default_rng([seed, test])
    names, which, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    exact = sizes * test / len(which)
    take = np.floor(exact).astype(int)
    # What rounding leaves over goes to the strata that lost most by it.
    take[np.argsort(take - exact, kind="stable")[: test - take.sum()]] += 1
    held = np.concatenate(
        [rng.permutation(np.flatnonzero(which == i))[: take[i]] for i in range(len(names))]
    )
    mask = np.zeros(len(which), dtype=bool)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def measure_elpv(
    features: Features,
    cells: Cells,
    *,
    splits: int = SPLITS,
    draws: int = DRAWS,
    few: int = FEW,
    on_done: Progress | None = None,
) -> dict[str, Any]:
    """Measure heads on the features of all cells.

    Parameters
    ----------
    features : dict of str to (n, F) arrays
        From :func:`.frozen.describe`, one row a cell.
    cells : Cells
        Their labels.
    splits, draws, few : int
        Random splits of 75 to 25; draws of ``few`` labelled cells.
    on_done : callable, optional
        Gets the number of heads done and of all.

    Returns
    -------
    dict
        Ready for JSON.
    """
    backbone = tuple(name for name in features if name.startswith("stride"))
    embeddings = tuple(name for name in features if not name.startswith("stride"))
    sets = {
        "mean of stride 32 alone": tuple(n for n in backbone if n == "stride 32 mean"),
        "backbone": backbone,
        "student embeddings": embeddings,
        "backbone and student embeddings": backbone + embeddings,
    }
    sets = {name: blocks for name, blocks in sets.items() if blocks}
    n, done, total = len(cells.probability), 0, len(sets) * (splits + draws)
    tables: dict[str, dict[str, Any]] = {"published protocol": {}, "few": {}}
    for name, blocks in sets.items():
        for table, times, test, strengths, bends in (
            ("published protocol", splits, round(TEST_SHARE * n), _STRENGTHS, _BENDS),
            ("few", draws, n - few, _FEW_STRENGTHS, _FEW_BENDS),
        ):
            candidates = [Settings(blocks, s, b) for b, s in product(bends, strengths)]
            runs = []
            for seed in range(times):
                training, held = split(cells.strata, test, seed)
                runs.append(_run(features, cells, training, held, candidates))
                done += 1
                if on_done is not None:
                    on_done(done, total)
            tables[table][name] = _summary(runs, n - test, test)
    defective = float(cells.defective.mean())
    return {
        "cells": n,
        "labelled": few,
        "majority": round(max(defective, 1 - defective), 4),
        "published": PUBLISHED,
        **tables,
    }


def _run(
    features: Features,
    cells: Cells,
    training: NDArray[np.intp],
    held: NDArray[np.intp],
    candidates: Sequence[Settings],
) -> dict[str, Any]:
    """Choose inside the training cells, fit on all of them, and test."""
    own = {name: features[name][training] for name in candidates[0].blocks}
    likely = cells.probability[training, None]

    def merit(scores: NDArray[np.float64]) -> float:
        # Smoother than the share of right answers, which one cell in a hundred can turn.
        return -float(((scores - likely) ** 2).mean())

    strata = [cells.strata[i] for i in training]
    head, _ = choose(own, likely, candidates, [folds_of(strata, None, 4, 0)], merit)
    chosen = head.settings
    said = head.scores({name: features[name][held] for name in chosen.blocks})[:, 0] >= 0.5
    right = said == cells.defective[held]
    found = {"accuracy": round(float(right.mean()), 5)}
    for kind in np.unique(cells.kind):
        found[str(kind)] = round(float(right[cells.kind[held] == kind].mean()), 5)
    return {**found, "strength": chosen.strength, "bend": chosen.bend}


def _summary(runs: Sequence[dict[str, Any]], training: int, test: int) -> dict[str, Any]:
    values = np.array([run["accuracy"] for run in runs])
    mean = float(values.mean())
    return {
        "accuracy": round(mean, 4),
        "interval": [round(v, 4) for v in resampled_interval(values, training, test)],
        "spread": round(float(values.std(ddof=1)), 4) if len(values) > 1 else None,
        "training": training,
        "test": test,
        "runs": list(runs),
    }


def resampled_interval(
    values: NDArray[np.float64], training: int, test: int
) -> tuple[float, float]:
    """Return the 95 % interval of a mean over random splits.

    The splits share most of their cells, so that their spread alone says too little; it is
    widened as Nadeau and Bengio (2003) do: variance times 1/k + test/training. One split gets
    the binomial interval of its test set.
    """
    mean, k = float(values.mean()), len(values)
    if k < 2:
        half = 1.96 * sqrt(max(mean * (1 - mean), 1e-9) / test)
    else:
        from scipy.stats import t

        # Small training sets hardly overlap: then their draws are all but independent.
        shared = test / training if training > test else 0.0
        half = float(t.ppf(0.975, k - 1)) * sqrt(float(values.var(ddof=1)) * (1 / k + shared))
    return max(mean - half, 0.0), min(mean + half, 1.0)


def write_table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    few = figures["labelled"]
    lines = [
        f"| solar cells, accuracy in % | 75 % of {figures['cells']} to learn from "
        f"| {few} to learn from |",
        "|---|---|---|",
    ]
    for name, value in figures["published protocol"].items():
        lines.append(f"| {name} | {_percent(value)} | {_percent(figures['few'][name])} |")
    for name, accuracy in figures["published"].items():
        lines.append(f"| {name} of Deitsch et al. 2019 | {100 * accuracy:.2f} | |")
    majority = f"{100 * figures['majority']:.2f}"
    lines.append(f'| always "good" | {majority} | {majority} |')
    splits = len(next(iter(figures["published protocol"].values()))["runs"])
    draws = len(next(iter(figures["few"].values()))["runs"])
    lines.append(
        f"\nA cell is defective where its probability is at least one half. Means of {splits} "
        f"random splits (which keep the shares of probability and kind) and of {draws} draws of "
        f"{few} cells, tested on all others; in brackets the 95 % interval. The head learns the "
        "four probabilities; its settings are chosen by four-fold cross-validation inside the "
        "cells it learns from, and nothing else is known of the others. Network and student are "
        "not trained further."
    )
    return "\n".join(lines)


def _percent(value: dict[str, Any]) -> str:
    low, high = value["interval"]
    return f"{100 * value['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})"


def main_figures(path: Path | None, device: str, cache: Path | None, on_bar: Bar) -> dict[str, Any]:
    """Look at all cells with a student and measure heads on what it sees.

    Parameters
    ----------
    path : Path or None
        Folder of the student; the shipped one by default.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"``, ...
    cache : Path or None
        Folder where features are kept.
    on_bar : callable
        Opens a progress bar for a total and a unit.

    Returns
    -------
    dict
        Of :func:`measure_elpv`, with name and revision of the student.
    """
    cells = load_cells()
    from ..models.student.loading import choose_device, load_parts, revision_of
    from .frozen import describe, describe_all

    model, processor = load_parts(path)
    model.eval().to(choose_device(device))
    revision = revision_of(path)
    with on_bar(len(cells.images), "cells") as step:
        features, _, _ = describe_all(
            (partial(np.asarray, image) for image in cells.images),
            partial(describe, model, processor.image_processor),
            cache,
            f"elpv-{revision}",
            step,
        )
    with on_bar(4 * (SPLITS + DRAWS), "heads") as step:
        figures = measure_elpv(
            features,
            cells,
            splits=SPLITS,
            draws=DRAWS,
            few=FEW,
            on_done=lambda done, total: step(),
        )
    return {"model": str(model.config.name), "revision": revision, **figures}
