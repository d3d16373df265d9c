"""What a person corrected in a viewer, as examples that a model is taught with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from napari.layers import Image, Shapes

from ..errors import Cancelled, MicrographError
from ..labelling.label_sets import LabelClass, LabelSet, fold
from ..regions import Cutout, Region
from ..runs.item_names import item_name
from .examples import labelled, plan_examples
from .features import labels_in
from .item_cutouts import cutout_in, layer_of
from .run_book import RunBook

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..datasets.chat import ChatExample

__all__ = ["CLASS", "Example", "chat_of", "classes_in", "corrected_in"]

CLASS = "What is shown?"
"""Stands in the list for the question by which classes are asked for."""

COLUMN = "class"

MOST = 2000
"""Findings of a run that are listed; of more, the run itself is taught."""

Read = Callable[[], list[Cutout]]


@dataclass(frozen=True, eq=False)
class Example:
    """One right answer.

    Attributes
    ----------
    question : str
        Empty: which of the classes it is.
    answer : str
        What a person said.
    read : callable
        Finds its pixels, in a worker.
    key : str
        Names the place; a later example of the same place and question counts.
    where : str
        What to call the place.
    labels : LabelSet or None
        What there was to choose from, where that is known: in its order, with its sentences.
    """

    question: str
    answer: str
    read: Read
    key: str
    where: str = ""
    labels: LabelSet | None = None

    @property
    def shown(self) -> tuple[str, str, str]:
        """Place, question and answer for the list."""
        return self.where, self.question or CLASS, self.answer


def corrected_in(viewer: Viewer, image: Image | None) -> list[Example]:
    """Return the classes that a person gave: to shapes on an image, and to findings of the run.

    Call it in the window's thread; pixels are found later.

    Parameters
    ----------
    viewer : napari.Viewer
        Its shape layers and its run book.
    image : napari.layers.Image or None
        What the shapes are drawn on.
    """
    found: dict[str, Example] = {}
    for example in (*_of_run(viewer), *_of_shapes(viewer, image)):
        found[example.key] = example
    return list(found.values())


def classes_in(examples: Sequence[Example]) -> dict[str, LabelSet]:
    """Return the classes that each example's question lists, by the example's key.

    They are those that were chosen from when it was classified, in their order and with their
    sentences, and behind them other classes that a person gave in the same place. Without such a
    list they are in the order in which they are met.

    Raises
    ------
    QuestionError
        If there is only one class.
    """
    asked = [one for one in examples if not one.question]
    alike: dict[str, list[Example]] = {}
    for one in asked:
        alike.setdefault(one.labels.digest if one.labels else "", []).append(one)
    found: dict[str, LabelSet] = {}
    for group in alike.values():
        listed = group[0].labels.classes if group[0].labels else ()
        if not listed and len({fold(one.answer) for one in group}) < 2:
            # One class alone is no choice: with those of the others.
            group_names = asked
        else:
            group_names = group
        known = {fold(each.name) for each in listed}
        more = {
            fold(one.answer): one.answer for one in group_names if fold(one.answer) not in known
        }
        labels = LabelSet("classes", (*listed, *map(LabelClass, more.values())))
        found |= {one.key: labels for one in group}
    return found


def chat_of(
    examples: Sequence[Example], skip: Callable[[str], None], cancel: Event
) -> Iterator[ChatExample]:
    """Yield the conversations that a model is taught with; reads pixels, one after the other.

    Parameters
    ----------
    examples : sequence of Example
        Right answers.
    skip : callable
        Told in one sentence of each whose pixels cannot be read.
    cancel : threading.Event
        Once set, the work stops.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    from ..training.adapters.from_regions import answer_example, class_examples

    classes = classes_in(examples)
    for example in examples:
        if cancel.is_set():
            raise Cancelled
        try:
            regions: list[Region] = [cutout.read() for cutout in example.read()]
            if example.question:
                yield answer_example(regions, example.question, example.answer)
            else:
                labels = classes[example.key]
                name = {fold(each): each for each in labels.names}[fold(example.answer)]
                yield from class_examples([(regions[0], name)], labels)
        except MicrographError as error:
            skip(str(error))


def _of_shapes(viewer: Viewer, image: Image | None) -> Iterator[Example]:
    if image is None:
        return
    for layer in viewer.layers:
        if not isinstance(layer, Shapes):
            continue
        known = labelled(layer, COLUMN)
        if not known:
            continue
        labels = _chosen_from(viewer, [*known.values(), *labels_in(layer, "vlm_class").values()])
        plan, names = plan_examples(viewer, image, layer, COLUMN)
        for place, (index, name) in enumerate(zip(known, names, strict=True)):
            where = f"{layer.name} {index}"
            key = f"{layer.unique_id}:{index}"
            yield Example("", name, _nth(plan, place), key, where, labels)


def _chosen_from(viewer: Viewer, names: Sequence[str]) -> LabelSet | None:
    """Return the classes that the panel chose from last, if a layer has some of them."""
    journal = RunBook.of(viewer).journal
    labels = None if journal is None else journal.run.task.label_set
    if labels is None or not {fold(name) for name in names} & {fold(n) for n in labels.names}:
        return None
    return labels


def _of_run(viewer: Viewer) -> Iterator[Example]:
    journal = RunBook.of(viewer).journal
    labels = None if journal is None else journal.run.task.label_set
    if journal is None or labels is None:
        return
    judged = "SELECT key FROM judgements WHERE corrected <> '' OR reviewed LIMIT ?"
    keys = [key for (key,) in journal.fetch(judged, (MOST,))]
    for finding in journal.findings(keys, pictures=False):
        name = finding.corrected or (finding.best if finding.reviewed else "")
        if name not in labels.names:
            continue
        item = finding.item
        layer = layer_of(viewer, item)
        if layer is None:
            continue  # a file that is not open: teach with the journal
        if item.shape_id is not None and item.shape_id.startswith("shape:"):
            continue  # its layer says so itself
        try:
            cut = cutout_in(viewer, layer, item)
        except MicrographError:
            continue
        yield Example("", name, _alone(cut), item.key, item_name(item), labels)


def _nth(plan: Callable[[], list[Cutout]], place: int) -> Read:
    return lambda: [plan()[place]]


def _alone(cut: Callable[[], Cutout]) -> Read:
    return lambda: [cut()]
