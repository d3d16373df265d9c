"""From an item of a run back to its place in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image

from .. import __version__
from ..errors import SourceError
from ..regions import Region
from ..results import Answer, Classification, Provenance
from ..runs.array_sources import LEFT_OUT
from ..runs.findings import Finding
from .handler_jobs import Job, Outcome, sentence_of
from .handler_show import Back, bring_back, show_in_turn
from .item_cutouts import cutout_in, layer_of, mask_on
from .item_files import file_of, layer_data, read_file_region
from .item_frame import remove_frame, show_frame
from .overlays import OverlayStyle
from .panel_jobs import PanelJobs
from .region_view import ViewState, unwrapped
from .run_book import RunBook
from .transforms import PlaneTransform

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Arrival", "go_to", "is_opening", "plan_region", "region_of"]

SURROUNDINGS = 2.0
"""What the view shows, as a multiple of the region's longer side."""

Arrival = Callable[[Back, str], None]
"""Told how far it got, and a sentence where something went wrong."""


class _Shown:
    """What was opened and shown for items in one viewer; no layer is kept alive."""

    def __init__(self) -> None:
        self.jobs = PanelJobs()
        self.job: Job | None = None
        self.turn = 0
        self.file: ReferenceType[Image] | None = None
        self.overlay: ReferenceType[Image] | None = None

    def stop(self) -> None:
        """Open nothing more."""
        job, self.job = self.job, None
        self.turn += 1
        self.jobs.stop(job)


_shown: WeakKeyDictionary[Any, _Shown] = WeakKeyDictionary()


def go_to(
    viewer: Viewer,
    finding: Finding,
    *,
    style: OverlayStyle | None = None,
    then: Arrival | None = None,
    which: int = 0,
) -> Back:
    """Show an item: its image, slice and region, and where the model looked.

    The file of an item that is not open is opened in a worker, in place of the one that was
    opened like this before. Of several calls the last one counts.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to show it.
    finding : Finding
        What was found out about the item.
    style : OverlayStyle, optional
        How the overlay looks; the user's preferences by default.
    then : callable, optional
        Told how far it got, at once or when the file is open; never told where another call came
        in between.
    which : int
        Which of the finding's maps to show.

    Returns
    -------
    Back
        How far it got; ``REGION`` also while the file is being opened.
    """
    viewer = unwrapped(viewer)
    shown = _shown.setdefault(viewer, _Shown())
    shown.stop()
    layer = layer_of(viewer, finding.item)
    path = None if layer is not None else file_of(viewer, finding.item)
    if path is not None:
        waiting, turn = ref(viewer), shown.turn

        def opened(outcome: Outcome) -> None:
            there = waiting()
            if turn != shown.turn or there is None:
                return
            shown.job = None
            sentence = outcome.error
            image = None
            if outcome.value is not None:
                try:
                    image = _replace_file(there, shown, outcome.value)
                except Exception as error:
                    sentence = sentence_of(error)
            _arrive(there, image, finding, style, which, then, sentence)

        item = finding.item
        shown.job = shown.jobs.start(lambda report, cancel: layer_data(path, item), opened)
        return Back.REGION
    return _arrive(viewer, layer, finding, style, which, then, "")


def is_opening(viewer: Viewer) -> bool:
    """Whether a file is being opened to show an item."""
    shown = _shown.get(unwrapped(viewer))
    return shown is not None and shown.job is not None


def region_of(viewer: Viewer, finding: Finding) -> Region:
    """Read the pixels of an item; see :func:`plan_region` for reading them in a worker.

    Raises
    ------
    MicrographError
        If its layer or file is gone, or cannot be read.
    """
    return plan_region(viewer, finding)()


def plan_region(viewer: Viewer, finding: Finding) -> Callable[[], Region]:
    """Take note of where an item lies; the result reads its pixels in any thread.

    Raises
    ------
    SourceError
        If its layer is gone.
    """
    viewer = unwrapped(viewer)
    item = finding.item
    layer = layer_of(viewer, item)
    if layer is not None:
        plan = cutout_in(viewer, layer, item)
        return lambda: plan().read()
    path = file_of(viewer, item)
    if path is None:
        raise SourceError(f"The image “{item.source}” is no longer open; open it again.")
    journal = RunBook.of(viewer).journal
    bar = journal is None or journal.run.source.get("bar") != LEFT_OUT
    return lambda: read_file_region(path, item, include_bar=bar)


