"""``napari-micrograph-vlm models``: which models there are, and bringing them here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ModelError

if TYPE_CHECKING:
    from ..models.catalog import CatalogEntry

__all__ = ["app"]

app = typer.Typer(help="List the models, download and remove them.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="A name from `models`.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that can be asked, and do something with one of them."""
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list")
def list_models(
    as_json: AsJson = False,
    here: Annotated[
        bool, typer.Option("--here", help="Only those that are on this computer.")
    ] = False,
) -> None:
    """List the models that can be asked."""
    from ..models.catalog import entries

    known = [entry for entry in entries() if entry.is_here or not here]
    if as_json:
        print(json.dumps([entry.to_dict() for entry in known]))
        return
    for entry in known:
        size = _count(entry)
        print(f"{entry.name} ({entry.status}): {entry.family}{', ' + size if size else ''}")
        print(f"    {entry.memory}; {entry.licence}")
        print(f"    good at {entry.good_at}")
        if entry.is_here:
            print(f"    {entry.path}")


@app.command()
def show(name: Name, as_json: AsJson = False, device: Device = "auto") -> None:
    """Tell all that is known of a model, and whether it fits into memory."""
    from ..models.catalog import describe

    entry = describe(name)
    if as_json:
        print(json.dumps(entry.to_dict()))
        return
    from ..models.devices import bits_of, choose_device
    from ..models.memory import free_memory, needed_bytes, readable_bytes, shortage

    link = f" ({entry.licence_link})" if entry.licence_link else ""
    print(f"{entry.name} ({entry.status}): {entry.family}")
    rows = {
        "size": _count(entry),
        "published as": entry.repo,
        "licence": entry.licence + link,
        "good at": entry.good_at,
        "loads": str(entry.loading),
        "note": entry.note,
        "download": f"about {readable_bytes(entry.download)}" if entry.download else "",
        "account": "the hub asks for one that agreed to the licence" if entry.gated else "",
        "folder": str(entry.path) if entry.is_here else "",
    }
    for title, value in rows.items():
        if value:
            print(f"    {title}: {value}")
    place = choose_device(device)
    bits, free = bits_of(place), free_memory(place)
    if entry.parameters:
        need = readable_bytes(needed_bytes(entry.parameters, bits))
        said = shortage(entry.parameters, bits, free)
        print(f"    memory: about {need} on {place} with {bits} bits, ", end="")
        print(f"{readable_bytes(free.free)} are free. {said}".rstrip())


@app.command()
def download(
    name: Annotated[
        str,
        typer.Argument(
            help="A name from `models`, or owner/name of any model on huggingface.co.",
            show_default=False,
        ),
    ],
    agree: Annotated[
        bool, typer.Option("--agree", help="Agree to the licence and the size without a question.")
    ] = False,
) -> None:
    """Download a model, after you have agreed to its licence.

    Only weights that cannot run code (safetensors) and the texts beside them are taken. Ctrl-C
    stops; finished files are kept.
    """
    from ..models import download as work
    from ..models.memory import readable_bytes

    entry = _described(name)
    offer = work.look_up(entry)
    licence = entry.licence
    if offer.licence and offer.licence.lower() not in licence.lower():
        licence = f"{licence} (the hub says {offer.licence})"
    print(f"{entry.name}, {entry.repo} on huggingface.co: {readable_bytes(offer.size)}")
    print(f"Licence: {licence}\n    {entry.licence_link}")
    if entry.note:
        print(entry.note)
    if not agree:
        if not sys.stdin.isatty():
            raise ModelError(f"Read the licence of {entry.name}, then add --agree to download it.")
        if not typer.confirm("Agree and download?", default=False):
            raise typer.Abort
    line = _Line()
    folder = work.download(entry, agreed=True, on_progress=line)
    line.end()
    print(folder)
    if entry.loading == "needs conversion":
        print(f"Next: napari-micrograph-vlm models convert {entry.name}")


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")] = False,
) -> None:
    """Delete a downloaded model from this computer, for every program that uses it."""
    from ..models.catalog import Status
    from ..models.download import remove as delete
    from ..models.memory import readable_bytes

    entry = _described(name)
    if entry.status not in (Status.BUNDLED, Status.LOCAL) and not yes:
        if not sys.stdin.isatty():
            raise ModelError(f"To delete {entry.name} for every program, add --yes.")
        if not typer.confirm(f"Delete {entry.name} from {entry.path}?", default=False):
            raise typer.Abort
    print(f"Removed {entry.name}; {readable_bytes(delete(entry))} are free again.")


@app.command()
def calibrate(
    name: Annotated[
        str | None, typer.Argument(help="A name from `models`, or a checkpoint folder.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Find out which layers of a model show best where it looks, and keep that for this user.

    On small synthetic micrographs whose defects are known.
    """
    from ..models.catalog import find

    find(name)  # a wrong name is told before torch is imported
    from ..api import load_model
    from ..attention.calibration import calibrate as measure

    line = _Line()
    done = measure(
        load_model(name, device), on_picture=lambda n, of: line.write(f"Picture {n} of {of}")
    )
    line.end()
    print(done)


@app.command()
def convert(name: Name) -> None:
    """Turn downloaded weights that are pickles into safetensors.

    The pickles are read in a process of its own which takes numbers only; nothing else opens one.
    """
    from ..models.catalog import converted_folder, describe
    from ..models.hub_cache import has_pickles

    entry = describe(name)
    if not has_pickles(entry.path):
        raise ModelError(
            f"There are no pickled weights of {entry.name} on this computer; "
            f"`napari-micrograph-vlm models show {entry.name}` says what it needs."
        )
    from ..models.convert import convert as rewrite

    line = _Line()
    target = rewrite(entry.path, converted_folder(entry.name), on_progress=line.write)
    line.end()
    print(target)


def _described(name: str) -> CatalogEntry:
    """Return a model of the catalog or any of the hub."""
    from ..models.catalog import describe, on_hub

    try:
        return describe(name)
    except ModelError:
        owner, slash, model = name.partition("/")
        if slash and owner.strip(". ") and model and "/" not in model and not Path(name).exists():
            return on_hub(name)
        raise


def _count(entry: CatalogEntry) -> str:
    count = entry.parameters
    if not count:
        return ""
    if count < 1e9:
        return f"{count / 1e6:.{1 if count < 1e8 else 0}f} million weights"
    return f"{count / 1e9:.1f} billion weights"


class _Line:
    """One line on stderr that says how far something is; only where somebody watches."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        self.write(f"{what}: {100 * done // max(total, 1)} % of {total / 1e9:.2f} GB")

    def write(self, text: str) -> None:
        """Show a text in place of the one before."""
        if self._shown and text != self._last:
            print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)
            self._last = text

    def end(self) -> None:
        """Go on below the line."""
        if self._shown:
            print(file=sys.stderr)
