"""Fitting the check whether a picture is a micrograph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.tiny_student import make_model
from napari_micrograph_vlm.datasets.facts import Facts
from napari_micrograph_vlm.datasets.others import (
    drawings,
    read_folders,
    regions_of,
    scikit_learn_photographs,
)
from napari_micrograph_vlm.models.student.modeling import MvaemaModel
from napari_micrograph_vlm.training.novelty import fit_novelty
from napari_micrograph_vlm.training.shards import Picture, ViewGrid

SIDE = 4


@pytest.fixture
def model() -> MvaemaModel:
    return make_model()


def pictures(model: MvaemaModel, n: int, offset: float, seed: int) -> Iterator[Picture]:
    """Make pictures whose features differ in the mean of the last few channels."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        features = rng.normal(size=(SIDE * SIDE, model.image_encoder.feature_size))
        features[:, -8:] += offset + rng.normal(0, 0.3)
        yield Picture(features.astype(np.float16), (ViewGrid(SIDE, SIDE),), Facts())


def fitted(model: MvaemaModel, n: int = 24, offset: float = 3.0) -> dict[str, float]:
    real, synthetic, others = (
        list(pictures(model, n, shift, seed)) for seed, shift in enumerate((0.0, 0.5, offset))
    )
    return fit_novelty(model, real, synthetic, others)


def test_fitted_check_tells_others_from_micrographs(model: MvaemaModel) -> None:
    figures = fitted(model)
    assert figures["caught"] > 0.9
    assert figures["refused"] <= 0.1
    assert model.novelty is not None
    for shift, is_one in ((0.0, True), (0.5, True), (3.0, False)):
        (picture,) = pictures(model, 1, shift, 99)
        features = torch.from_numpy(picture.features.astype(np.float32))
        assert model.novelty.is_micrograph(features) == is_one
        assert (model.novelty.score(features) < 0.5) == is_one


def test_fit_is_the_same_every_time(model: MvaemaModel) -> None:
    again = make_model()
    assert fitted(model) == fitted(again) == model.config.novelty
    assert model.novelty is not None
    assert again.novelty is not None
    torch.testing.assert_close(model.novelty.state_dict(), again.novelty.state_dict())


def test_confidence_is_modest_where_kinds_cannot_be_told_apart(model: MvaemaModel) -> None:
    figures = fitted(model, n=40, offset=0.1)
    assert figures["caught"] < 0.5
    assert model.novelty is not None
    (picture,) = pictures(model, 1, 0.1, 98)
    features = torch.from_numpy(picture.features.astype(np.float32))
    assert 0.2 < model.novelty.score(features) < 0.8


def test_too_few_pictures_are_refused(model: MvaemaModel) -> None:
    with pytest.raises(ValueError, match="other pictures"):
        fit_novelty(model, list(pictures(model, 20, 0, 0)), [], list(pictures(model, 3, 1, 1)))


def test_drawings_are_seeded_and_differ() -> None:
    once, again = list(drawings(10, seed=3)), list(drawings(10, seed=3))
    assert all((a == b).all() for a, b in zip(once, again, strict=True))
    assert all(a.dtype == np.uint8 and a.ndim == 3 and a.std() > 1 for a in once)
    assert len({a.tobytes() for a in once}) == 10


def test_folders_are_read_without_what_shows_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    (tmp_path / "deeper").mkdir()
    Image.fromarray(noise).save(tmp_path / "deeper" / "a.png")
    Image.fromarray(noise[:40]).save(tmp_path / "icon.png")
    Image.fromarray(np.full((200, 200), 90, np.uint8)).save(tmp_path / "plain.png")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no image either")
    (found,) = read_folders([tmp_path])
    np.testing.assert_array_equal(found, noise)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 200, (128, 128, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:40, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    (found,) = read_folders([tmp_path])
    assert (found[:40] == 255).all()


def test_regions_of_a_photograph_are_mostly_grey() -> None:
    photographs = list(scikit_learn_photographs())
    assert len(photographs) == 2
    even, odd = (list(regions_of(photographs[0], seed)) for seed in (0, 1))
    assert [a.ndim for a in even] == [2, 2]
    assert [a.ndim for a in odd] == [2, 2, 3]
    assert even[1].size < even[0].size
