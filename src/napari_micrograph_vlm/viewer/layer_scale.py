"""Gives an image a pixel size; what lies on it stays on it, and all can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from ..errors import SourceError
from ..readers.placing import length_unit
from ..readers.scale_proposal import is_plausible, per_pixel
from .overlays import is_overlay
from .region_window import data_kept
from .transforms import Floats, local_matrix, pixel_size_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = [
    "FROM_FILE",
    "FROM_SCALE_BAR",
    "can_undo",
    "has_scale",
    "scale_error",
    "set_pixel_size",
    "undo_scale",
]

FROM_FILE = "the file"
FROM_SCALE_BAR = "the scale bar"
"""What a layer's metadata say of a pixel size from there."""

_NAMES = ("scale", "translate", "affine", "units")
_MIXING = 1e-6


@dataclass(frozen=True, eq=False)
class _Moved:
    """A layer with its transform before and after."""

    layer: ReferenceType[Layer]
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Change:
    factor: float
    moved: tuple[_Moved, ...]
    told: frozenset[str]
    metadata: dict[str, Any]
    data_id: int


_changes: WeakKeyDictionary[Image, _Change] = WeakKeyDictionary()


def has_scale(image: Image) -> bool:
    """Whether the pixel size of an image is known."""
    return pixel_size_of(image, (image.ndim - 2, image.ndim - 1))[0] is not None


def scale_error(image: Image) -> float | None:
    """Return the relative uncertainty of an image's pixel size, if it is known."""
    error = image.metadata.get("scale_error")
    return float(error) if isinstance(error, int | float) else None


def set_pixel_size(
    viewer: ViewerModel,
    image: Image,
    nanometres: float,
    *,
    error: float | None = None,
    scale_from: str = FROM_SCALE_BAR,
    metadata: Mapping[str, Any] | None = None,
) -> int:
    """Give an image the pixel size that its scale bar, or its file, says.

    What is drawn on it, its overlays and other images that lie exactly on it are scaled with it,
    about the origin, and the view follows; so everything is seen where it was.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers they are.
    image : napari.layers.Image
        An image whose pixel size is not known.
    nanometres : float
        Width of a pixel.
    error : float, optional
        Its relative uncertainty.
    scale_from : str
        What said it.
    metadata : mapping, optional
        What else is now known of the image.

    Returns
    -------
    int
        How many other layers were scaled with it.

    Raises
    ------
    SourceError
        If the pixel size is none, or none of a microscope, or the image's transform mixes rows
        and columns with other axes.
    """
    if not 0 < nanometres < float("inf"):
        raise SourceError("A pixel size is a length above 0; correct the length of the scale bar.")
    if not is_plausible(nanometres):
        raise SourceError(
            f"No microscope gives {per_pixel(nanometres)}; correct the length or its unit."
        )
    if _mixes(image):
        raise SourceError(
            f"The rotation or affine of “{image.name}” mixes its rows and columns with other "
            "axes; remove that transform first."
        )
    data = image.data[0] if image.multiscale else image.data
    rows, columns = (int(n) for n in data.shape[image.ndim - 2 : image.ndim])
    unit = length_unit((nanometres, nanometres), (rows, columns))
    factor = nanometres * (1e-3 if unit == "µm" else 1.0) / _pixel_width(image)
    layers = [image, *_on(viewer, image)]
    moved = tuple(_Moved(ref(one), _state(one), _scaled(one, factor, unit)) for one in layers)
    told = {**(metadata or {}), "scale_from": scale_from, "scale_error": error}
    kept = {name: image.metadata[name] for name in told if name in image.metadata}
    _changes[image] = _Change(factor, moved, frozenset(told), kept, data_kept(image)["data_id"])
    for each in moved:
        _set(each.layer(), each.after)
    image.metadata = {**image.metadata, **told}
    _zoom(viewer, factor)
    return len(layers) - 1


def can_undo(image: Image) -> bool:
    """Whether an image still has the pixel size that :func:`set_pixel_size` gave it."""
    change = _changes.get(image)
    if change is None or data_kept(image)["data_id"] != change.data_id:
        return False
    return _equal(_state(image), change.moved[0].after)


