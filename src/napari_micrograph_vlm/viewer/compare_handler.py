"""Binds the panel that compares a region with a good one to the viewer and the model."""

from __future__ import annotations

from enum import Enum
from math import isnan
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from ..errors import RegionError
from ..finding.difference import QUESTION, SUGGESTIONS, Difference, compare
from ..lengths import readable_length
from ..models.views import masked_pixels
from ..regions import Region
from ..results import Answer, Question
from .compare_layer import NAME, difference_of, said_of, show_difference
from .consent import wait_for_consent
from .geometry import Plan
from .handler import Handler
from .handler_jobs import Job, Outcome, Report, read_regions, sentence_of
from .handler_regions import Chosen
from .handler_show import bring_back, image_of
from .model_choice import ModelChoice

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.compare_view import CompareView

__all__ = ["CompareHandler"]

NO_REFERENCE = "Choose a good region first, and press “Use as reference”."
STALE = "The difference is of another region; compare the one chosen now first."
ONE_ONLY = "Select one shape: the reference is compared with one region at a time."

_SIDE = 256


class _Kind(Enum):
    REFERENCE = "reference"
    DIFFERENCE = "difference"
    ANSWER = "answer"


class CompareHandler(Handler):
    """Keeps a reference, shows what differs from it, and asks the model what changed."""

    image_gone = "The image was removed while it was being compared."
    image_changed = "The image was changed while it was being compared."

    def __init__(self, view: CompareView, viewer: Viewer, **options: Any) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self.reference: Region | None = None
        self.found: Difference | None = None
        self._kinds: dict[Job, _Kind] = {}
        self._wanted: Chosen | None = None
        self._about: Chosen | None = None
        self.choice = ModelChoice(view.models, view, self.preferences)
        view.question.line.setText(QUESTION)
        view.question.set_suggestions(SUGGESTIONS)
        for signal, callback in (
            (view.reference_wanted, self.take_reference),
            (view.started, self.compare),
            (view.asked, self.ask),
            (view.difference_wanted, self.toggle),
            (self.binding.changed, self._tell),
        ):
            self.connections.add(signal, callback)
        self.connections.listen(viewer.layers.events.removed, self._image_removed)
        self._tell()

    def take_reference(self) -> None:
        """Keep the chosen region as the good one: its pixels as they are now."""
        plan = self._plan()
        if plan is not None:
            self._begin(
                _Kind.REFERENCE,
                lambda report, cancel: _one(plan, cancel),
                self.binding.image,
                "Reading the region…",
            )

    def compare(self) -> None:
        """Compare the chosen region with the reference."""
        reference = self.reference
        if reference is None:
            self.view.messages.warn(NO_REFERENCE)
            return
        plan = self._plan()
        if plan is None:
            return

        def work(report: Any, cancel: Event) -> Difference:
            region = _one(plan, cancel)
            report(Report.STAGE, "Bringing the reference to cover the region…")
            return compare(region, reference)

        self._wanted = self.binding.chosen()
        self._begin(_Kind.DIFFERENCE, work, self.binding.image, "Reading the region…")

    def ask(self, text: str) -> None:
        """Ask the model about the compared region and its reference."""
        found = self.found
        text = text.strip()
        if found is None or not text:
            self.view.messages.warn("Write a question first." if found else NO_REFERENCE)
            return
        if self._is_stale:
            self.view.messages.warn(STALE)
            return
        self.view.messages.clear()
        chosen, models = self.preferences(), self.models

        def work(report: Any, cancel: Event) -> Answer:
            wait_for_consent(chosen.model, report, cancel)
            with models.use(
                *chosen.which,
                cancel=cancel,
                on_load=lambda: report(Report.STAGE, "Loading the model…"),
            ) as model:
                report(Report.STAGE, "Looking at both regions…")
                question = Question(text, (found.region, found.reference), tiled=False)
                return model.ask(question, cancel=cancel, max_tokens=chosen.max_tokens)

        self.view.question.remember(text)
        self.view.show_answer("")
        # Its pixels are known: the question is about no layer that could go.
        self._begin(_Kind.ANSWER, work, None, "Looking at both regions…")

    def toggle(self, shown: bool) -> None:
        """Show the difference, or hide it."""
        found = self.found
        placement = None if found is None else found.region.placement
        image = placement.layer() if placement is not None and placement.layer else None
        layer = difference_of(self.viewer, image) if isinstance(image, Image) else None
        if layer is not None:
            layer.visible = shown
        elif shown and found is not None:
            with self.telling():
                show_difference(self.viewer, found)

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Show what is going on."""
        if kind is Report.STAGE and self.is_running(job):
            self.view.show_busy(str(value))

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Show what was found; what was found before stays where nothing was."""
        kind = self._kinds.pop(job)
        if not current:
            return
        if outcome.value is None:
            if sentence := job.reason or outcome.error:
                self.view.messages.warn(sentence)
            return
        if kind is _Kind.REFERENCE:
            self.reference = outcome.value
            self.view.show_reference(_picture(outcome.value), _described(outcome.value))
            self._tell()
        elif kind is _Kind.ANSWER:
            answer: Answer = outcome.value
            at = answer.provenance
            sure = answer.confidence
            known = "not known" if isnan(sure) else f"{100 * sure:.0f} %"
            self.view.show_answer(
                answer.text,
                f"confidence {known} · first: the region, second: the reference · "
                f"{at.seconds:.1f} s · {at.model} · {at.device}",
            )
        else:
            self._take(outcome.value)

    def _take(self, found: Difference) -> None:
        self.found = found
        self.view.show_result(said_of(found))
        self._about = self._wanted
        mine = not self._is_stale
        with self.telling():
            layer = show_difference(self.viewer, found)
            if layer is None:
                self.view.messages.warn(self.image_gone)
                return
            bring_back(self.viewer, [found.region])
            layer.visible = self.view.show_it.isChecked()
        if mine:
            self._about = self.binding.chosen()  # going to the region may have moved the view
        self._tell()

    @property
    def _is_stale(self) -> bool:
        """Whether the difference that is shown is not of the region chosen now."""
        return self.found is not None and self.binding.chosen() != self._about

    def _tell(self) -> None:
        """Say whether the difference is of the chosen region, and allow what can be done."""
        opened = self.binding.image is not None
        self.view.allow(take=opened, compare=opened and self.reference is not None)
        if self.found is None:
            return
        where = _described(self.found.region).split("\n")
        stale = f"Of another region than the one chosen now: {', '.join(where[:2])}"
        self.view.show_about(stale if self._is_stale else "")
        self.view.allow(show=image_of(self.viewer, self.found.region) is not None)

    def _image_removed(self, event: Any) -> None:
        image, found = event.value, self.found
        placement = None if found is None else found.region.placement
        if placement is None or not isinstance(image, Image):
            return
        if placement.layer is None or placement.layer() is not image:
            return
        layer = difference_of(self.viewer, image)
        hidden = ""
        if layer is not None and layer.visible:
            layer.visible = False
            hidden = f"; the layer “{NAME}” made for it was hidden"
        self.view.messages.inform(f"“{event.value.name}” is no longer open{hidden}.")
        self._tell()

    def _begin(self, kind: _Kind, work: Any, image: Image | None, what: str) -> None:
        self._kinds[self.start(work, image)] = kind
        self.view.show_busy(what)

    def _plan(self) -> Plan | None:
        self.view.messages.clear()
        try:
            return self.binding.plan()
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            return None


def _one(plan: Plan, cancel: Event) -> Region:
    cutouts = plan()
    if len(cutouts) != 1:
        raise RegionError(ONE_ONLY)
    return read_regions(lambda: cutouts, cancel)[0]


def _picture(region: Region) -> NDArray[np.uint8]:
    step = max(max(region.pixels.shape[:2]) // _SIDE, 1)
    return np.ascontiguousarray(masked_pixels(region)[::step, ::step])


def _described(region: Region) -> str:
    y0, x0, y1, x1 = region.box
    text = f"{region.source}\nrows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}"
    if region.pixel_size is not None:
        height, width = ((y1 - y0) * region.pixel_size[0], (x1 - x0) * region.pixel_size[1])
        text += f"\n{readable_length(height, width, unit=region.unit)}"
    return text
