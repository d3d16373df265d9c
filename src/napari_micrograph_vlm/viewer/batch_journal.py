"""Where a run's journal lies, and what a run writes to."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_dir

if TYPE_CHECKING:
    from ..runs.findings import Run
    from ..runs.journal import Journal

__all__ = ["begin", "default_journal", "runs_folder"]

SUFFIX = ".journal"


def runs_folder() -> Path:
    """Return where journals lie that belong to no folder of pictures."""
    return Path(user_data_dir("napari-micrograph-vlm")) / "runs"


def default_journal(kind: str, name: str) -> Path:
    """Return where the journal of a run lies if the user chooses nothing else.

    Parameters
    ----------
    kind : str
        What is looked at, such as ``"shapes"``.
    name : str
        The image layer, or a folder: its journal lies beside it where that may be, as on the
        command line.
    """
    if kind != "folder":
        return runs_folder() / f"{_plain(name) or 'image'} {kind}{SUFFIX}"
    path = Path(name).expanduser().absolute()
    parent = path.parent
    if parent.is_dir() and os.access(parent, os.W_OK):
        return path.with_name(f"{path.name}{SUFFIX}")
    # Two folders of one name are two runs.
    digest = blake2b(str(path).encode("utf-8", "replace"), digest_size=3).hexdigest()
    return runs_folder() / f"{_plain(path.name) or 'run'} {digest}{SUFFIX}"


def begin(path: Path, run: Run) -> tuple[Journal, str]:
    """Open a run's journal to be written (in a worker).

    A file with the same run is gone on with. One with another run is left alone, and a new file
    beside it is taken.

    Returns
    -------
    Journal
        Its ``resumed`` says whether it is gone on with.
    str
        Why this is a new run where there was another; empty where there was none.

    Raises
    ------
    MicrographError
        If another run writes to the file, or it cannot be written.
    """
    from ..runs.calls import next_journal
    from ..runs.journal import Journal

    chosen, why = next_journal(path, run)
    return Journal.create(chosen, run), why


def _plain(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", name).strip(" ._")[:80]
