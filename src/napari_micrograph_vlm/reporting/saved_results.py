"""Answers and classifications as plain values and arrays, and back: exact, without pixels.

``Answer.to_dict`` is for people and rounds; what is kept here reads back to equal objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..citations import Citation, Part
from ..readers.metadata import Instrument
from ..regions import Box, Placement, Region
from ..results import Answer, AttentionMap, Classification, Provenance, Step, Turn, Word

__all__ = ["Arrays", "RegionMaker", "answer_of", "classification_of", "pack"]

Arrays = dict[str, NDArray[Any]]

RegionMaker = Callable[[dict[str, Any], Mapping[str, Any]], Region]
"""Makes a region of what is known of it (all but the pixels) and of what was kept."""


def pack(
    result: Answer | Classification,
    contrast: Sequence[tuple[float, float] | None] = (),
) -> tuple[dict[str, Any], Arrays]:
    """Take a result apart.

    Parameters
    ----------
    result : Answer or Classification
        What to keep.
    contrast : sequence of (float, float) or None
        For each region the values shown as black and white, where the pixels alone do not say.

    Returns
    -------
    (dict, dict of str to array)
        Values ready for JSON, and arrays that they name.
    """
    arrays: Arrays = {}
    limits = [*contrast, *[None] * len(result.regions)]
    values: dict[str, Any] = {
        "regions": [
            _region(region, shown, arrays)
            for region, shown in zip(result.regions, limits, strict=False)
        ],
        "attention": [_map(each, arrays) for each in result.attention],
        "provenance": asdict(result.provenance),
    }
    if isinstance(result, Classification):
        return {
            **values,
            "labels": list(result.labels),
            "threshold": result.threshold,
            "probabilities": _put(np.asarray(result.probabilities), arrays),
        }, arrays
    return {
        **values,
        "question": result.question,
        "text": result.text,
        "confidence": None if isnan(result.confidence) else float(result.confidence),
        "words": [_word(word, arrays) for word in result.words],
        "question_words": [_word(word, arrays) for word in result.question_words],
        "steps": [
            {"text": step.text, "attention": [_map(each, arrays) for each in step.attention]}
            for step in result.steps
        ],
        "turns": [asdict(turn) for turn in result.turns],
        "tiled": result.tiled,
        "citations": [one.to_dict() for one in result.citations],
        "parts": [one.to_dict() for one in result.parts],
        "notes": list(result.notes),
    }, arrays


def answer_of(values: Mapping[str, Any], arrays: Mapping[str, Any], make: RegionMaker) -> Answer:
    """Make the answer again that :func:`pack` took apart."""
    return Answer(
        question=str(values["question"]),
        text=str(values["text"]),
        regions=_regions(values, arrays, make),
        attention=_maps(values["attention"], arrays),
        words=_words(values["words"], arrays),
        confidence=nan if values["confidence"] is None else float(values["confidence"]),
        provenance=Provenance(**values["provenance"]),
        turns=tuple(Turn(**turn) for turn in values["turns"]),
        question_words=_words(values["question_words"], arrays),
        steps=tuple(
            Step(str(step["text"]), _maps(step["attention"], arrays)) for step in values["steps"]
        ),
        tiled=values["tiled"],
        # What was kept by earlier versions lacks these.
        citations=tuple(map(Citation.from_dict, values.get("citations", ()))),
        parts=tuple(
            Part(int(part["start"]), int(part["stop"]), tuple(map(int, part["sources"])))
            for part in values.get("parts", ())
        ),
        notes=tuple(map(str, values.get("notes", ()))),
    )


def classification_of(
    values: Mapping[str, Any], arrays: Mapping[str, Any], make: RegionMaker
) -> Classification:
    """Make the classification again that :func:`pack` took apart."""
    labels = tuple(map(str, values["labels"]))
    probabilities = np.asarray(arrays[values["probabilities"]])
    regions = _regions(values, arrays, make)
    if probabilities.shape != (len(regions), len(labels)):
        raise ValueError("its probabilities do not fit its regions and classes")
    return Classification(
        labels,
        probabilities,
        regions,
        _maps(values["attention"], arrays),
        Provenance(**values["provenance"]),
        float(values["threshold"]),
    )


def _put(array: NDArray[Any], arrays: Arrays) -> str:
    name = str(len(arrays))
    arrays[name] = np.ascontiguousarray(array)
    return name


def _map(attention: AttentionMap, arrays: Arrays) -> dict[str, Any]:
    share = {} if attention.share is None else {"share": float(attention.share)}
    return {"method": attention.method, "values": _put(attention.values, arrays), **share}


def _maps(values: Sequence[Mapping[str, Any]], arrays: Mapping[str, Any]) -> Any:
    found = []
    for each in values:
        cells = np.asarray(arrays[each["values"]])
        if cells.ndim != 2 or not cells.size:
            raise ValueError("a map has no rows and columns")
        share = each.get("share")
        found.append(
            AttentionMap(cells, str(each["method"]), None if share is None else float(share))
        )
    return tuple(found)


def _word(word: Word, arrays: Arrays) -> dict[str, Any]:
    return {
        "start": word.start,
        "stop": word.stop,
        "probability": None if isnan(word.probability) else float(word.probability),
        "attention": [_map(each, arrays) for each in word.attention],
    }


def _words(values: Sequence[Mapping[str, Any]], arrays: Mapping[str, Any]) -> tuple[Word, ...]:
    return tuple(
        Word(
            int(each["start"]),
            int(each["stop"]),
            nan if each["probability"] is None else float(each["probability"]),
            _maps(each["attention"], arrays),
        )
        for each in values
    )


def _region(region: Region, contrast: tuple[float, float] | None, arrays: Arrays) -> dict[str, Any]:
    where = region.placement
    mask = None
    if region.mask is not None:
        # Eight pixels in a byte.
        packed = _put(np.packbits(region.mask), arrays)
        mask = {"bits": packed, "shape": list(region.mask.shape)}
    return {
        "source": region.source,
        "label": region.label,
        "box": [int(edge) for edge in region.box],
        "shape": list(region.pixels.shape),
        "pixel_size": None if region.pixel_size is None else list(map(float, region.pixel_size)),
        "unit": region.unit,
        "scale_from": region.scale_from,
        "scale_error": None if region.scale_error is None else float(region.scale_error),
        "instrument": None if region.instrument is None else region.instrument.to_dict(),
        "left_out": None if region.left_out is None else [int(edge) for edge in region.left_out],
        "mask": mask,
        "contrast": None if contrast is None else list(map(float, contrast)),
        "placement": None
        if where is None
        else {
            "axes": list(where.axes),
            "plane": [int(index) for index in where.plane],
            "outline": _put(np.asarray(where.outline, np.float64), arrays),
            "shape_id": where.shape_id,
            "data_shape": [int(side) for side in where.data_shape],
        },
    }


def _regions(
    values: Mapping[str, Any], arrays: Mapping[str, Any], make: RegionMaker
) -> tuple[Region, ...]:
    found = []
    for kept in values["regions"]:
        size, where, mask = kept["pixel_size"], kept["placement"], None
        # What was kept by earlier versions lacks these.
        error, beside = kept.get("scale_error"), kept.get("left_out")
        if kept["mask"] is not None:
            rows, columns = kept["mask"]["shape"]
            bits = np.asarray(arrays[kept["mask"]["bits"]])
            mask = np.unpackbits(bits, count=rows * columns).astype(bool).reshape(rows, columns)
        placement = None
        if where is not None:
            placement = Placement(
                axes=(int(where["axes"][0]), int(where["axes"][1])),
                plane=tuple(map(int, where["plane"])),
                outline=np.asarray(arrays[where["outline"]]),
                shape_id=where["shape_id"],
                data_shape=tuple(map(int, where["data_shape"])),
            )
        known = {
            "box": _box(kept["box"]),
            "mask": mask,
            "pixel_size": None if size is None else (float(size[0]), float(size[1])),
            "unit": str(kept["unit"]),
            "source": str(kept["source"]),
            "placement": placement,
            "label": str(kept.get("label", "")),
            "instrument": Instrument.of_layer(kept),
            "scale_from": str(kept.get("scale_from", "")),
            "scale_error": None if error is None else float(error),
            "left_out": None if beside is None else _box(beside),
        }
        found.append(make(known, kept))
    return tuple(found)


def _box(edges: Sequence[Any]) -> Box:
    y0, x0, y1, x1 = map(int, edges)
    return y0, x0, y1, x1
