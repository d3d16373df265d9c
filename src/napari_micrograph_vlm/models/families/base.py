"""What is particular to one family of models: prompt, place of image tokens, decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput, View

if TYPE_CHECKING:
    from ..generation import Step

__all__ = ["Family", "Mixing", "Prompt", "Sight"]


@dataclass(frozen=True, eq=False)
class Sight:
    """One region in a prompt.

    Attributes
    ----------
    positions : (P,) int64 array
        Where in the sequence of tokens its image tokens stand.
    boxes : TokenBoxes
        What part of the region each shows; (P,) of them, or, where a resampler stands between
        image patches and image tokens, one for each patch (see :class:`Mixing`).
    """

    positions: NDArray[np.int64]
    boxes: TokenBoxes


@dataclass(frozen=True, eq=False)
class Prompt:
    """Everything a model is given for one question.

    Attributes
    ----------
    inputs : dict of str to Tensor
        Arguments of ``forward`` and ``generate``, batch of one, on the CPU. Those that run along
        the sequence are named in :attr:`Family.sequence_keys`.
    sights : tuple of Sight
        One for each region.
    shared : int
        Number of leading tokens that every question about these regions shares; it ends behind
        the last image token. 0 where the prefix cannot be kept.
    question_span : (int, int)
        First token of the question's own words and the one behind its last.
    """

    inputs: dict[str, Tensor]
    sights: tuple[Sight, ...]
    shared: int
    question_span: tuple[int, int]

    @property
    def length(self) -> int:
        """Number of tokens."""
        return int(self.inputs["input_ids"].shape[1])


class Mixing:
    """Collects, while the image is encoded, how a resampler mixes patches into image tokens.

    Attributes
    ----------
    shares : list of (P, M) float32 Tensor
        For each region: row p tells from which of the M patches image token p was made; rows sum
        to 1. Empty where image tokens are patches themselves.
    """

    def __init__(self) -> None:
        self.shares: list[Tensor] = []


class Family(ABC):
    """One architecture: how it is asked and where its image tokens lie.

    Made by :meth:`load`. Holds the processor's parts, never the model.
    """

    name: ClassVar[str]
    """Such as ``"Qwen-VL"``."""

    model_types: ClassVar[tuple[str, ...]]
    """Values of ``model_type`` in ``config.json`` that it stands for."""

    sequence_keys: ClassVar[tuple[str, ...]] = (
        "input_ids",
        "attention_mask",
        "mm_token_type_ids",
        "token_type_ids",
    )
    """Inputs that run along the sequence and are cut with it."""

    answer_type: ClassVar[int] = 0
    """What stands in ``token_type_ids`` for tokens of an answer, where the model has these."""

    max_regions: ClassVar[int] = 8
    """Most regions in one question."""

    most_frames: ClassVar[int] = 8
    """Most frames of a stack that are given as pictures of their own; 1 where the model was trained
    on one picture at a time, so that frames are put on one sheet."""

    keeps_prefix: ClassVar[bool] = True
    """Whether key-value pairs of the image may be kept for the next question."""

    speaks_itself: ClassVar[bool] = False
    """Whether it answers by :meth:`speak` and :meth:`weigh`, since its model does not read image
    tokens in one sequence with the words."""

    takes_conditions: ClassVar[bool] = True
    """Whether it can be told scale and instrument before the question."""

    attention_layers: tuple[int, ...] | None = None
    """Layers of the decoder that see the image; None: all. Where given, ``Sight.positions`` count
    the keys of these layers."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: Any) -> Family:
        """Build tokenizer, image processor and chat template from a checkpoint folder.

        Works without torchvision. ``config`` is the loaded transformers configuration.

        Raises
        ------
        ModelError
            If a file is missing or cannot be used; says which.
        """

    @property
    @abstractmethod
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""

    @abstractmethod
    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""

    @abstractmethod
    def prompt(
        self,
        regions: Sequence[Region],
        question: str,
        turns: Sequence[Turn] = (),
        *,
        tiled: bool | None = None,
        instruction: str = "",
        conditions: str = "",
    ) -> Prompt:
        """Put regions, earlier turns and a question into the family's own chat format.

        Images come first, so that the prefix can be kept; ``instruction`` is a system prompt (or
        stands before the question where the template has none). ``conditions`` is what is known
        of scale and instrument, one sentence that stands behind the images and before the first
        question; :attr:`Prompt.question_span` leaves it out.
        """

    def decoder(self, model: nn.Module) -> nn.Module:
        """Return the text decoder, whose attention is recorded."""
        found: nn.Module = model.get_decoder()  # type: ignore[operator]
        return found

    def mixing(self, model: nn.Module, prompt: Prompt) -> AbstractContextManager[Mixing]:
        """Collect what a resampler does while the image is encoded inside the ``with`` block."""
        return nullcontext(Mixing())

    def speak(
        self, model: nn.Module, prompt: Prompt, *, max_tokens: int, cancel: Event | None
    ) -> Iterator[Step]:
        """Write an answer; only where :attr:`speaks_itself`.

        Each step tells how much attention each box of all regions got, resamplers included.

        Raises
        ------
        Cancelled
            If ``cancel`` was set.
        """
        raise NotImplementedError

    def weigh(
        self, model: nn.Module, prompt: Prompt, labels: Sequence[str], *, cancel: Event | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Score labels as answers; only where :attr:`speaks_itself`.

        Returns
        -------
        (L,) float64 array
            Log-likelihood of each label and of the answer's end behind it.
        (L, layers, M) float32 array
            Share of attention that each box of all regions got, mean over a label's tokens.

        Raises
        ------
        Cancelled
            If ``cancel`` was set.
        """
        raise NotImplementedError

    def suggestions(self) -> Sequence[str]:
        """Return questions this family is good at."""
        return ()


def whole_view(pixels: NDArray[np.uint8]) -> View:
    """Return a view that shows the whole region."""
    return View(pixels, (0.0, 0.0, 1.0, 1.0))
