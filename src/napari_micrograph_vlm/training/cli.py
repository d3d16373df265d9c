"""``python -m napari_micrograph_vlm.training``: from nothing to weights in one command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from ..errors import MicrographError
from ..models.student.loading import load_parts
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaProcessor
from .assembly import DOMAIN, SUGGESTIONS, new_model, new_processor
from .batches import Batches
from .building import fill_cache, real_jobs, synthetic_jobs
from .calibration import calibrate
from .card import write_card
from .loop import Trainer
from .recipe import VALIDATION_SEED, Recipe
from .shards import Picture, read_shards

__all__ = ["main", "run"]

MIRRORED = "mirrored"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse arguments and train; 2 where something the user can put right was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_micrograph_vlm.training",
        description="Train the bundled student. Stopped at any time, the same command goes on.",
    )
    parser.add_argument("--config", type=Path, help="recipe (JSON); the shipped one by default")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--cache", type=Path, required=True, help="folder for features and state")
    parser.add_argument("--micrographs", type=Path, help="folder with teacher_labels.jsonl")
    parser.add_argument("--init", type=Path, help="folder with weights to start from")
    parser.add_argument("--images", type=int, help="synthetic pictures, instead of the recipe's")
    parser.add_argument("--steps", type=int, help="steps, instead of the recipe's")
    parser.add_argument("--minutes", type=float, help="longest time for the steps")
    parser.add_argument("--run", default="run", help="name of the training within the cache")
    given = parser.parse_args(argv)
    try:
        recipe = Recipe.read(given.config)
        chosen = {k: getattr(given, k) for k in ("images", "steps", "minutes")}
        recipe = replace(recipe, **{k: v for k, v in chosen.items() if v is not None})
        run(
            recipe,
            output=given.output,
            cache=given.cache,
            micrographs=given.micrographs,
            init=given.init,
            name=given.run,
        )
    except MicrographError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(
    recipe: Recipe,
    *,
    output: Path,
    cache: Path,
    micrographs: Path | None = None,
    init: Path | None = None,
    name: str = "run",
    say: Callable[[str], None] | None = None,
) -> None:
    """Make pictures, train, calibrate and save.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    output, cache : Path
        Folders for the weights, and for features and state.
    micrographs : Path, optional
        Folder with ``teacher_labels.jsonl``: real pictures to train on besides.
    init : Path, optional
        Weights to start from, with their vocabulary.
    name : str
        Name of the training: its state lies in the cache under this name.
    say : callable, optional
        Called with lines of progress; printed with the time by default.
    """
    say = say or _say
    _fill(recipe, cache, micrographs, say)
    shards = read_shards(cache / "train")
    synthetic = _flat(shards)
    real_shards = read_shards(cache / "real") if micrographs is not None else {}
    real = _flat(real_shards)
    say(f"{len(synthetic)} synthetic and {len(real)} real pictures")
    processor, model = _start(recipe, [*synthetic, *real], init, cache / name)
    trainer = Trainer(model, recipe, cache / name)
    if trainer.resume():
        say(f"going on from step {trainer.step}")
    free = sum(p.numel() for p in model.parameters() if p.requires_grad)
    say(f"{free / 1e6:.2f} M weights to train, {processor.vocab_size} entries in the vocabulary")
    length = int(model.config.text_config.max_position_embeddings)
    rng = np.random.default_rng([recipe.seed, 5, trainer.step])
    batches = Batches(recipe, processor, length, rng)
    batches.add(synthetic)
    batches.add(real, real=True)
    seen = set(shards)

    def look_for_more() -> None:
        """Take pictures that another process has added to the cache meanwhile."""
        for shard, pictures in read_shards(cache / "train", seen).items():
            seen.add(shard)
            batches.add(pictures)
            say(f"{len(pictures)} more pictures ({shard})")

    trainer.train(batches.draw, say=say, on_keep=look_for_more)
    trainer.use_mean()
    model.eval()
    kept = _flat(read_shards(cache / "validation"))
    say(f"calibration: {calibrate(model, processor, kept)}")
    model.save_compact(output)
    processor.save_pretrained(output)
    (output / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
    write_card(
        output,
        recipe,
        images=len(batches.synthetic) + len(batches.tiled),
        real=sum(len(p) for k, p in real_shards.items() if not k.startswith(MIRRORED)),
        steps=trainer.step,
        minutes=trainer.seconds / 60,
        notes=f"The weights of {init.name} were the start." if init is not None else "",
    )
    say(f"saved to {output}")


def _fill(
    recipe: Recipe, cache: Path, micrographs: Path | None, say: Callable[[str], None]
) -> None:
    jobs = synthetic_jobs(cache / "train", recipe, "syn", recipe.first_seed, recipe.images)
    jobs += synthetic_jobs(
        cache / "validation", recipe, "syn", VALIDATION_SEED, recipe.validation_images
    )
    if micrographs is not None:
        folder = cache / "real"
        jobs += real_jobs(folder, recipe, micrographs, "real", test=False)
        jobs += real_jobs(folder, recipe, micrographs, MIRRORED, test=False, mirrored=True)
    if jobs:
        fill_cache(jobs, recipe.processes, lambda i, n: say(f"{i} of {n} shards"))


def _start(
    recipe: Recipe, pictures: Sequence[Picture], init: Path | None, folder: Path
) -> tuple[MvaemaProcessor, MvaemaModel]:
    """Return processor and model: those of ``init``, or new ones."""
    torch.manual_seed(recipe.seed)
    if init is not None:
        model, processor = load_parts(init)
        model.requires_grad_(True)
        model.image_encoder.backbone.requires_grad_(False)
        # What the student is taught may have grown since.
        model.config.domain, model.config.suggestions = DOMAIN, list(SUGGESTIONS)
        return processor, model
    if (folder / MvaemaProcessor.FILE).is_file():
        processor = MvaemaProcessor.from_pretrained(folder)
    else:
        processor = new_processor(pictures, recipe)
        processor.save_pretrained(folder)
    return processor, new_model(processor, pictures, recipe)


def _flat(shards: dict[str, list[Picture]]) -> list[Picture]:
    return [picture for pictures in shards.values() for picture in pictures]


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)
