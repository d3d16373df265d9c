"""Llama 3.2 Vision: layers of the decoder look at the image through cross-attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
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

__all__ = ["FAMILIES", "Mllama"]


@dataclass(frozen=True, eq=False)
class _Tiles:
    """What the image encoder gets for one region.

    Attributes
    ----------
    inputs : dict of str to Tensor
        ``pixel_values`` (1, 1, T, 3, side, side), ``aspect_ratio_ids`` (1, 1) and
        ``aspect_ratio_mask`` (1, 1, T) for the most tiles T.
    rows, columns : int
        Tiles down and across; the others are empty.
    height, width : int
        Size in pixels of the picture that was cut into them, from the upper left.
    """

    inputs: dict[str, Tensor]
    rows: int
    columns: int
    height: int
    width: int


class Mllama(ChatFamily):
    """Llama 3.2 Vision: up to four tiles; image tokens stand outside the text.

    One token of the prompt stands for a whole image. What is recorded is the attention of the
    cross-attention layers, so the positions of a sight count their keys.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``MllamaImageProcessorPil`` of transformers.
    patch : int
        Side of a patch in pixels.
    layers : sequence of int
        The decoder's cross-attention layers.
    """

    name = "Llama 3.2 Vision"
    model_types = ("mllama",)
    sequence_keys = (*ChatFamily.sequence_keys, "cross_attention_mask")
    max_regions = 2
    most_frames = 1

    def __init__(self, chat: Chat, image_processor: Any, patch: int, layers: Sequence[int]) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._patch = patch
        self._side: int = image_processor.size["height"]
        self.attention_layers = tuple(layers)

    @classmethod
    def load(cls, folder: Path, config: Any) -> Mllama:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.mllama.image_processing_pil_mllama import (
            MllamaImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        # The template refuses a system prompt beside images.
        template = load_template(folder, tokenizer)
        return cls(
            Chat(tokenizer, template, config.image_token_id, system=False),
            load_image_processor(folder, MllamaImageProcessorPil),
            config.vision_config.patch_size,
            config.text_config.cross_attention_layers,
        )

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        use, could = self._use_tiles(region, tiled)
        given = self._tiles(region, use)
        tiles = given.inputs["pixel_values"][0, 0]
        rows = [
            torch.cat(list(tiles[i * given.columns : (i + 1) * given.columns]), dim=2)
            for i in range(given.rows)
        ]
        # Tiles are cut from one picture, which is shown first though the model gets only them.
        pictures = [torch.cat(rows, dim=1)[:, : given.height, : given.width]]
        boxes: list[Box] = [WHOLE]
        if given.rows * given.columns > 1:
            for index in range(given.rows * given.columns):
                i, j = divmod(index, given.columns)
                y0, x0 = i * self._side, j * self._side
                y1, x1 = min(y0 + self._side, given.height), min(x0 + self._side, given.width)
                if y1 > y0 and x1 > x0:
                    pictures.append(tiles[index, :, : y1 - y0, : x1 - x0])
                    boxes.append(
                        (y0 / given.height, x0 / given.width, y1 / given.height, x1 / given.width)
                    )
        return shown(region, pictures, boxes, self._image_processor, could)

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
        given = [self._tiles(region, self._use_tiles(region, tiled)[0]) for region in regions]
        pieces = [self._chat.image_token] * len(regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        for name in given[0].inputs:
            inputs[name] = torch.cat([each.inputs[name] for each in given], dim=1)
        places = [int(place[0]) for place in rendered.places]
        length = inputs["input_ids"].shape[1]
        # From its own token on, every token may look at an image's tiles (not at empty ones).
        before = torch.arange(length)[:, None] < torch.tensor(places)
        inputs["cross_attention_mask"] = (inputs["aspect_ratio_mask"][0] * (~before)[:, :, None])[
            None
        ].long()
        sights = []
        patches = (self._side // self._patch) ** 2
        for index, each in enumerate(given):
            most = each.inputs["pixel_values"].shape[2]
            first = (index * most + np.arange(each.rows * each.columns)) * (patches + 1)
            # The first key of each tile stands for all of it and has no place.
            keys = first[:, None] + 1 + np.arange(patches)
            sights.append(Sight(keys.reshape(-1), TokenBoxes(self._patch_boxes(each))))
        return Prompt(inputs, tuple(sights), places[-1] + 1, rendered.question_span)

    def _use_tiles(self, region: Region, tiled: bool | None) -> tuple[bool, bool]:
        """Tile wherever that shows more unless it is forbidden: empty tiles cost as much."""
        return wants_tiles(region, self._side, True if tiled is None else tiled)

    def _tiles(self, region: Region, use: bool) -> _Tiles:
        from transformers.models.mllama.image_processing_pil_mllama import (
            get_image_size_fit_to_canvas,
            get_optimal_tiled_canvas,
        )

        picture = region_picture(region)
        if not use:
            picture = _fitted(picture, self._side)
        given = self._image_processor([picture], return_tensors="pt")
        most = self._image_processor.max_image_tiles
        canvas = get_optimal_tiled_canvas(picture.height, picture.width, most, self._side)
        size = get_image_size_fit_to_canvas(picture.height, picture.width, *canvas, self._side)
        names = ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")
        return _Tiles(
            {name: given[name] for name in names},
            int(canvas[0]) // self._side,
            int(canvas[1]) // self._side,
            int(size[0]),
            int(size[1]),
        )

    def _patch_boxes(self, given: _Tiles) -> NDArray[np.float64]:
        boxes = []
        edges = np.arange(self._side // self._patch + 1) * self._patch
        for i in range(given.rows):
            for j in range(given.columns):
                down = (i * self._side + edges) / given.height
                across = (j * self._side + edges) / given.width
                boxes.append(edge_boxes(down, across))
        return np.concatenate(boxes)


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """Return a picture whose longest side is ``side`` at most, so that one tile holds it."""
    longest = max(picture.size)
    if longest <= side:
        return picture
    width, height = (max(round(each * side / longest), 1) for each in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


FAMILIES = (Mllama,)
