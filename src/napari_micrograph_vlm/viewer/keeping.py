"""Results kept in a folder beside their image, once the user wants that."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from qtpy.QtCore import QObject, Signal

from ..labelling.label_sets import LabelSet
from ..results import Answer, Classification
from .handler_jobs import Job, Outcome
from .region_display import is_inverted
from .region_view import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Keeper", "Result", "path_of"]

Result = Answer | Classification

NO_FILE = "“{}” was not opened from a file, so its answers cannot be kept; save it and open that."
GONE = "The image of this answer is no longer open, so the answer was not kept."

_keepers: weakref.WeakKeyDictionary[Any, Keeper] = weakref.WeakKeyDictionary()


def path_of(layer: Layer | None) -> Path | None:
    """Return the file or folder that a layer shows; None where it shows none that is there."""
    if layer is None:
        return None
    for named in (layer.metadata.get("path"), getattr(layer.source, "path", None)):
        if isinstance(named, str | Path) and str(named):
            path = Path(named).expanduser()
            try:
                if path.exists():
                    return path.absolute()
            except OSError:  # such as a name that is too long
                continue
    return None


class Keeper(QObject):
    """Keeps the results of one viewer's panels beside their images.

    Use it in the window's thread only.

    Signals
    -------
    kept(list)
        Results were written: their keys, a list of str.
    failed(str)
        Something could not be written; one sentence.
    """

    kept = Signal(list)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.wanted = False
        """Whether the user wants results kept; nothing is written before."""
        self.known: set[str] = set()
        """Keys of what was written or shown since the viewer was opened."""
        self._jobs: list[Job] = []

    @classmethod
    def of(cls, viewer: Viewer) -> Keeper:
        """Return the one keeper of a viewer."""
        viewer = unwrapped(viewer)
        keeper = _keepers.get(viewer)
        if keeper is None:
            keeper = _keepers[viewer] = cls()
        return keeper

    @property
    def is_busy(self) -> bool:
        """Whether something is being written."""
        return bool(self._jobs)

    def keep(self, *results: Result, label_set: LabelSet | None = None) -> bool:
        """Write results beside their images (in a worker), if the user wants them kept.

        Parameters
        ----------
        *results : Answer or Classification
            Of regions on layers; oldest first.
        label_set : LabelSet, optional
            Kept as well: what was chosen from.

        Returns
        -------
        bool
            Whether anything is being written.
        """
        if not self.wanted:
            return False
        by_path: dict[Path, list[tuple[Result, Any]]] = {}
        for result in results:
            image = _image_of(result)
            path = path_of(image)
            if image is None:
                self.failed.emit(GONE)
            elif path is None:
                self.failed.emit(NO_FILE.format(image.name))
            else:
                shown = [_contrast(image)] * len(result.regions)
                by_path.setdefault(path, []).append((result, shown))
        for path, some in by_path.items():
            self._write(path, some, label_set)
        return bool(by_path)

    def _write(
        self, path: Path, results: Sequence[tuple[Result, Any]], label_set: LabelSet | None
    ) -> None:
        def work(report: Any, cancel: Event) -> list[str]:
            from ..reporting.sidecar import Sidecar

            sidecar = Sidecar(path)
            if label_set is not None:
                sidecar.keep_labels(label_set)
            return [sidecar.keep(result, contrast=shown) for result, shown in results]

        job = Job(work)
        job.signals.ended.connect(self._written)
        self._jobs.append(job)
        job.start()

    def _written(self, job: Job, outcome: Outcome) -> None:
        self._jobs.remove(job)
        if outcome.error:
            self.failed.emit(outcome.error)
        elif outcome.value is not None:
            self.known.update(outcome.value)
            self.kept.emit(outcome.value)


def _image_of(result: Result) -> Image | None:
    places = [region.placement for region in result.regions]
    layers = (place.layer() for place in places if place is not None and place.layer is not None)
    return next((layer for layer in layers if isinstance(layer, Image)), None)


def _contrast(image: Image) -> tuple[float, float] | None:
    """Return the values shown as black and white; None: they are always the same."""
    if image.rgb:
        return None
    low, high = (float(value) for value in image.contrast_limits)
    return (high, low) if is_inverted(image) else (low, high)
