"""MVaEMa from transformers' BLIP modules: an image encoder and three ways to read a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BlipTextModel, PreTrainedModel
from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel
from transformers.utils.generic import ModelOutput

from .configuration import MvaemaConfig
from .crossing import mask_cross_attention
from .encoder import Addition, ImageEncoder, token_positions
from .learning import answer_losses, statement_losses
from .memory import ImageMemory
from .novelty import Novelty, groups_of

__all__ = ["MvaemaModel", "MvaemaOutput"]

_SHARED = r"encoder\.layer\.\d+\.(crossattention|intermediate|output)\."
# Not the buffer of position numbers, which cannot be tied.
_EMBEDDED = r"embeddings\.(word_embeddings|position_embeddings|LayerNorm)\."


@dataclass
class MvaemaOutput(ModelOutput):
    """Losses of one step; None where a loss has no weight or no data.

    Attributes
    ----------
    loss : scalar tensor
        Weighted sum, the one to minimise.
    itc, itm, lm, grounding : scalar tensors
        Contrast, matching, answer text, place of the attention; without their weights.
    image_embeds : (B, 1 + N, D) tensor
        Embedding of the whole, then of each token.
    """

    loss: Tensor | None = None
    itc: Tensor | None = None
    itm: Tensor | None = None
    lm: Tensor | None = None
    grounding: Tensor | None = None
    image_embeds: Tensor | None = None


class MvaemaModel(PreTrainedModel):
    """Image encoder, text encoder, image-grounded text encoder and image-grounded decoder.

    As in BLIP, the text encoder reads a statement alone (contrast) or, through cross-attention,
    together with the image (matching); the decoder writes the answer. All share embeddings,
    cross-attention and feed-forward layers; the decoder has its own self-attention.
    """

    config: MvaemaConfig
    config_class = MvaemaConfig
    base_model_prefix = "mvaema"
    main_input_name = "features"
    _tied_weights_keys = {  # noqa: RUF012
        rf"decoder\.bert\.{_EMBEDDED}": rf"text_encoder\.{_EMBEDDED}",
        rf"decoder\.bert\.{_SHARED}": rf"text_encoder\.{_SHARED}",
    }

    def __init__(self, config: MvaemaConfig) -> None:
        super().__init__(config)
        text: Any = config.text_config
        self.image_encoder = ImageEncoder(config)
        self.text_encoder = BlipTextModel(text, add_pooling_layer=False)
        self.decoder = BlipTextLMHeadModel(text)
        for reader in (self.text_encoder, self.decoder.bert):
            mask_cross_attention(reader)
        self.image_projection = nn.Linear(text.hidden_size, config.projection_dim)
        self.text_projection = nn.Linear(text.hidden_size, config.projection_dim)
        self.matching_head = nn.Linear(text.hidden_size, 2)
        self.logit_scale = nn.Parameter(torch.tensor(2.6592))
        # Fitted after training: a model that has not got it takes every picture.
        self.novelty = None if config.novelty is None else Novelty(groups_of(self.image_encoder))
        self.post_init()

    def backbone_features(self, pixel_values: Tensor) -> Tensor:
        """Return frozen features (B, r * c, F) of pixels (B, 3, 32 r, 32 c)."""
        return self.image_encoder.backbone_features(pixel_values)

    def encode(
        self,
        features: Tensor,
        positions: Tensor,
        kinds: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return image embeddings (B, 1 + N, D); see :meth:`.encoder.ImageEncoder.forward`."""
        embeddings: Tensor = self.image_encoder(features, positions, kinds, mask)
        return embeddings

    def remember(self, image_embeds: Tensor, mask: Tensor | None = None) -> ImageMemory:
        """Compute keys and values of image embeddings for every text layer, once.

        Parameters
        ----------
        image_embeds : (B, 1 + N, D) float tensor
            From :meth:`encode`.
        mask : (B, N) bool tensor, optional
            False for padded image tokens.
        """
        batch, length, _ = image_embeds.shape
        layers = []
        for layer in self.text_encoder.encoder.layer:
            attention: Any = layer.crossattention.self  # type: ignore[union-attr]
            shape = (batch, length, attention.num_attention_heads, attention.attention_head_size)
            key = attention.key(image_embeds).view(shape).transpose(1, 2)
            value = attention.value(image_embeds).view(shape).transpose(1, 2)
            layers.append((key, value))
        seen = None if mask is None else F.pad(mask.bool(), (1, 0), value=True)
        return ImageMemory(layers, seen)

    def shown_attention(self, cross_attentions: Any) -> Tensor:
        """Return the attention that is taught and shown, (R, L, N), rows summing to 1.

        The mean over heads of the layers of ``grounding_layers``; the share of the embedding of
        the whole, which has no place, is left out.
        """
        chosen = [cross_attentions[index].mean(1) for index in self.config.grounding_layers]
        places = torch.stack(chosen).mean(0)[..., 1:]
        return places / places.sum(-1, keepdim=True).clamp_min(1e-9)

    def forward(
        self,
        features: Tensor | None = None,
        positions: Tensor | None = None,
        kinds: Tensor | None = None,
        image_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        statement_ids: Tensor | None = None,
        statement_mask: Tensor | None = None,
        statement_matches: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        rows_to_image: Tensor | None = None,
        grounding_target: Tensor | None = None,
        grounding_words: Tensor | None = None,
    ) -> MvaemaOutput:
        """Return the losses that have a weight and data.

        Parameters
        ----------
        features, positions, kinds, image_mask : tensors
            As :meth:`encode` takes them, (B, N, ...).
        pixel_values : (B, 3, 32 r, 32 c) float tensor, optional
            Instead of ``features`` and ``positions``: whole regions.
        statement_ids, statement_mask : (B, S) integer tensors, optional
            ``[CLS] question answer [SEP]``, one true statement for each image (contrast, matching).
        statement_matches : (B, B) bool tensor, optional
            Which statements (columns) are true of which images (rows). By default those with the
            same words.
        input_ids, attention_mask, labels : (R, L) integer tensors, optional
            Dialogues for the decoder; labels are -100 but for the answer and ``[EOS]``. The shift
            by one is made here.
        rows_to_image : (R,) integer tensor, optional
            Which image each dialogue is about; by default dialogue ``i`` is about image ``i``.
        grounding_target : (R, N) float tensor, optional
            Share of the mask in each image token; all 0 where it is not known.
        grounding_words : (R, L) bool tensor, optional
            Positions of ``input_ids`` that predict (come just before) a grounded answer token.
        """
        if features is None:
            if pixel_values is None:
                raise ValueError("forward needs features or pixel_values.")
            features = self.backbone_features(pixel_values)
            grid = [side // self.config.token_size for side in pixel_values.shape[-2:]]
            places = token_positions(grid[0], grid[1]).to(features.device)
            positions = places.expand(len(features), -1, -1)
        if positions is None:
            raise ValueError("features need positions; see token_positions.")
        images = self.encode(features, positions, kinds, image_mask)
        memory = self.remember(images, image_mask)
        found: dict[str, Tensor] = {}
        if statement_ids is not None:
            found |= statement_losses(
                self, images, memory, statement_ids, statement_mask, statement_matches
            )
        if input_ids is not None and labels is not None:
            found |= answer_losses(
                self,
                memory.rows(rows_to_image),
                input_ids,
                attention_mask,
                labels,
                grounding_target,
                grounding_words,
            )
        loss = images.new_zeros(())
        for name, value in found.items():
            loss = loss + self.weight_of(name) * value
        return MvaemaOutput(loss=loss, image_embeds=images, **found)

    def weight_of(self, name: str) -> float:
        """Return the weight of a loss; 0 where it is left out."""
        return float((self.config.loss_weights or {}).get(name, 0.0))

    def match(self, memory: ImageMemory, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return logits (R, 2), wrong and right, of statements (R, S) about images."""
        ids = ids.clone()
        ids[:, 0] = self.config.enc_token_id
        read = self.text_encoder(input_ids=ids, attention_mask=mask, **memory.arguments())
        scores: Tensor = self.matching_head(read.last_hidden_state[:, 0])
        return scores

    def save_compact(self, folder: str | Path) -> None:
        """Save with matrices as float16, half the size.

        Vectors stay float32: batch norm variances span more than float16 holds, and they are
        few. Loading with ``dtype=torch.float32`` brings everything back to float32.
        """
        compact = {
            name: value.half() if value.is_floating_point() and value.ndim > 1 else value
            for name, value in self.state_dict().items()
            if name not in self.all_tied_weights_keys
        }
        self.save_pretrained(folder, state_dict=compact)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> Any:
        # It is called for the modules only that have weights of their own.
        super()._init_weights(module)
        if isinstance(module, ImageEncoder):
            nn.init.normal_(module.cls, std=self.config.initializer_range)
            nn.init.zeros_(module.feature_mean)
            nn.init.ones_(module.feature_deviation)
            # Features are standardised: of so many, each weighted at random, this is the sum.
            module.place.strengthen(self.config.initializer_range * module.feature_size**0.5)
        elif isinstance(module, Addition):
            nn.init.zeros_(module.weight)
        elif module is self:
            nn.init.constant_(self.logit_scale, 2.6592)
