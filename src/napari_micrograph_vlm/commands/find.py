"""Finding more like an example, and comparing with a reference, in a shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MicrographError, QuestionError, RegionError
from .progress import stoppable

if TYPE_CHECKING:
    from ..finding.candidates import Candidate
    from ..finding.difference import Difference

__all__ = ["compare", "find"]

_Image = Annotated[Path, typer.Argument(help="A TIFF, PNG or JPEG file.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
_Model = Annotated[
    str | None, typer.Option("--model", help="A name from `models`, or a checkpoint folder.")
]
_Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]


def find(
    image: _Image,
    like: Annotated[
        list[str],
        typer.Option(
            "--like", help="An example: y0,x0,y1,x1 in pixels; may be given several times."
        ),
    ],
    unlike: Annotated[
        list[str] | None,
        typer.Option("--unlike", help="What looks like it and is something else."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--in", help="Look through this file or folder; the image by default."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many to print.")] = 20,
    as_json: _Json = False,
    model: _Model = None,
    device: _Device = "auto",
) -> None:
    """Find places that look like an example: in the image, another one or a folder."""
    from ..cli import parse_region

    _see_that_it_runs_here(model, "A model behind a server does not show what it sees")
    wanted, unwanted = ([parse_region(text) for text in each] for each in (like, unlike or ()))
    from ..finding.candidates import LEAST
    from ..finding.fields import Folder, field_of_file, fields_of

    where = field_of_file(image)
    fields = [where] if folder is None else fields_of(folder)
    for box in wanted:
        _inside(box, where.shape)
    from ..api import load_model
    from ..finding.similar import Search, examples_of, find_similar
    from ..models.base import eyes_of

    search = Search(
        eyes_of(load_model(model, device)),
        examples_of(where, wanted),
        examples_of(where, unwanted),
    )

    def tell(share: float, name: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{share:4.0%}  {name[:60]:<60}", end="", file=sys.stderr, flush=True)

    with stoppable("Stopped."):
        found = find_similar(search, fields, most=most, least=LEAST, on_progress=tell)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for sentence in fields.skipped if isinstance(fields, Folder) else ():
        print(f"Passed over: {sentence}", file=sys.stderr)
    if as_json:
        print(json.dumps([_row(each) for each in found], indent=1, ensure_ascii=False))
    elif not found:
        print("Nothing is alike.")
    else:
        for each in found:
            box_text = ",".join(map(str, each.box))
            print(f"{each.similarity:.3f}  {each.field.path or image}  {box_text}")


def compare(
    image: _Image,
    region: Annotated[str, typer.Option("--region", help="The suspect: y0,x0,y1,x1 in pixels.")],
    reference: Annotated[
        str, typer.Option("--reference", help="The good one: y0,x0,y1,x1 in pixels.")
    ],
    within: Annotated[
        Path | None,
        typer.Option("--in", help="File that the reference lies in; the image by default."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Save the difference as a float TIFF.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="Ask the model what changed.")] = True,
    as_json: _Json = False,
    model: _Model = None,
    device: _Device = "auto",
) -> None:
    """Compare a region with a good one: what differs, and what the model says of both."""
    from ..cli import parse_region

    if ask:
        _see_that_it_runs_here(
            model,
            "No model behind a server is asked what changed",
            ", or leave out the answer with --no-ask",
        )
    suspect_box, good_box = parse_region(region), parse_region(reference)
    if output is not None and output.suffix.lower() not in (".tif", ".tiff"):
        raise MicrographError(f"The difference is saved as a TIFF file, not as {output.name!r}.")
    from ..api import ask as ask_model
    from ..api import load_model
    from ..finding.difference import QUESTION
    from ..finding.difference import compare as compare_regions
    from ..planning import plan_of

    (suspect,) = plan_of(image, suspect_box)()
    (good,) = plan_of(image if within is None else within, good_box)()
    found = compare_regions(suspect, good)
    if output is not None:
        import tifffile

        try:
            tifffile.imwrite(output, found.values)
        except OSError as error:
            raise MicrographError(
                f"{output} cannot be written: {error.strerror or error}."
            ) from None
    answer = ""
    if ask:
        answer = str(ask_model([suspect, good], QUESTION, model=load_model(model, device)))
    if as_json:
        print(json.dumps(_difference(found, answer), indent=1, ensure_ascii=False))
        return
    print(found)
    if answer:
        print(answer)


def _see_that_it_runs_here(model: str | None, why: str, or_else: str = "") -> None:
    from ..models.consent import is_remote

    if is_remote(model):
        raise QuestionError(f"{why}; choose one that runs here{or_else}.")


def _inside(box: tuple[float, float, float, float], shape: tuple[int, int]) -> None:
    y0, x0, y1, x1 = box
    if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
        raise RegionError(
            f"The example {','.join(f'{n:g}' for n in box)} does not lie in the image, which has "
            f"{shape[0]} rows and {shape[1]} columns."
        )


def _row(candidate: Candidate) -> dict[str, Any]:
    path = candidate.field.path
    return {
        "file": None if path is None else str(path),
        "box": list(candidate.box),
        "similarity": round(candidate.similarity, 4),
    }


def _difference(found: Difference, answer: str) -> dict[str, Any]:
    length = found.shift_length
    return {
        "shift": list(found.shift),
        "shift_length": None if length is None else list(length),
        "unit": found.unit,
        "correlation": found.correlation,
        "overlap": found.overlap,
        "changed": found.changed,
        "noise": found.noise,
        "limits": list(found.limits),
        "answer": answer,
    }
