"""LLaVA-NeXT (1.6): the whole picture, then tiles without their padding, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)

from ...attention.token_boxes import TokenBoxes
from ...errors import ModelError
from ...regions import Region
from ...results import Turn
from ..base import ModelInput, View
from .anyres import Layout
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
from .parts import (
    WHOLE,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
    shown_pixels,
)
from .tiles import wants_tiles

__all__ = ["FAMILIES", "LlavaNext"]

# Tiles are chosen among the canvases alone; their tokens are never thinned out.
_NO_LIMIT = 1 << 30


class LlavaNext(ChatFamily):
    """LLaVA-NeXT with any of its decoders (Vicuna, Mistral, Llama, Qwen).

    The model always gets tiles. A region that is not to be tiled is reduced first to the size of
    one, so that the smallest canvas is taken.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``LlavaNextImageProcessorPil`` of transformers.
    config
        The model's configuration.
    """

    name: ClassVar[str] = "LLaVA-NeXT"
    model_types: ClassVar[tuple[str, ...]] = ("llava_next", "llava_next_moe")
    most_frames: ClassVar[int] = 1

    def __init__(self, chat: Chat, image_processor: Any, config: Any) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._side = int(config.vision_config.image_size)
        self._patch = int(config.vision_config.patch_size)
        self._canvases = [list(map(int, each)) for each in config.image_grid_pinpoints]

    @classmethod
    def load(cls, folder: Path, config: Any) -> LlavaNext:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        if config.vision_feature_select_strategy != "default":
            raise ModelError(
                f"The model in {folder} keeps a token for each whole tile, which is not known; "
                "choose one that 'models list' shows."
            )
        side = int(config.vision_config.image_size)
        image_processor = load_image_processor(
            folder,
            LlavaNextImageProcessorPil,
            # The model works the tiles out anew from its own settings: both must agree.
            image_grid_pinpoints=config.image_grid_pinpoints,
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
        )
        tokenizer = load_tokenizer(folder)
        chat = Chat(tokenizer, load_template(folder, tokenizer), int(config.image_token_id))
        return cls(chat, image_processor, config)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        use, could = wants_tiles(region, self._side, tiled)
        picture = self._picture(region, use)
        pixels, layout = self._pixels([picture])[0][0], self._layout(picture)
        boxes = [WHOLE, *layout.tile_boxes()]
        views = [
            View(shown_pixels(each, self._image_processor), box)
            for each, box in zip(pixels, boxes, strict=False)
        ]
        # Of a pyramid level or a reduced picture, a pixel is several of the source's.
        reduction = max(region.shape) / max(layout.shape) * layout.scale
        return ModelInput(tuple(views), reduction, use, could)

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
        pictures = [
            self._picture(region, wants_tiles(region, self._side, tiled)[0]) for region in regions
        ]
        pixels, sizes = self._pixels(pictures)
        seen = [self._layout(picture).tokens() for picture in pictures]
        token = self._chat.image_token
        rendered = self._chat.render(
            [token * len(shown) for _, shown in seen], question, turns, instruction, conditions
        )
        sights = tuple(
            Sight(places[shown], TokenBoxes(boxes))
            for places, (boxes, shown) in zip(rendered.places, seen, strict=True)
        )
        inputs = {**rendered.inputs(), "pixel_values": pixels, "image_sizes": sizes}
        return Prompt(inputs, sights, rendered.shared, rendered.question_span)

    def _picture(self, region: Region, tiled: bool) -> Image.Image:
        picture = region_picture(region)
        scale = self._side / max(picture.size)
        if tiled or scale >= 1:
            return picture
        width, height = (max(round(side * scale), 1) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)

    def _pixels(self, pictures: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """Return (regions, n, 3, side, side) pixels, and rows and columns of the pictures."""
        given = self._image_processor(list(pictures), return_tensors="pt")
        return given["pixel_values"], torch.as_tensor(given["image_sizes"])

    def _layout(self, picture: Image.Image) -> Layout:
        return Layout.choose(
            (picture.height, picture.width),
            self._canvases,
            side=self._side,
            patch=self._patch,
            limit=_NO_LIMIT,
        )


FAMILIES = (LlavaNext,)
