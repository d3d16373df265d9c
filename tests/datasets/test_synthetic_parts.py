"""Formation, annotation, placing and the sample pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from napari_micrograph_vlm.datasets.synthetic import Micrograph, samples, synthesize
from napari_micrograph_vlm.datasets.synthetic.films import voronoi
from napari_micrograph_vlm.datasets.synthetic.formation import (
    compress,
    contrast_of,
)
from napari_micrograph_vlm.datasets.synthetic.geometry import rotated, to_picture, tubes
from napari_micrograph_vlm.datasets.synthetic.infobar import annotate, nice_length
from napari_micrograph_vlm.datasets.synthetic.lines import Lines
from napari_micrograph_vlm.datasets.synthetic.noise import band, curve, fractal, smooth
from napari_micrograph_vlm.datasets.synthetic.overlays import OVERLAYS
from napari_micrograph_vlm.datasets.synthetic.quality import Scan, draw_scan
from napari_micrograph_vlm.datasets.synthetic.scene import Placer, Scene, orientation_of


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("make", "category", "kind", "number"),
    [
        (samples.wafer_with_defects, "patterned surfaces", "bridge", 2),
        (samples.coating_with_crack, "films and coated surfaces", "crack", 1),
        (samples.particle_field, "particles", "agglomerate", 1),
    ],
)
def test_samples(make: Callable[[], Micrograph], category: str, kind: str, number: int) -> None:
    made = make()
    assert made.image.shape == (768, 768)
    assert made.bar_rows == 0
    assert made.category == category
    assert [d.kind for d in made.defects] == [kind] * number
    assert all(d.mask.sum() > 100 for d in made.defects)
    assert "label" not in made.extra
    np.testing.assert_array_equal(make().image, made.image)


def test_information_bar_is_flat_text_below_the_field() -> None:
    with_bar = next(
        m
        for m in (synthesize(s, category="tips", defect=None, size=256) for s in range(40))
        if m.bar_rows
    )
    strip = with_bar.image[-with_bar.bar_rows :].astype(int)
    paper = np.median(strip)
    # Paper of one tone with a little ink of another.
    assert (np.abs(strip - paper) < 20).mean() > 0.6
    assert (np.abs(strip - paper) > 100).mean() > 0.01
    assert with_bar.extra["scale_bar"].split()[1] in {"nm", "µm", "mm"}


@pytest.mark.parametrize(
    ("pixel", "width", "share", "expected"),
    [
        (1.0, 1000, 0.25, (200, "200 nm")),
        (10.0, 1000, 0.25, (200, "2 µm")),
        (5000.0, 1000, 0.3, (200, "1 mm")),
        (0.05, 400, 0.3, (100, "5 nm")),
    ],
)
def test_scale_bars_are_round(
    pixel: float, width: int, share: float, expected: tuple[int, str]
) -> None:
    assert nice_length(pixel, width, share) == expected


def test_annotation_never_covers_what_must_stay_visible() -> None:
    for seed in range(12):
        image = np.full((200, 200), 90, np.uint8)
        busy = np.ones((200, 200), bool)
        hidden, facts = annotate(rng(seed), image, busy, 2.0, True, True)
        assert not hidden.any()
        assert not facts
        assert (image == 90).all()
    hidden, facts = annotate(rng(1), image, np.zeros_like(busy), 2.0, True, True)
    assert set(facts) == {"label", "scale_bar"}
    assert (image != 90).any()
    assert not ((image != 90) & ~hidden).any()


def test_scan_maps_pictures_masks_and_points_alike() -> None:
    for seed in range(20):
        scan = draw_scan(rng(seed), (80, 120), 8)
        mask = np.zeros((96, 136), bool)
        mask[40, 70] = True
        mask[30:34, 50:54] = True
        seen = scan.mask(mask)
        assert seen.shape == (80, 120)
        row, column = scan.points(np.array([[31.0, 51.0], [0.0, 70.0]], np.float32))
        assert row[0] >= 0
        assert seen[row[0], column[0]]
        light = scan.picture(mask.astype(np.float32))
        assert abs(light.sum() - seen.sum()) < 5


def test_points_outside_the_field_are_marked() -> None:
    scan = Scan(np.arange(8, 88), np.full(80, 8.0, np.float32), 120)
    points = np.array([[8, 8], [87, 127], [7, 50], [88, 50], [50, 7], [50, 128]], np.float32)
    row, column = scan.points(points)
    np.testing.assert_array_equal(row, [0, 79, -1, -1, -1, -1])
    np.testing.assert_array_equal(column, [0, 119, -1, -1, -1, -1])


def test_contrast_of() -> None:
    image = np.full((50, 50), 100, np.uint8)
    objects = np.zeros((50, 50), bool)
    assert contrast_of(image, objects) == "mixed"
    objects[10:20, 10:20] = True
    assert contrast_of(image, objects) == "mixed"
    image[objects] = 200
    assert contrast_of(image, objects) == "bright on dark"
    assert contrast_of(255 - image, objects) == "dark on bright"


def test_compression_keeps_shape_and_roughly_the_values() -> None:
    image = (smooth(rng(), (90, 70), 20) * 30 + 128).clip(0, 255).astype(np.uint8)
    out = compress(image, 80)
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    assert np.abs(out.astype(int) - image).mean() < 4


def test_noise_has_the_scale_asked_for() -> None:
    for make in (smooth, fractal, band):
        noise = make(rng(3), (257, 301), 20.0)
        assert noise.shape == (257, 301)
        assert noise.dtype == np.float32
        assert 0.5 < noise.std() < 1.7
    texture = band(rng(4), (256, 256), 16.0, 0.15)
    spectrum = np.abs(np.fft.fft2(texture)) ** 2
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    assert (spectrum * k).sum() / spectrum.sum() == pytest.approx(1 / 16, rel=0.1)
    assert np.abs(np.diff(curve(rng(5), 200, 40.0))).max() < 0.5


def test_frames_turn_back() -> None:
    u, v = rotated((50, 80), 0.4)
    y, x = to_picture((50, 80), 0.4, float(u[12, 33]), float(v[12, 33]))
    assert float(y) == pytest.approx(12, abs=1e-3)
    assert float(x) == pytest.approx(33, abs=1e-3)


def test_voronoi_cells_hold_the_pixels_nearest_to_their_seed() -> None:
    labels, distance, seeds = voronoi(rng(2), (90, 110), 18.0)
    y, x = np.mgrid[:90, :110]
    own = np.hypot(y - seeds[labels, 0], x - seeds[labels, 1])
    inside = [s for s in seeds if 0 <= s[0] < 89 and 0 <= s[1] < 109]
    nearest = np.min([np.hypot(y - s[0], x - s[1]) for s in inside], axis=0)
    assert (own <= nearest + 1.6).all()
    assert distance.min() == 0


def test_later_tubes_lie_on_top() -> None:
    across = np.array([[20, 0], [20, 60]], np.float32)
    down = np.array([[0, 30], [40, 30]], np.float32)
    height, index = tubes((41, 61), [across, down], [6.0, 6.0], [2.0, 8.0])
    assert index[20, 30] == 2
    assert index[20, 10] == 1
    assert index[5, 5] == 0
    assert height[20, 30] > height[20, 10] > height[5, 5] == 0
    assert height[20, 10] > height[18, 10]


def test_placer_keeps_places_apart_and_inside() -> None:
    placer = Placer(rng(7), (200, 300), 0.1)
    spots = [s for s in (placer.place(15) for _ in range(60)) if s]
    assert len(spots) > 5
    points = np.array(spots)
    assert (points >= [20, 30]).all()
    assert (points <= [180, 270]).all()
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(len(points), dtype=bool)].min() > 30
    assert placer.place(500) is None
    assert placer.place(1, np.zeros((0, 2), np.float32)) is None


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        (0, "horizontal"),
        (-10, "horizontal"),
        (175, "horizontal"),
        (90, "vertical"),
        (-95, "vertical"),
        (45, "diagonal"),
        (135, "diagonal"),
    ],
)
def test_directions_have_names(degrees: float, name: str) -> None:
    assert orientation_of(np.radians(degrees)) == name


@pytest.mark.parametrize("kind", list(OVERLAYS))
def test_defects_leave_no_trace_outside_their_mask(kind: str) -> None:
    # A square step at the edge of the window painted into would give every defect away.
    for seed in range(12):
        scene = Scene(
            height=np.zeros((240, 240), np.float32),
            albedo=np.full((240, 240), 0.5, np.float32),
            objects=np.ones((240, 240), bool),
            name="grains",
            size=5.0,
            orientation="none",
            arrangement="continuous",
        )
        OVERLAYS[kind](rng(seed), scene, Placer(rng(seed), (240, 240)), None)
        ((found, mask),) = scene.defects
        assert found == kind
        far = ndimage.distance_transform_edt(~mask) > 9
        changed = np.abs(scene.albedo - 0.5) + np.abs(scene.height)
        assert changed[mask].mean() > 0.1
        for field in (scene.height, scene.albedo):
            # Halo, shadow and rim of these two reach a little further, but softly.
            limit = 0.05 if kind in ("particle", "residue") else 0.005
            assert np.hypot(*np.gradient(field))[far].max() < limit


@pytest.mark.parametrize("kind", ["bridge", "cut", "neck"])
def test_line_defects_leave_no_trace_outside_their_mask(kind: str) -> None:
    for seed in range(12):
        pattern = Lines(rng(seed), (240, 240), 24.0, 0.1 * seed, 0.5)
        before = pattern.distance.copy()
        getattr(pattern, kind)(Placer(rng(seed), (240, 240)))
        ((_, mask),) = pattern.defects
        far = ~ndimage.binary_dilation(mask, iterations=5)
        # Only what lies within the soft edge of a line is ever seen.
        seen = np.clip(pattern.distance, -3, 3) - np.clip(before, -3, 3)
        assert np.abs(seen[mask]).max() > 1
        assert np.abs(seen[far]).max() < 0.7
