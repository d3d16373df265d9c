"""The layer that shows what differs from a reference, and what is said of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from napari.utils import Colormap

from ..finding.difference import Difference
from ..lengths import readable_length
from .geometry import overlay_kwargs
from .handler_show import image_of
from .overlay_identity import METADATA_KEY, picture_metadata
from .overlay_layer import data_on
from .overlays import insert_above, overlay_named

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["NAME", "difference_map", "difference_of", "said_of", "show_difference"]

NAME = "difference"

_WHOLE = 0.995
"""Share that a reference covers from which on it covers everything."""

DARKER, BRIGHTER = (0.0, 0.447, 0.698), (0.902, 0.624, 0.0)
"""Okabe and Ito's blue and orange, told apart by everyone."""

_FULL = 0.6
"""Share of the way from noise to the limit at which colour is complete."""

_ALIKE = 0.5
"""Less alike than this, what differs may be the pattern itself: two that repeat it have 0.9, still
0.7 where one has a bright defect, and less than 0.35 is refused."""


def show_difference(viewer: Viewer, found: Difference) -> Image | None:
    """Show a difference exactly on its region, in place of the one shown there before.

    Returns
    -------
    napari.layers.Image or None
        The layer; None where the region's image is gone or holds other data.
    """
    region = found.region
    image = image_of(viewer, region)
    if image is None or region.placement is None:
        return None
    placement = region.placement
    old = difference_of(viewer, image)
    if old is not None:
        viewer.layers.remove(old)
    # Above noise there must be room for colour.
    most = max(found.limits[1], 2 * found.least)
    layer = Image(
        data_on(found.values, placement, image.ndim),
        name=NAME,
        colormap=difference_map(round(found.least / most, 2)),
        contrast_limits=(-most, most),
        blending="translucent",
        metadata={METADATA_KEY: picture_metadata(NAME, image, region, answer=said_of(found))},
        **overlay_kwargs(image, placement, region.box, found.values.shape),
    )
    insert_above(viewer, layer, image, region)
    return layer


def difference_of(viewer: Viewer, image: Image) -> Image | None:
    """Return the difference that is shown on an image, if there is one."""
    return overlay_named(viewer, f"{NAME}|{image.unique_id}")


def said_of(found: Difference) -> str:
    """Say in plain words how the reference was moved, how much differs, and whether to trust it."""
    rows, columns = found.shift
    parts = [
        f"{abs(round(by, 1)):g} pixel{'' if abs(round(by, 1)) == 1 else 's'}"
        f"{{}} {back if by < 0 else on}"
        for by, back, on in ((rows, "up", "down"), (columns, "to the left", "to the right"))
        if round(by, 1)
    ]
    length = ""
    if found.shift_length is not None and parts:
        moved = float(np.hypot(*found.shift_length))
        length = f" ({readable_length(moved, unit=found.unit)})"
    if not parts:
        said = ["The reference was not moved."]
    elif len(parts) == 1:
        said = [f"The reference was moved by {parts[0].format(length)}."]
    else:
        said = [f"The reference was moved by {' and '.join(parts).replace('{}', '')}{length}."]
    part = "the region" if found.overlap >= _WHOLE else "this part"
    if found.overlap < _WHOLE:
        said.append(f"It covers {100 * found.overlap:.0f} % of the region; only this is compared.")
    if not found.changed:
        said.append(f"Nothing in {part} differs clearly.")
    else:
        share = f"{100 * found.changed:.1f}" if found.changed >= 0.001 else "Less than 0.1"
        said.append(f"{share} % of {part} differs clearly.")
    if found.correlation < _ALIKE:
        likeness = f"{found.correlation:.2f}".replace("-", "\u2212")
        said.append(
            f"The two regions are not alike (likeness {likeness}): the difference may show no "
            "defect."
        )
    return " ".join(said)


@lru_cache(maxsize=8)
def difference_map(clear: float) -> Colormap:
    """Return blue for darker, orange for brighter, and nothing where both are alike.

    Parameters
    ----------
    clear : float
        Share of the limit up to which a difference is noise, and not shown.
    """
    values = np.linspace(-1, 1, 257)
    colours = np.where(values[:, None] < 0, DARKER, BRIGHTER)
    alpha = np.clip((np.abs(values) - clear) / (_FULL * (1 - clear)), 0, 1)
    return Colormap(
        np.column_stack([colours, 0.85 * alpha]),
        name="darker blue, brighter orange",
        display_name="darker blue, brighter orange",
        nan_color=np.zeros(4),
    )
