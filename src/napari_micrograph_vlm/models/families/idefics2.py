"""Idefics2 (and Cephalo built on it): a resampler mixes patches into 64 image tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .base import Mixing, Prompt, Sight
from .chat import Chat, ChatFamily
from .idefics2_mixing import follow
from .parts import (
    WHOLE,
    Box,
    edge_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
)
from .tiles import shown, wants_tiles

__all__ = ["FAMILIES", "Idefics2"]

_FAKE = "<fake_token_around_image>"

# Early checkpoints left the chat format to the code that loads them.
_TEMPLATE = """
{%- for message in messages -%}
{{ message.role.capitalize() + (':' if message.content[0].type == 'image' else ': ') }}
{%- for part in message.content -%}
{{ '<image>' if part.type == 'image' else part.text }}
{%- endfor -%}
{{ '<end_of_utterance>\n' }}
{%- endfor -%}
{{ 'Assistant:' if add_generation_prompt else '' }}
"""


@dataclass(frozen=True, eq=False)
class _Pictures:
    """What the image encoder gets for one region.

    Attributes
    ----------
    values, mask : (n, 3, H, W) float32 and (n, H, W) int64 Tensor
        Pictures, padded on the right and below, and 1 where they are not.
    boxes : tuple of (float, float, float, float)
        The part of the region each shows.
    """

    values: Tensor
    mask: Tensor
    boxes: tuple[Box, ...]

    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture without its padding."""
        return [(int(m[:, 0].sum()), int(m[0].sum())) for m in self.mask]


class Idefics2(ChatFamily):
    """Idefics2: pictures of any proportions, cut into quarters where that shows more.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``Idefics2ImageProcessorPil`` of transformers.
    patch : int
        Side of a patch in pixels.
    latents : int
        Image tokens that the resampler makes of each picture.
    """

    name = "Idefics2"
    model_types = ("idefics2", "idefics2_moe")

    def __init__(self, chat: Chat, image_processor: Any, patch: int, latents: int) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._patch = patch
        self._latents = latents

    @classmethod
    def load(cls, folder: Path, config: Any) -> Idefics2:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.idefics2.image_processing_pil_idefics2 import (
            Idefics2ImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        template = load_template(folder, tokenizer, _TEMPLATE)
        return cls(
            Chat(tokenizer, template, config.image_token_id),
            load_image_processor(folder, Idefics2ImageProcessorPil),
            config.vision_config.patch_size,
            config.perceiver_config.resampler_n_latents,
        )

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then its quarters."""
        use, could = self._tiles(region, tiled)
        given = self._pictures(region, use)
        pictures = [
            values[:, :rows, :columns]
            for values, (rows, columns) in zip(given.values, given.sizes(), strict=True)
        ]
        # The model gets the whole last; people see it first.
        order = [len(pictures) - 1, *range(len(pictures) - 1)]
        return shown(
            region,
            [pictures[i] for i in order],
            [given.boxes[i] for i in order],
            self._image_processor,
            could,
        )

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
        """Put regions and a question into the chat format; see :meth:`Family.prompt`."""
        given = [self._pictures(region, self._tiles(region, tiled)[0]) for region in regions]
        pieces = [
            (self._chat.image_token * self._latents + _FAKE) * len(each.boxes) for each in given
        ]
        # Neighbouring pictures share the mark between them, and a word follows after a space.
        named = len(regions) > 1
        for i, region in enumerate(regions):
            if i == 0 or (named and region.label):  # a name stands between it and the one before
                pieces[i] = _FAKE + pieces[i]
        pieces[-1] += " "
        pieces = self._chat.named(pieces, regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        height = max(each.values.shape[2] for each in given)
        width = max(each.values.shape[3] for each in given)
        inputs = rendered.inputs()
        inputs["pixel_values"] = _stacked([each.values for each in given], height, width)
        inputs["pixel_attention_mask"] = _stacked([each.mask for each in given], height, width)
        sights = tuple(
            Sight(places, TokenBoxes(self._patch_boxes(each)))
            for places, each in zip(rendered.places, given, strict=True)
        )
        # Behind the last image token comes its closing mark, the same for every question.
        shared = int(rendered.places[-1][-1]) + 2
        return Prompt(inputs, sights, shared, rendered.question_span)

    @contextmanager
    def mixing(self, model: nn.Module, prompt: Prompt) -> Iterator[Mixing]:
        """Collect how the resampler mixes patches; see :meth:`Family.mixing`."""
        mask = prompt.inputs["pixel_attention_mask"][0]
        side = self._patch
        # A patch counts where all of it lies in the picture, as in the model.
        valid = mask.unfold(1, side, side).unfold(2, side, side).amin(dim=(-1, -2)).bool()
        counts = [len(sight.positions) // self._latents for sight in prompt.sights]
        mixing = Mixing()

        def add(shares: Tensor) -> None:
            # (pictures, latents, patches) to one matrix a region: each latent sees its picture.
            parts = [
                each[:, inside.to(each.device)]
                for each, inside in zip(shares, valid.flatten(1), strict=True)
            ]
            start = 0
            for count in counts:
                mixing.shares.append(_on_diagonal(parts[start : start + count]))
                start += count

        with follow(model, add):
            yield mixing

    def _tiles(self, region: Region, tiled: bool | None) -> tuple[bool, bool]:
        return wants_tiles(region, self._image_processor.size["longest_edge"], tiled)

    def _pictures(self, region: Region, split: bool) -> _Pictures:
        given = self._image_processor(
            [region_picture(region)], do_image_splitting=split, return_tensors="pt"
        )
        boxes: tuple[Box, ...] = (WHOLE,)
        if split:
            height, width = region.pixels.shape[:2]
            y, x = (height // 2) / height, (width // 2) / width
            boxes = ((0, 0, y, x), (0, x, y, 1), (y, 0, 1, x), (y, x, 1, 1), WHOLE)
        return _Pictures(given["pixel_values"][0], given["pixel_attention_mask"][0], boxes)

    def _patch_boxes(self, given: _Pictures) -> np.ndarray[Any, np.dtype[np.float64]]:
        boxes = []
        for (y0, x0, y1, x1), (height, width) in zip(given.boxes, given.sizes(), strict=True):
            # What is left over at the right and below is less than a patch and not looked at.
            down = np.arange(height // self._patch + 1) * self._patch / height
            across = np.arange(width // self._patch + 1) * self._patch / width
            boxes.append(edge_boxes(y0 + down * (y1 - y0), x0 + across * (x1 - x0)))
        return np.concatenate(boxes)


def _on_diagonal(parts: Sequence[Tensor]) -> Tensor:
    """Put matrices along the diagonal of a larger one that is 0 elsewhere."""
    whole: Tensor = torch.block_diag(*parts)  # type: ignore[no-untyped-call]
    return whole


def _stacked(parts: Sequence[Tensor], height: int, width: int) -> Tensor:
    """Pad all to one size with zeros and put them one after the other, (1, n, ..., H, W)."""
    padded = [
        nn.functional.pad(part, (0, width - part.shape[-1], 0, height - part.shape[-2]))
        for part in parts
    ]
    return torch.cat(padded)[None]


FAMILIES = (Idefics2,)
