"""The steps: AdamW with warm-up and cosine, a running mean of the weights, and resuming."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path
from pickle import UnpicklingError
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SourceError
from ..models.student.modeling import MvaemaModel
from .hardware import new_accelerator
from .recipe import Recipe

__all__ = ["LOSSES", "STATE", "Trainer", "learning_rate"]

LOSSES = ("loss", "itc", "itm", "lm", "grounding")

STATE = "state.pt"
"""All that is needed to go on: tensors and numbers, read without running any code."""

VERSION = 1

REPORT_EVERY = 20.0
KEEP_EVERY = 120.0


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Return the rate at a share (0 to 1) of the training: linear warm-up, then cosine to 1 %."""
    if progress < recipe.warm_up:
        return recipe.learning_rate * max(progress / recipe.warm_up, 0.01)
    rest = (progress - recipe.warm_up) / (1 - recipe.warm_up)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + cos(pi * min(rest, 1.0))))


class _Losses(nn.Module):
    """Gives the losses alone: what accelerate wraps is this, and the model stays as it is."""

    def __init__(self, model: MvaemaModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses that a batch has."""
        out = self.model(**batch)
        values = {name: getattr(out, name) for name in LOSSES}
        return {name: value for name, value in values.items() if value is not None}


@dataclass
class Trainer:
    """Trains the parts of a model that are not frozen.

    Attributes
    ----------
    model : MvaemaModel
        Changed in place, and moved to the device.
    recipe : Recipe
        Rates and lengths.
    folder : Path
        Where the state and the log are kept.
    accelerator : accelerate.Accelerator, optional
        Device, precision and the other processes; by default one process on the CPU.
    step : int
        Steps made.
    seconds : float
        Time they took, over all runs.
    """

    model: MvaemaModel
    recipe: Recipe
    folder: Path
    accelerator: Any = None
    step: int = 0
    seconds: float = 0.0
    _sums: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.accelerator is None:
            self.accelerator = new_accelerator("cpu", self.recipe.bfloat16)
        named = list(self._free())
        matrices = [p for _, p in named if p.ndim > 1]
        vectors = [p for _, p in named if p.ndim < 2]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.recipe.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=self.recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        self._losses, self.optimizer = self.accelerator.prepare(_Losses(self.model), optimizer)
        self.mean = {name: p.detach().clone() for name, p in self._free()}

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
        keep_every: float = KEEP_EVERY,
        on_step: Callable[[float, str], None] | None = None,
        until: float | None = None,
    ) -> bool:
        """Make steps until all are made or the minutes are over.

        Parameters
        ----------
        draw : callable
            Gives the model's arguments for a step.
        say : callable
            Called with a line of progress now and then.
        keep_every : float
            Seconds between two states kept on disk.
        on_step : callable, optional
            Called after each step with the share that is done and a short note.
        until : float, optional
            Reading of ``time.perf_counter`` at which to stop, to be gone on with later.

        Returns
        -------
        bool
            Whether the training is finished.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C; the state has been kept.
        """
        self.model.train()
        try:
            self._steps(draw, say, keep_every, on_step, until)
        except KeyboardInterrupt:
            self.keep()
            raise
        self.keep()
        return self.progress >= 1

    def _steps(
        self,
        draw: Callable[[int], dict[str, Tensor]],
        say: Callable[[str], None],
        keep_every: float,
        on_step: Callable[[float, str], None] | None,
        until: float | None,
    ) -> None:
        kept = said = perf_counter()
        note = ""
        batches = self._batches(draw)
        while self.progress < 1:
            started = perf_counter()
            self._step(next(batches))
            now = perf_counter()
            report, keep, stop = self._agree(
                self.seconds + now - started,
                now - said > REPORT_EVERY,
                now - kept > keep_every,
                until is not None and now > until,
            )
            if report or stop or self.progress >= 1:
                said = now
                record = self._report()
                note = "  ".join(f"{name} {value}" for name, value in record.items())
                say(note)
            if on_step is not None:
                on_step(self.progress, note or f"step {self.step}")
            if keep:
                self.keep()
                kept = perf_counter()
            if stop:
                return

    def keep(self) -> None:
        """Write everything needed to go on after a kill."""
        if not self.accelerator.is_main_process:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "version": VERSION,
            "model": {name: p.detach() for name, p in self._free()},
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        unfinished = self.folder / "state.part"
        torch.save(state, unfinished)
        unfinished.replace(self.folder / STATE)

    def resume(self) -> bool:
        """Go on from the state on disk; False where there is none.

        Raises
        ------
        SourceError
            If it is broken, or that of another model.
        """
        path = self.folder / STATE
        if not path.is_file():
            return False
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            version = int(state.get("version", VERSION))
        except (UnpicklingError, RuntimeError, EOFError, AttributeError):
            raise SourceError(f"The state {path} is broken; delete it to begin anew.") from None
        shapes = {name: value.shape for name, value in state.get("model", {}).items()}
        if version != VERSION or shapes != {name: p.shape for name, p in self._free()}:
            raise SourceError(
                f"The state {path} is that of another kind of model; choose another name with "
                "--run, or delete it to begin anew."
            )
        self._put(state["model"])
        device = self.accelerator.device
        self.mean = {name: value.to(device) for name, value in state["mean"].items()}
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

    def _free(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((n, p) for n, p in self.model.named_parameters() if p.requires_grad)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])

    def _batches(self, draw: Callable[[int], dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
        """Draw batches and move them; for a GPU each while the step before it is made."""
        device = self.accelerator.device
        if device.type == "cpu":
            while True:
                yield draw(self.step)
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(draw, self.step)
            while True:
                batch = ahead.result()
                ahead = pool.submit(draw, self.step + 1)
                yield {n: v.to(device, non_blocking=True) for n, v in batch.items()}

    def _step(self, batch: dict[str, Tensor]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.progress)
        losses = self._losses(batch)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(losses["loss"])
        self.accelerator.clip_grad_norm_([p for _, p in self._free()], self.recipe.clip)
        self.optimizer.step()
        self.step += 1
        self._average()
        for name, value in losses.items():
            counted = torch.stack([value.detach().float(), torch.ones_like(value).float()])
            self._sums[name] = self._sums[name] + counted if name in self._sums else counted

    @torch.no_grad()
    def _average(self) -> None:
        # Shorter at first, so that the random weights are soon forgotten.
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, parameter in self._free():
            self.mean[name].lerp_(parameter, 1 - decay)

    def _agree(self, seconds: float, *wishes: bool) -> list[bool]:
        """Take the time of the slowest process and whatever any of them wishes.

        Processes that left the loop at different steps would wait for each other for ever.
        """
        if self.accelerator.num_processes > 1:
            said = torch.tensor([seconds, *map(float, wishes)], dtype=torch.float64)
            said = said.to(self.accelerator.device)
            torch.distributed.all_reduce(said, op=torch.distributed.ReduceOp.MAX)
            seconds, *rest = said.tolist()
            wishes = tuple(value > 0 for value in rest)
        self.seconds = seconds
        return list(wishes)

    def _report(self) -> dict[str, float]:
        """Return means since the last report, over all processes, and log them."""
        none = torch.zeros(2, device=self.accelerator.device)
        sums = torch.stack([self._sums.get(name, none) for name in LOSSES])
        self._sums.clear()
        if self.accelerator.num_processes > 1:
            sums = self.accelerator.reduce(sums, "sum")
        record: dict[str, float] = {"step": self.step, "minutes": round(self.seconds / 60, 2)}
        for name, (total, count) in zip(LOSSES, sums.tolist(), strict=True):
            if count:
                record[name] = round(total / count, 4)
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(record) + "\n")
        return record
