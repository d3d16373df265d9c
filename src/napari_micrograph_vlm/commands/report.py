"""``napari-micrograph-vlm report``: what a run found, for people and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SourceError

__all__ = ["report"]


def report(
    journal: Annotated[
        Path, typer.Argument(help="The journal that a batch wrote.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="HTML file to write; by default beside the journal, unless only --table is given.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            help="Also, or only, write all items as a table; the name ends in .csv, .json or "
            ".parquet.",
            show_default=False,
        ),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="With a column for each class in the table."),
    ] = False,
    title: Annotated[
        str | None, typer.Option("--title", help="Heading of the report.", show_default=False)
    ] = None,
) -> None:
    """Write a batch's findings as one HTML file, or as a table. A batch may still be running."""
    if out is None and table is None:
        out = journal.with_suffix(".html")
    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise SourceError(f"{out.name} is no report's name; end it in .html.")
        from ..whole_files import check_folder

        check_folder(out)
    if table is not None:
        from ..reporting.table import check_table

        check_table(table)
    for each in (out, table):
        if each is not None and each.exists() and journal.exists() and each.samefile(journal):
            raise SourceError(f"{each} is the journal itself; give another name.")
    from ..runs.journal import Journal

    with Journal.open(journal) as recorded:
        if out is not None:
            from ..reporting.html import write_report

            write_report(recorded, out, title=title)
            print(out)
        if table is not None:
            from ..reporting.table import frame_of, write_table

            write_table(frame_of(recorded, probabilities=probabilities), table)
            print(table)
