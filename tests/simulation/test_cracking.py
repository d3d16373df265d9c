"""Cracks: energy, equilibrium after each break, where and when they start and run."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.simulation.cracking import pull
from napari_micrograph_vlm.simulation.lattice import VOID, lattice, solve, stretches_of
from napari_micrograph_vlm.simulation.plates import Plate
from napari_micrograph_vlm.simulation.runs import MATERIALS, PULLED, simulate
from napari_micrograph_vlm.simulation.shapes import ellipse, grating, slot


def notched(length, angle=0.0, right=0):
    return Plate("notch", slot(right, 0.5, 2 * length, angle, 0.03))


@pytest.fixture(scope="module")
def broken():
    return simulate(notched(0.3), columns=40)


def test_work_of_the_pull_is_what_is_stored_and_what_was_released(broken):
    crack = broken.crack
    assert crack.started
    assert (crack.released > 0).all()
    assert crack.work == pytest.approx(crack.stored + crack.released.sum(), rel=1e-9)


def test_a_break_releases_at_least_the_energy_of_the_bond():
    grid = lattice(16)
    plate = solve(grid, np.ones(len(grid.triangles)))
    # One weak bond, so that one alone breaks.
    limits = np.full(len(grid.bonds), 1.0)
    # Those across the pull are pressed.
    far = np.linalg.norm(grid.middles - [0.5, 0.5], axis=1) + (grid.directions[:, 1] == 0)
    middle = int(np.argmin(far))
    limits[middle] = 0.001
    crack = pull(plate, limits, 0.01, distance=0)
    assert crack.broken.tolist() == [middle]
    own = 0.5 * plate.stiffness[middle] * (0.001 * grid.spacing) ** 2
    assert crack.released[0] > own


def test_bonds_taken_out_one_by_one_leave_the_plate_of_one_without_them(broken):
    grid = broken.lattice
    crack = broken.crack
    phases = broken.plate.phases(grid.centres[:, 0], grid.centres[:, 1] / grid.height)
    modulus = np.array([0.0, *(MATERIALS[k].modulus for k in (1, 2))])[phases]
    whole = solve(grid, modulus)
    stiffness = whole.stiffness.copy()
    stiffness[crack.broken] *= VOID
    # The matrix assembled anew, from the stretches of the bonds.
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve

    count = len(grid.sites)
    rows = np.repeat(np.arange(len(grid.bonds)), 4)
    one, other = grid.bonds.T
    columns = np.stack([2 * one, 2 * one + 1, 2 * other, 2 * other + 1], 1).ravel()
    x, y = grid.directions.T
    stretch = coo_matrix(
        (np.stack([-x, -y, x, y], 1).ravel(), (rows, columns)), (len(grid.bonds), 2 * count)
    ).tocsr()
    matrix = (stretch.T.multiply(stiffness) @ stretch).tocsr()
    free = whole.free >= 0
    shifts = np.where(free, 0.0, whole.shifts.ravel())
    shifts[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix[free] @ shifts))
    strained = stretches_of(grid, shifts.reshape(-1, 2)) * grid.spacing
    energy = 0.5 * float((stiffness * strained**2).sum())
    assert crack.stiffness[-1] == pytest.approx(energy, rel=1e-5)


def test_a_crack_from_a_notch_runs_straight_across(broken):
    crack = broken.crack
    assert crack.parted
    assert crack.direction == pytest.approx(0, abs=3)
    assert crack.length == pytest.approx(0.7, abs=0.06)


def test_a_longer_notch_cracks_sooner():
    # Not without end: held by its grips, a long cut takes the pull off the plate.
    starts = [simulate(notched(length), columns=40).crack.starts_at for length in (0.05, 0.1, 0.25)]
    assert starts == sorted(starts, reverse=True)


def test_a_finer_mesh_tells_about_the_same():
    plate = Plate("hole", ellipse(0.5, 0.5, 0.15, 0.15, 0))
    coarse, fine = (simulate(plate, columns=columns).numbers for columns in (40, 72))
    for name, slack in (("stress_mean", 0.02), ("stress_spread", 0.04), ("start_strain", 0.15)):
        assert coarse[name] == pytest.approx(fine[name], rel=slack)


def test_a_whole_plate_breaks_at_the_limit_of_its_material_and_not_before():
    crack = simulate(Plate("whole"), columns=24).crack
    assert not crack.started
    assert crack.length == 0
    assert crack.direction is None
    # Bonds stand at 60 degrees: they are strained by two thirds of the pull.
    assert crack.starts_at == pytest.approx(1.5 * MATERIALS[2].limit, rel=1e-6)
    assert crack.starts_at > PULLED


def test_a_slanted_slit_turns_the_crack_its_way():
    up = simulate(Plate("slit", slot(0.5, 0.5, 0.4, 40, 0.04)), columns=40).crack.direction
    down = simulate(Plate("slit", slot(0.5, 0.5, 0.4, -40, 0.04)), columns=40).crack.direction
    assert up > 5
    assert down < -5


def test_stress_is_largest_beside_a_hole_and_least_above_it():
    run = simulate(Plate("hole", ellipse(0.5, 0.5, 0.15, 0.15, 0)), columns=40)
    x, y = run.lattice.sites.T
    y = y / run.lattice.height
    place = int(np.nanargmax(run.stress))
    assert abs(y[place] - 0.5) < 0.08
    assert abs(abs(x[place] - 0.5) - 0.15) < 0.05
    above = np.hypot(x - 0.5, y - 0.68) < 0.03
    assert np.nanmean(run.stress[above]) < 0.5 * run.numbers["stress_mean"]


def test_soft_layers_along_the_pull_carry_their_share():
    run = simulate(Plate("layers", None, grating(0.5, 0.5, 90)), columns=40)
    numbers = run.numbers
    # Strips of 2 and of 10 MPa, and the grips.
    assert 5 < numbers["stress_mean"] < 7
    assert numbers["stress_spread"] > 2
    assert numbers["crack_length"] is None
