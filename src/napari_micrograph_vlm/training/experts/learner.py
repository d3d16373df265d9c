"""What a mixture is taught: parameters in 32 bits, their optimiser, and states to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...errors import ModelError
from ...whole_files import replacing, write_whole

__all__ = ["Learner"]

STATE = "state.json"
"""Names the files of the last state; written after them."""


class Learner:
    """Parameters that learn, with AdamW.

    Steps are small beside the weights: 16-bit numbers would swallow them. So the optimiser changes
    copies in 32 bits, and the model gets what is nearest.

    Parameters
    ----------
    taught : dict of str to Parameter
        By their names in the model.
    learning_rate : float
        How far a step goes.
    seed : int
        Of the order of answers.

    Attributes
    ----------
    step : int
        Steps done.
    history : list of dict
        The losses at each check.
    best : int
        The step with the lowest loss on what is held out.
    order : Generator
        Chooses answers.
    """

    def __init__(self, taught: Mapping[str, nn.Parameter], learning_rate: float, seed: int) -> None:
        self._taught = dict(taught)
        self._exact = {
            name: p if p.dtype == torch.float32 else nn.Parameter(p.detach().float())
            for name, p in taught.items()
        }
        self._optimiser = torch.optim.AdamW(
            list(self._exact.values()), lr=learning_rate, weight_decay=0.0
        )
        self.order = torch.Generator().manual_seed(seed)
        self.step = self.best = 0
        self.history: list[dict[str, Any]] = []

    def learn(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        loss.backward()
        for name, parameter in self._taught.items():
            exact = self._exact[name]
            if exact is parameter or parameter.grad is None:
                continue
            found = parameter.grad.float()
            exact.grad = found if exact.grad is None else exact.grad + found
            parameter.grad = None

    def move(self) -> None:
        """Take a step by what :meth:`learn` gathered.

        Raises
        ------
        ModelError
            If the gradient is no finite number; the parameters stay.
        """
        norm = nn.utils.clip_grad_norm_(self._exact.values(), 1.0)
        if not bool(torch.isfinite(norm)):
            raise ModelError(
                f"The training did not settle: at step {self.step + 1} the gradient is no finite "
                "number; teach with a lower learning rate."
            )
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.step += 1
        self._pass_on()

    def checked(self, training: float | None, validation: float) -> None:
        """Note the losses at this step."""
        lowest = min((each["validation"] for each in self.history), default=None)
        if lowest is None or validation < lowest:
            self.best = self.step
        self.history.append({"step": self.step, "training": training, "validation": validation})

    def keep(self, folder: Path) -> None:
        """Write this state, whole or not at all; and the parameters where they are the best."""
        state: dict[str, Tensor] = {"order": self.order.get_state()}
        for name, exact in self._exact.items():
            state[f"now.{name}"] = _plain(exact)
            for key, value in self._optimiser.state.get(exact, {}).items():
                state[f"{key}.{name}"] = _plain(value)
        _save(state, folder / _now(self.step))
        if self.best == self.step:
            now = {name: _plain(exact) for name, exact in self._exact.items()}
            _save(now, folder / _best(self.step))
        about = {"step": self.step, "best": self.best, "history": self.history}
        write_whole(folder / STATE, json.dumps(about) + "\n")
        for file in folder.glob("*.safetensors"):
            if file.name not in (_now(self.step), _best(self.best)):
                file.unlink()

    def recall(self, folder: Path) -> bool:
        """Go on from the state in a folder; whether there was one."""
        try:
            about = json.loads((folder / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        state = load_file(folder / _now(about["step"]))
        self.step, self.best, self.history = about["step"], about["best"], about["history"]
        self.order.set_state(state["order"])
        with torch.no_grad():
            for name, exact in self._exact.items():
                exact.copy_(state[f"now.{name}"])
                if f"step.{name}" in state:  # an expert that was never chosen has none
                    self._optimiser.state[exact] = {
                        "step": state[f"step.{name}"],
                        "exp_avg": state[f"exp_avg.{name}"].to(exact.device),
                        "exp_avg_sq": state[f"exp_avg_sq.{name}"].to(exact.device),
                    }
        self._pass_on()
        return True

    def best_file(self, folder: Path) -> Path | None:
        """Return the file with the best parameters; None where those at the start are."""
        return folder / _best(self.best) if self.best else None

    @torch.no_grad()
    def _pass_on(self) -> None:
        for name, parameter in self._taught.items():
            if self._exact[name] is not parameter:
                parameter.copy_(self._exact[name])


def _plain(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True).contiguous()


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})


def _now(step: int) -> str:
    return f"state-{step}.safetensors"


def _best(step: int) -> str:
    return f"best-{step}.safetensors"
