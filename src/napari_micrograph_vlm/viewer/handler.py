"""What every handler shares: connections that can be undone, and jobs that never outlive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from .geometry import RegionChoice
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Report, Work, sentence_of
from .handler_regions import RegionBinding
from .models import MODELS, ModelHolder
from .preferences import Preferences, read_preferences

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from ..widgets.ask_view import AskView
    from ..widgets.classify_view import ClassifyView
    from ..widgets.compare_view import CompareView
    from ..widgets.similar_view import SimilarView
    from ..widgets.structure_view import StructureView
    from ..widgets.teach_view import TeachView

    RegionView = AskView | ClassifyView | CompareView | SimilarView | StructureView | TeachView
    """A panel about regions of an image."""

__all__ = ["Handler"]


class Handler(QObject):
    """Binds a view to the viewer and the model.

    Parameters
    ----------
    view : RegionView
        What the user sees.
    viewer : napari.Viewer
        Whose images are asked about.
    models : ModelHolder
        Where models come from; shared by all panels.
    preferences : callable
        Returns the current preferences.
    """

    shapes_choice = RegionChoice.SELECTED_SHAPES
    """What is looked at once the user starts to draw shapes."""

    together = 1
    """How many regions the model looks at together."""

    tells_conditions = False
    """Whether the model is told scale and instrument, as it is before a question."""

    image_gone = "The image was removed while the answer was being written."
    image_changed = "The image was changed while the answer was being written."

    def __init__(
        self,
        view: RegionView,
        viewer: Viewer,
        models: ModelHolder = MODELS,
        preferences: Callable[[], Preferences] = read_preferences,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.models = models
        self.preferences = preferences
        self.closed = False
        self._panel = view
        self._jobs: dict[Job, Image | None] = {}
        self._job: Job | None = None
        self._asking: Job | None = None
        self.connections = Connections()
        self._image_connections = Connections()
        self.binding = RegionBinding(
            view,
            viewer,
            models,
            preferences,
            self.shapes_choice,
            self.together,
            tells=self.tells_conditions,
        )
        self.connections.listen(viewer.layers.events.removed, self._layer_removed)
        self.connections.add(view.stopped, self.stop)
        self.connections.add(view.closed, self._view_closed)
        view.destroyed.connect(self._view_deleted)

    @property
    def is_busy(self) -> bool:
        """Whether a job has not ended yet, be it a stopped one."""
        return bool(self._jobs)

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of view and viewer; nothing is touched afterwards.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.closed:
            return
        self.closed = True
        for job in self._jobs:
            job.stop()
            for signal in (job.signals.reported, job.signals.ended):
                signal.disconnect()
        self._jobs.clear()
        self._job = None
        self._image_connections.close()
        self.binding.close(deleted=deleted)
        self.connections.close(deleted=deleted)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn any error in the ``with`` block into a sentence in the panel."""
        try:
            yield
        except Exception as error:
            self._panel.messages.warn(sentence_of(error))

    def stop(self) -> None:
        """Stop the current job; what it has found stays."""
        if self._job is not None:
            self._panel.show_busy("Stopping…")
            self._stop(self._job)

    def start(self, work: Work, image: Image | None) -> Job:
        """Start a job about ``image``, stopping the one before."""
        job = Job(work)
        job.signals.reported.connect(self._reported)
        job.signals.ended.connect(self._ended)
        before, self._job = self._job, job
        self._jobs[job] = image
        if before is not None:
            self._stop(before)
        self._image_connections.close()
        if image is not None:
            self._image_connections.listen(image.events.data, self._data_replaced)
        job.start()
        return job

    def is_running(self, job: Job) -> bool:
        """Whether a job is the current one and was not told to stop."""
        return job is self._job and not job.cancelled.is_set()

    def _stop(self, job: Job, reason: str = "") -> None:
        job.stop(reason)
        if not job.begun:
            # It waits for a thread and does nothing once it has one: nobody need wait for that.
            self._ended(job, Outcome(stopped=True))

    def _view_closed(self) -> None:
        self.close()

    def _view_deleted(self) -> None:
        self.close(deleted=True)

    def _reported(self, job: Job, kind: Report, value: Any) -> None:
        if self.closed or job not in self._jobs:
            return
        if kind is not Report.CONSENT:
            self.on_report(job, kind, value)
        elif self.is_running(job):
            self._asking = job
            self._panel.show_busy("Waiting for your answer…")
            self._panel.messages.ask(value.needed.question, "Send", "Do not send", value.decide)

    def _ended(self, job: Job, outcome: Outcome) -> None:
        if self.closed or job not in self._jobs:
            return
        image = self._jobs.pop(job)
        if job is self._asking:
            self._asking = None
            if self._panel.messages.is_asking:  # nobody waits for the answer any more
                self._panel.messages.clear()
        current = job is self._job
        if current:
            self._job = None
            self._image_connections.close()
            self._panel.show_idle()
        self.on_end(job, outcome, image, current)
        if current and not outcome.stopped:
            self.binding.refresh()

    def _layer_removed(self, event: Any) -> None:
        self._stop_about(event.value, self.image_gone)

    def _data_replaced(self, event: Any) -> None:
        self._stop_about(event.source, self.image_changed)

    def _stop_about(self, layer: Layer, reason: str) -> None:
        for job, image in list(self._jobs.items()):
            if image is layer:
                self._stop(job, reason)

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Take news of a running job."""

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Take what a job found; ``current``: no other was started since."""
