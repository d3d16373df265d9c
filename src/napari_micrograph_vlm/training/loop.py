"""The steps: AdamW with warm-up and cosine, a running mean of the weights, and resuming."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ..models.student.modeling import MvaemaModel
from .recipe import Recipe

__all__ = ["Trainer", "learning_rate"]

LOSSES = ("loss", "itc", "itm", "lm", "grounding")


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Return the rate at a share (0 to 1) of the training: linear warm-up, then cosine to 1 %."""
    if progress < recipe.warm_up:
        return recipe.learning_rate * max(progress / recipe.warm_up, 0.01)
    rest = (progress - recipe.warm_up) / (1 - recipe.warm_up)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + cos(pi * min(rest, 1.0))))


@dataclass
class Trainer:
    """Trains the parts of a model that are not frozen.

    Attributes
    ----------
    model : MvaemaModel
        Changed in place.
    recipe : Recipe
        Rates and lengths.
    folder : Path
        Where the state and the log are kept.
    step : int
        Steps made.
    seconds : float
        Time they took, over all runs.
    """

    model: MvaemaModel
    recipe: Recipe
    folder: Path
    step: int = 0
    seconds: float = 0.0
    _sums: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.mean = {name: p.detach().clone() for name, p in named}
        matrices = [p for _, p in named if p.ndim > 1]
        vectors = [p for _, p in named if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.recipe.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=self.recipe.learning_rate,
            betas=(0.9, 0.98),
        )

    @property
    def progress(self) -> float:
        """Share of the training that is done, by steps or by minutes, whichever is further."""
        done = self.step / self.recipe.steps
        if self.recipe.minutes is not None:
            done = max(done, self.seconds / 60 / self.recipe.minutes)
        return min(done, 1.0)

    def train(
        self,
        draw: Callable[[int], dict[str, Tensor]],
        *,
        say: Callable[[str], None] = print,
        keep_every: float = 120.0,
        on_keep: Callable[[], None] | None = None,
    ) -> None:
        """Make steps until all are made or the minutes are over.

        Parameters
        ----------
        draw : callable
            Gives the model's arguments for a step.
        say : callable
            Called with a line of progress now and then.
        keep_every : float
            Seconds between two states kept on disk.
        on_keep : callable, optional
            Called after each of them.
        """
        self.model.train()
        kept = said = perf_counter()
        while self.progress < 1:
            started = perf_counter()
            self._step(draw(self.step))
            now = perf_counter()
            self.seconds += now - started
            if now - said > 20 or self.progress >= 1:
                said = now
                say(self._report())
            if now - kept > keep_every:
                self.keep()
                if on_keep is not None:
                    on_keep()
                kept = perf_counter()
        self.keep()

    def keep(self) -> None:
        """Write everything needed to go on after a kill."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": {n: p.detach() for n, p in self.model.named_parameters() if p.requires_grad},
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        unfinished = self.folder / "state.part"
        torch.save(state, unfinished)
        unfinished.rename(self.folder / "state.pt")

    def resume(self) -> bool:
        """Go on from the state on disk; False where there is none."""
        path = self.folder / "state.pt"
        if not path.is_file():
            return False
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self._put(state["model"])
        self.mean = state["mean"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        return True

    def use_mean(self) -> dict[str, Tensor]:
        """Put the running mean into the model; return the weights that were there."""
        before = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self._put(self.mean)
        return before

    def put_back(self, weights: dict[str, Tensor]) -> None:
        """Undo :meth:`use_mean`."""
        self._put(weights)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])

    def _step(self, batch: dict[str, Tensor]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.progress)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            out = self.model(**batch)
        self.optimizer.zero_grad(set_to_none=True)
        out.loss.backward()
        free = [p for p in self.model.parameters() if p.requires_grad]
        torch.nn.utils.clip_grad_norm_(free, self.recipe.clip)
        self.optimizer.step()
        self.step += 1
        self._average()
        for name in LOSSES:
            value = getattr(out, name)
            if value is not None:
                self._sums.setdefault(name, []).append(float(value.detach()))

    @torch.no_grad()
    def _average(self) -> None:
        # Shorter at first, so that the random weights are soon forgotten.
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, parameter in self.model.named_parameters():
            if name in self.mean:
                self.mean[name].lerp_(parameter, 1 - decay)

    def _report(self) -> str:
        means = {name: sum(v) / len(v) for name, v in self._sums.items()}
        self._sums.clear()
        record = {"step": self.step, "minutes": round(self.seconds / 60, 2)}
        record |= {name: round(value, 4) for name, value in means.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        return "  ".join(f"{name} {value}" for name, value in record.items())
