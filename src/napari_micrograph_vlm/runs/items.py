"""What a run goes through: items that can be named again, and sources that read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import QuestionError
from ..labelling.label_sets import LabelSet
from ..regions import Box, Region

__all__ = ["Item", "Source", "Task"]


@dataclass(frozen=True)
class Item:
    """One thing that a run looks at.

    Attributes
    ----------
    key : str
        Names it within the run; the same each time its source is listed.
    source : str
        Path of the file, or name of the layer.
    plane : tuple of int
        Index on the axes that are not rows and columns, such as the slice of a stack.
    box : Box or None
        Window in full-resolution pixels of the plane; None: all of it.
    outline : tuple of (float, float), or None
        (row, column) vertices of a drawn shape, in the same pixels; None: the box is the region.
    label : int or None
        Number of the object, where it came from a labels image.
    shape_id : str or None
        :attr:`.regions.Placement.shape_id`, where it was drawn in a window.
    state : str
        Of the file: another one means that the file was replaced; empty: nobody knows.
    seen : Box or None
        What of it was looked at, where its information bar was left out.
    """

    key: str
    source: str
    plane: tuple[int, ...] = ()
    box: Box | None = None
    outline: tuple[tuple[float, float], ...] | None = None
    label: int | None = None
    shape_id: str | None = None
    state: str = ""
    seen: Box | None = None

    @property
    def place(self) -> Box | None:
        """The window that was looked at; None: all of the plane."""
        return self.seen or self.box

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Item:
        """Make it from what :meth:`to_dict` gave."""
        given = dict(values)
        given["plane"] = tuple(given.get("plane") or ())
        outline = given.get("outline")
        for name in ("box", "seen"):
            box = given.get(name)
            given[name] = None if box is None else (box[0], box[1], box[2], box[3])
        given["outline"] = None if outline is None else tuple((y, x) for y, x in outline)
        return cls(**given)


class Source(Protocol):
    """Where items come from.

    ``items`` is quick and lists the same items in the same order each time; ``read`` may be
    called from several threads at once, and raises a ``MicrographError`` of one sentence for an
    item that cannot be read. Sources of files can be pickled and sent to another machine.
    """

    @property
    def name(self) -> str:
        """What to call it, such as a folder or a layer."""
        ...

    def items(self) -> Iterator[Item]:
        """List what there is."""
        ...

    def read(self, item: Item) -> Region:
        """Read the pixels of an item."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this source from others, ready for JSON."""
        ...


@dataclass(frozen=True)
class Task:
    """What is asked of every item: questions, a class, or both.

    Attributes
    ----------
    questions : tuple of str
        Asked one after the other, each on its own; blank ones are left out.
    label_set : LabelSet or None
        Classes to choose from; None: no class is wanted.
    threshold : float
        A best class less probable than this, 0 to 1, is called unknown.
    tiled : bool or None
        As in :class:`.results.Question`.
    max_tokens : int
        Longest answer.
    measure : bool
        Whether what is found is measured, too.

    Raises
    ------
    QuestionError
        If the threshold is no share.
    """

    questions: tuple[str, ...] = ()
    label_set: LabelSet | None = None
    threshold: float = 0.0
    tiled: bool | None = None
    max_tokens: int = 48
    measure: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:  # not a number is neither
            raise QuestionError(
                f"The threshold must lie between 0 and 1, and {self.threshold:g} does not."
            )
        asked = tuple(question for question in self.questions if question.strip())
        object.__setattr__(self, "questions", asked)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        made = {
            **vars(self),
            "questions": list(self.questions),
            "label_set": None if self.label_set is None else self.label_set.to_dict(),
        }
        if not self.measure:
            del made["measure"]  # such a run goes on with one from before there were sizes
        return made

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """Make it from what :meth:`to_dict` gave."""
        given = dict(values)
        given["questions"] = tuple(given.get("questions") or ())
        labels = given.get("label_set")
        given["label_set"] = None if labels is None else LabelSet.from_dict(labels)
        return cls(**given)
