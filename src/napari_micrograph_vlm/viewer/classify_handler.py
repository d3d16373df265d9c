"""Binds the classification panel to the viewer and the model."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from napari.layers import Shapes

from ..labelling.label_sets import fold
from ..results import Classification
from .class_files import ClassFiles
from .consent import destination, wait_for_consent
from .corrections import Corrections
from .features import has_kept_text, has_user_text, restore_text, write_classification
from .geometry import RegionChoice
from .handler import Handler
from .handler_jobs import Job, Outcome, Report, read_regions, sentence_of
from .handler_show import Back, bring_back, image_of, show_in_turn, style_of
from .learn_handler import LearnHandler
from .model_choice import ModelChoice
from .region_shapes import shape_indices

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ..labelling.label_sets import LabelSet
    from ..widgets.classify_view import ClassifyView

__all__ = ["ClassifyHandler"]

TOP = 5
"""Bars shown for a region."""


class ClassifyHandler(Handler):
    """Gives the chosen regions a class, and writes it beside drawn shapes."""

    shapes_choice = RegionChoice.EVERY_SHAPE
    image_gone = "The image was removed while its regions were being classified."
    image_changed = "The image was changed while its regions were being classified."

    def __init__(self, view: ClassifyView, viewer: Viewer, **options: Any) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self.classification: Classification | None = None
        self._shapes: ReferenceType[Shapes] | None = None
        self._total = 0
        self._labels: LabelSet | None = None
        self._overlay: ReferenceType[Image] | None = None
        self.choice = ModelChoice(view.models, view, self.preferences)
        self.connections.add(view.started, self.classify)
        self.connections.add(view.result_chosen, self.show_result)
        self.connections.add(view.restore_text, self.restore)
        self.connections.add(view.messages.answered, self.answer)
        self.connections.add(self.binding.changed, self._offer_restore)
        self.files = ClassFiles(view.classes, view.messages, self.connections)
        self.corrections = Corrections(self.viewer, self.connections)
        self.connections.add(self.corrections.changed, self._renamed)
        self.connections.add(view.corrected, self.correct)
        self.learning = LearnHandler(
            view,
            self.viewer,
            self.binding,
            self.models,
            self.preferences,
            self.corrections.unwritten,
        )
        self._offer_restore()

    @property
    def is_busy(self) -> bool:
        """Whether something is being classified or learnt."""
        return super().is_busy or self.learning.is_busy

    def close(self, *, deleted: bool = False) -> None:
        """Stop learning, too; see :class:`Handler`."""
        if not self.closed:
            self.learning.close(deleted=deleted)
        super().close(deleted=deleted)

    @property
    def shapes(self) -> Shapes | None:
        """The layer whose shapes were classified, if it is still there."""
        layer = self._shapes() if self._shapes is not None else None
        return layer if layer is not None and layer in self.viewer.layers else None

    def classify(self) -> None:
        """Classify the chosen regions, stopping what runs."""
        self.view.messages.clear()
        image = self.binding.image
        try:
            labels = self.view.classes.label_set
            plan = self.binding.plan()
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            self.view.show_messages()
            return
        chosen = self.preferences()
        threshold = self.view.unknown_below
        drawn = self.binding.drawn
        self._shapes = ref(drawn) if isinstance(drawn, Shapes) else None
        models, wrap = self.models, self.learning.wrap()
        self._labels = labels

        def work(report: Any, cancel: Event) -> Classification:
            regions = read_regions(plan, cancel)
            wait_for_consent(chosen.model, report, cancel)
            with models.use(
                *chosen.which,
                cancel=cancel,
                on_load=lambda: report(Report.STAGE, "Loading the model…"),
            ) as model:
                report(Report.COUNT, (0, len(regions)))
                return wrap(model).classify(
                    regions,
                    labels.told,
                    on_region=lambda done: report(Report.COUNT, (done, len(regions))),
                    cancel=cancel,
                    threshold=threshold,
                )

        self.start(work, image)
        self.view.show_destination(destination(chosen.model))
        self.view.show_busy("Reading the regions…")

    def show_result(self, index: int) -> None:
        """Show the probabilities of one region, its place, and where the model looked."""
        found = self.classification
        if found is None:
            return
        self.view.show_bars(found.top(index, TOP), found.threshold)
        self.view.show_correction(self.corrections.of(index))
        with self.telling():
            self._point_out(found, index)

    def _point_out(self, found: Classification, index: int) -> None:
        # The selection stays: classifying again must mean the same regions.
        if bring_back(self.viewer, found.regions[index : index + 1]) is Back.NOTHING:
            return
        one = replace(
            found,
            probabilities=found.probabilities[index : index + 1],
            regions=found.regions[index : index + 1],
            attention=found.attention[index : index + 1],
        )
        before = self._overlay() if self._overlay is not None else None
        made = show_in_turn(self.viewer, one, style_of(self.preferences()), before)
        self._overlay = None if made is None else ref(made)

    def correct(self, index: int, name: str) -> None:
        """Record what the user says a region is, and learn from it."""
        found = self.classification
        if found is None:
            return
        with self.telling():
            self.corrections.correct(index, name)
            if name:
                self.learning.add(found.regions[index], name)

    def answer(self, replace_text: bool) -> None:
        """Take the user's answer on the text of the shapes."""
        if replace_text:
            self.write(True)

    def write(self, replace_text: bool) -> None:
        """Write the classes beside the shapes; ``replace_text``: also show them there."""
        shapes, found = self.shapes, self.classification
        if shapes is None or found is None:
            return
        ids = [region.placement.shape_id if region.placement else None for region in found.regions]
        places = shape_indices(shapes, ids)
        # Shapes removed or moved meanwhile are left out.
        kept = [i for i, place in enumerate(places) if place is not None]
        if not kept:
            return
        rows = replace(
            found,
            probabilities=found.probabilities[kept],
            regions=tuple(found.regions[i] for i in kept),
            attention=tuple(found.attention[i] for i in kept),
        )
        indices = [place for place in places if place is not None]
        with self.telling():
            write_classification(shapes, indices, rows, replace_text=replace_text)
        self._offer_restore()

    def restore(self) -> None:
        """Give the chosen shapes back the text that the user had."""
        if isinstance(drawn := self.binding.drawn, Shapes):
            restore_text(drawn)
        self._offer_restore()

    def _offer_restore(self) -> None:
        # The layer itself knows: panels come and go, and the user may turn to other shapes.
        drawn = self.binding.drawn
        self.view.offer_restore(isinstance(drawn, Shapes) and has_kept_text(drawn))

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Show how far it is."""
        if not self.is_running(job):
            return
        if kind is Report.STAGE:
            self.view.show_busy(str(value))
            return
        done, of = value
        self._total = of
        self.view.show_busy(f"Classifying: {done} of {of}", done, of)

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Show what was found; what was found before stays where nothing was."""
        if not current:
            return
        if outcome.value is None:
            sentence = job.reason or outcome.error
            if sentence:
                self.view.messages.warn(sentence)
            elif outcome.stopped:
                self.view.messages.inform("Stopped; the classes shown are those found before.")
            self.view.show_messages()
            return
        found: Classification = outcome.value
        self.classification = found
        at = found.provenance
        regions = "1 region" if len(found) == 1 else f"{len(found)} regions"
        shapes = self.shapes
        self.corrections.take(found, shapes, self._labels)
        self._keep(found)
        self.view.set_corrections(found.labels)
        self.view.show_results(
            [self._line(i, name) for i, name in enumerate(found.best)],
            f"{regions} · {at.seconds:.1f} s · {at.model} · {at.device}",
        )
        if all(image_of(self.viewer, region) is None for region in found.regions):
            self.view.messages.warn(job.reason or self.image_gone)
            self._shapes = shapes = None
        if shapes is not None:
            self.write(False)
            if has_user_text(shapes):
                self.view.messages.ask(
                    "The shapes show a text of their own. Show the classes instead?",
                    "Show classes",
                    "Keep my text",
                )
        self.view.choose(0)
        self.view.show_found()

    def _keep(self, found: Classification) -> None:
        """Keep it beside the image, where the user wants that."""
        from .keeping import Keeper

        Keeper.of(self.viewer).keep(found, label_set=self._labels)

    def _line(self, index: int, name: str) -> str:
        found = self.classification
        assert found is not None
        sure = f"{100 * found.top(index, 1)[0][1]:.0f}"
        model = f"{name}   {sure} %"
        said = self.corrections.of(index)
        if said and fold(said) == fold(name):
            return f"{index + 1}   {said}   confirmed, {sure} %"
        if said:
            return f"{index + 1}   {said}   corrected, not {model}"
        return f"{index + 1}   {model}"

    def _renamed(self, indices: list[int]) -> None:
        if self.classification is None:
            return
        best = self.classification.best
        for index in indices:
            self.view.show_line(index, self._line(index, best[index]))
        self.view.show_correction(self.corrections.of(self.view.results.currentRow()))
