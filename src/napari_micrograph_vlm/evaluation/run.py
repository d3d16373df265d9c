"""Measure a model from beginning to end and keep what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from .. import __version__
from ..api import load_model
from ..datasets.synthetic_folder import FIRST_SEED
from ..errors import SourceError
from ..models.base import Model
from ..models.catalog import STUDENT, find
from ..models.consent import is_remote
from ..models.reasoning import ReasonedModel
from ..training.card import render_card
from ..training.recipe import TEST_SEED
from .figures import parts_of, skipped_text
from .found import Found, Skipped
from .meteor import Meteor
from .photographs import PHOTOGRAPHS, measure_photographs
from .pool import Job, cores, run_jobs
from .real import measure_real, read_split, texts_of
from .real_figures import real_parts
from .report import Part, part_text, side_by_side
from .synthetic import measure_pictures

__all__ = [
    "CARD_IMAGES",
    "Evaluation",
    "compare_text",
    "evaluate",
    "evaluate_named",
    "is_student",
    "write_beside_weights",
]

PICTURES_A_JOB = 4

FIGURES = "figures"
"""Name, without ending, of the files beside the weights that the model card quotes."""


CARD_IMAGES = 200
"""A model card takes figures of so many synthetic pictures or more."""


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of one model.

    Attributes
    ----------
    model, revision, device : str
        What was measured, and where it ran.
    parts : tuple of Part
        The tables.
    images, first_seed : int
        Synthetic pictures asked for, and the seed of the first.
    seconds : float
        How long it took.
    whole : bool
        False where it was stopped before the end.
    skipped : str
        What could not be measured, in one sentence; empty where there is nothing.
    processes : int
        How many did the work.
    """

    model: str
    revision: str
    device: str
    parts: tuple[Part, ...]
    images: int
    first_seed: int
    seconds: float
    whole: bool = True
    skipped: str = ""
    processes: int = 1
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything ready for JSON."""
        values = {name: value for name, value in vars(self).items() if name != "parts"}
        return {
            **values,
            "seconds": round(self.seconds, 1),
            "version": __version__,
            "parts": [part.to_dict() for part in self.parts],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as a JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    def to_markdown(self) -> str:
        """Return the tables as Markdown."""
        head = [
            f"Model {self.model}, revision {self.revision}, measured {self.made[:10]} in "
            f"{self.seconds / 60:.0f} minutes on {self.device}."
        ]
        if self.images:
            head.append(
                f"Synthetic pictures: {self.images} from seed {self.first_seed} on, "
                f"{self._novelty()}. What is measured on synthetic pictures says how well the "
                "drawings were learnt; it is not the test set of the paper that the targets are "
                "taken from."
            )
        if not self.whole:
            head.append("**Stopped before the end: the figures are of what had been measured.**")
        if self.skipped:
            head.append(self.skipped)
        return "\n\n".join([*head, *(part_text(part) for part in self.parts)])

    def _novelty(self) -> str:
        """Say whether the synthetic pictures may have been trained on."""
        last = self.first_seed + self.images
        if self.first_seed < TEST_SEED:
            return f"of which those below {TEST_SEED} may have been trained on"
        if last <= FIRST_SEED:
            return "never trained on"
        return (
            f"which `train` does not draw (but `data synthesize` does, from {FIRST_SEED} on: not "
            "new to a model trained on those)"
        )


def evaluate(
    model: Model,
    *,
    images: int = 400,
    first_seed: int = TEST_SEED,
    data: Sequence[Path] = (),
    photographs: bool = True,
    brief: bool = False,
    processes: int = 1,
    load: partial[Model] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Measure a model.

    Parameters
    ----------
    model : Model
        Any that can be asked.
    images : int
        Synthetic pictures; 0 leaves them out.
    first_seed : int
        Seed of the first; trainings draw none from ``TEST_SEED`` on. From 20,000,000 on they are
        those of ``data synthesize``, which a user may have trained on.
    data : sequence of Path
        Labelled folders whose test split is measured as well.
    photographs : bool
        Whether to see if it says of photographs that they are no micrographs.
    brief : bool
        Whether to measure the answers alone, without baselines, changed conditions and maps.
    processes : int
        How many share the work, where ``load`` is given.
    load : callable, optional
        Loads the model in another process.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Evaluation
        After Ctrl-C, of what had been measured.

    Raises
    ------
    MicrographError
        If a folder cannot be used or nltk is not installed.
    """
    started = perf_counter()
    meteor = Meteor()
    drawn = partial(_pictures, first_seed=first_seed, images=images, brief=brief)
    jobs = [Job(partial(drawn, numbers=part), len(part)) for part in _cut(images)]
    if photographs:
        jobs += [Job(partial(_photographs, name=name), 1) for name in PHOTOGRAPHS]
    training_texts: dict[str, list[str]] = {}
    broken: list[Skipped] = []
    for folder in data:
        train, test, unread = read_split(folder)
        broken += unread
        for kind, texts in texts_of(train).items():
            training_texts.setdefault(kind, []).extend(texts)
        real = partial(_real, folder=folder, brief=brief)
        jobs += [Job(partial(real, numbers=part), len(part)) for part in _cut(len(test))]
    found, whole = run_jobs(model, jobs, processes=processes, reload=load, progress=progress)
    found += broken
    return Evaluation(
        model=model.name,
        revision=model.revision,
        device=model.device,
        parts=(*parts_of(found, meteor), *real_parts(found, meteor, training_texts)),
        images=images,
        first_seed=first_seed,
        seconds=perf_counter() - started,
        whole=whole,
        skipped=skipped_text(found),
        processes=processes if load is not None else 1,
    )


