"""One model out of several: their feed-forward blocks become experts, gates choose among them.

As in Cephalo (arXiv 2405.19076): vision encoder, attention, embedding and head are those of one
model, the base; in every layer of the text model each expert gives its feed-forward block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..merging.checkpoint import Checkpoint
from ..merging.describing import recipe_of, render
from ..merging.fitting import check_settings
from ..merging.names import layer_of
from ..merging.writing import Piece, write_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from .gates import Recipe
    from .prompts import Prompts

__all__ = ["MIXTURES", "mix_experts"]

MIXTURES = {
    "idefics2": "idefics2_moe",
    "phi3_v": "phi3_v_moe",
    "llava": "llava_moe",
    "llava_next": "llava_next_moe",
    "llava_onevision": "llava_onevision_moe",
}
"""Type of the mixture of each type of model."""

GATES = "gates"
"""Group of the gates' tensors: they are in a file of their own, which is small."""


def mix_experts(
    base: Path,
    experts: Sequence[Path],
    output: Path,
    *,
    chosen: int = 1,
    prompts: Sequence[Prompts] | None = None,
    recipe: Recipe | None = None,
    device: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
    on_step: Callable[[str, int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Write a mixture of experts, and teach its gates.

    Tensors are copied one by one. Without sample prompts all gates are zero: every token goes to
    the first ``chosen`` experts, evenly.

    Parameters
    ----------
    base : Path
        The model that gives everything but the feed-forward blocks.
    experts : sequence of Path
        Two models or more of the base's type and size; the base may be among them.
    output : Path
        A folder that is empty or not there; the same call goes on with what was stopped.
    chosen : int
        How many experts work on a token.
    prompts : sequence, optional
        For each expert sample conversations of the kind that it is meant for: a folder that
        ``data chat`` wrote, or a sequence of ``ChatExample``.
    recipe : Recipe, optional
        How the gates are taught.
    device : str
        Where the gates are taught, as for ``load_model``.
    on_progress : callable, optional
        Called with bytes written and bytes in all.
    on_step : callable, optional
        Called with what is done, how much of it and of how much, while gates are taught.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    Path
        ``output``, which ``from_pretrained`` and ``load_model`` load.

    Raises
    ------
    ModelError
        If models do not fit each other, or no mixture of this type is known.
    SourceError
        If an expert has no usable prompts.
    Cancelled
        If ``stop`` was set.
    """
    from .gates import Recipe, teach_gates

    first, others = Checkpoint.open(base), [Checkpoint.open(folder) for folder in experts]
    check_experts(first, others, chosen)
    if prompts is not None and len(prompts) != len(experts):
        raise ModelError(
            f"There are sample prompts for {len(prompts)} of {len(experts)} experts; give some "
            "for each."
        )
    made = recipe_of(
        "experts",
        base,
        [(folder, {"expert": number}) for number, folder in enumerate(experts)],
        chosen=chosen,
    )
    write_checkpoint(
        output,
        list(_pieces(first, others)),
        config=config_of(first, len(experts), chosen),
        files_of=base,
        recipe=made,
        card=render(output.name, made, MIXTURES[first.model_type]),
        on_progress=on_progress,
        stop=stop,
    )
    if prompts is not None:
        teach_gates(
            output, prompts, recipe=recipe or Recipe(), device=device, on_step=on_step, stop=stop
        )
    return output


def check_experts(base: Checkpoint, experts: Sequence[Checkpoint], chosen: int) -> None:
    """See that models can be mixed.

    Raises
    ------
    ModelError
        If they cannot.
    """
    if base.model_type not in MIXTURES:
        raise ModelError(
            f"Models of type {base.model_type!r} cannot be mixed; those of type "
            f"{', '.join(MIXTURES)} can."
        )
    if len(experts) < 2:
        raise ModelError("A mixture needs at least two experts.")
    if not 1 <= chosen <= len(experts):
        raise ModelError(
            f"Of {len(experts)} experts, 1 to {len(experts)} can work on a token, not {chosen}."
        )
    for expert in experts:
        check_settings(base, expert)
        shapes = [
            [{rest: c.shape(c.named(i, rest)) for rest in _blocks(c, i)} for i in range(c.depth)]
            for c in (base, expert)
        ]
        if shapes[0] != shapes[1]:
            raise ModelError(
                f"The feed-forward blocks of {expert.folder} do not fit those of {base.folder}; "
                "take models made from one."
            )


def config_of(base: Checkpoint, experts: int, chosen: int) -> dict[str, Any]:
    """Return the configuration of a mixture."""
    from ...models.families.own_classes import model_class_of

    kind = MIXTURES[base.model_type]
    config = {name: value for name, value in base.config.items() if name != "auto_map"}
    return {
        **config,
        "architectures": [model_class_of(kind).__name__],
        "model_type": kind,
        "k": chosen,
        "num_expert_models": experts,
    }


def gate_names(layer: str) -> tuple[str, str]:
    """Return the names of weight and bias of a layer's gate; ``layer`` ends with a full stop."""
    start = f"{layer}mlp.gating_layer.gate"
    return f"{start}.weight", f"{start}.bias"


def _pieces(base: Checkpoint, experts: Sequence[Checkpoint]) -> Iterator[Piece]:
    renamed: Mapping[str, str] = {}
    if base.model_type == "idefics2":
        renamed = {"lm_head.weight": "head.weight"}  # as its mixture calls it
    for name in base.names:
        place = layer_of(name, base.prefix)
        if place is None or not place[1].startswith("mlp."):
            yield Piece(renamed.get(name, name), base.size(name), partial(base.tensor, name))
    for number in range(base.depth):
        layer = f"{base.prefix}layers.{number}."
        for j, expert in enumerate(experts):
            for rest in _blocks(base, number):
                name, same = expert.named(number, rest), base.named(number, rest)
                make = partial(_as_kind, expert, name, base, same)
                inside = rest.removeprefix("mlp.")
                yield Piece(f"{layer}mlp.experts.{j}.{inside}", base.size(same), make)
        # The norm before the block has the length of a token's vector and the base's numbers.
        like = base.named(number, "post_attention_layernorm.weight")
        for name, rows in zip(gate_names(layer), (len(experts), 0), strict=True):
            size = base.size(like) * rows or base.size(like) // base.shape(like)[0] * len(experts)
            yield Piece(name, size, partial(_zeros, base, like, len(experts), rows), GATES)


def _blocks(checkpoint: Checkpoint, layer: int) -> list[str]:
    return sorted(rest for rest in checkpoint.layers[layer] if rest.startswith("mlp."))


def _as_kind(expert: Checkpoint, name: str, base: Checkpoint, same: str) -> Tensor:
    return expert.tensor(name).to(base.kind(same))


def _zeros(base: Checkpoint, like: str, experts: int, rows: int) -> Tensor:
    import torch

    shape = (experts, base.shape(like)[0]) if rows else (experts,)
    return torch.zeros(shape, dtype=base.kind(like))
