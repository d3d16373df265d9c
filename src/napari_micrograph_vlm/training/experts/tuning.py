"""A mixture taught as a whole: gates, and experts if wanted, by the answers they should give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ...errors import ModelError, SourceError
from ...models.guards import advice_on_memory, stop_if
from ...models.loading import load
from ..adapters.identity import begin
from ..adapters.settings import work_folder
from ..merging.checkpoint import Checkpoint
from ..merging.folders import check_free, is_made
from .learner import Learner
from .states import mixtures_of
from .tuned import HISTORY, identity_of, recipe_for, write_tuned

if TYPE_CHECKING:
    from ...models.families.base import Family
    from ..adapters.answering import Lesson
    from ..adapters.lessons import Lessons

__all__ = ["HISTORY", "tune_experts"]

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
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> dict[str, Any]:
    """Go on teaching a mixture end to end, and save the best state as a new model.

    At each check a state is kept in ``OUTPUT-training``: after a stop or a kill the same call goes
    on from it and comes to the same weights.

    For low-rank changes of all other weights use ``fine-tune`` on the mixture, as on any model.

    Parameters
    ----------
    folder : Path
        The mixture.
    data : Path
        Conversations that ``data chat`` wrote.
    output : Path
        A folder that is empty or not there; or one that this very call has made.
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
    on_progress : callable, optional
        Called with steps done and steps in all.
    stop : Event, optional
        Once set, the work stops, to be gone on with.

    Returns
    -------
    dict
        ``history``: step, training and validation loss (nats a token) of each check; ``best``:
        the step whose weights are saved, 0 for the mixture as it was.

    Raises
    ------
    ModelError
        If the folder holds no mixture, gates cannot learn, or the training does not settle.
    SourceError
        If there are too few conversations, none fits the model, or another training was begun.
    Cancelled
        If ``stop`` was set.
    """
    output = output.absolute()
    settings = {
        "what": what,
        "steps": steps,
        "learning_rate": learning_rate,
        "batch": batch,
        "checks": checks,
        "seed": seed,
    }
    identity = identity_of(folder, data, settings)
    recipe, work = recipe_for(folder, identity), work_folder(output)
    if is_made(output, recipe):
        shutil.rmtree(work, ignore_errors=True)
        done: dict[str, Any] = json.loads((output / HISTORY).read_text(encoding="utf-8"))
        return done
    check_free(output)
    loaded = load(folder, device)
    model, family = loaded.model, loaded.family
    learner = Learner(_taught(model, folder, what), learning_rate, seed)
    learnt, held = _lessons(data, model, family)
    begin(work, identity)
    with advice_on_memory():
        if not learner.recall(work):
            learner.checked(None, _validate(model, family, held))
        if on_progress is not None:
            on_progress(learner.step, steps)
        since: list[float] = []
        while learner.step < steps:
            stop_if(stop)
            try:
                for _ in range(batch):
                    loss = _loss(model, family, _drawn(learnt, learner.order))
                    learner.learn(loss / batch)
                    since.append(float(loss.detach()))
                learner.move()
                if on_progress is not None:
                    on_progress(learner.step, steps)
                if learner.step % max(steps // checks, 1) and learner.step != steps:
                    continue
                now, training = _validate(model, family, held), sum(since) / len(since)
            except ModelError:
                shutil.rmtree(work, ignore_errors=True)  # a lower rate begins anew
                raise
            since.clear()
            learner.checked(training, now)
            learner.keep(work)
            if on_check is not None:
                on_check(learner.step, training, now)
    report = {"what": what, "history": learner.history, "best": learner.best}
    write_tuned(folder, output, learner.best_file(work), recipe, report)
    shutil.rmtree(work, ignore_errors=True)
    return report


def _taught(model: nn.Module, folder: Path, what: What) -> dict[str, nn.Parameter]:
    mixtures = mixtures_of(model)
    if not mixtures:
        raise ModelError(f"The model in {folder} is no mixture; use `fine-tune` to teach it.")
    if what != "experts" and mixtures[0].gating_layer.chosen == 1:
        raise ModelError(
            "With one expert for a token gates cannot learn from answers; teach the experts only, "
            "or mix them with two for a token."
        )
    chosen: set[nn.Parameter] = set()
    for mixture in mixtures:
        if what != "experts":
            chosen.update(mixture.gating_layer.parameters())
        if what != "gates":
            chosen.update(mixture.experts.parameters())
    taught = {name: each for name, each in model.named_parameters() if each in chosen}
    stored = Checkpoint.open(folder)
    unknown = [name for name in taught if name not in stored]
    if unknown:
        raise ModelError(f"The weights in {folder} have no {min(unknown)}; mix its experts anew.")
    for parameter in taught.values():
        parameter.requires_grad_()
    return taught


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
    mean = sum(losses) / len(losses)
    if not isfinite(mean):
        raise ModelError(
            "The loss on held-out conversations is no finite number; teach with a lower learning "
            "rate, or another mixture."
        )
    return mean
