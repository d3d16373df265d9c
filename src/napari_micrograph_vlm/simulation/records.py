"""What runs gave, on disk: one line of JSON for each, from which its picture is drawn again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import SourceError
from .plates import FAMILIES, HELD_OUT, KEPT, Plate, draw_plate
from .runs import QUANTITIES, Run, simulate

__all__ = [
    "RUNS",
    "Record",
    "half_turned",
    "read_records",
    "refuse_kept",
    "run_many",
    "whole_lines",
]

RUNS = "runs.jsonl"
"""The file of a folder of runs."""

VERSION = 1
"""Goes up when the same seed gives other numbers or another plate."""


@dataclass(frozen=True)
class Record:
    """A run without its fields.

    Attributes
    ----------
    family, seed : str, int
        The plate, as :func:`.plates.draw_plate` draws it.
    width : float
        Of the plate in micrometres.
    starts, parted : bool
        Whether a crack starts before the end of the pull, and whether the plate came apart.
    numbers : dict of str to float or None
        As :attr:`.runs.Run.numbers`.
    turned : bool
        Whether the plate is turned by 180°: all numbers stay.
    """

    family: str
    seed: int
    width: float
    starts: bool
    parted: bool
    numbers: dict[str, float | None]
    turned: bool = False

    @classmethod
    def of(cls, run: Run) -> Record:
        """Return what is kept of a run."""
        numbers = {k: None if v is None else float(f"{v:.6g}") for k, v in run.numbers.items()}
        plate = run.plate
        crack = run.crack
        return cls(plate.family, plate.seed, plate.width, crack.started, crack.parted, numbers)

    @property
    def plate(self) -> Plate:
        """The plate, drawn again."""
        plate = draw_plate(self.seed, self.family)
        return replace(plate, turned=self.turned)

    @property
    def name(self) -> str:
        """A name that no other has."""
        return f"{self.family}-{self.seed}{'-turned' * self.turned}"


def half_turned(record: Record) -> Record:
    """Return a run turned by 180°, which has the same numbers.

    So it is with the lattice, too. A mirror would not do: the rows of the lattice are shifted
    against each other, so that a plate and its mirror image break a little differently.
    """
    return replace(record, turned=not record.turned)


def refuse_kept(records: Iterable[Record], where: str) -> None:
    """Raise a SourceError if any of the plates is kept for the test, by its kind or its seed."""
    for record in records:
        if record.family in HELD_OUT or record.seed in KEPT:
            raise SourceError(
                f"{where} holds the plate {record.name}, which is kept for the test (so are all "
                f"of {' and '.join(HELD_OUT)}, and seeds from {KEPT.start} to {KEPT.stop - 1}); "
                "nobody is to learn from it: make other plates with `napari-micrograph-vlm data "
                "fracture`."
            )


def run_many(
    folder: Path,
    wanted: Iterable[tuple[str | None, int]],
    *,
    on_run: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Simulate plates; those that the folder has already are not done again.

    Parameters
    ----------
    folder : Path
        Gets :data:`RUNS`, line by line.
    wanted : iterable of (family or None, seed)
        As :func:`.plates.draw_plate` takes them.
    on_run : callable, optional
        Called with each record, old ones too.

    Raises
    ------
    SourceError
        If the folder cannot be written, or its file is of another version.
    """
    found = []
    have = {(r.family, r.seed): r for r in _lines(folder)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / RUNS, "a", encoding="utf-8") as file:
            for family, seed in wanted:
                plate = draw_plate(seed, family)
                record = have.get((plate.family, seed))
                if record is None:
                    record = Record.of(simulate(plate))
                    values = asdict(record)
                    del values["turned"]
                    file.write(json.dumps({"version": VERSION, **values}) + "\n")
                    file.flush()
                found.append(record)
                if on_run is not None:
                    on_run(record)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    return found


def read_records(folder: Path) -> list[Record]:
    """Read all runs of a folder.

    Raises
    ------
    SourceError
        If there are none, or the file is of another version.
    """
    records = list(_lines(folder))
    if not records:
        raise SourceError(
            f"{folder} holds no simulated plates ({RUNS}); make them with "
            "`napari-micrograph-vlm data fracture`."
        )
    return records


def whole_lines(path: Path) -> list[bytes]:
    """Read the lines of a file that others are added to; none where there is no file.

    A last line that was stopped while it was written is cut off, in the file as well, so that the
    next one begins a line of its own.
    """
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        path.write_bytes(b"".join(lines))
    return lines


def _lines(folder: Path) -> Iterator[Record]:
    path = folder / RUNS
    for number, line in enumerate(whole_lines(path), 1):
        try:
            values = json.loads(line)
            version = values.pop("version")
            for old in ("mirrored", "upside_down"):  # written before, always false
                values.pop(old, None)
            record = Record(**values)
            known = record.numbers.keys() == QUANTITIES.keys()
            known = known and record.family in FAMILIES | HELD_OUT
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SourceError(f"Line {number} of {path} is no run; remove the line.") from None
        if version != VERSION or not known:
            raise SourceError(
                f"{path} was written by another version of this program; choose an empty folder."
            )
        yield record
