"""Named lists of classes, each with a sentence that says what it looks like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ..errors import QuestionError

__all__ = [
    "NFFA_CATEGORIES",
    "SEMICONDUCTOR_DEFECTS",
    "LabelClass",
    "LabelSet",
    "check_labels",
    "label_set_of",
]

NFFA_CATEGORIES: tuple[str, ...] = (
    "biological",
    "fibres",
    "films and coated surfaces",
    "MEMS devices and electrodes",
    "nanowires",
    "particles",
    "patterned surfaces",
    "porous sponge",
    "powder",
    "tips",
)
"""The categories of the NFFA-Europe SEM data set (Aversa et al., Sci. Data 5, 180172, 2018)."""

SEMICONDUCTOR_DEFECTS: tuple[str, ...] = (
    "no defect",
    "bridge",
    "break",
    "necking",
    "missing hole",
    "pattern collapse",
    "particle",
    "residue",
    "scratch",
    "crack",
    "delamination",
    "pore",
    "blister",
    "inclusion",
    "micro-bridge",
    "closed hole",
    "void",
    "edge roughness",
)

_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


@dataclass(frozen=True)
class LabelClass:
    """One class.

    Attributes
    ----------
    name : str
        What it is called, such as ``"micro-bridge"``.
    sentence : str
        What it looks like; may be empty.
    """

    name: str
    sentence: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _clean(self.name))
        object.__setattr__(self, "sentence", _clean(self.sentence))


@dataclass(frozen=True)
class LabelSet:
    """A named list of classes.

    Attributes
    ----------
    name : str
        What the list is called.
    classes : tuple of LabelClass
        At least two, in the order they are listed in.

    Raises
    ------
    QuestionError
        If there are fewer than two classes, a name is empty, or two are the same but for case.
    """

    name: str
    classes: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _clean(self.name) or "classes")
        nameless = next((i for i, one in enumerate(self.classes, 1) if not one.name), None)
        if nameless is not None:
            raise QuestionError(f"Class {nameless} has no name; give it one, or remove it.")
        check_labels(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The class names."""
        return tuple(each.name for each in self.classes)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each class looks like; empty where nobody said."""
        return tuple(each.sentence for each in self.classes)

    @property
    def told(self) -> Sequence[str] | LabelSet:
        """What a model is given: the names alone where no class has a sentence."""
        return self if any(self.sentences) else self.names

    @property
    def digest(self) -> str:
        """Twelve characters that tell names and sentences from others."""
        said = repr([(each.name, each.sentence) for each in self.classes])
        return blake2b(said.encode("utf-8", "replace"), digest_size=6).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        classes = [{"name": each.name, "sentence": each.sentence} for each in self.classes]
        return {"name": self.name, "classes": classes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelSet:
        """Make it from what :meth:`to_dict` gave."""
        classes = [LabelClass(one["name"], one.get("sentence", "")) for one in values["classes"]]
        return cls(values["name"], tuple(classes))


def label_set_of(labels: Sequence[str] | LabelSet, name: str = "classes") -> LabelSet:
    """Return class names as a label set; a label set as it is.

    Raises
    ------
    QuestionError
        As for :func:`check_labels`.
    """
    if isinstance(labels, LabelSet):
        return labels
    return LabelSet(name, tuple(map(LabelClass, check_labels(labels))))


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Strip class names and see that they can be told apart.

    Raises
    ------
    QuestionError
        If there are fewer than two names, or two are the same but for case.
    """
    if isinstance(labels, str):
        raise QuestionError("Class names are a list, such as ['crack', 'pore'], not one text.")
    names = tuple(name for name in (str(label).strip() for label in labels) if name)
    if len(names) < 2:
        raise QuestionError("Give at least two class names to choose between.")
    seen: set[str] = set()
    for name in names:
        folded = fold(name)
        if folded in seen:
            raise QuestionError(f"The class name {name!r} is listed twice; remove one.")
        seen.add(folded)
    return names


def fold(name: str) -> str:
    """Return what two ways to write the same name share: neither case nor composed letters."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _clean(text: str) -> str:
    """Return one line of text that every file takes."""
    # A lone surrogate, which a broken file can hold, cannot be written.
    return _BREAKS.sub(" ", str(text).encode("utf-8", "replace").decode()).strip()
