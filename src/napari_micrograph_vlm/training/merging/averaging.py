"""Weights added up: means of models, and what models have learnt beyond one of them.

Means as in model soups (arXiv 2203.05482), differences as in task arithmetic (arXiv 2212.04089).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ...errors import ModelError
from ...models.families import is_known
from ...models.hub_cache import is_adapter
from .adapters import Adapter, merge_adapters
from .checkpoint import Checkpoint
from .describing import recipe_of, render
from .fitting import check_settings
from .writing import Piece, write_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["merge_linear", "task_arithmetic"]

Weighted = Sequence[tuple[Path, float]]


def merge_linear(
    models: Weighted,
    output: Path,
    *,
    normalise: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Write the weighted mean of models, or of adapters of one model.

    Parameters
    ----------
    models : sequence of (Path, float)
        Folders of models of one architecture and size, or of LoRA adapters, with weights.
    output : Path
        A folder that is empty or not there.
    normalise : bool
        Whether the weights are divided by their sum.
    on_progress : callable, optional
        Called with bytes written and bytes in all.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    Path
        ``output``; the processor is that of the first model.

    Raises
    ------
    ModelError
        If models do not fit each other, or weights are no numbers or sum to 0.
    Cancelled
        If ``stop`` was set.
    """
    weights = _numbers(models)
    if normalise:
        total = sum(weights)
        if total == 0:
            raise ModelError("The weights sum to 0, so there is no mean; give others.")
        weights = [weight / total for weight in weights]
    adapters = [is_adapter(folder) for folder, _ in models]
    if all(adapters):
        named = [(Adapter(f), w) for (f, _), w in zip(models, weights, strict=True)]
        return merge_adapters(named, output)
    if any(adapters):
        raise ModelError(
            "A mean is made of whole models or of adapters, not of both; to add adapters to a "
            "model, use task arithmetic."
        )
    opened = [Checkpoint.open(folder) for folder, _ in models]
    _check_alike(opened)
    first = opened[0]

    def mean(name: str) -> Tensor:
        return _sum([(c.tensor(name), w) for c, w in zip(opened, weights, strict=True)])

    recipe = recipe_of(
        "linear",
        first.folder,
        [(f, {"weight": w}) for (f, _), w in zip(models, weights, strict=True)],
    )
    return write_checkpoint(
        output,
        [Piece(first.stored[n], first.size(n), partial(mean, n)) for n in first.names],
        config=first.config,
        files_of=first.folder,
        recipe=recipe,
        card=render(output.name, recipe, first.model_type),
        on_progress=on_progress,
        stop=stop,
    )


def task_arithmetic(
    base: Path,
    tuned: Weighted,
    output: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Write a model with the sum of what others have learnt beyond it.

    A weight of 1 adds all that a model has learnt, a negative one takes it away.

    Parameters
    ----------
    base : Path
        The model from which the others were made.
    tuned : sequence of (Path, float)
        Models that were made from it, or LoRA adapters of it, with weights.
    output : Path
        A folder that is empty or not there.
    on_progress : callable, optional
        Called with bytes written and bytes in all.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    Path
        ``output``; a whole model with the processor of ``base``.

    Raises
    ------
    ModelError
        If models do not fit each other, or weights are no numbers.
    Cancelled
        If ``stop`` was set.
    """
    weights = _numbers(tuned)
    start = Checkpoint.open(base)
    parts: list[tuple[Checkpoint | Adapter, float]] = [
        (Adapter(folder) if is_adapter(folder) else Checkpoint.open(folder), weight)
        for (folder, _), weight in zip(tuned, weights, strict=True)
    ]
    _check_alike([start, *(part for part, _ in parts if isinstance(part, Checkpoint))])
    for part, _ in parts:
        if isinstance(part, Adapter):
            _check_fits(part, start)

    def changed(name: str) -> Tensor:
        before = start.tensor(name)
        terms = [(before, 1.0)]
        for part, weight in parts:
            if isinstance(part, Checkpoint):
                terms += [(part.tensor(name), weight), (before, -weight)]
            elif (added := part.difference(name, before)) is not None:
                terms.append((added, weight))
        return _sum(terms)

    recipe = recipe_of(
        "tasks", base, [(f, {"weight": w}) for (f, _), w in zip(tuned, weights, strict=True)]
    )
    return write_checkpoint(
        output,
        [Piece(start.stored[n], start.size(n), partial(changed, n)) for n in start.names],
        config=start.config,
        files_of=base,
        recipe=recipe,
        card=render(output.name, recipe, start.model_type),
        on_progress=on_progress,
        stop=stop,
    )


def _numbers(models: Weighted) -> list[float]:
    if not models:
        raise ModelError("Give at least one model and its weight.")
    weights = [float(weight) for _, weight in models]
    if not all(map(isfinite, weights)):
        raise ModelError("Weights of models are finite numbers, such as 0.5.")
    return weights


def _check_alike(checkpoints: Sequence[Checkpoint]) -> None:
    first = checkpoints[0]
    for other in checkpoints[1:]:
        if other.model_type != first.model_type:
            raise ModelError(
                f"{other.folder} holds a model of type {other.model_type!r} and {first.folder} one "
                f"of type {first.model_type!r}; only models of one type can be added up."
            )
        odd = set(first.names) ^ set(other.names)
        odd |= {n for n in first.names if n in other and first.shape(n) != other.shape(n)}
        if odd:
            raise ModelError(
                f"The models in {first.folder} and {other.folder} differ in {len(odd)} tensors "
                f"({min(odd)}); only models of one size can be added up."
            )
        if is_known(first.model_type):  # else there is no class that knows its settings
            check_settings(first, other, whole=True)


def _check_fits(adapter: Adapter, base: Checkpoint) -> None:
    wanted = {f"{module}.weight" for module in adapter.modules} | set(adapter.whole)
    missing = [name for name in wanted if name not in base]
    if missing:
        raise ModelError(
            f"The adapter in {adapter.folder} belongs to another model: {base.folder} has no "
            f"{min(missing)}."
        )


def _sum(terms: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Return a weighted sum with one rounding, in the first one's kind of numbers."""
    import torch

    first = terms[0][0]
    if not first.is_floating_point():
        return first
    # The sum of 16-bit numbers is exact enough in 32 bits, that of 32-bit numbers in 64.
    wide = torch.float64 if first.dtype in (torch.float32, torch.float64) else torch.float32
    total = torch.zeros(first.shape, dtype=wide)
    for tensor, weight in terms:
        if weight:
            total.add_(tensor.to(wide), alpha=weight)
    return total.to(first.dtype)
