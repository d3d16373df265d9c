"""What BLIP and its followers share: one square picture, and answers that they write themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...regions import Region
from ..base import ModelInput
from ..generation import Step
from .base import Family, Prompt, whole_view
from .parts import region_picture, shown_pixels
from .voices import Voice, speak, weigh

__all__ = ["SpeakingFamily"]


class SpeakingFamily(Family):
    """A family that is given one picture and answers through a :class:`.voices.Voice`."""

    max_regions: ClassVar[int] = 1
    keeps_prefix: ClassVar[bool] = False
    speaks_itself: ClassVar[bool] = True

    _tokenizer: Any
    _image_processor: Any

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return self._tokenizer

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: the whole, made square."""
        return _one_view(region, self._image_processor)

    def speak(
        self, model: nn.Module, prompt: Prompt, *, max_tokens: int, cancel: Event | None
    ) -> Iterator[Step]:
        """Write an answer."""
        voice = self._voice(model, prompt, cancel)
        yield from speak(voice, max_tokens=max_tokens, cancel=cancel)

    def weigh(
        self, model: nn.Module, prompt: Prompt, labels: Sequence[str], *, cancel: Event | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Score labels as answers."""
        from ..scoring import answer_tokens

        answers = answer_tokens(self._tokenizer, prompt, labels)
        return weigh(self._voice(model, prompt, cancel), answers, cancel=cancel)

    def ends(self, model: nn.Module) -> tuple[int, ...]:
        """Return the tokens that end an answer."""
        from ..scoring import blank_region

        return self._voice(model, self.prompt([blank_region()], "Yes"), None).ends

    def answer_logits(self, model: nn.Module, prompt: Prompt, answer: Sequence[int]) -> Tensor:
        """Return what the model gives each token of an answer, those before it known: (n, V).

        With gradients, unless they are off; this is what it learns by.
        """
        voice = self._voice(model, prompt, None, learning=torch.is_grad_enabled())
        logits = [voice.first().logits]
        if len(answer) > 1:
            logits.append(voice.read(answer[:-1]).logits)
        return torch.cat(logits)

    @abstractmethod
    def _voice(
        self, model: Any, prompt: Prompt, cancel: Event | None, *, learning: bool = False
    ) -> Voice:
        """Let the model look at the picture and read the question; ``learning``: with gradients."""


def _one_view(region: Region, image_processor: Any) -> ModelInput:
    """Return a region as a model that knows one square picture is given it."""
    pixels = image_processor([region_picture(region)], return_tensors="pt")["pixel_values"][0]
    view = whole_view(shown_pixels(pixels, image_processor))
    height, width = region.shape
    down, across = pixels.shape[-2:]
    reduction = max(height / down, width / across)
    return ModelInput((view,), reduction, tiled=False, could_tile=False)
