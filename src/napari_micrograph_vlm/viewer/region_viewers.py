"""The viewers that were met, so that an answer finds the one that holds its image."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["remember", "viewer_with"]

_met: WeakSet[ViewerModel] = WeakSet()


def remember(viewer: ViewerModel | None) -> None:
    """Know a viewer from now on; it is not kept alive."""
    if viewer is not None:
        _met.add(viewer)


def viewer_with(*layers: Layer) -> ViewerModel | None:
    """Return the viewer that holds all these layers: the current one, or one that was met."""
    from napari import current_viewer

    # napari has no public list of open viewers.
    for viewer in (current_viewer(), *_met):
        if viewer is not None and all(layer in viewer.layers for layer in layers):
            return viewer
    return None
