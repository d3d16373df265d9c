"""``napari-micrograph-vlm evaluate``: measure a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .fracture import evaluate_fracture

if TYPE_CHECKING:
    from ..evaluation.run import Evaluation

__all__ = ["app"]

TEST_SEED = 10_000_000
INTERRUPTED = 130

app = typer.Typer(help="Measure how well a model does.", invoke_without_command=True)

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]


@app.callback()
def evaluate(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A name from `models`, or a checkpoint folder; given several times, the models "
            "are also shown side by side. [default: the bundled student]",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=0, help="Synthetic pictures to ask about; 0: none.")
    ] = 400,
    first_seed: Annotated[
        int,
        typer.Option(
            "--first-seed",
            min=0,
            help="Seed of the first synthetic picture. `train` draws none up to 19999999; "
            "those from 20000000 on are drawn by `data synthesize`: not new to a model that you "
            "trained on them.",
        ),
    ] = TEST_SEED,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="A labelled folder; pictures of its test split are asked about too.",
            show_default=False,
        ),
    ] = None,
    photographs: Annotated[
        bool,
        typer.Option(
            "--photographs/--no-photographs",
            help="Whether to show it photographs, which it should refuse.",
        ),
    ] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where to write all figures.", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", help="Where to write the tables.", show_default=False),
    ] = None,
    card: Annotated[
        bool,
        typer.Option(
            "--card",
            help="Write the figures beside the weights and into their card; with at least 200 "
            "--images.",
        ),
    ] = False,
    device: Device = "auto",
    processes: Annotated[
        int,
        typer.Option("--processes", min=0, help="How many share the work; 0: one for each core."),
    ] = 0,
    reasoned: Annotated[
        bool,
        typer.Option(
            "--reasoned",
            help="Also measure each model with its steps written first, side by side with without.",
        ),
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Pixels may go to the servers that --model names."),
    ] = False,
) -> None:
    """Ask a model the questions of the test and print tables of how it did.

    The same questions for every model: about synthetic micrographs it cannot have seen, about
    photographs, and with --data about your own labelled pictures. Ctrl-C stops; what was measured
    by then is printed and written.
    """
    if context.invoked_subcommand is not None:
        return
    from ..errors import SourceError
    from ..models.catalog import find
    from ..models.consent import is_remote

    names = list(dict.fromkeys(model or [None]))  # type: ignore[list-item]
    # A wrong name is told before anything is loaded; a server has no folder.
    folders = [None if is_remote(name) else find(name).path for name in names]
    for target in (json_file, markdown):
        if target is not None and not target.resolve().parent.is_dir():
            raise SourceError(f"The folder of {target} does not exist; make it first.")
    if not images and not data and not photographs:
        raise SourceError("There is nothing to measure; give --images, --photographs or --data.")
    from ..evaluation.run import (
        CARD_IMAGES,
        compare_text,
        evaluate_named,
        is_student,
        write_beside_weights,
    )

    if card and images < CARD_IMAGES:
        raise SourceError(
            f"The model card takes figures of at least {CARD_IMAGES} synthetic pictures; give more "
            "--images, or leave out --card."
        )
    if card and not all(is_student(name) for name in names):
        raise SourceError("Only students of this package have a card; leave out --card.")
    done: dict[str, Evaluation] = {}
    carded, plain = [], ""
    for name, folder in zip(names, folders, strict=True):
        for steps in (False, True)[: 1 + reasoned]:
            measured = evaluate_named(
                name,
                device,
                processes=processes,
                images=images,
                first_seed=first_seed,
                data=tuple(data or ()),
                photographs=photographs,
                reasoned=steps,
                allow_remote=allow_remote,
            )
            plain = plain if steps else name or measured.model
            done[f"{plain}, step by step" if steps else plain] = measured
            if not measured.whole:
                break
            if card and folder is not None and not steps:
                write_beside_weights(measured, folder)
                carded.append(folder)
        if not measured.whole:
            break
    texts = [measured.to_markdown() for measured in done.values()]
    if len(done) > 1:
        texts.append("### Side by side\n\n" + compare_text(done))
    text = "\n\n".join(texts)
    typer.echo(text)
    if markdown is not None:
        markdown.write_text(text + "\n", encoding="utf-8")
    if json_file is not None:
        figures = [measured.to_json() for measured in done.values()]
        kept = figures[0] if len(figures) == 1 else "[" + ",\n".join(figures) + "]"
        json_file.write_text(kept + "\n", encoding="utf-8")
    if not all(measured.whole for measured in done.values()):
        if card:
            typer.echo(_uncarded([f for f in folders if f and f not in carded]), err=True)
        raise typer.Exit(INTERRUPTED)


def _uncarded(folders: list[Path]) -> str:
    """Say which cards were left as they were."""
    cards = ", ".join(str(folder / "README.md") for folder in folders)
    return f"Not written, since the measurement was stopped: {cards}."


@app.command()
def ablations(
    output: Annotated[
        Path,
        typer.Option("--output", help="Folder for the weights and the table.", show_default=False),
    ],
    images: Annotated[
        int, typer.Option("--images", min=1, help="Synthetic pictures to train on.")
    ] = 2_000,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each training.")] = 1_500,
    test_images: Annotated[
        int, typer.Option("--test-images", min=1, help="Synthetic pictures to ask about.")
    ] = 200,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="A labelled folder to train on besides; then also without it.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", help="Settings of the training, as of `train`.", show_default=False
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="Where pictures are kept. [default: in the output folder]",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Train small students, each without one part of the recipe, and compare them.

    Without the contrastive loss (ITC), the matching loss (ITM), the language loss (LM), the loss
    that teaches where to look (grounding), and, with --data, without real pictures. What was
    stopped goes on with the same command.
    """
    from ..evaluation.ablations import ablate
    from ..training.recipe import Recipe
    from .progress import stoppable

    with stoppable("Stopped; the same command goes on."):
        text = ablate(
            Recipe.read(recipe),
            output,
            images=images,
            steps=steps,
            test_images=test_images,
            data=tuple(data or ()),
            cache=cache,
            device=device,
        )
        typer.echo(text)


