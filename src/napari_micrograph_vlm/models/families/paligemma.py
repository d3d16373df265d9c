"""PaliGemma: image and question see each other in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
from .parts import (
    WHOLE,
    grid_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
)
from .tiles import shown

__all__ = ["FAMILIES", "PaliGemma"]

# PaliGemma was not trained to chat and ships no chat template. Its publishers ask questions as
# "answer en ...", behind the images and the first token, and end them with a line break.
_TEMPLATE = """
{%- for message in messages if message.role == 'user' -%}
{%- for part in message.content if part.type == 'image' -%}<image>{%- endfor -%}
{%- endfor -%}
{{ bos_token }}
{%- for message in messages -%}
{%- for part in message.content if part.type == 'text' -%}
{{ ('answer en ' if message.role == 'user' else '') + part.text + '\n' }}
{%- endfor -%}
{%- endfor -%}
"""


class PaliGemma(ChatFamily):
    """PaliGemma 1 and 2: a region is stretched to one square; its proportions are lost.

    Because the image sees the question, nothing but the image's features can be kept for the
    next question.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``SiglipImageProcessorPil`` of transformers.
    side : int
        Image tokens along one side of a region.
    """

    name = "PaliGemma"
    model_types = ("paligemma",)
    takes_conditions = False  # a task's name, such as "answer en", has to come first
    answer_type = 1
    max_regions = 2
    most_frames = 1
    keeps_prefix = False

    def __init__(self, chat: Chat, image_processor: Any, side: int) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._side = side

    @classmethod
    def load(cls, folder: Path, config: Any) -> PaliGemma:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.siglip.image_processing_pil_siglip import (
            SiglipImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        # The first token stands behind the images, where the template puts it.
        tokenizer.add_bos_token = False
        tokenizer.add_eos_token = False
        template = load_template(folder, tokenizer, _TEMPLATE)
        processor = load_image_processor(folder, SiglipImageProcessorPil, do_convert_rgb=True)
        vision = config.vision_config
        return cls(
            Chat(tokenizer, template, config.image_token_id),
            processor,
            vision.image_size // vision.patch_size,
        )

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: one view of all of it."""
        values = self._image_processor([region_picture(region)], return_tensors="pt")
        return shown(region, values["pixel_values"], [WHOLE], self._image_processor, False)

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
        """Put regions and a question into the model's format; conditions are left out."""
        piece = self._chat.image_token * self._side**2
        rendered = self._chat.render(
            [piece] * len(regions), question, turns, instruction, conditions
        )
        inputs = rendered.inputs()
        # 0: the prompt, which sees itself in both directions. What is written gets 1.
        inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
        pictures = [region_picture(region) for region in regions]
        given = self._image_processor(pictures, return_tensors="pt")
        inputs["pixel_values"] = given["pixel_values"]
        sights = tuple(
            Sight(places, TokenBoxes(grid_boxes(self._side, self._side)))
            for places in rendered.places
        )
        return Prompt(inputs, sights, 0, rendered.question_span)


FAMILIES = (PaliGemma,)
