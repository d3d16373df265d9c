"""What is known about a synthetic micrograph: the picture and its exact truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...labelling.label_sets import NFFA_CATEGORIES

CATEGORIES = NFFA_CATEGORIES
"""The ten categories of the NFFA-Europe SEM data set (Aversa et al. 2018)."""

DEFECT_KINDS: tuple[str, ...] = (
    "bridge",
    "break",
    "necking",
    "missing hole",
    "pattern collapse",
    "particle",
    "residue",
    "scratch",
    "crack",
    "delamination",
    "pore",
    "blister",
    "inclusion",
    "agglomerate",
    "micro-bridge",
    "closed hole",
    "void",
    "edge roughness",
    "broken particle",
)
"""Defects under the names the trade uses; where each can occur is in ``DEFECT_HOSTS``."""

QUALITY_FLAWS: tuple[str, ...] = ("noisy", "blurred", "astigmatic", "charging", "drift")
"""What can be amiss with a picture, as opposed to its sample."""


@dataclass(frozen=True, eq=False)
class Defect:
    """One defect and the pixels it covers.

    Attributes
    ----------
    kind : str
        One of ``DEFECT_KINDS``.
    mask : (H, W) bool array
        The pixels that belong to it, after every distortion of the picture.
    """

    kind: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Micrograph:
    """A synthetic micrograph with its truth.

    Attributes
    ----------
    image : (H, W) uint8 array
        The picture as a microscope would have written it.
    category : str
        One of ``CATEGORIES``.
    technique : str
        ``"SEM"`` or ``"TEM"``.
    objects : str
        Plural name of what is to be seen ("particles", "lines", "contact holes", ...).
    count : int or None
        How many of them lie in the field of view; None where counting makes no sense.
    object_mask : (H, W) bool array
        The pixels of the objects.
    size_class : str
        ``"small"``, ``"medium"`` or ``"large"``: mean object diameter or width below 5 %, below
        12 %, or above, of the picture's side.
    density : str
        ``"sparse"``, ``"moderate"`` or ``"dense"``: objects cover below 12 %, below 35 %, or more.
    orientation : str
        ``"horizontal"``, ``"vertical"``, ``"diagonal"``, ``"random"`` or ``"none"``.
    contrast : str
        ``"bright on dark"``, ``"dark on bright"`` or ``"mixed"``.
    arrangement : str
        One of isolated, dispersed, clustered, close-packed, ordered array, aligned, random
        network, layered, continuous.
    defects : tuple of Defect
        One entry a defect; empty for a good picture.
    pixel_size_nm : float
        Size of one pixel in nanometres.
    bar_rows : int
        Rows of information bar at the bottom of the picture; 0 if there is none.
    seed : int
        ``synthesize(seed, ...)`` with the same arguments makes this picture again.
    object_size : float
        Mean diameter or width of the objects in pixels; 0 where it is not known.
    quality : tuple of str
        What a person would find amiss with the picture itself, any of ``QUALITY_FLAWS``.
    through : bool or None
        Whether the crack in a coating runs from its surface to the substrate; None where there
        is no such crack.
    centres : (N, 2) float32 array or None
        Row and column of every object that is counted, where objects have a centre.
    cores : (H, W) int32 array or None
        Where objects are lines: number of the object on its centre line, 0 elsewhere.
    """

    image: NDArray[np.uint8]
    category: str
    technique: str
    objects: str
    count: int | None
    object_mask: NDArray[np.bool_]
    size_class: str
    density: str
    orientation: str
    contrast: str
    arrangement: str
    defects: tuple[Defect, ...] = ()
    pixel_size_nm: float = 1.0
    bar_rows: int = 0
    seed: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    object_size: float = 0.0
    quality: tuple[str, ...] = ()
    through: bool | None = None
    centres: NDArray[np.float32] | None = None
    cores: NDArray[np.int32] | None = None
