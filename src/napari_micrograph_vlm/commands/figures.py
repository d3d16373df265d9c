"""``napari-micrograph-vlm data figures``: figures and captions out of papers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .progress import bar, file_errors, name_skipped, stoppable

__all__ = ["figures"]


@file_errors()
def figures(
    papers: Annotated[
        list[Path],
        typer.Argument(
            help="PDF files, saved HTML pages, JATS XML files, or folders with them.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--out", help="Folder for the figures.", show_default=False)
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found and skipped as JSON.")
    ] = False,
) -> None:
    """Take the figures out of papers, each with its caption, page and parts.

    The folder gets the pictures (images/) and figures.jsonl, one line for each figure. Nothing is
    fetched from a network. After Ctrl-C run the same command to go on; papers that are finished are
    not read again, and new ones are added.
    """
    from ..datasets.papers.extract import extract_figures, papers_in

    found = papers_in(papers, output)
    stopped = f"Stopped; {output} keeps the papers that are done, run the same command to go on."
    with bar(len(found), "paper") as step, stoppable(stopped):
        result = extract_figures(papers, output, on_paper=lambda name, so_far: step(figures=so_far))
    if as_json:
        print(
            json.dumps(
                {
                    "folder": str(output),
                    "figures": result.figures,
                    "papers": result.papers,
                    "papers_before": result.before,
                    "skipped": result.skipped,
                },
                ensure_ascii=False,
            )
        )
        return
    name_skipped(result.skipped)
    verb = "was" if result.before == 1 else "were"
    before = f", {result.before} {verb} finished before" if result.before else ""
    count = "1 figure" if result.figures == 1 else f"{result.figures} figures"
    number = "1 paper" if result.papers == 1 else f"{result.papers} papers"
    print(f"{number} looked at{before}; {count}: {output}")
