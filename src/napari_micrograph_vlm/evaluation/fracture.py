"""How well numbers about plates are told: R² for each quantity, beside what needs no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.fracture import STARTS, name_kinds, plate_region, questions_about_plate
from ..intervals import wilson
from ..models.base import Model
from ..results import Question
from ..simulation.records import Record
from ..simulation.runs import QUANTITIES
from .fracture_answers import told_value

__all__ = [
    "FractureScore",
    "Told",
    "ask_about_plate",
    "r_squared",
    "r_squared_interval",
    "ridge",
    "score_plates",
    "told_value",
    "true_value",
]

Floats = NDArray[np.float64]

DRAWS = 1000
"""Samples drawn of the plates for an interval."""


@dataclass(frozen=True)
class Told:
    """What a model said of one plate.

    Attributes
    ----------
    plate : str
        Name of the record.
    texts : dict of str to str
        Kind of question -> the answer.
    """

    plate: str
    texts: dict[str, str]


@dataclass(frozen=True)
class FractureScore:
    """How one quantity is told.

    Attributes
    ----------
    kind : str
        As in :data:`~napari_micrograph_vlm.simulation.runs.QUANTITIES`, or ``"starts"``.
    measure : str
        ``"R²"`` or ``"accuracy"``.
    plates, read : int
        Plates that have the quantity, and answers with a number and its unit among them.
    value, low, high : float
        The measure and its 95 % interval.
    simple : float
        That of always telling the mean (the commoner answer) of the plates learnt from.
    ridge : float or None
        That of a ridge regression on the features that the student looks at.
    spread, error : float or None
        Standard deviation of the truth and mean absolute error of what was told, in the unit of
        the quantity.
    """

    kind: str
    measure: str
    plates: int
    read: int
    value: float
    low: float
    high: float
    simple: float
    ridge: float | None
    spread: float | None = None
    error: float | None = None

    @property
    def row(self) -> str:
        """A line of a table."""
        ridge = "" if self.ridge is None else f"{self.ridge:.2f}"
        unit = QUANTITIES[self.kind].unit if self.kind in QUANTITIES else ""
        name = name_kinds([self.kind])[0] + (f" ({unit})" if unit else "")
        return (
            f"| {name} | {self.measure} | {self.value:.2f} ({self.low:.2f} to {self.high:.2f}) "
            f"| {self.simple:.2f} | {ridge} | {_short(self.spread)} | {_short(self.error)} "
            f"| {self.read} of {self.plates} |"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def ask_about_plate(model: Model, record: Record, *, held_out: bool = False) -> Told:
    """Ask a model for all that is known of a plate.

    Parameters
    ----------
    model : Model
        Whom to ask; a check whether the picture is a micrograph is switched off.
    record : Record
        The plate.
    held_out : bool
        Use phrasings that were not trained on.
    """
    rng = np.random.default_rng([record.seed, 64])
    region = plate_region(record)
    items = questions_about_plate(record, rng, held_out=held_out)
    asked = [Question(item.question, (region,)) for item in items]
    if hasattr(model, "check_pictures"):
        model.check_pictures = False
    together = getattr(model, "ask_many", None)
    answers = together(asked) if together is not None else [model.ask(one) for one in asked]
    return Told(record.name, {i.kind: a.text for i, a in zip(items, answers, strict=True)})


def true_value(kind: str, record: Record) -> float | None:
    """Return what is right; None where the plate has no such quantity."""
    return float(record.starts) if kind == STARTS else record.numbers[kind]


def score_plates(
    told: Iterable[Told],
    records: Sequence[Record],
    learnt: Sequence[Record],
    *,
    simple_model: Callable[[str], Mapping[str, float]] | None = None,
    seed: int = 0,
) -> list[FractureScore]:
    """Compare answers with the truth.

    Parameters
    ----------
    told : iterable of Told
        What a model said.
    records : sequence of Record
        The plates it was asked about.
    learnt : sequence of Record
        Plates that were learnt from; where an answer has no number, their mean stands for it. A
        yes or no that cannot be read is wrong.
    simple_model : callable, optional
        Gives, for a kind, the name of a plate -> what a ridge regression says.
    seed : int
        Of the samples for the intervals.
    """
    by_name = {record.name: record for record in records}
    answers = {one.plate: one.texts for one in told}
    scores = []
    for kind in (*QUANTITIES, STARTS):
        plates = [n for n in answers if n in by_name and true_value(kind, by_name[n]) is not None]
        known = [v for r in learnt if (v := true_value(kind, r)) is not None]
        if len(plates) < 3 or not known:
            continue
        truth = np.array([true_value(kind, by_name[n]) for n in plates], np.float64)
        values = [told_value(kind, answers[n].get(kind, ""), by_name[n]) for n in plates]
        usual = float(np.mean(known))
        missing = np.nan if kind == STARTS else usual
        said = np.array([missing if v is None else v for v in values], np.float64)
        guessed = simple_model(kind) if simple_model is not None else None
        by_ridge = None if guessed is None else np.array([guessed[n] for n in plates])
        read = sum(v is not None for v in values)
        make = _accuracy if kind == STARTS else _fit
        scores.append(make(kind, truth, said, usual, by_ridge, read, seed))
    return scores


def _fit(
    kind: str, truth: Floats, said: Floats, usual: float, by_ridge: Floats | None, read: int,
    seed: int,
) -> FractureScore:  # fmt: skip
    low, high = r_squared_interval(truth, said, seed=seed)
    return FractureScore(
        kind, "R²", len(truth), read, r_squared(truth, said), low, high,
        r_squared(truth, np.full(len(truth), usual)),
        None if by_ridge is None else r_squared(truth, by_ridge),
        float(truth.std()), float(np.abs(truth - said).mean()),
    )  # fmt: skip


def _accuracy(
    kind: str, truth: Floats, said: Floats, usual: float, by_ridge: Floats | None, read: int,
    seed: int,
) -> FractureScore:  # fmt: skip
    right = np.isfinite(said) & ((said > 0.5) == (truth > 0.5))
    low, high = wilson(int(right.sum()), len(right))
    always = float((truth > 0.5).mean() if usual > 0.5 else (truth <= 0.5).mean())
    simple = None if by_ridge is None else float(((by_ridge > 0.5) == (truth > 0.5)).mean())
    return FractureScore(
        kind, "accuracy", len(truth), read, float(right.mean()), low, high, always, simple
    )


def r_squared(truth: Floats, said: Floats) -> float:
    """Return the share of the variance that is told, 1 minus the residues over the spread.

    Below 0 where the mean of the truth would have been better; NaN where the truth is constant.
    """
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - said) ** 2).sum()) / spread if spread > 0 else float("nan")


def r_squared_interval(
    truth: Floats, said: Floats, *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of R² over samples of the plates, drawn with replacement."""
    rng = np.random.default_rng([seed, 65])
    chosen = rng.integers(len(truth), size=(draws, len(truth)))
    drawn = truth[chosen]
    spread = ((drawn - drawn.mean(1, keepdims=True)) ** 2).sum(1)
    left = ((drawn - said[chosen]) ** 2).sum(1)
    # A sample of one plate over and over has no spread.
    values = 1 - left[spread > 0] / spread[spread > 0]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def ridge(known: Floats, truth: Floats, asked: Floats) -> Floats:
    """Fit a ridge regression and apply it; its strength is that of the least error left out.

    Parameters
    ----------
    known : (n, F) float64 array
        Features of the plates learnt from.
    truth : (n,) float64 array
        Their values.
    asked : (m, F) float64 array
        Features of others.

    Returns
    -------
    (m,) float64 array
    """
    mean, deviation = known.mean(0), known.std(0) + 1e-9
    x, z = (known - mean) / deviation, (asked - mean) / deviation
    kernel = x @ x.T
    values, vectors = np.linalg.eigh(kernel)
    values = values.clip(min=0)
    centred = truth - truth.mean()
    turned = vectors.T @ centred
    best, chosen = np.inf, 1.0
    for strength in np.geomspace(1e-4, 10, 26) * max(float(values.mean()), 1e-9):
        # Residue of each plate by a fit without it (Golub, Heath & Wahba 1979).
        share = values / (values + strength)
        # The offset is fitted, too.
        hat = (vectors**2 @ share + 1 / len(truth)).clip(max=1 - 1e-9)
        error = float((((centred - vectors @ (share * turned)) / (1 - hat)) ** 2).mean())
        if error < best:
            best, chosen = error, float(strength)
    weights = vectors @ (turned / (values + chosen))
    told: Floats = z @ (x.T @ weights) + truth.mean()
    return told
