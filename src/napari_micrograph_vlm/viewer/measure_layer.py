"""Measured objects as a Labels layer that lies on exactly its image."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from ..frames.cutouts import are_frames
from ..measuring.measurement import Measurement
from ..measuring.wording import summary_of
from .geometry import overlay_kwargs
from .handler_show import image_of
from .overlay_follow import follow
from .overlay_frames import Group, grouped, number_along
from .overlay_identity import MEASURED_KEY, key_of
from .overlay_layer import data_on, move_layer
from .overlays import image_under, insert_above
from .region_view import unwrapped

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel

__all__ = [
    "MeasuredMetadata",
    "features_of",
    "in_order",
    "is_measured",
    "show_all",
    "show_objects",
    "show_only",
]

OPACITY = 0.8

# Okabe and Ito (2008): apart for every kind of colour vision, and those first that stand out most
# on grey and on the overlay of where the model looked.
_COLOURS = ("#56b4e9", "#009e73", "#f0e442", "#e69f00", "#cc79a7", "#0072b2", "#d55e00")


_MOST_BYTES = 2**29
"""Largest layer of all frames with the slices between them; else each frame gets a layer."""


class MeasuredMetadata(TypedDict):
    """What the layer keeps in ``layer.metadata["micrograph_vlm_measured"]``.

    ``digest`` tells whether somebody has painted on it since.
    """

    key: str
    digest: str
    summary: str
    measured: list[dict[str, Any]]


def show_all(viewer: ViewerModel, measured: Sequence[Measurement]) -> list[Labels]:
    """Show measured objects, with their sizes as the layers' features.

    A layer for each region, and one for all frames of a stack, where objects are numbered through.
    Objects of the same kind in the same place found for the same question take the place of those
    before, unless somebody has painted on these. Where there are none, there is no layer.
    Selection, camera and sliders stay as they are; a layer follows its image.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        The viewer that holds the images.
    measured : sequence of Measurement
        Of regions that have a place on an image layer.

    Raises
    ------
    RegionError
        If an image layer has been removed or holds other data since.
    """
    viewer = unwrapped(viewer)
    for one in measured:
        image_under(viewer, one.region.placement, "measured")
    shown = (_show(viewer, group, part) for group, part in _groups(measured))
    return [layer for layer in shown if layer is not None]


def show_objects(viewer: ViewerModel, measurement: Measurement) -> Labels | None:
    """Do as :func:`show_all` with one measurement."""
    return next(iter(show_all(viewer, [measurement])), None)


def show_only(viewer: ViewerModel, measured: Sequence[Measurement]) -> None:
    """Make the layers of some measurements visible and those of all others not.

    Objects of an image that is gone or holds other data are not shown.
    """
    keys = {
        group.key
        for group, part in _groups(measured)
        if image_of(viewer, part[0].region) is not None
    }
    for layer in viewer.layers:
        if is_measured(layer):
            wanted = layer.metadata[MEASURED_KEY]["key"] in keys
            if layer.visible != wanted:
                layer.visible = wanted


def in_order(measured: Sequence[Measurement]) -> list[Measurement]:
    """Return measurements with frames in the order of their slices, else as they are."""
    placements = [one.region.placement for one in measured]
    if not are_frames([one.region for one in measured]) or None in placements:
        return list(measured)
    planes = [() if place is None else place.plane for place in placements]
    return [measured[row] for row in sorted(range(len(measured)), key=planes.__getitem__)]


def features_of(*measured: Measurement) -> pd.DataFrame:
    """Return the tables as napari wants them: a row for each label, that of the background first.

    Those of several frames are one table, where ``frame`` and ``label`` say which object it is.
    """
    import pandas as pd

    tables = []
    before = 0
    for one in measured:
        table = one.headed().rename(columns={"label": "index"})
        if len(measured) > 1:
            table.insert(1, "frame", one.region.label)
            table.insert(2, "label", table["index"])
        table["index"] += before
        before += int(one.labels.max(initial=0))
        tables.append(table)
    table = tables[0]
    empty: dict[str, Any] = {"index": 0, "cut": False}
    if len(measured) > 1:
        table = pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)
        empty = {**empty, "frame": "", "label": 0}
    background = table.iloc[:0].reindex([0]).assign(**empty)
    background = background.astype(table.dtypes.to_dict())
    return pd.concat([background, table], ignore_index=True) if len(table) else background


def is_measured(layer: Any) -> bool:
    """Whether a layer holds measured objects."""
    return isinstance(layer, Labels) and MEASURED_KEY in layer.metadata


def _groups(measured: Sequence[Measurement]) -> list[tuple[Group, list[Measurement]]]:
    """Return what one layer each shows."""
    kinds: dict[str, list[Measurement]] = {}
    for one in measured:
        kinds.setdefault(f"{one.question} | {one.what}", []).append(one)
    found = []
    for kind, alike in kinds.items():
        regions = [one.region for one in alike]
        for group in grouped(regions, kind, [one.labels.shape for one in alike]):
            if group.axis is not None and _bytes(alike, group) > _MOST_BYTES:
                single = (Group((row,), None, key_of(kind, regions[row])) for row in group.rows)
                found += [(one, [alike[one.rows[0]]]) for one in single]
            else:
                found.append((group, [alike[row] for row in group.rows]))
    return found


def _bytes(measured: Sequence[Measurement], group: Group) -> int:
    assert group.axis is not None
    ends = (number_along(measured[group.rows[end]].region, group.axis) for end in (0, -1))
    first, last = ends
    return (last - first + 1) * int(measured[group.rows[0]].labels.nbytes)


def _show(viewer: ViewerModel, group: Group, measured: list[Measurement]) -> Labels | None:
    region = measured[0].region
    image = image_under(viewer, region.placement, "measured")
    placement = region.placement
    assert placement is not None
    layer = _same(viewer, group.key)
    if not any(one.count for one in measured):
        if layer is not None:
            viewer.layers.remove(layer)
        return None
    data = _data_of(group, measured, image.ndim)
    rows, columns = measured[0].labels.shape
    place = overlay_kwargs(image, placement, region.box, (rows, columns))
    metadata: MeasuredMetadata = {
        "key": group.key,
        "digest": _digest(data),
        "summary": summary_of(measured),
        "measured": [one.to_dict() for one in measured],
    }
    features = features_of(*measured)
    if layer is None:
        named = group.place or region.label
        layer = Labels(
            data,
            name=f"{measured[0].what}: {image.name}" + (f" ({named})" if named else ""),
            features=features,
            opacity=OPACITY,
            colormap=_colours(),
            metadata={MEASURED_KEY: metadata},
            **place,
        )
        insert_above(viewer, layer, image, region)
    else:
        layer.data = data
        layer.features = features
        layer.metadata[MEASURED_KEY] = metadata
        move_layer(layer, place)
        layer.visible = True
        follow(viewer, layer, image, region)
    return layer


def _data_of(group: Group, measured: list[Measurement], ndim: int) -> NDArray[np.int32]:
    """Return the labels of a region, or of all frames numbered through, with the slices between.

    A copy: what a user paints must not change what was measured.
    """
    pictures = []
    for one in measured:
        assert one.region.placement is not None
        pictures.append(np.asarray(data_on(one.labels, one.region.placement, ndim), np.int32))
    if group.axis is None:
        return np.array(pictures[0])
    numbers = [number_along(one.region, group.axis) for one in measured]
    shape = list(pictures[0].shape)
    shape[group.axis] = numbers[-1] - numbers[0] + 1
    whole = np.zeros(shape, np.int32)
    slices = np.moveaxis(whole, group.axis, 0)
    before = 0
    for number, picture in zip(numbers, pictures, strict=True):
        plane = np.moveaxis(picture, group.axis, 0)[0]
        slices[number - numbers[0]] = np.where(plane > 0, plane + before, 0)
        before += int(plane.max(initial=0))
    return whole


def _colours() -> CyclicLabelColormap:
    # The first of the list is for the background, which is not shown.
    return CyclicLabelColormap(colors=["transparent", *_COLOURS])


def _same(viewer: ViewerModel, key: str) -> Labels | None:
    """Return the layer of the same objects, unless somebody has painted on it."""
    for layer in viewer.layers:
        if not is_measured(layer) or layer.metadata[MEASURED_KEY]["key"] != key:
            continue
        if layer.metadata[MEASURED_KEY]["digest"] == _digest(layer.data):
            return layer
    return None


def _digest(data: Any) -> str:
    digest = blake2b(digest_size=16)
    for number, plane in enumerate(np.asarray(data)):
        if plane.any():  # most slices of a stack are empty
            digest.update(number.to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()
