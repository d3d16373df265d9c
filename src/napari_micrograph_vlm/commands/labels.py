"""``napari-micrograph-vlm labels``: look at label sets, check and convert their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import QuestionError

__all__ = ["app"]

app = typer.Typer(help="Show, check and convert label sets.", invoke_without_command=True)

Name = Annotated[
    str,
    typer.Argument(help="A .json or .csv file, or a name from `labels`.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.callback()
def labels(context: typer.Context, as_json: AsJson = False) -> None:
    """List the label sets there are, and do something with one of them."""
    if context.invoked_subcommand is not None:
        return
    from ..labelling import PRESETS
    from ..labelling.kept import kept_sets, kept_sets_folder

    kept = kept_sets()
    known = {**PRESETS, **kept}
    if as_json:
        print(json.dumps([one.to_dict() for one in known.values()]))
        return
    for name, one in known.items():
        origin = f"your own, in {kept_sets_folder()}" if name in kept else "comes with the program"
        print(f"{name}: {len(one.classes)} classes; {origin}")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Print the classes of a label set and what they look like."""
    from ..labelling.kept import find_label_set

    found = find_label_set(name)
    if as_json:
        print(json.dumps(found.to_dict()))
        return
    print(found.name)
    for one in found.classes:
        print(f"  {one.name}: {one.sentence}" if one.sentence else f"  {one.name}")


@app.command()
def check(name: Name) -> None:
    """Say whether a label-set file can be used, and which classes lack a sentence."""
    from ..labelling.kept import find_label_set

    found = find_label_set(name)
    bare = [one.name for one in found.classes if not one.sentence]
    print(f"{found.name}: {len(found.classes)} classes, no mistakes.")
    if bare:
        some = ", ".join(bare[:10]) + (f" and {len(bare) - 10} more" if len(bare) > 10 else "")
        print(f"Without a sentence: {some}.")


@app.command()
def convert(
    name: Name,
    target: Annotated[
        Path, typer.Argument(help="The file to write, .json or .csv.", show_default=False)
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Write a label set to another file, as its name says in JSON or CSV."""
    from ..labelling.files import write_label_set
    from ..labelling.kept import find_label_set

    found = find_label_set(name)
    if target.exists() and not overwrite:
        raise QuestionError(f"{target} is there already; add --overwrite or choose another name.")
    write_label_set(found, target)
    print(f"{len(found.classes)} classes written to {target}")
