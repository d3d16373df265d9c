"""Information bars of many makers are found, and what only looks like one is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_bars import STYLES, WITHOUT, as_jpeg, make_bar, specimen, without_bar
from napari_micrograph_vlm.readers.bar import find_bar, picture_rows
from napari_micrograph_vlm.readers.samples import nanoporous_gold_file


class Counting:
    """An array that counts the pixels that are read of it, and is larger than memory."""

    def __init__(self, shape):
        self.shape, self.dtype, self.pixels = shape, np.dtype(np.uint16), 0

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        sizes = [
            len(range(*part.indices(length)))
            for part, length in zip((*index, *[slice(None)] * 2), self.shape, strict=False)
        ]
        self.pixels += int(np.prod(sizes))
        return np.random.default_rng(0).integers(0, 60_000, sizes, np.uint16)


@pytest.mark.parametrize("side", ["bottom", "top"])
@pytest.mark.parametrize("style", STYLES)
def test_bars_of_all_makers_are_found(style, side):
    made = make_bar(np.random.default_rng(len(style)), style, side=side)
    bar = find_bar(made.image)
    assert bar is not None
    assert bar.side == side
    assert np.abs(np.subtract(bar.rows, made.rows)).max() <= 1
    y0, y1 = picture_rows(made.image.shape, bar)
    assert y1 - y0 == made.image.shape[0] - (bar.rows[1] - bar.rows[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda image: as_jpeg(image, 85),
        lambda image: image.astype(np.uint16) * 200,
        lambda image: image / 255,
        lambda image: np.stack([image] * 3, -1),
        lambda image: image.astype(np.float64) * 1e30,
        lambda image: -image.astype(np.int32),
    ],
    ids=["jpeg", "16 bit", "float", "colour", "huge", "negative"],
)
def test_a_bar_is_found_in_pixels_of_any_type(change):
    made = make_bar(np.random.default_rng(2), "zeiss")
    bar = find_bar(change(made.image))
    assert bar is not None
    assert abs(bar.rows[0] - made.rows[0]) <= 1


@pytest.mark.parametrize("kind", WITHOUT)
def test_pictures_without_a_bar_have_none(kind):
    rng = np.random.default_rng(11)
    for _ in range(3):
        assert find_bar(without_bar(rng, kind, (400, 500))) is None


@given(
    seed=st.integers(0, 2**20),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    kind=st.sampled_from(["uint8", "int16", "float32", "bool"]),
)
@settings(max_examples=25, deadline=None)
def test_noise_of_any_shape_has_none(seed, height, width, kind):
    noise = np.random.default_rng(seed).normal(50, 20, (height, width)).astype(kind)
    assert find_bar(noise) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((300, 300)),
        np.full((300, 300), np.nan),
        np.zeros((300, 300), complex),
        np.zeros(300),
        np.zeros((0, 0)),
        np.where(np.arange(300)[:, None] < 250, 200, 0) + np.zeros(300),
    ],
    ids=["black", "nan", "complex", "a line", "empty", "two greys"],
)
def test_what_is_no_micrograph_has_none(image):
    assert find_bar(image) is None


def test_the_sample_ends_where_its_bar_begins():
    bar = find_bar(nanoporous_gold_file().array)
    assert bar is not None
    assert (bar.side, bar.rows) == ("bottom", (691, 768))


def test_little_of_a_huge_image_is_read():
    image = Counting((100_000, 100_000))
    assert find_bar(image) is None
    assert image.pixels < 500_000


def test_a_picture_without_bar_keeps_all_its_rows():
    picture = specimen(np.random.default_rng(3), 100, 100)
    assert picture_rows(picture.shape, None) == (0, 100)
