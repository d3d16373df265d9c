"""The folder of figure texts that was open last, remembered on this computer."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_dir

from ..datasets.papers.figure import FIGURES_FILE
from ..errors import SourceError
from ..whole_files import write_whole

__all__ = ["keep_folder", "last_folder"]


def last_folder() -> Path | None:
    """Return the folder that was open last; None: there was none, or it is gone."""
    with suppress(OSError, ValueError):
        kept = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(kept, str) and kept and (Path(kept) / FIGURES_FILE).is_file():
            return Path(kept)
    return None


def keep_folder(folder: Path) -> None:
    """Keep a folder, to be opened again with the panel; where that fails, it is open all the same.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl``.
    """
    file = _file()
    with suppress(OSError, SourceError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(str(folder.absolute())))


def _file() -> Path:
    return Path(user_data_dir("napari-micrograph-vlm")) / "figure-review-folder.json"
