"""Checks answers, verifies maps, and makes maps in other ways, in workers of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from ..attention.explain import explained, methods_of
from ..attention.occlusion import Agreement, agreement, occlusion_maps
from ..attention.relevance import Method
from ..attention.trust import trust_of
from ..errors import ModelError
from ..models.base import Model
from ..models.catalog import STUDENT
from ..models.consent import is_remote
from ..models.framing import framed
from ..models.reasoning import ReasonedModel
from ..results import Answer, AttentionMap
from ..retrieval.citing import CitingModel
from .ask_handler_entries import Entry, covering
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Report
from .models import ModelHolder
from .preferences import Preferences

if TYPE_CHECKING:
    from ..widgets.ask_view import AskView

__all__ = ["TrustHandler", "sentence_on", "tip_on"]

SLOW = 20.0
"""Answers that took more seconds are checked only where the user asks for it."""

_NOTHING_TO_COMPARE = (
    "The map was made by covering parts already; choose another way under “Maps” to compare with it"
)

_CHECK, _VERIFY, _EXPLAIN = "check", "verify", "explain"


class TrustHandler(QObject):
    """Looks after the badge and the advanced part of the question panel.

    Parameters
    ----------
    view : AskView
        What the user sees.
    models : ModelHolder
        Where models come from.
    preferences : callable
        Returns the current preferences.
    shown : callable
        Returns the entry whose answer is shown, or None.
    show_maps : callable
        Called with an answer whose maps are to be shown instead.
    asking : callable
        Returns whether a question runs: the line that tells what goes on is its own then.
    """

    def __init__(
        self,
        view: AskView,
        models: ModelHolder,
        preferences: Callable[[], Preferences],
        shown: Callable[[], Entry | None],
        show_maps: Callable[[Answer], None],
        asking: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._view = view
        self._models = models
        self._preferences = preferences
        self._shown = shown
        self._show_maps = show_maps
        self._asking = asking
        self._stage = ""
        self._jobs: dict[Job, tuple[str, Entry]] = {}
        self._progress = (0, 0)
        self.connections = Connections()
        self.connections.add(view.badge.check_wanted, self.check)
        self.connections.add(view.badge.verify_wanted, self.verify)
        self.connections.add(view.badge.verify_stopped, self.stop)
        self.connections.add(view.stopped, self.stop)
        self.connections.add(view.badge.covered_shown, self.show_covered)
        self.connections.add(view.advanced.method_chosen, self.explain)
        self.connections.add(view.models.outdated, self.refresh)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being looked at."""
        return bool(self._jobs)

    @property
    def method(self) -> Method:
        """How the user wants maps to be made."""
        return Method(self._view.advanced.method)

    def answered(self, entry: Entry) -> None:
        """Take a new answer: show its badge, and check it where that is wanted and quick.

        What goes to a server is only ever sent again where the user asks for it.
        """
        model = self._models.loaded(*self._preferences().which)
        if model is not None:
            allowed = methods_of(model)
            self._view.advanced.allow(allowed)
            if self.method not in allowed:
                self._view.advanced.show_method(Method.LAYERS)
        answer = entry.answer
        quick = answer is not None and answer.provenance.seconds <= SLOW
        remote = model is None or is_remote(model.name)
        if self._view.advanced.checks.isChecked() and quick and not remote:
            self._check(entry)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known about the answer that is shown."""
        badge = self._view.badge
        entry = self._shown()
        parts_shown = badge.covered.isChecked()
        badge.clear()
        self._tell_stage()
        if entry is None or entry.answer is None:
            return
        if entry.trust is not None:
            badge.show_trust(str(entry.trust.kind), entry.trust.sentence)
        elif self._runs(_CHECK, entry):
            badge.show_checking()
        else:
            badge.show_unchecked()
        why = self._other_model(entry)
        badge.forbid(check=why)
        if self._runs(_VERIFY, entry):
            badge.show_verifying(*self._progress)
            return
        looked = entry.looked
        if entry.covered and looked is not None:
            found = _agreement(looked, entry.covered)
            can_show = found.mattered and entry.method is not Method.OCCLUSION
            badge.show_agreement(sentence_on(found), tip_on(found), can_show)
            badge.covered.setChecked(parts_shown and can_show)
        badge.forbid(verify=why or ("" if looked is not None else _NOTHING_TO_COMPARE))

    def check(self) -> None:
        """Ask twice more to see how far the answer that is shown can be trusted."""
        self._check(self._shown())
        self.refresh()

    def verify(self) -> None:
        """Cover part after part of the picture of the answer that is shown."""

        def work(model: Model, answer: Answer, report: Any, cancel: Event) -> Any:
            def count(done: int, parts: int) -> None:
                report(Report.COUNT, (done, parts))

            return occlusion_maps(model, answer, on_part=count, cancel=cancel)

        entry = self._shown()
        if self._view.badge.covered.isChecked():
            self.show_covered(False)
        if entry is not None and Method.OCCLUSION in entry.versions:
            entry.covered = entry.versions[Method.OCCLUSION].attention
        else:
            self._progress = (0, 0)
            self._start(_VERIFY, entry, work)
        self.refresh()

    def explain(self, method: str) -> None:
        """Show the maps of the answer that is shown as another method makes them."""
        entry, wanted = self._shown(), Method(method)
        if entry is None or entry.answer is None:
            return  # it holds from the next question on
        if wanted is Method.OCCLUSION and entry.covered:
            entry.versions.setdefault(wanted, _with_maps(entry.answer, entry.covered))
        if wanted in entry.versions:
            self._swap(entry, wanted)
            return
        if why := self._other_model(entry):
            self._view.messages.inform(why)
            return  # as above

        def work(model: Model, answer: Answer, report: Any, cancel: Event) -> Any:
            report(Report.STAGE, "Making the maps in another way…")

            def count(done: int, parts: int) -> None:
                report(Report.STAGE, covering(done, parts))

            return wanted, explained(model, answer, wanted, on_part=count, cancel=cancel)

        self._stage = ""
        self._start(_EXPLAIN, entry, work)

    def show_covered(self, covered: bool) -> None:
        """Show which covered parts mattered, or where the model looked."""
        entry = self._shown()
        if entry is not None and entry.answer is not None and entry.covered:
            maps = entry.covered if covered else entry.answer.attention
            self._show_maps(replace(entry.answer, attention=maps))

    def stop(self) -> None:
        """Stop everything: the model is wanted for something else."""
        for job in list(self._jobs):
            job.stop()

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job and let go of the view; ``deleted``: Qt is deleting it."""
        for job in self._jobs:
            job.stop()
            for signal in (job.signals.reported, job.signals.ended):
                signal.disconnect()
        self._jobs.clear()
        self.connections.close(deleted=deleted)

    def _check(self, entry: Entry | None) -> None:
        self._start(_CHECK, entry, lambda model, answer, _, stop: trust_of(model, answer, stop))

    def _start(
        self,
        kind: str,
        entry: Entry | None,
        work: Callable[[Model, Answer, Any, Event], Any],
    ) -> None:
        if entry is None or entry.answer is None:
            return
        answer, which, models = entry.answer, self._preferences().which, self._models

        def begin(report: Any, cancel: Event) -> Any:
            with models.use(*which, cancel=cancel) as model:
                told = answer.provenance
                if (model.name, model.revision) != (told.model, told.revision):
                    raise ModelError(_not_in_use(answer))
                # A reasoned answer is compared with reasoned ones, and frames are asked together.
                together = framed(model, answer.regions)
                asking = ReasonedModel(together) if answer.steps else together
                if any(one.told for one in answer.citations):  # with the same sources
                    asking = CitingModel(asking, known=answer.citations)
                return work(asking, answer, report, cancel)

        for other, kept in self._jobs.items():
            if kept[0] == kind:
                other.stop()
        job = Job(begin)
        job.signals.reported.connect(self._reported)
        job.signals.ended.connect(self._ended)
        self._jobs[job] = kind, entry
        job.start()

    def _reported(self, job: Job, kind: Report, value: Any) -> None:
        if job not in self._jobs:
            return
        here = self._jobs[job][1] is self._shown()
        if kind is not Report.COUNT:
            self._stage = str(value)
            self._tell_stage()
            return
        self._progress = value
        if here:
            self._view.badge.show_verifying(*value)

    def _ended(self, job: Job, outcome: Outcome) -> None:
        if job not in self._jobs:
            return
        kind, entry = self._jobs.pop(job)
        here = entry is self._shown()
        if outcome.error and here:
            self._view.messages.warn(outcome.error)
        if kind == _EXPLAIN:
            self._explained(entry, outcome, here)
        elif kind == _CHECK and outcome.value is not None:
            entry.trust = outcome.value
        elif kind == _VERIFY and outcome.value is not None:
            entry.covered = outcome.value
        if here:
            self.refresh()

    def _explained(self, entry: Entry, outcome: Outcome, here: bool) -> None:
        if any(kind == _EXPLAIN for kind, _ in self._jobs.values()):
            return  # the user has chosen yet another way
        self._tell_stage()
        if outcome.value is not None:
            method, answer = outcome.value
            entry.versions[method] = answer
            if here:
                self._swap(entry, method)
        if here:
            self._view.advanced.show_method(entry.method)

    def _tell_stage(self) -> None:
        """Tell what is being made for the answer that is shown, unless a question runs."""
        if self._asking():
            return
        entry = self._shown()
        if self._stage and entry is not None and self._runs(_EXPLAIN, entry):
            self._view.show_busy(self._stage)
        else:
            self._view.show_idle()

    def _other_model(self, entry: Entry) -> str:
        """Return why the chosen model cannot look closer at an answer; empty where it can."""
        chosen = self._preferences().model
        same = (entry.model or STUDENT.name) == (chosen or STUDENT.name)
        return "" if same or entry.answer is None else _not_in_use(entry.answer)

    def _runs(self, kind: str, entry: Entry) -> bool:
        """Whether a job of a kind about an entry runs and was not stopped."""
        return any(
            each == kind and about is entry and not job.cancelled.is_set()
            for job, (each, about) in self._jobs.items()
        )

    def _swap(self, entry: Entry, method: Method) -> None:
        entry.method, entry.answer = method, entry.versions[method]
        self._view.badge.covered.setChecked(False)
        self._show_maps(entry.answer)
        self.refresh()


