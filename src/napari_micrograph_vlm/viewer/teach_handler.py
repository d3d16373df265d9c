"""Binds the panel that teaches a large model to the viewer and to the process that teaches."""

from __future__ import annotations

from collections import Counter
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
from ..training.adapters.from_regions import is_conversations, keep_examples, made_of
from ..training.adapters.settings import Progress, has_begun, work_folder
from ..widgets.teach_view import HERE
from .geometry import RegionChoice
from .handler import Handler
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, Report
from .model_choice import CHANGES, ModelChoice
from .panel_jobs import PanelJobs
from .preferences import choose_model
from .run_book import RunBook
from .teach_examples import Example, chat_of, corrected_in
from .teach_form import arguments_of, check_examples, form_of, free_folder
from .teach_memory import memory_of
from .teach_process import teach
from .teach_resume import TeachResume
from .teach_stopped import remember, running

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.teach_view import TeachView

__all__ = ["TeachHandler"]

LARGE = (
    "The student that comes with the plugin learns by the command `train`; choose a large model "
    "above to teach it here, or download one in the panel “Models”."
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
        self._left_out: list[set[str]] = []
        self._said: dict[str, str] = {}
        self._teaching: Job | None = None
        self.jobs_here = PanelJobs()
        self._looking: Job | None = None
        self._layers = Connections()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY)
        self.choice = ModelChoice(view.models, view, self.preferences, choose)
        self.stopped = TeachResume(self)
        book = RunBook.of(viewer)
        for signal, callback in (
            (view.started, self.teach),
            (view.finished, self.save_best),
            (view.stopped, self.stop_teaching),
            (view.added, self.add),
            (view.removed, self.leave_out),
            (view.restored, self.put_back),
            (view.edited, self.edit),
            (view.source_changed, self.refresh_soon),
            (view.shown, self.refresh_soon),
            (view.name.textChanged, self.name_changed),
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
            self.jobs_here.close()
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
        left_out = set().union(*self._left_out)
        self.examples = [
            replace(one, answer=self._said.get(one.key, one.answer))
            for one in found
            if one.key not in left_out
        ]
        shown = [one.shown for one in self.examples]
        self.view.show_examples(shown, left_out=len(found) - len(shown))

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
        if not rows:
            self.view.messages.inform("Select examples in the list above first.")
            return
        keys = {self.examples[row].key for row in rows if row < len(self.examples)}
        self._left_out.append(keys)
        self.refresh()

    def put_back(self) -> None:
        """List again the examples that were left out last, as far as they are still there."""
        before = len(self.examples)
        while self._left_out and len(self.examples) == before:
            self._left_out.pop()
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
            self.jobs_here.stop(self._teaching)

    def _start(self, *, finish: bool) -> None:
        if self._teaching is not None:
            return
        self.view.messages.clear()
        with self.telling():
            model, device, precision = self.preferences().which
            if model in (None, STUDENT.name):
                raise QuestionError(LARGE)
            output = free_folder(self.view.name.text().strip())
            work_at = work_folder(output)
            kept = work_at / "conversations"
            # What a training was begun with stays; before, what is kept may be out of date.
            goes_on = has_begun(work_at) and is_conversations(kept)
            here = self.view.source == HERE
            examples = list(self.examples) if here and not goes_on else []
            if here and goes_on:
                self._tell_of_new(kept)
            elif here:
                check_examples(examples)
            data = str(kept) if self.view.source == HERE else self.view.folder.text().strip()
            if not data:
                raise QuestionError("Choose the folder or run to teach first.")
            form = {
                **form_of(self.view),
                **{"model": str(model), "device": device, "precision": precision},
            }
            arguments = [
                data,
                *("--model", str(model), "--output", str(output)),
                *("--device", device or "auto", "--precision", precision or "auto"),
                *arguments_of(form),
                *(["--finish"] if finish else []),
            ]
            models, run = self.models, self._run
            begun = has_begun(work_at)

            def work(report: Callable[[Report, Any], None], cancel: Event) -> dict[str, Any]:
                skipped: list[str] = []
                if not begun:
                    remember(work_at, form)
                if examples:
                    report(Report.STAGE, "Reading the examples…")
                    chats = chat_of(examples, skipped.append, cancel)
                    said = {"examples": [list(one.shown) for one in examples]}
                    keep_examples(chats, kept, "Corrections made in napari", said)
                memory = memory_of(str(model), device, precision)
                if memory.short and models.held is not None:
                    report(Report.STAGE, "Making room…")
                    models.unload(cancel)
                report(Report.STAGE, "Starting…")
                with running(work_at):
                    outcome = run(arguments, lambda at: report(Report.COUNT, at), cancel)
                return {**outcome, "skipped": [*skipped, *outcome["skipped"]]}

            self.view.curve.clear()
            self.view.curve.show()
            self.view.show_busy("Starting…")
            self._teaching = self.jobs_here.start(work, self._taught, self._told)

    def _tell_of_new(self, kept: Path) -> None:
        """Say how many examples of the list a begun training leaves out."""
        taught = Counter(tuple(row) for row in made_of(kept).get("examples", ()))
        new = (Counter(one.shown for one in self.examples) - taught).total()
        if new:
            self.view.messages.inform(
                f"This training goes on with the examples it was begun with; {new} of the list "
                f"{'is' if new == 1 else 'are'} new or changed and left out. To teach all, save "
                "under another name."
            )

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
        self.name_changed()
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
        """Offer a name that neither a model nor a stopped training has."""
        model = self.preferences().model
        stem = "student" if model is None else Path(model).name
        stem = stem.partition("-taught")[0]
        name, number = f"{stem}-taught", 2
        while own_folder(name).exists() or has_begun(work_folder(own_folder(name))):
            name, number = f"{stem}-taught-{number}", number + 1
        self.view.name.setText(name)

    def name_changed(self, *_: Any) -> None:
        """Say whether the name can be taken, and whether there is something to go on with."""
        self.stopped.look()
        try:
            output = free_folder(self.view.name.text().strip())
        except QuestionError as error:
            self.view.show_name_note(str(error))
            self.view.allow_finish(False)
            return
        self.view.show_name_note("")
        work = work_folder(output)
        self.view.allow_finish(has_begun(work))

    def _look_at_memory(self) -> None:
        self.jobs_here.stop(self._looking)
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
        self._looking = self.jobs_here.start(
            lambda _report, _cancel: memory_of(str(model), device, precision),
            told,
            pool=Pool.THUMBNAILS,
        )
