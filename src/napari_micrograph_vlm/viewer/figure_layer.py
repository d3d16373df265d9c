"""A figure of a paper as an image layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.papers.subjects import picture_file
from ..datasets.teacher.pictures import read_grey_or_colour

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..datasets.papers.review import Reviewed

__all__ = ["read_figure", "show_figure"]

FIGURE = "napari_micrograph_vlm_figure"
"""Key of a layer's metadata: which figure of which folder it shows."""


def read_figure(folder: Path, one: Reviewed) -> NDArray[np.uint8]:
    """Read a figure, or the panel of it that a text is about, at its full size.

    Returns
    -------
    numpy.ndarray
        (H, W) or (H, W, 3), uint8.

    Raises
    ------
    MicrographError
        If it cannot be read.
    """
    image = read_grey_or_colour(picture_file(folder, one.figure))
    return np.asarray(image if one.panel is None else image.crop(one.panel.box))


def show_figure(viewer: Viewer, pixels: NDArray[np.uint8], one: Reviewed, folder: Path) -> None:
    """Add the figure as a layer, or choose the layer that shows it already."""
    letter = one.panel.letter if one.panel else ""
    # Figures of two folders may have the same name.
    name = f"{folder.resolve()}: {one.figure.id} {letter}".strip()
    for layer in viewer.layers:
        if layer.metadata.get(FIGURE) == name:
            layer.visible = True
            viewer.layers.selection.active = layer
            return
    title = one.figure.label or one.figure.id
    if one.panel is not None:
        title = f"{title} ({one.panel.letter})"
    metadata = {FIGURE: name, "source": one.where}
    viewer.add_image(pixels, name=title, rgb=pixels.ndim == 3, metadata=metadata)
