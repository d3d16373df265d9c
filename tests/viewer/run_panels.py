"""Journals and the panels that work on them, for tests."""

from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from fakes import FakeModel, picture
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.runs.findings import Run
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import FolderSource
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions

NAMES = ("crack", "pore", "blister")
BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5


def corners(y0, x0, y1, x1):
    """Corners of a box that covers rows y0 to y1 - 1, columns x0 to x1 - 1."""
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float) - 0.5


def classified(viewer, image, shapes, threshold=0.0):
    """What a panel finds when it classifies every shape."""
    plan = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)
    regions = [cutout.read() for cutout in plan()]
    return FakeModel().classify(regions, NAMES, threshold=threshold)


def pictures_in(folder: Path, number: int = 4, shape=(64, 80)) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(number):
        pixels = np.roll(picture(shape), i, axis=0)
        Pictures.fromarray(pixels).save(folder / f"picture-{i}.png")
    return folder


def folder_journal(folder: Path, path: Path, *, questions=(), model=None) -> Path:
    """Run through a folder and return the journal's file."""
    source = FolderSource(folder)
    model = model or FakeModel()
    task = Task(tuple(questions), label_set_of(NAMES))
    with Journal.create(path, run_of(source, task, model)) as journal:
        run_batch(source, task, model, journal)
    return path


def any_run(**task) -> Run:
    return Run(
        "fake", "1", "cpu", Task(**{"label_set": label_set_of(NAMES), **task}), {"kind": "t"}
    )
