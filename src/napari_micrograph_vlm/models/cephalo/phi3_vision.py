"""Phi-3-vision, the base of Cephalo-Phi-3-vision, from transformers' CLIP vision and Phi-3.

The published names (left) and ours (right); ``*`` is the rest of the name:

=============================================================  ================================
``model.embed_tokens.*``, ``model.layers.*``, ``model.norm.*``  ``model.language_model.…``
``model.vision_embed_tokens.img_processor.vision_model.*``      ``model.vision_tower.*``
``model.vision_embed_tokens.img_projection.{0,2}.*``            ``model.projector.layers.{0,2}.*``
``model.vision_embed_tokens.{glb_GN,sub_GN}``                   ``….projector.{separator,newline}``
``model.vision_embed_tokens.wte.*``                             dropped: a copy of ``embed_tokens``
``lm_head.*``                                                   ``head.*``
=============================================================  ================================

All left-hand names are attributes of the published ``Phi3VModel`` and ``Phi3ImageEmbedding``.
Whether the checkpoint holds the copy ``wte`` depends on how it was saved; both are taken.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionModel,
    GenerationMixin,
    Phi3Model,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling, CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel

from .phi3_config import Phi3VisionConfig

__all__ = [
    "KEY_MAPPING",
    "Phi3Projector",
    "Phi3VisionForConditionalGeneration",
    "Phi3VisionModel",
    "ends_of",
]

KEY_MAPPING = {
    r"^model\.vision_embed_tokens\.wte\.": "dropped.wte.",
    r"^model\.vision_embed_tokens\.img_processor\.vision_model\.": "model.vision_tower.",
    r"^model\.vision_embed_tokens\.img_projection\.": "model.projector.layers.",
    r"^model\.vision_embed_tokens\.glb_GN": "model.projector.separator",
    r"^model\.vision_embed_tokens\.sub_GN": "model.projector.newline",
    r"^model\.embed_tokens\.": "model.language_model.embed_tokens.",
    r"^model\.layers\.": "model.language_model.layers.",
    r"^model\.norm\.": "model.language_model.norm.",
    r"^lm_head\.": "head.",
}
"""Patterns of published names and what replaces them; applied in turn."""


class Phi3Projector(nn.Module):
    """Joins four patches to one, adds line ends, and projects into the text model's space.

    Parameters
    ----------
    vision_size, text_size : int
        Length of a patch's and of a word's vector.
    """

    def __init__(self, vision_size: int, text_size: int) -> None:
        super().__init__()
        self.separator = nn.Parameter(torch.zeros(1, 1, 4 * vision_size))
        self.newline = nn.Parameter(torch.zeros(1, 1, 1, 4 * vision_size))
        self.layers = nn.Sequential(
            nn.Linear(4 * vision_size, text_size), nn.GELU(), nn.Linear(text_size, text_size)
        )

    def forward(self, patches: Tensor, rows: int, columns: int) -> Tensor:
        """Return the image tokens of one picture.

        Parameters
        ----------
        patches : (1 + rows * columns, side * side, vision_size) Tensor
            The whole picture first, then its tiles row by row.
        rows, columns : int
            How the tiles lie.

        Returns
        -------
        (N, text_size) Tensor
            Tiles as one picture, line by line, each line ended; a separator; the whole likewise.
        """
        tiles = self._with_newlines(_join(patches[1:], rows, columns))
        whole = self._with_newlines(_join(patches[:1], 1, 1))
        tokens: Tensor = self.layers(torch.cat([tiles, self.separator[0], whole]))
        return tokens

    def _with_newlines(self, grid: Tensor) -> Tensor:
        """Return (height, width, C) as (height * (width + 1), C), each row ended."""
        ends = self.newline[0].expand(grid.shape[0], 1, -1)
        return torch.cat([grid, ends], dim=1).flatten(0, 1)


def _join(patches: Tensor, rows: int, columns: int) -> Tensor:
    """Return tiles (rows * columns, side², C) as one grid of 2 x 2 patches, (H, W, 4 C)."""
    side = round(patches.shape[1] ** 0.5)
    half = side // 2
    # tile row, tile column, row, row in pair, column, column in pair, C
    split = patches.reshape(rows, columns, half, 2, half, 2, -1)
    grid = split.permute(0, 2, 1, 4, 3, 5, 6)
    return grid.reshape(rows * half, columns * half, -1)


def ends_of(folder: Path) -> list[int]:
    """Return the tokens at which answers end.

    The published settings name only ``</s>``, which the model never writes; its examples stop at
    these texts instead.
    """
    try:
        content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        added = {token["content"]: int(token["id"]) for token in content["added_tokens"]}
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [added[text] for text in ("<|end|>", "<|endoftext|>", "</s>") if text in added]


class _Phi3VisionPreTrained(PreTrainedModel):
    config_class = Phi3VisionConfig
    base_model_prefix = "model"
    input_modalities = ["image", "text"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _no_split_modules = ["Phi3DecoderLayer", "CLIPEncoderLayer"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _keys_to_ignore_on_load_unexpected = [r"^dropped\."]  # noqa: RUF012
    key_mapping: ClassVar[dict[str, str]] = KEY_MAPPING

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Phi3Projector):
            nn.init.normal_(module.separator, std=0.02)
            nn.init.normal_(module.newline, std=0.02)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, folder: str | Path, *args: Any, **kwargs: Any
    ) -> Any:
        """Load published weights; see transformers. Only safetensors are opened."""
        kwargs.setdefault("key_mapping", cls.key_mapping)
        loaded = super().from_pretrained(folder, *args, **{**kwargs, "use_safetensors": True})
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        ends = ends_of(Path(folder))
        if ends and model.generation_config is not None:
            model.generation_config.eos_token_id = ends
        return loaded


class Phi3VisionModel(_Phi3VisionPreTrained):
    """Vision tower, projector and Phi-3 without the head."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        text, vision = config.text_config, config.vision_config
        self.vision_tower = CLIPVisionModel._from_config(vision)
        self.projector = Phi3Projector(vision.hidden_size, text.hidden_size)
        self.language_model = Phi3Model._from_config(text)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of words."""
        embedding: nn.Module = self.language_model.get_input_embeddings()
        return embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of words."""
        self.language_model.set_input_embeddings(value)

    def get_image_features(
        self, pixel_values: Tensor, image_sizes: Tensor, **_kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Return the image tokens of each picture as ``pooler_output``, a list.

        Parameters
        ----------
        pixel_values : (views, 3, side, side) Tensor
            For each picture the whole, then its tiles row by row.
        image_sizes : (pictures, 2) int64 Tensor
            Rows and columns of tiles of each picture.
        """
        pixels = pixel_values.to(self.vision_tower.dtype)
        seen: Any = self.vision_tower(pixels, output_hidden_states=True)
        patches = seen.hidden_states[self.config.vision_layer][:, 1:]
        tokens: Any = []
        start = 0
        for rows, columns in image_sizes.tolist():
            stop = start + 1 + rows * columns
            tokens.append(self.projector(patches[start:stop], rows, columns))
            start = stop
        return BaseModelOutputWithPooling(
            last_hidden_state=seen.last_hidden_state, pooler_output=tokens
        )

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return what Phi-3 makes of words and image tokens; arguments as in transformers.

        Raises
        ------
        ValueError
            If image tokens and pictures do not fit each other.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Give either input_ids or inputs_embeds.")
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        image = (mm_encoder_outputs or {}).get("image")
        if image is None and pixel_values is not None and image_sizes is not None:
            image = self.get_image_features(pixel_values, image_sizes)
        if image is not None:
            inputs_embeds = self._merge(input_ids, inputs_embeds, image.pooler_output)
        return self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            **kwargs,
        )

    def _merge(self, input_ids: Tensor | None, embedded: Tensor, pictures: list[Tensor]) -> Tensor:
        """Put image tokens where their placeholders stand."""
        if input_ids is None:
            raise ValueError("Pictures need input_ids, which hold their placeholders.")
        tokens = torch.cat(list(pictures)).to(embedded.device, embedded.dtype)
        places = (input_ids == self.config.image_token_id).unsqueeze(-1).to(embedded.device)
        if int(places.sum()) != len(tokens):
            raise ValueError(
                f"There are {int(places.sum())} placeholders for {len(tokens)} image tokens."
            )
        return embedded.masked_scatter(places, tokens)


class Phi3VisionForConditionalGeneration(_Phi3VisionPreTrained, GenerationMixin):
    """Phi-3-vision that writes, made to load Cephalo's 4b and Microsoft's original."""

    _tied_weights_keys = {  # noqa: RUF012
        "head.weight": "model.language_model.embed_tokens.weight"
    }

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        text = config.text_config
        self.model = Phi3VisionModel(config)
        # Not called lm_head: transformers takes a weight by its published name wherever the model
        # has that name too, and in the mixture that is the head which is never used.
        self.head: nn.Module = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return what turns vectors into words."""
        return self.head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace what turns vectors into words."""
        self.head = value

    def get_image_features(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPooling:
        """Return the image tokens; see :meth:`Phi3VisionModel.get_image_features`."""
        found: BaseModelOutputWithPooling = self.model.get_image_features(*args, **kwargs)
        return found

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits; arguments as in :meth:`Phi3VisionModel.forward`."""
        seen = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            image_sizes=image_sizes,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            mm_encoder_outputs=mm_encoder_outputs,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return CausalLMOutputWithPast(
            logits=self.head(seen.last_hidden_state[:, kept]),
            past_key_values=seen.past_key_values,
            hidden_states=seen.hidden_states,
            attentions=seen.attentions,
        )
