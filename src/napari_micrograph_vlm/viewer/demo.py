"""The demo: two micrographs, a few questions, and what is known to be true.

Everything napari is imported where a window is opened: the same story can be told without one.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, SourceError
from ..labelling.label_sets import NFFA_CATEGORIES
from ..readers import samples
from ..regions import Box

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.viewer import Viewer

    from ..results import Answer, Classification
    from .docks import AskDock, ClassifyDock

__all__ = ["Scene", "has_display", "open_demo", "run_demo", "run_headless", "scenes"]

WINDOW = 1600, 1000
"""Width and height of the window in pixels."""

PANEL = 420
"""Width of the panels in pixels."""

PATIENCE = 300.0
"""Seconds after which a picture of the window is no longer waited for."""

_TICK_MS = 50
_SETTLE = 1.0


@dataclass(frozen=True)
class Scene:
    """One micrograph of the demo.

    Attributes
    ----------
    title : str
        What it is.
    layers : list of LayerData
        The micrograph and, where there is one, its hidden truth.
    box : Box
        The region that is asked about.
    questions : tuple of str
        What is asked.
    truth : str
        What is known about the region.
    classify : bool
        Whether the region is classified, too.
    """

    title: str
    layers: list[samples.LayerData]
    box: Box
    questions: tuple[str, ...]
    truth: str
    classify: bool = False

    @property
    def name(self) -> str:
        """A short name for files."""
        return self.title.split(",")[0].replace(" ", "-")


def has_display() -> bool:
    """Whether a window can be opened here."""
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def scenes() -> list[Scene]:
    """Return what the demo shows; without the real sample it says so and leaves it out."""
    found = []
    try:
        found.append(
            Scene(
                "nanoporous gold, a real micrograph (Zeiss, 20 kV, 500,000 x)",
                samples.nanoporous_gold(),
                # All above the information bar, which begins at row 690: the student calls
                # most smaller boxes films and coated surfaces (see its model card).
                (5, 5, 685, 1019),
                ("What kind of sample is this?", "How are the pores arranged?"),
                "nanoporous gold; among the NFFA categories: porous sponge",
                classify=True,
            )
        )
    except SourceError as error:
        print(error)
    found.append(_wafer())
    return found


def _wafer() -> Scene:
    layers = samples.wafer_with_defects()
    (image, keywords, _kind), (labels, _keywords, _labels_kind) = layers
    kind = keywords["metadata"]["defects"][-1]
    rows, columns = np.nonzero(labels == labels.max())
    box = _around(rows, columns, image.shape)
    y, x = round(float(rows.mean())), round(float(columns.mean()))
    return Scene(
        "synthetic wafer, with known defects",
        layers,
        box,
        ("What defect is this?", "Where is the defect?"),
        f"a {kind} centred on row {y}, column {x} of the image",
    )


def _around(rows: Any, columns: Any, shape: tuple[int, int], side: int = 480) -> Box:
    """Return a box of ``side`` with the pixels a little right of and below its centre.

    A generous one: the student names defects worse in close crops (see its model card).
    """
    y0 = int(np.clip(rows.mean() - 0.6 * side, 0, shape[0] - side))
    x0 = int(np.clip(columns.mean() - 0.6 * side, 0, shape[1] - side))
    return y0, x0, y0 + side, x0 + side


def run_demo(screenshot: Path | None = None, *, headless: bool = False) -> None:
    """Show the demo in a window, or without one where there is no display.

    Parameters
    ----------
    screenshot : Path, optional
        See :func:`open_demo`; without a window the pictures are saved beside it.
    headless : bool
        Open no window even where there is a display.

    Raises
    ------
    MicrographError
        If the model cannot be used, or a picture cannot be written.
    """
    if headless or not has_display():
        run_headless(screenshot.parent if screenshot else Path())
    else:
        open_demo(screenshot)


def run_headless(folder: Path) -> None:
    """Ask without a window: print the answers, save overlay pictures in ``folder``.

    Raises
    ------
    MicrographError
        If the model or the folder cannot be used.
    """
    from ..api import load_model
    from ..picture import check_target, save_overlay
    from ..regions import Cutout
    from ..results import Question

    check_target(folder / "overlay.png")
    model = load_model()
    for scene in scenes():
        array, keywords, _kind = scene.layers[0]
        region = Cutout.of_array(
            array, scene.box, source=scene.name, pixel_size=keywords["scale"], unit="nm"
        ).read()
        _print_scene(scene)
        for number, question in enumerate(scene.questions, start=1):
            answer = model.ask(Question(question, (region,)))
            _print_answer(answer)
            path = folder / f"demo-{scene.name}-{number}.png"
            save_overlay(path, region, answer.attention[0])
            print(f"     where it looked: {path}")
        if scene.classify:
            _print_classes(model.classify((region,), NFFA_CATEGORIES))


def open_demo(screenshot: Path | None = None) -> None:
    """Open napari, ask about the sample micrographs through the panels as a user would.

    Parameters
    ----------
    screenshot : Path, optional
        Save a picture of the window there when all is done, and close it. Default: leave the
        window open until the user closes it.

    Raises
    ------
    MicrographError
        If the model cannot be used, or the picture cannot be written.
    """
    if screenshot is not None:
        from ..picture import check_target

        check_target(screenshot)
    # Before there is a window: it would show the attribution, which the terminal gets.
    stages = scenes()
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.Viewer(title="napari-micrograph-vlm: demo")
    tour = _Tour(viewer, stages, screenshot)
    timer = QTimer()
    timer.setInterval(_TICK_MS)
    timer.timeout.connect(tour.step)
    tour.on_end = timer.stop
    timer.start()
    napari.run()
    timer.stop()
    if tour.error is not None:
        raise tour.error


class _Tour:
    """Goes through the scenes, one step each time the event loop is free."""

    def __init__(self, viewer: Viewer, stages: list[Scene], screenshot: Path | None) -> None:
        from .docks import ask_widget, classify_widget

        self.viewer = viewer
        self.scenes = stages
        self.screenshot = screenshot
        self.error: Exception | None = None
        self.on_end: Callable[[], object] = lambda: None
        self.ask: AskDock = ask_widget(viewer)
        self.classify: ClassifyDock = classify_widget(viewer)
        window = viewer.window
        first = window.add_dock_widget(self.ask, name="Ask a region", area="right", tabify=False)
        window.add_dock_widget(self.classify, name="Classify regions", area="right", tabify=True)
        first.raise_()
        self._dock = first
        window.resize(*WINDOW)
        self._widen()
        self._steps = self._story()
        self._ready: Callable[[], bool] = lambda: True
        self._since = time.monotonic()

    def _widen(self) -> None:
        """Give the panels the width they are laid out for."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QMainWindow

        main = self._dock.parentWidget()
        if isinstance(main, QMainWindow):
            main.resizeDocks([self._dock], [PANEL], Qt.Orientation.Horizontal)

    def step(self) -> None:
        """Go on with the story if what it waits for has come."""
        try:
            if self.ask.handler.closed:
                raise StopIteration
            if not self._ready():
                if self.screenshot and time.monotonic() - self._since > PATIENCE:
                    raise ModelError(f"There was no answer within {PATIENCE:.0f} seconds.")
                return
            self._ready = next(self._steps)
            self._since = time.monotonic()
        except StopIteration:
            self.on_end()
        except Exception as error:
            self.on_end()
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = error
        self.viewer.close()

    def _story(self) -> Iterator[Callable[[], bool]]:
        """Do one thing after the other; each yields what to wait for."""
        for scene in self.scenes:
            image, shapes = self._open(scene)
            yield self._rest(_SETTLE)
            # Of all layers; the last is the largest.
            self.viewer.reset_view(margin=0.02)
            self._widen()
            _choose(self.viewer, image, shapes)
            yield self._rest(_SETTLE)
            _print_scene(scene)
            for question in scene.questions:
                # Each stands alone, as it does without a window.
                self.ask.follow_up.setChecked(False)
                self.ask.question.line.setText(question)
                self.ask.ask.click()
                yield lambda: not self.ask.handler.is_busy
                _print_answer(self._answer())
            if scene.classify:
                self.classify.classify.click()
                yield lambda: not self.classify.handler.is_busy
                _print_classes(self._classes())
                self.ask.handler.show_entry(len(self.ask.handler.entries) - 1)
            self._dock.raise_()
            yield self._rest(_SETTLE)
        if self.screenshot is None:
            print("The window stays open; draw a shape and ask.")
            return
        yield self._rest(_SETTLE)
        self._save(self.screenshot)
        self.viewer.close()

    def _open(self, scene: Scene) -> tuple[Image, Shapes]:
        """Hide what is there, show the scene's layers and draw its region."""
        for layer in self.viewer.layers:
            layer.visible = False
        image, *_others = [self._add(*data) for data in scene.layers]
        y0, x0, y1, x1 = scene.box
        shapes = self.viewer.add_shapes(
            [np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5],
            shape_type="rectangle",
            name=f"region on {image.name}",
            face_color="transparent",
            edge_color="#4cc9f0",
            edge_width=4,
            scale=image.scale,
            units=image.units,
        )
        return image, shapes

    def _add(self, data: Any, keywords: dict[str, Any], kind: str) -> Any:
        return getattr(self.viewer, f"add_{kind}")(data, **keywords)

    def _answer(self) -> Answer:
        entry = self.ask.handler.entries[-1]
        if entry.answer is None:
            raise ModelError(self.ask.messages.text or f"There was no answer: {entry.text}.")
        return entry.answer

    def _classes(self) -> Classification:
        found = self.classify.handler.classification
        if found is None:
            raise ModelError(self.classify.messages.text or "The region was not classified.")
        return found

    def _save(self, path: Path) -> None:
        from PIL import Image as Picture

        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        try:
            Picture.fromarray(pixels[..., :3]).save(path)
        except OSError as error:
            raise SourceError(f"{path} cannot be written: {error.strerror or error}.") from None
        print(f"The window is in {path}.")

    @staticmethod
    def _rest(seconds: float) -> Callable[[], bool]:
        until = time.monotonic() + seconds
        return lambda: time.monotonic() >= until


def _choose(viewer: Viewer, image: Image, shapes: Shapes) -> None:
    """Select image and shape as a user's clicks would."""
    viewer.layers.selection.active = image
    viewer.layers.selection.active = shapes
    shapes.mode = "select"
    shapes.selected_data = {0}


def _print_scene(scene: Scene) -> None:
    print(f"{scene.title}; region {','.join(map(str, scene.box))}")
    attribution = scene.layers[0][1]["metadata"].get("attribution")
    if attribution:
        print(f"  {attribution}")
    print(f"  known: {scene.truth}", flush=True)


def _print_answer(answer: Answer) -> None:
    seconds = answer.provenance.seconds
    print(f"  Q: {answer.question}")
    print(f"  A: {answer.text}  (confidence {answer.confidence:.2f}, {seconds:.2f} s)", flush=True)


def _print_classes(found: Classification) -> None:
    print("  class: " + ", ".join(f"{name} {p:.2f}" for name, p in found.top(0, 3)), flush=True)
