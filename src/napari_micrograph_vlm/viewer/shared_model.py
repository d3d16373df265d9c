"""A model that a long run uses without keeping it from the other panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

from ..models.base import Model, ModelInput
from ..regions import Region
from ..results import Answer, Classification, Question
from .models import ModelHolder

if TYPE_CHECKING:
    from ..labelling.label_sets import LabelSet

__all__ = ["share"]

Key = tuple[str | None, str | None, str | None]


def share(
    models: ModelHolder, which: Key, cancel: Event, on_load: Callable[[], None] | None = None
) -> Model:
    """Load a model, and return it as one that is taken anew for each piece of work.

    In between, another panel may ask its question; if that takes another model, this one is
    loaded again.

    Raises
    ------
    Cancelled
        If ``cancel`` was set while waiting.
    """
    from ..models.many import takes_many

    with models.use(*which, cancel=cancel, on_load=on_load) as model:
        kind = _SharedMany if takes_many(model) else _Shared
        return kind(models, which, model)


class _Shared:
    """Passes everything on to the model, waiting for its turn each time."""

    def __init__(self, models: ModelHolder, which: Key, model: Model) -> None:
        self.name, self.revision, self.device = model.name, model.revision, model.device
        self._models = models
        self._which = which

    @contextmanager
    def _taken(self, cancel: Event | None) -> Iterator[Model]:
        with self._models.use(*self._which, cancel=cancel or Event()) as model:
            yield model

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        with self._taken(None) as model:
            return model.prepare(region, tiled)

    def ask(self, question: Question, *, cancel: Event | None = None, **options: Any) -> Answer:
        with self._taken(cancel) as model:
            return model.ask(question, cancel=cancel, **options)

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        cancel: Event | None = None,
        **options: Any,
    ) -> Classification:
        with self._taken(cancel) as model:
            return model.classify(regions, labels, cancel=cancel, **options)

    def suggestions(self) -> Sequence[str]:
        with self._taken(None) as model:
            return model.suggestions()


class _SharedMany(_Shared):
    """A model that looks at several regions together."""

    def classify_many(
        self,
        regions: Sequence[Region],
        label_set: LabelSet | Sequence[str],
        *,
        cancel: Event | None = None,
        **options: Any,
    ) -> Classification:
        from ..models.many import classify_many

        with self._taken(cancel) as model:
            return classify_many(model, regions, label_set, cancel=cancel, **options)

    def ask_many(
        self, questions: Sequence[Question], *, cancel: Event | None = None, **options: Any
    ) -> list[Answer]:
        from ..models.many import ask_many

        with self._taken(cancel) as model:
            return ask_many(model, questions, cancel=cancel, **options)
