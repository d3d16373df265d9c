"""What a worker process does in a run that is shared out: it loads the model once, and reads."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import MicrographError, ModelError, SourceError

if TYPE_CHECKING:
    from ..models.base import Model
    from .findings import Finding
    from .items import Item, Source, Task

__all__ = ["Identity", "Spec", "identify", "look", "packed"]

MOST_BYTES = 1 << 20
"""Largest source that is sent with every piece of work; files are named, not sent."""

_loading = Lock()
_models: OrderedDict[Spec, Model] = OrderedDict()
_sources: OrderedDict[bytes, Source] = OrderedDict()


@dataclass(frozen=True)
class Spec:
    """Which model the workers load.

    Attributes
    ----------
    model : str or None
        As :func:`napari_micrograph_vlm.load_model` takes it.
    device : str
        Where it runs on each worker.
    learnt : str
        Folder of what was learnt from labelled regions; empty: nothing was.
    """

    model: str | None = None
    device: str = "auto"
    learnt: str = ""


@dataclass(frozen=True)
class Identity:
    """Which model a worker has, and on which device."""

    name: str
    revision: str
    device: str
    version: str = __version__

    @property
    def same(self) -> tuple[str, str, str]:
        """What must be the same on every worker."""
        return self.name, self.revision, self.version


def packed(source: Source) -> bytes:
    """Return a source as distributed sends what it sends to workers.

    Raises
    ------
    SourceError
        If it holds pixels, or belongs to this process alone.
    """
    from distributed.protocol.pickle import dumps

    pixels: list[Any] = []
    try:
        sent: bytes = dumps(source, buffer_callback=pixels.append)  # type: ignore[no-untyped-call]
    except Exception:
        sent = b""
    if not sent or pixels or len(sent) > MOST_BYTES:
        raise SourceError(
            f"{source.name} lies in the memory of this program, where workers cannot read it; "
            "give a file or a folder instead."
        )
    return sent


def identify(spec: Spec, sent: bytes) -> Identity:
    """Load the model and tell which it is.

    Raises
    ------
    ModelError
        If it cannot be loaded here.
    SourceError
        If the files cannot be seen from here.
    """
    source = _source_of(sent)
    place = getattr(source, "root", None) or getattr(source, "path", None)
    if isinstance(place, (str, Path)) and not Path(place).exists():
        raise SourceError(
            f"The workers see no {place}; give a folder that every computer has under that name."
        )
    model = _model_of(spec)
    return Identity(model.name, model.revision, str(model.device))


def look(
    spec: Spec, wanted: Identity, sent: bytes, items: tuple[Item, ...], task: Task
) -> list[Finding]:
    """Read some items and ask the model about them.

    Returns
    -------
    list of Finding
        One for each item, in their order.
    """
    from .finding_of import skipped
    from .read_ahead import MOST_BYTES as MOST_PIXELS
    from .read_ahead import Ready, Unreadable, read_item
    from .run import look_at

    source, model = _source_of(sent), _model_of(spec)
    here = Identity(model.name, model.revision, str(model.device))
    if here.same != wanted.same:
        raise ModelError(
            f"The workers do not have the same model: {' '.join(wanted.same)} here, "
            f"{' '.join(here.same)} there; install the same on every computer."
        )
    found: list[Finding] = []
    some: list[Ready] = []
    for item in items:
        one = read_item(source, item)
        if isinstance(one, Unreadable):
            found.append(skipped(item, one.reason))
            continue
        some.append(one)
        if sum(each.nbytes for each in some) > MOST_PIXELS:
            found += look_at(some, task, model)
            some = []
    found += look_at(some, task, model)
    by_key = {one.item.key: one for one in found}
    return [by_key[item.key] for item in items]


def _model_of(spec: Spec) -> Model:
    with _loading:
        if spec not in _models:
            _models.clear()  # two may not fit into memory
            _models[spec] = _loaded(spec)
        return _models[spec]


def _loaded(spec: Spec) -> Model:
    from ..api import load_model

    try:
        model = load_model(spec.model, spec.device)
        if spec.learnt:
            from ..labelling.learnt_model import LearntModel

            return LearntModel.load(spec.learnt, model)
        return model
    except MicrographError as error:
        raise ModelError(f"The workers cannot load the model: {error}") from None


def _source_of(sent: bytes) -> Source:
    """Return a source as it was before: it keeps files open that further items lie in."""
    from distributed.protocol.pickle import loads

    with _loading:
        if sent not in _sources:
            while len(_sources) > 1:
                _sources.popitem(last=False)
            _sources[sent] = loads(sent)  # type: ignore[no-untyped-call]
        return _sources[sent]
