"""Binds the learning part of the classification panel to shapes, folders and the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from ..errors import ModelError, QuestionError
from ..labelling import PRESETS
from ..labelling.folders import ExampleFiles, examples_in
from ..labelling.kept import keep, kept_sets, kept_sets_folder, learnt_folder
from ..labelling.label_sets import fold
from ..models.consent import is_remote
from ..regions import Region
from .examples import (
    NO_SHAPES,
    Count,
    Found,
    Learn,
    check_enough,
    classes_for,
    counted,
    from_files,
    from_shapes,
    labelled,
    plan_examples,
    tried,
)
from .features import CORRECTED, label_columns, write_labels
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Report, sentence_of
from .handler_regions import RegionBinding
from .models import ModelHolder
from .panel_jobs import PanelJobs
from .preferences import Preferences

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..labelling.label_sets import LabelSet
    from ..labelling.learning import Learnt
    from ..models.base import Model
    from ..widgets.classify_view import ClassifyView

__all__ = ["LearnHandler"]

COLUMN = "class"
"""The feature that classes are written to unless another is chosen."""

_DELAY = 150
"""Milliseconds of rest after which examples are counted again."""

Examples = list[tuple[Region, str]]
Picture = NDArray[np.uint8]


class LearnHandler(QObject):
    """Collects examples, learns from them in a worker, and hands out what was learnt.

    Parameters
    ----------
    view : ClassifyView
        What the user sees.
    viewer : napari.Viewer
        Whose shapes are examples.
    binding : RegionBinding
        Knows image and shapes.
    models : ModelHolder
        Where models come from.
    preferences : callable
        Returns the current preferences.
    corrected : callable
        Returns corrected regions that are no shapes of a layer, with their classes.
    """

    def __init__(
        self,
        view: ClassifyView,
        viewer: Viewer,
        binding: RegionBinding,
        models: ModelHolder,
        preferences: Callable[[], Preferences],
        corrected: Callable[[], Examples],
    ) -> None:
        super().__init__()
        self._panel = view
        self._view = view.learn
        self._viewer = viewer
        self._binding = binding
        self._models = models
        self._preferences = preferences
        self._corrected = corrected
        self.learnt: Learnt | None = None
        self._job: Job | None = None
        self._walks = PanelJobs()
        self._walking: Job | None = None
        self._adopts = False
        self._new: Examples = []
        self._shapes: Shapes | None = None
        self._connections, self._layer_connections = Connections(), Connections()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY)
        learn = self._view
        learn.start_folder = str(kept_sets_folder())
        for signal, callback in (
            (learn.examples_changed, self.refresh),
            (learn.label_wanted, self.label),
            (learn.started, self.start),
            (learn.stopped, self.stop),
            (learn.save_wanted, self.save),
            (learn.load_wanted, self.load),
            (view.classes.changed, self._classes_changed),
            (binding.changed, self._layer_changed),
            (self._timer.timeout, self.refresh),
        ):
            self._connections.add(signal, callback)
        self._layer_changed()
        self._classes_changed()

    @property
    def is_busy(self) -> bool:
        """Whether it is learning, saving or loading."""
        return self._job is not None or self._walks.is_busy

    def close(self, *, deleted: bool = False) -> None:
        """Stop and let go of view and viewer."""
        self._timer.stop()
        self._walks.close()
        if self._job is not None:
            for signal in (self._job.signals.reported, self._job.signals.ended):
                signal.disconnect()
            self._job.stop()
            self._job = None
        self._layer_connections.close()
        self._connections.close(deleted=deleted)

    def wrap(self) -> Callable[[Model], Model]:
        """Return what makes a model one that uses what was learnt, where the user wants that."""
        learnt = self.learnt
        if learnt is None or not self._view.uses:
            return lambda model: model

        def wrapped(model: Model) -> Model:
            from ..labelling.learnt_model import LearntModel

            return LearntModel(model, learnt)

        return wrapped

    def label(self, name: str) -> None:
        """Give the selected shapes a class."""
        with self._telling():
            shapes = self._binding.drawn
            if not isinstance(shapes, Shapes):
                raise QuestionError(NO_SHAPES)
            selected = sorted(int(i) for i in shapes.selected_data)
            if not selected:
                raise QuestionError(
                    f"No shape of “{shapes.name}” is selected; click one with the select tool."
                )
            write_labels(shapes, dict.fromkeys(selected, name), self._view.chosen_column)
            self.refresh()

    def start(self) -> None:
        """Learn from the chosen examples."""
        with self._telling():
            self._check_model()
            if self._view.in_shapes:
                plan, names = plan_examples(
                    self._viewer,
                    self._binding.image,
                    self._binding.drawn,
                    self._view.chosen_column,
                )
                self._learn(names, lambda *known: from_shapes(plan, names, *known))
            else:
                self._walk(self._learn_files)
                self._view.show_busy("Reading the folder…")

    def add(self, region: Region, name: str) -> None:
        """Learn from a region that a person has just corrected; nothing was learnt: nothing."""
        if self.learnt is None or name not in self.learnt.label_set.names:
            return
        self._new.append((region, name))
        self._learn_more()

    def save(self) -> None:
        """Save what was learnt beside its list of classes, which is remembered, too."""
        learnt = self.learnt
        if learnt is None:
            return
        with self._telling():
            labels = learnt.label_set
            if PRESETS.get(labels.name) != labels:
                keep(labels)
                self._panel.classes.set_kept(kept_sets())
                self._panel.classes.use(labels)
            folder = learnt_folder(labels)
            learnt.save(folder)
            self._panel.messages.inform(f"What was learnt was saved in {folder}.")
            self._panel.show_messages()

    def load(self, folder: str) -> None:
        """Load what was learnt before, with its classes."""

        def work(model: Model, report: Count, cancel: Event) -> Found:
            from ..labelling.learning import Learnt

            return Learnt.load(folder, model), []

        with self._telling():
            self._check_model()
            self._run(work, "Loading…", adopt=True)

    def stop(self) -> None:
        """Stop learning; what was learnt before stays."""
        self._walks.stop(self._walking)
        if self._job is not None:
            self._view.show_busy("Stopping…")
            self._job.stop()

    def refresh(self) -> None:
        """Show which features there are, and count the examples."""
        view = self._view
        if not view.in_shapes:
            view.show_counts("")
            if view.folder.text():
                view.show_counts("Counting the pictures…")
                self._walk(self._count_files)
            return
        self._walks.stop(self._walking)
        shapes = self._binding.drawn
        shapes = shapes if isinstance(shapes, Shapes) else None
        found = [] if shapes is None else label_columns(shapes)
        others = [name for name in found if name not in (COLUMN, CORRECTED)]
        items = [(name, name) for name in (COLUMN, *others)]
        view.set_columns([*items, (CORRECTED, "corrected here")], COLUMN)
        names = [] if shapes is None else list(labelled(shapes, view.chosen_column).values())
        view.show_counts(counted(names) if shapes is not None else NO_SHAPES)

    def _classes(self, names: Sequence[str]) -> LabelSet:
        """Return the classes to learn from examples with these names; complain of too few."""
        check_enough(self._panel.classes.labels, names)
        return classes_for(self._panel.classes, names)

    def _learn(self, names: Sequence[str], learner: Callable[[Examples, LabelSet], Learn]) -> None:
        """Learn from examples with these names and from what was corrected."""
        more = self._corrected()
        labels = self._classes([*names, *(name for _, name in more)])
        self._new.clear()
        self._run(learner(more, labels), "Reading the examples…")

    def _walk(self, ended: Callable[[Outcome], None]) -> None:
        """List the examples in the chosen folder, which may be large and far away."""
        folder = self._view.folder.text()
        if not folder:
            raise QuestionError("Choose the folder of examples first.")
        self._walks.stop(self._walking)
        self._walking = self._walks.start(lambda _report, _cancel: examples_in(Path(folder)), ended)

    def _count_files(self, outcome: Outcome) -> None:
        if not outcome.stopped:
            found: ExampleFiles | None = outcome.value
            names = [] if found is None else [name for _, name in found.files]
            self._view.show_counts(outcome.error or counted(names))

    def _learn_files(self, outcome: Outcome) -> None:
        self._view.show_idle()
        if outcome.error:
            self._warn(outcome.error)
        elif outcome.value is not None:
            files: ExampleFiles = outcome.value
            with self._telling():
                self._learn(
                    [name for _, name in files.files], lambda *known: from_files(files, *known)
                )

    def _check_model(self) -> None:
        """Complain of a model elsewhere before pixels are sent anywhere."""
        if is_remote(self._preferences().model):
            raise ModelError(
                "A model behind a server does not show what it sees; choose one that runs here."
            )

    def _run(self, work: Learn, what: str, *, adopt: bool = False) -> None:
        """Start the job; ``adopt``: its classes are shown when it is done."""
        chosen, models = self._preferences(), self._models

        def run(report: Any, cancel: Event) -> tuple[Learnt, Picture, list[str]]:
            from ..labelling.confusion_picture import confusion_picture

            with models.use(
                *chosen.which,
                cancel=cancel,
                on_load=lambda: report(Report.STAGE, "Loading the model…"),
            ) as model:
                learnt, skipped = work(model, lambda n, of: report(Report.COUNT, (n, of)), cancel)
            trial = learnt.trial
            return learnt, confusion_picture(trial.confusion, trial.names), skipped

        self._job, self._adopts = Job(run), adopt
        self._job.signals.reported.connect(self._reported)
        self._job.signals.ended.connect(self._ended)
        self._view.show_busy(what)
        self._job.start()

    def _learn_more(self) -> None:
        if self._job is not None or not self._new or self.learnt is None:
            return
        before, new = self.learnt, list(self._new)
        self._new.clear()

        def work(model: Model, report: Count, cancel: Event) -> Found:
            return before.add(model, new, cancel=cancel), []

        self._run(work, "Learning from what you corrected…")

    def _reported(self, job: Job, kind: Report, value: Any) -> None:
        if job is not self._job or job.cancelled.is_set():
            return
        if kind is Report.STAGE:
            self._view.show_busy(str(value))
        else:
            done, of = value
            what = f"Looking at the examples: {done} of {of}" if done < of else "Trying it…"
            self._view.show_busy(what, done if done < of else 0, of if done < of else 0)

    def _ended(self, job: Job, outcome: Outcome) -> None:
        if job is not self._job:
            return
        self._job = None
        self._view.show_idle()
        if outcome.value is None:
            if outcome.error:
                self._warn(outcome.error)
            return
        learnt, picture, skipped = outcome.value
        self.learnt = learnt
        if self._adopts:
            self._panel.classes.use(learnt.label_set)
        self._show(picture)
        if skipped:
            some = "1 picture was" if len(skipped) == 1 else f"{len(skipped)} pictures were"
            self._warn(f"{some} passed over; the first: {skipped[0]}")
        self._learn_more()

    def _show(self, picture: Picture) -> None:
        assert self.learnt is not None
        trial = self.learnt.trial
        self._view.show_learnt(picture, tried(trial), trial.advice)
        self._classes_changed()

    def _classes_changed(self) -> None:
        labels = self._panel.classes.labels
        self._view.set_labels(labels)
        if self.learnt is None:
            self._view.allow_use(False, "Learn first, or load what was learnt before")
            return
        mine = sorted(map(fold, self.learnt.label_set.names))
        same = sorted(map(fold, labels)) == mine
        self._view.allow_use(same, "What was learnt knows other classes; learn again")

    def _layer_changed(self) -> None:
        shapes = self._binding.drawn
        shapes = shapes if isinstance(shapes, Shapes) else None
        if shapes is not self._shapes:
            self._layer_connections.close()
            self._shapes = shapes
            if shapes is not None:
                self._layer_connections.listen(shapes.events.features, self._features_changed)
            self.refresh()
        else:
            self._features_changed()

    def _features_changed(self, event: Any = None) -> None:
        self._timer.start()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        self._panel.messages.clear()
        try:
            yield
        except Exception as error:
            self._warn(sentence_of(error))

    def _warn(self, sentence: str) -> None:
        self._panel.messages.warn(sentence)
        self._panel.show_messages()
