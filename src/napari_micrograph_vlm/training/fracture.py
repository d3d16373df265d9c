"""Teach a student to read stress and cracks from pictures of simulated plates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets.facts import Facts
from ..datasets.fracture import plate_region, questions_about_plate
from ..errors import SourceError
from ..models.student.loading import load_parts, revision_of
from ..models.student.processing import MvaemaProcessor
from ..simulation.records import VERSION, Record, half_turned, refuse_kept
from .batches import Batches, Row
from .building import frozen_encoder, look
from .hardware import new_accelerator
from .loop import Trainer
from .recipe import Recipe, shipped_file
from .shards import Picture, read_shards, write_shard
from .variation import Drawn

__all__ = ["CASING", "Taught", "prepare_plates", "recipe_for_plates", "teach_plates", "views_of"]

CASING = {"mpa": "MPa", "kj": "kJ"}
"""Units that the student's vocabulary spells in lower case."""

SHARD = 100

ABOUT = "about.json"


@dataclass(frozen=True)
class Taught:
    """What a call of :func:`teach_plates` did.

    Attributes
    ----------
    finished : bool
        Whether the weights were saved; else the same call goes on.
    step : int
        Steps made so far.
    pictures : int
        Pictures learnt from, turned ones included.
    """

    finished: bool
    step: int
    pictures: int


def recipe_for_plates() -> Recipe:
    """Return the recipe of this training."""
    return Recipe(**json.loads(shipped_file("fracture.json")))


def views_of(records: Iterable[Record], *, turned: bool = True) -> Iterator[Record]:
    """Yield each run, and the same turned by 180°."""
    for record in records:
        yield record
        if turned:
            yield half_turned(record)


def prepare_plates(
    cache: Path,
    records: Sequence[Record],
    *,
    on_picture: Callable[[], None] = lambda: None,
) -> list[Picture]:
    """Draw plates and let the frozen part of the student look at them, once.

    Parameters
    ----------
    cache : Path
        Folder for the features; what is there is not made again.
    records : sequence of Record
        As :func:`views_of` yields them.
    on_picture : callable
        Called for each picture, old ones too.

    Returns
    -------
    list of Picture
        Their ``facts.source`` is the name of the record.
    """
    found: list[Picture] = []
    for start in range(0, len(records), SHARD):
        some = records[start : start + SHARD]
        names = "\n".join([str(VERSION), *(record.name for record in some)])
        name = f"plates-{sha256(names.encode()).hexdigest()[:16]}"
        folder = cache / name[-2:]
        if not (folder / f"{name}.json").is_file():
            drawn = []
            for record in some:
                facts = Facts(source=record.name, aspect=1.0)
                drawn.append(Drawn(plate_region(record), facts))
                on_picture()
            write_shard(folder, name, look(frozen_encoder(), drawn))
        else:
            for _ in some:
                on_picture()
        others = {path.stem for path in folder.glob("*.json")} - {name}
        found += read_shards(folder, others)[name]
    return found


class _Batches(Batches):
    """Draws pictures of plates with questions about them."""

    plates: dict[str, Record]

    def _dialogues(self, pictures: Sequence[Picture], tokens: int) -> dict[str, Tensor]:
        rows: list[Row] = []
        for i, picture in enumerate(pictures):
            record = self.plates[picture.facts.source]
            for item in questions_about_plate(
                record, self.rng, self.recipe.rows_an_image, shares=True
            ):
                dialogue = self.processor.encode_dialogue(
                    (), item.question, item.answer, max_length=self.max_length
                )
                rows.append(Row(dialogue, i, None))
        return self._tensors(rows, tokens)


