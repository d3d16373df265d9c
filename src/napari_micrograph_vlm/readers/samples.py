"""Sample data: one real micrograph and three synthetic ones with their exact truth."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.synthetic.truth import Micrograph
from ..errors import SourceError
from .micrograph import MicrographFile, read_micrograph

__all__ = [
    "coating_with_crack",
    "nanoporous_gold",
    "nanoporous_gold_file",
    "particle_field",
    "wafer_with_defects",
]

LayerData = tuple[Any, dict[str, Any], str]

ATTRIBUTION = (
    "Nanoporous gold, Zeiss scanning electron micrograph, 543 pm a pixel. "
    "From the Python package aquami 1.1.0 by Joshua Stuckner, MIT licence."
)

_log = logging.getLogger(__name__)


def nanoporous_gold_file() -> MicrographFile:
    """Return the real sample micrograph.

    Raises
    ------
    SourceError
        If the package that carries it is not installed.
    """
    try:
        files = metadata.files("aquami") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        # Not imported: the package would bring matplotlib with it.
        if file.name == "Sample.tif" and Path(str(file.locate())).is_file():
            return read_micrograph(Path(str(file.locate())))
    raise SourceError(
        "The sample micrograph is in the package aquami, which is not installed; "
        "install napari-micrograph-vlm[samples]."
    )


def nanoporous_gold() -> list[LayerData]:
    """Return the real micrograph of nanoporous gold as napari layers.

    Raises
    ------
    SourceError
        If the package that carries it is not installed.
    """
    array, keywords, kind = nanoporous_gold_file().to_layer()
    keywords["name"] = "nanoporous gold"
    keywords["metadata"]["attribution"] = ATTRIBUTION
    _tell(ATTRIBUTION)
    return [(array, keywords, kind)]


def wafer_with_defects() -> list[LayerData]:
    """Return a synthetic patterned wafer with known defects as napari layers."""
    from ..datasets.synthetic import samples

    return _synthetic("synthetic wafer with defects", samples.wafer_with_defects)


def coating_with_crack() -> list[LayerData]:
    """Return a synthetic coated surface with a known crack as napari layers."""
    from ..datasets.synthetic import samples

    return _synthetic("synthetic coating with a crack", samples.coating_with_crack)


def particle_field() -> list[LayerData]:
    """Return a synthetic field of particles as napari layers."""
    from ..datasets.synthetic import samples

    return _synthetic("synthetic particles", samples.particle_field)


def _synthetic(name: str, make: Callable[[], Micrograph]) -> list[LayerData]:
    micrograph = make()
    size = micrograph.pixel_size_nm
    place = {"scale": (size, size), "units": ("nm", "nm")}
    truth = {
        "synthetic": True,
        "seed": micrograph.seed,
        "category": micrograph.category,
        "technique": micrograph.technique,
        "objects": micrograph.objects,
        "count": micrograph.count,
        "arrangement": micrograph.arrangement,
        "defects": [defect.kind for defect in micrograph.defects],
    }
    labels = np.zeros(micrograph.image.shape, np.uint8)
    for number, defect in enumerate(micrograph.defects, start=1):
        labels[defect.mask] = number
    features = {
        "index": list(range(1, len(micrograph.defects) + 1)),
        "defect": [defect.kind for defect in micrograph.defects],
    }
    return [
        (
            micrograph.image,
            {"name": name, "colormap": "gray", "metadata": truth, **place},
            "image",
        ),
        (
            labels,
            {
                "name": f"{name}: truth",
                "visible": False,
                "features": features,
                "metadata": truth,
                **place,
            },
            "labels",
        ),
    ]


def _tell(text: str) -> None:
    """Log a sentence, and show it in the window if there is one."""
    _log.info(text)
    # Looked up, not imported: this room runs without napari.
    notifications = sys.modules.get("napari.utils.notifications")
    if notifications is not None:
        notifications.show_info(text)
