"""The losses of one training step: statements (contrast, matching) and answers (text, place)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .losses import contrastive_loss, grounding_loss, hard_negatives, language_loss
from .memory import ImageMemory

if TYPE_CHECKING:
    from .modeling import MvaemaModel

__all__ = ["answer_losses", "statement_losses"]


def statement_losses(
    model: MvaemaModel,
    images: Tensor,
    memory: ImageMemory,
    ids: Tensor,
    mask: Tensor | None,
    matches: Tensor | None,
) -> dict[str, Tensor]:
    """Return ``itc`` and ``itm``, as far as they have a weight.

    Parameters
    ----------
    model : MvaemaModel
        Whose text encoder reads.
    images : (B, 1 + N, D) float tensor
        Image embeddings.
    memory : ImageMemory
        Of the same images.
    ids, mask : (B, S) integer tensors
        One true statement for each image.
    matches : (B, B) bool tensor or None
        Which statements (columns) are true of which images; None: those with the same words.
    """
    if not (model.weight_of("itc") or model.weight_of("itm")):
        return {}
    if matches is None:
        matches = (ids[:, None] == ids[None]).all(-1)
    matches = matches | torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    words = model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    image = F.normalize(model.image_projection(images[:, 0]), dim=-1)
    text = F.normalize(model.text_projection(words[:, 0]), dim=-1)
    # CLIP's bound on the temperature: above it the loss becomes unstable.
    similarity = image @ text.T * model.logit_scale.clamp(max=4.6052).exp()
    found = {}
    if model.weight_of("itc"):
        found["itc"] = contrastive_loss(similarity, matches)
    if model.weight_of("itm"):
        found["itm"] = _matching_loss(model, memory, ids, mask, similarity.detach(), matches)
    return found


def _matching_loss(
    model: MvaemaModel,
    memory: ImageMemory,
    ids: Tensor,
    mask: Tensor | None,
    similarity: Tensor,
    matches: Tensor,
) -> Tensor:
    every = torch.arange(len(ids), device=ids.device)
    image_rows, wrong_texts = hard_negatives(similarity, matches)
    text_rows, wrong_images = hard_negatives(similarity.T, matches.T)
    images = torch.cat([every, image_rows, wrong_images])
    texts = torch.cat([every, wrong_texts, text_rows])
    scores = model.match(memory.rows(images), ids[texts], None if mask is None else mask[texts])
    truth = (torch.arange(len(images), device=ids.device) < len(every)).long()
    return F.cross_entropy(scores, truth)


def answer_losses(
    model: MvaemaModel,
    memory: ImageMemory,
    ids: Tensor,
    mask: Tensor | None,
    labels: Tensor,
    target: Tensor | None,
    words: Tensor | None,
) -> dict[str, Tensor]:
    """Return ``lm`` and ``grounding``, as far as they have a weight and data.

    Parameters
    ----------
    model : MvaemaModel
        Whose decoder writes.
    memory : ImageMemory
        Of the image of each row.
    ids, mask, labels : (R, L) integer tensors
        Dialogues; labels are -100 but for the answer.
    target : (R, N) float tensor or None
        Share of the mask in each image token.
    words : (R, L) bool tensor or None
        Positions that predict a grounded token.
    """
    ground = bool(model.weight_of("grounding")) and target is not None and words is not None
    if not (model.weight_of("lm") or ground):
        return {}
    written = model.decoder.bert(
        input_ids=ids,
        attention_mask=mask,
        is_decoder=True,
        use_cache=False,
        output_attentions=ground,
        **memory.arguments(),
    )
    found = {}
    if model.weight_of("lm"):
        following = labels[:, 1:]
        taught = following != -100
        # The vocabulary is large: make logits only where there is a label.
        logits = model.decoder.cls(written.last_hidden_state[:, :-1][taught])
        found["lm"] = language_loss(logits, following[taught], model.decoder.config.label_smoothing)
    if ground and target is not None and words is not None:
        found["grounding"] = grounding_loss(
            model.shown_attention(written.cross_attentions),
            target,
            words.bool(),
            model.config.grounding_spread,
        )
    return found
