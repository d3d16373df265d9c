"""What a run in the window goes through: shapes, objects, slices or tiles of image layers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes

from ..errors import MicrographError, RegionError, SourceError
from ..readers.picture_area import InBarError
from ..regions import Cutout, Placement, Region
from ..runs.array_sources import bar_told
from ..runs.items import Item
from .geometry import LONGEST, MARGIN
from .handler_regions import NO_IMAGE
from .item_cutouts import view_along
from .region_display import LayerCutout
from .region_labels import LabelSnapshot
from .region_shapes import ShapesSnapshot
from .region_view import ViewState
from .region_viewers import remember
from .region_window import ImageSnapshot
from .transforms import PlaneTransform

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..runs.tiles import Tiles

__all__ = ["LayerSource", "LookAt", "axes_along", "plan_source"]


class LookAt(StrEnum):
    """What a run goes through."""

    SHAPES = "shapes"
    OBJECTS = "objects"
    SLICES = "slices"
    TILES = "tiles"
    FOLDER = "folder"


Entry = tuple[Item, "Cutout | str"]
"""An item and where its pixels are, or why it has none."""


@dataclass(frozen=True, eq=False)
class LayerSource:
    """Regions of an image layer; no layer is touched when they are listed and read.

    Attributes
    ----------
    name : str
        Of the image layer.
    entries : dict of str to (Item, Cutout or str)
        Items by key.
    described : dict
        What tells these regions from others.
    tiles : Tiles or None
        Where tiles with nothing on them are left out.
    """

    name: str
    entries: dict[str, Entry]
    described: dict[str, Any]
    tiles: Tiles | None = None

    @property
    def places(self) -> dict[str, Placement]:
        """Where each item lies, by key."""
        return {
            key: cutout.placement
            for key, (_item, cutout) in self.entries.items()
            if isinstance(cutout, Cutout) and cutout.placement is not None
        }

    def items(self) -> Iterator[Item]:
        """List the regions."""
        return (item for item, _cutout in self.entries.values())

    def read(self, item: Item) -> Region:
        """Read a region."""
        cutout = self.entries[item.key][1]
        if isinstance(cutout, str):
            raise RegionError(cutout)
        if self.tiles is not None and self.tiles.skip_empty:
            cutout = _with_contents(cutout)
        return cutout.read()

    def to_dict(self) -> dict[str, Any]:
        """Return what tells these regions from others, ready for JSON."""
        return dict(self.described)


@dataclass(frozen=True, eq=False)
class _Late(LayerCutout):
    """A slice whose information bar is looked for when it is read."""

    now: Callable[[], Cutout] | None = None

    def read(self) -> Region:
        return super().read() if self.now is None else self.now().read()


def plan_source(
    viewer: Viewer,
    image: Image | None,
    look_at: LookAt,
    *,
    drawn: Shapes | Labels | None = None,
    axis: int = 0,
    tiles: Tiles | None = None,
) -> Callable[[], LayerSource]:
    """Take a snapshot of what a run is to go through; the result lists it in a worker.

    Parameters
    ----------
    viewer : napari.Viewer
        Its slice and display order count, for shapes, objects and tiles.
    image : napari.layers.Image or None
        The micrograph.
    look_at : LookAt
        What to go through; no folder.
    drawn : napari.layers.Shapes or napari.layers.Labels, optional
        Where shapes or objects are; objects of the slice that is shown.
    axis : int
        The image's axis to go along for slices.
    tiles : Tiles, optional
        How to cut the slice that is shown into tiles.

    Raises
    ------
    MicrographError
        If there is no such image, nothing is drawn, or three dimensions are displayed.
    """
    if image is None or image not in viewer.layers:
        raise SourceError(NO_IMAGE)
    remember(viewer)
    view = ViewState.of(viewer)
    if look_at is LookAt.SLICES:
        view = view_along(viewer, image, axes_along(image, view, axis))
    snapshot = ImageSnapshot.of(image, view)
    described: dict[str, Any] = {
        "kind": "layer",
        "look_at": str(look_at),
        "image": image.name,
        "path": _path_of(image),
        "shape": list(snapshot.shape),
        "axes": list(snapshot.transform.axes),
        "contrast": None
        if snapshot.contrast_limits is None
        else [float(limit) for limit in snapshot.contrast_limits],
        **bar_told(snapshot.areas is None),
    }
    name = str(image.name)
    level = snapshot.levels[0]
    if look_at is LookAt.SHAPES:
        if not isinstance(drawn, Shapes) or drawn not in viewer.layers or not drawn.nshapes:
            raise RegionError("Add a shapes layer and draw the regions on the micrograph first.")
        described["drawn"] = str(drawn.name)
        shapes = ShapesSnapshot.of(drawn, range(drawn.nshapes), view)
        listing: Callable[[], Iterable[Entry]] = lambda: _shapes(name, snapshot, shapes)  # noqa: E731
    elif look_at is LookAt.OBJECTS:
        if not isinstance(drawn, Labels) or drawn not in viewer.layers:
            raise RegionError("Choose the labels layer that holds the objects first.")
        described["drawn"] = str(drawn.name)
        array = drawn.data[0] if drawn.multiscale else drawn.data
        back = int(drawn.colormap.background_value)
        label = LabelSnapshot(
            array, back, drawn.name, f"label:{drawn.unique_id}", PlaneTransform.of(drawn, view)
        )
        listing = lambda: _objects(name, snapshot, label)  # noqa: E731
    elif look_at is LookAt.SLICES:
        described["axis"] = axis
        listing = lambda: _slices(name, snapshot, axis)  # noqa: E731
    elif look_at is LookAt.TILES and tiles is not None:
        described["tiles"] = tiles.to_dict()
        listing = lambda: _tiles(name, snapshot, tiles)  # noqa: E731
    else:
        raise SourceError("Choose shapes, objects, slices or tiles of an image.")

    def plan() -> LayerSource:
        from ..runs.array_sources import contents_of

        entries = {entry[0].key: entry for entry in listing()}
        told = {**described, "contents": contents_of(level)}
        return LayerSource(name, entries, told, tiles if look_at is LookAt.TILES else None)

    return plan


def axes_along(image: Image, view: ViewState, axis: int) -> tuple[int, int]:
    """Return the axes that are rows and columns of the slices along ``axis``.

    Raises
    ------
    SourceError
        If the image has no slices along it.
    """
    if image.ndim < 3 or not 0 <= axis < image.ndim:
        raise SourceError(f"“{image.name}” is no stack; look at its shapes or tiles instead.")
    shift = view.ndim - image.ndim
    order = [one - shift for one in view.order if one >= shift and one - shift != axis]
    rows, columns = order[-2:]
    return rows, columns


def _shapes(name: str, image: ImageSnapshot, shapes: ShapesSnapshot) -> Iterator[Entry]:
    seen: dict[str, int] = {}
    for shape in shapes.shapes:
        number = f"{zlib.crc32(shape.vertices.tobytes()):08x}"
        try:
            (cutout,) = replace(shapes, shapes=(shape,)).cutouts(image, MARGIN, LONGEST)
        except MicrographError as error:
            item = Item(f"shape {number}", name, shape_id=shape.shape_id)
            found: Cutout | str = str(error)
        else:
            item, found = _item(f"shape {number}", name, cutout, shape.shape_id), cutout
        # Two equal shapes are two items; where they lie in the layer does not count, so that
        # removing one does not make another item of those after it.
        again = seen[item.key] = seen.get(item.key, 0) + 1
        yield replace(item, key=f"{item.key} ({again})") if again > 1 else item, found


def _objects(name: str, image: ImageSnapshot, label: LabelSnapshot) -> Iterator[Entry]:
    from ..runs.labels_source import object_boxes

    back, plane = label.label, label.plane(image)
    if back:  # only 0 is no object to the function below
        plane = np.where(plane == back, 0, plane)
    for number, (y0, x0, y1, x1) in object_boxes(plane):
        shape_id = f"{label.shape_id}:{number}"
        one = replace(label, label=number, shape_id=shape_id)
        try:
            cutout = one.cutout(plane[y0:y1, x0:x1] == number, (y0, x0), image, LONGEST)
        except MicrographError as error:
            yield Item(f"object {number}", name, label=number, shape_id=shape_id), str(error)
        else:
            item = _item(f"object {number}", name, cutout, shape_id)
            yield replace(item, label=number), cutout


def _slices(name: str, image: ImageSnapshot, axis: int) -> Iterator[Entry]:
    whole = replace(image, areas=None)  # to list them must not read every slice
    hidden = image.transform.hidden
    here = image.transform.planes_at(image.point[None])[0]
    for number in range(image.shape[axis]):
        plane = tuple(
            number if one == axis else int(np.clip(at, 0, image.shape[one] - 1))
            for one, at in zip(hidden, here, strict=True)
        )
        where = ((0, 0, *image.plane_shape), plane, f"slice:{axis}:{number}")
        cutout = _window(whole, *where)
        item = _item(f"slice {number}", name, cutout, cutout_id(cutout), boxed=True)
        yield item, _Late(**vars(cutout), now=partial(_window, image, *where))


def _tiles(name: str, image: ImageSnapshot, tiles: Tiles) -> Iterator[Entry]:
    plane = image.plane_at(image.point[None])
    for box in tiles.boxes(image.plane_shape):
        try:
            cutout = _window(image, box, plane, f"tile:{box[0]}:{box[1]}")
        except InBarError:
            continue
        yield _item("tile", name, cutout, cutout_id(cutout), boxed=True), cutout


def cutout_id(cutout: Cutout) -> str | None:
    """Return what names the place that a cutout came from."""
    return None if cutout.placement is None else cutout.placement.shape_id


def _window(
    image: ImageSnapshot, box: tuple[int, int, int, int], plane: tuple[int, ...], shape_id: str
) -> Cutout:
    y0, x0, y1, x1 = box
    outline = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float) - 0.5
    bounds = [y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5]
    return image.cutout(bounds, outline, plane=plane, shape_id=shape_id, longest=LONGEST)


def _item(
    stem: str, name: str, cutout: Cutout, shape_id: str | None, *, boxed: bool = False
) -> Item:
    placement = cutout.placement
    plane = () if placement is None else placement.plane
    outline = None
    if placement is not None and not boxed:
        outline = tuple((float(y), float(x)) for y, x in placement.outline)
    at = ",".join(map(str, cutout.box))
    where = f" of {','.join(map(str, plane))}" if plane else ""
    return Item(f"{stem}{where} [{at}]", name, plane, cutout.box, outline, shape_id=shape_id)


def _with_contents(cutout: Cutout) -> Cutout:
    """Read a tile once, to see whether it is empty and to be looked at.

    Raises
    ------
    RegionError
        If there is nothing on it.
    """
    from ..runs.tiles import NOTHING_TO_SEE, Levels

    raw = np.asarray(cutout.array[cutout.index])
    if cutout.contrast_limits is not None:
        low, high = sorted(cutout.contrast_limits)
    else:
        low, high = 0.0, 255.0 if raw.dtype.kind in "iu" else 1.0
    if Levels(low, high).is_empty(raw):
        raise RegionError(NOTHING_TO_SEE)
    return replace(cutout, array=raw, index=(slice(None),) * (3 if cutout.rgb else 2))


def _path_of(image: Image) -> str:
    path = image.metadata.get("path") or getattr(image.source, "path", None)
    return str(path or "")
