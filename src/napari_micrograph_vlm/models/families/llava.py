"""LLaVA 1.5: one picture, padded to a square, one token for each patch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from ...attention.token_boxes import TokenBoxes
from ...errors import ModelError
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .anyres import square_box
from .base import Prompt, Sight
from .chat import Chat, ChatFamily, Rendered
from .parts import (
    Box,
    grid_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
    shown_pixels,
    without_padding,
)

__all__ = ["FAMILIES", "Llava", "with_class_token"]

# Vicuna's, with which LLaVA 1.5 was trained; its first conversions hold no template.
_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] if content['type'] == 'image' %}"
    "{{ '<image>\\n' }}{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'text' %}"
    "{{ content['text'] + ' ' }}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


class Llava(ChatFamily):
    """LLaVA 1.5 and models converted to it (BakLLaVA, ViP-LLaVA's like).

    The picture is padded to a square with its mean colour, as in LLaVA's own code. The settings
    that were published with the converted weights cut off what lies outside the central square
    instead; here the model sees the whole region.
    """

    name: ClassVar[str] = "LLaVA"
    model_types: ClassVar[tuple[str, ...]] = ("llava", "llava_moe")
    most_frames: ClassVar[int] = 1

    def __init__(self, tokenizer: Any, image_processor: Any, template: str, config: Any) -> None:
        self._image_processor = image_processor
        self._patch = int(config.vision_config.patch_size)
        self._class_token = with_class_token(config)
        self._chat = Chat(tokenizer, template, int(config.image_token_id))

    @classmethod
    def load(cls, folder: Path, config: Any) -> Llava:
        """Build tokenizer, image processor and chat template from a checkpoint folder."""
        if config.vision_config.model_type == "pixtral":
            raise ModelError(
                f"The model in {folder} sees through Pixtral, which is not known; "
                "choose one that 'models list' shows."
            )
        tokenizer = load_tokenizer(folder)
        image_processor = load_image_processor(folder, LlavaImageProcessorPil, do_pad=True)
        template = load_template(folder, tokenizer, _TEMPLATE)
        return cls(tokenizer, image_processor, template, config)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region; there are no tiles."""
        pixels = self._pixels([region])[0]
        side = pixels.shape[-1]
        shown = shown_pixels(pixels, self._image_processor)
        view = without_padding(shown, square_box(region.pixels.shape[:2]))
        return ModelInput((view,), max(region.shape) / side, tiled=False, could_tile=False)

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
        """Put regions, earlier turns and a question into the chat format."""
        pixels = self._pixels(regions)
        rows, columns = (side // self._patch for side in pixels.shape[-2:])
        boxes = [
            self._boxes(rows, columns, square_box(region.pixels.shape[:2])) for region in regions
        ]
        expansions = [self._chat.image_token * len(each) for each in boxes]
        rendered = self._chat.render(expansions, question, turns, instruction, conditions)
        return prompt_of(rendered, boxes, pixel_values=pixels)

    def _pixels(self, regions: Sequence[Region]) -> Tensor:
        pictures = [region_picture(region) for region in regions]
        found: Tensor = self._image_processor(pictures, return_tensors="pt")["pixel_values"]
        return found

    def _boxes(self, rows: int, columns: int, within: Box) -> NDArray[np.float64]:
        boxes = grid_boxes(rows, columns, within)
        if self._class_token:
            boxes = np.concatenate([np.array([within]), boxes])
        return boxes


def prompt_of(rendered: Rendered, boxes: Sequence[NDArray[np.float64]], **inputs: Tensor) -> Prompt:
    """Put tokens, the boxes of each region's image tokens and the pixels together."""
    sights = tuple(
        Sight(places, TokenBoxes(each)) for places, each in zip(rendered.places, boxes, strict=True)
    )
    return Prompt({**rendered.inputs(), **inputs}, sights, rendered.shared, rendered.question_span)


def with_class_token(config: Any) -> bool:
    """Whether the image tokens begin with one for the whole picture."""
    has_one = config.vision_config.model_type == "clip_vision_model"
    return bool(has_one and config.vision_feature_select_strategy == "full")


FAMILIES = (Llava,)
