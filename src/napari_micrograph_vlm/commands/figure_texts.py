"""``data review`` and ``data chat``: what a person says of figure texts, and a dataset of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MicrographError
from .progress import bar, file_errors, name_skipped, need, stoppable
from .refine import AsJson, Folder, refine

if TYPE_CHECKING:
    from ..datasets.papers.review import Review

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add ``refine``, ``review`` and ``chat``."""
    for command in (refine, review, chat):
        app.command()(file_errors()(command))


def review(
    folder: Folder,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="About so many texts, drawn by chance. [default: 60]"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All texts on the sheet.")] = False,
    verdicts: Annotated[
        Path | None,
        typer.Option("--verdicts", help="Keep the verdicts.json that a review sheet saved."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The sheet. [default: review.html in the folder]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another sample.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a person accept, reject or correct the texts about figures.

    Writes a sheet for the browser; read its verdicts back with --verdicts verdicts.json. They are
    kept in verdicts.jsonl, and `data chat` leaves out what was rejected. The panel "Review figure
    texts" of the window works on the same file.
    """
    from ..datasets.papers.review import Review
    from ..datasets.papers.review_sheet import draw_sample, write_review_sheet

    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise MicrographError(f"{output} is no name of a web page; give one that ends in .html.")
    texts = Review(folder)
    skipped = list(texts.broken)
    said: dict[str, Any] = {}
    if verdicts is not None:
        taken = texts.take(verdicts)
        said = taken._asdict()
        if not as_json:
            print(f"{taken.new} verdicts are new or changed: {texts.file}")
            if taken.gone:
                print(f"{taken.gone} are about texts that are not there any more.", file=sys.stderr)
            if taken.moved:
                print(
                    f"{taken.moved} are not taken: other verdicts were kept since this sheet was "
                    "written; make a new sheet to see them.",
                    file=sys.stderr,
                )
    if verdicts is None or sample is not None or everything:
        drawn = draw_sample(texts, None if everything else sample or 60, seed)
        if not drawn:
            raise MicrographError(f"No text of {folder} passed the checks: nothing to review.")
        sheet = output or folder / "review.html"
        skipped += write_review_sheet(sheet, texts, drawn)
        said |= {"sheet": str(sheet), "texts": len(drawn)}
        if not as_json:
            print(f"Texts to review: {len(drawn)}; open this in a browser: {sheet}")
    if as_json:
        print(json.dumps({**said, "skipped": skipped, "kinds": _tallies(texts)}))
        return
    name_skipped(skipped)
    if any(tally.judged for tally in texts.tallies()):
        print("What was said of the texts, with 95 % intervals:")
        for tally in texts.tallies():
            print(f"  {tally.line()}")


def chat(
    folder: Folder,
    output: Annotated[
        Path, typer.Option("--output", help="New folder for the dataset.", show_default=False)
    ],
    accepted: Annotated[
        bool, typer.Option("--accepted", help="Only what a person accepted.")
    ] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="description, reasoning or question; may be given several times. [default: all]",
        ),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "--picture",
            help="Only of such pictures: micrograph, photograph, chart, drawing, several or other; "
            "may be given several times. [default: all]",
        ),
    ] = None,
    captions: Annotated[
        str,
        typer.Option(
            "--captions",
            help="When a question comes with the caption: needed (where the answer rests on it "
            "alone), never, or always.",
        ),
    ] = "needed",
    together: Annotated[
        bool, typer.Option("--together", help="One conversation a figure, not one a text.")
    ] = False,
    title: Annotated[str, typer.Option("--title", help="For the card.")] = "Figures of papers",
    licence: Annotated[
        str, typer.Option("--licence", help="For the card, such as cc-by-4.0.")
    ] = "other",
    as_json: AsJson = False,
) -> None:
    """Write the texts about figures as conversations to fine-tune a model on.

    A Hugging Face dataset in the chat form; datasets.load_dataset(FOLDER) opens it without a
    network. Rejected texts are left out; the figures of one paper are in one split only.
    """
    need("datasets")
    from ..datasets.chat import write_chat
    from ..datasets.export import check_output
    from ..datasets.papers.refined import KINDS
    from ..datasets.papers.review import Review
    from ..datasets.papers.to_chat import CAPTIONS, chat_examples, chosen_texts
    from ..datasets.papers.written import PICTURES

    check_output(output)
    _among(captions, CAPTIONS)
    for word in kind or ():
        _among(word, KINDS)
    for word in picture or ():
        _among(word, PICTURES)
    texts = Review(folder)
    chosen = chosen_texts(
        texts, accepted=accepted, kinds=tuple(kind or KINDS), pictures=tuple(picture or ())
    )
    skipped = list(texts.broken)
    total = len({(one.figure.id, one.panel) for one in chosen}) if together else len(chosen)
    stopped = f"Stopped; {output} was not written, run the same command again."
    with bar(total, "conversation") as step, stoppable(stopped):
        examples = chat_examples(
            texts, chosen, captions=captions, together=together, skipped=skipped
        )

        def counted() -> Any:
            for example in examples:
                yield example
                step()

        counts = write_chat(counted(), output, title=title, licence=licence)
    if as_json:
        print(json.dumps({"output": str(output), **counts, "skipped": skipped}))
        return
    name_skipped(skipped)
    print(
        f"Conversations to train with: {counts['train']}, to validate: {counts['validation']}, "
        f"to test: {counts['test']}; in {output}"
    )


def _tallies(review: Review) -> list[dict[str, Any]]:
    return [{**vars(one), "interval": one.interval} for one in review.tallies()]


def _among(word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise MicrographError(f"{word!r} is none of {', '.join(known)}.")
