"""What each part of the recipe is worth: train without it and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..api import load_model
from ..models.base import Model
from ..training.recipe import Recipe
from .report import Figure, Part
from .run import Evaluation, evaluate

__all__ = ["COLUMNS", "WITHOUT", "ablate", "ablation_table", "variants_of"]

FULL, NO_REAL = "everything", "without real data"

WITHOUT: Mapping[str, tuple[str, ...]] = {
    FULL: (),
    "without ITC": ("itc",),
    "without ITM": ("itm",),
    "without LM": ("lm",),
    "without grounding": ("grounding",),
}
"""Name of a training -> the losses that it leaves out."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "exact match": ("Answers in words, synthetic pictures, phrasings never", "exact match"),
    "BLEU-4": ("Answers in words, synthetic pictures, phrasings never", "BLEU-4"),
    "category, top-1": ("Classification, counts, sizes and time", "category, top-1"),
    "defect kind, top-1": ("Classification, counts, sizes and time", "defect kind, top-1"),
    "peak in the defect": ("Where it looks, synthetic", "peak in the defect"),
    "calibration error": ("Calibration error, synthetic", "answers"),
    "real, closed questions": ("Closed questions, real", "all, normalised match"),
    "real, category": ("Classification and counts, real", "category, top-1"),
}
"""Column of the table -> start of the part's title, and name of the figure."""

TABLE = "ablations.md"


def variants_of(data: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of the trainings; without real data only where there is some."""
    return (*WITHOUT, NO_REAL) if data else tuple(WITHOUT)


def ablate(
    recipe: Recipe,
    output: Path,
    *,
    images: int,
    steps: int,
    test_images: int,
    data: Sequence[Path] = (),
    cache: Path | None = None,
    device: str = "auto",
    variants: Sequence[str] | None = None,
    progress: bool = True,
) -> str:
    """Train small students, each without one part of the recipe, and compare them.

    Parameters
    ----------
    recipe : Recipe
        What is the same for all.
    output : Path
        Folder for the weights of each and the table.
    images, steps : int
        Synthetic pictures and optimiser steps of each training.
    test_images : int
        Synthetic pictures that each is asked about.
    data : sequence of Path
        Labelled folders to train on besides.
    cache : Path, optional
        Where pictures are kept; in the output folder by default.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    variants : sequence of str, optional
        Which of :func:`variants_of`; all by default.
    progress : bool
        Whether to show how far it is.

    Returns
    -------
    str
        The table as Markdown, which is also in ``ablations.md`` of the output folder.

    Raises
    ------
    MicrographError
        If something is wrong that the user can put right.
    KeyboardInterrupt
        After Ctrl-C; the same call goes on.
    """
    from ..training.run import run

    small = replace(recipe, images=images, steps=steps, minutes=None)
    kept = cache or output / "cache"
    measured: dict[str, Evaluation] = {}
    output.mkdir(parents=True, exist_ok=True)
    text = ""
    for name in variants or variants_of(data):
        folder = output / name.replace(" ", "-")
        run(
            small,
            output=folder,
            cache=kept,
            data=() if name == NO_REAL else data,
            name=folder.name,
            without=WITHOUT.get(name, ()),
            device=device,
            say=None if progress else _silent,
        )
        model: Model = load_model(folder, device)
        measured[name] = evaluate(
            model, images=test_images, data=data, photographs=False, brief=True, progress=progress
        )
        if not measured[name].whole:
            raise KeyboardInterrupt  # a part of the questions is no line of the table
        text = ablation_table(measured, images, steps)
        (output / TABLE).write_text(text + "\n", encoding="utf-8")
    return text


def ablation_table(measured: Mapping[str, Evaluation], images: int, steps: int) -> str:
    """Return one line a training, with the figures of :data:`COLUMNS` that were measured."""
    rows = {
        name: [_find(one.parts, title, figure) for title, figure in COLUMNS.values()]
        for name, one in measured.items()
    }
    used = [i for i in range(len(COLUMNS)) if any(row[i] is not None for row in rows.values())]
    names = [list(COLUMNS)[i] for i in used]
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row[i]) for i in used) + " |")
    note = (
        f"Each trained on {images} synthetic pictures for {steps} steps from the same seed; "
        "measured on synthetic pictures never trained on unless it says real; 95 % intervals."
    )
    return "\n".join([*lines, "", note])


def _find(parts: Sequence[Part], title: str, name: str) -> Figure | None:
    for part in parts:
        for figure in part.figures:
            if part.title.startswith(title) and figure.name == name:
                return figure
    return None


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return ""
    if figure.interval is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.interval[0]:.2f} to {figure.interval[1]:.2f})"


def _silent(_line: str) -> None:
    """Say nothing."""
