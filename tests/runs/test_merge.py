from __future__ import annotations

import pickle
import weakref
from dataclasses import replace
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeModel
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.calls import batch
from napari_micrograph_vlm.runs.findings import Finding, Status
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.merge import same_places
from napari_micrograph_vlm.runs.tiles import Tiles
from runs.making import noise

CELLS = 16


def tile(box, at, best="pore", probability=0.8, plane=(), source="wafer", sharp=True, key=""):
    """A tile whose model looked at (row, column) of the whole plane."""
    y0, x0, y1, x1 = box
    values = np.full((CELLS, CELLS), 1.0, np.float32)
    row, column = (at[0] - y0) * CELLS // (y1 - y0), (at[1] - x0) * CELLS // (x1 - x0)
    values[int(row), int(column)] = 300 if sharp else 1
    look = AttentionMap(values / values.sum(), "fake")
    item = Item(key or f"{source}{plane}{box}", source, plane, box)
    return Finding(item, best=best, probability=probability, maps=(look,))


LEFT, RIGHT = (0, 0, 160, 160), (0, 120, 160, 280)
SHARED, ONLY_LEFT, ONLY_RIGHT = (80, 140), (80, 40), (80, 220)


def test_what_two_tiles_saw_in_their_strip_is_one_finding():
    one, other = tile(LEFT, SHARED, probability=0.7), tile(RIGHT, SHARED, probability=0.9)
    assert same_places([one, other]) == {one.item.key: other.item.key}


def test_a_place_at_the_border_of_a_cell_is_one_place():
    assert same_places([tile(LEFT, (79, 140)), tile(RIGHT, (80, 141))])


def test_different_things_stay_apart():
    left = tile(LEFT, SHARED)
    others = {
        "another class": tile(RIGHT, SHARED, best="crack"),
        "another place in the strip": tile(RIGHT, (20, 140)),
        "outside the strip": tile(RIGHT, ONLY_RIGHT),
        "another slice": tile(RIGHT, SHARED, plane=(1,)),
        "another file": tile(RIGHT, SHARED, source="other"),
        "nowhere in particular": tile(RIGHT, SHARED, sharp=False),
        "skipped": replace(tile(RIGHT, SHARED), status=Status.SKIPPED),
        "without a map": replace(tile(RIGHT, SHARED), maps=()),
    }
    for why, other in others.items():
        assert same_places([left, other]) == {}, why


def test_tiles_that_know_no_class_are_not_one():
    for name in ("", "unknown"):
        assert same_places([tile(LEFT, SHARED, name), tile(RIGHT, SHARED, name)]) == {}


@pytest.mark.parametrize("name", ["no defect", " No Defect ", "none", "Background", "normal"])
def test_tiles_that_found_nothing_are_not_one(name):
    assert same_places([tile(LEFT, SHARED, name), tile(RIGHT, SHARED, name)]) == {}


def test_a_tile_whose_class_a_person_changed_is_never_one_with_another():
    # The map shows where the model saw what it took for a crack.
    one, other = tile(LEFT, SHARED), tile(RIGHT, SHARED, best="crack", probability=0.5)
    assert same_places([one, replace(other, corrected="pore")]) == {}
    assert same_places([replace(other, corrected="pore"), one]) == {}
    assert same_places([one, replace(one, corrected="dust"), other]) == {}


@pytest.mark.parametrize("judged", [{"reviewed": True}, {"corrected": "pore"}])
def test_the_tile_that_a_person_looked_at_stands(judged):
    one = tile(LEFT, SHARED, probability=0.9)
    seen = replace(tile(RIGHT, SHARED, probability=0.6), **judged)
    assert same_places([one, seen]) == {one.item.key: seen.item.key}


def test_four_tiles_round_a_corner_saw_one_thing():
    boxes = [(y, x, y + 160, x + 160) for y in (0, 120) for x in (0, 120)]
    found = [tile(box, (140, 140), probability=0.5 + i / 10) for i, box in enumerate(boxes)]
    stands = same_places(found)
    assert set(stands.values()) == {found[3].item.key}
    assert len(stands) == 3


def test_four_times_the_tiles_take_not_sixteen_times_as_long():
    def seconds(columns):
        # One thing in every strip of a row, all of them at the same height.
        found = [
            tile((y, x, y + 160, x + 160), (y + 20, x + 150), key=f"{y} {x}")
            for y in range(0, 8 * 140, 140)
            for x in range(0, columns * 140, 140)
        ]
        begun = process_time()
        assert same_places(found) == {}
        return process_time() - begun

    assert seconds(1200) < 9 * max(seconds(300) for _ in range(2))


def test_no_map_is_kept_while_tiles_are_compared():
    alive = weakref.WeakSet()
    most = 0

    def streamed():
        nonlocal most
        for number in range(50):
            one = pickle.loads(pickle.dumps(tile(LEFT, SHARED, key=str(number))))
            alive.add(one.maps[0])
            yield one
            del one
            most = max(most, len(alive))

    same_places(streamed())
    assert most <= 2


@given(
    points=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 399)), min_size=1, max_size=5),
    order=st.randoms(),
)
def test_far_points_are_counted_once_each_in_any_order(points, order):
    apart = []
    for point in points:
        if all(max(abs(point[0] - y), abs(point[1] - x)) > 60 for y, x in apart):
            apart.append(point)
    found = [
        tile(box, (y, x), probability=0.6)
        for box in Tiles(160, 40).boxes((400, 400))
        for y, x in apart
        if box[0] <= y < box[2] and box[1] <= x < box[3]
    ]
    # One look a tile: a tile that holds two points is two tiles here.
    found = [replace(one, item=replace(one.item, key=f"{i}")) for i, one in enumerate(found)]
    order.shuffle(found)
    assert len(found) - len(same_places(found)) == len(apart)


def test_a_table_of_tiles_tells_which_rows_are_one_thing():
    class Looking(FakeModel):
        """Finds a pore in every tile, always at the same place of the image."""

        def classify(self, regions, labels, **options):
            found = super().classify(regions, labels, **options)
            rows = np.tile(np.array([[0.9, 0.1]], np.float32), (len(regions), 1))
            maps = [tile(region.box, (36, 36)).maps[0] for region in regions]
            return replace(found, probabilities=rows, attention=tuple(maps))

    pixels = noise((72, 72))
    table = batch(pixels, ["pore", "crack"], model=Looking(), tiles=48, overlap=24)
    assert len(table) == 4
    once = table[table["same_as"] == ""]
    assert once["class"].tolist() == ["pore"]
    assert set(table["same_as"]) == {"", *once["key"]}
