"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from ._offline import forbid_network
from .commands import bar as information_bar
from .commands import batch as runs_batch
from .commands import cite as citing
from .commands import data, evaluate, fracture, merging, mixing, models, train
from .commands import find as finding
from .commands import fine_tune as fine_tuning
from .commands import labels as label_sets
from .commands import learn as learning
from .commands import report as reports
from .commands import structure as shapes
from .commands.telling import answer_text, classification_text
from .errors import MicrographError, QuestionError, RegionError

if TYPE_CHECKING:
    from .measuring.measurement import Measurement
    from .models.base import Model
    from .results import Answer, Classification

__all__ = ["app", "main"]

INTERRUPTED = 130
BAD_INPUT = 2

app = typer.Typer(
    name="napari-micrograph-vlm",
    help="Ask questions about electron micrographs and see where the model looked.",
    add_completion=False,
    # Else "[default: ...]" is taken for markup and vanishes.
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Image = Annotated[Path, typer.Argument(help="A TIFF, PNG or JPEG file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", help="A name from `models`, a checkpoint folder, or a server's address#model."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
IncludeBar = Annotated[
    bool,
    typer.Option("--include-bar", help="Let the model see the image's information bar, too."),
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Pixels may go to the server that --model names (http://host:8000/v1#model).",
    ),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those the process was started with.

    Raises
    ------
    SystemExit
        0 if all is well, 2 with one line on stderr for bad input, 130 after Ctrl-C.
    """
    # Only `models download`, which has a process of its own, may fetch, whatever a library would
    # like.
    forbid_network()
    # What it logs of a broken file, our one line says.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        code = app(
            list(sys.argv[1:] if arguments is None else arguments) or ["--help"],
            prog_name="napari-micrograph-vlm",
            standalone_mode=False,
        )
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except MicrographError as error:
        _fail(str(error))
    except Exception as error:
        # The parser's own complaints; typer has carried its own copy of click since 0.20.
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        _fail(explain())
    sys.exit(code or 0)


def _fail(sentence: str) -> None:
    print(" ".join(sentence.split()), file=sys.stderr)
    sys.exit(BAD_INPUT)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Take the options that go before a command."""


@app.command()
def demo(
    screenshot: Annotated[
        Path | None,
        typer.Option("--screenshot", help="Save a picture of the window as PNG and stop."),
    ] = None,
    headless: Annotated[
        bool,
        typer.Option("--headless", help="No window: print the answers, save overlay pictures."),
    ] = False,
) -> None:
    """Open the sample micrographs, ask about them and show where the model looked."""
    from ._window import window

    window().run_demo(screenshot, headless=headless)


@app.command()
def ask(
    image: Image,
    question: Annotated[str, typer.Argument(help="What to ask.", show_default=False)],
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            help="y0,x0,y1,x1 in pixels; the whole image by default. Give two to compare them.",
        ),
    ] = None,
    as_json: AsJson = False,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            help="Save where the model looked as a PNG picture; of two regions the second one's "
            "goes beside it.",
        ),
    ] = None,
    model: ModelName = None,
    device: Device = "auto",
    tiles: Annotated[
        bool | None,
        typer.Option(
            "--tiles/--no-tiles", help="Look in tiles at full detail. [default: if it is large]"
        ),
    ] = None,
    any_picture: Annotated[
        bool,
        typer.Option(
            "--any-picture", help="Answer even where the picture looks like no micrograph."
        ),
    ] = False,
    reasoned: Annotated[
        bool, typer.Option("--reasoned", help="Have the model write its steps first; slower.")
    ] = False,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames",
            help="Of a stack: how many frames, evenly chosen ('8 evenly'), or which: '3,8,20-40'.",
            show_default=False,
        ),
    ] = None,
    measured: Annotated[
        bool,
        typer.Option("--measure", help="Also measure what the answer is about: count and sizes."),
    ] = False,
    include_bar: IncludeBar = False,
    allow_remote: AllowRemote = False,
    cite: Annotated[
        Path | None,
        typer.Option("--cite", help="Index of captioned figures: cite the three most alike."),
    ] = None,
    send_captions: Annotated[
        bool, typer.Option("--send-captions", help="Their captions may go to the server, too.")
    ] = False,
) -> None:
    """Ask a question about a micrograph, a region of it, two to compare, or frames of a stack."""
    boxes = [parse_region(text) for text in region or ()]
    if overlay is not None:
        from .picture import check_target

        check_target(overlay)
    if not question.strip():
        raise QuestionError("The question is empty; write one.")
    from .api import ask as ask_model

    _check(image, model, stack=frames is not None)
    loaded: Any = _load(model, device, allow_remote)
    if hasattr(loaded, "check_pictures"):
        loaded.check_pictures = not any_picture
    if reasoned:
        from .models.reasoning import ReasonedModel

        loaded = ReasonedModel(loaded)
    figures = None
    if cite is not None:
        from .retrieval.citing import index_of

        figures = index_of(cite, device)
    answer: Answer = ask_model(  # type: ignore[assignment]
        image,
        question,
        boxes or None,
        loaded,
        tiled=tiles,
        include_bar=include_bar,
        frames=frames,
        cite=figures,
        send_captions=send_captions,
    )
    if overlay is not None:
        from .picture import save_overlay

        for i, (where, looked) in enumerate(zip(answer.regions, answer.attention, strict=True)):
            name = overlay.name if i == 0 else f"{overlay.stem}-{i + 1}{overlay.suffix}"
            save_overlay(overlay.with_name(name), where, looked)
    sizes = _sizes(answer) if measured else []
    if as_json:
        found = {**answer.to_dict(), "measured": [one.to_dict() for one in sizes]}
        print(json.dumps(found if measured else answer.to_dict(), ensure_ascii=False))
    else:
        print("\n".join([answer_text(answer), *_sizes_text(sizes)]))


