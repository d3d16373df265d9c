"""The finer kinds of defect: each has its mask, and each differs from its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_micrograph_vlm.datasets.synthetic import (
    Micrograph,
    arrays,
    films,
    particles,
    synthesize,
)
from napari_micrograph_vlm.datasets.synthetic.fracture import Fracture
from napari_micrograph_vlm.datasets.synthetic.geometry import window
from napari_micrograph_vlm.datasets.synthetic.lines import Lines
from napari_micrograph_vlm.datasets.synthetic.patterns import line_space
from napari_micrograph_vlm.datasets.synthetic.scene import Placer, Scene
from napari_micrograph_vlm.datasets.synthetic.stamps import Stamps
from napari_micrograph_vlm.datasets.synthetic.synthesize import Variant, synthesize_variant
from napari_micrograph_vlm.datasets.synthetic.voids import sink_void

SHAPE = (240, 240)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def width_along(mask: np.ndarray) -> float:
    """Twice the largest distance of a pixel of the mask from its border."""
    return 2 * float(ndimage.distance_transform_edt(np.pad(mask, 1)).max())


@pytest.mark.parametrize("kind", ["micro_bridge", "roughen"])
def test_fine_line_defects_leave_no_trace_outside_their_mask(kind: str) -> None:
    for seed in range(12):
        pattern = Lines(rng(seed), SHAPE, 24.0, 0.1 * seed, 0.5, calm=True)
        before = pattern.distance.copy()
        if kind == "roughen":
            assert pattern.roughen()
        else:
            pattern.micro_bridge(Placer(rng(seed), SHAPE))
        ((_, mask),) = pattern.defects
        far = ~ndimage.binary_dilation(mask, iterations=4)
        seen = np.clip(pattern.distance, -3, 3) - np.clip(before, -3, 3)
        assert np.abs(seen[mask]).max() > 0.8
        assert np.abs(seen[far]).max() < 0.8


def test_a_micro_bridge_is_far_thinner_than_a_bridge() -> None:
    thin, thick = [], []
    for seed in range(20):
        pattern = Lines(rng(seed), SHAPE, 40.0, 0.0, 0.5)
        space = pattern.distance < -0.5
        pattern.micro_bridge(Placer(rng(seed), SHAPE))
        thin.append(width_along(space & (pattern.distance > 0)))
        pattern = Lines(rng(seed), SHAPE, 40.0, 0.0, 0.5)
        pattern.bridge(Placer(rng(seed), SHAPE))
        thick.append(width_along(space & (pattern.distance > 0)))
    assert max(thin) < 0.5 * pattern.width
    assert np.mean(thick) > 2 * np.mean(thin)


def test_rough_lines_are_clearly_rougher_than_the_others() -> None:
    for seed in range(12):
        pattern = Lines(rng(seed), SHAPE, 24.0, 0.0, 0.5, calm=True)
        calm = float(pattern.wave.std())
        pattern.roughen()
        ((_, mask),) = pattern.defects
        assert pattern.wave[mask].std() > 2.5 * calm
        # It neither breaks the line nor joins it to the next.
        inner = np.abs(pattern.across) < 0.15 * pattern.width
        assert (pattern.distance[inner] > 0).all()
        outer = np.abs(pattern.across) > 0.48 * pattern.pitch
        assert (pattern.distance[outer] < 0).all()


def test_no_more_lines_are_roughened_than_there_are() -> None:
    pattern = Lines(rng(), (64, 64), 14.0, 0.0, 0.5, calm=True)
    made = sum(pattern.roughen() for _ in range(20))
    assert made == len(pattern.defects) == len(pattern.rough)
    assert 2 <= made <= 6


def test_a_void_is_a_dark_hole_with_material_around() -> None:
    for seed in range(12):
        scene = line_space(rng(seed), SHAPE, (("void", 2),))
        assert {kind for kind, _ in scene.defects} == {"void"}
        for _, mask in scene.defects:
            rim = ndimage.binary_dilation(mask, iterations=2) & ~mask
            assert scene.objects[rim].mean() > 0.6
            assert scene.objects[mask].mean() < 0.6
            core = ndimage.binary_erosion(mask)
            core = core if core.any() else mask
            assert scene.albedo[core].mean() < 0.5 * scene.albedo[rim & scene.objects].mean()


def test_a_void_leaves_no_trace_outside_its_mask() -> None:
    for seed in range(12):
        scene = Scene(
            height=np.zeros(SHAPE, np.float32),
            albedo=np.full(SHAPE, 0.5, np.float32),
            objects=np.ones(SHAPE, bool),
            name="lines",
            size=20.0,
            orientation="vertical",
            arrangement="aligned",
        )
        places = np.full((1, 2), 120.0, np.float32)
        sink_void(rng(seed), scene, Placer(rng(seed), SHAPE), places, 20.0, 0.3)
        ((kind, mask),) = scene.defects
        assert kind == "void"
        far = ndimage.distance_transform_edt(~mask) > 3
        assert (scene.albedo[far] == 0.5).all()
        assert (scene.height[far] == 0).all()
        assert not (scene.objects & ndimage.binary_erosion(mask, iterations=2)).any()


def holes(seed: int, kind: str) -> tuple[Scene, Scene]:
    """The same array with and without one kind of defect."""
    plan = ((kind, 2),)
    scene = arrays.contact_holes(rng(seed), SHAPE, plan)
    return scene, arrays.contact_holes(rng(seed), SHAPE, ())


@pytest.mark.parametrize("kind", ["closed hole", "missing hole"])
@pytest.mark.parametrize("seed", range(5))
def test_holes_that_are_not_open_are_no_objects(seed: int, kind: str) -> None:
    scene, _ = holes(seed, kind)
    assert scene.centres is not None
    for found, mask in scene.defects:
        assert found == kind
        assert scene.objects[mask].mean() < 0.1
        middle = np.argwhere(mask).mean(axis=0)
        assert np.hypot(*(scene.centres - middle).T).min() > 0.8 * scene.size


def test_a_closed_hole_leaves_a_mark_and_a_missing_one_none() -> None:
    for seed in range(8):
        depth = {}
        for kind in ("closed hole", "missing hole"):
            scene, _ = holes(seed, kind)
            open_depth = float(-scene.height.min())
            depth[kind] = max(float(-scene.height[m].min()) for _, m in scene.defects) / open_depth
        assert depth["missing hole"] < 0.02
        assert 0.15 < depth["closed hole"] < 0.65


@pytest.mark.parametrize("form", particles.BREAKABLE)
def test_a_broken_body_has_gaps_and_covers_less(form: str) -> None:
    for seed in range(10):
        stamps, whole = Stamps(SHAPE), Stamps(SHAPE)
        fracture = Fracture.draw(rng(seed), form, 25.0)
        aspect = 2.5 if form == "rod-shaped" else 1.0
        put = stamps.put(rng(seed), form, 120.0, 120.0, 25.0, 0.0, 0.6, aspect, fracture)
        whole.put(rng(seed), form, 120.0, 120.0, 25.0, 0.0, 0.6, aspect)
        assert put is not None
        mask = np.zeros(SHAPE, bool)
        mask[put[0]] = put[1]
        # The mask holds the fragments, the gaps between them and the missing piece.
        assert not (stamps.cover & ~mask).any()
        assert 0.5 < stamps.cover.sum() / mask.sum() < 0.97
        pieces = ndimage.label(ndimage.binary_opening(stamps.cover))[1]
        assert (pieces >= 2) == (fracture.gap > 0)
        if fracture.gap == 0:
            assert stamps.cover.sum() < 0.95 * whole.cover.sum()


def test_fragments_move_apart_by_the_gap() -> None:
    win = window(SHAPE, 120.0, 120.0, 60.0)
    assert win is not None
    fracture = Fracture(0.0, 0.4, 0.0, np.zeros(256, np.float32))
    moved, left = fracture.apply(win, 20.0)
    row = 61
    np.testing.assert_allclose(np.abs(win.dx[0] - moved.dx[row])[left[row]], 4.0, atol=1e-4)
    assert (~left[row]).sum() == pytest.approx(8, abs=1)


@pytest.mark.parametrize("category", ["particles", "powder"])
def test_broken_particles_are_still_particles(category: str) -> None:
    for seed in range(4):
        made = synthesize(seed, category=category, defect="broken particle", size=192)
        broken = [d for d in made.defects if d.kind == "broken particle"]
        assert broken
        assert all(0.25 < made.object_mask[d.mask].mean() <= 1.0 for d in broken)


def section(seed: int) -> tuple[Micrograph, Scene]:
    plan = (("crack", 1),)
    made = synthesize_variant(
        seed, "films and coated surfaces", Variant(films.cross_section), plan, 256
    )
    for offset in range(50):
        scene = films.cross_section(rng(1000 * seed + offset), (256, 256), plan)
        if scene.defects and scene.orientation == "horizontal":
            return made, scene
    raise AssertionError("no crack was placed")


def test_a_crack_through_a_coating_reaches_the_substrate_and_others_stop_above() -> None:
    seen = set()
    for seed in range(14):
        made, scene = section(seed)
        assert made.through is not None
        seen.add(made.through)
        assert scene.cores is not None
        ((_, mask),) = scene.defects
        # Layers are told by their centre lines: the last two lie in coating and substrate.
        numbers = np.unique(scene.cores[scene.cores > 0])
        rows, columns = np.nonzero(mask)
        foot = columns[rows.argmax()]
        lines = [float(np.flatnonzero(scene.cores[:, foot] == n).mean()) for n in numbers]
        last = lines[numbers.tolist().index(numbers.max() - 1)]
        if scene.through:
            assert rows.max() > last
        else:
            sky = float(np.flatnonzero(scene.objects[:, foot])[0])
            assert rows.max() < lines[-1]
            assert rows.max() - sky < 0.85 * (lines[-1] - sky)
    assert seen == {True, False}


def test_only_cracked_coatings_say_whether_the_crack_goes_through() -> None:
    for category, defect in (("porous sponge", "crack"), ("films and coated surfaces", "pore")):
        assert synthesize(3, category=category, defect=defect, size=128).through is None
    plan = (("crack", 1),)
    variant = Variant(films.top_view)
    made = synthesize_variant(2, "films and coated surfaces", variant, plan, 128)
    assert made.through is None
