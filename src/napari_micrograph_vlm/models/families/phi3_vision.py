"""Phi-3-vision and Cephalo's mixture of three of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from ...attention.token_boxes import TokenBoxes
from ...errors import QuestionError
from ...regions import Region
from ...results import Turn
from ..base import ModelInput, View
from ..cephalo.phi3_pictures import Layout, Phi3Pictures
from .base import Prompt, Sight
from .chat import Chat, ChatFamily, Rendered
from .parts import (
    grid_boxes,
    load_settings,
    load_template,
    load_tokenizer,
    region_picture,
    shown_pixels,
)

__all__ = ["FAMILIES", "Phi3Vision"]

_PLACEHOLDER = "<|image_1|>"

_ROOM = 512
"""Tokens left for an answer."""

# As on the model cards; some copies of the checkpoints come without it.
_TEMPLATE = (
    "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\\n' + message['content'] + "
    "'<|end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{- '<|assistant|>\\n' -}}{% endif %}"
)


# Templates of that time take a message as one text; images are numbered words in it.
_AS_TEXT = (
    "{% set all = namespace(messages=[]) %}{% for message in messages %}"
    "{% set one = namespace(text='') %}{% for part in message['content'] %}"
    "{% set one.text = one.text + ('<|image_1|>\n' if part['type'] == 'image' else part['text']) %}"
    "{% endfor %}"
    "{% set all.messages = all.messages + [{'role': message['role'], 'content': one.text}] %}"
    "{% endfor %}{% set messages = all.messages %}"
)


class Phi3Vision(ChatFamily):
    """Phi-3-vision: up to 16 tiles and the whole, each line of image tokens ended by one.

    One region in a question, as the model cards advise: it was not taught several.
    """

    name: ClassVar[str] = "Phi-3-vision"
    model_types: ClassVar[tuple[str, ...]] = ("phi3_v", "phi3_v_moe")
    max_regions: ClassVar[int] = 1

    def __init__(self, tokenizer: Any, pictures: Phi3Pictures, template: str, config: Any) -> None:
        self._pictures = pictures
        self._chat = _PhiChat(
            tokenizer, _AS_TEXT + template, int(config.image_token_id), _PLACEHOLDER
        )
        # Beyond this length the model turns positions by other angles, those read before too.
        self._longest = int(config.text_config.original_max_position_embeddings) - _ROOM
        # Two by two patches make one image token.
        self._per_side = config.vision_config.image_size // config.vision_config.patch_size // 2

    @classmethod
    def load(cls, folder: Path, config: Any) -> Phi3Vision:
        """Build tokenizer, image processor and chat template from a checkpoint folder."""
        tokenizer = load_tokenizer(folder)
        settings = load_settings(folder, "preprocessor_config.json")
        pictures = Phi3Pictures(settings, int(config.vision_config.image_size))
        return cls(tokenizer, pictures, load_template(folder, tokenizer, _TEMPLATE), config)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        picture = region_picture(region)
        layout = self._pictures.layout((picture.height, picture.width), tiled)
        shown = [
            shown_pixels(view, self._pictures) for view in self._pictures.views(picture, layout)
        ]
        boxes = [layout.box(0, 0, 1, 1)]
        boxes += [layout.box(*cell) for cell in grid_boxes(layout.rows, layout.columns)]
        return ModelInput(
            tuple(View(pixels, box) for pixels, box in zip(shown, boxes, strict=True)),
            max(region.shape[0] / layout.height, region.shape[1] / layout.width),
            tiled=layout.rows * layout.columns > 1,
            could_tile=max(region.shape) > 1.25 * layout.side,
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
        """Put regions, earlier turns and a question into the chat format.

        Raises
        ------
        QuestionError
            If the conversation is too long, or holds a word that the model reserves.
        """
        pictures = [region_picture(region) for region in regions]
        layouts = [self._pictures.layout((each.height, each.width), tiled) for each in pictures]
        boxes, kept = zip(*(self._boxes(layout) for layout in layouts), strict=True)
        expansions = [self._chat.image_token * len(each) for each in kept]
        rendered = self._chat.render(expansions, question, turns, instruction, conditions)
        if rendered.input_ids.shape[1] > self._longest:
            raise QuestionError(
                "The conversation has become too long for this model; start a new one, or ask "
                "without tiles."
            )
        views = [
            self._pictures.views(picture, layout)
            for picture, layout in zip(pictures, layouts, strict=True)
        ]
        sizes = torch.tensor([[layout.rows, layout.columns] for layout in layouts])
        sights = tuple(
            Sight(places[keep], TokenBoxes(each))
            for places, keep, each in zip(rendered.places, kept, boxes, strict=True)
        )
        inputs = {**rendered.inputs(), "pixel_values": torch.cat(views), "image_sizes": sizes}
        return Prompt(inputs, sights, rendered.shared, rendered.question_span)

    def _boxes(self, layout: Layout) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return boxes of the image tokens that show something, and which of all these are."""
        n = self._per_side
        rows, columns = layout.rows * n, layout.columns * n
        cells = [layout.box(*cell) for cell in (*grid_boxes(rows, columns), *grid_boxes(n, n))]
        tiles, whole = _all_but_line_ends(rows, columns), _all_but_line_ends(n, n)
        kept = np.concatenate([tiles, [False], whole])  # between them stands the separator
        return np.array(cells, np.float64), kept


def _all_but_line_ends(rows: int, columns: int) -> NDArray[np.bool_]:
    shows = np.ones((rows, columns + 1), bool)
    shows[:, -1] = False
    return shows.ravel()


class _PhiChat(Chat):
    """Tokenizes what stands before and behind an image apart, as the published code does.

    So a tokenizer that begins every text with a token does so behind the image, too.
    """

    def _tokens(
        self, text: str, images: Sequence[tuple[int, int]], question: tuple[int, int]
    ) -> Rendered:
        ids: list[int] = []
        asked: list[int] = []
        places = []
        at = 0
        for start, stop in (*images, (len(text), len(text))):
            piece = self.tokenizer(text[at:start], return_offsets_mapping=True)
            for number, (first, last) in enumerate(piece["offset_mapping"], start=len(ids)):
                if at + first < question[1] and at + last > question[0]:
                    asked.append(number)
            ids += piece["input_ids"]
            if start < stop:
                count = (stop - start) // len(self.image_token)
                places.append(np.arange(len(ids), len(ids) + count))
                ids += [self.image_id] * count
            at = stop
        return Rendered(
            torch.tensor([ids]),
            tuple(places),
            int(places[-1][-1]) + 1 if places else 0,
            (asked[0], asked[-1] + 1) if asked else (len(ids), len(ids)),
        )


FAMILIES = (Phi3Vision,)
