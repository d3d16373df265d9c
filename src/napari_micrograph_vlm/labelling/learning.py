"""Learn a laboratory's own classes from a handful of labelled regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from os import PathLike
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, QuestionError
from ..models.base import Model, eyes_of
from ..models.many import classify_many
from ..regions import Region
from .fitting import Examples, Fitted, fit_examples, try_examples
from .label_sets import LabelSet, fold
from .trial import Trial, check_enough

__all__ = ["Example", "Learnt", "look", "places_of", "region_key"]

Example = tuple[Region, str]
"""A region and the name of its class."""

_AT_ONCE = 8
"""Regions between two looks at whether to stop; the student remembers so many pictures."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was learnt from labelled regions with one model; made by :meth:`learn`.

    It keeps what the model saw of each region as numbers, not the pixels, so that :meth:`add`
    need not look at the old regions again.

    Attributes
    ----------
    model, revision : str
        Name of the model whose eyes it learnt with, and what identifies its weights.
    label_set : LabelSet
        The classes. Those with fewer than two examples are judged by their names alone.
    examples : Examples
        What it learnt from.
    fitted : Fitted
        Head and calibration.
    trial : Trial
        How well it names examples that were held out.
    """

    model: str
    revision: str
    label_set: LabelSet
    examples: Examples
    fitted: Fitted
    trial: Trial

    @classmethod
    def learn(
        cls,
        model: Model,
        label_set: LabelSet,
        examples: Sequence[Example],
        *,
        cancel: Event | None = None,
        on_region: Callable[[int], None] | None = None,
    ) -> Learnt:
        """Learn classes from labelled regions.

        Parameters
        ----------
        model : Model
            One that shows what it sees.
        label_set : LabelSet
            The classes.
        examples : sequence of (Region, str)
            Regions and the names of their classes; of a region given twice the last counts.
        cancel : threading.Event, optional
            Once set, the work stops after a few regions.
        on_region : callable, optional
            Gets the number of regions looked at.

        Raises
        ------
        QuestionError
            If fewer than two classes have two examples, or a name is not in the label set.
        ModelError
            If the model does not show what it sees, such as one behind a server.
        Cancelled
            If ``cancel`` was set.
        """
        eyes_of(model)
        truth = places_of(label_set, [name for _, name in examples])
        last = {region_key(region): i for i, (region, _) in enumerate(examples)}
        counts = np.bincount(truth[list(last.values())], minlength=len(label_set.names))
        check_enough(dict(zip(label_set.names, map(int, counts), strict=True)))
        kept = sorted(last.values())
        seen = look(
            model, label_set, [examples[i][0] for i in kept], truth[kept], cancel, on_region
        )
        return cls.of(model, label_set, seen, cancel)

    @classmethod
    def of(
        cls, model: Model, label_set: LabelSet, examples: Examples, cancel: Event | None = None
    ) -> Learnt:
        """Learn from examples that have been looked at; see :meth:`learn`."""
        check_enough(dict(zip(label_set.names, map(int, examples.counts), strict=True)))

        def check() -> None:
            if cancel is not None and cancel.is_set():
                raise Cancelled

        trial = try_examples(examples, label_set.names, check)
        fitted = fit_examples(examples)
        return cls(model.name, model.revision, label_set, examples, fitted, trial)

    def add(
        self,
        model: Model,
        examples: Sequence[Example],
        *,
        cancel: Event | None = None,
        on_region: Callable[[int], None] | None = None,
    ) -> Learnt:
        """Return what is learnt with further examples; a region known already is corrected.

        Raises
        ------
        ModelError
            If this is not the model that it learnt with.
        QuestionError, Cancelled
            As :meth:`learn`.
        """
        from .learnt_files import check_model

        check_model(self.model, self.revision, model)
        truth = places_of(self.label_set, [name for _, name in examples])
        last = {region_key(region): i for i, (region, _) in enumerate(examples)}
        place = {key: i for i, key in enumerate(self.examples.keys)}
        known = [key for key in last if key in place]
        again = self.examples.at(np.array([place[key] for key in known], np.intp))
        corrected = np.array([truth[last[key]] for key in known], np.intp)
        joined = self.examples.joined(
            Examples(again.keys, corrected, again.features, again.zero_shot)
        )
        new = sorted(i for key, i in last.items() if key not in place)
        if new:
            regions = [examples[i][0] for i in new]
            seen = look(model, self.label_set, regions, truth[new], cancel, on_region)
            joined = joined.joined(seen)
        return type(self).of(model, self.label_set, joined, cancel)

    @cached_property
    def digest(self) -> str:
        """Twelve characters that tell it from whatever else was learnt."""
        found = blake2b(digest_size=6)
        said = (self.model, self.revision, self.label_set.to_dict(), self.examples.keys)
        found.update(repr(said).encode("utf-8", "replace"))
        blocks: dict[str, NDArray[Any]] = {**self.examples.features}
        blocks |= {"": self.examples.zero_shot, " ": self.examples.truth.astype(np.int64)}
        for name in sorted(blocks):
            found.update(f"{name} {blocks[name].shape}".encode())
            found.update(np.ascontiguousarray(blocks[name]).data)
        return found.hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """How many examples there are of each class."""
        return dict(zip(self.label_set.names, map(int, self.examples.counts), strict=True))

    def save(self, folder: str | PathLike[str]) -> None:
        """Write it to a folder: ``learnt.json``, ``learnt.safetensors``, ``label-set.json``.

        Raises
        ------
        SourceError
            If the folder cannot be written to.
        """
        from .learnt_files import save

        save(self, folder)

    @classmethod
    def load(
        cls, folder: str | PathLike[str], model: Model, label_set: LabelSet | None = None
    ) -> Learnt:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        folder : str or path
            Where it was saved.
        model : Model
            The one that is to use it.
        label_set : LabelSet, optional
            The classes it is to be used for; whichever it learnt by default.

        Raises
        ------
        SourceError
            If a file is missing or damaged.
        ModelError
            If it was learnt with another model or revision.
        QuestionError
            If it learnt other classes.
        """
        from .learnt_files import load

        return load(folder, model, label_set)


