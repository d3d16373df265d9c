"""``napari-micrograph-vlm train``: a student of your own."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SourceError

if TYPE_CHECKING:
    from ..training.recipe import Recipe

__all__ = ["train"]

SHOWN = 20
"""Broken pictures that are named one by one."""

_DATA = "Pictures"
_LENGTH = "How long"
_EXPERTS = "For comparisons"


def train(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            help="Folder to save the student in; `--model FOLDER` of the other commands asks it.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="Folder of labelled pictures (made by `data teach` or `data synthesize`); may be "
            "given several times. A fifth of the pictures is kept for `evaluate`.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            min=0,
            help="How many pictures to draw by computer and train on besides.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="Folder for prepared pictures (0.4 MB each) and for what is needed to go on "
            "after a stop; by default OUTPUT-cache, beside OUTPUT.",
            show_default=False,
            rich_help_panel=_DATA,
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            help="Folder of a student to go on teaching; by default the bundled student, if "
            "there is --data and no --config.",
            show_default=False,
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Teach a new student that knows nothing yet."),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Recipe (a JSON file with all settings); by default a short one to go on "
            "teaching, or the long one that teaches a new student.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="Length of the whole training in steps.",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0.01,
            help="Longest time for the steps of the whole training, over all calls.",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    stop_after: Annotated[
        float | None,
        typer.Option(
            "--stop-after",
            min=0.01,
            help="Stop this call after so many minutes; the same command goes on.",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            "--run",
            "--name",  # torchrun takes --run for an option of its own
            help="Name of this training in the cache; another name begins anew on the same "
            "pictures.",
            rich_help_panel=_EXPERTS,
        ),
    ] = "run",
    device: Annotated[
        str, typer.Option("--device", help="auto (a GPU where there is one), cpu or cuda.")
    ] = "auto",
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out",
            metavar="SOURCE",
            help="Train without a source of data: `synthetic`, or the first folder of the "
            "pictures' paths, such as `particles`; may be given several times.",
            rich_help_panel=_EXPERTS,
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--others",
            help="Folder of photographs that are no micrographs, a few hundred, for the student "
            "to say so of them; may be given several times. Without it, it keeps what the "
            "student before knew.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="LOSS",
            help="Train without a part of the lesson: `itc` (picture and statement belong "
            "together), `itm` (is a statement true of the picture), `lm` (write the answer) or "
            "`grounding` (look at what the answer names); may be given several times.",
            rich_help_panel=_EXPERTS,
        ),
    ] = None,
) -> None:
    """Teach a student from your labelled pictures, or a new one from drawn pictures.

    With --data alone, the bundled student goes on learning from your pictures. Stopped at any
    time, by Ctrl-C too, the same command goes on.
    """
    data = data or []
    cache = cache or output.with_name(f"{output.name}-cache")
    _check(output, data, init, from_scratch, device)
    recipe = _recipe(config, bool(data) and not from_scratch)
    if init is None and data and config is None and not from_scratch:
        from ..models.student.loading import SHIPPED

        init = SHIPPED
    chosen = {"images": images, "steps": steps, "minutes": minutes}
    recipe = replace(recipe, **{k: v for k, v in chosen.items() if v is not None})  # type: ignore[arg-type]

    from ..training.hardware import check_extra, finish
    from ..training.progress import progress_for

    check_extra()
    from ..training.run import run as train_student

    first = os.environ.get("RANK", "0") == "0"
    try:
        outcome = train_student(
            recipe,
            output=output,
            cache=cache,
            data=data,
            init=init,
            name=run,
            leave_out=leave_out or (),
            without=without or (),
            others=others or (),
            device=device,
            stop_after=stop_after,
            progress=progress_for(),
        )
    except KeyboardInterrupt:
        if first:
            print(
                f"Stopped; {cache} keeps what was done: the same command goes on.", file=sys.stderr
            )
        raise
    finally:
        finish()
    if first:
        _name(outcome.broken)
        if outcome.finished:
            print(output)


def _check(
    output: Path, data: list[Path], init: Path | None, from_scratch: bool, device: str
) -> None:
    """Complain of what can be seen before torch is imported."""
    if init is not None and from_scratch:
        raise SourceError("Give --init to go on teaching or --from-scratch to begin, not both.")
    if device not in ("auto", "cpu", "cuda"):
        raise SourceError(f"The device is auto, cpu or cuda, not {device!r}.")
    for folder in data:
        if not folder.is_dir():
            raise SourceError(f"There is no folder {folder}; give one with labelled pictures.")
    if output.exists() and not output.is_dir():
        raise SourceError(f"{output} is a file; give a folder to save the student in.")


def _recipe(config: Path | None, go_on: bool) -> Recipe:
    from ..training.recipe import Recipe

    if config is None and go_on:
        return Recipe.fine_tuning()
    return Recipe.read(config)


def _name(broken: list[str]) -> None:
    """Say which pictures and records were skipped."""
    if not broken:
        return
    print(f"{len(broken)} pictures or records were skipped:", file=sys.stderr)
    for line in broken[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if len(broken) > SHOWN:
        print(f"  and {len(broken) - SHOWN} more", file=sys.stderr)
