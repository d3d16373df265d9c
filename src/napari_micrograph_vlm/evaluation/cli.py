"""``python -m napari_micrograph_vlm.evaluation``: measure a student and print tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import MicrographError
from ..models.base import Model
from ..models.student.engine import Student
from ..training.recipe import TEST_SEED
from .real import measure_real
from .report import confusions, table
from .synthetic import measure_synthetic

__all__ = ["main", "measure"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse arguments and measure; 2 where something the user can put right was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_micrograph_vlm.evaluation",
        description="Measure the bundled student, or one of your own.",
    )
    parser.add_argument("--model", type=Path, help="folder with weights; the shipped by default")
    parser.add_argument("--images", type=int, default=500, help="synthetic pictures (500)")
    parser.add_argument(
        "--first-seed", type=int, default=TEST_SEED, help=f"seed of the first ({TEST_SEED})"
    )
    parser.add_argument("--micrographs", type=Path, help="folder with teacher_labels.jsonl")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--markdown", type=Path, help="where to write the tables")
    given = parser.parse_args(argv)
    try:
        model = Student.load(given.model, given.device)
        figures = measure(
            model, given.images, given.micrographs, first_seed=given.first_seed, say=_say
        )
    except MicrographError as error:
        print(error, file=sys.stderr)
        return 2
    text = write_tables(figures)
    print(text)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if given.markdown is not None:
        given.markdown.write_text(text + "\n", encoding="utf-8")
    return 0


def measure(
    model: Model,
    images: int,
    micrographs: Path | None = None,
    *,
    first_seed: int = TEST_SEED,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return every figure, ready for JSON.

    Parameters
    ----------
    model : Model
        Such as the student.
    images : int
        Synthetic pictures; 0 leaves them out.
    micrographs : Path, optional
        Folder with real pictures; they are left out without it.
    first_seed : int
        Seed of the first synthetic picture; from ``TEST_SEED`` on none was trained on.
    say : callable, optional
        Called with lines of progress.
    """
    started = perf_counter()
    figures: dict[str, Any] = {"model": model.name, "revision": model.revision}
    if images:
        scores = measure_synthetic(model, images, first_seed=first_seed, say=say)
        figures["synthetic"] = scores.to_dict()
    if micrographs is not None:
        figures["real"] = measure_real(model, micrographs, say=say).to_dict()
    figures["seconds"] = round(perf_counter() - started, 1)
    return figures


def write_tables(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    parts = [f"Model {figures['model']}, revision {figures['revision']}."]
    if "synthetic" in figures:
        parts.append(table(figures["synthetic"], "synthetic pictures, seeds never trained on"))
        parts.append("Most often confused (synthetic):\n\n" + confusions(figures["synthetic"]))
    if "real" in figures:
        parts.append(table(figures["real"], "real pictures, papers never trained on"))
        parts.append("Most often confused (real):\n\n" + confusions(figures["real"]))
    parts.append(
        "Blind: the same questions about the mean picture. Majority: always the most frequent "
        "answer. Chance: a random token. Intervals: Wilson. Large defects touch more than a "
        "tenth of the tokens and are left out of the pointing game. The labels of real pictures "
        "were written by a teacher model, not by an expert."
    )
    return "\n\n".join(parts)


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)
