"""A model that was taught classes of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from threading import Event
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..errors import QuestionError
from ..models.base import Model, eyes_of
from ..models.many import ask_many, classify_many
from ..models.wrapping import WrappedModel
from ..regions import Region
from ..results import Answer, AttentionMap, Classification, Question
from .label_sets import LabelSet, fold, label_set_of
from .learning import Learnt
from .learnt_files import check_model

__all__ = ["LearntModel"]

_AT_ONCE = 8


class LearntModel(WrappedModel):
    """A model whose :meth:`classify` uses what it was taught; all else is the model's own.

    Parameters
    ----------
    model : Model
        The model that ``learnt`` was learnt with.
    learnt : Learnt
        What it was taught.

    Attributes
    ----------
    name : str
        That of the model.
    revision : str
        That of the model, and what tells apart what it was taught.

    Raises
    ------
    ModelError
        If something was learnt with another model.
    """

    wraps = True  # what it can do with many regions depends on the model inside

    def __init__(self, model: Model, learnt: Learnt) -> None:
        check_model(learnt.model, learnt.revision, model)
        super().__init__(model, revision=f"{model.revision}+{learnt.digest}")
        self.learnt = learnt

    @classmethod
    def load(
        cls,
        folder: str | PathLike[str],
        model: Model,
        label_set: LabelSet | Sequence[str] | None = None,
    ) -> LearntModel:
        """Read what was learnt from a folder; see :meth:`.learning.Learnt.load`."""
        wanted = None if label_set is None else label_set_of(label_set)
        return cls(model, Learnt.load(folder, model, wanted))

    def ask_many(
        self, questions: Sequence[Question], *, max_tokens: int = 48, cancel: Event | None = None
    ) -> list[Answer]:
        """Answer several questions as the model does."""
        return ask_many(self.model, questions, max_tokens=max_tokens, cancel=cancel)

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        """Give every region a probability for each class, by what was learnt and by the names.

        The maps show where the model looked for the class that it would give by the names alone.

        Raises
        ------
        QuestionError
            If these are not the classes it was taught (their order does not matter).
        """
        started = perf_counter()
        order = self._order(labels)
        if not regions:
            raise QuestionError("Draw a region first.")
        eyes = eyes_of(self.model)
        rows: list[NDArray[np.float32]] = []
        maps: list[AttentionMap] = []
        tiles, provenance = 1, None
        for start in range(0, len(regions), _AT_ONCE):
            some = regions[start : start + _AT_ONCE]
            named = classify_many(self.model, some, self.learnt.label_set, cancel=cancel)
            seen = eyes.features(some, cancel=cancel)
            found = self.learnt.fitted.probabilities(seen, named.probabilities)
            rows.append(found[:, order].astype(np.float32))
            maps += named.attention
            provenance = named.provenance
            tiles = max(tiles, provenance.tiles)
            if on_region is not None:
                on_region(start + len(some))
        assert provenance is not None
        return Classification(
            labels=tuple(self.learnt.label_set.names[i] for i in order),
            probabilities=np.concatenate(rows),
            regions=tuple(regions),
            attention=tuple(maps),
            provenance=replace(
                provenance,
                model=self.name,
                revision=self.revision,
                seconds=perf_counter() - started,
                tiles=tiles,
            ),
            threshold=threshold,
        )

    def classify_many(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        threshold: float = 0.0,
        cancel: Event | None = None,
    ) -> Classification:
        """Give several regions probabilities; the same as :meth:`classify`."""
        return self.classify(regions, labels, threshold=threshold, cancel=cancel)

    def _order(self, labels: Sequence[str] | LabelSet) -> list[int]:
        """Return where each of some classes stands among those that were learnt."""
        mine = {fold(name): i for i, name in enumerate(self.learnt.label_set.names)}
        names = label_set_of(labels).names
        if sorted(map(fold, names)) != sorted(mine):
            raise QuestionError(
                f"What was learnt knows the classes {', '.join(self.learnt.label_set.names[:8])}"
                f"{', …' if len(mine) > 8 else ''}; choose this list, or classify without it."
            )
        return [mine[fold(name)] for name in names]
