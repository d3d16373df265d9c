"""Runs leave out information bars unless they are told otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from barred import BAR, barred
from fakes import FakeModel
from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.runs.array_sources import ArraySource
from napari_micrograph_vlm.runs.folder_source import FolderSource
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.labels_source import LabelsSource
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.tiles import NOTHING_TO_SEE, Tiles

HEIGHT, WIDTH = 160, 240
TOP = HEIGHT - BAR


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(barred((HEIGHT, WIDTH))).save(tmp_path / "a.png")
    return tmp_path


def test_a_folder_is_read_without_bars(folder):
    source = FolderSource(folder)
    (item,) = source.items()
    assert source.read(item).box == (0, 0, TOP, WIDTH)
    assert FolderSource(folder, include_bar=True).read(item).box == (0, 0, HEIGHT, WIDTH)


def test_a_run_with_bars_is_another_run(folder):
    with_bars = FolderSource(folder, include_bar=True)
    assert FolderSource(folder).to_dict() != with_bars.to_dict()


def test_a_tile_of_nothing_but_bar_counts_as_empty_and_others_end_at_it(folder):
    source = FolderSource(folder, tiles=Tiles(24, 0))
    items = list(source.items())
    with pytest.raises(RegionError, match=NOTHING_TO_SEE[:20]):
        source.read(items[-1])
    boxes = [source.read(item).box for item in items if item.box[0] < TOP - 8]
    assert max(box[2] for box in boxes) == TOP


def test_a_finding_knows_what_of_its_picture_was_looked_at(folder):
    source = FolderSource(folder)
    task = Task((), label_set_of(["pore", "crack"]))
    with Journal.create(":memory:", run_of(source, task, FakeModel())) as journal:
        run_batch(source, task, FakeModel(), journal)
        (finding,) = journal.findings()
    assert finding.item.box is None
    assert finding.item.place == (0, 0, TOP, WIDTH)
    assert finding.shape == (TOP, WIDTH)
    assert Item.from_dict(finding.item.to_dict()) == finding.item


def test_each_slice_of_an_array_has_a_bar_of_its_own():
    stack = np.stack([barred((HEIGHT, WIDTH)), np.tile(barred((TOP, WIDTH), 1)[:80], (2, 1))])
    source = ArraySource(stack)
    heights = [source.read(item).shape[0] for item in source.items()]
    assert heights == [TOP, HEIGHT]


def test_an_object_that_reaches_into_the_bar_keeps_its_mask():
    picture = barred((HEIGHT, WIDTH))
    labels = np.zeros(picture.shape, int)
    labels[TOP - 30 : TOP + 10, 20:60] = 3
    labels[TOP - 30, 20:40] = 0
    source = LabelsSource(picture, labels, margin=0)
    (item,) = source.items()
    region = source.read(item)
    assert region.box == (TOP - 30, 20, TOP, 60)
    np.testing.assert_array_equal(region.mask, labels[TOP - 30 : TOP, 20:60] == 3)
