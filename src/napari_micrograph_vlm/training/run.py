"""A training from its pictures to the folder of weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from ..errors import QuestionError, SourceError
from ..models.student.loading import SHIPPED, load_parts, revision_of
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from .answer_calibration import calibrate_answers
from .assembly import DOMAIN, SUGGESTIONS, new_model, new_processor
from .batches import Batches
from .calibration import calibrate
from .card import Made, write_card
from .gathering import Pictures, TimeIsUp, gather
from .hardware import new_accelerator
from .loop import LOSSES, Trainer
from .novelty import fit_novelty, other_pictures
from .progress import Lines, Progress, Silent
from .recipe import Recipe

__all__ = ["Outcome", "no_bars", "run"]

REMOVABLE = LOSSES[1:]

ABOUT = "about.json"

_FREE = {"images", "minutes", "processes", "shard", "steps", "validation_images"}
"""Settings that may change between the parts of a training (``images`` only grows)."""


@dataclass(frozen=True)
class Outcome:
    """What a call of :func:`run` did.

    Attributes
    ----------
    finished : bool
        Whether the weights were saved; else the same call goes on.
    step : int
        Steps made so far.
    broken : list of str
        Pictures and records that were skipped, and why.
    """

    finished: bool
    step: int = 0
    broken: list[str] = field(default_factory=list)


def run(
    recipe: Recipe,
    *,
    output: Path,
    cache: Path,
    data: Sequence[Path] = (),
    init: Path | None = None,
    name: str = "run",
    leave_out: Sequence[str] = (),
    without: Sequence[str] = (),
    others: Sequence[Path] = (),
    device: str = "auto",
    stop_after: float | None = None,
    pictures: Pictures | None = None,
    say: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Make pictures, train, calibrate and save; what was stopped goes on.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    output, cache : Path
        Folders for the weights, and for features and state.
    data : sequence of Path
        Labelled folders: real pictures to train on besides.
    init : Path, optional
        Weights to start from, with their vocabulary.
    name : str
        Name of the training: its state lies in the cache under this name.
    leave_out : sequence of str
        Sources of data to leave out: ``"synthetic"``, or the first folder of the images' paths.
    without : sequence of str
        Losses to leave out: of ``"itc"``, ``"itm"``, ``"lm"`` and ``"grounding"``.
    others : sequence of Path
        Folders of photographs that are no micrographs. With any, the student learns to tell them
        apart; without, it keeps what ``init`` knows.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    stop_after : float, optional
        Minutes after which this call stops, whatever it is doing.
    pictures : Pictures, optional
        What :func:`.gathering.gather` returned, to train several times on the same pictures;
        ``data`` then only names them.
    say : callable, optional
        Called with lines of progress, instead of ``progress``.
    progress : Progress, optional
        Told how far it is; by default lines on stderr.

    Raises
    ------
    MicrographError
        If something is wrong that the user can put right.
    KeyboardInterrupt
        After Ctrl-C; the state has been kept.
    """
    started = perf_counter()
    until = None if stop_after is None else started + 60 * stop_after
    recipe = _without(recipe, without)
    if init is not None:
        load_parts(init)  # complains of a wrong folder before anything is made
    accelerator = new_accelerator(device, recipe.bfloat16)
    first = accelerator.is_main_process
    told: Progress = Silent() if not first else Lines(say) if say else progress or Lines()
    try:
        if pictures is None:
            try:
                pictures = gather(
                    recipe, cache, data, leave_out=leave_out, told=told, first=accelerator,
                    until=until,
                )  # fmt: skip
            except TimeIsUp:
                told.say("Time is up while pictures are made; the same command goes on.")
                return Outcome(finished=False)
        else:
            pictures = pictures.without(leave_out)
        return _Training(
            recipe, output, cache, init, name, tuple(leave_out), tuple(without), tuple(others),
            accelerator, told,
        ).make(pictures, data, until)  # fmt: skip
    finally:
        told.close()


