"""The contract between a model and everything that asks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..labelling.label_sets import LabelSet
from ..regions import Region
from ..results import Answer, Classification, Question

__all__ = ["Model", "ModelInput", "Sees", "View", "eyes_of"]


@dataclass(frozen=True, eq=False)
class View:
    """One picture that the model is given.

    Attributes
    ----------
    pixels : (h, w, 3) uint8 array
        Exactly what the model's image encoder gets, before mean and deviation are taken off.
    box : (float, float, float, float)
        The part of the region it shows: y0, x0, y1, x1 as fractions of the region's sides.
    """

    pixels: NDArray[np.uint8]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class ModelInput:
    """How a region is given to the model.

    Attributes
    ----------
    views : tuple of View
        The whole region first; its tiles after it where it is tiled.
    reduction : float
        Source pixels on one side of a pixel of the finest view; below 1 the region is enlarged.
    tiled : bool
        Whether there are tiles besides the whole.
    could_tile : bool
        Whether tiling would show the model more detail than now.
    """

    views: tuple[View, ...]
    reduction: float
    tiled: bool
    could_tile: bool


@runtime_checkable
class Model(Protocol):
    """Turns questions about regions into answers.

    All methods may be called from any thread; one that is busy lets the next wait.
    """

    name: str
    revision: str
    device: str

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return exactly what the model would be given for this region."""
        ...

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
    ) -> Answer:
        """Answer a question.

        Parameters
        ----------
        question : Question
            Text, regions and earlier turns.
        on_text : callable, optional
            Called in this thread with each new piece of text.
        cancel : threading.Event, optional
            Once set, the work stops within one token.
        max_tokens : int
            Longest answer.

        Raises
        ------
        QuestionError
            If the question is empty or the model cannot take so many regions.
        Cancelled
            If ``cancel`` was set; carries the text written so far.
        """
        ...

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        """Give every region a probability for each label; ``on_region`` counts finished ones.

        Of a label set the sentences are used, too, where the model gains by them.
        """
        ...

    def suggestions(self) -> Sequence[str]:
        """Return questions that this model is good at, best first."""
        ...


@runtime_checkable
class Sees(Protocol):
    """A model that shows the features of its image encoder: what heads and searches work on."""

    name: str
    revision: str

    def features(
        self,
        regions: Sequence[Region],
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return numbers that say what each whole region shows.

        Returns
        -------
        dict of str to (n, F) float32 arrays
            Blocks of features by name, one row a region; the same names each time.
        """
        ...

    def feature_grid(self, region: Region, *, cancel: Event | None = None) -> NDArray[np.float32]:
        """Return what is shown at each place of a region, seen whole.

        Returns
        -------
        (rows, columns, F) float32 array
            Cells of equal size that cover the region exactly.
        """
        ...


def eyes_of(model: Model) -> Sees:
    """Return a model as one that shows its features.

    Raises
    ------
    ModelError
        If it shows none, such as a model behind a server.
    """
    if not isinstance(model, Sees):
        raise ModelError(
            f"The model {model.name} does not show what it sees; choose one that runs here."
        )
    return model
