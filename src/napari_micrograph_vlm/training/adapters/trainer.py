"""Transformers' trainer for lessons: one answer at a time, states that survive a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from math import isfinite, nan
from pathlib import Path
from threading import Event
from typing import Any

import torch
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from ...models.families.base import Family
from .answering import Lesson, loss_of
from .settings import Progress, Settings
from .tuning import fill, keep

__all__ = [
    "LessonTrainer",
    "arguments_for",
    "has_ended",
    "history_of",
    "last_state",
    "mean_loss",
    "trainer_for",
]

_WHOLE = "whole"
"""Marks a state that was written to its end."""

_ENDED = "ended"
"""Marks a state behind which there are no steps: the last one, or no check got better."""

_LOGS = 200
"""Points on the curve of the training loss."""


class LessonTrainer(Trainer):
    """Learns from lessons; only adapters are written and read, as safetensors."""

    family: Family
    model_accepts_loss_kwargs = False

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean over the answer's tokens; a lesson that could not be made counts 0."""
        inner = self.accelerator.unwrap_model(model).get_base_model()
        lesson: Lesson | None = inputs["lesson"]
        if lesson is None:
            free = next(p for p in inner.parameters() if p.requires_grad)
            return free.sum() * 0
        return loss_of(inner, self.family, lesson)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Any = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Measure the validation loss: the mean over the answers held out."""
        lessons = self.eval_dataset if eval_dataset is None else eval_dataset
        name = f"{metric_key_prefix}_loss"
        metrics = {name: mean_loss(self.model, self.family, lessons)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: they are not counted."""
        return 0

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the adapter."""
        keep(self.model, Path(output_dir or str(self.args.output_dir)))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        fill(self.model if model is None else model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = self.state.best_model_checkpoint
        if best is not None:
            fill(self.model, Path(best))


@torch.no_grad()
def mean_loss(model: Any, family: Family, lessons: Any) -> float:
    """Return the mean loss of the lessons that can be made; infinite where there is none."""
    inner = model.get_base_model()
    was = model.training
    model.eval()
    losses: list[float] = []
    for index in range(len(lessons)):
        lesson = lessons[index]
        if lesson is not None:
            losses.append(float(loss_of(inner, family, lesson)))
    model.train(was)
    return sum(losses) / len(losses) if losses else float("inf")


class _Watch(TrainerCallback):
    """Tells how far it is, stops where that is wanted, and marks states that are whole."""

    def __init__(
        self,
        stop: Event | None,
        tell: Callable[[Progress], None],
        early: EarlyStoppingCallback | None = None,
    ) -> None:
        self._stop = stop
        self._tell = tell
        self._early = early
        self._loss = self._validation = nan
        self.stopped = False

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Look for the best state where the folder is now."""
        if state.best_model_checkpoint is not None:
            state.best_model_checkpoint = str(
                Path(args.output_dir) / Path(state.best_model_checkpoint).name
            )

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **others: Any,
    ) -> None:
        """Take note of the losses."""
        logs = logs or {}
        self._loss = float(logs.get("loss", self._loss))
        if "eval_loss" in logs:
            self._validation = float(logs["eval_loss"])
        self._say(state)

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Stop after this step, with its state kept, where that is wanted."""
        self._say(state)
        if self._stop is not None and self._stop.is_set():
            self.stopped = state.global_step < state.max_steps
            control.should_training_stop = True
            # A check that is due is made first: it would be lost for good.
            control.should_save = True

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Mark the state as whole: whatever is killed before this is not gone on with."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        early = self._early
        given_up = (
            early is not None
            and early.early_stopping_patience_counter >= early.early_stopping_patience
        )
        if given_up or state.global_step >= state.max_steps:
            (folder / _ENDED).touch()
        (folder / _WHOLE).touch()

    def _say(self, state: TrainerState) -> None:
        best = state.best_metric
        self._tell(
            Progress(
                state.global_step,
                state.max_steps,
                self._loss,
                self._validation,
                nan if best is None or not isfinite(best) else float(best),
            )
        )


def arguments_for(settings: Settings, folder: Path, lessons: int, device: str) -> TrainingArguments:
    """Return what transformers' trainer is told.

    Parameters
    ----------
    settings : Settings
        Rates and lengths.
    folder : Path
        Where states are kept.
    lessons : int
        Answers to learn from.
    device : str
        As torch calls it.
    """
    per_epoch = max(-(-lessons // settings.batch), 1)
    steps = max(round(per_epoch * settings.epochs), 1)
    every = max(-(-steps // settings.checks), 1)
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=settings.batch,
        max_steps=steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(settings.warm_up * steps),
        weight_decay=0.0,
        max_grad_norm=1.0,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=max(steps // _LOGS, 1),
        restore_callback_states_from_checkpoint=True,
        use_cpu=device == "cpu",
        bf16=False,
        fp16=False,
        seed=settings.seed,
        data_seed=settings.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        label_names=[],
        report_to=[],
        disable_tqdm=True,
        logging_nan_inf_filter=False,
    )
    # One card, or one model over several: never copies of a model side by side.
    _ = arguments.device
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def trainer_for(
    model: Any,
    family: Family,
    arguments: TrainingArguments,
    settings: Settings,
    lessons: Any,
    held_out: Any,
    stop: Event | None,
    tell: Callable[[Progress], None],
) -> tuple[LessonTrainer, _Watch]:
    """Return the trainer, and what knows whether it was stopped."""
    from transformers.trainer_callback import PrinterCallback

    early = EarlyStoppingCallback(settings.patience) if settings.patience else None
    watch = _Watch(stop, tell, early)
    callbacks: list[TrainerCallback] = [watch, *([] if early is None else [early])]
    trainer = LessonTrainer(
        model=model,
        args=arguments,
        data_collator=_one,
        train_dataset=lessons,
        eval_dataset=held_out,
        callbacks=callbacks,
    )
    trainer.family = family
    trainer.model_accepts_loss_kwargs = False
    trainer.remove_callback(PrinterCallback)
    return trainer, watch


def last_state(folder: Path) -> Path | None:
    """Return the last whole state in a folder, deleting what was not written to its end."""
    for broken in folder.glob("checkpoint-*"):
        if not (broken / _WHOLE).is_file():
            shutil.rmtree(broken)
    found = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return None if found is None else Path(found)


def has_ended(state: Path | None) -> bool:
    """Tell whether a training came to its end in this state, so that only saving is left."""
    return state is not None and (state / _ENDED).is_file()


def _one(batch: list[Lesson | None]) -> dict[str, Lesson | None]:
    return {"lesson": batch[0]}


def history_of(log: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return the losses among what the trainer logged."""
    history = []
    for entry in log:
        for name, key in (("loss", "loss"), ("eval_loss", "validation")):
            if name in entry:
                history.append({"step": int(entry["step"]), key: float(entry[name])})
    return history
