"""``napari-micrograph-vlm learn``: classes of one's own from a folder of pictures for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import QuestionError, SourceError
from .progress import bar, file_errors, name_skipped, stoppable

if TYPE_CHECKING:
    from ..labelling import LabelSet
    from ..labelling.trial import Trial

__all__ = ["learn"]

PICTURE = "confusion.png"

_WIDEST = 16
"""Letters of a class name in the printed table."""


def learn(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder with one subfolder of pictures for each class, named as the class.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for what is learnt; `classify --learnt FOLDER` uses it.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", help="A name from `models`, or a checkpoint folder."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Label-set file (.json or .csv) with the classes and what they look like; by "
            "default the names of the subfolders.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = (
        "auto"
    ),
) -> None:
    """Learn classes from labelled pictures, and say how well they are told apart."""
    from ..labelling.folders import examples_in, learn_from

    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise SourceError(
            f"{out} lies in {folder} and would be taken for a class; choose another --out."
        )
    examples = examples_in(folder)
    label_set = _label_set(folder, examples.names, labels)
    from ..models.catalog import find
    from ..models.consent import is_remote

    if is_remote(model):
        raise QuestionError(
            "A model behind a server does not show what it sees; choose one that runs here."
        )
    find(model)  # before torch is imported: a wrong name is told at once
    with stoppable("Stopped; nothing was saved."):
        from ..api import load_model

        loaded = load_model(model, device)
        with bar(len(examples.files), "pictures") as step:
            done = 0

            def move(count: int) -> None:
                nonlocal done
                for _ in range(count - done):
                    step()
                done = count

            learnt, skipped = learn_from(loaded, label_set, examples, on_file=move)
    name_skipped(skipped)
    learnt.save(out)
    with file_errors():
        _picture(learnt.trial, out / PICTURE)
    print(table(learnt.trial))
    print(learnt.trial)
    print(f"Saved in {out}; use it with: classify IMAGE --learnt {out}")


def table(trial: Trial) -> str:
    """Return the confusion matrix as text; only classes that were tried or found."""
    shown = [
        i
        for i in range(len(trial.names))
        if trial.confusion[i].any() or trial.confusion[:, i].any()
    ]
    names = [trial.names[i] for i in shown]
    short = [n if len(n) <= _WIDEST else f"{n[: _WIDEST - 1]}…" for n in names]
    width = max(map(len, [*short, "labelled"]))
    # Columns are numbered: names beside each other would not fit a line.
    digits = max(len(str(int(trial.confusion.max()))), len(str(len(shown)))) + 1
    lines = [f"{'labelled':<{width}}    found as"]
    lines.append(" " * (width + 4) + "".join(f"{n:>{digits}}" for n in range(1, len(shown) + 1)))
    for number, (row, name) in enumerate(zip(shown, short, strict=True), start=1):
        counts = "".join(f"{int(trial.confusion[row, i]) or '.':>{digits}}" for i in shown)
        lines.append(f"{name:<{width}} {number:>2} {counts}")
    return "\n".join(lines)


def _label_set(folder: Path, names: Sequence[str], labels: Path | None) -> LabelSet:
    from ..labelling import label_set_of
    from ..labelling.files import read_label_set
    from ..labelling.label_sets import fold

    if labels is None:
        return label_set_of(names, folder.resolve().name)
    label_set = read_label_set(labels)
    known = {fold(name) for name in label_set.names}
    for name in names:
        if fold(name) not in known:
            raise QuestionError(
                f"The subfolder {name!r} is none of the classes in {labels}; rename it, or add "
                "the class there."
            )
    return label_set


def _picture(trial: Trial, path: Path) -> None:
    from PIL import Image

    from ..labelling.confusion_picture import confusion_picture

    Image.fromarray(confusion_picture(trial.confusion, trial.names)).save(path)
