"""What a question about a region of a 100,000 x 100,000 image costs beside a small image.

``python -m benchmarks large-images [--small]``. Each case runs in a process of its own, which makes
the image, loads the model, asks about regions of another image of 2,000 x 2,000 pixels of the same
kind to warm up, and then about regions of both in turns: how many chunks were read, how much
memory the process needed above what it held when the warm-up was over, and seconds of the
processor of both (so that other programs disturb little).

Kinds: a zarr array and a dask array handed to ``ask``, a zarr folder and a tiled TIFF with its
pyramid named by path, and all of them as napari layers, planned by ``plan_regions``. The files are
sparse: all but a few places are fill value, or share one tile, so that they take little disk; what
a region costs to read is the same. The bundled student answers; ``--small`` lets a model that looks
at nothing answer about a smaller image, to see that everything runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .table import Row

GROUP = "large images"
QUESTION = "What is shown here?"
SIDE, SMALL_SIDE, CHUNK, REGION = 100_000, 2_000, 512, 1_000
ROUNDS, STEP = 15, 6
"""How often a region of each is looked at, and how far it is from the one before: a model remembers
what it has looked at."""
CASES = (
    ("zarr", "array"),
    ("dask", "array"),
    ("zarr", "path"),
    ("tiff", "path"),
    ("zarr", "layer"),
    ("dask", "layer"),
    ("tiff", "layer"),
)


@dataclass
class Counter:
    """How many chunks or tiles were read."""

    count: int = 0


def measure(small: bool = False) -> list[Row]:
    """Run every case in a process of its own; those whose packages are missing are left out."""
    rows: list[Row] = []
    for kind, way in CASES:
        command = [sys.executable, "-m", "benchmarks.large_images", kind, way]
        done = subprocess.run(
            [*command, "small"] if small else command, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            print(f"{kind} by {way} failed.", file=sys.stderr)
            continue
        rows += _rows(kind, way, json.loads(done.stdout.splitlines()[-1]))
    return rows


def _rows(kind: str, way: str, found: dict[str, Any]) -> Iterator[Row]:
    what = f"{kind}, by {way}, {found['side']:,} pixels a side"
    against = f"{found['small_side']:,} pixels a side"
    large, small = (np.array(found[name]) for name in ("large", "small"))
    for i, (name, unit) in enumerate(MEASURED.items()):
        ratios = large[:, i] / small[:, i].clip(1e-9)
        said = f"{what}: {name}"
        if unit == "s":
            draws = np.random.default_rng(0).integers(0, len(ratios), (4000, len(ratios)))
            low, high = np.percentile(np.median(ratios[draws], axis=1), (2.5, 97.5))
            said += f" (ratio {low:.2f} to {high:.2f})"
        # A small TIFF is read as one piece, without tiles to be counted.
        reference = float(np.median(small[:, i])) or None
        yield Row(GROUP, said, float(np.median(large[:, i])), unit, against, reference)
    yield Row(GROUP, f"{what}: memory for regions", found["memory_mb"], "MB")
    if found["whole"] is not None:
        small_mb, large_mb, chunks = found["whole"]
        said = f"{what}: memory for the whole image"
        yield Row(GROUP, said, large_mb, "MB", against, small_mb)
        yield Row(GROUP, f"{what}: chunks read for the whole image", chunks, "chunks")


MEASURED = {"reading a region": "s", "reading it and answering": "s", "chunks read": "chunks"}


# ---------------------------------------------------------------- images


def picture(side: int) -> np.ndarray:
    """A tile with something to see on it: rings on a gradient, and noise."""
    y, x = np.mgrid[:side, :side] / side
    rings = 90 * np.sin(40 * np.hypot(y - 0.5, x - 0.5)) + 60 * x
    noise = np.random.default_rng(0).normal(0, 8, (side, side))
    return np.clip(rings + noise + 110, 0, 255).astype(np.uint8)


def places(side: int) -> list[tuple[int, int, int, int]]:
    """Regions spread over an image; none begins where a chunk does."""
    starts = np.linspace(100, side - REGION - 100, 3).astype(int)
    return [(y, x, y + REGION, x + REGION) for y in starts.tolist() for x in starts.tolist()]


def levels_of(side: int) -> list[int]:
    """Sides of a pyramid down to one that is looked at as a whole."""
    found = [side]
    while found[-1] > 1_000:
        found.append(-(-found[-1] // 2))
    return found


def make_zarr(folder: Path, side: int) -> list[Any]:
    """Write a pyramid in which only the chunks under :func:`places` exist."""
    import zarr

    tile = picture(CHUNK)
    made = []
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    sides = levels_of(side)
    for level, length in enumerate(sides):
        array = group.create_array(
            str(level),
            shape=(length, length),
            chunks=(CHUNK, CHUNK),
            dtype="uint8",
            fill_value=128,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        everywhere = length <= 2 * CHUNK
        spread = ROUNDS * STEP
        boxes = [(0, 0, length, length)]
        if not everywhere:
            boxes = [(y0, x0, y1 + spread, x1 + spread) for y0, x0, y1, x1 in places(side)]
        factor = side / length
        for box in boxes:
            y0, x0, y1, x1 = (int(v / (1 if everywhere else factor)) // CHUNK for v in box)
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    part = tile[: length - y * CHUNK, : length - x * CHUNK]
                    if part.size:
                        rows = slice(y * CHUNK, y * CHUNK + part.shape[0])
                        array[rows, x * CHUNK : x * CHUNK + part.shape[1]] = part
        made.append(array)
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [
                {"name": name, "type": "space", "unit": "nanometer"} for name in ("y", "x")
            ],
            "datasets": [
                {
                    "path": str(level),
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [side / length, side / length]}
                    ],
                }
                for level, length in enumerate(sides)
            ],
        }
    ]  # fmt: skip
    return made


def make_dask(side: int, counter: Counter) -> list[Any]:
    """A pyramid whose chunks are computed when they are looked at."""
    import dask.array

    tile = picture(CHUNK)

    def compute(block_info: Any = None) -> np.ndarray:
        counter.count += 1
        (y0, y1), (x0, x1) = block_info[None]["array-location"]
        return tile[: y1 - y0, : x1 - x0]

    return [
        dask.array.map_blocks(
            compute,
            chunks=dask.array.core.normalize_chunks(CHUNK, (length, length)),
            dtype=np.uint8,
            meta=np.zeros((0, 0), np.uint8),
        )
        for length in levels_of(side)
    ]


def make_tiff(path: Path, side: int) -> None:
    """Write a pyramid whose tiles are one and the same: tifffile writes each once, then all tags
    are pointed at the first."""
    import struct
    import zlib

    tile = zlib.compress(picture(CHUNK).tobytes())
    with path.open("wb") as file:
        file.write(b"II+\0" + struct.pack("<HHQ", 8, 0, 0))
        at = file.tell()
        file.write(tile + b"\0" * (-len(tile) % 8))
        link = 8
        for level, length in enumerate(levels_of(side)):
            count = (-(-length // CHUNK)) ** 2
            tags: list[tuple[int, int, int, int]] = [
                (254, 4, 1, int(level > 0)),
                (256, 4, 1, length),
                (257, 4, 1, length),
                (258, 3, 1, 8),
                (259, 3, 1, 8),
                (262, 3, 1, 1),
                (277, 3, 1, 1),
                (322, 4, 1, CHUNK),
                (323, 4, 1, CHUNK),
            ]
            if count > 1:
                offsets = file.tell()
                file.write(np.full(count, at, "<u8").tobytes())
                counts = file.tell()
                file.write(np.full(count, len(tile), "<u8").tobytes())
            else:
                offsets, counts = at, len(tile)
            tags += [(324, 16, count, offsets), (325, 16, count, counts)]
            start = file.tell()
            file.seek(link)
            file.write(struct.pack("<Q", start))
            file.seek(start)
            file.write(struct.pack("<Q", len(tags)))
            for code, kind, number, value in tags:
                small = {3: "<H6x", 4: "<I4x", 16: "<Q"}[kind] if number == 1 else "<Q"
                file.write(struct.pack("<HHQ", code, kind, number) + struct.pack(small, value))
            link = file.tell()
            file.write(struct.pack("<Q", 0))


# ---------------------------------------------------------------- counting


@contextmanager
def zarr_counted(counter: Counter) -> Iterator[None]:
    """Count the chunks that any zarr array on this disk is asked for, there or not."""
    from zarr.storage import LocalStore

    get = LocalStore.get

    async def counted(self: Any, key: str, *options: Any, **more: Any) -> Any:
        if key.rsplit("/", 1)[-1].lstrip("c.").replace(".", "").isdigit():
            counter.count += 1
        return await get(self, key, *options, **more)

    LocalStore.get = counted
    try:
        yield
    finally:
        LocalStore.get = get


@contextmanager
def tiles_counted(counter: Counter) -> Iterator[None]:
    """Count the tiles of a TIFF that are decoded."""
    from napari_micrograph_vlm.readers import tiff_lazy

    read = tiff_lazy.read_segment

    def counted(file: Any, offset: int, count: int) -> bytes | None:
        counter.count += 1
        return read(file, offset, count)

    tiff_lazy.read_segment = counted
    try:
        yield
    finally:
        tiff_lazy.read_segment = read


class Peak:
    """The most memory this process holds meanwhile, from looking every two milliseconds."""

    def __enter__(self) -> Peak:
        import psutil

        self._process = psutil.Process()
        self.before = self.most = self._process.memory_info().rss
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.002):
            self.most = max(self.most, self._process.memory_info().rss)

    @property
    def growth_mb(self) -> float:
        return (self.most - self.before) / 1e6


# ---------------------------------------------------------------- asking


def sources(kind: str, way: str, side: int, folder: Path, counter: Counter) -> Any:
    """Make the image and return what is asked about."""
    if kind == "dask":
        levels = make_dask(side, counter)
        return levels[0] if way == "array" else levels
    if kind == "zarr":
        path = folder / f"{side}.zarr"
        levels = make_zarr(path, side)
        return {"array": levels[0], "path": path, "layer": levels}[way]
    path = folder / f"{side}.tif"
    make_tiff(path, side)
    if way == "path":
        return path
    from napari_micrograph_vlm.readers import read_micrograph

    return read_micrograph(path).to_layer()[0]


def reader(source: Any, way: str) -> Callable[[Any], list[Any]]:
    """Return what reads the regions of a box (None: of the whole image)."""
    if way != "layer":
        from napari_micrograph_vlm.api import plan_of

        return lambda box: plan_of(source, box)()
    from napari.components import ViewerModel

    from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions

    viewer = ViewerModel()
    image = viewer.add_image(source, contrast_limits=(0, 255))
    drawn = viewer.add_shapes(np.zeros((4, 2)), shape_type="rectangle")

    def read(box: Any) -> list[Any]:
        if box is None:
            plan = plan_regions(viewer, image, RegionChoice.WHOLE_LAYER)
        else:
            y0, x0, y1, x1 = np.asarray(box) - 0.5
            drawn.data = [np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])]
            plan = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=drawn)
        return [cutout.read() for cutout in plan()]

    return read


class NoModel:
    """Looks at nothing, for ``--small``."""

    def ask(self, question: Any, **_options: Any) -> None:
        assert all(region.pixels.size for region in question.regions)


def one(kind: str, way: str, small: bool) -> dict[str, Any]:
    """Measure one case in this process."""
    from napari_micrograph_vlm.results import Question

    side, rounds = (20_000, 1) if small else (SIDE, ROUNDS)
    if small:
        model: Any = NoModel()
    else:
        import torch

        from napari_micrograph_vlm import load_model

        torch.set_num_threads(1)
        model = load_model(None, "cpu")
    counter = Counter()
    counting = {"zarr": zarr_counted, "tiff": tiles_counted}.get(kind)
    with tempfile.TemporaryDirectory(dir=os.environ.get("LARGE_IMAGES_FOLDER")) as folder:
        read = {
            name: reader(sources(kind, way, length, Path(folder), counter), way)
            for name, length in (("small", SMALL_SIDE), ("large", side))
        }
        boxes = {"small": places(SMALL_SIDE), "large": places(side)}

        def ask(name: str, box: Any) -> tuple[float, float, int]:
            counter.count, started = 0, time.process_time()
            regions = read[name](box)
            middle = time.process_time()
            model.ask(Question(QUESTION, tuple(regions), (), None), max_tokens=16)
            return middle - started, time.process_time() - started, counter.count

        found: dict[str, list[tuple[float, float, int]]] = {"small": [], "large": []}
        whole = None
        with counting(counter) if counting else _nothing():
            for box in boxes["small"][:3]:
                ask("small", box)
            with Peak() as peak:
                for number in range(rounds):
                    for name in ("small", "large") if number % 2 else ("large", "small"):
                        y0, x0, y1, x1 = boxes[name][number % len(boxes[name])]
                        by = STEP * (number + 1)
                        found[name].append(ask(name, (y0 + by, x0 + by, y1 + by, x1 + by)))
            # What is read for the whole of an image without a pyramid grows with its size.
            if way != "array" or small:
                with Peak() as first:
                    ask("small", None)
                with Peak() as second:
                    _, _, chunks = ask("large", None)
                second.before = first.before
                whole = first.growth_mb, second.growth_mb, chunks
    return {
        "side": side,
        "small_side": SMALL_SIDE,
        **found,
        "memory_mb": peak.growth_mb,
        "whole": whole,
    }


@contextmanager
def _nothing() -> Iterator[None]:
    yield


if __name__ == "__main__":
    print(json.dumps(one(sys.argv[1], sys.argv[2], "small" in sys.argv[3:])))
