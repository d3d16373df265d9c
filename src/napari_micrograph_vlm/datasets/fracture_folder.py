"""A folder of pulled plates: numbers, pictures, and conversations to learn from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import SourceError
from ..simulation.pictures import field_picture, micrograph
from ..simulation.plates import FAMILIES, HELD_OUT
from ..simulation.records import Record, run_many
from ..simulation.runs import simulate
from ..whole_files import replacing
from .chat import write_chat
from .fracture import chat_examples

__all__ = ["CHAT", "IMAGES", "write_folder"]

IMAGES, FIELDS, CHAT = "images", "fields", "chat"
"""What lies in the folder beside the file of runs."""

_WHOLE = "runs.txt"
"""Names the plates of the conversations: written last."""

_FORM = "one question each"
"""Its first line: other conversations are written anew."""


def write_folder(
    folder: Path,
    seeds: Sequence[int],
    families: Sequence[str] = (),
    *,
    fields: bool = False,
    on_run: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Pull plates, draw them and write conversations; what is there is not made again.

    Parameters
    ----------
    folder : Path
        Gets ``runs.jsonl``, ``images/``, ``chat/`` and, with ``fields``, ``fields/``.
    seeds : sequence of int
        One for each plate.
    families : sequence of str
        Kinds of plates, in turns; empty: drawn from those to learn from.
    fields : bool
        Whether stress and cracks are drawn in colours.
    on_run : callable
        Called after each plate.

    Returns
    -------
    dict of str to int
        How many ``plates`` there are, and among them ``cracked`` and ``parted`` ones and those
        ``held_out``: conversations are about the others.

    Raises
    ------
    SourceError
        If there is no such family, or the folder cannot be written.
    """
    unknown = [name for name in families if name not in FAMILIES | HELD_OUT]
    if unknown:
        known = ", ".join(FAMILIES | HELD_OUT)
        raise SourceError(f"There is no kind of plate {unknown[0]!r}; there are {known}.")
    for name in (IMAGES, FIELDS) if fields else (IMAGES,):
        _make(folder / name)

    def draw(record: Record) -> None:
        picture = folder / IMAGES / f"{record.name}.png"
        if not picture.is_file():
            _save(picture, record, field=False)
        coloured = folder / FIELDS / f"{record.name}.png"
        if fields and not coloured.is_file():
            _save(coloured, record, field=True)
        on_run()

    wanted = [(families[i % len(families)] if families else None, s) for i, s in enumerate(seeds)]
    records = run_many(folder, wanted, on_run=draw)
    _write_chat(folder, [record for record in records if record.family not in HELD_OUT])
    return {
        "plates": len(records),
        "cracked": sum(record.starts for record in records),
        "parted": sum(record.parted for record in records),
        "held_out": sum(record.family in HELD_OUT for record in records),
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _save(path: Path, record: Record, *, field: bool) -> None:
    from PIL import Image

    pixels = field_picture(simulate(record.plate)) if field else micrograph(record.plate)
    with replacing(path) as part:
        Image.fromarray(pixels).save(part, "PNG")


def _write_chat(folder: Path, records: Sequence[Record]) -> None:
    """Write the conversations anew where they are not those of these plates."""
    names = "\n".join([_FORM, *(record.name for record in records)]) + "\n"
    done = folder / CHAT / _WHOLE
    if not records:
        shutil.rmtree(folder / CHAT, ignore_errors=True)
        return
    if done.is_file() and done.read_text(encoding="utf-8") == names:
        return
    part = folder / f".{CHAT}.part"
    shutil.rmtree(part, ignore_errors=True)
    write_chat(
        chat_examples(records), part, title="Stress and cracks of plates", licence="bsd-3-clause"
    )
    (part / _WHOLE).write_text(names, encoding="utf-8")
    shutil.rmtree(folder / CHAT, ignore_errors=True)
    part.rename(folder / CHAT)
