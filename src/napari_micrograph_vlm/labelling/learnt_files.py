"""Keep what was learnt in a folder, as safetensors and JSON, and read it again."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, QuestionError, SourceError
from ..whole_files import file_error, replacing
from .files import read_label_set, write_label_set
from .fitting import Examples, fit_examples
from .heads import Settings
from .label_sets import LabelSet, fold
from .trial import Trial

if TYPE_CHECKING:
    from ..models.base import Model
    from .learning import Learnt

__all__ = ["LABEL_SET", "NUMBERS", "WORDS", "check_model", "is_learnt_folder", "load", "save"]

WORDS, NUMBERS, LABEL_SET = "learnt.json", "learnt.safetensors", "label-set.json"

_KIND, _VERSION = "learnt classes", 1
_BLOCK = "features "
_NAMED = "zero-shot"


def is_learnt_folder(folder: str | PathLike[str]) -> bool:
    """Whether something that was learnt lies in a folder."""
    return (Path(folder) / WORDS).is_file()


def check_model(name: str, revision: str, model: Model) -> None:
    """See that a model is the one that something was learnt with.

    Raises
    ------
    ModelError
        If it is another one, or other weights.
    """
    if name != model.name:
        raise ModelError(
            f"This was learnt with the model {name}, not with {model.name}, which sees in another "
            f"way; choose {name}, or learn again."
        )
    if revision != model.revision:
        raise ModelError(
            f"This was learnt with other weights of {name} ({revision}, now {model.revision}); "
            "learn again from the labelled regions."
        )


def save(learnt: Learnt, folder: str | PathLike[str]) -> None:
    """Write what was learnt; files are replaced only once all of them are written.

    Raises
    ------
    SourceError
        If the folder cannot be written to.
    """
    from safetensors.numpy import save as to_bytes

    folder = Path(folder)
    examples, settings = learnt.examples, learnt.fitted.head.settings
    tensors = {_BLOCK + name: block for name, block in examples.features.items()}
    tensors[_NAMED] = examples.zero_shot
    words = {
        "kind": _KIND,
        "version": _VERSION,
        "model": learnt.model,
        "revision": learnt.revision,
        "digest": learnt.digest,
        "label_set": learnt.label_set.to_dict(),
        "examples": [
            {"key": key, "class": int(place)}
            for key, place in zip(examples.keys, examples.truth, strict=True)
        ],
        "blocks": list(examples.features),
        "strength": settings.strength,
        "bend": settings.bend,
        "trial": learnt.trial.to_dict(),
    }
    plain = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    numbers = to_bytes(plain, metadata={"digest": learnt.digest})
    text = json.dumps(words, ensure_ascii=False, indent=1).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / NUMBERS) as numbers_file, replacing(folder / WORDS) as words_file:
            numbers_file.write_bytes(numbers)
            words_file.write_bytes(text)
        write_label_set(learnt.label_set, folder / LABEL_SET)
    except OSError as error:
        raise file_error(folder, error) from None


def load(folder: str | PathLike[str], model: Model, label_set: LabelSet | None = None) -> Learnt:
    """Read what was learnt; see :meth:`.learning.Learnt.load`."""
    from .learning import Learnt

    folder = Path(folder)
    words = _words(folder)
    try:
        if words["kind"] != _KIND or int(words["version"]) != _VERSION:
            raise SourceError(
                f"{folder / WORDS} was not written by this version of napari-micrograph-vlm; "
                "learn again from the labelled regions."
            )
        mine = LabelSet.from_dict(words["label_set"])
        name, revision = str(words["model"]), str(words["revision"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder / WORDS) if not isinstance(error, SourceError) else error from None
    check_model(name, revision, model)
    _check_classes(folder, mine, label_set)
    try:
        examples = _examples(folder, words, mine)
        settings = Settings(
            tuple(examples.features), float(words["strength"]), float(words["bend"])
        )
        trial = Trial.from_dict(words["trial"])
        if trial.names != mine.names or not settings.strength > 0 or not settings.bend >= 0:
            raise ValueError("trial and settings do not fit")
        learnt = Learnt(name, revision, mine, examples, fit_examples(examples, settings), trial)
        whole = learnt.digest == words["digest"]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError):
        raise _damaged(folder / NUMBERS) from None
    if not whole:
        raise _damaged(folder / NUMBERS)
    return learnt


def _words(folder: Path) -> dict[str, Any]:
    path = folder / WORDS
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(
            f"Nothing that was learnt lies in {folder}; choose a folder that 'learn' wrote."
        ) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}).") from None
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(words, dict):
        raise _damaged(path)
    return words


def _examples(folder: Path, words: dict[str, Any], label_set: LabelSet) -> Examples:
    """Read the numbers.

    Raises
    ------
    ValueError
        If they do not fit the words.
    """
    tensors = _tensors(folder / NUMBERS)
    truth = np.array([int(one["class"]) for one in words["examples"]], np.intp)
    classes, n = len(label_set.names), len(truth)
    features = {str(name): tensors[_BLOCK + str(name)] for name in words["blocks"]}
    named = tensors[_NAMED]
    if named.shape != (n, classes) or not features or not n:
        raise ValueError("the numbers do not fit the classes")
    for block in (*features.values(), named):
        if block.ndim != 2 or len(block) != n or block.dtype != np.float32:
            raise ValueError("the numbers do not fit the examples")
        if not np.isfinite(block).all():
            raise ValueError("some numbers are not finite")
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError("there are other classes")
    return Examples(tuple(str(one["key"]) for one in words["examples"]), truth, features, named)


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        return dict(from_bytes(path.read_bytes()))
    except FileNotFoundError:
        raise SourceError(
            f"The file {path.name} is missing in {path.parent}; copy both files of what was "
            "learnt, or learn again."
        ) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}).") from None
    except SafetensorError:
        raise _damaged(path) from None


def _check_classes(folder: Path, mine: LabelSet, wanted: LabelSet | None) -> None:
    """See that the classes are those wanted and those of the label set that lies beside."""
    beside = folder / LABEL_SET
    others = [(wanted, "those chosen")]
    if beside.is_file():
        others.append((read_label_set(beside), f"those of {LABEL_SET} beside it"))
    for other, which in others:
        if other is not None and sorted(map(fold, other.names)) != sorted(map(fold, mine.names)):
            raise QuestionError(
                f"What was learnt in {folder} knows the classes {', '.join(mine.names[:8])}"
                f"{', …' if len(mine.names) > 8 else ''}, and these are not {which}; "
                "learn again from the labelled regions."
            )


def _damaged(path: Path) -> SourceError:
    return SourceError(f"{path} is damaged; learn again from the labelled regions.")
