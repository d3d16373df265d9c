"""Binds the panel of 3-D structures to the viewer, the model and the generators."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from ..errors import Cancelled, RegionError
from ..structures.building import Structure, build
from ..structures.describing import QUESTIONS, describe_structure
from ..structures.fields import StructureFields, complete
from ..structures.kinds import KINDS
from ..structures.meshing import FORMATS, surface_of
from ..structures.reading import fields_of
from ..structures.render import Picture
from ..widgets.boxes import value_of
from .consent import wait_for_consent
from .handler import Handler
from .handler_jobs import Job, Outcome, Report, read_regions
from .model_choice import ModelChoice
from .structure_layer import add_picture, show_structure

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.structure_view import StructureView

__all__ = ["StructureHandler"]

ONE_ONLY = "A structure is made of one region; select one shape."
FIRST = "a gyroid"


class _Kind(Enum):
    DESCRIPTION = "description"
    STRUCTURE = "structure"
    PICTURE = "picture"
    FILE = "file"


class StructureHandler(Handler):
    """Asks the model what a region shows, builds it, shows, pictures and saves it."""

    image_gone = "The image was removed while it was being described."
    image_changed = "The image was changed while it was being described."

    def __init__(self, view: StructureView, viewer: Viewer, **options: Any) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self.fields = fields_of(FIRST)
        self.structure: Structure | None = None
        self._words = ""
        self._kinds: dict[Job, _Kind] = {}
        self.choice = ModelChoice(view.models, view, self.preferences)
        for signal, callback in (
            (view.described, self.describe),
            (view.read, self.read),
            (view.changed, self.change),
            (view.started, self.build),
            (view.saved, self.save),
            (view.pictured, self.picture),
            (self.binding.changed, self._tell),
        ):
            self.connections.add(signal, callback)
        self._show_fields()
        self._tell()

    def describe(self) -> None:
        """Ask the model what the chosen region shows, and fill in the form."""
        self.view.messages.clear()
        # Shapes are drawn and read in two dimensions.
        self.viewer.dims.ndisplay = 2
        with self.telling():
            plan = self.binding.plan()
            chosen, models = self.preferences(), self.models

            def work(report: Any, cancel: Event) -> StructureFields:
                regions = read_regions(plan, cancel)
                if len(regions) != 1:
                    raise RegionError(ONE_ONLY)
                wait_for_consent(chosen.model, report, cancel)
                count = 0

                def answered(text: str) -> None:
                    nonlocal count
                    count += 1
                    report(Report.STAGE, f"Asking: {count} of {len(QUESTIONS)} answered…")

                with models.use(
                    *chosen.which,
                    cancel=cancel,
                    on_load=lambda: report(Report.STAGE, "Loading the model…"),
                ) as model:
                    return describe_structure(model, regions[0], on_answer=answered, cancel=cancel)

            self._begin(_Kind.DESCRIPTION, work, self.binding.image, "Reading the region…")

    def read(self, text: str) -> None:
        """Fill in the form from a description in words."""
        self.view.messages.clear()
        self._words = text
        if not text.strip():
            return
        with self.telling():
            self.fields = fields_of(text)
            self._show_fields()
            if self.fields.overridden:
                self.view.messages.inform(
                    f"Said, but not kept: {'; '.join(self.fields.overridden)}."
                )

    def change(self, name: str) -> None:
        """Take a field that the user changed; what belongs to it follows."""
        self.view.messages.clear()
        value = self.view.values()[name]
        with self.telling():
            # Going from kind to kind, lengths stay what they are; the density is as usual.
            if name == "kind":
                kept = {key: getattr(self.fields, key) for key in ("size", "width", "unit")}
                self.fields = complete(kind=value, **kept)
            else:
                self.fields = self.fields.with_values(**{name: value})
        self._show_fields()

    def build(self) -> None:
        """Build what the form says, and show it."""
        self.view.messages.clear()
        if self.view.words.text() != self._words:
            # Words that were written and not yet confirmed.
            before = self.fields
            self.read(self.view.words.text())
            if self.fields is before and self.view.words.text().strip():
                return  # why is said already
        fields = self.fields
        as_volume = value_of(self.view.shown_as) == "volume"

        def work(report: Any, cancel: Event) -> tuple[Structure, Any]:
            made = build(fields, cancel=cancel)
            if as_volume:
                return made, None
            report(Report.STAGE, "Making the surface…")
            surface = surface_of(made)
            if cancel.is_set():
                raise Cancelled
            return made, surface

        self._begin(_Kind.STRUCTURE, work, None, "Building…")

    def picture(self, tilt: float) -> None:
        """Show what a microscope would see of the structure."""
        made = self.structure
        if made is not None:
            self.view.messages.clear()
            self._begin(
                _Kind.PICTURE,
                lambda report, cancel: (made, made.picture(tilt=tilt)),
                None,
                "Making the picture…",
            )

    def save(self) -> None:
        """Ask for a file's name and write the surface there."""
        made = self.structure
        if made is None:
            return
        kinds = {"STL file (*.stl)": ".stl", "OBJ file (*.obj)": ".obj"}
        name, chosen = QFileDialog.getSaveFileName(
            self.view, "Save the structure", f"{made.fields.kind}.stl", ";;".join(kinds)
        )
        if not name:
            return
        path = Path(name)
        if path.suffix.lower() not in FORMATS:
            path = path.with_name(path.name + kinds.get(chosen, ".stl"))
        self.view.messages.clear()
        self._begin(_Kind.FILE, lambda report, cancel: made.save(path), None, "Writing…")

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Show what is going on."""
        if kind is Report.STAGE and self.is_running(job):
            self.view.show_busy(str(value))

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Show what came of it; what was there before stays where nothing did."""
        kind = self._kinds.pop(job)
        if not current:
            return
        if outcome.value is None:
            if sentence := job.reason or outcome.error:
                self.view.messages.warn(sentence)
            return
        if kind is _Kind.DESCRIPTION:
            self.fields = outcome.value
            self._words = ""
            self.view.words.clear()
            self._show_fields()
        elif kind is _Kind.STRUCTURE:
            self._take(*outcome.value)
        elif kind is _Kind.PICTURE:
            self._take_picture(*outcome.value)
        else:
            unit = self.fields.unit if self.structure is None else self.structure.fields.unit
            self.view.messages.inform(f"Written to {outcome.value}: 1 in the file is 1 {unit}.")

    def _take(self, made: Structure, surface: Any) -> None:
        self.structure = made
        with self.telling():
            show_structure(made, self.viewer, as_volume=surface is None, surface=surface)
        depth, rows, columns = made.inside.shape
        self.view.tilt.setValue(made.fields.of_kind.view)
        self.view.show_result(
            f"Built: {made.fields}. {100 * made.density:.1f} % solid in "
            f"{depth} × {rows} × {columns} voxels."
        )
        fields = made.fields
        if fields.of_kind.spacing_name and fields.spacing > fields.width:
            self.view.messages.inform(
                f"The {fields.of_kind.spacing_name} is larger than the block, so only a part of it "
                "is seen; choose a wider block to see more."
            )

    def _take_picture(self, made: Structure, picture: Picture) -> None:
        with self.telling():
            add_picture(self.viewer, made, picture)
            self.viewer.dims.ndisplay = 2
            self.viewer.reset_view()

    def _begin(self, kind: _Kind, work: Any, image: Image | None, what: str) -> None:
        self._kinds[self.start(work, image)] = kind
        self.view.show_busy(what)

    def _show_fields(self) -> None:
        fields, kind = self.fields, KINDS[self.fields.kind]
        names = ("kind", "density", "orientation", "regularity", "size", "spacing")
        values = {name: getattr(fields, name) for name in (*names, "width", "depth")}
        titles = {
            "size": kind.size_name,
            "spacing": kind.spacing_name,
            "width": "width of the block",
            "depth": "depth of the block",
        }
        self.view.show_fields(values, titles, fields.unit, directed=kind.directed)
        self.view.show_said([(turn.question, turn.answer) for turn in fields.said])

    def _tell(self) -> None:
        self.view.describe.setEnabled(self.binding.image is not None)
