"""``data fracture``, ``train-fracture`` and ``evaluate fracture``: stress and cracks of plates."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from ..errors import SourceError
from .progress import bar, file_errors, need, stoppable

__all__ = ["evaluate_fracture", "make_fracture", "train_fracture"]

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]

_STOPPED = "Stopped; the same command goes on from here."


@file_errors()
def make_fracture(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for the runs, their pictures and the conversations about them.",
            show_default=False,
        ),
    ],
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="How many plates; half a second each.")
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="Of the first plate; the next ones count on. Those from 9000000 to 19999999 are "
            "kept for the test.",
        ),
    ] = 1,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            help="Kind of plate, such as notch or foam; may be given several times, in turns. "
            "two_notches and honeycomb are to look at: no training takes them. [default: drawn]",
            show_default=False,
        ),
    ] = None,
    fields: Annotated[
        bool, typer.Option("--fields", help="Also draw the stress and the cracks in colours.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Pull simulated plates and ask for their stress, energy and cracks.

    Writes runs.jsonl with all numbers, images/ and chat/, which `fine-tune` takes;
    `train-fracture` takes the folder. Ctrl-C stops; the same command goes on.
    """
    need("tqdm")
    from ..datasets.fracture_folder import write_folder
    from ..simulation.plates import HELD_OUT, KEPT

    if seed < KEPT.stop and seed + runs > KEPT.start:
        raise SourceError(
            f"Seeds from {KEPT.start} to {KEPT.stop - 1} are kept for the test; choose others."
        )
    with stoppable(_STOPPED), bar(runs, "plates") as step:
        counts = write_folder(
            out, range(seed, seed + runs), tuple(family or ()), fields=fields, on_run=step
        )
    if as_json:
        print(json.dumps(counts))
        return
    print(
        f"{counts['plates']} plates in {out}: a crack starts in {counts['cracked']} before "
        f"2.5 % strain, and {counts['parted']} come apart."
    )
    if counts["held_out"]:
        print(
            f"{counts['held_out']} of them are kept for the test ({', '.join(HELD_OUT)}): they are "
            "to look at, no conversations are written about them, and no training takes them."
        )


@file_errors()
def train_fracture(
    data: Annotated[
        Path, typer.Argument(help="Folder that `data fracture` wrote.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Folder to save the student in.", show_default=False)
    ],
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="Folder for prepared pictures (0.2 MB each, two to a plate) and for what is "
            "needed to go on; by default OUTPUT-cache, beside OUTPUT.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option("--init", help="Student to begin with. [default: the bundled one]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Length of the training in steps.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.01, help="Longest time for the steps; fewer are made."),
    ] = None,
    turned: Annotated[
        bool,
        typer.Option("--turned/--as-they-are", help="Whether to learn plates turned by 180°, too."),
    ] = True,
    device: Device = "auto",
) -> None:
    """Teach the student to tell stress, energy and cracks of plates.

    Its frozen part looks at each picture once. Ctrl-C stops; the same command goes on.
    """
    from ..training.hardware import check_extra

    check_extra()
    from ..simulation.records import read_records, refuse_kept
    from ..training.fracture import recipe_for_plates, teach_plates
    from ..training.progress import Bars

    records = read_records(data)
    refuse_kept(records, str(data))
    recipe = recipe_for_plates()
    recipe = replace(recipe, steps=steps or recipe.steps, minutes=minutes)
    cache = cache or output.with_name(output.name + "-cache")
    total = len(records) * (2 if turned else 1)
    done = 0
    told = Bars()

    def on_picture() -> None:
        nonlocal done
        done += 1
        told.share("making pictures", done / total, f"{done} of {total}")

    started = perf_counter()
    try:
        with stoppable(_STOPPED):
            taught = teach_plates(
                records, output, cache, recipe=recipe, init=init, turned=turned, device=device,
                on_picture=on_picture,
                on_step=lambda share, note: told.share("training", share, note),
            )  # fmt: skip
    finally:
        told.close()
    took = (perf_counter() - started) / 60
    print(f"Saved to {output} after {taught.step} steps and {took:.1f} minutes.")


@file_errors()
def evaluate_fracture(
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for the test plates and the answers.", show_default=False
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="A name from `models`, or a checkpoint folder. [default: the student]"
        ),
    ] = None,
    learnt: Annotated[
        Path | None,
        typer.Option(
            "--learnt",
            help="Folder of the plates that the model was taught with: for the mean and for the "
            "ridge regression beside it.",
            show_default=False,
        ),
    ] = None,
    plates: Annotated[
        int, typer.Option("--plates", min=3, help="Test plates of known families.")
    ] = 200,
    new_families: Annotated[
        int, typer.Option("--new-families", min=0, help="Test plates of families held out.")
    ] = 100,
    held_out: Annotated[
        bool, typer.Option("--new-words", help="Ask in words that were not trained on.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where to write all figures.", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", help="Where to write the tables.", show_default=False),
    ] = None,
    device: Device = "auto",
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Pixels may go to the server that --model names."),
    ] = False,
) -> None:
    """Ask a model for stress, energy and cracks of plates it cannot have seen.

    Prints R² of each quantity and the share of right answers to whether a crack starts, each with
    its 95 % interval. Ctrl-C stops; the same command goes on.
    """
    from ..evaluation.fracture_run import FractureTest, table

    for target in (json_file, markdown):
        if target is not None and not target.resolve().parent.is_dir():
            raise SourceError(f"The folder of {target} does not exist; make it first.")
    test = FractureTest(out, plates, new_families, learnt, new_words=held_out)
    from ..api import load_model

    asked = load_model(model, device=device, allow_remote=allow_remote)
    with stoppable(_STOPPED):
        with bar(plates + new_families, "plates pulled") as step:
            test.simulate(step)
        with bar(plates + new_families, "plates asked") as step:
            scores = test.run(asked, step)
    text = table(scores)
    print(text)
    if test.skipped:
        print("\n".join(test.skipped), file=sys.stderr)
    if json_file is not None:
        figures = {group: [s.to_dict() for s in found] for group, found in scores.items()}
        json_file.write_text(json.dumps(figures, indent=1, allow_nan=True), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(text + "\n", encoding="utf-8")
