"""The panel for questions about a region."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from .advanced import Advanced
from .answer_text import AnswerText, WordSpan
from .citations_bar import CitationsBar, CiteBox
from .destination import destination_label, show_destination
from .frame_strip import FrameStrip
from .frames_box import FramesBox
from .history_list import HistoryList
from .keep_bar import EarlierLine, KeepBox, ShareRow
from .measure_bar import MeasureBar, SizeWarning
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, primary_button, progress_line
from .question_box import QuestionBox
from .question_text import QuestionText
from .region_picker import RegionPicker
from .steps_view import StepsView
from .thumbnail import Thumbnail
from .trust_badge import TrustBadge

__all__ = ["AskView"]

_STEPS_TIP = "Let the model write down how it comes to its answer; slower"
_NO_STEPS_TIP = "The chosen model answers in a few words and writes no steps; choose a larger one"


class AskView(Panel):
    """Region, question, answer, earlier answers, from top to bottom.

    Signals
    -------
    asked(str)
        The user asked a question.
    stopped()
        The user wants no more of the answer being written.
    word_chosen(int)
        The user clicked a word of the answer; -1: the whole answer.
    question_word_chosen(int)
        The user clicked a word of the question above the answer; -1: the whole answer.
    entry_chosen(int)
        The user chose an earlier answer: its number in the order of asking.
    new_conversation()
        The user wants to start afresh.
    """

    asked = Signal(str)
    stopped = Signal()
    word_chosen = Signal(int)
    question_word_chosen = Signal(int)
    entry_chosen = Signal(int)
    new_conversation = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.regions = RegionPicker()
        self.frames = FramesBox()
        self.thumbnail = Thumbnail()
        self.question = QuestionBox()
        self.follow_up = QCheckBox("Follow up")
        self.follow_up.setToolTip("Let the model know the conversation so far")
        self.follow_up.setEnabled(False)
        self.reasoned = QCheckBox("Step by step")
        self.allow_steps(True)
        self.destination = destination_label()
        self.fresh = button("New conversation", "Forget what was said so far; answers stay below")
        self.stop = button("Stop", "Stop writing; what has been written stays")
        self.ask = primary_button("Ask", "Ask the model about the region (return)")
        self.messages = MessageBar()
        self.progress = progress_line("The model is at work")
        self.status = PlainLabel(dim=True, small=True)
        self.asked_label = QuestionText()
        self.answer = AnswerText()
        self.whole = button("Whole answer", "Show where the model looked for the whole answer")
        self.steps = StepsView()
        self.looked_at = FrameStrip()
        self.note = PlainLabel(dim=True, small=True)
        self.sizes = SizeWarning()
        self.citations = CitationsBar()
        self.badge = TrustBadge()
        self.measure = MeasureBar()
        self.advanced = Advanced()
        self.models = ModelPicker()
        self.cite = CiteBox()
        self.history = HistoryList()
        self.share = ShareRow()
        self.earlier = EarlierLine()
        self.keep = KeepBox()
        self._lay_out()
        self.ask.clicked.connect(self._submit)
        self.question.submitted.connect(self._submit)
        self.stop.clicked.connect(self.stopped)
        self.fresh.clicked.connect(self.new_conversation)
        self.answer.word_clicked.connect(self._word_clicked)
        self.asked_label.word_clicked.connect(self._question_word_clicked)
        self.steps.step_chosen.connect(self._step_chosen)
        self.badge.covered_shown.connect(self._covered_shown)
        self.whole.clicked.connect(self._show_whole)
        self.history.entry_chosen.connect(self.entry_chosen)
        self.show_idle()
        self.clear_answer()

    @property
    def wants_follow_up(self) -> bool:
        """Whether the next question belongs to the conversation."""
        return bool(self.follow_up.isEnabled() and self.follow_up.isChecked())

    @property
    def wants_steps(self) -> bool:
        """Whether the model is to write its steps first."""
        return bool(self.reasoned.isChecked())

    def allow_steps(self, allowed: bool) -> None:
        """Let the user ask for steps, or not: the chosen model writes none."""
        self.reasoned.setEnabled(allowed)
        self.reasoned.setToolTip(_STEPS_TIP if allowed else _NO_STEPS_TIP)
        if not allowed:
            self.reasoned.setChecked(False)

    def show_destination(self, host: str) -> None:
        """Show that pixels go to a server; empty: that they stay here."""
        show_destination(self.destination, host)

    def show_busy(self, what: str) -> None:
        """Show that something is going on; asking again stays possible."""
        self.status.setText(what)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self.status.setText("")
        self._set_busy(False)

    def clear_answer(self) -> None:
        """Show no answer."""
        self.answer.set_text("")
        self.steps.show_steps(())
        self.looked_at.show_frames(())
        self._card.hide()
        self.note.setText("")
        self.sizes.show_sentences(())
        self.citations.show_figures(())
        self.badge.clear()
        self.measure.clear()
        self.share.setEnabled(False)
        self.whole.hide()

    def start_answer(self, question: str) -> None:
        """Make room under a question for an answer that comes in pieces."""
        self.clear_answer()
        self.asked_label.set_text(question)
        self._card.show()

    def add_text(self, piece: str) -> None:
        """Write a piece of the answer."""
        self.answer.add_text(piece)

    def show_answer(
        self,
        question: str,
        text: str,
        words: Sequence[WordSpan] = (),
        note: str = "",
        question_words: Sequence[WordSpan] = (),
    ) -> None:
        """Show a question, its whole answer with the words of both, and a line about it."""
        self.asked_label.set_text(question, question_words)
        self.answer.set_text(text, words)
        self.steps.show_steps(())
        self.looked_at.show_frames(())
        self.note.setText(note)
        self.sizes.show_sentences(())
        self.citations.show_figures(())
        self.badge.covered.setChecked(False)
        self.share.setEnabled(False)  # until the answer is known to be a whole one
        self._card.show()
        self.whole.hide()

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)

    def _submit(self) -> None:
        self.asked.emit(self.question.text)

    def _covered_shown(self) -> None:
        self.asked_label.choose(-1)
        self.answer.choose(-1)
        self.steps.choose(-1)
        self.whole.hide()

    def _word_clicked(self, index: int) -> None:
        self.badge.covered.setChecked(False)
        self.asked_label.choose(-1)
        self.steps.choose(-1)
        self.whole.setVisible(index >= 0)
        self.word_chosen.emit(index)

    def _question_word_clicked(self, index: int) -> None:
        self.badge.covered.setChecked(False)
        self.answer.choose(-1)
        self.steps.choose(-1)
        self.whole.setVisible(index >= 0)
        self.question_word_chosen.emit(index)

    def _step_chosen(self, index: int) -> None:
        self.badge.covered.setChecked(False)
        self.asked_label.choose(-1)
        self.answer.choose(-1)
        self.whole.setVisible(index >= 0)

    def _show_whole(self) -> None:
        self.answer.choose(-1)
        self._word_clicked(-1)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.follow_up)
        buttons.addWidget(self.reasoned)
        buttons.addStretch()
        buttons.addWidget(self.stop)
        buttons.addWidget(self.ask)
        self._card = QFrame()
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(4)
        below = QHBoxLayout()
        below.addWidget(self.note, 1)
        below.addWidget(self.whole)
        card.addWidget(self.asked_label)
        card.addWidget(self.answer)
        card.addWidget(self.steps)
        card.addWidget(self.looked_at)
        card.addLayout(below)
        card.addWidget(self.sizes)
        card.addWidget(self.citations)
        card.addWidget(self.badge)
        card.addWidget(self.measure)
        card.addWidget(self.share)
        above: tuple[QWidget, ...] = (self.regions, self.frames, self.thumbnail, self.question)
        for part in above:
            self.column.addWidget(part)
        self.column.addWidget(self.destination)
        self.column.addLayout(buttons)
        under: tuple[QWidget, ...] = (self.progress, self.status, self.messages, self._card)
        for part in under:
            self.column.addWidget(part)
        self.advanced.add(self.models)
        self.advanced.add(self.cite)
        self.column.addWidget(self.advanced)
        earlier = QHBoxLayout()
        earlier.addWidget(heading("Earlier questions"), 1)
        earlier.addWidget(self.fresh)
        self.column.addLayout(earlier)
        self.column.addWidget(self.earlier)
        self.column.addWidget(self.keep)
        self.column.addWidget(self.history, 1)
