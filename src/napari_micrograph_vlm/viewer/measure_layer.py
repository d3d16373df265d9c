"""Measured objects as a Labels layer that lies on exactly its image."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from ..errors import MicrographError
from ..measuring.measurement import Measurement
from ..regions import Region
from .geometry import overlay_kwargs
from .handler_show import image_of
from .overlay_follow import follow
from .overlay_identity import MEASURED_KEY, key_of
from .overlay_layer import data_on, move_layer
from .overlays import image_under, insert_above
from .region_view import ViewState, unwrapped
from .transforms import PlaneTransform

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel

__all__ = [
    "MeasuredMetadata",
    "features_of",
    "is_measured",
    "regions_in_view",
    "show_objects",
]

OPACITY = 0.8

# Okabe and Ito (2008): apart for every kind of colour vision, and those first that stand out most
# on grey and on the overlay of where the model looked.
_COLOURS = ("#56b4e9", "#009e73", "#f0e442", "#e69f00", "#cc79a7", "#0072b2", "#d55e00")


class MeasuredMetadata(TypedDict):
    """What the layer keeps in ``layer.metadata["micrograph_vlm_measured"]``.

    ``digest`` tells whether somebody has painted on it since.
    """

    key: str
    digest: str
    summary: str
    measured: dict[str, Any]


def show_objects(viewer: ViewerModel, measurement: Measurement) -> Labels:
    """Show measured objects, with their sizes as the layer's features.

    Objects of the same kind in the same place take the place of those before, unless somebody has
    painted on these. Selection, camera and sliders stay as they are; the layer follows its image.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        The viewer that holds the image.
    measurement : Measurement
        Of a region that has a place on an image layer.

    Raises
    ------
    RegionError
        If the image layer has been removed or holds other data since.
    """
    viewer = unwrapped(viewer)
    region = measurement.region
    image = image_under(viewer, region.placement, "measured")
    placement = region.placement
    assert placement is not None
    # A copy: what a user paints must not change what was measured.
    data = np.array(data_on(measurement.labels, placement, image.ndim))
    grid = measurement.labels.shape
    place = overlay_kwargs(image, placement, region.box, (int(grid[0]), int(grid[1])))
    metadata: MeasuredMetadata = {
        "key": key_of(measurement.what, region),
        "digest": _digest(data),
        "summary": measurement.summary(),
        "measured": measurement.to_dict(),
    }
    layer = _same(viewer, metadata["key"])
    if layer is None:
        layer = Labels(
            data,
            name=f"{measurement.what}: {image.name}",
            features=features_of(measurement),
            opacity=OPACITY,
            colormap=_colours(),
            metadata={MEASURED_KEY: metadata},
            **place,
        )
        insert_above(viewer, layer, image, region)
    else:
        layer.data = data
        layer.features = features_of(measurement)
        layer.metadata[MEASURED_KEY] = metadata
        move_layer(layer, place)
        layer.visible = True
        follow(viewer, layer, image, region)
    return layer


def features_of(measurement: Measurement) -> pd.DataFrame:
    """Return the table as napari wants it: a row for each label, that of the background first."""
    import pandas as pd

    table = measurement.headed().rename(columns={"label": "index"})
    background = table.iloc[:0].reindex([0]).assign(index=0, cut=False)
    background = background.astype(table.dtypes.to_dict())
    return pd.concat([background, table], ignore_index=True) if len(table) else background


def regions_in_view(viewer: ViewerModel, regions: Sequence[Region]) -> list[int]:
    """Return which regions of an answer to measure: of frames of a stack the one in view.

    One or two regions are compared with each other, and both are wanted.
    """
    every = list(range(len(regions)))
    if len(every) <= 2:
        return every
    for index, region in enumerate(regions):
        image, placement = image_of(viewer, region), region.placement
        if image is None or placement is None:
            continue
        try:
            view = ViewState.of(viewer)
            shown = PlaneTransform.of(image, view).planes_at(view.point[None])[0]
        except MicrographError:  # such as all three dimensions at once
            break
        if tuple(shown.tolist()) == placement.plane:
            return [index]
    return every[:1]


def is_measured(layer: Any) -> bool:
    """Whether a layer holds measured objects."""
    return isinstance(layer, Labels) and MEASURED_KEY in layer.metadata


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
    return blake2b(np.ascontiguousarray(data).tobytes(), digest_size=16).hexdigest()