def teach_plates(
    records: Sequence[Record],
    output: Path,
    cache: Path,
    *,
    recipe: Recipe | None = None,
    init: Path | None = None,
    turned: bool = True,
    device: str = "auto",
    on_picture: Callable[[], None] = lambda: None,
    on_step: Callable[[float, str], None] = lambda share, note: None,
    until: float | None = None,
) -> Taught:
    """Teach a student the numbers of plates; what was stopped goes on.

    Parameters
    ----------
    records : sequence of Record
        Runs to learn from.
    output, cache : Path
        Folders for the weights, and for features and the state of the training.
    recipe : Recipe, optional
        By default :func:`recipe_for_plates`.
    init : Path, optional
        Folder of the student to begin with; by default the bundled one.
    turned : bool
        Whether plates turned by 180° are learnt from, too: two pictures of a run.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    on_picture : callable
        Called for each picture that is prepared.
    on_step : callable
        Called after each step with the share that is done and a note.
    until : float, optional
        Reading of ``time.perf_counter`` at which to stop.

    Raises
    ------
    SourceError
        If there is nothing to learn from, any plate is kept for the test, or the state in the
        cache is that of other runs.
    KeyboardInterrupt
        After Ctrl-C; the state has been kept.
    """
    if not records:
        raise SourceError("There are no plates to learn from.")
    refuse_kept(records, "What is to be learnt")
    recipe = recipe or recipe_for_plates()
    model, processor = load_parts(init)
    _check_about(cache / "run", _about(records, recipe, init, turned))
    seen = list(views_of(records, turned=turned))
    pictures = prepare_plates(cache, seen, on_picture=on_picture)
    torch.manual_seed(recipe.seed)
    model.requires_grad_(True)
    model.image_encoder.backbone.requires_grad_(False)
    weights = recipe.model.get("loss_weights", {})
    before = dict(model.config.loss_weights or {})
    model.config.loss_weights = {**before, **weights}
    trainer = Trainer(model, recipe, cache / "run", new_accelerator(device, recipe.bfloat16))
    trainer.resume()
    length = int(model.config.text_config.max_position_embeddings)
    rng = np.random.default_rng([recipe.seed, 5, trainer.step])
    batches = _Batches(replace(recipe, pairs_every=0), processor, length, rng)
    batches.plates = {record.name: record for record in seen}
    batches.add(pictures)
    finished = trainer.train(batches.draw, say=lambda _: None, on_step=on_step, until=until)
    if finished:
        trainer.use_mean()
        model.config.loss_weights = before
        _save(model, processor, output, recipe, len(records))
    return Taught(finished, trainer.step, len(pictures))


def _about(
    records: Sequence[Record], recipe: Recipe, init: Path | None, turned: bool
) -> dict[str, Any]:
    names = "\n".join(sorted(record.name for record in records))
    return {
        "version": VERSION,
        "runs": sha256(names.encode()).hexdigest()[:16],
        "start": revision_of(init),
        "turned": turned,
        "seed": recipe.seed,
        "rate": recipe.learning_rate,
    }


def _check_about(folder: Path, about: dict[str, Any]) -> None:
    """Keep what identifies a training, and complain where another one was begun here."""
    path = folder / ABOUT
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about:
        raise SourceError(
            f"The training in {folder} was begun with other runs, settings or another student; "
            "give the same, or another --cache."
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=1), encoding="utf-8")


def _save(model: Any, processor: MvaemaProcessor, output: Path, recipe: Recipe, runs: int) -> None:
    """Write a student that reads plates; it takes any picture, and its answers no confidence."""
    from .run import no_bars

    model.eval().cpu()
    # What told micrographs from other pictures, and how sure answers are, was fitted before.
    model.novelty, model.config.novelty = None, None
    model.config.answer_calibration = None
    model.config.suggestions = [
        "What is the largest stress at 1 % strain?",
        "At which strain does a crack start?",
        "How long is the crack at 2.5 % strain?",
        *(model.config.suggestions or ()),
    ]
    processor.casing = {**processor.casing, **CASING}
    output.mkdir(parents=True, exist_ok=True)
    with no_bars():
        model.save_compact(output)
    processor.save_pretrained(output)
    (output / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
    (output / "README.md").write_text(_CARD.format(runs=runs, steps=recipe.steps), encoding="utf-8")


_CARD = """# A student that reads stress and cracks

The student of napari-micrograph-vlm, taught further on pictures of {runs} simulated plates and
the same turned by 180° ({steps} steps). It answers questions about stress, energy and cracks of
plates that are pulled up and down, and has unlearnt some of what it could before. Measure it with
`napari-micrograph-vlm evaluate fracture --model FOLDER`.
"""
