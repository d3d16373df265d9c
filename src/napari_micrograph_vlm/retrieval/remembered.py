"""Indexes of figures that a user has chosen before, remembered on this computer."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_dir

from ..errors import SourceError
from ..whole_files import write_whole
from .storing import FILE

__all__ = ["chosen", "keep_chosen", "remember", "remembered"]

_MOST = 12


def remembered(file: Path | None = None) -> list[Path]:
    """Return the folders of indexes that are still there, the last chosen first."""
    found: list[Path] = []
    with suppress(OSError, ValueError):
        names = json.loads((file or _file()).read_text(encoding="utf-8"))
        found = [Path(name) for name in names if isinstance(name, str)]
    return [folder for folder in found if (folder / FILE).is_file()]


def remember(folder: Path, file: Path | None = None) -> None:
    """Put a folder first; where it cannot be kept, it is chosen for this session all the same."""
    file = file or _file()
    names = dict.fromkeys(str(one) for one in (folder.absolute(), *remembered(file)))
    with suppress(OSError, SourceError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(list(names)[:_MOST]))


def chosen() -> str:
    """Return the folder of the index that was chosen last; empty: none, or it is gone."""
    with suppress(OSError, ValueError):
        kept = json.loads(_chosen_file().read_text(encoding="utf-8"))
        if isinstance(kept, str) and kept and (Path(kept) / FILE).is_file():
            return kept
    return ""


def keep_chosen(folder: str) -> None:
    """Keep what is chosen, to be chosen again when the window opens; empty: none."""
    file = _chosen_file()
    with suppress(OSError, SourceError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(str(Path(folder).absolute()) if folder else ""))


def _chosen_file() -> Path:
    return _file().with_name("figure-index-chosen.json")


def _file() -> Path:
    return Path(user_data_dir("napari-micrograph-vlm")) / "figure-indexes.json"
