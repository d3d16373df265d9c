"""What the student sees of whole regions and of each place."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from models.tiny_student import make_region, make_student
from napari_micrograph_vlm.errors import Cancelled, QuestionError
from napari_micrograph_vlm.models.base import Sees
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.features import EMBEDDINGS, describe


@pytest.fixture(scope="module")
def student() -> Student:
    return make_student()


def test_features_of_a_region_are_those_of_its_picture(student: Student) -> None:
    assert isinstance(student, Sees)
    region = make_region(150, 110)
    found = student.features([region, make_region(60, 200)])
    pixels = np.round(region.pixels * 255).astype(np.uint8)
    alone = describe(student.model, student.processor.image_processor, pixels)
    assert set(found) == set(alone)
    for name, block in found.items():
        assert block.dtype == np.float32
        assert block.shape[0] == 2
        np.testing.assert_allclose(block[0], alone[name], rtol=1e-4, atol=1e-4)
    assert set(EMBEDDINGS) < set(found)
    assert "stride 8 residue largest" in found


def test_a_region_that_was_classified_is_not_read_anew(student: Student) -> None:
    region = make_region(128, 128, seed=7)
    student.classify([region], ["crack", "pore"])
    read: list[int] = []
    hook = student.model.image_encoder.backbone.register_forward_hook(lambda *_: read.append(1))
    embed = student.model.image_encoder.backbone.embeddings.register_forward_hook(
        lambda *_: read.append(1)
    )
    try:
        student.features([region])
        student.feature_grid(region)
        assert not read
        student.features([make_region(128, 128, seed=8)])
        assert read
    finally:
        hook.remove()
        embed.remove()


@pytest.mark.parametrize(("shape", "cells"), [((128, 128), (16, 16)), ((90, 240), (8, 16))])
def test_the_grid_has_the_finest_stride_and_the_regions_proportions(
    student: Student, shape: tuple[int, int], cells: tuple[int, int]
) -> None:
    grid = student.feature_grid(make_region(*shape))
    assert grid.shape[:2] == cells
    assert grid.shape[2] == sum(student.model.image_encoder.backbone.channels)
    assert grid.dtype == np.float32


def test_a_changed_corner_changes_the_cells_there_most(student: Student) -> None:
    before = make_region(128, 128)
    pixels = before.pixels.copy()
    pixels[96:, 96:] = 1 - pixels[96:, 96:]
    moved = np.abs(
        student.feature_grid(before) - student.feature_grid(replace(before, pixels=pixels))
    ).sum(-1)
    assert moved[12:, 12:].mean() > 3 * moved[:8, :8].mean()


def test_what_lies_outside_the_outline_is_not_seen(student: Student) -> None:
    region = make_region(128, 128)
    mask = np.zeros((128, 128), bool)
    mask[:64] = True
    pixels = region.pixels.copy()
    pixels[64:] = 1
    one, two = replace(region, mask=mask), replace(region, mask=mask, pixels=pixels)
    for name, block in student.features([one]).items():
        np.testing.assert_array_equal(block, student.features([two])[name])


def test_looking_stops(student: Student) -> None:
    cancel = Event()
    done: list[int] = []

    def note(count: int) -> None:
        done.append(count)
        cancel.set()

    with pytest.raises(Cancelled):
        student.features([make_region(), make_region(seed=1)], on_region=note, cancel=cancel)
    assert done == [1]
    with pytest.raises(Cancelled):
        student.feature_grid(make_region(), cancel=cancel)
    with pytest.raises(QuestionError, match="Draw a region"):
        student.features([])