Written = Annotated[
    Path | None, typer.Option("--json", help="Where to write all figures.", show_default=False)
]
Kept = Annotated[
    Path | None,
    typer.Option(
        "--cache", help="Keep what the network saw here, to go on after Ctrl-C.", show_default=False
    ),
]


@app.command()
def elpv(
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of a student. [default: the bundled one]"),
    ] = None,
    json_file: Written = None,
    cache: Kept = None,
    device: Device = "auto",
) -> None:
    """Measure on a public benchmark of defective solar cells.

    2,624 cells, 300 pixels a side, from the package elpv-dataset: 75 % to learn from and 25 % to
    test, and 50 to learn from; beside the published accuracies. The student itself stays as it is.
    """
    from ..evaluation.elpv import main_figures, write_table
    from .progress import bar, file_errors, stoppable

    with stoppable("Stopped; with --cache the same command goes on."), file_errors():
        figures = main_figures(model, device, cache, bar)
        typer.echo(write_table(figures))
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@app.command()
def folds(
    data: Annotated[Path, typer.Option("--data", help="A labelled folder.", show_default=False)],
    synthetic: Annotated[
        int,
        typer.Option(
            "--synthetic", min=0, help="Synthetic pictures of each category to learn from besides."
        ),
    ] = 50,
    json_file: Written = None,
    cache: Kept = None,
    device: Device = "auto",
) -> None:
    """Measure how well the category of your own pictures can be learnt.

    Cross-validation in five parts, where pictures of one group (a paper, a specimen) are never in
    two of them. A small head learns on a network that has never seen a micrograph.
    """
    from ..evaluation.folds import main_figures, write_table
    from .progress import bar, file_errors, name_skipped, stoppable

    with stoppable("Stopped; with --cache the same command goes on."), file_errors():
        figures, skipped = main_figures(data, synthetic, device, cache, bar)
        name_skipped(skipped)
        typer.echo(write_table(figures))
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@app.command()
def specimens(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="A labelled folder with pictures and masks of cracks in `coating_cracks`.",
            show_default=False,
        ),
    ],
    init: Annotated[
        Path,
        typer.Option(
            "--init",
            help="A student trained without real pictures, such as `without-real-data` of "
            "`evaluate ablations`.",
            show_default=False,
        ),
    ],
    cache: Annotated[
        Path,
        typer.Option("--cache", help="Keep pictures and students here, to go on after Ctrl-C."),
    ],
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each fine-tuning.")] = 100,
    images: Annotated[
        int, typer.Option("--images", min=1, help="Synthetic pictures to learn from besides.")
    ] = 600,
    json_file: Written = None,
    device: Device = "auto",
) -> None:
    """Measure whether the overlay finds real cracks in specimens it has not seen.

    For each specimen a student is fine-tuned on all the others and asked where the cracks of this
    one are.
    """
    from ..evaluation.specimens import leave_one_out, table_of
    from .progress import file_errors, stoppable

    with stoppable("Stopped; the same command goes on."), file_errors():
        figures = leave_one_out(
            data, init, cache, steps=steps, images=images, device=device, say=typer.echo
        )
        typer.echo(table_of(figures))
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


app.command("fracture")(evaluate_fracture)
