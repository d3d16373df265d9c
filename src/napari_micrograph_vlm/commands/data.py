"""``napari-micrograph-vlm data``: make, teach, review and export training data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import MicrographError, SourceError
from . import figure_texts, fracture
from .figures import figures
from .progress import bar, file_errors, name_skipped, need, stoppable
from .teacher_options import Attempts, KeyVariable, MaxTokens, PriceIn, PriceOut, Side, Timeout
from .teaching import key_of, postfix, report, server_teacher

if TYPE_CHECKING:
    from ..datasets.teacher.base import Teacher

__all__ = ["app"]

app = typer.Typer(
    help="Make, label, review and export pictures to train a student on.",
    rich_markup_mode="markdown",
)


@app.command()
@file_errors()
def synthesize(
    output: Annotated[
        Path, typer.Option("--output", help="Folder for the pictures.", show_default=False)
    ],
    images: Annotated[
        int, typer.Option("--images", min=1, help="How many pictures.", show_default=False)
    ],
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="Of the first picture; the next ones count on; those from 9000000 to 19999999 are "
            "kept for the test. [default: 20000000]",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option("--size", min=64, max=1024, help="Rows and columns in pixels.")
    ] = 384,
    category: Annotated[
        list[str] | None,
        typer.Option(
            "--category", help="Such as particles; may be given several times. [default: all]"
        ),
    ] = None,
    defect: Annotated[
        list[str] | None,
        typer.Option(
            "--defect",
            help="Such as crack, or none; may be given several times. "
            "[default: any; none in about a third]",
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Pictures drawn at a time.")
    ] = 1,
) -> None:
    """Draw electron micrographs whose truth is known exactly.

    The folder gets the pictures (images/), a mask of the objects and one of the defects for each
    (masks/), and teacher_labels.jsonl with what is to be seen, questions and answers. Run the
    same command again after Ctrl-C to go on, or with more --images to draw more.
    """
    from ..datasets.synthetic_folder import FIRST_SEED, Drawing, draw_folder

    drawing = Drawing(size, tuple(category or ()), tuple(defect or ()))
    first = FIRST_SEED if seed is None else seed
    with bar(images, "picture") as step, stoppable("Stopped; run the same command to go on."):
        made = draw_folder(
            output, range(first, first + images), drawing, processes=processes, on_picture=step
        )
    print(f"{made} pictures drawn, {images - made} were there already: {output}")


@app.command()
@file_errors()
def teach(
    images: Annotated[
        list[Path],
        typer.Argument(help="Folders with pictures, or single pictures.", show_default=False),
    ],
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            help="Address of an OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio, "
            "...), such as http://127.0.0.1:8000/v1.",
        ),
    ] = None,
    local: Annotated[
        Path | None,
        typer.Option("--local", help="Folder of a vision-language model on this machine."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Name of the model on the server. [default: its only one]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="File of records. [default: teacher_labels.jsonl in the first folder]",
        ),
    ] = None,
    questions: Annotated[
        int, typer.Option("--questions", min=0, help="Questions to ask for about each picture.")
    ] = 6,
    once: Annotated[
        bool,
        typer.Option("--once", help="Ask only once: half the cost, and nothing is checked."),
    ] = False,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", min=0, max=2, help="How freely the second answers are written."
        ),
    ] = 0.7,
    group: Annotated[
        str,
        typer.Option(
            "--group",
            help="Pictures that belong together are all used for training or all for testing: "
            "image (each by itself), folder, or a regular expression for that part of the file "
            "name which they share.",
        ),
    ] = "image",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Label at most so many pictures now.")
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Pictures asked about at a time (server).")
    ] = 1,
    side: Side = 1024,
    timeout: Timeout = 120.0,
    attempts: Attempts = 5,
    max_tokens: MaxTokens = 1200,
    key_variable: KeyVariable = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree that the pictures leave this network.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="For --local: auto, cpu or cuda.")] = (
        "auto"
    ),
) -> None:
    """Let a large model describe your pictures and write questions and answers about them.

    Everything is asked twice in different words; only what agrees is kept, and nothing that known
    truth denies (masks, counts, synthetic pictures). Each finished picture is written at once:
    after Ctrl-C or a crash run the same command again to go on.
    """
    from threading import Event

    from ..datasets.labelled import LABELS_FILE
    from ..datasets.teacher.cost import Prices
    from ..datasets.teacher.journal import Journal
    from ..datasets.teacher.passes import Passes
    from ..datasets.teacher.pictures import find_pictures
    from ..datasets.teacher.run import Outcome
    from ..datasets.teacher.run import teach as teach_pictures

    need("tqdm")
    if (server is None) == (local is None):
        raise MicrographError("Give either --server with an address or --local with a folder.")
    first = images[0] if images[0].is_dir() else images[0].parent
    output = output or first / LABELS_FILE
    pictures = find_pictures(images, output.parent, group)
    journal = Journal(output)
    todo = [picture for picture in pictures if picture.name not in journal.done][:limit]
    for line in journal.broken:
        print(f"Passed over: {line}.", file=sys.stderr)
    there = len(pictures) - sum(picture.name not in journal.done for picture in pictures)
    if there:
        print(f"{there} of {len(pictures)} pictures are labelled already.", file=sys.stderr)
    prices, stop, outcome = Prices(price_in, price_out), Event(), Outcome()
    if todo:
        teacher: Teacher
        if server is not None:
            teacher = server_teacher(
                server, model, key_of(key_variable), timeout, attempts, max_tokens, stop, len(todo),
                yes,
            )  # fmt: skip
        else:
            from ..datasets.teacher.local import Local

            assert local is not None
            teacher, parallel = Local(local, device, max_tokens), 1
        passes = Passes(teacher, questions, not once, temperature, side)
        stopped = f"Stopped; {output} keeps what is done, run the same command to go on."
        try:
            with bar(len(todo), "picture") as step, stoppable(stopped):
                teach_pictures(
                    passes,
                    todo,
                    journal,
                    parallel=parallel,
                    outcome=outcome,
                    on_picture=lambda so_far: step(**postfix(so_far, prices)),
                    stop=stop,
                )
        finally:
            report(outcome, prices)
    print(f"{len(journal.done)} pictures are labelled: {output}")
    if journal.cost.calls > outcome.cost.calls:
        print(f"All runs together: {journal.cost.text(prices)}.")


@app.command()
@file_errors()
def export(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders with teacher_labels.jsonl.", show_default=False),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", help="New folder for the dataset.", show_default=False),
    ],
    title: Annotated[str, typer.Option("--title", help="For the card.")] = "Electron micrographs",
    licence: Annotated[
        str, typer.Option("--licence", help="Of the labels, for the card, such as cc-by-4.0.")
    ] = "other",
    synthetic: Annotated[
        int, typer.Option("--synthetic", min=0, help="Draw so many synthetic pictures besides.")
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Of the first of these. [default: 20000000]"),
    ] = None,
) -> None:
    """Write labelled folders as a Hugging Face dataset with a card.

    datasets.load_dataset(FOLDER) opens it without a network. Pictures of one group are in one
    split only, the same that training and evaluation use.
    """
    need("datasets")
    from contextlib import nullcontext
    from tempfile import TemporaryDirectory

    from ..datasets.export import check_output, export_folders
    from ..datasets.labelled import read_labelled
    from ..datasets.synthetic_folder import FIRST_SEED, Drawing, draw_folder

    chosen = list(folders or ())
    if not chosen and not synthetic:
        raise MicrographError("Give a labelled folder, or --synthetic with a number.")
    check_output(output)
    total = sum(len(read_labelled(folder).records) for folder in chosen)
    with TemporaryDirectory() if synthetic else nullcontext("") as drawn:
        if synthetic:
            first = FIRST_SEED if seed is None else seed
            chosen.append(Path(drawn, "synthetic"))
            with bar(synthetic, "picture drawn") as step:
                draw_folder(chosen[-1], range(first, first + synthetic), Drawing(), on_picture=step)
        with bar(total + synthetic, "picture") as step:
            made = export_folders(chosen, output, title=title, licence=licence, on_record=step)
    name_skipped(made.skipped)
    pictures = made.pictures
    print(f"{pictures['train']} pictures to train with, {pictures['test']} to test: {output}")


@app.command()
@file_errors()
def audit(
    folder: Annotated[
        Path, typer.Argument(help="A folder with teacher_labels.jsonl.", show_default=False)
    ],
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Write a review sheet with so many claims."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option("--verdicts", help="Keep the verdicts.json that a review sheet saved."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The review sheet. [default: audit.html in the folder]"),
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--kept", help="Where verdicts are kept. [default: audit.jsonl in the folder]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another sample.")] = 0,
) -> None:
    """Find out how often a teacher was wrong.

    First with --sample 100: open the review sheet in a browser, press 1, 2 or 3 for right, wrong
    or unsure, and save the verdicts. Then with --verdicts verdicts.json: prints the error rate for
    each kind of question. Counts of particles are compared with masks by themselves where the
    folder has them.
    """
    from ..datasets.audit.counts import check_counts
    from ..datasets.audit.verdicts import KEPT_FILE, error_rates, keep_verdicts, read_kept
    from ..datasets.labelled import read_labelled

    labelled = read_labelled(folder)
    kept = kept or labelled.folder / KEPT_FILE
    for line in labelled.broken:
        print(f"Passed over: {line}.", file=sys.stderr)
    if verdicts is not None:
        new = keep_verdicts(verdicts, kept)
        print(f"{new} verdicts are new or changed: {kept}")
    found = read_kept(kept)
    if sample is not None:
        from ..datasets.audit.claims import draw
        from ..datasets.audit.sheet import write_sheet

        claims = draw(labelled.records, sample, seed)
        if not claims:
            raise SourceError(f"{folder} holds no claim to review.")
        sheet = output or labelled.folder / "audit.html"
        name_skipped(write_sheet(sheet, labelled, claims, found))
        print(f"{len(claims)} claims to review; open this in a browser: {sheet}")
    if found:
        print("Error rate of the teacher, with 95 % intervals:")
        for rate in error_rates(found.values()):
            print(f"  {rate.text()}")
    check = check_counts(labelled)
    name_skipped(check.broken)
    for line in check.lines():
        print(line)


figure_texts.register(app)
app.command("fracture")(fracture.make_fracture)
app.command()(figures)