def _sizes(answer: Answer) -> list[Measurement]:
    from .measuring.measurement import measure

    return [measure(answer, index) for index in range(len(answer.regions))]


def _sizes_text(sizes: list[Measurement]) -> list[str]:
    from .measuring.wording import summary_of

    return [summary_of(sizes)] if sizes else []


@app.command()
def classify(
    image: Image,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="Class names, separated by commas, or a label-set file (.json or .csv).",
            show_default=False,
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", help="y0,x0,y1,x1 in pixels; may be given several times."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many classes to print.")] = 5,
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0, max=1, help="Less probable than this is unknown."),
    ] = 0.0,
    as_json: AsJson = False,
    model: ModelName = None,
    device: Device = "auto",
    include_bar: IncludeBar = False,
    allow_remote: AllowRemote = False,
    learnt: Annotated[
        Path | None,
        typer.Option("--learnt", help="Folder that `learn` wrote; --labels is then not needed."),
    ] = None,
) -> None:
    """Give a micrograph, or regions of it, a probability for each class name."""
    from .labelling.files import label_set_from_text

    if labels is None and learnt is None:
        raise QuestionError("Name the classes with --labels, or what was learnt with --learnt.")
    label_set = None if labels is None else label_set_from_text(labels)
    boxes = [parse_region(text) for text in region or ()]
    from .api import classify as classify_with

    _check(image, model)
    loaded = _load(model, device, allow_remote)
    if learnt is not None:
        from .labelling.learnt_model import LearntModel

        taught = LearntModel.load(learnt, loaded, label_set)
        loaded, label_set = taught, label_set or taught.learnt.label_set
    assert label_set is not None
    result: Classification = classify_with(  # type: ignore[assignment]
        image, label_set, boxes or None, loaded, threshold=threshold, include_bar=include_bar
    )
    print(result.to_json() if as_json else classification_text(result, top))


app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")
app.add_typer(label_sets.app, name="labels")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(merging.app, name="merge")
app.add_typer(mixing.app, name="mix")
app.add_typer(citing.app, name="figures")
app.command()(train.train)
app.command("train-fracture")(fracture.train_fracture)
app.command()(fine_tuning.fine_tune)
app.command()(learning.learn)
app.command()(runs_batch.batch)
app.command()(reports.report)
app.command()(finding.find)
app.command()(finding.compare)
app.command()(information_bar.bar)
app.command()(shapes.structure)


def parse_region(text: str) -> tuple[float, float, float, float]:
    """Read ``y0,x0,y1,x1``.

    Raises
    ------
    RegionError
        If the text is not four finite numbers.
    """
    try:
        y0, x0, y1, x1 = (float(part) for part in text.split(","))
    except ValueError:
        y0 = x0 = y1 = x1 = math.nan
    if not all(map(math.isfinite, (y0, x0, y1, x1))):
        raise RegionError(
            f"A region is four numbers y0,x0,y1,x1, such as 10,20,110,220, not {text!r}."
        )
    return y0, x0, y1, x1


def _check(image: Path, model: str | None, *, stack: bool = False) -> None:
    """Complain of a wrong file or model before torch is imported; ``stack``: all of it counts."""
    from .models.catalog import find
    from .models.consent import is_remote
    from .readers import read_micrograph

    if not is_remote(model):
        find(model)
    if stack and image.is_dir():
        return
    pages = 1 if stack else read_micrograph(image, 0).pages
    if pages > 1:
        print(f"{image} holds {pages} pictures; this is about the first.", file=sys.stderr)


def _load(model: str | None, device: str, allow_remote: bool) -> Model:
    """Load a model; of one behind a server, say where pixels go."""
    from .api import load_model
    from .models.consent import is_remote

    if not is_remote(model):
        return load_model(model, device)
    loaded = load_model(model, allow_remote=allow_remote)
    print(f"Pixels go to {loaded.device}.", file=sys.stderr)
    return loaded
