"""``napari-micrograph-vlm figures``: an index of captioned figures, and a search among them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MicrographError, QuestionError
from .progress import bar, file_errors, name_skipped, stoppable

if TYPE_CHECKING:
    from ..citations import Citation
    from ..results import Answer
    from ..retrieval.index import FigureIndex

__all__ = ["app", "sources_text"]

app = typer.Typer(help="Make an index of captioned figures, and search among them.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
_Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]


@app.command("index")
def make_index(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that `data figures` wrote.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the index. [default: “index” in the first folder]"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A name from `models`, or a checkpoint folder."),
    ] = None,
    device: _Device = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Look at every figure anew, not only at new ones.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Look at all figures of folders, so that answers can cite those that are alike.

    The same command brings the index up to date, or goes on after a stop.
    """
    from ..models.consent import is_remote
    from ..retrieval.index import FigureIndex
    from ..retrieval.ranking import check_extra
    from ..retrieval.storing import DEFAULT, FILE

    check_extra()
    if is_remote(model):
        raise QuestionError(
            "A model behind a server does not show what it sees; choose one that runs here."
        )
    where = folders[0] / DEFAULT if out is None else out
    for folder in folders:
        if not folder.is_dir():
            raise MicrographError(f"There is no folder {folder}.")
    fresh = again or not (where / FILE).is_file()
    if fresh:
        index = FigureIndex.empty(model, device=device)
    else:
        index = FigureIndex.load(where, model, device=device)
    with (
        file_errors(),
        stoppable("Stopped; the same command goes on where this ended."),
        bar(_count(folders), "figures") as step,
    ):
        done = 0

        def tell(number: int, _all: int) -> None:
            nonlocal done
            for _ in range(number - done):
                step()
            done = number

        try:
            change = index.update(folders, on_figure=tell, on_some=lambda: index.save(where))
        finally:
            if index.entries:
                index.save(where)
    if not index.entries:
        why = f": {change.skipped[0]}" if change.skipped else "."
        raise MicrographError(f"There is no figure that can be looked at{why}")
    name_skipped(list(change.skipped))
    if as_json:
        facts = {"index": str(where), "figures": len(index), "model": index.made_by}
        print(json.dumps({**facts, **vars(change)}, ensure_ascii=False))
        return
    print(
        f"{len(index)} figures in {where}: {change.added} looked at, {change.kept} known before, "
        f"{change.gone} no longer there."
    )


@app.command()
def search(
    index: Annotated[
        Path,
        typer.Argument(
            help="Folder of an index, or the folder of figures it is in.", show_default=False
        ),
    ],
    text: Annotated[str, typer.Argument(help="Words to look for.", show_default=False)] = "",
    image: Annotated[
        Path | None, typer.Option("--image", help="Figures like this file.", show_default=False)
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="Of the image: y0,x0,y1,x1 in pixels.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many to print.")] = 3,
    device: _Device = "auto",
    as_json: _Json = False,
) -> None:
    """Find the figures that are like a picture, have some words in their caption, or both."""
    if image is None and not text.strip():
        raise QuestionError("Give words to look for, a picture with --image, or both.")
    if image is None and region is not None:
        raise QuestionError("A region is one of an image; name it with --image.")
    from ..retrieval.index import FigureIndex

    kept: FigureIndex = FigureIndex.load(index, device=device)
    if not kept.complete:
        print("This index is not complete; `figures index` goes on with it.", file=sys.stderr)
    regions = None
    if image is not None:
        from ..cli import parse_region
        from ..planning import plan_of

        regions = plan_of(image, None if region is None else parse_region(region))()
    with stoppable("Stopped."):
        found = kept.similar(regions, text, count)
    if as_json:
        print(json.dumps([one.to_dict() for one in found], ensure_ascii=False, indent=1))
    elif not found:
        print("No figure fits.")
    else:
        for one in found:
            print("\n".join(_lines(one)))


def sources_text(answer: Answer) -> list[str]:
    """Return an answer's figures a line each, and what of the answer is from them."""
    from ..citations import cited_lines

    if not answer.citations:
        return []
    told = any(one.told for one in answer.citations)
    if not told:
        head = "similar figures (the answer is from the image alone):"
    elif any(one.used for one in answer.citations):
        head = "sources (what bears no number is what the model says of the image):"
    else:
        head = "similar figures (the model was told their captions and took nothing from them):"
    return [head, *(f"  {line}" for line in cited_lines(answer.citations))]


def _count(folders: list[Path]) -> int:
    from ..datasets.papers.figure import read_figures

    return sum(len(read_figures(folder)) for folder in folders)


def _lines(one: Citation) -> list[str]:
    scores: dict[str, Any] = {"picture": one.image_score, "words": one.text_score}
    parts = [f"{name} {value:.2f}" for name, value in scores.items() if value == value]
    caption = " ".join(one.figure.caption.split())
    short = caption if len(caption) <= 160 else f"{caption[:159].rstrip()}…"
    return [f"{one.score:.3f}  {one.where}", f"       {', '.join(parts)}", f"       {short}"]
