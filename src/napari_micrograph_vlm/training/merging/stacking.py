"""Deeper models: ranges of layers of one or several models, one behind the other.

As in Cephalo (arXiv 2405.19076): the decoder of a fine-tuned model is followed by the last layers
of the model that it was made from, and the new layers are then taught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from .checkpoint import Checkpoint
from .describing import recipe_of, render
from .fitting import check_settings
from .writing import Piece, write_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Part", "stack_layers"]

_SPANS = tuple[int, int] | range

_WRITERS = ("o_proj", "down_proj")
"""Projections by which a layer adds to the vectors that run through the model."""


@dataclass(frozen=True)
class Part:
    """Some layers of a model.

    Attributes
    ----------
    folder : Path
        The model.
    layers : (int, int)
        First layer and the one behind the last, counted from 0.
    silent : bool
        Whether the layers' output projections are set to zero: they pass on what they get, and
        the model answers as without them until they are taught.
    """

    folder: Path
    layers: tuple[int, int]
    silent: bool = False


def stack_layers(
    parts: Sequence[Part | tuple[Path, _SPANS]],
    output: Path,
    *,
    base: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Write a model whose text model consists of layers of others.

    Tensors are copied one by one as they are. All that is no layer of the text model (image
    encoder, embedding, head, processor) comes from ``base``.

    Parameters
    ----------
    parts : sequence of Part or (Path, range)
        Where the layers come from, first layer first.
    output : Path
        A folder that is empty or not there; the same call goes on with what was stopped.
    base : Path, optional
        The model that gives the rest; by default that of the first part.
    on_progress : callable, optional
        Called with bytes written and bytes in all.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    ModelError
        If a model cannot be used, a range is empty or too long, or models do not fit each other.
    Cancelled
        If ``stop`` was set.
    """
    chosen = [_part_of(part) for part in parts]
    if not chosen:
        raise ModelError("Give at least one model and the range of its layers.")
    first = Checkpoint.open(base or chosen[0].folder)
    opened = {part.folder: Checkpoint.open(part.folder) for part in chosen}
    sources: list[tuple[Checkpoint, int, bool]] = []
    for part in chosen:
        checkpoint = opened[part.folder]
        _check(part, checkpoint, first)
        sources += [(checkpoint, number, part.silent) for number in range(*part.layers)]
    recipe = recipe_of(
        "layers",
        first.folder,
        [(p.folder, {"layers": list(p.layers), "silent": p.silent}) for p in chosen],
        depth=len(sources),
    )
    return write_checkpoint(
        output,
        list(_pieces(first, sources)),
        config=_deeper(first, sources),
        files_of=first.folder,
        recipe=recipe,
        card=render(output.name, recipe, first.model_type),
        on_progress=on_progress,
        stop=stop,
    )


def _part_of(part: Part | tuple[Path, _SPANS]) -> Part:
    if isinstance(part, Part):
        return part
    folder, span = part
    if isinstance(span, range):
        if span.step != 1:
            raise ModelError("A range of layers has no gaps; give several ranges instead.")
        span = (span.start, span.stop)
    return Part(Path(folder), span)


def _check(part: Part, checkpoint: Checkpoint, base: Checkpoint) -> None:
    start, end = part.layers
    if not 0 <= start < end <= checkpoint.depth:
        raise ModelError(
            f"The model in {part.folder} has {checkpoint.depth} layers, so there is no range "
            f"{start}-{end}; the first is 0 and the end is not counted in."
        )
    check_settings(base, checkpoint)
    known = [_shapes(base, number) for number in range(base.depth)]
    for number in range(start, end):
        shapes = _shapes(checkpoint, number)
        if shapes not in known:
            odd = {name for name, _ in shapes.items() ^ known[min(number, len(known) - 1)].items()}
            raise ModelError(
                f"Layer {number} of {checkpoint.folder} does not fit those of {base.folder} "
                f"({min(odd)} has another shape or is missing); take models made from one."
            )
    if part.silent and not any(_writes(rest) for rest in checkpoint.layers[start]):
        raise ModelError(
            f"The layers of {part.folder} have no output projections that could be set to zero."
        )


def _shapes(checkpoint: Checkpoint, layer: int) -> dict[str, tuple[int, ...]]:
    named = checkpoint.named
    return {rest: checkpoint.shape(named(layer, rest)) for rest in checkpoint.layers[layer]}


def _pieces(base: Checkpoint, sources: Sequence[tuple[Checkpoint, int, bool]]) -> Iterator[Piece]:
    for name in base.outside:
        yield Piece(base.stored[name], base.size(name), partial(base.tensor, name))
    plain, stored = base.named(0, base.layers[0][0]), base.stored[base.named(0, base.layers[0][0])]
    # In the base's own spelling, so that whatever loads the base loads the new model.
    tail = plain[len(base.prefix) :]
    prefix = stored[: len(stored) - len(tail)]
    for number, (checkpoint, layer, silent) in enumerate(sources):
        for rest in checkpoint.layers[layer]:
            source = checkpoint.named(layer, rest)
            same = base.named(0, rest)
            like = same if same in base else None
            make = partial(_copied, checkpoint, source, base, like, silent and _writes(rest))
            size = (base if like else checkpoint).size(like or source)
            yield Piece(f"{prefix}layers.{number}.{rest}", size, make)


def _copied(
    checkpoint: Checkpoint, name: str, base: Checkpoint, like: str | None, zero: bool
) -> Tensor:
    import torch

    found = checkpoint.tensor(name)
    if like is not None and checkpoint.folder != base.folder:
        # All weights of a model are numbers of one kind.
        found = found.to(base.kind(like))
    return torch.zeros_like(found) if zero else found


def _writes(rest: str) -> bool:
    return any(part in _WRITERS for part in rest.split("."))


def _deeper(base: Checkpoint, sources: Sequence[tuple[Checkpoint, int, bool]]) -> dict[str, Any]:
    """Return the base's configuration for so many layers."""
    config = {name: value for name, value in base.config.items() if name != "auto_map"}
    inner = config.get("text_config")
    text = dict(inner) if isinstance(inner, dict) else config
    text["num_hidden_layers"] = len(sources)
    types = [_type_of(checkpoint, layer) for checkpoint, layer, _ in sources]
    if all(types) and ("layer_types" in text or len(set(types)) > 1):
        text["layer_types"] = types
    if crossing := text.get("cross_attention_layers"):
        text["cross_attention_layers"] = [
            number for number, (_, layer, _) in enumerate(sources) if layer in crossing
        ]
    if text is not config:
        config["text_config"] = text
    return config


def _type_of(checkpoint: Checkpoint, layer: int) -> str:
    """Return what kind of attention a layer has; empty where the model has one kind."""
    types = getattr(checkpoint.text_settings, "layer_types", None)
    return str(types[layer]) if types else ""
