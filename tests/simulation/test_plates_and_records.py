"""Plates are what their seed says; runs on disk go on; pictures show the plate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.simulation import records
from napari_micrograph_vlm.simulation.pictures import field_picture, micrograph
from napari_micrograph_vlm.simulation.plates import (
    FAMILIES,
    GRIP,
    HELD_OUT,
    HOLE,
    KEPT,
    STIFF,
    draw_plate,
)
from napari_micrograph_vlm.simulation.records import (
    RUNS,
    Record,
    half_turned,
    read_records,
    run_many,
    whole_lines,
)
from napari_micrograph_vlm.simulation.runs import simulate
from napari_micrograph_vlm.simulation.shapes import field_below, holes
from napari_micrograph_vlm.training.recipe import KEPT_SEEDS

SIDE = (np.arange(60) + 0.5) / 60
X, Y = np.meshgrid(SIDE, SIDE)


@pytest.mark.parametrize("family", [*FAMILIES, *HELD_OUT])
def test_a_seed_decides_about_a_plate(family):
    one, same, other = (draw_plate(seed, family).phases(X, Y) for seed in (4, 4, 5))
    assert (one == same).all()
    assert (one != other).any()
    assert (one[(GRIP > Y) | (1 - GRIP < Y)] == STIFF).all()
    assert (one != STIFF).any()


def test_no_held_out_family_is_drawn_to_learn_from():
    drawn = {draw_plate(seed).family for seed in range(150)}
    assert drawn == set(FAMILIES)


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="honeycomb"):
        draw_plate(0, "sponge")


def test_a_foam_has_the_share_of_holes_it_was_asked_for():
    inside = field_below(0.3, 5, np.random.default_rng(0))
    assert inside(X, Y).mean() == pytest.approx(0.3, abs=0.03)


def test_equal_holes_cover_what_circles_on_a_hexagonal_array_do():
    inside = holes(10, 0.4, 0.4, across=False, angle=20)
    fine = (np.arange(600) + 0.5) / 600
    x, y = np.meshgrid(fine, fine)
    assert inside(x, y).mean() == pytest.approx(np.pi * 0.4**2 / (np.sqrt(3) / 2), abs=0.02)


def test_a_turned_plate_is_the_same_turned():
    record = run_of("voids", 3)
    seen = half_turned(record).plate.phases(X, Y)
    assert (seen == record.plate.phases(X, Y)[::-1, ::-1]).all()


def run_of(family="notch", seed=1, direction=12.0):
    numbers = dict.fromkeys(records.QUANTITIES, 1.0) | {"crack_direction": direction}
    return Record(family, seed, 100.0, True, False, numbers)


@pytest.mark.parametrize("family", ["notch", "voids", "foam", "layers", "platelets"])
def test_the_numbers_of_a_turned_plate_are_those_simulated_for_it(family):
    record = Record.of(simulate(draw_plate(2, family)))
    seen = half_turned(record)
    assert seen.name == f"{family}-2-turned"
    again = Record.of(simulate(seen.plate))
    assert again.numbers == seen.numbers
    assert (again.starts, again.parted) == (seen.starts, seen.parted)


def test_each_run_is_seen_as_it_is_and_turned():
    pytest.importorskip("accelerate")
    from napari_micrograph_vlm.training.fracture import views_of

    one = run_of()
    assert [(r.turned, r.numbers) for r in views_of([one])] == [
        (False, one.numbers),
        (True, one.numbers),
    ]
    assert list(views_of([one], turned=False)) == [one]


def test_what_is_kept_for_the_test_is_the_same_everywhere():
    assert KEPT == KEPT_SEEDS


@pytest.mark.parametrize("one", [run_of("honeycomb"), run_of(seed=KEPT.start)])
def test_no_student_is_taught_what_is_kept_for_the_test(one, tmp_path):
    pytest.importorskip("accelerate")
    from napari_micrograph_vlm.training.fracture import teach_plates

    with pytest.raises(SourceError, match="kept for the test"):
        teach_plates([run_of(), one], tmp_path / "out", tmp_path / "cache")
    assert not any(tmp_path.iterdir())


def test_a_picture_is_dark_in_holes_and_bright_elsewhere():
    plate = draw_plate(2, "hole")
    picture = micrograph(plate, side=120)
    place = (np.arange(120) + 0.5) / 120
    x, y = np.meshgrid(place, 1 - place)
    phases = plate.phases(x, y)
    assert picture.shape == (120, 120)
    assert picture[phases == HOLE].mean() < 60 < picture[phases == STIFF].mean()


def test_the_field_shows_holes_white_and_cracks_red():
    run = simulate(draw_plate(1, "notch"), columns=24)
    colours = field_picture(run, side=96)
    red = (colours == (214, 94, 0)).all(-1)
    assert red.any() == run.crack.started
    assert (colours == 255).all(-1).any()


@pytest.fixture
def counted(monkeypatch):
    calls = []

    def quick(plate):
        calls.append(plate.seed)
        return simulate(plate, columns=12)

    monkeypatch.setattr(records, "simulate", quick)
    return calls


def test_runs_go_on_where_they_were_stopped(tmp_path, counted):
    first = run_many(tmp_path, [(None, 1), (None, 2)])
    path = tmp_path / RUNS
    # Killed while the second line was written.
    path.write_bytes(path.read_bytes()[:-20])
    again = run_many(tmp_path, [(None, 1), (None, 2), (None, 3)])
    assert counted == [1, 2, 2, 3]
    assert again[:2] == first
    assert read_records(tmp_path) == again


def test_half_a_last_line_is_cut_off_in_the_file_too(tmp_path):
    path = tmp_path / "lines"
    assert whole_lines(path) == []
    path.write_bytes(b"one\ntwo\nthr")
    assert whole_lines(path) == [b"one\n", b"two\n"]
    assert path.read_bytes() == b"one\ntwo\n"


def test_runs_with_the_names_of_before_are_read(tmp_path, counted):
    (record,) = run_many(tmp_path, [(None, 1)])
    path = tmp_path / RUNS
    line = json.loads(path.read_text()) | {"mirrored": False, "upside_down": False}
    path.write_text(json.dumps(line) + "\n")
    assert read_records(tmp_path) == [record]


def test_a_folder_without_runs_or_of_another_version_is_told(tmp_path, counted):
    with pytest.raises(SourceError, match="data fracture"):
        read_records(tmp_path)
    run_many(tmp_path, [(None, 1)])
    path = tmp_path / RUNS
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {"version": 99}) + "\n")
    with pytest.raises(SourceError, match="another version"):
        read_records(tmp_path)
    path.write_text("[]\n")
    with pytest.raises(SourceError, match="Line 1"):
        read_records(tmp_path)
