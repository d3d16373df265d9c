"""``napari-micrograph-vlm fine-tune``: teach a large model with your own pictures and answers."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MicrographError, SourceError
from .progress import INTERRUPTED, name_skipped, need, stoppable

if TYPE_CHECKING:
    from ..training.adapters.settings import Outcome, Progress, Settings

__all__ = ["fine_tune"]

_LENGTH = "How long"
_HOW = "How"


def fine_tune(
    data: Annotated[
        Path,
        typer.Argument(
            help="Conversations about pictures (a folder of `data chat`); or a folder with one "
            "subfolder of pictures for each class; or the .journal of a run whose classes you "
            "went through.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="The model to teach: a name from `models`, or a checkpoint folder. One that was "
            "taught before goes on learning.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Folder to save what was learnt in; `--model FOLDER` of the other commands asks "
            "it. What is needed to go on after a stop is kept beside it.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Instead of --output: save it among your own models under this name, which "
            "`models` lists.",
            show_default=False,
        ),
    ] = None,
    merged: Annotated[
        bool,
        typer.Option(
            "--merged",
            help="Save a whole model instead of the small adapter that needs its base model.",
        ),
    ] = False,
    epochs: Annotated[
        float,
        typer.Option("--epochs", help="How often all is gone through.", rich_help_panel=_LENGTH),
    ] = 3.0,
    checks: Annotated[
        int,
        typer.Option(
            "--checks",
            help="How often the answers held out are looked at and the state is kept.",
            rich_help_panel=_LENGTH,
        ),
    ] = 20,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            help="End after so many checks without improvement; 0: never.",
            rich_help_panel=_LENGTH,
        ),
    ] = 5,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="Save the best state of a training that was stopped, without further steps.",
            rich_help_panel=_LENGTH,
        ),
    ] = False,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Length of a step.", rich_help_panel=_HOW)
    ] = 2e-4,
    batch: Annotated[
        int,
        typer.Option("--batch", help="Answers a step learns from.", rich_help_panel=_HOW),
    ] = 8,
    rank: Annotated[
        int,
        typer.Option(
            "--rank",
            help="Size of what is learnt (LoRA rank): more holds more and needs more memory.",
            rich_help_panel=_HOW,
        ),
    ] = 16,
    vision: Annotated[
        bool,
        typer.Option(
            "--vision",
            help="Teach the image encoder, too, not only what writes.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    validation: Annotated[
        float,
        typer.Option(
            "--validation",
            help="Share held out to measure by, where the data do not say what is.",
            rich_help_panel=_HOW,
        ),
    ] = 0.1,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Bits of the weights that stay: auto, 32-bit, 16-bit, or 4-bit (QLoRA: a quarter "
            "of the memory; needs CUDA and the extra `quant`).",
            rich_help_panel=_HOW,
        ),
    ] = "auto",
    seed: Annotated[
        int, typer.Option("--seed", help="Of the order and of chance.", rich_help_panel=_HOW)
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = (
        "auto"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON and nothing else.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", hidden=True, help="Print JSON lines: what the window reads.")
    ] = False,
) -> None:
    """Teach a large model with your own pictures and answers (LoRA, QLoRA).

    Stopped at any time, by Ctrl-C too, the same command goes on where it was.
    """
    from ..models.catalog import find
    from ..models.consent import is_remote
    from ..models.devices import check_precision
    from ..models.own import target_of
    from ..training.adapters.settings import Settings

    settings = Settings(
        rank=rank,
        alpha=2 * rank,
        learning_rate=learning_rate,
        epochs=epochs,
        batch=batch,
        checks=checks,
        patience=patience,
        validation=validation,
        vision=vision,
        precision=check_precision(precision),
        seed=seed,
    )
    target = target_of(output, name)
    if not is_remote(model):
        find(model)  # before torch is imported: a wrong name is told at once
    need("peft")
    if not data.exists():
        raise SourceError(f"There is no {data}; give the data to teach.")
    stop = Event()
    with stoppable("Stopped; the same command goes on."), _interrupts(stop):
        outcome = _teach(
            model,
            data,
            target,
            settings,
            device,
            stop,
            merged=merged,
            finish=finish,
            lines=lines,
        )
    if not outcome.finished:
        print(
            f"Stopped after step {outcome.step} of {outcome.steps}; the same command goes on, "
            "with --finish it saves the best so far.",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED)
    if as_json:
        print(json.dumps(outcome.to_dict()))
    elif not lines:
        print(_summary(outcome))


def _teach(
    model: str,
    data: Path,
    target: Path,
    settings: Settings,
    device: str,
    stop: Event,
    *,
    lines: bool,
    **how: Any,
) -> Outcome:
    from ..training.adapters.from_regions import conversations_of
    from ..training.adapters.run import fine_tune as teach
    from ..training.adapters.settings import work_folder

    skipped: list[str] = []
    chat = conversations_of(data, work_folder(target) / "conversations", skipped.append)
    name_skipped(skipped)
    with _Lines() if lines else _Bar() as shown:
        outcome = teach(
            model,
            chat,
            target,
            settings=settings,
            device=device,
            stop=stop,
            on_progress=shown.show,
            **how,
        )
    name_skipped(list(outcome.skipped))
    if lines:
        print(json.dumps({"outcome": outcome.to_dict()}), flush=True)
    return outcome


class _Bar:
    """A progress bar with the losses."""

    def __enter__(self) -> _Bar:
        need("tqdm")
        from tqdm import tqdm

        self._bar: Any = tqdm(unit=" steps", disable=None)
        self._said = ""
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        if progress.stage and progress.stage != self._said:
            self._said = progress.stage
            self._bar.write(progress.stage, file=sys.stderr)
        if not progress.steps:
            return
        if self._bar.total != progress.steps:
            self._bar.reset(progress.steps)
        losses = {"loss": progress.loss, "held out": progress.validation}
        self._bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items() if isfinite(v)}, False)
        self._bar.n = progress.step
        self._bar.refresh()


class _Lines:
    """A line of JSON for each step, for a program that reads along."""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        if isinstance(error, MicrographError):
            print(json.dumps({"error": str(error)}), flush=True)

    def show(self, progress: Progress) -> None:
        """Print how far it is."""
        print(json.dumps({"progress": progress.to_dict()}), flush=True)


@contextmanager
def _interrupts(stop: Event) -> Iterator[None]:
    """Let the first Ctrl-C end the work after its step, with its state kept; the second at once."""
    if current_thread() is not main_thread():
        yield
        return

    def interrupted(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("Stopping after this step…", file=sys.stderr)

    kinds = [signal.SIGINT, signal.SIGTERM]
    before = [signal.signal(kind, interrupted) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _summary(outcome: Outcome) -> str:
    lines = [
        f"{outcome.step} of {outcome.steps} steps with {outcome.lessons} answers.",
        f"Loss of {outcome.held_out} answers held out: {outcome.first:.3f} before, "
        f"{outcome.best:.3f} now (nats per token; lower is better).",
    ]
    if not outcome.best < outcome.first:
        lines.append("It did not fall: teach with more or other answers, or a lower rate.")
    lines.append(f"Saved in {outcome.folder}; use it with: ask IMAGE QUESTION --model ...")
    return "\n".join(lines).replace("--model ...", f"--model {outcome.folder}")
