"""Shapes that a person gave a class, as examples to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING

from napari.layers import Image, Shapes

from ..errors import QuestionError, SourceError
from ..labelling import trial
from ..labelling.folders import ExampleFiles
from ..labelling.label_sets import LabelSet, fold, label_set_of
from ..regions import Region
from ..widgets.class_list import OWN, ClassList
from .features import corrections, labels_in
from .geometry import LONGEST, MARGIN, Plan
from .handler_jobs import read_regions
from .handler_regions import NO_IMAGE
from .region_shapes import ShapesSnapshot
from .region_view import ViewState
from .region_window import ImageSnapshot

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..labelling.learning import Learnt
    from ..labelling.trial import Trial
    from ..models.base import Model

__all__ = [
    "NO_SHAPES",
    "Count",
    "Found",
    "Learn",
    "check_enough",
    "classes_for",
    "counted",
    "from_files",
    "from_shapes",
    "labelled",
    "plan_examples",
    "tried",
]

Count = Callable[[int, int], None]
"""Told how many examples of how many have been looked at."""

Found = tuple["Learnt", list[str]]
"""What was learnt, and one sentence for each picture that was passed over."""

Learn = Callable[["Model", Count, Event], Found]
"""Learns in a worker."""

Examples = Sequence[tuple[Region, str]]

NO_SHAPES = "Choose “Every shape” above and a layer whose shapes have a class, or a folder."

_MOST = 8
"""Classes that are counted one by one."""


def labelled(shapes: Shapes, column: str) -> dict[int, str]:
    """Return the class of each shape that has one, by its number; a correction counts more."""
    return {**labels_in(shapes, column), **corrections(shapes)}


def plan_examples(
    viewer: Viewer, image: Image | None, shapes: object, column: str
) -> tuple[Plan, list[str]]:
    """Take note of the shapes that have a class; call it in the window's thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Its slice and units count.
    image : napari.layers.Image or None
        The micrograph.
    shapes : napari.layers.Shapes
        Where the examples are drawn.
    column : str
        The feature that holds the classes.

    Returns
    -------
    plan : callable
        Finds the pixels in a worker, as that of ``plan_regions``.
    names : list of str
        The class of each region.

    Raises
    ------
    SourceError
        If there is no micrograph.
    QuestionError
        If these are no shapes.
    """
    if image is None:
        raise SourceError(NO_IMAGE)
    if not isinstance(shapes, Shapes):
        raise QuestionError(NO_SHAPES)
    known = labelled(shapes, column)
    if not known:
        return list, []
    view = ViewState.of(viewer)
    snapshot = ImageSnapshot.of(image, view)
    drawn = ShapesSnapshot.of(shapes, list(known), view)
    return lambda: drawn.cutouts(snapshot, MARGIN, LONGEST), list(known.values())


def from_shapes(plan: Plan, names: Sequence[str], more: Examples, labels: LabelSet) -> Learn:
    """Return what learns from shapes, and from ``more`` regions with their classes."""

    def learn(model: Model, count: Count, cancel: Event) -> Found:
        from ..labelling.learning import Learnt

        known = [*zip(read_regions(plan, cancel), names, strict=True), *more]
        of = len(known)
        count(0, of)
        found = Learnt.learn(
            model, labels, known, cancel=cancel, on_region=lambda done: count(done, of)
        )
        return found, []

    return learn


def from_files(files: ExampleFiles, more: Examples, labels: LabelSet) -> Learn:
    """Return what learns from a folder, and from ``more`` regions with their classes."""

    def learn(model: Model, count: Count, cancel: Event) -> Found:
        from ..labelling.folders import learn_from

        of = len(files.files)
        found, skipped = learn_from(
            model, labels, files, cancel=cancel, on_file=lambda done: count(done, of)
        )
        return (found.add(model, more, cancel=cancel) if more else found), skipped

    return learn


def counted(names: Sequence[str]) -> str:
    """Say how many examples there are of which class."""
    if not names:
        return "No examples yet."
    each = Counter(names)
    most = ", ".join(f"{name} {count}" for name, count in each.most_common(_MOST))
    rest = f" and {len(each) - _MOST} more classes" if len(each) > _MOST else ""
    number = "1 example" if len(names) == 1 else f"{len(names)} examples"
    return f"{number}: {most}{rest}."


def tried(found: Trial) -> str:
    """Say how many examples were named rightly that had not been learnt from."""
    low, high = (100 * end for end in found.interval)
    right = round(found.accuracy * found.tried)
    return (
        f"Of {found.tried} examples held back in turn, {right} were named rightly: "
        f"{100 * found.accuracy:.0f} % (95 % interval {low:.0f} to {high:.0f} %). By the names "
        f"alone it is {100 * found.zero_shot:.0f} %."
    )


def check_enough(listed: Sequence[str], names: Sequence[str]) -> None:
    """See that there is something to learn, before a model is loaded for it.

    Parameters
    ----------
    listed : sequence of str
        The classes to choose from.
    names : sequence of str
        The class of each example.

    Raises
    ------
    QuestionError
        If fewer than two classes have two examples; it names those that lack some.
    """
    has = Counter(map(fold, names))
    every = {fold(name): name for name in (*listed, *names)}
    trial.check_enough({name: has[key] for key, name in every.items()})


def classes_for(classes: ClassList, names: Sequence[str]) -> LabelSet:
    """Return the classes to learn from examples with these names.

    A list that holds some of them gets the others, too; one that holds none gives way to them. A
    list without a name gets one, as what is learnt is saved under it.

    Raises
    ------
    QuestionError
        If there are fewer than two classes.
    """
    listed = {fold(name) for name in classes.labels}
    new = list({fold(name): name for name in names if fold(name) not in listed}.values())
    if new and all(fold(name) not in listed for name in names):
        classes.use(label_set_of(new, _name_for(new)))
    elif new:
        classes.add_lines("\n".join(new))
    found: LabelSet = classes.label_set
    if found.name == OWN:
        found = LabelSet(_name_for(found.names), found.classes)
        classes.use(found)
    return found


def _name_for(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
