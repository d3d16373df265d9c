"""``napari-micrograph-vlm batch``: many pictures, slices and tiles, with a journal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import QuestionError
from .progress import bar, name_skipped, stoppable

if TYPE_CHECKING:
    from ..labelling.label_sets import LabelSet
    from ..models.base import Model
    from ..runs.findings import Finding, Run
    from ..runs.journal import Journal
    from ..runs.progress import Progress

__all__ = ["batch"]


def batch(
    path: Annotated[
        Path, typer.Argument(help="A folder of pictures, or one file.", show_default=False)
    ],
    pattern: Annotated[
        str, typer.Option("--pattern", help="Which files of the folder, such as '**/*.tif'.")
    ] = "**/*",
    tiles: Annotated[
        int | None,
        typer.Option("--tiles", help="Cut pictures into tiles of so many pixels a side."),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            "--overlap",
            help="Pixels that neighbouring tiles share. [default: an eighth of the side]",
        ),
    ] = None,
    axis: Annotated[
        int | None,
        typer.Option("--axis", help="Go through one file slice by slice along this axis."),
    ] = None,
    include_bar: Annotated[
        bool,
        typer.Option(
            "--include-bar", help="Let the model see the information bars of pictures, too."
        ),
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="Class names, separated by commas, or a label-set file."),
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option("--question", help="Asked about every picture; may be given several times."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            help="File that every answer is written to, and gone on with after a stop. "
            "[default: beside PATH]",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Write a table: .csv, .json or .parquet."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A name from `models`, a checkpoint folder, or a server's address#model.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0, max=1, help="Less probable than this is unknown."),
    ] = 0.0,
    again: Annotated[
        bool, typer.Option("--again", help="Look again at what was skipped in an earlier run.")
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Pixels may go to the server that --model names."),
    ] = False,
    learnt: Annotated[
        Path | None,
        typer.Option("--learnt", help="Folder of classes that were learnt from your own labels."),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure what is found: what the first answer is about, or else the class.",
        ),
    ] = False,
    cite: Annotated[
        Path | None,
        typer.Option("--cite", help="Index of captioned figures: name those most alike, too."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Address of a dask scheduler: tls://host:8786."),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="The scheduler may be on another computer without encryption."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Share the work among so many processes here."),
    ] = None,
) -> None:
    """Classify every picture of a folder, ask about each, or both; go on after a stop."""
    from ..runs.calls import beside, learnt_classes
    from ..runs.choosing import source_of, tiles_of
    from ..runs.items import Task

    if table is not None:
        from ..reporting.table import check_table

        check_table(table)
    asked = tuple(text for text in question or () if text.strip())
    label_set = _label_set(labels)
    if label_set is None and learnt is None and not asked:
        raise QuestionError("There is nothing to ask: give --labels, --question, or both.")
    if cite is not None and (scheduler is not None or workers is not None):
        raise QuestionError("Figures are cited by one process; leave out --workers, or --cite.")
    source = source_of(
        path,
        pattern=pattern,
        tiles=tiles_of(tiles, overlap),
        axis=axis,
        include_bar=include_bar,
    )
    if label_set is None and learnt is not None:
        label_set = learnt_classes(learnt)
    first = beside(path) if journal is None else journal
    task = Task(asked, label_set, threshold, measure=measure)
    books: list[Path] = []

    def opened(run: Run) -> Journal:
        book = _journal(first, journal is not None, run)
        books.append(_needed(book.path))
        if again and (number := book.forget()):
            print(f"{number} that were skipped are looked at again.", file=sys.stderr)
        return book

    with stoppable("Stopped; the same command goes on where this ended."), _bar() as shown:
        if scheduler is not None or workers is not None:
            from ..runs.spread import run_spread

            done = run_spread(
                source,
                task,
                model,
                opened,
                scheduler=scheduler,
                insecure=insecure,
                workers=workers or 2,
                device=device,
                learnt=learnt,
                **shown,
            )
        else:
            from ..runs.run import run_batch, run_of

            loaded = _load(model, device, allow_remote, learnt, label_set)
            if cite is not None:
                from ..retrieval.citing import CitingModel, index_of

                loaded = CitingModel(loaded, index_of(cite, device))
            with opened(run_of(source, task, loaded)) as book:
                done = run_batch(source, task, loaded, book, **shown)
    _tell(books[-1], done, table)


def _label_set(labels: str | None) -> LabelSet | None:
    if labels is None:
        return None
    from ..labelling.files import label_set_from_text

    return label_set_from_text(labels)


def _load(
    model: str | None,
    device: str,
    allow_remote: bool,
    learnt: Path | None,
    label_set: LabelSet | None,
) -> Model:
    """Load the model, with what was learnt; of one behind a server, say where pixels go."""
    from ..api import load_model
    from ..models.consent import is_remote

    if is_remote(model):
        loaded = load_model(model, allow_remote=allow_remote)
        print(f"Pixels go to {loaded.device}.", file=sys.stderr)
    else:
        loaded = load_model(model, device)
    if learnt is None:
        return loaded
    from ..labelling.learnt_model import LearntModel

    return LearntModel.load(learnt, loaded, label_set)


def _journal(journal: Path, named: bool, run: Run) -> Journal:
    """Open the journal that was named, or the next one beside the pictures; say which."""
    from ..runs.calls import next_journal
    from ..runs.journal import Journal

    said = ""
    if not named:
        journal, said = next_journal(journal, run)
    book = Journal.create(journal, run)
    if said:
        print(said, file=sys.stderr)
    if book.resumed and len(book):
        print(f"Going on with {book.path}, which holds {len(book)}.", file=sys.stderr)
    return book


def _needed(path: Path | None) -> Path:
    assert path is not None  # only a journal in memory has none
    return path


@contextmanager
def _bar() -> Iterator[dict[str, Any]]:
    """Show a progress bar once it is known how much there is to do; gives what moves it on."""
    with ExitStack() as stack:
        step: Any = None

        def on_progress(progress: Progress) -> None:
            nonlocal step
            if step is None:
                left = progress.total - progress.done - progress.skipped
                step = stack.enter_context(bar(left, "item"))

        def on_finding(_finding: Finding) -> None:
            if step is not None:
                step()

        yield {"on_progress": on_progress, "on_finding": on_finding}


def _tell(path: Path, done: Progress, table: Path | None) -> None:
    """Print what was found, and what was skipped and why; write the table."""
    from ..runs.findings import Status
    from ..runs.journal import Journal
    from ..runs.merge import counted_once
    from ..runs.tiles import NOTHING_TO_SEE

    classes: Counter[str] = Counter()
    broken = []
    with Journal.open(path) as journal:
        twice = counted_once(journal)
        for one in journal.findings(pictures=False):
            if one.status is Status.SKIPPED:
                if one.error != NOTHING_TO_SEE:
                    broken.append(f"{one.item.key}: {one.error}")
            elif one.final and one.item.key not in twice:
                classes[one.final] += 1
        line = f"{done.done} looked at, {len(broken)} skipped"
        if done.empty:
            line += f", {done.empty} empty tiles left out"
        if twice:
            line += f", {len(twice)} tiles saw what a neighbour saw"
        print(f"{line}; journal: {path}")
        for name, number in classes.most_common():
            print(f"{number:>7}  {name}")
        name_skipped(broken)
        if table is not None:
            from ..reporting.table import frame_of, write_table

            write_table(frame_of(journal, stands=twice), table)
            print(f"The table is {table}.")
