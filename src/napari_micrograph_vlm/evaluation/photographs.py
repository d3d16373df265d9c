"""Pictures that are no micrographs: the photographs that come with scikit-image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..models.base import Model
from ..models.student.novelty import NOT_A_MICROGRAPH
from ..regions import Cutout
from ..results import Question
from .found import Case

__all__ = ["PHOTOGRAPHS", "is_refusal", "measure_photographs", "read", "views"]

PHOTOGRAPHS: tuple[str, ...] = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "motorcycle_left",
    "motorcycle_right",
    "page",
    "retina",
    "rocket",
    "text",
)
"""Names of ``skimage.data``; what it has of light microscopes is left out, as are drawings."""

ASKED = ("What kind of sample is this?", "Is there a defect?")


def read(name: str) -> NDArray[np.uint8]:
    """Return a photograph, (H, W) or (H, W, 3) uint8."""
    from skimage import data

    if name.startswith("motorcycle"):
        left, right, _ = data.stereo_motorcycle()
        return np.asarray(left if name.endswith("left") else right)
    return np.asarray(getattr(data, name)())


def views(picture: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Return a photograph as it is, in grey, and the quarters of the grey one."""
    grey = picture
    if picture.ndim == 3:
        yield "in colour", picture[..., :3]
        weights = np.array([0.299, 0.587, 0.114])
        grey = (picture[..., :3] @ weights).round().astype(np.uint8)
    yield "in grey", grey
    half = grey.shape[0] // 2, grey.shape[1] // 2
    for rows in (slice(None, half[0]), slice(half[0], None)):
        for columns in (slice(None, half[1]), slice(half[1], None)):
            yield "quarters, in grey", grey[rows, columns]


def measure_photographs(model: Model, names: tuple[str, ...] = PHOTOGRAPHS) -> Iterator[Case]:
    """Ask about photographs and note whether each answer is that they are no micrographs."""
    for name in names:
        for view, pixels in views(read(name)):
            region = Cutout.of_array(pixels, source=name).read()
            for question in ASKED:
                said = model.ask(Question(question, (region,))).text
                yield Case("photographs", view, name, is_refusal(said), said=said, truth=name)


def is_refusal(text: str) -> bool:
    """Whether an answer says that the picture is no micrograph."""
    return text.strip().rstrip(".").casefold() == NOT_A_MICROGRAPH
