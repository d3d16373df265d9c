"""The public function for many regions, slices and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from .journal import MEMORY, SUFFIX, Journal
from .journal_errors import JournalError, NotBegunError

if TYPE_CHECKING:
    import pandas as pd

    from ..labelling.label_sets import LabelSet
    from ..models.base import Model
    from ..retrieval.index import FigureIndex
    from .findings import Run
    from .progress import Progress

__all__ = ["batch", "beside", "learnt_classes", "next_journal"]


def batch(
    source: Any,
    labels: Sequence[str] | LabelSet | str | PathLike[str] | None = None,
    questions: str | Sequence[str] = (),
    *,
    model: Model | str | PathLike[str] | None = None,
    learnt: str | PathLike[str] | None = None,
    journal: str | PathLike[str] | None = None,
    again: bool = False,
    threshold: float = 0.0,
    pattern: str = "**/*",
    tiles: int | None = None,
    overlap: int | None = None,
    axis: int | None = None,
    regions: Sequence[Any] | None = None,
    objects: Any = None,
    include_bar: bool = False,
    tiled: bool | None = None,
    max_tokens: int = 48,
    measure: bool = False,
    cite: FigureIndex | str | PathLike[str] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    pause: Event | None = None,
    cancel: Event | None = None,
) -> pd.DataFrame:
    """Classify many regions, slices or files, ask about them, or both.

    Parameters
    ----------
    source : path, array or Source
        A folder of pictures with the folders in it, a file, an array, or a source.
    labels : sequence of str, LabelSet, str or path, optional
        Classes to choose from: names, a label set, or the file of one.
    questions : str or sequence of str
        Asked about every item.
    model : Model or str, optional
        A loaded model or its name. Default: the bundled student.
    learnt : path, optional
        Folder of classes that were learnt from labelled regions; they are the default of
        ``labels``.
    journal : path, optional
        File that every finding is written to as soon as it is there; call again with the same
        file to go on after a stop. Default: kept in memory only.
    again : bool
        Whether to look again at what was skipped in an earlier run.
    threshold : float
        A best class less probable than this, 0 to 1, is called unknown.
    pattern : str
        Which files of a folder, such as ``"**/*.tif"``.
    tiles, overlap : int, optional
        Cut pictures into tiles of this side, which share so many pixels with their neighbours
        (an eighth of the side by default). Empty ones are left out. Where two neighbours saw
        the same in the strip they share, the column ``same_as`` of one names the other:
        ``table[table["same_as"] == ""]`` counts it once.
    axis : int, optional
        Go through a stack slice by slice along this axis.
    regions : sequence, optional
        Boxes ``(y0, x0, y1, x1)`` or (N, 2) vertices on an array or file.
    objects : array of int, optional
        Labels: every object of an array or file is a region.
    include_bar : bool
        Whether the model is shown the information bars of pictures, too; they are left out
        otherwise. A source says so itself.
    tiled : bool, optional
        Whether the model looks at each region in tiles of its own; None: where it is large.
    max_tokens : int
        Longest answer.
    measure : bool
        Whether what is found is measured: what the first answer is about, or the class where
        nothing is asked.
    cite : FigureIndex or path, optional
        As for :func:`~napari_micrograph_vlm.ask`: the column ``figures`` names the figures of
        papers beside the answers.
    on_progress : callable, optional
        Called with a ``Progress`` after every few items.
    pause, cancel : threading.Event, optional
        While ``pause`` is set, the run waits; ``cancel`` ends it, and what was done stays.

    Returns
    -------
    pandas.DataFrame
        One row an item; ``class`` is a person's where the journal holds one. With ``measure``
        it has sizes in ``unit``, or in pixels where the scale is not known.

    Raises
    ------
    MicrographError
        With one sentence that says what was wrong and what to do.
    Cancelled
        If ``cancel`` was set.

    Examples
    --------
    >>> table = batch("wafer", ["pore", "crack", "no defect"])  # doctest: +SKIP
    """
    from ..api import load_model
    from ..reporting.table import frame_of
    from .choosing import source_of, tiles_of
    from .items import Task
    from .run import run_batch, run_of

    given = source_of(
        source,
        pattern=pattern,
        tiles=tiles_of(tiles, overlap),
        axis=axis,
        regions=regions,
        objects=objects,
        include_bar=include_bar,
    )
    asked = (questions,) if isinstance(questions, str) else tuple(questions)
    label_set = _label_set(labels)
    if label_set is None and learnt is not None:
        label_set = learnt_classes(learnt)
    task = Task(asked, label_set, threshold, tiled, max_tokens, measure)
    loaded = load_model(model) if model is None or isinstance(model, (str, PathLike)) else model
    if learnt is not None:
        from ..labelling.learnt_model import LearntModel

        loaded = LearntModel.load(learnt, loaded, label_set)
    if cite is not None:
        from ..retrieval.citing import CitingModel, index_of

        loaded = CitingModel(loaded, index_of(cite))
    place = MEMORY if journal is None else str(journal)
    with Journal.create(place, run_of(given, task, loaded)) as book:
        if again:
            book.forget()
        run_batch(given, task, loaded, book, on_progress=on_progress, pause=pause, cancel=cancel)
        return frame_of(book)


def learnt_classes(folder: str | PathLike[str]) -> LabelSet:
    """Return the classes that were learnt, which lie beside what was learnt of them."""
    from ..labelling.files import read_label_set
    from ..labelling.learnt_files import LABEL_SET

    return read_label_set(Path(folder) / LABEL_SET)


def beside(source: str | Path) -> Path:
    """Return where the journal of a folder or file lies unless somebody names another file.

    Raises
    ------
    JournalError
        If it is a whole disk, which nothing lies beside.
    """
    path = Path(source).expanduser().absolute()
    if path.name == "..":
        path = path.resolve()
    if not path.name:
        raise JournalError(f"Nothing can lie beside {path}; name the journal with --journal.")
    return path.with_name(f"{path.name}{SUFFIX}")


def next_journal(path: Path, run: Run) -> tuple[Path, str]:
    """Choose the file for a run where nobody named one.

    The first of ``x.journal``, ``x-2.journal``, ... that holds the same run, to go on with it, or
    does not exist yet.

    Returns
    -------
    (Path, str)
        The file, and a sentence where it is not the first one: why this is a new run.
    """
    from .findings import differences

    said = ""
    number, chosen = 1, path
    while chosen.exists():
        try:
            with Journal.open(chosen) as journal:
                if journal.run.digest == run.digest:
                    return chosen, ""
                if not said:
                    unlike = " and ".join(differences(journal.run, run))
                    said = f"{path.name} holds a run with {unlike}, so this is a new run"
        except NotBegunError:
            return chosen, said and f"{said}; its journal is {chosen.name}."
        except JournalError:
            # Not ours or broken: left alone.
            said = said or f"{path.name} is no journal that can be gone on with"
        number += 1
        chosen = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return chosen, said and f"{said}; its journal is {chosen.name}."


def _label_set(labels: Any) -> LabelSet | None:
    if labels is None:
        return None
    if isinstance(labels, (str, PathLike)):
        from ..labelling.files import label_set_from_text

        return label_set_from_text(str(labels))
    from ..labelling.label_sets import label_set_of

    return label_set_of(labels)