def look(
    model: Model,
    label_set: LabelSet,
    regions: Sequence[Region],
    truth: NDArray[np.intp],
    cancel: Event | None = None,
    on_region: Callable[[int], None] | None = None,
) -> Examples:
    """Let a model look at labelled regions, at each once.

    Parameters
    ----------
    model : Model
        One that shows what it sees.
    label_set : LabelSet
        The classes whose names it is asked for.
    regions : sequence of Region
        At least one.
    truth : (n,) int array
        Their classes, as places in the label set.
    cancel, on_region
        As for :meth:`Learnt.learn`.
    """
    eyes = eyes_of(model)
    blocks: list[dict[str, NDArray[np.float32]]] = []
    named = []
    for start in range(0, len(regions), _AT_ONCE):
        some = regions[start : start + _AT_ONCE]
        blocks.append(eyes.features(some, cancel=cancel))
        named.append(classify_many(model, some, label_set, cancel=cancel).probabilities)
        if on_region is not None:
            on_region(start + len(some))
    return Examples(
        tuple(map(region_key, regions)),
        np.asarray(truth, np.intp),
        {name: np.concatenate([part[name] for part in blocks]) for name in blocks[0]},
        np.concatenate(named).astype(np.float32),
    )


def region_key(region: Region) -> str:
    """Return what tells a region from others: its pixels inside its outline."""
    found = blake2b(digest_size=10)
    for part in (region.pixels, region.mask):
        if part is not None:
            found.update(repr(part.shape).encode())
            found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()


def places_of(label_set: LabelSet, names: Sequence[str]) -> NDArray[np.intp]:
    """Return where class names stand in a label set, (n,).

    Raises
    ------
    QuestionError
        If one of them does not.
    """
    places = {fold(name): i for i, name in enumerate(label_set.names)}
    for name in names:
        if fold(name) not in places:
            raise QuestionError(
                f"The class {name!r} is not in the label set {label_set.name!r}; add it there, "
                "or label the region with one of its classes."
            )
    return np.array([places[fold(name)] for name in names], np.intp)
