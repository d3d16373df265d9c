from __future__ import annotations

import threading
import time
import tracemalloc

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, RegionError
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.runs import read_ahead as module
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.progress import Clock, Progress
from napari_micrograph_vlm.runs.read_ahead import Ready, Unreadable, read_ahead
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.thumbnails import LONGEST_SIDE, thumbnail_of
from runs.making import noise, task


class Numbers:
    """Regions that are made when they are read."""

    name = "numbers"

    def __init__(self, number, side=16, fail=None):
        self.number, self.fail = number, fail
        self.pixels = noise((side, side)).astype(np.float32) / 255
        self.box = (0, 0, side, side)
        self.read_keys = []

    def items(self):
        return (Item(f"{i:05}", self.name, (i,)) for i in range(self.number))

    def read(self, item):
        self.read_keys.append(item.key)
        if self.fail is not None and item.plane == (3,):
            raise self.fail
        return Region(self.pixels.copy(), self.box, source=item.key)

    def to_dict(self):
        return {"kind": "numbers", "number": self.number}


def test_items_come_in_order_and_some_are_read_before_they_are_asked_for():
    source = Numbers(30)
    reading = read_ahead(source, source.items(), readers=3, ahead=6)
    first = next(reading)
    for _ in range(200):
        if len(source.read_keys) >= 6:
            break
        time.sleep(0.01)
    assert first.item.key == "00000"
    assert len(source.read_keys) == 6  # and not more
    assert [one.item.key for one in reading] == [item.key for item in source.items()][1:]


@pytest.mark.timeout(60)
def test_few_large_items_are_held_and_none_waits_for_ever(monkeypatch):
    source = Numbers(400, side=64)
    monkeypatch.setattr(module, "MOST_BYTES", 3 * 64 * 64 * 4)
    reading = read_ahead(source, source.items(), readers=4, ahead=20)
    next(reading)
    time.sleep(0.3)
    # Three fill the shelf, and each reader may have begun another; one was taken.
    assert len(source.read_keys) <= 1 + 3 + 4
    assert len(list(reading)) == 399


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RegionError("It is flat."), "It is flat."),
        (MemoryError(), "does not fit into memory"),
        (OSError("the share\nhas gone."), "cannot be read: the share has gone."),
        (ZeroDivisionError(), "cannot be read: ZeroDivisionError."),
    ],
)
def test_whatever_is_wrong_with_one_item_is_said_of_it(error, words):
    source = Numbers(6, fail=error)
    found = list(read_ahead(source, source.items()))
    assert [type(one) for one in found] == [Ready] * 3 + [Unreadable] + [Ready] * 2
    assert words in found[3].reason


def test_waiting_for_a_slow_file_can_be_stopped():
    gate, cancel = threading.Event(), threading.Event()

    class Slow(Numbers):
        def read(self, item):
            gate.wait(20)
            return super().read(item)

    source = Slow(3)
    stop = threading.Timer(0.2, cancel.set)
    stop.start()
    with pytest.raises(Cancelled):
        next(read_ahead(source, source.items(), cancel=cancel))
    gate.set()
    stop.join()


def test_readers_end_when_the_run_does():
    source = Numbers(50)
    reading = read_ahead(source, source.items(), readers=2, ahead=4)
    next(reading)
    reading.close()
    for _ in range(300):
        if not any(one.name.startswith("read-ahead") for one in threading.enumerate()):
            break
        time.sleep(0.01)
    assert not any(one.name.startswith("read-ahead") for one in threading.enumerate())
    assert len(source.read_keys) < 50


def test_memory_does_not_grow_with_the_number_of_items(tmp_path):
    source, asked, model = Numbers(700), task(), FakeModel()
    held = []

    def on_finding(finding):
        if finding.item.plane[0] in (200, 699):
            held.append(tracemalloc.get_traced_memory()[0])

    with Journal.create(tmp_path / "a.journal", run_of(source, asked, model)) as journal:
        tracemalloc.start()
        try:
            run_batch(source, asked, model, journal, on_finding=on_finding)
        finally:
            tracemalloc.stop()
    # Five hundred items more; the pixels of one alone take a kilobyte.
    assert held[1] - held[0] < 150_000


def test_pauses_do_not_count_as_work():
    now = 0.0
    clock = Clock(lambda: now)
    assert clock.seconds_left(10) is None
    now = 8.0
    clock.step(4)
    assert clock.seconds_left(10) == pytest.approx(20)
    now = 1000.0
    clock.skip()
    now = 1002.0
    clock.step(1)
    assert clock.seconds_left(1) == pytest.approx(2)


def test_progress_says_it_in_a_few_words():
    assert Progress(3, 2, 10, 150.0, 1).text == "5 of 10, 1 skipped, 1 empty, 2 min left"
    assert Progress(0, 0, 10).text == "0 of 10"
    assert Progress(1, 0, 2, 30.4).text == "1 of 2, 30 s left"
    assert Progress(0, 0, 0).fraction == 1.0


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((80, 60), (80, 60)),
        ((1600, 800), (160, 80)),
        ((3000, 9), (160, 1)),
        ((400, 400, 3), (160, 160)),
    ],
)
def test_thumbnails_keep_proportions_and_stay_small(shape, size):
    from io import BytesIO

    from PIL import Image

    pixels = noise(shape).astype(np.float32) / 255
    region = Region(pixels, (0, 0, shape[0], shape[1]))
    with Image.open(BytesIO(thumbnail_of(region))) as picture:
        assert picture.format == "JPEG"
        assert (picture.height, picture.width) == size
        assert max(picture.size) <= LONGEST_SIDE
