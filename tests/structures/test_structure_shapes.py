"""Structures as voxels, surfaces, files and pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm import structure
from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.structures.building import MOST_VOXELS, build, shape_of
from napari_micrograph_vlm.structures.fields import StructureError, complete
from napari_micrograph_vlm.structures.kinds import KINDS

SHAPE = (24, 64, 64)


def small(kind, **values):
    return complete(kind=kind, width=640.0, unit="nm", spacing=160.0, depth=240.0, **values)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_structure_has_its_density_and_a_closed_surface_of_its_size(kind):
    made = build(small(kind), SHAPE, seed=3)
    assert made.density == pytest.approx(made.fields.density, rel=0.02)
    mesh = made.mesh()
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(made.density * np.prod(made.sides), rel=0.02)
    low, high = mesh.bounds
    assert (low >= -1e-3).all()
    assert (high <= np.array([640, 640, 240]) + 1e-3).all()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.floats(0.08, 0.9), st.integers(0, 1000))
def test_any_density_is_hit(kind, share, seed):
    density = 0.08 + (KINDS[kind].densest - 0.1) * (share - 0.08)
    fields = complete(kind=kind, width=100.0, spacing=40.0, density=density, depth=40.0)
    made = build(fields, (16, 64, 64), seed)
    assert abs(made.density / density - 1) < 0.02


def test_the_same_seed_gives_the_same_structure():
    one, same, other = (build(small("fibres"), SHAPE, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.volume, same.volume)
    assert not np.array_equal(one.volume, other.volume)


def along(volume, axis):
    """How alike neighbours along an axis are."""
    return float(np.mean(np.diff(volume.astype(np.int8), axis=axis) == 0))


@pytest.mark.parametrize("kind", ["fibres", "lines", "layers", "sponge", "foam"])
def test_what_runs_one_way_changes_least_that_way(kind):
    for name, axis in (("horizontal", 2), ("vertical", 1)):
        volume = build(small(kind, orientation=name), SHAPE).volume
        assert along(volume, axis) == max(along(volume, i) for i in (1, 2))
        assert along(volume, axis) > along(volume, 3 - axis) + 0.01
    upright = build(small("fibres", orientation="upright", regularity=1.0), SHAPE).volume
    assert along(upright, 0) > 0.99


def test_an_angle_runs_up_to_the_right():
    volume = build(small("lines", angle=30.0), SHAPE).volume[0]
    rise = round(np.tan(np.radians(30)) * 20)
    on = volume[rise:, :-20] == volume[:-rise, 20:]
    down = volume[:-rise, :-20] == volume[rise:, 20:]
    assert on.mean() > 0.9 > down.mean()


def test_spheres_do_not_overlap_where_there_is_room():
    from scipy import ndimage

    made = build(complete(kind="spheres", density=0.1, size=12.0, width=100.0, depth=40.0), seed=5)
    assert made.fields.of_kind.density_of(12, made.fields.spacing) == pytest.approx(0.1)
    # The level that hits the density is the radius that was asked for.
    whole = ndimage.label(made.volume)[0]
    inner = [part for part in np.unique(whole[:, 20:-20, 20:-20]) if part]
    volumes = np.bincount(whole.ravel())[inner] * made.voxel**3
    single = np.pi / 6 * 12**3
    assert np.median(volumes) == pytest.approx(single, rel=0.2)


def test_lattices_stand_at_their_pitch():
    from scipy import ndimage

    fields = complete(kind="pillars", size=60.0, spacing=160.0, width=640.0, depth=100.0)
    labels, count = ndimage.label(build(fields, (8, 128, 128)).volume[0])
    assert count == 16
    at = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, 17))) * 5.0
    gaps = np.sort(np.linalg.norm(at[:, None] - at[None], axis=2), axis=1)[:, 1]
    assert gaps == pytest.approx(160.0, abs=2.0)


def test_a_gyroid_is_two_networks_that_each_hang_together():
    from scipy import ndimage

    made = build(complete(kind="gyroid", density=0.5, spacing=100.0, width=300.0, depth=300.0))
    for part in (made.volume, ~made.volume):
        sizes = np.sort(np.bincount(ndimage.label(part)[0].ravel())[1:])
        assert sizes[-1] > 0.95 * part.sum()


@pytest.mark.parametrize("name", ["it.stl", "it.obj"])
def test_a_file_holds_the_mesh_in_its_unit(tmp_path, name):
    import trimesh

    made = build(small("gyroid"), SHAPE).on_plate(20.0)
    path = made.save(tmp_path / name)
    assert b"1 nm" in path.read_bytes()[:80]
    mesh = trimesh.load_mesh(path)
    assert mesh.is_watertight
    np.testing.assert_allclose(mesh.extents, [640, 640, 260], atol=0.1)


def test_what_cannot_be_written_or_built_is_one_sentence(tmp_path):
    made = build(small("gyroid"), SHAPE)
    for path in (tmp_path / "it.ply", tmp_path / "no folder" / "it.stl"):
        with pytest.raises(MicrographError):
            made.save(path)
    with pytest.raises(StructureError, match="more than"):
        build(small("gyroid"), (1000, 1000, 1 + MOST_VOXELS // 10**6))
    with pytest.raises(StructureError, match="take at least"):
        build(complete(kind="fibres", size=1.0, width=1000.0, density=0.2), (20, 64, 64))
    with pytest.raises(StructureError, match="tilt"):
        made.picture(tilt=90)
    with pytest.raises(StructureError, match="not both"):
        structure()
    with pytest.raises(StructureError, match="no “colour”"):
        structure(text="a gyroid", colour="red")


@pytest.mark.parametrize(
    ("kind", "density", "shape"),
    [
        ("foam", 0.9, (24, 48, 48)),  # its pores are closed: they must not be turned inside out
        ("fibres", 0.02, (12, 160, 160)),
        ("pillars", 0.01, (8, 150, 150)),
        ("spheres", 0.9, (24, 48, 48)),
        ("gyroid", 0.03, (40, 96, 96)),
        ("film", 0.95, (20, 64, 64)),
    ],
)
def test_the_surface_encloses_what_is_solid(kind, density, shape):
    fields = complete(kind=kind, density=density, width=100.0, depth=100.0 * shape[0] / shape[1])
    made = build(fields, shape, seed=1)
    mesh = made.mesh()
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(density * np.prod(made.sides), rel=0.02)


def test_a_plate_has_a_thickness_that_can_be_built():
    made = build(small("pillars"), (8, 32, 32))
    with pytest.raises(StructureError, match="A plate of 1 m is too thick"):
        made.on_plate(1e9)
    for thickness in (float("nan"), float("inf"), -1.0, 0.0):
        with pytest.raises(StructureError, match=r"above 0|too thick"):
            made.on_plate(thickness)
    assert made.on_plate(40.0).inside.shape == (10, 32, 32)


@pytest.mark.parametrize("name", ["size", "spacing"])
def test_what_is_far_larger_than_the_block_is_refused(name):
    with pytest.raises(StructureError, match="choose a wider block"):
        build(complete(kind="sponge", density=0.3, width=100.0, **{name: 1e9}))


def test_default_voxels_suffice_for_what_is_thin():
    fields = complete(kind="fibres", size=10.0, width=2000.0, density=0.1)
    assert fields.size / (fields.width / shape_of(fields)[2]) >= 4
    for thin in (fields, complete(kind="lines", density=0.97, size=10.0)):
        z, y, x = shape_of(thin)
        assert z * y * x <= MOST_VOXELS
        gap = thin.spacing - thin.size
        assert min(thin.size, gap) / (thin.width / x) >= 2


def test_a_picture_shows_what_is_there():
    made = build(small("pillars", density=0.2), SHAPE)
    shown = made.picture(side=128, seed=1)
    assert shown.image.shape == (128, 128)
    assert shown.objects.mean() == pytest.approx(0.2, abs=0.03)
    on, off = shown.image[shown.objects], shown.image[~shown.objects]
    assert on.mean() > off.mean() + 20
    assert np.array_equal(shown.image, made.picture(side=128, seed=1).image)
    region = shown.region()
    assert region.pixel_size == pytest.approx((5.0, 5.0))
    tilted = made.picture(side=128, tilt=50)
    # Foreshortened, and with the front of the block below.
    assert tilted.image.shape[0] == pytest.approx(
        128 * np.cos(np.radians(50)) + 48 * np.sin(np.radians(50)), abs=2
    )


def test_words_become_a_structure_in_one_call():
    made = structure(text="gyroid, 40 % solid, period 100 nm", shape=(16, 32, 32), density=0.3)
    assert made.inside.shape == (16, 32, 32)
    assert made.density == pytest.approx(0.3, rel=0.02)
