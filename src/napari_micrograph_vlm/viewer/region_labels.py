"""The selected label of a Labels layer as a region of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..regions import Cutout
from .region_view import ViewState
from .region_window import ImageSnapshot, Inside
from .transforms import Floats, PlaneTransform

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["LabelSnapshot"]

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class LabelSnapshot:
    """The selected label with the layer's transform; no pixel has been read."""

    array: Any
    label: int
    name: str
    shape_id: str
    transform: PlaneTransform

    @classmethod
    def of(cls, layer: Labels, view: ViewState) -> LabelSnapshot:
        """Take the snapshot.

        Raises
        ------
        RegionError
            If the background is selected.
        """
        label = int(layer.selected_label)
        if label == layer.colormap.background_value:
            raise RegionError(
                f"The background of “{layer.name}” is selected; pick a label other than {label}."
            )
        return cls(
            layer.data[0] if layer.multiscale else layer.data,
            label,
            layer.name,
            f"label:{layer.unique_id}:{label}",
            PlaneTransform.of(layer, view),
        )

    def cutouts(self, image: ImageSnapshot, longest: int) -> list[Cutout]:
        """Read the labels of the shown slice and return the label's cutout (in any thread).

        Raises
        ------
        RegionError
            If the label does not occur in the shown slice or lies outside the image.
        """
        where = self._read(image.point)
        rows = np.flatnonzero(where.any(axis=1))
        if rows.size == 0:
            raise RegionError(
                f"Label {self.label} of “{self.name}” does not occur in this slice; move the "
                "slider or pick another label."
            )
        columns = np.flatnonzero(where.any(axis=0))
        y0, x0, y1, x1 = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        return [self.cutout(where[y0:y1, x0:x1], (int(y0), int(x0)), image, longest)]

    def cutout(
        self, where: NDArray[np.bool_], start: tuple[int, int], image: ImageSnapshot, longest: int
    ) -> Cutout:
        """Return the cutout of a label whose pixels are known (in any thread).

        Parameters
        ----------
        where : (H, W) bool array
            Its pixels, in the smallest window that holds them all.
        start : (int, int)
            Row and column of the window's first pixel.

        Raises
        ------
        RegionError
            If it lies outside the image.
        """
        y0, x0 = start
        y1, x1 = y0 + where.shape[0], x0 + where.shape[1]
        rows = np.flatnonzero(where.any(axis=1))
        first = where[rows].argmax(axis=1) + x0
        last = x1 - 1 - where[rows, ::-1].argmax(axis=1)
        # The ends of all rows bound the label exactly, also when it is turned.
        ends = np.concatenate(
            [
                np.stack([rows + y0 + down, columns + side], axis=1)
                for columns, side in ((first, -0.5), (last, 0.5))
                for down in (-0.5, 0.5)
            ]
        )
        to_image = self._onto(image)
        points = to_image(ends)
        corners = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5
        return image.cutout(
            np.concatenate([points.min(axis=0), points.max(axis=0)]).tolist(),
            to_image(corners),
            inside=self._inside(where, start, image),
            shape_id=self.shape_id,
            longest=longest,
        )

    def plane(self, image: ImageSnapshot) -> NDArray[Any]:
        """Read the labels of the shown slice, rows and columns as they are displayed.

        Raises
        ------
        RegionError
            If there are none at this slider position.
        """
        return self._plane_at(image.point)

    def _read(self, point: Floats) -> NDArray[np.bool_]:
        where: NDArray[np.bool_] = self._plane_at(point) == self.label
        return where

    def _plane_at(self, point: Floats) -> NDArray[Any]:
        plane = self.transform.planes_at(point[None])[0]
        index: list[int | slice] = [slice(None)] * (2 + len(plane))
        for axis, i in zip(self.transform.hidden, plane, strict=True):
            if not 0 <= i < self.array.shape[axis]:
                raise RegionError(
                    f"“{self.name}” has nothing at this slider position; move the slider to one "
                    "of its slices."
                )
            index[axis] = int(i)
        labels: NDArray[Any] = np.asarray(self.array[tuple(index)])
        return labels.T if self.transform.axes[0] > self.transform.axes[1] else labels

    def _onto(self, image: ImageSnapshot) -> Any:
        return lambda points: image.transform.from_canvas(self.transform.to_canvas(points))

    def _inside(
        self, where: NDArray[np.bool_], start: tuple[int, int], image: ImageSnapshot
    ) -> Inside:
        matrix = np.linalg.solve(self.transform.matrix, image.transform.matrix)
        offset = self.transform.from_canvas(image.transform.offset[None])[0] - start

        def inside(rows: Floats, columns: Floats) -> NDArray[np.bool_]:
            mask = np.zeros((len(rows), len(columns)), bool)
            # In blocks: the coordinates of a whole large grid would not fit in memory.
            for top in range(0, len(rows), _ROWS_AT_ONCE):
                y = rows[top : top + _ROWS_AT_ONCE, None]
                i = np.round(matrix[0, 0] * y + matrix[0, 1] * columns + offset[0]).astype(int)
                j = np.round(matrix[1, 0] * y + matrix[1, 1] * columns + offset[1]).astype(int)
                known = (i >= 0) & (j >= 0) & (i < where.shape[0]) & (j < where.shape[1])
                mask[top : top + _ROWS_AT_ONCE][known] = where[i[known], j[known]]
            return mask

        return inside
