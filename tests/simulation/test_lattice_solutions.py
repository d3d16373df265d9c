"""The lattice against what is known: uniform tension, bounds, a hole, finer and finer meshes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.simulation.fields import (
    at_sites,
    energy_density,
    mean_stress,
    stored,
    stresses,
    von_mises,
)
from napari_micrograph_vlm.simulation.lattice import POISSON, lattice, solve


def solved_plate(columns, modulus=None):
    grid = lattice(columns)
    return solve(grid, np.full(len(grid.triangles), 1000.0) if modulus is None else modulus(grid))


def test_uniform_tension_is_exact_up_to_the_edges():
    plate = solved_plate(24)
    stress = stresses(plate, 0.01)
    np.testing.assert_allclose(stress[:, 1], 10.0, rtol=1e-9)
    np.testing.assert_allclose(stress[:, [0, 2]], 0.0, atol=1e-8)
    np.testing.assert_allclose(von_mises(stress), 10.0, rtol=1e-9)
    assert mean_stress(plate, 0.01) == pytest.approx(10.0)


def test_a_pulled_plate_gets_narrower_by_poissons_ratio():
    plate = solved_plate(24)
    grid = plate.lattice
    row = np.flatnonzero(np.isclose(grid.sites[:, 1], grid.sites[grid.columns * 9, 1]))
    width = grid.sites[row[-1], 0] - grid.sites[row[0], 0]
    change = plate.shifts[row[-1], 0] - plate.shifts[row[0], 0]
    assert change / width == pytest.approx(-POISSON, rel=1e-9)


def test_energy_by_triangles_is_the_energy_of_the_bonds():
    plate = solved_plate(20, lambda grid: np.where(grid.centres[:, 0] < 0.4, 200.0, 1000.0))
    area = plate.lattice.area / len(plate.lattice.triangles)
    assert energy_density(plate, 0.01).sum() * area == pytest.approx(stored(plate, 0.01))


@pytest.mark.parametrize(("upright", "expected"), [(True, 600.0), (False, 1 / 3e-3)])
def test_layers_are_as_stiff_as_springs_side_by_side_or_in_a_row(upright, expected):
    def halves(grid):
        place = grid.centres[:, 0] if upright else grid.centres[:, 1] / grid.height
        return np.where(place < 0.5, 200.0, 1000.0)

    # The layers hinder each other sideways, hence not exactly.
    assert mean_stress(solved_plate(40, halves), 1.0) == pytest.approx(expected, rel=0.05)


def hole_factor(columns, radius=0.1):
    def holed(grid):
        centre = np.array([0.5, grid.height / 2])
        return np.where(np.linalg.norm(grid.centres - centre, axis=1) < radius, 0.0, 1.0)

    plate = solved_plate(columns, holed)
    along = at_sites(plate.lattice, stresses(plate, 1.0)[:, 1], plate.modulus > 0)
    return np.nanmax(along) / (mean_stress(plate, 1.0))


def test_stress_beside_a_hole_approaches_three_times_the_pull():
    # 3 in an infinite plate (Kirsch 1898), 3.14 for a hole a fifth as wide (Howland 1930).
    coarse, fine = (hole_factor(columns) for columns in (24, 96))
    assert abs(fine - 3.14) < abs(coarse - 3.14)
    assert fine == pytest.approx(3.14, rel=0.1)


def test_sites_in_a_hole_have_no_stress():
    grid = lattice(16)
    solid = grid.centres[:, 0] < 0.5
    values = at_sites(grid, np.ones(len(solid)), solid)
    assert np.isnan(values[grid.sites[:, 0] > 0.6]).all()
    assert (values[grid.sites[:, 0] < 0.4] == 1).all()


def test_nothing_to_pull_is_refused():
    with pytest.raises(ValueError, match="material"):
        solve(lattice(8), np.zeros(len(lattice(8).triangles)))
    with pytest.raises(ValueError, match="4 sites"):
        lattice(3)
