"""A user's own label sets, remembered on this computer."""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from platformdirs import user_data_dir

from ..errors import QuestionError
from .files import is_label_set_file, read_label_set, write_label_set
from .label_sets import LabelSet, fold
from .presets import PRESETS

__all__ = ["find_label_set", "forget", "keep", "kept_sets", "kept_sets_folder", "learnt_folder"]


def kept_sets_folder() -> Path:
    """Return where label sets are remembered; it need not exist yet."""
    return Path(user_data_dir("napari-micrograph-vlm")) / "label-sets"


def kept_sets(folder: Path | None = None) -> dict[str, LabelSet]:
    """Return what is remembered, by name; a broken file is left out.

    Parameters
    ----------
    folder : Path, optional
        Default: :func:`kept_sets_folder`.
    """
    found: dict[str, LabelSet] = {}
    for path in sorted((folder or kept_sets_folder()).glob("*.json")):
        with suppress(QuestionError):
            one = read_label_set(path)
            found[one.name] = one
    return dict(sorted(found.items(), key=lambda item: fold(item[0])))


def keep(label_set: LabelSet, folder: Path | None = None) -> Path:
    """Remember a label set in place of one of the same name; return its file.

    Raises
    ------
    QuestionError
        If the folder cannot be written to.
    """
    path = _file_of(label_set.name, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QuestionError(
            f"The label set could not be kept in {path.parent} ({error.strerror or error}); "
            "export it to a folder of your own."
        ) from None
    write_label_set(label_set, path)
    return path


def forget(name: str, folder: Path | None = None) -> bool:
    """Remove a remembered label set; return whether there was one.

    Raises
    ------
    QuestionError
        If it cannot be removed.
    """
    path = _file_of(name, folder)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise QuestionError(
            f"The label set {name} could not be removed ({error.strerror or error})."
        ) from None
    return True


def find_label_set(text: str, folder: Path | None = None) -> LabelSet:
    """Return the label set of a file, or one of the presets and those remembered, by its name.

    Raises
    ------
    QuestionError
        If there is none, or the file cannot be read.
    """
    if is_label_set_file(text):
        return read_label_set(text.strip())
    known = {**PRESETS, **kept_sets(folder)}
    for name, one in known.items():
        if fold(name) == fold(text):
            return one
    raise QuestionError(
        f"There is no label set {text!r}; give a .json or .csv file, or one of: {', '.join(known)}."
    )


def learnt_folder(label_set: LabelSet, folder: Path | None = None) -> Path:
    """Return where what was learnt of a label set is saved: beside its file."""
    return _file_of(label_set.name, folder).with_suffix(".learnt")


def _file_of(name: str, folder: Path | None) -> Path:
    # The digest tells names apart that look the same once they are safe to be a file's name.
    folded = fold(name)
    safe = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40] or "set"
    digest = blake2b(folded.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return (folder or kept_sets_folder()) / f"{safe}-{digest}.json"
