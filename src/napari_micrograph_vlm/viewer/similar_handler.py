"""Binds the panel that finds more like an example to the viewer and the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image, Layer

from ..errors import SourceError
from ..finding.fields import Field, Fields, Folder
from ..regions import Region
from ..widgets.similar_view import FOLDER, SLICES
from .geometry import RegionChoice
from .handler import Handler
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Report, sentence_of
from .handler_regions import NO_IMAGE
from .handler_show import bring_back
from .item_files import as_stack
from .keys import KeyBindings
from .model_choice import ModelChoice
from .panel_jobs import PanelJobs
from .similar_fields import LayerFields
from .similar_hunt import Found, Hunt, searching
from .similar_layers import (
    ACCEPTED,
    PROPOSED,
    REJECTED,
    TRANSFORM,
    Row,
    add_candidates,
    look_at,
    map_shown,
    mark_current,
    move_with,
    placement_on,
    show_map,
    write_verdicts,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.similar_view import SimilarView

__all__ = ["SimilarHandler"]

DRAW = "Draw a shape round one defect, or several, and choose “Selected shapes” as the example."
GONE = "The image of these candidates is no longer open."

_KEYS = {
    "accept": ("G", "Ctrl-Alt-G"),
    "reject": ("H", "Ctrl-Alt-H"),
    "next": ("J", "Ctrl-Alt-J"),
    "previous": ("K", "Ctrl-Alt-K"),
}


class SimilarHandler(Handler):
    """Searches for more like the drawn example, and walks through the candidates."""

    image_gone = "The image was removed while it was being searched."
    image_changed = "The image was changed while it was being searched."

    def __init__(self, view: SimilarView, viewer: Viewer, **options: Any) -> None:
        super().__init__(view, viewer, **options)
        self.view = view
        self.hunt: Hunt | None = None
        self.current = -1
        self.choice = ModelChoice(view.models, view, self.preferences)
        self.keys = KeyBindings(viewer, view)
        self._files = PanelJobs()
        self._opening: Job | None = None
        self._follow = Connections()
        for signal, callback in (
            (view.started, self.find),
            (view.again, self.again),
            (view.chosen, self.go),
            (view.accepted, self.accept),
            (view.rejected, self.reject),
            (view.next_wanted, self.next),
            (view.previous_wanted, self.previous),
            (view.map_wanted, self.toggle_map),
            (self.keys.changed, self._name_keys),
        ):
            self.connections.add(signal, callback)
        self.connections.listen(viewer.layers.events.removed, self._image_removed)
        self.keys.add_together(
            tuple(_KEYS),
            list(zip(*_KEYS.values(), strict=True)),
            (self.accept, self.reject, self.next, self.previous),
        )
        self.keys.watch(view.list)

    def close(self, *, deleted: bool = False) -> None:
        """Stop every job, unbind the keys, and let go of view and viewer."""
        if not self.closed:
            self.keys.close(deleted=deleted)
            self._files.close()
            self._follow.close()
        super().close(deleted=deleted)

    @property
    def rows(self) -> Sequence[Row]:
        """The candidates with their verdicts, in the order of the list."""
        return self.hunt.rows if self.hunt is not None else ()

    def find(self) -> None:
        """Search for more like the chosen shapes, stopping what runs."""
        self.view.messages.clear()
        image = self.binding.image
        try:
            if image is None:
                raise SourceError(NO_IMAGE)
            if self.binding.layers.choice is RegionChoice.WHOLE_LAYER:
                raise SourceError(DRAW)
            plan = self.binding.plan()
            planes = LayerFields.of(self.viewer, image)
            place, folder = self.view.place, self._folder()
            here = planes.snapshot.plane_at(planes.snapshot.point[None])
        except Exception as error:
            self.view.messages.warn(sentence_of(error))
            return
        most, about = self.view.most.value(), ref(image)

        def prepare() -> Hunt:
            examples = planes.examples(plan())
            where: Fields
            if place == FOLDER:
                assert folder is not None
                where = Folder(folder)
            else:
                where = planes.every() if place == SLICES else [planes.at(here)]
            return Hunt(about, planes.snapshot.transform.axes, where, examples, most)

        self._search(image, prepare)

    def again(self) -> None:
        """Search again: accepted candidates are examples too, rejected ones counter-examples."""
        hunt = self.hunt
        image = hunt.image() if hunt is not None else None
        if hunt is None or image is None or image not in self.viewer.layers:
            self.view.messages.warn(GONE)
            return
        self.view.messages.clear()
        hunt.most = self.view.most.value()
        self._search(image, lambda: hunt)

    def go(self, index: int) -> None:
        """Show a candidate in the viewer; a file that is not open is opened."""
        hunt = self.hunt
        if hunt is None or not 0 <= index < len(hunt.rows):
            return
        self.current = index
        self.view.choose(index)
        self.view.messages.clear()
        self._mark()
        self._files.stop(self._opening)
        where = hunt.rows[index].candidate.field
        image = hunt.image_of(self.viewer, where)
        if image is not None:
            with self.telling():
                self._show(hunt, image, index)
        elif where.path is None:
            self.view.messages.warn(GONE)
        else:
            self._open(hunt, where.path, index)

    def next(self) -> None:
        """Go to the next candidate."""
        self.go(min(self.current + 1, len(self.rows) - 1))

    def previous(self) -> None:
        """Go to the candidate before."""
        self.go(max(self.current - 1, 0))

    def accept(self) -> None:
        """Keep the current candidate, with the class chosen in the panel, and go on."""
        self._judge(ACCEPTED, self.view.class_name)

    def reject(self) -> None:
        """Mark the current candidate as something else, and go on."""
        self._judge(REJECTED, "")

    def toggle_map(self, shown: bool) -> None:
        """Show the similarity map, or hide it."""
        hunt = self.hunt
        if hunt is None:
            return
        for image, _shapes in hunt.open_layers(self.viewer):
            layer = map_shown(self.viewer, image)
            if layer is not None:
                layer.visible = shown
            elif shown and self.rows:
                with self.telling():
                    self._show_map(hunt, image, self.rows[max(self.current, 0)].candidate.field)

    def on_report(self, job: Job, kind: Report, value: Any) -> None:
        """Show how far it is."""
        if not self.is_running(job):
            return
        if kind is Report.STAGE:
            self.view.show_busy(str(value))
        elif kind is Report.COUNT:
            share, name = value
            self.view.show_busy(f"Looking through {name}: {share:.0%}", round(1000 * share), 1000)

    def on_end(self, job: Job, outcome: Outcome, image: Image | None, current: bool) -> None:
        """Show what was found; candidates found before stay where nothing was."""
        if not current:
            return
        if outcome.value is None:
            if sentence := job.reason or outcome.error:
                self.view.messages.warn(sentence)
            elif outcome.stopped:
                self.view.messages.inform("Stopped; the candidates shown are those found before.")
            return
        found: Found = outcome.value
        with self.telling():
            self._take(found)

    def _search(self, image: Image, prepare: Callable[[], Hunt]) -> None:
        before = self.hunt
        judged = [row for row in self.rows if row.verdict != PROPOSED]
        work = searching(
            self.models,
            self.preferences().which,
            prepare,
            lambda hunt: judged if hunt is before else (),
        )
        self.start(work, image)
        self.view.show_busy("Looking at the example…")

    def _take(self, found: Found) -> None:
        """Show new candidates after those of which the user has said something."""
        hunt = found.hunt
        judged = [row for row in hunt.rows if row.verdict != PROPOSED]
        if hunt is self.hunt:
            self._remove_layers(hunt)
        self._follow.close()
        self.hunt = hunt
        hunt.rows = [*judged, *map(Row, found.candidates)]
        hunt.maps = found.maps
        image = hunt.image()
        own = [i for i, row in enumerate(hunt.rows) if row.candidate.field.path is None]
        if image is not None and image in self.viewer.layers and own:
            self._add_layer(hunt, None, image)
        self._list()
        if found.skipped:
            number = len(found.skipped)
            files = "1 file was" if number == 1 else f"{number} files were"
            self.view.messages.inform(f"{files} passed over: {found.skipped[0]}")
        if not found.candidates:
            self.view.messages.inform(
                "Nothing more is alike; draw the example closer, or add a second one."
            )
        if hunt.rows:
            first = len(judged) if found.candidates else 0
            message = self.view.messages.text
            self.go(first)
            if message and not self.view.messages.text:
                self.view.messages.inform(message)

    def _judge(self, verdict: str, name: str) -> None:
        hunt = self.hunt
        if hunt is None or not 0 <= self.current < len(hunt.rows):
            return
        row = hunt.rows[self.current]
        row.verdict, row.name = verdict, name
        text, colour = hunt.line(self.current)
        self.view.change_candidate(self.current, text, colour, hunt.note)
        self.view.allow_again(hunt.image() in self.viewer.layers)
        with self.telling():
            for _image, shapes in hunt.open_layers(self.viewer):
                write_verdicts(shapes, [(self.current + 1, row)])
        left = range(self.current + 1, len(hunt.rows))
        following = next((i for i in left if hunt.rows[i].verdict == PROPOSED), None)
        if following is not None:
            self.go(following)
        else:
            self._mark()

    def _mark(self) -> None:
        """Let the current candidate stand out among the others."""
        hunt = self.hunt
        if hunt is not None:
            with self.telling():
                for _image, shapes in hunt.open_layers(self.viewer):
                    mark_current(shapes, self.current + 1, hunt.rows)

    def _show(self, hunt: Hunt, image: Image, index: int) -> None:
        candidate = hunt.rows[index].candidate
        plane = candidate.field.plane
        axes = hunt.axes_of(candidate.field)
        placement = placement_on(image, axes, plane, candidate.box, "candidate")
        region = Region(np.zeros((1, 1), np.float32), candidate.box, placement=placement)
        bring_back(self.viewer, [region])
        if self.view.show_map.isChecked():
            self._show_map(hunt, image, candidate.field)
        look_at(self.viewer, image, candidate.box)

    def _show_map(self, hunt: Hunt, image: Image, where: Field) -> None:
        made = hunt.maps.get(where.key)
        if made is None:
            return
        old = map_shown(self.viewer, image)
        if old is not None and old.metadata.get("similarity_of") is made:
            old.visible = True
            return
        axes = hunt.axes_of(where)
        placement = placement_on(image, axes, where.plane, (0, 0, *where.shape), "similarity")
        layer = show_map(
            self.viewer, image, placement, made.picture(), where.shape, self.preferences()
        )
        layer.metadata["similarity_of"] = made

    def _open(self, hunt: Hunt, path: Path, index: int) -> None:
        """Open the file of a candidate in a worker, then show it."""
        planes = len(hunt.rows[index].candidate.field.plane)

        def opened(outcome: Outcome) -> None:
            self._opening = None
            if outcome.error:
                self.view.messages.warn(outcome.error)
            if outcome.value is None or hunt is not self.hunt:
                return
            with self.telling():
                image = Image(outcome.value[0], **outcome.value[1])
                self.viewer.layers.append(image)
                self._add_layer(hunt, path, image)
                if self.current == index:
                    self._show(hunt, image, index)

        self._opening = self._files.start(
            lambda report, cancel: as_stack(path, planes).to_layer(), opened
        )

    def _add_layer(self, hunt: Hunt, path: Path | None, image: Image) -> None:
        rows = [(i + 1, row) for i, row in enumerate(hunt.rows) if row.candidate.field.path == path]
        axes = hunt.axes if path is None else (image.ndim - 2, image.ndim - 1)
        shapes = add_candidates(self.viewer, image, axes, rows)
        hunt.layers[path] = ref(image), ref(shapes)
        self._mark()
        weak_image, weak_shapes = ref(image), ref(shapes)

        def moved(event: Any = None) -> None:
            on, layer = weak_image(), weak_shapes()
            if on is not None and layer is not None:
                move_with(on, layer)

        for name in TRANSFORM:
            self._follow.listen(image.events[name], moved)

    def _remove_layers(self, hunt: Hunt) -> None:
        for _image, shapes in hunt.open_layers(self.viewer):
            if shapes in self.viewer.layers:
                self.viewer.layers.remove(shapes)
        hunt.layers = {path: pair for path, pair in hunt.layers.items() if path is not None}

    def _image_removed(self, event: Any) -> None:
        """Hide what was made for an image that is gone, and say so."""
        hunt, image = self.hunt, event.value
        if hunt is None or not isinstance(image, Image):
            return
        made: list[Layer | None] = [its() for one, its in hunt.layers.values() if one() is image]
        if not made:
            return
        made.append(map_shown(self.viewer, image))
        shown = [one for one in made if one is not None and one in self.viewer.layers]
        for layer in shown:
            layer.visible = False
        self.view.messages.inform(GONE if not shown else f"{GONE} Their layers were hidden.")
        if image is hunt.image():
            self.view.allow_again(False)
            self.view.allow_judging(any(row.candidate.field.path for row in hunt.rows))

    def _folder(self) -> Path | None:
        if self.view.place != FOLDER:
            return None
        text = self.view.folder.text().strip()
        path = Path(text).expanduser()
        if not text or not path.is_dir():
            raise SourceError("Choose the folder to look through first.")
        return path

    def _list(self) -> None:
        self.current = -1
        hunt = self.hunt
        assert hunt is not None
        self.view.show_candidates([hunt.line(i) for i in range(len(hunt.rows))], hunt.note)
        self.view.allow_judging(True)
        self.view.allow_again(any(row.verdict != PROPOSED for row in self.rows))
        self._name_keys()

    def _name_keys(self) -> None:
        self.view.show_keys({name: self.keys.key(name) for name in _KEYS})
