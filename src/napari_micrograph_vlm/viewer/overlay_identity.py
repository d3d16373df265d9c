"""What an overlay is about, and what makes two overlays the same."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..regions import Region
from ..results import Answer, AttentionMap, Classification

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = [
    "MEASURED_KEY",
    "METADATA_KEY",
    "OverlayMetadata",
    "key_of",
    "metadata_of",
    "name_of",
    "picture_metadata",
    "places_of",
    "question_of",
]

METADATA_KEY = "micrograph_vlm"
"""Where an overlay keeps in its metadata what it is about."""

MEASURED_KEY = "micrograph_vlm_measured"
"""The same of measured objects."""

_LONGEST_NAME = 48


class OverlayMetadata(TypedDict):
    """What an overlay keeps in ``layer.metadata["micrograph_vlm"]``.

    ``place`` is ``"first region"`` or ``"second region"`` where two were compared, the names of
    frames, else empty.
    """

    key: str
    question: str
    answer: str
    place: str
    word: str | None
    model: str
    method: str
    focus: float
    region: dict[str, Any]


def metadata_of(
    result: Answer | Classification,
    region: Region,
    attention: AttentionMap,
    word: str | None,
    place: str = "",
) -> OverlayMetadata:
    """Return what the overlay of one region keeps; ``word`` where it shows a single one."""
    question = question_of(result)
    return {
        "key": key_of(question, region),
        "question": question,
        "answer": str(result),
        "place": place,
        "word": word,
        "model": result.provenance.model,
        "method": attention.method,
        "focus": attention.focus,
        "region": region.to_dict(),
    }


def picture_metadata(
    kind: str, image: Image, region: Region, question: str = "", answer: str = ""
) -> OverlayMetadata:
    """Return what an overlay keeps that shows no answer, one of its kind on an image."""
    return {
        "key": f"{kind}|{image.unique_id}",
        "question": question or kind,
        "answer": answer,
        "place": "",
        "word": None,
        "model": "",
        "method": kind,
        "focus": 1.0,
        "region": region.to_dict(),
    }


def places_of(result: Answer | Classification) -> tuple[str, ...]:
    """Return what each region is called: frames by their names, two regions by their order."""
    if any(region.label for region in result.regions):
        return tuple(region.label for region in result.regions)
    if isinstance(result, Answer) and len(result.regions) == 2:
        return "first region", "second region"
    return ("",) * len(result.regions)


def question_of(result: Answer | Classification) -> str:
    """Return what was asked."""
    if isinstance(result, Classification):
        return "Which of " + ", ".join(result.labels)
    return result.question


def key_of(question: str, region: Region) -> str:
    """Name the layer, the place on it and the question: what makes two overlays the same."""
    placement = region.placement
    assert placement is not None
    image = placement.layer() if placement.layer is not None else None
    shape_id = placement.shape_id or ""
    outline = zlib.crc32((np.round(placement.outline, 2) + 0.0).tobytes())  # + 0.0: no -0.0
    return "|".join(
        str(part)
        for part in (
            None if image is None else image.unique_id,
            placement.axes,
            placement.plane,
            region.box,
            outline,
            # Two labels can share a box. A shape is known by its outline: its index may change.
            shape_id if shape_id.startswith("label:") else "",
            " ".join(question.split()),
        )
    )


def name_of(metadata: OverlayMetadata, attention: AttentionMap) -> str:
    """Return the layer's name: short, plain text, and honest about a map without focus."""
    question = " ".join(metadata["question"].split())
    if len(question) > _LONGEST_NAME:
        question = question[: _LONGEST_NAME - 1].rstrip() + "…"
    name = f"looked at: {question}"
    if metadata["word"]:
        name += f" [{metadata['word'].strip()}]"
    if metadata["place"]:
        name += f" ({metadata['place']})"
    return name if attention.has_focus else f"{name} (no clear focus)"