def _not_in_use(answer: Answer) -> str:
    return (
        f"This answer came from the model {answer.provenance.model}, which is not the one in use; "
        "choose that model, or ask again."
    )


def _with_maps(answer: Answer, maps: tuple[AttentionMap, ...]) -> Answer:
    """Return an answer whose words all have the same maps as the whole."""
    words = tuple(replace(word, attention=maps) for word in answer.words)
    return replace(answer, attention=maps, words=words)


def sentence_on(found: Agreement) -> str:
    """Return what covering parts of the picture has told, in one sentence."""
    if not found.mattered:
        return "Covering any one part changes the answer little: it rests on no single place."
    where = f"{found.shared:.0%} of what matters lies where the map is strongest"
    if found.peak:
        return f"Agrees: covering the place where the map peaks matters most; {where}."
    return f"Disagrees: covering another place matters more than where the map peaks; {where}."


def tip_on(found: Agreement) -> str:
    """Return what the figures behind :func:`sentence_on` mean."""
    return (
        "Strongest: a fifth of the parts; 20 % of what matters would lie there by chance. "
        f"All parts, put in order by the map and by covering: correlation {found.rank:.2f} "
        "(1: the same order, 0: no relation)."
    ).replace(" -", " −")


def _agreement(answer: Answer, covered: tuple[AttentionMap, ...]) -> Agreement:
    """Return how far maps and covering agree, over all regions."""
    found = [agreement(*pair) for pair in zip(answer.attention, covered, strict=True)]
    return Agreement(
        float(np.mean([each.rank for each in found])),
        float(np.mean([each.shared for each in found])),
        all(each.peak for each in found if each.mattered) and any(each.peak for each in found),
        any(each.mattered for each in found),
    )
