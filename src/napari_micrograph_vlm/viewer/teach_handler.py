"""Binds the panel that teaches a large model to the viewer and to the process that teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Shapes
from qtpy.QtCore import QTimer

from ..errors import QuestionError
from ..models.catalog import STUDENT
from ..models.own import own_folder
from ..training.adapters.settings import Progress, work_folder
from ..widgets.teach_view import HERE
from .geometry import RegionChoice
from .handler import Handler
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, Report
from .model_choice import CHANGES, ModelChoice
from .panel_jobs import PanelJobs
from .preferences import choose_model
from .run_book import RunBook
from .teach_examples import Example, chat_of, classes_in, corrected_in
from .teach_memory import memory_of
from .teach_process import teach

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.teach_view import TeachView

__all__ = ["TeachHandler"]

LARGE = (
    "The student that comes with the plugin learns by the command `train`; choose a large model "
    "above to teach it here."
)

_DELAY = 150
"""Milliseconds of rest after which the examples are listed again."""


class TeachHandler(Handler):
    """Collects right answers, has a model taught, and lets it answer afterwards.

    Parameters
    ----------
    view : TeachView
        What the user sees.
    viewer : napari.Viewer
        Whose corrections are taught.
    run : callable
        As :func:`.teach_process.teach`.
    choose : callable
        Keeps which model is asked.
    **options
        See :class:`.handler.Handler`.
    """

    shapes_choice = RegionChoice.SELECTED_SHAPES

    def __init__(
        self,
        view: TeachView,
        viewer: Viewer,
        run: Callable[..., dict[str, Any]] = teach,
        choose: Callable[..., None] = choose_model,
        **options: Any,
    ) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self._run, self._choose = run, choose
        self.examples: list[Example] = []
        self._added: list[Example] = []
        self._left_out: set[str] = set()
        self._said: dict[str, str] = {}
        self._teaching: Job | None = None
        self._jobs_here = PanelJobs()
        self._looking: Job | None = None
        self._layers = Connections()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY)
        self.choice = ModelChoice(view.models, view, self.preferences, choose)
        book = RunBook.of(viewer)
        for signal, callback in (
            (view.started, self.teach),
            (view.finished, self.save_best),
            (view.stopped, self.stop_teaching),
            (view.added, self.add),
            (view.removed, self.leave_out),
            (view.edited, self.edit),
            (view.source_changed, self.refresh_soon),
            (view.shown, self.refresh_soon),
            (view.name.textChanged, self._name_changed),
            (view.models.outdated, self._look_at_memory),
            (self.binding.changed, self.refresh_soon),
            (book.changed, self.refresh_soon),
            (book.opened, self.refresh_soon),
            (self._timer.timeout, self.refresh),
        ):
            self.connections.add(signal, callback)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            self.connections.listen(event, self.refresh_soon)
        self._propose_name()
        self.refresh()
        self._look_at_memory()

    @property
    def is_teaching(self) -> bool:
        """Whether a model is being taught."""
        return self._teaching is not None

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of view and viewer; what was learnt so far stays on disk."""
        if not self.closed:
            self._timer.stop()
            self._jobs_here.close()
            self._layers.close()
            if not deleted:
                self.choice.close()
        super().close(deleted=deleted)

    def refresh_soon(self, *_: Any) -> None:
        """List the examples again as soon as nothing changes any more."""
        self._timer.start()

    def refresh(self) -> None:
        """List what was corrected, with what was added and without what was left out."""
        self._layers.close()
        for layer in self.viewer.layers:
            if isinstance(layer, Shapes):
                self._layers.listen(layer.events.features, self.refresh_soon)
        found = [*corrected_in(self.viewer, self.binding.image), *self._added]
        self.examples = [
            replace(one, answer=self._said.get(one.key, one.answer))
            for one in found
            if one.key not in self._left_out
        ]
        self.view.show_examples([one.shown for one in self.examples])

    def add(self, question: str, answer: str) -> None:
        """Take a right answer about the chosen region."""
        with self.telling():
            if not question or not answer:
                raise QuestionError("Write a question and its right answer.")
            plan = self.binding.plan()
            key = f"added:{len(self._added)}:{question}"
            self._added.append(Example(question, answer, plan, key, self._where()))
            self.view.messages.clear()
            self.view.clear_example()
            self.refresh()

    def _where(self) -> str:
        """Return what to call the chosen region in the list."""
        drawn = self.binding.drawn
        if self.binding.layers.choice is RegionChoice.SELECTED_SHAPES and drawn is not None:
            numbers = ", ".join(str(int(i)) for i in sorted(getattr(drawn, "selected_data", ())))
            return f"{drawn.name} {numbers}"
        return str(self.binding.image.name) if self.binding.image is not None else ""

    def leave_out(self, rows: list[int]) -> None:
        """Leave out the examples of some rows."""
        self._left_out |= {self.examples[row].key for row in rows if row < len(self.examples)}
        self.refresh()

    def edit(self, row: int, answer: str) -> None:
        """Take another right answer for a row; an empty one is not taken."""
        if answer and row < len(self.examples):
            self._said[self.examples[row].key] = answer
        self.refresh()

    def teach(self) -> None:
        """Teach the chosen model, or go on with it."""
        self._start(finish=False)

    def save_best(self) -> None:
        """Save the best state of a training that was stopped."""
        self._start(finish=True)

    def stop_teaching(self) -> None:
        """Stop after this step; what was learnt can be gone on with."""
        if self._teaching is not None:
            self.view.show_busy("Stopping after this step…")
            self._jobs_here.stop(self._teaching)

    def _start(self, *, finish: bool) -> None:
        if self._teaching is not None:
            return
        self.view.messages.clear()
        with self.telling():
            model, device, precision = self.preferences().which
            if model in (None, STUDENT.name):
                raise QuestionError(LARGE)
            output = own_folder(self.view.name.text().strip())
            kept = work_folder(output) / "conversations"
            here = self.view.source == HERE and not kept.is_dir()
            examples = list(self.examples) if here else []
            if here:
                _check(examples)
            data = str(kept) if self.view.source == HERE else self.view.folder.text().strip()
            if not data:
                raise QuestionError("Choose the folder or run to teach first.")
            arguments = [
                data,
                *("--model", str(model), "--output", str(output)),
                *("--device", device or "auto", "--precision", precision or "auto"),
                *self._settings(),
                *(["--finish"] if finish else []),
            ]
            models, run = self.models, self._run

            def work(report: Callable[[Report, Any], None], cancel: Event) -> dict[str, Any]:
                skipped: list[str] = []
                if examples:
                    from ..training.adapters.from_regions import keep_examples

                    report(Report.STAGE, "Reading the examples…")
                    chats = chat_of(examples, skipped.append, cancel)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    keep_examples(chats, kept, "Corrections made in napari")
                memory = memory_of(str(model), device, precision)
                if memory.short and models.held is not None:
                    report(Report.STAGE, "Making room…")
                    models.unload(cancel)
                report(Report.STAGE, "Starting…")
                outcome = run(arguments, lambda at: report(Report.COUNT, at), cancel)
                return {**outcome, "skipped": [*skipped, *outcome["skipped"]]}

            self.view.curve.clear()
            self.view.curve.show()
            self.view.show_busy("Starting…")
            self._teaching = self._jobs_here.start(work, self._taught, self._told)

    def _settings(self) -> list[str]:
        view = self.view
        chosen = {
            "--epochs": view.epochs.value(),
            "--learning-rate": view.rate.value(),
            "--batch": view.batch.value(),
            "--rank": view.rank.value(),
        }
        given = [text for name, value in chosen.items() for text in (name, f"{value:g}")]
        return [*given, *(["--merged"] if view.whole.isChecked() else [])]

    def _told(self, kind: Report, value: Any) -> None:
        if kind is Report.STAGE:
            self.view.show_busy(str(value))
        elif kind is Report.COUNT:
            at: Progress = value
            if at.stage:
                self.view.show_busy(at.stage, at.step, at.steps)
                return
            self.view.curve.add(at.step, at.steps, at.loss, at.validation)
            held = f"; held out {at.validation:.3f}" if isfinite(at.validation) else ""
            loss = f", loss {at.loss:.3f}" if isfinite(at.loss) else ""
            text = f"Step {at.step} of {at.steps}{loss}{held}"
            self.view.show_busy(text, at.step, at.steps)

    def _taught(self, outcome: Outcome) -> None:
        self._teaching = None
        self.view.show_idle()
        self._name_changed()
        if outcome.error:
            self.view.messages.warn(outcome.error)
        elif outcome.value is None:
            self.view.messages.inform("Stopped; “Go on” teaches on where it was.")
        else:
            with self.telling():
                self._take(outcome.value)

    def _take(self, found: dict[str, Any]) -> None:
        """Let a taught model answer, if it got better."""
        folder = Path(found["folder"])
        first, best = found["first"], found["best"]
        better = first is not None and best is not None and best < first
        skipped = found["skipped"]
        left = f" {len(skipped)} left out: {skipped[0]}" if skipped else ""
        if not better:
            self.view.messages.warn(
                f"Saved as {folder.name}, but on answers held out it got no better; teach with "
                f"more examples.{left}"
            )
        else:
            self._choose(model=str(folder))
            self.view.messages.inform(
                f"Saved as {folder.name}; it answers from now on. Loss on answers held out: "
                f"{first:.3f} before, {best:.3f} now.{left}"
            )
        CHANGES.happened.emit()
        self._propose_name()

    def _propose_name(self) -> None:
        """Offer a name that is free yet."""
        model = self.preferences().model
        stem = "student" if model is None else Path(model).name
        stem = stem.partition("-taught")[0]
        name, number = f"{stem}-taught", 2
        while own_folder(name).exists():
            name, number = f"{stem}-taught-{number}", number + 1
        self.view.name.setText(name)

    def _name_changed(self, *_: Any) -> None:
        try:
            work = work_folder(own_folder(self.view.name.text().strip()))
        except QuestionError:
            self.view.allow_finish(False)
            return
        self.view.allow_finish((work / "training.json").is_file())

    def _look_at_memory(self) -> None:
        self._jobs_here.stop(self._looking)
        which = self.preferences().which
        if which[0] in (None, STUDENT.name):
            self.view.memory.setText(LARGE)
            return
        if not self.is_teaching:
            self._propose_name()

        def told(outcome: Outcome) -> None:
            if not outcome.stopped:
                self.view.memory.setText(outcome.error or outcome.value.text)

        model, device, precision = which
        self._looking = self._jobs_here.start(
            lambda _report, _cancel: memory_of(str(model), device, precision),
            told,
            pool=Pool.THUMBNAILS,
        )


def _check(examples: list[Example]) -> None:
    """See that there is something to learn and something to measure by.

    Raises
    ------
    QuestionError
        If there are fewer than two examples, or all are of one class.
    """
    if len(examples) < 2:
        raise QuestionError(
            "Correct at least two regions in “Classify regions” or “Review”, or write right "
            "answers here."
        )
    asked = [one for one in examples if not one.question]
    if asked and len(classes_in(examples)) < 2:
        raise QuestionError(
            f"Every region is called {asked[0].answer!r}; give some of another class, too."
        )
