"""The public functions: load a model, ask about a region, classify regions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from ._window import window
from .errors import MicrographError, ModelError
from .handle import Handle
from .models.consent import is_remote
from .planning import is_napari, plan_of
from .regions import Region
from .results import Answer, Classification, Question, Turn

if TYPE_CHECKING:
    from .frames.choosing import Frames
    from .labelling.label_sets import LabelSet
    from .models.base import Model
    from .models.catalog import CatalogEntry
    from .retrieval.index import FigureIndex

__all__ = ["ask", "ask_async", "classify", "load_model", "unload_model"]

MAX_TOKENS = 48
"""Longest answer in tokens unless the user says otherwise."""

MOST_LOADED = 2
"""Models kept in memory; the one not used for longest goes first."""

_LOADING = Lock()
_LOADED: OrderedDict[tuple[Path, str, str], Model] = OrderedDict()


def load_model(
    name: str | PathLike[str] | None = None,
    device: str = "auto",
    *,
    precision: str = "auto",
    allow_remote: bool = False,
    cancel: Event | None = None,
) -> Model:
    """Load a model; the same name, device and precision give the same loaded model.

    Parameters
    ----------
    name : str or path, optional
        A name from the catalog, ``owner/name`` of a repository of the hub that was downloaded
        before, a checkpoint folder, or a server of your own with the model's name there:
        ``"http://gpu-box:8000/v1#qwen2-vl"``. Default: the bundled student.
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    precision : str
        Bits of each weight: ``"auto"``, ``"32-bit"``, ``"16-bit"``, ``"8-bit"`` or ``"4-bit"``.
        The bundled student takes no notice of it.
    allow_remote : bool
        Whether pixels may go to the server that ``name`` names; asked for once an address.
    cancel : threading.Event, optional
        Once set, a server is not waited for any longer.

    Returns
    -------
    Model
        Ready to be asked.

    Raises
    ------
    ModelError
        If there is no such model, or its files are missing or broken; of a server
        (``ConsentNeeded``) if nobody has allowed it yet, and nothing was sent.
    """
    if is_remote(name):
        from .models.remote import load_remote

        return load_remote(name, allow_remote=allow_remote, cancel=cancel)
    from .models.catalog import find
    from .models.devices import check_precision, choose_device

    entry = find(name)  # before torch is imported: a wrong name is told at once
    key = entry.path.resolve(), choose_device(device), check_precision(precision)
    with _LOADING:  # transformers cannot load two models at a time
        if key not in _LOADED:
            while len(_LOADED) >= MOST_LOADED:
                _LOADED.popitem(last=False)
            _LOADED[key] = _load(entry, device, precision)
        _LOADED.move_to_end(key)
        return _LOADED[key]


def unload_model(model: Model) -> None:
    """Free the memory of a loaded model; the next :func:`load_model` reads it again."""
    with _LOADING:
        for key in [key for key, loaded in _LOADED.items() if loaded is model]:
            del _LOADED[key]
    close = getattr(model, "close", None)
    if close is not None:
        close()


def _load(entry: CatalogEntry, device: str, precision: str) -> Model:
    """Load the student, or whatever model of transformers a folder holds."""
    if entry.model_type == "mvaema":
        from .models.student import Student

        return Student.load(entry.path, device)
    from .models.local import LocalModel

    # Two large models seldom fit: the one before goes as soon as nobody else holds it.
    for key in [key for key, model in _LOADED.items() if isinstance(model, LocalModel)]:
        del _LOADED[key]
    return LocalModel.load(entry.path, device, precision, name=entry.name)


def ask(
    source: Any,
    question: str,
    region: Any = None,
    model: Model | str | PathLike[str] | None = None,
    *,
    turns: Sequence[Turn] = (),
    tiled: bool | None = None,
    max_tokens: int = MAX_TOKENS,
    reasoned: bool = False,
    frames: Frames | None = None,
    axis: int | str | None = None,
    include_bar: bool | None = None,
    cite: FigureIndex | str | PathLike[str] | None = None,
    send_captions: bool = False,
) -> Answer | Handle[Answer]:
    """Ask a question about a micrograph or a region of it.

    Parameters
    ----------
    source : napari viewer, napari layer, array, path, Region or sequence of Region
        The micrograph. Of a viewer, the active image layer.
    question : str
        What to ask.
    region : optional
        ``(y0, x0, y1, x1)`` in pixels or (N, 2) vertices, or a list of two to compare; of an array
        or file also an (H, W) bool mask, on a viewer or layer also a Shapes layer or the name of a
        choice. Default: the selected shapes of a viewer, else all.
    model : Model or str, optional
        A loaded model or its name. Default: the bundled student.
    turns : sequence of Turn
        Earlier turns of the conversation (``answer.next_turns``).
    tiled : bool, optional
        Whether to look at the region in tiles; None: where it is reduced more than threefold.
    max_tokens : int
        Longest answer.
    reasoned : bool
        Whether the model writes its steps first (``answer.steps``); the bundled student cannot.
    frames : int, str or sequence of int, optional
        Of a stack or time series, which frames to look at together: so many evenly, a text such
        as ``"3, 8, 20-40"``, or a list; counted from 0. Default: one picture.
    axis : int or str, optional
        The axis that the frames lie along, by number or name; the first by default.
    include_bar : bool, optional
        Whether the model is shown the information bar, too, which is left out otherwise. Default:
        what was chosen for a layer in the window, else False.
    cite : FigureIndex or path, optional
        An index of captioned figures: the three that are most like the region become
        ``answer.citations``. A model that takes instructions is told their captions and marks
        what it has from them.
    send_captions : bool
        Whether those captions may go to a server that the model is behind, for this question
        alone; without it the figures only stand beside its answer.

    Returns
    -------
    Answer or Handle
        The answer. Called with a viewer or layer in the GUI thread (napari's console), a
        handle, since waiting would freeze the window; the overlay appears when it is done.

    Raises
    ------
    MicrographError
        With one sentence that says what was wrong and what to do.

    Examples
    --------
    >>> regions = [(0, 0, 256, 256), (0, 256, 256, 512)]
    >>> ask("wafer.tif", "Which region has more defects?", regions)  # doctest: +SKIP
    """
    if _would_freeze(source):
        return ask_async(
            source,
            question,
            region,
            model,
            turns=turns,
            tiled=tiled,
            max_tokens=max_tokens,
            reasoned=reasoned,
            frames=frames,
            axis=axis,
            include_bar=include_bar,
            cite=cite,
            send_captions=send_captions,
        )
    plan = plan_of(source, region, frames, axis, include_bar=include_bar)
    loaded, regions = _loaded(model), tuple(plan())
    return _asking(loaded, regions, reasoned, cite, send_captions).ask(
        Question(question, regions, tuple(turns), tiled), max_tokens=max_tokens
    )


def ask_async(
    source: Any,
    question: str,
    region: Any = None,
    model: Model | str | PathLike[str] | None = None,
    *,
    turns: Sequence[Turn] = (),
    tiled: bool | None = None,
    max_tokens: int = MAX_TOKENS,
    reasoned: bool = False,
    frames: Frames | None = None,
    axis: int | str | None = None,
    include_bar: bool | None = None,
    cite: FigureIndex | str | PathLike[str] | None = None,
    send_captions: bool = False,
    echo: bool = True,
) -> Handle[Answer]:
    """Ask like :func:`ask`, without waiting.

    Returns
    -------
    Handle
        Prints the answer as it is written (unless ``echo`` is False); ``.result()`` waits for
        it, ``.cancel()`` stops it. On a viewer or layer the overlay appears when it is done.
    """
    plan = plan_of(source, region, frames, axis, include_bar=include_bar)

    def work(write: Callable[[str], None], cancel: Event) -> Answer:
        loaded, regions = _loaded(model), tuple(plan())
        return _asking(loaded, regions, reasoned, cite, send_captions).ask(
            Question(question, regions, tuple(turns), tiled),
            on_text=write,
            cancel=cancel,
            max_tokens=max_tokens,
        )

    return _start(work, source, echo)


def classify(
    source: Any,
    labels: Sequence[str] | LabelSet | str | PathLike[str],
    regions: Any = None,
    model: Model | str | PathLike[str] | None = None,
    *,
    threshold: float = 0.0,
    include_bar: bool | None = None,
) -> Classification | Handle[Classification]:
    """Give each region a probability for each class name.

    Parameters
    ----------
    source : as for :func:`ask`
        The micrograph.
    labels : sequence of str, LabelSet, or path
        Class names, at least two; a label set, whose sentences say what each class looks like; or
        the path of a label-set file, ``.json`` or ``.csv``.
    regions : optional
        One region as for :func:`ask`, or a list of them. Default: the selected shapes of a
        viewer, else the whole.
    model : Model or str, optional
        A loaded model or its name. Default: the bundled student.
    threshold : float
        A best class less probable than this is called unknown.
    include_bar : bool, optional
        As for :func:`ask`.

    Returns
    -------
    Classification or Handle
        One row of probabilities a region; a handle where :func:`ask` gives one.

    Raises
    ------
    MicrographError
        With one sentence that says what was wrong and what to do.
    """
    plan = plan_of(source, regions, include_bar=include_bar)
    told = labels_of(labels)

    def work(_write: Callable[[str], None], cancel: Event) -> Classification:
        result = _loaded(model).classify(plan(), told, cancel=cancel, threshold=threshold)
        _write(str(result))
        return result

    if _would_freeze(source):
        return _start(work, source, echo=True)
    return work(lambda _text: None, Event())


def labels_of(labels: Sequence[str] | LabelSet | str | PathLike[str]) -> Sequence[str] | LabelSet:
    """Return what a model is given for names, a label set or the path of its file.

    Raises
    ------
    QuestionError
        If the file cannot be read or is no label set.
    """
    from .labelling.files import is_label_set_file, read_label_set
    from .labelling.label_sets import LabelSet, check_labels

    if isinstance(labels, PathLike) or (isinstance(labels, str) and is_label_set_file(labels)):
        labels = read_label_set(labels)
    return labels.told if isinstance(labels, LabelSet) else check_labels(labels)


def _would_freeze(source: Any) -> bool:
    return is_napari(source) and bool(window().is_gui_thread())


def _start(work: Callable[..., Any], source: Any, echo: bool) -> Handle[Any]:
    if not is_napari(source):
        return Handle(work, echo=echo)
    room = window()
    viewer = source if hasattr(source, "layers") else None

    def show(handle: Handle[Any]) -> None:
        try:
            found = handle.result()
        except Exception:
            return  # it was printed
        try:
            found.show(viewer)
        except MicrographError as error:
            handle.tell(str(error))  # such as that the image was removed meanwhile

    return Handle(work, echo=echo, deliver=room.call_in_gui).on_done(show)


def _loaded(model: Model | str | PathLike[str] | None) -> Model:
    if model is None or isinstance(model, (str, PathLike)):
        model = load_model(model)
    elif not callable(getattr(model, "ask", None)):
        raise ModelError(
            f"A {type(model).__name__} is no model; give a loaded model, a name or a folder."
        )
    return model


def _asking(
    model: Model,
    regions: Sequence[Region],
    reasoned: bool,
    cite: FigureIndex | str | PathLike[str] | None = None,
    send: bool = False,
) -> Model:
    """Return the model as it is asked: about frames together, in steps, with figures to cite."""
    from .models.framing import framed

    model = framed(model, regions)
    if reasoned:
        from .models.reasoning import ReasonedModel

        model = ReasonedModel(model)
    if cite is None:
        return model
    from .retrieval.citing import CitingModel, index_of

    return CitingModel(model, index_of(cite), send=send)
