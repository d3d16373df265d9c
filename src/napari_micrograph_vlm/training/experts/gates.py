"""Gates taught from the hidden states of each expert's sample prompts.

Cephalo's recipe (arXiv 2405.19076 and the code of its mixtures): for each layer the hidden states
of an expert's prompts are averaged to one vector, and the layer's gate, a linear map drawn at
random, is taught for 1,000 epochs to name the expert of each vector. :data:`PUBLISHED` is that
recipe. The default differs where it helps: the states are those that the gate itself sees (behind
attention and norm), while the prompt's own expert works in all layers; every token is a sample, not
the mean of all; and the gate begins with the nearest mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import ModelError, SourceError
from ...whole_files import replacing, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from .prompts import Prompts

__all__ = ["PUBLISHED", "REPORT", "Recipe", "fit_gate", "teach_gates"]

REPORT = "gates.json"
"""File beside the weights that says how the gates were taught and where prompts go."""


@dataclass(frozen=True)
class Recipe:
    """How gates are taught.

    Attributes
    ----------
    epochs : int
        Steps; each sees all samples.
    learning_rate : float
        Of Adam.
    tokens : int
        Samples of each expert and layer, evenly from all its prompts; 0: one, the mean of all.
    published : bool
        Whether states are taken as Cephalo's code does: what enters a layer, while untaught
        gates choose.
    seed : int
        Of what is drawn at random.
    """

    epochs: int = 200
    learning_rate: float = 0.01
    tokens: int = 256
    published: bool = False
    seed: int = 0


PUBLISHED = Recipe(epochs=1000, learning_rate=5e-5, tokens=0, published=True)
"""As in the model card of Cephalo-Idefics2-vision-3x8b-beta."""


def teach_gates(
    folder: Path,
    prompts: Sequence[Prompts],
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    on_step: Callable[[str, int, int], None] | None = None,
    stop: Event | None = None,
) -> dict[str, Any]:
    """Teach the gates of a mixture on disk, and write down where prompts go.

    Parameters
    ----------
    folder : Path
        A mixture; the file of its gates is replaced when they are taught.
    prompts : sequence
        Sample conversations of each expert, in the experts' order.
    recipe : Recipe, optional
        How.
    device : str
        As for ``load_model``.
    on_step : callable, optional
        Called with what is done, how much of it and of how much.
    stop : Event, optional
        Once set, the work stops and the gates stay as they were.

    Returns
    -------
    dict
        What is written to ``gates.json``: ``recipe``, ``prompts`` (how many of each expert),
        ``loss`` (first and last of each layer), ``routing`` (rows: whose prompts, columns: the
        share that each expert got of their tokens; of prompts that were not learnt from where
        there are four or more of each) and ``held_out``.

    Raises
    ------
    ModelError
        If the folder holds no mixture.
    SourceError
        If an expert has no prompt that can be used.
    Cancelled
        If ``stop`` was set.
    """
    import torch

    from ...models.loading import load
    from .prompts import read_prompts
    from .states import all_to, mixtures_of, routing, states_of

    recipe = recipe or Recipe()
    loaded = load(folder, device)
    mixtures = mixtures_of(loaded.model)
    if not mixtures or len(mixtures[0].experts) != len(prompts):
        count = len(mixtures[0].experts) if mixtures else 0
        raise ModelError(
            f"The model in {folder} has {count} experts, and there are prompts for {len(prompts)}."
        )
    path = gates_file(folder)  # told before anything is taught
    read = [read_prompts(each, loaded.model, loaded.family) for each in prompts]
    if recipe.published:
        _draw(mixtures, recipe.seed)
    count, total = 0, sum(len(learnt) for learnt, _ in read)

    def prompt_read() -> None:
        nonlocal count
        count += 1
        if on_step is not None:
            on_step("prompts", count, total)

    kept: list[list[Tensor]] = []
    for expert, (learnt, _) in enumerate(read):
        given: dict[str, Any] = {"on_prompt": prompt_read, "stop": stop}
        if recipe.published:
            states = states_of(loaded.model, loaded.family, learnt, published=True, **given)
        else:
            with all_to(loaded.model, expert):
                states = states_of(loaded.model, loaded.family, learnt, **given)
        kept.append([_samples(layer, recipe.tokens) for layer in states])
    losses = []
    for number, mixture in enumerate(mixtures):
        weight, bias, history = fit_gate([layers[number] for layers in kept], recipe, stop=stop)
        losses.append([history[0], history[-1]])
        gate = mixture.gating_layer.gate
        with torch.no_grad():
            gate.weight.copy_(weight)
            gate.bias.copy_(bias)
        if on_step is not None:
            on_step("gates", number + 1, len(mixtures))
    held = all(others for _, others in read)
    table = [
        routing(loaded.model, loaded.family, others if held else learnt, stop=stop)
        for learnt, others in read
    ]
    report = {
        "recipe": asdict(recipe),
        "prompts": [len(learnt) for learnt, _ in read],
        "loss": losses,
        "routing": [each.mean((0, 1)).tolist() for each in table],
        "held_out": held,
    }
    save_gates(path, mixtures)
    write_whole(folder / REPORT, json.dumps(report, indent=2) + "\n")
    return report


def fit_gate(
    samples: Sequence[Tensor], recipe: Recipe, *, stop: Event | None = None
) -> tuple[Tensor, Tensor, list[float]]:
    """Fit a linear map that names the expert of a hidden state.

    Parameters
    ----------
    samples : sequence of (n, size) float32 Tensor
        Hidden states of each expert's prompts.
    recipe : Recipe
        How.
    stop : Event, optional
        Once set, the work stops.

    Returns
    -------
    (experts, size) and (experts,) float32 Tensor
        Weight and bias.
    list of float
        Cross-entropy at each epoch, every expert counting the same, in nats.

    Raises
    ------
    SourceError
        If an expert has no sample.
    Cancelled
        If ``stop`` was set.
    """
    import torch
    from torch import nn

    from ...models.guards import stop_if

    if not all(len(each) for each in samples):
        raise SourceError("An expert has no sample prompts; give some for each.")
    states = torch.cat(list(samples))
    labels = torch.cat([torch.full((len(each),), n) for n, each in enumerate(samples)])
    evenly = torch.tensor([len(states) / len(samples) / len(each) for each in samples])
    middle = torch.zeros(states.shape[1])
    spread = torch.ones(states.shape[1])
    gate = nn.Linear(states.shape[1], len(samples))
    with torch.no_grad():
        if recipe.published:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(recipe.seed)
                gate.reset_parameters()
        else:
            middle = states.mean(0)
            spread = states.std(0, correction=0)
            # A number that hardly varies must not be blown up.
            spread = spread.clamp_min(0.1 * float(spread.median()) + 1e-6)
            states = (states - middle) / spread
            means = torch.stack([states[labels == n].mean(0) for n in range(len(samples))])
            gate.weight.copy_(means / states.shape[1])
            gate.bias.copy_(-means.square().sum(1) / 2 / states.shape[1])
    optimiser = torch.optim.Adam(gate.parameters(), lr=recipe.learning_rate)
    history = []
    with torch.enable_grad():
        for _ in range(max(recipe.epochs, 1)):
            stop_if(stop)
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(gate(states), labels, weight=evenly)
            loss.backward()
            optimiser.step()
            history.append(float(loss.detach()))
    with torch.no_grad():
        weight = gate.weight / spread
        return weight, gate.bias - weight @ middle, history


def gates_file(folder: Path) -> Path:
    """Return the file of a mixture's gates.

    Raises
    ------
    ModelError
        If they lie among other weights, as in mixtures that were not made here.
    """
    index = folder / "model.safetensors.index.json"
    # A model in one file has no index.
    all_of = json.loads(index.read_text(encoding="utf-8"))["weight_map"] if index.is_file() else {}
    where = {n: f for n, f in all_of.items() if ".gating_layer.gate." in n}
    files = set(where.values())
    others = [n for n, f in all_of.items() if f in files and n not in where]
    if len(files) != 1 or others:
        raise ModelError(
            f"The gates of {folder} lie among its other weights; mix its experts anew to teach "
            "them."
        )
    return folder / str(files.pop())


def save_gates(path: Path, mixtures: Sequence[Any]) -> None:
    """Replace the gates in their file (see :func:`gates_file`).

    Raises
    ------
    ModelError
        If they did not settle on finite numbers.
    """
    import torch
    from safetensors.torch import load_file, save_file

    stored = load_file(path)
    for name, before in stored.items():
        layer = int(name.split("layers.")[1].split(".")[0])
        gate = mixtures[layer].gating_layer.gate
        value = gate.weight if name.endswith("weight") else gate.bias
        stored[name] = value.detach().to("cpu", before.dtype).contiguous()
    if not all(bool(torch.isfinite(value).all()) for value in stored.values()):
        raise ModelError("The gates did not settle; teach them with a lower learning rate.")
    with replacing(path) as temporary:
        save_file(stored, temporary, metadata={"format": "pt"})


def _draw(mixtures: Sequence[Any], seed: int) -> None:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for mixture in mixtures:
            mixture.gating_layer.gate.reset_parameters()


def _samples(prompts: Sequence[Tensor], count: int) -> Tensor:
    """Return some tokens of a layer's states, evenly from all prompts; 0: the mean of means."""
    import torch

    if count == 0:
        return torch.stack([states.mean(0) for states in prompts]).mean(0, keepdim=True)
    states = torch.cat(list(prompts))
    picked = torch.linspace(0, len(states) - 1, min(count, len(states))).round().long()
    return states[picked]
