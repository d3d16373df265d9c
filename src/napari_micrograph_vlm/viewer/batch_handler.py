"""Binds the batch panel to the viewer, the model and the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import QObject

from ..errors import QuestionError, SourceError
from ..labelling.label_sets import LabelSet
from ..runs.items import Source, Task
from ..runs.progress import Progress, duration
from .batch_journal import begin, default_journal
from .batch_layers import BatchLayers
from .batch_news import Begun, finished, known_places
from .class_files import ClassFiles
from .consent import destination, wait_for_consent
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Report, sentence_of
from .item_features import write_findings
from .layer_sources import LookAt, plan_source
from .model_choice import ModelChoice
from .models import MODELS, ModelHolder
from .panel_jobs import PanelJobs
from .preferences import Preferences, read_preferences
from .run_book import RunBook
from .shared_model import share

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.batch_view import BatchView

__all__ = ["BatchHandler"]


class BatchHandler(QObject):
    """Runs through what was chosen; what it finds is in the viewer's :class:`RunBook`.

    Parameters
    ----------
    view : BatchView
        What the user sees.
    viewer : napari.Viewer
        Whose images are looked at.
    models : ModelHolder
        Where models come from; shared by all panels.
    preferences : callable
        Returns the current preferences.
    journal : callable
        Returns where a journal lies if the user chooses nothing else.
    """

    def __init__(
        self,
        view: BatchView,
        viewer: Viewer,
        models: ModelHolder = MODELS,
        preferences: Callable[[], Preferences] = read_preferences,
        journal: Callable[[str, str], Path] = default_journal,
    ) -> None:
        super().__init__()
        self.view = view
        self.viewer = viewer
        self.models = models
        self.preferences = preferences
        self.book = RunBook.of(viewer)
        self.closed = False
        self._journal_for = journal
        self._journal_by_hand = False
        self._jobs = PanelJobs()
        self._job: Job | None = None
        self._pause = Event()
        self._asking = False
        self._layers: tuple[Layer | None, Layer | None] = (None, None)
        self._begun: Begun | None = None
        self._told: set[str] = set()
        self._last: Progress | None = None
        self._since = 0.0
        self.connections = Connections()
        self._image_connections = Connections()
        self.layers = BatchLayers(view.source, viewer, self.connections)
        self.choice = ModelChoice(view.models, view, preferences)
        self.files = ClassFiles(view.classes, view.messages, self.connections)
        for signal, slot in (
            (view.started, self.start),
            (view.paused, self.pause),
            (view.stopped, self.stop),
            (view.journal_changed, self._journal_chosen),
            (view.closed, self._view_closed),
            (self.layers.changed, self._source_changed),
        ):
            self.connections.add(signal, slot)
        self.connections.listen(viewer.layers.events.removed, self._layer_removed)
        view.destroyed.connect(self._view_deleted)
        self._source_changed()

    @property
    def is_busy(self) -> bool:
        """Whether anything goes on, be it a stopped run that has not ended."""
        return self._jobs.is_busy

    def close(self, *, deleted: bool = False) -> None:
        """Stop the run and let go of view and viewer; what was done is in the journal.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.closed:
            return
        self.closed = True
        self._pause.clear()
        self._jobs.close()
        self.choice.close() if not deleted else None
        self._image_connections.close()
        self.connections.close(deleted=deleted)

    def start(self) -> None:
        """Begin, or go on where a run of the same stopped."""
        if self._job is not None:
            return
        self.view.messages.clear()
        try:
            task = self._task()
            plan = self._plan()
            path = Path(self.view.journal_path).expanduser()
            if not self.view.journal_path:
                raise QuestionError("Choose where the journal of the run lies first.")
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            return
        chosen = self.preferences()
        models, pause = self.models, self._pause
        pause.clear()

        def work(report: Any, cancel: Event) -> Progress:
            from ..runs.run import run_batch, run_of

            source = plan()
            wait_for_consent(chosen.model, report, cancel)
            model = share(
                models,
                chosen.which,
                cancel,
                lambda: report(Report.STAGE, "Loading the model…"),
            )
            journal, why = begin(path, run_of(source, task, model))
            keys: list[str] = []

            def tell(progress: Progress) -> None:
                report(Report.COUNT, (progress, tuple(keys)))
                keys.clear()

            with journal:
                where = journal.path or path
                begun = Begun(where, journal.resumed, len(journal), why, *known_places(source))
                report(Report.TEXT, begun)
                return run_batch(
                    source,
                    task,
                    model,
                    journal,
                    on_finding=lambda finding: keys.append(finding.item.key),
                    on_progress=tell,
                    pause=pause,
                    cancel=cancel,
                )

        self._begun, self._last, self._told = None, None, set()
        self._since = monotonic()
        self._watch()
        self.view.show_destination(destination(chosen.model))
        self.view.show_busy("Finding out what there is…")
        self._job = self._jobs.start(work, self._ended, self._reported)

    def pause(self, paused: bool) -> None:
        """Let the run wait, or go on."""
        if paused:
            self._pause.set()
        else:
            self._pause.clear()
        if self._job is not None and self._last is not None:
            self._show(self._last)

    def stop(self) -> None:
        """End the run; what was done stays, and it can go on later."""
        if self._job is not None:
            self.view.show_busy("Stopping…")
            self._jobs.stop(self._job)

    def _task(self) -> Task:
        label_set: LabelSet | None = None
        if self.view.classify.isChecked():
            label_set = self.view.classes.label_set
        questions = self.view.asked
        if label_set is None and not questions:
            raise QuestionError("Ask for a class, or write at least one question.")
        threshold = self.view.unknown_below if label_set is not None else 0.0
        return Task(
            questions,
            label_set,
            threshold,
            max_tokens=self.preferences().max_tokens,
            measure=self.view.measure.isChecked(),
        )

    def _plan(self) -> Callable[[], Source]:
        source, look_at = self.view.source, self.layers.look_at
        if look_at is LookAt.FOLDER:
            folder, pattern = source.folder.text().strip(), source.pattern.text().strip()
            bar = source.include_bar.isChecked()
            if not folder:
                raise SourceError("Choose the folder to go through first.")

            def plan() -> Source:
                from ..runs.folder_source import FolderSource

                return FolderSource(folder, pattern or "**/*", include_bar=bar)

            return plan
        from ..runs.tiles import Tiles

        tiles = Tiles(
            source.side.value(),
            min(source.overlap.value(), source.side.value() // 2),
            source.skip_empty.isChecked(),
        )
        return plan_source(
            self.viewer,
            self.layers.image,
            look_at,
            drawn=self.layers.drawn,
            axis=source.axis,
            tiles=tiles,
        )

    def _watch(self) -> None:
        """Notice when what is looked at changes or goes."""
        image = drawn = None
        if self.layers.look_at is not LookAt.FOLDER:
            image, drawn = self.layers.image, self.layers.drawn
        self._layers = (image, drawn)
        self._image_connections.close()
        if image is not None:
            self._image_connections.listen(image.events.data, self._data_replaced)

    def _source_changed(self) -> None:
        if self._job is None:  # what is told of the run before is not about this
            self.view.messages.clear()
        if self._journal_by_hand:
            return
        look_at, image = self.layers.look_at, self.layers.image
        folder = self.view.source.folder.text().strip()
        name = folder if look_at is LookAt.FOLDER else "" if image is None else str(image.name)
        self.view.show_journal(str(self._journal_for(str(look_at), name)) if name else "")

    def _journal_chosen(self) -> None:
        # An empty line is no choice: the next change of the source fills it again.
        self._journal_by_hand = bool(self.view.journal_path)

    def _reported(self, kind: Report, value: Any) -> None:
        if kind is Report.CONSENT:
            self._asking = True
            self.view.show_busy("Waiting for your answer…")
            self.view.messages.ask(value.needed.question, "Send", "Do not send", value.decide)
        elif kind is Report.STAGE:
            self.view.show_busy(str(value))
        elif kind is Report.TEXT:
            self._journal_open(value)
        elif kind is Report.COUNT:
            progress, keys = value
            self._last = progress
            self._show(progress)
            if keys:
                self._told.update(keys)
                self.book.changed.emit(list(keys))

    def _journal_open(self, begun: Begun) -> None:
        from ..runs.journal import Journal

        self._begun = begun
        try:
            self.book.open(Journal.open(begun.path), begun.places)
        except Exception as error:  # the run itself goes on
            self.view.messages.warn(sentence_of(error))
            return
        if begun.why:
            self.view.messages.inform(begun.why)
        elif begun.resumed and begun.known:
            self.view.messages.inform(
                f"Goes on where it stopped: {begun.known} items were done before."
            )

    def _show(self, progress: Progress) -> None:
        text = progress.text
        if self._pause.is_set():
            # No time left is told: it would be that of a run that goes on.
            text = f"Paused at {replace(progress, seconds_left=None).text}"
        self.view.show_busy(text, progress.done + progress.skipped, progress.total)

    def _ended(self, outcome: Outcome) -> None:
        job, self._job = self._job, None
        self._image_connections.close()
        self._pause.clear()
        if self._asking:
            self._asking = False
            if self.view.messages.is_asking:  # nobody waits for the answer any more
                self.view.messages.clear()
        self.view.show_idle()
        begun = self._begun
        if begun is None:
            if outcome.error:
                self.view.messages.warn(outcome.error)
            elif outcome.stopped:
                self.view.messages.inform("Stopped before anything was looked at.")
            return
        seconds = monotonic() - self._since
        reason = job.reason if job is not None else ""
        kept = f" What was done is kept in {begun.path.name}; Start goes on."
        if reason or outcome.error:
            self.view.messages.warn((reason or outcome.error) + kept)
        elif outcome.stopped:
            self.view.messages.inform("Stopped." + kept)
        else:
            self.view.messages.inform(self._summary(outcome.value, begun, seconds))
        self._jobs.start(lambda report, cancel: finished(begun), self._write)

    def _summary(self, progress: Progress, begun: Begun, seconds: float) -> str:
        if begun.known >= progress.done + progress.skipped:
            return f"All {begun.known} items were done before; nothing was asked again."
        words = f"{progress.done} items looked at"
        if progress.skipped - progress.empty:
            words += f", {progress.skipped - progress.empty} skipped"
        if progress.empty:
            words += f", {progress.empty} empty tiles left out"
        new = f" in {duration(seconds)}"
        why = f" {begun.why}" if begun.why else ""
        return f"{words}{new}; kept in {begun.path.name}.{why}"

    def _write(self, outcome: Outcome) -> None:
        """Write classes beside shapes and objects, and tell of findings nobody heard of."""
        if outcome.value is None:
            return
        run, findings, keys = outcome.value
        try:
            write_findings(self.viewer, findings, run)
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
        missed = [key for key in keys if key not in self._told]
        begun = self._begun
        journal = self.book.journal
        if missed and begun is not None and journal is not None and journal.path == begun.path:
            self.book.changed.emit(missed)

    def _layer_removed(self, event: Any) -> None:
        image, drawn = self._layers
        if self._job is None:
            return
        if image is not None and event.value is image:
            self._jobs.stop(self._job, f"“{image.name}” was removed, so the run stopped.")
        elif drawn is not None and event.value is drawn:
            self.view.messages.inform(
                f"“{drawn.name}” was removed; the run goes on with what was drawn there."
            )

    def _data_replaced(self, event: Any) -> None:
        if self._job is not None:
            name = getattr(event.source, "name", "The image")
            self._jobs.stop(self._job, f"“{name}” now holds other data, so the run stopped.")

    def _view_closed(self) -> None:
        self.close()

    def _view_deleted(self) -> None:
        self.close(deleted=True)