def _without(recipe: Recipe, losses: Sequence[str]) -> Recipe:
    unknown = sorted(set(losses) - set(REMOVABLE))
    if unknown:
        raise QuestionError(
            f"There is no loss called {', '.join(unknown)}; there are {', '.join(REMOVABLE)}."
        )
    if set(losses) == set(REMOVABLE):
        raise QuestionError("Without any loss nothing is learnt; keep one at least.")
    if not losses:
        return recipe
    weights = {**recipe.model.get("loss_weights", {}), **dict.fromkeys(losses, 0.0)}
    return replace(recipe, model={**recipe.model, "loss_weights": weights})


MICROGRAPHS = 2_000
"""Drawn pictures, at most, that the student tells from those that are no micrographs."""


@dataclass(frozen=True, eq=False)
class _Training:
    """One training, once its pictures are there."""

    recipe: Recipe
    output: Path
    cache: Path
    init: Path | None
    name: str
    leave_out: tuple[str, ...]
    without: tuple[str, ...]
    others: tuple[Path, ...]
    accelerator: Any
    told: Progress

    @property
    def folder(self) -> Path:
        return self.cache / self.name

    def make(self, pictures: Pictures, folders: Sequence[Path], until: float | None) -> Outcome:
        say = self.told.say
        recipe = self.recipe
        if not len(pictures):
            raise SourceError(
                "There is no picture to train on; ask for synthetic ones with --images or give a "
                "folder of labelled ones with --data."
            )
        say(pictures.in_words())
        about = self._about(pictures, folders)
        processor, model = self._start(pictures)
        trainer = Trainer(model, recipe, self.folder, self.accelerator)
        if trainer.resume():
            self._check_about(about, finished=trainer.progress >= 1)
            say(f"going on from step {trainer.step}")
        self._note(about)
        free = sum(p.numel() for p in model.parameters() if p.requires_grad)
        entries = processor.vocab_size
        say(
            f"{free / 1e6:.2f} M weights to train on {self.accelerator.device}, "
            f"{entries} entries in the vocabulary"
        )
        batches = self._batches(processor, model, pictures, trainer.step)
        finished = trainer.train(
            batches.draw,
            say=lambda _: None,
            on_step=lambda share, note: self.told.share("training", share, note),
            until=until,
        )
        if not finished:
            say(f"Time is up after step {trainer.step}; the same command goes on.")
            return Outcome(False, trainer.step, pictures.broken)
        trainer.use_mean()
        if self.accelerator.is_main_process:
            made = Made(
                synthetic=len(batches.synthetic) + len(batches.tiled),
                real={source: pictures.unmirrored[source] for source in pictures.real},
                steps=trainer.step,
                minutes=trainer.seconds / 60,
                processes=self.accelerator.num_processes,
                device=_device_name(self.accelerator.device),
                others=", ".join(folder.name for folder in self.others),
                start=_start_name(self.init),
                leave_out=self.leave_out,
                without=self.without,
            )
            self._save(model, processor, pictures, made)
        self.accelerator.wait_for_everyone()
        return Outcome(True, trainer.step, pictures.broken)

    def _start(self, pictures: Pictures) -> tuple[MvaemaProcessor, MvaemaModel]:
        """Return processor and model: those of ``init``, or new ones."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        if self.init is not None:
            model, processor = load_parts(self.init)
            model.requires_grad_(True)
            model.image_encoder.backbone.requires_grad_(False)
            # What the student is taught may have grown since.
            model.config.domain, model.config.suggestions = DOMAIN, list(SUGGESTIONS)
            weights = recipe.model.get("loss_weights", {})
            model.config.loss_weights = {**(model.config.loss_weights or {}), **weights}
        else:
            with self.accelerator.main_process_first():
                if (self.folder / MvaemaProcessor.FILE).is_file():
                    processor = MvaemaProcessor.from_pretrained(self.folder)
                else:
                    processor = new_processor(pictures.all, recipe)
                    self.folder.mkdir(parents=True, exist_ok=True)
                    processor.save_pretrained(self.folder)
            model = new_model(processor, pictures.all, recipe)
        torch.manual_seed(recipe.seed + self.accelerator.process_index)
        return processor, model

    def _batches(
        self, processor: MvaemaProcessor, model: MvaemaModel, pictures: Pictures, step: int
    ) -> Batches:
        recipe = self.recipe
        if not pictures.synthetic:
            recipe = replace(recipe, real_share=1.0)
        length = int(model.config.text_config.max_position_embeddings)
        # Every process draws batches of its own.
        rng = np.random.default_rng([recipe.seed, 5, step, self.accelerator.process_index])
        batches = Batches(recipe, processor, length, rng)
        batches.add(pictures.synthetic)
        for found in pictures.real.values():
            batches.add(found, real=True)
        return batches

    def _save(
        self, model: MvaemaModel, processor: MvaemaProcessor, pictures: Pictures, made: Made
    ) -> None:
        model.eval()
        kept = pictures.validation
        self.told.say(f"calibration: {calibrate(model, processor, kept)}")
        self.told.say(f"confidence of answers: {calibrate_answers(model, processor, kept)}")
        model.cpu()
        if self.others:
            self.told.say(f"no micrographs: {self._tell_apart(model, pictures)}")
        self.output.mkdir(parents=True, exist_ok=True)
        with no_bars():
            model.save_compact(self.output)
        processor.save_pretrained(self.output)
        recipe = self.recipe.to_json() + "\n"
        (self.output / "recipe.json").write_text(recipe, encoding="utf-8")
        write_card(self.output, made)
        self.told.say(f"saved to {self.output}")

    def _tell_apart(self, model: MvaemaModel, pictures: Pictures) -> dict[str, float]:
        real = [
            picture
            for source, found in pictures.real.items()
            for picture in found[: pictures.unmirrored[source]]
        ]
        others = list(other_pictures(model.image_encoder, self.others))
        try:
            return fit_novelty(model, real, pictures.synthetic[:MICROGRAPHS], others)
        except ValueError as error:
            raise SourceError(f"{error} Give more with --others, or leave it out.") from None

    def _about(self, pictures: Pictures, folders: Sequence[Path]) -> dict[str, Any]:
        """Return what identifies a training, to be compared between its parts."""
        names = sorted(pictures.real_shards)
        settings = {k: v for k, v in asdict(self.recipe).items() if k not in _FREE}
        about = {
            "folders": sorted(str(folder.resolve()) for folder in folders),
            "leave_out": sorted(self.leave_out),
            "without": sorted(self.without),
            "start": "" if self.init is None else revision_of(self.init),
            "pictures": sha256("\n".join(names).encode()).hexdigest(),
            "images": self.recipe.images,
            "recipe": settings,
        }
        return json.loads(json.dumps(about))  # type: ignore[no-any-return]

    def _check_about(self, about: dict[str, Any], *, finished: bool) -> None:
        path = self.folder / ABOUT
        if not path.is_file():
            return
        before = json.loads(path.read_text(encoding="utf-8"))
        called = f"The training {self.name!r} in {self.cache}"
        changed = _changed(before, about)
        if changed:
            raise SourceError(
                f"{called} was begun with {', '.join(changed)}; give the same to go on, or another "
                "name with --run to begin anew."
            )
        free = ("pictures", "images")
        if finished and any(before.get(key, about[key]) != about[key] for key in free):
            raise SourceError(
                f"{called} is finished and its pictures have changed since; choose another name "
                "with --run to train on them."
            )

    def _note(self, about: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return in words what must stay and has not; what an older version did not note is unknown."""
    if "recipe" not in before and "folders" in before:  # by their last names then
        now = now | {"folders": sorted(Path(folder).name for folder in now["folders"])}
    options = {
        "folders": "--data",
        "leave_out": "--leave-out",
        "without": "--without",
        "start": "--init, a student of revision",
    }
    pairs = [(words, before.get(key, now[key]), now[key]) for key, words in options.items()]
    settings = before.get("recipe", {})
    if before.get("without", []) != now["without"]:
        settings.pop("model", None)  # it holds the weights of the losses
    shared = sorted(settings.keys() & now["recipe"].keys())
    pairs += [(key, settings[key], now["recipe"][key]) for key in shared]
    if before.get("images", 0) > now["images"]:
        pairs.append(("images", before["images"], now["images"]))
    return [f"{words} {_short(a)} (now {_short(b)})" for words, a, b in pairs if a != b]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value) or "none"


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers' own bars off the screen."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _start_name(init: Path | None) -> str:
    if init is None:
        return ""
    bundled = init.resolve() == SHIPPED.resolve()
    name = "the bundled student" if bundled else f"the student `{init.name}`"
    return f"{name}, revision {revision_of(init)}"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
