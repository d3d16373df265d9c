"""The truth of synthetic micrographs has to agree with their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_micrograph_vlm.datasets.synthetic import (
    CATEGORIES,
    DEFECT_HOSTS,
    DEFECT_KINDS,
    Micrograph,
    synthesize,
)

PAIRS = [(category, kind) for category in CATEGORIES for kind in DEFECT_HOSTS[category]]
ARRANGEMENTS = {
    "isolated",
    "dispersed",
    "clustered",
    "close-packed",
    "ordered array",
    "aligned",
    "random network",
    "layered",
    "continuous",
}


def check(made: Micrograph, shape: tuple[int, int]) -> None:
    assert made.image.shape == made.object_mask.shape == shape
    assert made.image.dtype == np.uint8
    assert made.object_mask.dtype == np.bool_
    assert made.image.std() > 3
    field = shape[0] - made.bar_rows
    assert 0 <= made.bar_rows < shape[0] / 4
    assert made.object_mask.any()
    assert not made.object_mask[field:].any()
    assert made.count is None or 1 <= made.count < 5000
    assert made.category in CATEGORIES
    assert made.technique in {"SEM", "TEM"}
    assert made.size_class in {"small", "medium", "large"}
    assert made.orientation in {"horizontal", "vertical", "diagonal", "random", "none"}
    assert made.contrast in {"bright on dark", "dark on bright", "mixed"}
    assert made.arrangement in ARRANGEMENTS
    assert made.pixel_size_nm > 0
    # A letter may cover some objects after the density was measured, hence the slack.
    share = made.object_mask[:field].mean()
    low, high = {"sparse": (0, 0.12), "moderate": (0.12, 0.35), "dense": (0.35, 1)}[made.density]
    assert low * 0.75 <= share <= high
    for defect in made.defects:
        assert defect.kind in DEFECT_HOSTS[made.category]
        assert defect.mask.shape == shape
        assert defect.mask.dtype == np.bool_
        assert defect.mask.any()
        assert not defect.mask[field:].any()


@pytest.mark.parametrize(("category", "kind"), PAIRS)
def test_every_category_shows_every_defect_it_can_host(category: str, kind: str) -> None:
    made = synthesize(5, category=category, defect=kind, size=160)
    check(made, (160, 160))
    assert made.category == category
    assert kind in {defect.kind for defect in made.defects}
    assert 1 <= len(made.defects) <= 6


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_good_picture_has_no_defect(category: str) -> None:
    made = synthesize(6, category=category, defect=None, size=160)
    check(made, (160, 160))
    assert made.defects == ()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**40),
    category=st.sampled_from([None, *CATEGORIES]),
    size=st.one_of(st.integers(64, 220), st.tuples(st.integers(64, 260), st.integers(64, 260))),
)
def test_any_seed_and_size_gives_a_consistent_picture(
    seed: int, category: str | None, size: int | tuple[int, int]
) -> None:
    made = synthesize(seed, category=category, size=size)
    check(made, (size, size) if isinstance(size, int) else size)
    assert category in (None, made.category)
    assert made.seed == seed


def test_hosts_cover_all_categories_and_kinds() -> None:
    assert tuple(DEFECT_HOSTS) == CATEGORIES
    assert {kind for kinds in DEFECT_HOSTS.values() for kind in kinds} == set(DEFECT_KINDS)
    assert DEFECT_HOSTS["biological"] == ()


def test_same_arguments_give_the_same_picture_and_others_do_not() -> None:
    one, two = (synthesize(11, category="nanowires", size=128) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.object_mask, two.object_mask)
    assert (one.count, one.extra, one.pixel_size_nm) == (two.count, two.extra, two.pixel_size_nm)
    assert [d.kind for d in one.defects] == [d.kind for d in two.defects]
    other = synthesize(12, category="nanowires", size=128)
    assert not np.array_equal(one.image, other.image)


def test_any_leaves_about_a_third_without_defect() -> None:
    kinds = [
        {d.kind for d in synthesize(seed, category="patterned surfaces", size=72).defects}
        for seed in range(100)
    ]
    good = sum(not k for k in kinds)
    assert 22 <= good <= 48
    assert len(set().union(*kinds)) >= 6
    assert any(len(k) == 2 for k in kinds)
    assert all(len(k) <= 2 for k in kinds)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"category": "galaxies"}, "Unknown category 'galaxies'"),
        ({"defect": "dent"}, "Unknown defect 'dent'"),
        ({"category": "tips", "defect": "blister"}, "'tips' cannot show the defect 'blister'"),
        ({"category": "biological", "defect": "crack"}, "it can show: none"),
        ({"size": 63}, "between 64 and 1024"),
        ({"size": (64, 1025)}, "between 64 and 1024"),
        ({"size": (64, 64, 3)}, "rows and columns"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        synthesize(0, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        synthesize(-1)


def parts(mask: np.ndarray) -> tuple[int, int]:
    """Number of connected parts, and of those that do not touch the border."""
    labels, total = ndimage.label(mask)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return total, total - np.count_nonzero(rim)


def plain(seed: int, **arguments: object) -> Micrograph:
    """A picture in which nothing was painted over."""
    for offset in range(0, 100000, 1000):
        made = synthesize(seed + offset, **arguments)  # type: ignore[arg-type]
        if not {"label", "scale_bar"} & set(made.extra):
            return made
    raise AssertionError("every picture was painted over")


@pytest.mark.parametrize("seed", range(4))
def test_count_of_dispersed_particles_agrees_with_their_pixels(seed: int) -> None:
    for offset in range(0, 2000, 50):
        made = plain(seed + offset, category="particles", defect=None, size=256)
        if made.arrangement == "dispersed" and made.density == "sparse":
            break
    total, inner = parts(made.object_mask)
    assert made.count is not None
    # Particles cut by the border count if their centre is inside; few touch each other.
    assert inner * 0.97 <= made.count <= total * 1.06 + 1
    assert made.count > 3


@pytest.mark.parametrize("seed", range(4))
def test_missing_holes_are_not_counted(seed: int) -> None:
    for offset in range(0, 2000, 50):
        made = plain(seed + offset, category="patterned surfaces", defect="missing hole", size=256)
        if {d.kind for d in made.defects} == {"missing hole"}:
            break
    for defect in made.defects:
        assert not (defect.mask & made.object_mask).any()
    total, inner = parts(made.object_mask)
    assert made.objects == "contact holes"
    assert made.count is not None
    assert inner <= made.count <= total


def lines(seed: int, defect: str | None) -> Micrograph:
    for offset in range(0, 4000, 50):
        made = plain(seed + offset, category="patterned surfaces", defect=defect, size=256)
        if (
            made.extra["structure"] == "line/space pattern"
            and made.orientation == "vertical"
            and {d.kind for d in made.defects} <= {defect}
        ):
            return made
    raise AssertionError("no such picture")


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_counted_and_directed(seed: int) -> None:
    made = lines(seed, None)
    field = made.object_mask[: made.object_mask.shape[0] - made.bar_rows]
    total, _ = parts(field)
    assert made.count is not None
    assert total - 2 <= made.count <= total
    # Vertical lines change along rows, hardly along columns.
    across = np.count_nonzero(field[:, 1:] != field[:, :-1])
    along = np.count_nonzero(field[1:] != field[:-1])
    assert across > 3 * along


@pytest.mark.parametrize(
    ("kind", "filled"), [("bridge", True), ("break", False), ("necking", None)]
)
def test_line_defects_change_the_lines(kind: str, filled: bool | None) -> None:
    made = lines(1, kind)
    for defect in made.defects:
        share = made.object_mask[defect.mask].mean()
        if filled is None:
            assert 0.2 < share < 0.98
        else:
            assert share > 0.85 if filled else share < 0.15


def test_contrast_is_measured_and_inversion_happens() -> None:
    seen = set()
    for seed in range(30):
        made = synthesize(seed, category="nanowires", defect=None, size=96)
        field = made.image[: 96 - made.bar_rows].astype(float)
        objects = made.object_mask[: 96 - made.bar_rows]
        step = field[objects].mean() - field[~objects].mean()
        if made.contrast != "mixed" and "label" not in made.extra:
            assert (step > 0) == (made.contrast == "bright on dark")
        seen.add(made.contrast)
    assert "bright on dark" in seen
    assert "dark on bright" in seen