def evaluate_named(
    name: str | None,
    device: str = "auto",
    *,
    processes: int = 0,
    reasoned: bool = False,
    allow_remote: bool = False,
    **options: Any,
) -> Evaluation:
    """Measure a model of the catalog, of a folder or of a server; see :func:`evaluate`.

    Parameters
    ----------
    name : str or None
        As for :func:`..api.load_model`.
    device : str
        Where it runs.
    processes : int
        How many share the work; 0: one a core for the student, else one: a large model is not
        held twice, and one on a GPU is not shared.
    reasoned : bool
        Whether it writes its steps before each answer.
    allow_remote : bool
        Whether pixels may go to the server that ``name`` names.
    **options
        As for :func:`evaluate`.
    """
    load = partial(_load, name, device, reasoned, allow_remote)
    model = load()
    if not processes:
        processes = cores() if model.device == "cpu" and is_student(name) else 1
    return evaluate(model, processes=processes, load=load, **options)


def _load(name: str | None, device: str, reasoned: bool, allow_remote: bool) -> Model:
    if is_remote(name):
        model = load_model(name, allow_remote=allow_remote)
    else:
        model = load_model(name, device)
    return ReasonedModel(model) if reasoned else model


def is_student(name: str | None) -> bool:
    """Whether a model is the bundled student or one of its kind."""
    return not is_remote(name) and find(name).model_type == STUDENT.model_type


def write_beside_weights(evaluation: Evaluation, folder: Path) -> tuple[Path, Path]:
    """Write ``figures.md`` and ``figures.json``, and the model card that quotes them.

    Raises
    ------
    SourceError
        If it was stopped before the end or has fewer than ``CARD_IMAGES`` synthetic pictures:
        such figures would replace better ones.
    """
    if not evaluation.whole or evaluation.images < CARD_IMAGES:
        raise SourceError(
            "The model card was not written; it takes a measurement that was not stopped, of at "
            f"least {CARD_IMAGES} synthetic pictures."
        )
    written = folder / f"{FIGURES}.md", folder / f"{FIGURES}.json"
    written[0].write_text(evaluation.to_markdown() + "\n", encoding="utf-8")
    written[1].write_text(evaluation.to_json() + "\n", encoding="utf-8")
    render_card(folder)
    return written


def compare_text(evaluations: Mapping[str, Evaluation]) -> str:
    """Return one table with a column for each model."""
    return side_by_side({name: one.parts for name, one in evaluations.items()})


def _cut(n: int) -> list[range]:
    return [range(start, min(start + PICTURES_A_JOB, n)) for start in range(0, n, PICTURES_A_JOB)]


def _pictures(model: Model, *, numbers: Sequence[int], **options: Any) -> list[Found]:
    return measure_pictures(model, numbers, **options)


def _photographs(model: Model, *, name: str) -> list[Found]:
    return list(measure_photographs(model, (name,)))


def _real(model: Model, *, numbers: Sequence[int], **options: Any) -> list[Found]:
    return measure_real(model, numbers=numbers, **options)
