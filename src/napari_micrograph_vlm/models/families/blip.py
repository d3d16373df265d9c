"""BLIP that answers questions (``BlipForQuestionAnswering``).

The question is read by a text encoder that looks at the picture; the answer is written by a decoder
that looks at the encoded question. Where a word of the answer looked is composed of the two: how
much it looked at each token of the question, and where that token looked in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from ...attention.token_boxes import TokenBoxes
from ...errors import ModelError
from ...regions import Region
from ...results import Turn
from .base import Prompt, Sight
from .parts import grid_boxes, load_image_processor, load_tokenizer, region_picture
from .speaking import SpeakingFamily
from .voices import EncoderVoice, refuse_reserved

__all__ = ["FAMILIES", "Blip"]


class Blip(SpeakingFamily):
    """BLIP for visual question answering.

    It knows one picture and one question; earlier turns and instructions it was never taught, and
    it is not given them. Answers are a word or a few.
    """

    name: ClassVar[str] = "BLIP"
    model_types: ClassVar[tuple[str, ...]] = ("blip",)
    takes_conditions: ClassVar[bool] = False

    def __init__(self, tokenizer: Any, image_processor: Any, config: Any) -> None:
        self._tokenizer = tokenizer
        self._image_processor = image_processor
        self._longest = int(config.text_config.max_position_embeddings)
        self._grid = int(config.vision_config.image_size // config.vision_config.patch_size)

    @classmethod
    def load(cls, folder: Path, config: Any) -> Blip:
        """Build tokenizer and image processor from a checkpoint folder.

        Raises
        ------
        ModelError
            If a file is missing, or the checkpoint writes captions or compares texts instead.
        """
        architectures = config.architectures or ()
        if "BlipForQuestionAnswering" not in architectures:
            raise ModelError(
                f"The BLIP in {folder} does not answer questions (it is "
                f"{', '.join(architectures) or 'of unknown kind'}); choose one for visual question "
                "answering, such as Salesforce/blip-vqa-base."
            )
        image_processor = load_image_processor(folder, BlipImageProcessorPil)
        return cls(load_tokenizer(folder), image_processor, config)

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
        """Return pixels and the question's tokens; all else is left out."""
        question = question.strip()
        refuse_reserved(self._tokenizer, question)
        pictures = [region_picture(region) for region in regions]
        pixels = self._image_processor(pictures, return_tensors="pt")["pixel_values"]
        encoded = self._tokenizer(
            question, return_tensors="pt", truncation=True, max_length=self._longest
        )
        ids = encoded["input_ids"]
        sights = tuple(
            Sight(np.arange(self._grid**2), TokenBoxes(grid_boxes(self._grid, self._grid)))
            for _ in regions
        )
        inputs = {
            "input_ids": ids,
            "attention_mask": encoded["attention_mask"],
            "pixel_values": pixels,
        }
        # [CLS] before, [SEP] behind.
        return Prompt(inputs, sights, 0, (1, ids.shape[1] - 1))

    def decoder(self, model: nn.Module) -> nn.Module:
        """Return the decoder of answers; it records nothing, as its attention is plain anyway."""
        found: nn.Module = model.text_decoder  # type: ignore[assignment]
        return found

    def _voice(
        self, model: Any, prompt: Prompt, cancel: Event | None, *, learning: bool = False
    ) -> EncoderVoice:
        """Let the encoder read the question."""
        from ...attention.recorder import stoppable

        device = model.device
        with torch.inference_mode(not learning), stoppable(cancel):
            pixels = prompt.inputs["pixel_values"].to(device, model.dtype)
            image = model.vision_model(pixel_values=pixels).last_hidden_state
            read = model.text_encoder(
                input_ids=prompt.inputs["input_ids"].to(device),
                attention_mask=prompt.inputs["attention_mask"].to(device),
                encoder_hidden_states=image,
                encoder_attention_mask=_all_of(image),
                output_attentions=True,
                return_dict=True,
            )
            # (layers, question tokens, patches): the first place is that of the class token.
            seen = torch.stack([layer[0].float().mean(0) for layer in read.cross_attentions])
            seen = seen[:, :, 1:]

            def compose(looked: Tensor) -> Tensor:
                return torch.einsum("nq,lqp->nlp", looked.mean(1), seen)

            text = model.config.text_config
            voice = EncoderVoice(
                model.text_decoder,
                {
                    "encoder_hidden_states": read.last_hidden_state,
                    "encoder_attention_mask": _all_of(read.last_hidden_state),
                },
                ids="input_ids",
                start=int(text.bos_token_id),
                ends=(int(text.sep_token_id),),
                compose=compose,
            )
            voice.asked = seen[:, prompt.question_span[0] :].transpose(0, 1)
        return voice


def _all_of(states: Tensor) -> Tensor:
    return torch.ones(states.shape[:-1], dtype=torch.long, device=states.device)


FAMILIES = (Blip,)
