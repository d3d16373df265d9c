"""Fine-tune a local model on conversations, and save what was learnt."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import nan
from os import PathLike
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import Cancelled, MicrographError, ModelError, SourceError
from ...models.catalog import find, is_adapter
from .card import write_facts
from .identity import begin, done_before, identity_of, write_identity
from .settings import IDENTITY, Outcome, Progress, Settings, work_folder

if TYPE_CHECKING:
    from ...models.catalog import CatalogEntry
    from ...models.loading import Loaded
    from .lessons import Lessons

__all__ = ["fine_tune"]

Tell = Callable[[Progress], None]


def fine_tune(
    model: str | PathLike[str],
    data: Path,
    output: Path,
    *,
    settings: Settings | None = None,
    merged: bool = False,
    device: str = "auto",
    stop: Event | None = None,
    on_progress: Tell | None = None,
    finish: bool = False,
) -> Outcome:
    """Teach a local model with conversations about pictures.

    Called again with the same arguments after a stop or a kill, it goes on where it was and comes
    to the same weights.

    Parameters
    ----------
    model : str or path
        A name from the catalog or a folder. An adapter goes on learning: its rank stays.
    data : Path
        Conversations as :func:`~napari_micrograph_vlm.datasets.chat.write_chat` writes them.
        Where they have no validation split, whole groups are held out.
    output : Path
        Folder for the adapter or model; it appears once it is complete. What is needed to go on
        is kept beside it, in ``OUTPUT-training``, and deleted in the end.
    settings : Settings, optional
        Rates and lengths.
    merged : bool
        Whether a whole model is saved instead of an adapter, which stays small.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:1"``, ``"mps"``.
    stop : threading.Event, optional
        Once set, the work ends after this step, to be gone on with.
    on_progress : callable, optional
        Told how far it is.
    finish : bool
        Whether to save the best state so far, without further steps.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    MicrographError
        If model, data or folder cannot be used, memory is short, or the folder holds another
        training.
    """
    settings = settings or Settings()
    tell = on_progress or (lambda _progress: None)
    entry = _teachable(model)
    _check_bits(device, settings.precision)
    identity = identity_of(entry, data, settings, merged)
    done = done_before(output, identity)
    work = work_folder(output)
    if done is not None:
        shutil.rmtree(work, ignore_errors=True)
        return done
    begin(work, identity)
    tell(Progress(stage="Loading the model…"))
    outcome = _Run(
        entry,
        _load(Path(identity["base"]["folder"]), device, settings.precision),
        data,
        work,
        identity,
        settings,
        stop,
        tell,
    ).run(output, finish=finish)
    if outcome.finished:
        _free()
        _save(output, outcome, identity, work, merged=merged)
    return outcome


class _Run:
    """One training, from lessons to the saved model."""

    def __init__(
        self,
        entry: CatalogEntry,
        loaded: Loaded,
        data: Path,
        work: Path,
        identity: dict[str, Any],
        settings: Settings,
        stop: Event | None,
        tell: Tell,
    ) -> None:
        self.entry, self.loaded, self.settings = entry, loaded, settings
        self.data, self.work, self.identity = data, work, identity
        self.stop, self.tell = stop, tell

    def run(self, output: Path, *, finish: bool) -> Outcome:
        """Teach, and write the best adapter to ``.OUTPUT-part`` where that came to its end."""
        from ...models.guards import advice_on_memory
        from ...models.quiet import quiet
        from .trainer import arguments_for, has_ended, history_of, last_state, trainer_for
        from .tuning import attach, keep, learning

        lessons, held = self._lessons()
        start = self.entry.path if is_adapter(self.entry.path) else None
        place = self.identity["base"]["place"]
        family = self.loaded.family
        model = attach(self.loaded.model, family, self.settings, place, start)
        on_card = not self.loaded.device.startswith("cpu")
        saving = self.settings.checkpointing
        learning(model, family, on_card if saving is None else saving)
        state = last_state(self.work)
        arguments = arguments_for(self.settings, self.work, len(lessons), self.loaded.device)
        trainer, watch = trainer_for(
            model, family, arguments, self.settings, lessons, held, self.stop, self.tell
        )
        with advice_on_memory(
            "There is not enough memory to teach this model; choose 4-bit numbers, a lower rank, "
            "smaller pictures or a smaller model."
        ):
            first = self._first(model, held)
            self._recall(first, arguments.max_steps, state)
            if finish or has_ended(state):
                self._take_best(model, trainer, state)
            else:
                with quiet():
                    trainer.train(resume_from_checkpoint=None if state is None else str(state))
        log = trainer.state
        best = nan if log.best_metric is None else float(log.best_metric)
        outcome = Outcome(
            finished=False,
            folder=output,
            step=int(log.global_step),
            steps=int(log.max_steps or arguments.max_steps),
            first=first,
            best=best,
            lessons=len(lessons),
            held_out=len(held),
            skipped=_skipped(lessons, held),
            history=[{"step": 0, "validation": first}, *history_of(log.log_history)],
        )
        if watch.stopped and not finish:
            return outcome
        self.tell(Progress(outcome.step, outcome.steps, stage="Saving…"))
        part = _part(output)
        shutil.rmtree(part, ignore_errors=True)
        with _writing(output):
            keep(model, part)
        return replace(outcome, finished=True)

    def _lessons(self) -> tuple[Lessons, Lessons]:
        from .answering import end_of_answer
        from .lessons import Lessons, read_lessons

        model, family = self.loaded.model, self.loaded.family
        end = end_of_answer(model, family)
        made = [
            Lessons(rows, answers, family, end)
            for rows, answers in read_lessons(self.data, self.settings.validation)
        ]
        for lessons in made:
            # All of them would take as long as an epoch; some tell whether any can be taught.
            if not any(lessons[i] is not None for i in range(min(len(lessons), 25))):
                reason = next(iter(lessons.skipped.values()), "nobody knows why")
                raise SourceError(f"{self.entry.name} cannot be taught with {self.data}: {reason}.")
        return made[0], made[1]

    def _first(self, model: Any, held: Lessons) -> float:
        """Return the validation loss before the first step; measured once."""
        from .trainer import mean_loss

        values = json.loads((self.work / IDENTITY).read_text(encoding="utf-8"))
        if "first" not in values:
            self.tell(Progress(stage="Measuring before the first step…"))
            values["first"] = mean_loss(model, self.loaded.family, held)
            write_identity(self.work, values)
        return float(values["first"])

    def _recall(self, first: float, steps: int, state: Path | None) -> None:
        """Tell again what was told before a stop, so that a curve is whole."""
        from transformers import TrainerState

        from .trainer import history_of

        self.tell(Progress(0, steps, validation=first))
        if state is None:
            return
        known = TrainerState.load_from_json(str(state / "trainer_state.json"))
        for entry in history_of(known.log_history):
            loss, validation = (entry.get(name, nan) for name in ("loss", "validation"))
            self.tell(Progress(int(entry["step"]), steps, loss, validation))

    def _take_best(self, model: Any, trainer: Any, state: Path | None) -> None:
        from transformers import TrainerState

        from .tuning import fill

        if state is None:
            raise SourceError(
                f"There is nothing to finish in {self.work} yet; teach for some steps first."
            )
        trainer.state = TrainerState.load_from_json(str(state / "trainer_state.json"))
        best = Path(trainer.state.best_model_checkpoint or state)
        # The folder may have been moved since.
        fill(model, self.work / best.name)


def _part(output: Path) -> Path:
    return output.absolute().with_name(f".{output.name}-part")


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{output} cannot be written: {error.strerror or error}; free some space and "
            "run the same command again."
        ) from None


def _free() -> None:
    """Let go of the model that was taught: another may have to be loaded to be added to."""
    import torch

    # The trainer and its parts hold each other.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _save(
    output: Path, outcome: Outcome, identity: dict[str, Any], work: Path, *, merged: bool
) -> None:
    """Make the output of the adapter that was written, and delete what is no longer needed."""
    part = _part(output)
    with _writing(output):
        write_facts(part, outcome, identity, merged=False)
        if merged:
            from .merged import merge

            whole = part.with_name(f"{part.name}-whole")
            shutil.rmtree(whole, ignore_errors=True)
            merge(part, whole)
            write_facts(whole, outcome, identity, merged=True)
            shutil.rmtree(part)
            part = whole
        part.rename(output)
    shutil.rmtree(work, ignore_errors=True)


def _teachable(model: str | PathLike[str]) -> CatalogEntry:
    """Return a model that can be taught here.

    Raises
    ------
    ModelError
        If it is the student, which has a recipe of its own, or cannot be found.
    """
    from ...models.adapters import check_peft
    from ...models.consent import is_remote

    if is_remote(model):
        raise ModelError("A model behind a server cannot be taught; choose one that runs here.")
    entry = find(model)
    if entry.model_type == "mvaema":
        raise ModelError(
            "The student learns by a recipe of its own: use `napari-micrograph-vlm train`, or "
            "choose a large model."
        )
    check_peft()
    from ..hardware import check_extra

    check_extra()
    return entry


def _check_bits(device: str, precision: str) -> None:
    from ...models.devices import choose_device, quantization_for

    if precision not in ("4-bit", "8-bit"):
        return
    chosen = choose_device(device)
    if not chosen.startswith("cuda"):
        raise ModelError(
            f"To teach with {precision} numbers (QLoRA) needs a CUDA graphics card; choose 16-bit "
            "or 32-bit."
        )
    quantization_for(precision, chosen)


def _load(folder: Path, device: str, precision: str) -> Loaded:
    """Load a model to be taught; frozen weights in halves only where gradients survive them."""
    import torch

    from ...models.devices import choose_device, dtype_for
    from ...models.loading import load

    chosen = choose_device(device)
    if precision == "auto" and dtype_for(chosen, precision) is torch.float16:
        precision = "32-bit"
    try:
        # No more than one card: a step is on one.
        return load(folder, chosen, precision)
    except Cancelled:  # pragma: no cover - nothing cancels it
        raise MicrographError("Stopped.") from None


def _skipped(*lessons: Lessons) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for each in lessons:
        found |= each.skipped
    return tuple(f"{name}: {reason}" for name, reason in sorted(found.items()))
