"""A mixture taught as a whole: gates, and experts if wanted, by the answers they should give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ...errors import ModelError, SourceError
from ...models.guards import advice_on_memory, stop_if
from ...models.loading import load
from ...whole_files import write_whole
from ..merging.writing import check_free, copy_parts
from .states import mixtures_of

if TYPE_CHECKING:
    from ...models.families.base import Family
    from ..adapters.answering import Lesson
    from ..adapters.lessons import Lessons

__all__ = ["HISTORY", "tune_experts"]

HISTORY = "tuning.json"
"""File beside the weights with the loss at each check."""

What = Literal["gates", "experts", "all"]


def tune_experts(
    folder: Path,
    data: Path,
    output: Path,
    *,
    what: What = "gates",
    steps: int = 100,
    learning_rate: float = 1e-4,
    batch: int = 4,
    checks: int = 10,
    seed: int = 0,
    device: str = "auto",
    on_check: Callable[[int, float, float], None] | None = None,
    stop: Event | None = None,
) -> dict[str, Any]:
    """Go on teaching a mixture end to end, and save the best state as a new model.

    For low-rank changes of all other weights use ``fine-tune`` on the mixture, as on any model.

    Parameters
    ----------
    folder : Path
        The mixture.
    data : Path
        Conversations that ``data chat`` wrote.
    output : Path
        A folder that is empty or not there.
    what : {"gates", "experts", "all"}
        What is taught; ``"all"`` is gates and experts. With one expert for a token, gates get
        no gradient (its weight is always 1): then teach them from prompts.
    steps, batch : int
        Steps, and answers that each learns from.
    learning_rate : float
        Of AdamW.
    checks : int
        How often the loss on held-out conversations is measured.
    seed : int
        Of the order of answers.
    device : str
        As for ``load_model``.
    on_check : callable, optional
        Called with step, loss since the last check and loss on held-out conversations.
    stop : Event, optional
        Once set, the work stops and nothing is saved.

    Returns
    -------
    dict
        ``history``: step, training and validation loss (nats a token) of each check; ``best``:
        the step whose weights are saved, 0 for the mixture as it was.

    Raises
    ------
    ModelError
        If the folder holds no mixture, or gates cannot learn.
    SourceError
        If there are too few conversations, or none fits the model.
    Cancelled
        If ``stop`` was set.
    """
    output = output.absolute()
    check_free(output)
    loaded = load(folder, device)
    model, family = loaded.model, loaded.family
    parameters = _taught(model, folder, what)
    learnt, held = _lessons(data, model, family)
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)
    order = torch.Generator().manual_seed(seed)
    before = _validate(model, family, held)
    history = [{"step": 0, "training": None, "validation": before}]
    best, best_state = before, [p.detach().to("cpu", copy=True) for p in parameters]
    since: list[float] = []
    with advice_on_memory():
        for step in range(1, steps + 1):
            stop_if(stop)
            optimiser.zero_grad()
            for _ in range(batch):
                loss = _loss(model, family, _drawn(learnt, order)) / batch
                loss.backward()
                since.append(float(loss.detach()) * batch)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            if step % max(steps // checks, 1) and step != steps:
                continue
            now, training = _validate(model, family, held), sum(since) / len(since)
            since.clear()
            history.append({"step": step, "training": training, "validation": now})
            if on_check is not None:
                on_check(step, training, now)
            if now < best:
                best = now
                best_state = [p.detach().to("cpu", copy=True) for p in parameters]
    with torch.no_grad():
        for parameter, value in zip(parameters, best_state, strict=True):
            parameter.copy_(value)
    report = {
        "what": what,
        "history": history,
        "best": next(each["step"] for each in history if each["validation"] == best),
    }
    _save(model, folder, output, report)
    return report


def _taught(model: nn.Module, folder: Path, what: What) -> list[nn.Parameter]:
    mixtures = mixtures_of(model)
    if not mixtures:
        raise ModelError(f"The model in {folder} is no mixture; use `fine-tune` to teach it.")
    if what != "experts" and mixtures[0].gating_layer.chosen == 1:
        raise ModelError(
            "With one expert for a token gates cannot learn from answers; teach the experts only, "
            "or mix them with two for a token."
        )
    parameters: list[nn.Parameter] = []
    for mixture in mixtures:
        if what != "experts":
            parameters += mixture.gating_layer.parameters()
        if what != "gates":
            parameters += mixture.experts.parameters()
    for parameter in parameters:
        parameter.requires_grad_()
    return parameters


def _lessons(data: Path, model: nn.Module, family: Family) -> tuple[Lessons, Lessons]:
    """Return answers to learn from and to measure by; pictures are read when they are wanted."""
    from ..adapters.answering import end_of_answer
    from ..adapters.lessons import Lessons, read_lessons

    end = end_of_answer(model, family)
    learnt, held = (Lessons(*each, family, end) for each in read_lessons(data, 0.1))
    return learnt, held


def _drawn(lessons: Lessons, order: torch.Generator) -> Lesson:
    """Return one lesson by chance, leaving out those that cannot be taught to this model."""
    for _ in range(20 * len(lessons)):
        found = lessons[int(torch.randint(len(lessons), (1,), generator=order))]
        if found is not None:
            return found
    raise _unusable(lessons)


def _unusable(lessons: Lessons) -> SourceError:
    reason = next(iter(lessons.skipped.values()), "there is none")
    return SourceError(f"No conversation can be taught to this model: {reason}.")


def _loss(model: nn.Module, family: Family, lesson: Lesson) -> torch.Tensor:
    from ..adapters.answering import loss_of

    return loss_of(model, family, lesson)


@torch.no_grad()
def _validate(model: nn.Module, family: Family, held: Lessons) -> float:
    losses = [
        float(_loss(model, family, lesson))
        for number in range(len(held))
        if (lesson := held[number]) is not None
    ]
    if not losses:
        raise _unusable(held)
    return sum(losses) / len(losses)


def _save(model: nn.Module, folder: Path, output: Path, report: dict[str, Any]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.parent / f".{output.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)  # type: ignore[operator]
    copy_parts(folder, part)
    for name in ("README.md", "merge.json"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, part / name)
    write_whole(part / HISTORY, json.dumps(report, indent=2) + "\n")
    if output.is_dir():
        output.rmdir()
    part.rename(output)
