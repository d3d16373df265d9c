"""Image layers as fields that are looked through, and drawn regions as examples in them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..finding.fields import Field
from ..finding.similar import Example
from ..models.base import eyes_of
from ..regions import Box, Cutout, Region, polygon_mask
from .geometry import LONGEST
from .models import ModelHolder
from .region_window import ImageSnapshot

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ["LayerFields", "SharedEyes"]

_MASK_SIDE = 256
_MOST = 2 / 3


@dataclass(frozen=True, eq=False)
class LayerFields:
    """The planes of an image layer, as they were when the snapshot was taken."""

    snapshot: ImageSnapshot

    @classmethod
    def of(cls, viewer: Viewer, image: Image) -> LayerFields:
        """Take the snapshot, in the window's thread."""
        from .region_view import ViewState

        return cls(ImageSnapshot.of(image, ViewState.of(viewer)))

    def at(self, plane: tuple[int, ...]) -> Field:
        """Return one plane; contrast and colour map are as the user sees them.

        In a worker: to leave out an information bar, rows may have to be read.
        """
        snapshot, shape = self.snapshot, self.snapshot.plane_shape
        area = None if snapshot.areas is None else snapshot.areas.of(plane)
        if area is not None and area.box[:2] == (0, 0):
            shape = area.box[2:]  # rows are counted from above, so only a bar below can go
        # Windows must keep their places on the grid.
        snapshot = replace(snapshot, areas=None)

        def cut(box: Box) -> Cutout:
            y0, x0, y1, x1 = box
            corners = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5
            bounds = (y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5)
            return snapshot.cutout(bounds, corners, plane=plane, shape_id="window", longest=LONGEST)

        seen = (snapshot.contrast_limits, snapshot.gamma, snapshot.inverted)
        key = (snapshot.kept["data_id"], snapshot.transform.axes, plane, shape, *seen)
        return Field(snapshot.name, shape, cut, plane, key=key)

    def every(self) -> list[Field]:
        """Return every plane of the layer."""
        sizes = (self.snapshot.shape[axis] for axis in self.snapshot.transform.hidden)
        return [self.at(plane) for plane in product(*map(range, sizes))]

    def examples(self, cutouts: Iterable[Cutout]) -> list[Example]:
        """Return drawn regions as examples.

        Raises
        ------
        RegionError
            If one is nearly the whole image.
        """
        found = []
        for cutout in cutouts:
            assert cutout.placement is not None
            where = self.at(cutout.placement.plane)
            height, width = (cutout.box[s + 2] - cutout.box[s] for s in (0, 1))
            if height > _MOST * where.shape[0] and width > _MOST * where.shape[1]:
                raise RegionError(
                    "The example covers nearly the whole image; draw a shape round one defect."
                )
            y0, x0, y1, x1 = (float(n) for n in cutout.box)
            found.append(Example(where, (y0, x0, y1, x1), _mask_of(cutout, height, width)))
        return found


class SharedEyes:
    """What a model sees, taking the model anew for each window: other panels get their turn.

    Parameters
    ----------
    models : ModelHolder
        Where the model comes from.
    which : tuple
        Name, device and precision.
    model : Model
        It, loaded.
    cancel : Event
        Once set, nobody waits any more.
    """

    def __init__(self, models: ModelHolder, which: Any, model: Any, cancel: Event) -> None:
        eyes = eyes_of(model)
        self.name, self.revision = eyes.name, eyes.revision
        self._models, self._which, self._cancel = models, which, cancel

    def features(self, regions: Any, **options: Any) -> dict[str, NDArray[np.float32]]:
        """See :class:`~napari_micrograph_vlm.models.base.Sees`."""
        with self._models.use(*self._which, cancel=self._cancel) as model:
            return eyes_of(model).features(regions, **options)

    def feature_grid(self, region: Region, *, cancel: Event | None = None) -> NDArray[np.float32]:
        """See :class:`~napari_micrograph_vlm.models.base.Sees`."""
        with self._models.use(*self._which, cancel=self._cancel) as model:
            return eyes_of(model).feature_grid(region, cancel=cancel)


def _mask_of(cutout: Cutout, height: int, width: int) -> NDArray[np.bool_] | None:
    shape = (min(height, _MASK_SIDE), min(width, _MASK_SIDE))
    mask = None
    if cutout.outline is not None:
        mask = polygon_mask(cutout.outline, cutout.box, shape)
    elif cutout.mask_of is not None:
        with suppress(ValueError):
            mask = cutout.mask_of(shape)
    return mask if mask is not None and mask.any() else None
