"""A cited figure as an image layer beside the micrograph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..citations import Citation
from .overlays import selection_kept

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ["CITED", "figure_layer", "open_figure", "read_picture"]

CITED = "napari_micrograph_vlm_cited"
"""Key of a layer's metadata: which figure it shows."""

_GAP = 0.04
"""Between the image and the figure, as a share of the image's width."""


def read_picture(citation: Citation) -> NDArray[np.uint8]:
    """Read the whole picture of a figure at its full size.

    Returns
    -------
    (H, W) or (H, W, 3) uint8 array

    Raises
    ------
    MicrographError
        If the picture is gone or cannot be read.
    """
    from pathlib import Path

    from ..datasets.papers.subjects import picture_file
    from ..datasets.teacher.pictures import read_grey_or_colour

    path = picture_file(Path(citation.folder), citation.figure)
    return np.asarray(read_grey_or_colour(path))


def figure_layer(viewer: Viewer, citation: Citation) -> Any:
    """Return the layer that shows a figure already, or None."""
    key = _key(citation)
    return next((one for one in viewer.layers if one.metadata.get(CITED) == key), None)


def open_figure(
    viewer: Viewer, citation: Citation, pixels: NDArray[np.uint8], image: Image | None
) -> Any:
    """Add a figure right of everything that is shown, as high as the image that was asked about.

    The selected layer stays selected: what is asked next is about the image, not the figure.
    """
    place: dict[str, Any] = {}
    if image is not None:
        first, last = (np.asarray(edge, float) for edge in image.extent.world)
        right = max(float(one.extent.world[1][-1]) for one in viewer.layers)
        height, width = last[-2] - first[-2], last[-1] - first[-1]
        step = max(float(height), 1e-12) / pixels.shape[0]
        place = {
            "scale": (step, step),
            "translate": (first[-2] + step / 2, right + _GAP * width + step / 2),
            "units": tuple(image.units[-2:]),
        }
    with selection_kept(viewer):
        layer = viewer.add_image(
            pixels,
            name=citation.where,
            rgb=pixels.ndim == 3,
            metadata={CITED: _key(citation), "caption": citation.figure.caption},
            **place,
        )
    viewer.reset_view()
    return layer


def _key(citation: Citation) -> str:
    return f"{citation.folder}|{citation.figure.id}"
