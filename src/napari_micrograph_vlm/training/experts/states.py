"""What reaches the gates while prompts are read, and where they send it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...attention.recorder import stoppable
from ...models.cephalo.experts import GatingLayer, Mixture

if TYPE_CHECKING:
    from ...models.families.base import Family
    from ..adapters.answering import Lesson

__all__ = ["all_to", "mixtures_of", "routing", "states_of"]


def mixtures_of(model: nn.Module) -> list[Mixture]:
    """Return the mixtures of a model, the first layer's first."""
    return [module for module in model.modules() if isinstance(module, Mixture)]


@contextmanager
def all_to(model: nn.Module, expert: int) -> Iterator[None]:
    """Send every token to one expert, whatever the gates say."""

    def choose(gate: Any, _inputs: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        weights, indices = output
        shares = torch.zeros_like(weights)
        shares[..., 0] = 1
        # The others count nothing, whichever they are.
        return shares, torch.full_like(indices, expert)

    with ExitStack() as stack:
        for mixture in mixtures_of(model):
            handle = mixture.gating_layer.register_forward_hook(choose)
            stack.callback(handle.remove)
        yield


def states_of(
    model: nn.Module,
    family: Family,
    lessons: Sequence[Lesson],
    *,
    published: bool = False,
    on_prompt: Callable[[], None] | None = None,
    stop: Event | None = None,
) -> list[list[Tensor]]:
    """Return what reaches each layer's gate while prompts and their answers are read.

    Parameters
    ----------
    model, family : Module and Family
        A mixture.
    lessons : sequence of Lesson
        The prompts.
    published : bool
        Whether to take what enters the layer instead, before attention and norm, as Cephalo's
        code does.
    on_prompt : callable, optional
        Called after each prompt.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    list of list of (tokens, size) float32 Tensor
        For each layer and prompt, on the CPU.
    """
    from ..adapters.answering import logits_of

    found: list[list[Tensor]] = [[] for _ in mixtures_of(model)]

    def keep(number: int) -> Callable[..., None]:
        def hook(_module: Any, inputs: tuple[Any, ...], given: dict[str, Any]) -> None:
            states = inputs[0] if inputs else given["hidden_states"]
            found[number].append(states.detach().reshape(-1, states.shape[-1]).float().cpu())

        return hook

    with ExitStack() as stack:
        for number, place in enumerate(_places(model, published)):
            handle = place.register_forward_pre_hook(keep(number), with_kwargs=True)
            stack.callback(handle.remove)
        stack.enter_context(torch.inference_mode())
        stack.enter_context(stoppable(stop))
        for lesson in lessons:
            logits_of(model, family, lesson)
            if on_prompt is not None:
                on_prompt()
    return found


def routing(
    model: nn.Module,
    family: Family,
    lessons: Sequence[Lesson],
    *,
    stop: Event | None = None,
) -> Tensor:
    """Return how a mixture's tokens are shared among experts while prompts are read.

    Returns
    -------
    (prompts, layers, experts) float32 Tensor
        Mean weight of each expert over a prompt's tokens; sums to 1.
    """
    from ..adapters.answering import logits_of

    mixtures = mixtures_of(model)
    shares: list[Tensor] = []

    def keep(gate: GatingLayer, _inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        weights, indices = (each.flatten(0, -2) for each in output)
        each = torch.zeros(len(weights), gate.gate.out_features, device=weights.device)
        each.scatter_add_(1, indices, weights.float())
        shares.append(each.mean(0).cpu())

    with ExitStack() as stack:
        for mixture in mixtures:
            stack.callback(mixture.gating_layer.register_forward_hook(keep).remove)
        stack.enter_context(torch.inference_mode())
        stack.enter_context(stoppable(stop))
        for lesson in lessons:
            logits_of(model, family, lesson)
    return torch.stack(shares).reshape(len(lessons), len(mixtures), -1)


def _places(model: nn.Module, published: bool) -> list[nn.Module]:
    if not published:
        return [mixture.gating_layer for mixture in mixtures_of(model)]
    return [
        module
        for module in model.modules()
        if any(isinstance(child, Mixture) for child in module.children())
    ]
