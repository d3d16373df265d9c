"""A model around another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from ..regions import Region
from ..results import Answer, Classification, Question
from .base import Model, ModelInput

if TYPE_CHECKING:
    from ..labelling.label_sets import LabelSet

__all__ = ["WrappedModel"]


class WrappedModel:
    """Does everything as the model inside does it; a subclass changes what it is there for.

    Parameters
    ----------
    model : Model
        The model inside.
    name, revision : str, optional
        Those of the model inside by default.
    """

    def __init__(
        self, model: Model, *, name: str | None = None, revision: str | None = None
    ) -> None:
        self.model = model
        self.name = model.name if name is None else name
        self.revision = model.revision if revision is None else revision
        self.device = model.device

    def __getattr__(self, name: str) -> Any:
        """Offer whatever else the model does, such as ``score`` and ``methods``."""
        if name == "model" or name.startswith("__"):  # while it is being copied
            raise AttributeError(name)
        return getattr(self.model, name)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return exactly what the model would be given for this region."""
        return self.model.prepare(region, tiled)

    def suggestions(self) -> Sequence[str]:
        """Return questions that this model is good at, best first."""
        return self.model.suggestions()

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        **options: Any,
    ) -> Answer:
        """Answer a question; ``options`` is whatever else the model inside takes."""
        return self.model.ask(
            question, on_text=on_text, cancel=cancel, max_tokens=max_tokens, **options
        )

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        """Give every region a probability for each label."""
        return self.model.classify(
            regions, labels, on_region=on_region, cancel=cancel, threshold=threshold
        )