def _arrive(
    viewer: Viewer,
    image: Image | None,
    finding: Finding,
    style: OverlayStyle | None,
    which: int,
    then: Arrival | None,
    sentence: str,
) -> Back:
    """Show what there is, and tell how far it got."""
    back = Back.NOTHING
    if image is not None:
        try:
            back = _show(viewer, image, finding, style, which)
        except Exception as error:
            sentence = sentence_of(error)
    if back is not Back.REGION:
        remove_frame(viewer)  # it is that of the item before
    if then is not None:
        then(back, sentence or back.value)
    return back


def _show(
    viewer: Viewer, image: Image, finding: Finding, style: OverlayStyle | None, which: int
) -> Back:
    cutout = cutout_in(viewer, image, finding.item)()
    placement = cutout.placement
    if placement is None:
        return Back.NOTHING
    box = finding.item.place or cutout.box
    # An overlay needs the place of a region and none of its pixels.
    region = Region(
        np.zeros((1, 1), np.float32),
        box,
        mask_on(cutout, box),
        cutout.pixel_size,
        cutout.unit,
        image.name,
        placement,
    )
    if not image.visible:
        image.visible = True
    if bring_back(viewer, [region]) is Back.NOTHING:
        return Back.NOTHING
    _look_at(viewer, image, region)
    _show_map(viewer, finding, region, style, which)
    show_frame(viewer, image, box, placement)
    return Back.REGION


def _show_map(
    viewer: Viewer, finding: Finding, region: Region, style: OverlayStyle | None, which: int
) -> None:
    """Show one map in place of the one shown for the item before."""
    shown = _shown.setdefault(viewer, _Shown())
    result = None
    if finding.maps:
        result = _result_of(viewer, finding, region, min(which, len(finding.maps) - 1))
    made = show_in_turn(viewer, result, style, _overlay_of(shown))
    shown.overlay = None if made is None else ref(made)


def _overlay_of(shown: _Shown) -> Image | None:
    """Return the overlay that was made for the item shown."""
    return shown.overlay() if shown.overlay is not None else None


def _result_of(
    viewer: Viewer, finding: Finding, region: Region, which: int
) -> Answer | Classification:
    """Return a finding as what overlays are made of."""
    journal = RunBook.of(viewer).journal
    run = None if journal is None else journal.run
    provenance = Provenance(
        "" if run is None else run.model,
        "" if run is None else run.revision,
        "" if run is None else run.device,
        finding.seconds,
        __version__ if run is None else run.version,
        finding.asked,
    )
    attention = (finding.maps[which],)
    classes = 1 if finding.probabilities else 0
    if which < classes:
        return Classification(
            tuple(finding.probabilities),
            np.array([list(finding.probabilities.values())], np.float32),
            (region,),
            attention,
            provenance,
            0.0 if run is None else run.task.threshold,
        )
    said = finding.said[which - classes] if which - classes < len(finding.said) else None
    question, text = ("", "") if said is None else (said.question, said.text)
    return Answer(
        question,
        text,
        (region,),
        attention,
        (),
        float("nan") if said is None else said.confidence,
        provenance,
    )


def _look_at(viewer: Viewer, image: Image, region: Region) -> None:
    """Move the camera so that the view shows the region with some surroundings."""
    y0, x0, y1, x1 = region.box
    corners = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5
    points = PlaneTransform.of(image, ViewState.of(viewer)).to_canvas(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    camera = viewer.scene.camera
    size = np.asarray(viewer.canvas.viewbox_size(viewer.layers), float)
    camera.center = (*camera.center[:-2], *((low + high) / 2).tolist())
    camera.zoom = float((size / np.maximum(SURROUNDINGS * (high - low), 1e-12)).min())


def _replace_file(viewer: Viewer, shown: _Shown, data: tuple[Any, dict[str, Any], str]) -> Image:
    """Add the image of a file in place of the one that was opened before."""
    before = shown.file() if shown.file is not None else None
    if before is not None and before in viewer.layers:
        viewer.layers.remove(before)
    array, keywords, _kind = data
    image = Image(array, **keywords)
    shown.file = ref(image)
    # Below all others: shapes and overlays stay on top.
    viewer.layers.insert(0, image)
    return image