def undo_scale(viewer: ViewerModel, image: Image) -> None:
    """Take the pixel size away again; what was drawn meanwhile stays where it is seen."""
    if not can_undo(image):
        return
    change = _changes.pop(image)
    known = {each.layer(): each for each in change.moved}
    new = {one: _scaled(one, 1 / change.factor, None) for one in _on(viewer, image, scaled=True)}
    for layer, each in known.items():
        if layer is not None and _equal(_state(layer), each.after):
            new[layer] = each.before
        elif layer is not None and layer in viewer.layers:
            new[layer] = {
                **_scaled(layer, 1 / change.factor, None),
                "units": each.before["units"],
            }
    for layer, state in new.items():
        _set(layer, state)
    metadata = {name: v for name, v in image.metadata.items() if name not in change.told}
    image.metadata = {**metadata, **change.metadata}
    _zoom(viewer, 1 / change.factor)


def _on(viewer: ViewerModel, image: Image, *, scaled: bool = False) -> Iterator[Layer]:
    """Go through the other layers that lie on an image and know no length of their own."""
    low, high = _corners(image)
    for layer in viewer.layers:
        # Overlays follow their image by themselves.
        if layer is image or layer.ndim < 2 or is_overlay(layer) or _mixes(layer):
            continue
        if not scaled and any(one.is_compatible_with("m") for one in layer.units[-2:]):
            continue
        if isinstance(layer, Image):
            if not scaled and _is_registered(layer, image):
                yield layer
            continue
        least, most = _corners(layer)
        # A layer that is empty yet is drawn on next.
        if not np.isfinite(least).all() or ((least <= high) & (most >= low)).all():
            yield layer


def _is_registered(layer: Image, image: Image) -> bool:
    here, there = (np.asarray(one.extent.data)[:, -2:] for one in (layer, image))
    return np.array_equal(here, there) and all(
        np.allclose(one, other) for one, other in zip(_corners(layer), _corners(image), strict=True)
    )


def _corners(layer: Layer) -> tuple[Floats, Floats]:
    extent = np.asarray(layer.extent.world, float)[:, -2:]
    return extent[0], extent[1]


def _linear(layer: Layer) -> Floats:
    return np.asarray(layer.affine.linear_matrix, float) @ local_matrix(layer)


def _mixes(layer: Layer) -> bool:
    linear = _linear(layer)
    across = max(np.abs(linear[-2:, :-2]).max(initial=0), np.abs(linear[:-2, -2:]).max(initial=0))
    return bool(across > _MIXING * np.abs(linear).max())


def _pixel_width(image: Image) -> float:
    return float(np.linalg.norm(_linear(image)[-2:, -1]))


def _state(layer: Layer) -> dict[str, Any]:
    found = {name: getattr(layer, name) for name in _NAMES}
    found["affine"] = np.array(layer.affine.affine_matrix)
    return {name: np.array(v) if name in ("scale", "translate") else v for name, v in found.items()}


def _scaled(layer: Layer, factor: float, unit: str | None) -> dict[str, Any]:
    """Return the transform that lets a layer's rows and columns grow about the origin.

    One factor for both commutes with rotation and shear, so lengths and shifts are all there is.
    """
    state = _state(layer)
    affine = state["affine"].copy()
    affine[-3:-1, -1] *= factor
    state["affine"] = affine
    for name in ("scale", "translate"):
        state[name][-2:] *= factor
    units = tuple(str(one) for one in layer.units)
    state["units"] = (*units[:-2], *((unit or "pixel",) * 2))
    return state


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if tuple(map(str, one["units"])) != _unit_names(other["units"]):
        return False
    return all(np.allclose(one[name], other[name]) for name in ("scale", "translate", "affine"))


def _unit_names(units: Any) -> tuple[str, ...]:
    import pint

    registry = pint.get_application_registry()  # type: ignore[no-untyped-call]
    return tuple(str(registry.Unit(str(one))) for one in units)


def _set(layer: Layer | None, state: dict[str, Any]) -> None:
    if layer is None:
        return
    for name, value in state.items():
        now = _state(layer)[name]
        same = np.array_equal(now, value) if name != "units" else tuple(now) == tuple(value)
        if not same:
            setattr(layer, name, Affine(affine_matrix=value) if name == "affine" else value)


def _zoom(viewer: ViewerModel, factor: float) -> None:
    camera = viewer.scene.camera
    centre = tuple(float(n) for n in camera.center)
    camera.center = (*centre[:-2], centre[-2] * factor, centre[-1] * factor)
    camera.zoom = float(camera.zoom) / factor
