"""Binds the question panel to the viewer and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from ..attention.explain import asked
from ..attention.relevance import Method
from ..frames.cutouts import are_frames
from ..models.catalog import STUDENT
from ..models.framing import framed
from ..models.reasoning import ReasonedModel
from ..results import Answer, Question, Turn
from .ask_handler_entries import STOPPED, SUGGESTIONS, Entry, covering, describe
from .ask_keeping import AskKeeping
from .citations_handler import CitationsHandler, cited
from .consent import destination, wait_for_consent
from .handler import Handler
from .handler_jobs import Job, Outcome, Report, read_regions, sentence_of
from .handler_show import (
    Back,
    bring_back,
    clear_overlay,
    frame_shown,
    go_to_region,
    image_of,
    point_out,
    point_out_word,
)
from .measure_handler import MeasureHandler
from .model_choice import ModelChoice
from .trust_handler import TrustHandler

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ..widgets.ask_view import AskView

__all__ = ["AskHandler"]


class AskHandler(Handler):
    """Asks the model what the user asks, and shows answers and where the model looked."""

    together = 2
    tells_conditions = True

    def __init__(self, view: AskView, viewer: Viewer, **options: Any) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self.entries: list[Entry] = []
        self._entry_of: dict[Job, int] = {}
        self._shown = -1
        self._turns: tuple[Turn, ...] = ()
        self._wants_turns: bool | None = None  # until the user says so
        self._pointed: Answer | None = None
        self.choice = ModelChoice(view.models, view, self.preferences)
        self.trust = TrustHandler(
            view,
            self.models,
            self.preferences,
            lambda: self.shown,
            self._show_maps,
            lambda: self._job is not None,
        )
        self.measuring = MeasureHandler(view, viewer, lambda: self.shown, lambda: self._pointed)
        self.citing = CitationsHandler(view, viewer, lambda: self.binding.image)
        self.keeping = AskKeeping(self)
        view.question.set_suggestions(SUGGESTIONS)
        self.connections.add(view.asked, self.ask)
        self.connections.add(view.word_chosen, self.show_word)
        self.connections.add(view.question_word_chosen, self.show_question_word)
        self.connections.add(view.steps.step_chosen, self.show_step)
        self.connections.add(view.entry_chosen, self.show_entry)
        self.connections.add(view.new_conversation, self.start_conversation)
        self.connections.add(view.follow_up.clicked, self._follow_up_clicked)
        self.connections.add(self.binding.changed, self._region_changed)
        self.connections.add(view.looked_at.frame_chosen, self.show_frame)
        self.connections.listen(self.viewer.dims.events.point, self._mark_frame)
        self.connections.add(view.models.outdated, self._allow_steps)
        self._allow_steps()

    @property
    def shown(self) -> Entry | None:
        """The entry whose answer is shown."""
        return self.entries[self._shown] if self._shown >= 0 else None

    def ask(self, text: str) -> None:
        """Ask about the chosen region, stopping the answer before."""
        self.view.messages.clear()
        text = text.strip()
        if not text:
            self.view.messages.warn("Write a question first.")
            return
        image = self.binding.image
        try:
            plan = self.binding.plan()
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            return
        chosen = self.preferences()
        turns = self._turns if self.view.wants_follow_up else ()
        tiled = self.binding.tiled
        region = self.binding.chosen()
        models = self.models
        method = self.trust.method
        reasoned = self.view.wants_steps
        figures = self.citing.index()

        def work(report: Any, cancel: Event) -> Answer:
            regions = read_regions(plan, cancel)
            wait_for_consent(chosen.model, report, cancel)
            with models.use(
                *chosen.which,
                cancel=cancel,
                on_load=lambda: report(Report.STAGE, "Loading the model…"),
            ) as model:
                asking = (
                    ReasonedModel(framed(model, regions)) if reasoned else framed(model, regions)
                )
                if figures is not None:
                    asking = cited(asking, figures(), (text, regions), report, cancel)
                report(Report.STAGE, "Looking at the region…")
                return asked(
                    asking,
                    # Several regions are looked at as a whole, as the panel says.
                    Question(text, regions, turns, tiled if len(regions) == 1 else False),
                    method,
                    on_text=lambda piece: report(Report.TEXT, piece),
                    on_part=lambda *count: report(Report.STAGE, covering(*count)),
                    cancel=cancel,
                    max_tokens=chosen.max_tokens,
                )

        self.view.question.remember(text)
        self.trust.stop()  # the answer must not wait for what is known about the one before
        clear_overlay(self.viewer)
        self.entries.append(Entry(text, region=region, method=method, model=chosen.model))
        number = self.view.history.add(text, "…")
        self._shown = number
        self.view.history.mark(number)
        self.view.start_answer(text)
        self.view.show_destination(destination(chosen.model))
        self.view.show_busy("Reading the region…")
        self._entry_of[self.start(work, image)] = number
        self.measuring.refresh()

    def show_word(self, index: int) -> None:
        """Show where the model looked for one word; -1: for the whole answer."""
        entry = self.shown
        if entry is None or entry.answer is None:
            return
        words = entry.answer.words
        word = words[index] if 0 <= index < len(words) else None
        self._pointed = entry.answer if word is None else entry.answer.at_word(word)
        self.view.note.setText(describe(entry.answer, index))
        with self.telling():
            point_out_word(self.viewer, entry.answer, word)

    def show_question_word(self, index: int) -> None:
        """Show where the model looked when it read one word of the question; -1: the answer."""
        entry = self.shown
        if entry is None or entry.answer is None:
            return
        words = entry.answer.question_words
        if not 0 <= index < len(words):
            self.show_word(-1)
            return
        word = words[index]
        asking = replace(entry.answer, text=entry.answer.question, words=words)
        self._pointed = entry.answer.at_word(word)
        self.view.note.setText(f"as it read “{asking.text[word.start : word.stop]}”")
        with self.telling():
            point_out_word(self.viewer, asking, word)

    def show_step(self, index: int) -> None:
        """Show where the model looked in one step; -1: for the final answer."""
        entry = self.shown
        if entry is None or entry.answer is None:
            return
        if not 0 <= index < len(entry.answer.steps):
            self.show_word(-1)
            return
        self.view.note.setText(f"step {index + 1}")
        self._pointed = entry.answer.at_step(entry.answer.steps[index])
        with self.telling():
            point_out(self.viewer, self._pointed)

    def show_frame(self, number: int) -> None:
        """Go to the slice of one of the frames that the answer is about."""
        entry = self.shown
        if entry is not None and entry.answer is not None:
            with self.telling():
                go_to_region(self.viewer, entry.answer.regions[number])

    def show_entry(self, number: int) -> None:
        """Show an earlier answer, its region and where the model looked."""
        self.view.messages.clear()
        self._shown = number
        entry = self.entries[number]
        self.view.history.mark(number)
        if entry.answer is None:
            clear_overlay(self.viewer)
            if entry.ended:
                self.view.show_answer(entry.question, entry.text)
            else:
                self.view.start_answer(entry.question)
                self.view.add_text(entry.text)
            self.trust.refresh()
            self.measuring.refresh()
            self._converse(())
            return
        self._show(entry.answer)
        back = Back.NOTHING
        if self.binding.frames is not None:
            self.binding.frames.bring_back(entry.answer.regions)
        with self.telling():
            back = bring_back(self.viewer, entry.answer.regions, self.binding.layers)
            if back is Back.NOTHING:
                clear_overlay(self.viewer)
            else:
                point_out(self.viewer, entry.answer)
            if back is not Back.REGION:
                self.view.messages.inform(back.value)
        # Bringing the region back looks like a new region, but it is the conversation's own. Where
        # it is gone, the next question is about another one and must not follow up.
        self._converse(entry.answer.next_turns if back is Back.REGION else ())

    def recall(self, answers: Sequence[Answer]) -> list[Entry]:
        """List answers of an earlier session, and show the last of them."""
        # Whether that model gave the answers is seen when it is asked about them.
        recalled = [Entry.of(answer, self.preferences().model) for answer in answers]
        for entry in recalled:
            self.entries.append(entry)
            self.view.history.add(entry.question, entry.text)
        if recalled:
            self.show_entry(len(self.entries) - 1)
        return recalled

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of view and viewer."""
        if not self.closed:
            self.trust.close(deleted=deleted)
            self.measuring.close(deleted=deleted)
            self.citing.close(deleted=deleted)
            self.keeping.close(deleted=deleted)
        super().close(deleted=deleted)

    def start_conversation(self) -> None:
        """Forget earlier turns; the answers stay in the list."""
        self.stop()
        self.trust.stop()
        self._shown = -1
        self._converse(())
        self.view.clear_answer()
        self.citing.show(None)
        self.trust.refresh()
        self.measuring.refresh()
        self.view.messages.clear()
        self.view.history.mark(-1)
        clear_overlay(self.viewer)

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Write pieces of the answer as they come."""
        number = self._entry_of[job]
        if kind is Report.STAGE:
            if self.is_running(job):
                self.view.show_busy(str(value))
            return
        entry = self.entries[number]
        if not entry.text and self.is_running(job):
            self.view.show_busy("Answering…")
        entry.text += value
        if number == self._shown:
            self.view.add_text(value)

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Keep what was found, whatever the ending."""
        number = self._entry_of.pop(job)
        entry = self.entries[number]
        entry.ended = True
        if outcome.value is not None:
            self._keep(number, outcome.value, job.reason)
        else:
            mark = STOPPED if outcome.stopped else "(no answer)"
            entry.text = f"{entry.text.strip()} {mark}".strip()
            if number == self._shown:
                self.view.show_answer(entry.question, entry.text)
            if current and (sentence := job.reason or outcome.error):
                self.view.messages.warn(sentence)
        self.view.history.change(number, entry.text)
        model = self.models.loaded(*self.preferences().which)
        if model is not None and (own := tuple(model.suggestions())):
            self.view.question.set_suggestions(own)
        self._allow_steps()

    def _keep(self, number: int, answer: Answer, reason: str) -> None:
        entry = self.entries[number]
        entry.answer = answer
        entry.text = answer.text
        if entry.fell_back:
            entry.method = Method.LAYERS  # kept under the name of what was made
        entry.versions[entry.method] = answer
        self.keeping.answered(entry)
        if number != self._shown:
            return
        self._show(answer)
        if image_of(self.viewer, answer.regions[0]) is None:
            self.view.messages.warn(reason or self.image_gone)
            self._converse(())
            return
        same = entry.region == self.binding.chosen()
        with self.telling():
            point_out(self.viewer, answer, self.preferences())
        # A new overlay looks like a change of region, but the conversation goes on, unless the
        # user has turned to another region meanwhile.
        self._converse(answer.next_turns)
        if not same:
            self._region_changed()
        self.trust.answered(entry)

    def _show(self, answer: Answer) -> None:
        spoken, asked_for = (
            [(word.start, word.stop, word.probability) for word in words]
            for words in (answer.words, answer.question_words)
        )
        self.view.show_answer(answer.question, answer.text, spoken, describe(answer), asked_for)
        self.view.steps.show_steps([step.text for step in answer.steps])
        if are_frames(answer.regions):
            pairs = zip(answer.regions, answer.attention, strict=True)
            self.view.looked_at.show_frames([(region.label, one.share) for region, one in pairs])
            self._mark_frame()
        self.view.sizes.show_sentences(answer.warnings)
        self.citing.show(answer)
        self.view.share.setEnabled(True)
        self._pointed = answer
        self.trust.refresh()
        self.measuring.refresh()

    def _show_maps(self, answer: Answer) -> None:
        """Show other maps of the answer that is shown."""
        self._pointed = answer
        with self.telling():
            point_out(self.viewer, answer)

    def _mark_frame(self, event: Any = None) -> None:
        entry = self.shown
        if entry is not None and entry.answer is not None and are_frames(entry.answer.regions):
            self.view.looked_at.mark(frame_shown(self.viewer, entry.answer.regions))

    def _converse(self, turns: tuple[Turn, ...]) -> None:
        self._turns = turns
        self.view.follow_up.setEnabled(bool(turns))
        # A model of short answers falls back on what it has said before.
        wanted = self._reasons() if self._wants_turns is None else self._wants_turns
        self.view.follow_up.setChecked(bool(turns) and wanted)

    def _follow_up_clicked(self, wanted: bool) -> None:
        self._wants_turns = wanted

    def _allow_steps(self) -> None:
        """Offer steps only where the chosen model writes any."""
        self.view.allow_steps(self._reasons())

    def _reasons(self) -> bool:
        """Whether the chosen model, loaded or not, writes more than short answers."""
        chosen = self.preferences()
        model = self.models.loaded(*chosen.which)
        student = chosen.model in (None, STUDENT.name)
        return not student if model is None else bool(getattr(model, "reasons", True))

    def _region_changed(self) -> None:
        # A new region starts a new conversation; ticking the box again keeps the old one.
        self.view.follow_up.setChecked(False)
