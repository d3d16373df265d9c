"""Makes a corpus of bad files for every reader, and reads it in a process of its own.

``python bad_files.py FOLDER`` reads every file below a folder, with little memory to spare and an
alarm clock, and prints a line of JSON for each. ``python bad_files.py FOLDER changing`` writes a
good file of each kind there and changes it while it is read: a reader that maps a file into memory
would end the process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

GREY = (np.arange(48 * 64) * 7 % 251).astype(np.uint8).reshape(48, 64)
LIMIT = 3 * 2**30
"""Address space for the reading process beyond what its libraries took."""

SECONDS = 20


def _pillow(path: Path) -> None:
    from PIL import Image

    Image.fromarray(GREY).save(path)


def _tiff(path: Path, **options: Any) -> None:
    import tifffile

    data = options.pop("data", GREY)
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})


def _pyramid(path: Path) -> None:
    import tifffile

    big = np.kron(GREY, np.ones((4, 4), np.uint8))
    with tifffile.TiffWriter(path) as tiff:
        options = {"tile": (16, 16), "compression": 8, "photometric": "minisblack"}
        tiff.write(big, subifds=2, **options)
        tiff.write(big[::2, ::2], subfiletype=1, **options)
        tiff.write(big[::4, ::4], subfiletype=1, **options)


def _dm(path: Path, version: int) -> None:
    from making_files import dm_image, write_dm

    write_dm(path, dm_image(GREY, [(0.5, "nm"), (0.5, "nm")]), version=version)


def _mrc(path: Path) -> None:
    from making_files import write_mrc

    write_mrc(path, GREY.astype(np.int16))


def _ser(path: Path) -> None:
    from making_files import write_ser

    write_ser(path, np.stack([GREY, GREY]).astype(np.uint16))


def _velox(path: Path) -> None:
    from making_files import write_velox

    write_velox(path, {"HAADF": GREY.astype(np.uint16)})


def _rosetta(plugin: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from making_files import axis, write_with_rosetta

        height, width = GREY.shape
        axes = [axis("y", height, 0.5, "nm", False), axis("x", width, 0.5, "nm", False)]
        write_with_rosetta(path, plugin, GREY, axes)

    return make


def _zarr(path: Path) -> None:
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array("0", shape=GREY.shape, chunks=(16, 16), dtype="uint8")
    array[:] = GREY
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
    scale = {"type": "scale", "scale": [0.5, 0.5]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]


Maker = Callable[[Path], None]

_NEEDS = {
    "rsciio": ("rsciio", "dask"),
    "hdf5": ("rsciio", "dask", "h5py"),
    "zarr": ("zarr",),
}


def makers() -> dict[str, Maker]:
    """What writes a good file of each name, where its packages are installed."""
    found: dict[str, tuple[str, Maker]] = {
        "grey.png": ("", _pillow),
        "grey.jpg": ("", _pillow),
        "grey.bmp": ("", _pillow),
        "grey.gif": ("", _pillow),
        "plain.tif": ("", _tiff),
        "tiled.tif": ("", lambda p: _tiff(p, tile=(16, 16), compression=8)),
        "strips.tif": ("", lambda p: _tiff(p, rowsperstrip=5)),
        "stack.tif": ("", lambda p: _tiff(p, data=np.stack([GREY] * 3))),
        "stack.ome.tif": ("", lambda p: _tiff(p, data=np.stack([GREY] * 3), ome=True)),
        "imagej.tif": ("", lambda p: _tiff(p, data=np.stack([GREY] * 3), imagej=True)),
        "pyramid.tif": ("", _pyramid),
        "good.dm3": ("rsciio", lambda p: _dm(p, 3)),
        "good.dm4": ("rsciio", lambda p: _dm(p, 4)),
        "good.mrc": ("rsciio", _mrc),
        "good.ser": ("rsciio", _ser),
        "velox.emd": ("hdf5", _velox),
        "ncem.emd": ("hdf5", _rosetta("emd")),
        "good.hspy": ("hdf5", _rosetta("hspy")),
        "good.zarr": ("zarr", _zarr),
    }
    return {
        name: maker
        for name, (needs, maker) in found.items()
        if all(find_spec(module) for module in _NEEDS.get(needs, ()))
    }


def write_good(folder: Path) -> list[Path]:
    """Write a good file of each kind; a kind that this version of a library cannot write is not."""
    written = []
    for name, make in makers().items():
        path = folder / name
        try:
            make(path)
        except Exception as error:
            print(f"no {name}: {error}", file=sys.stderr)
            continue
        written.append(path)
    return written


def write_corpus(folder: Path) -> None:
    """Write every bad file there is."""
    good = folder / "good"
    good.mkdir()
    files = [path for path in write_good(good) if path.is_file()]
    noise = np.random.default_rng(0).bytes(4096)
    for number, path in enumerate(files):
        data = path.read_bytes()
        for name, cut in (("1", 1), ("8", 8), ("some", 100), ("half", len(data) // 2)):
            _put(folder / "truncated" / f"{name}_{path.name}", data[:cut])
        _put(folder / "truncated" / f"last_{path.name}", data[:-1])
        _put(folder / "empty" / path.name, b"")
        _put(folder / "zeros" / path.name, b"\0" * 4096)
        _put(folder / "noise" / path.name, noise)
        _put(
            folder / "head_then_noise" / path.name, data[:64] + np.random.default_rng(1).bytes(4000)
        )
        _put(folder / "head_then_ones" / path.name, data[:32] + b"\xff" * 4096)
        _put(folder / "text" / path.name, "Liebe Leserin, γεια σου\n".encode() * 50)
        others = sorted({one.suffix for one in files} - {path.suffix})
        for other in (others * 2)[number % len(others) :][:3]:
            _put(folder / "wrong_name" / f"{path.name.replace('.', '_')}{other}", data)
    for name in ("a.czi", "a.lif", "a.nd2", "a.emi", "a.blo", "a.npy", "a.unknown"):
        for kind, data in (("empty", b""), ("zeros", b"\0" * 4096), ("noise", noise)):
            _put(folder / kind / name, data)
    _bombs(folder / "bombs")
    _folders(folder / "folders")


def _put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------- claims of terabytes


def tiff_of(tags: list[tuple[int, int, int, int]], body: bytes = b"", *, more: int = 0) -> bytes:
    """A classic TIFF of one directory: (code, kind, count, value) of each tag."""
    at = 8 + len(body)
    head = b"II*\0" + struct.pack("<I", at) + body + struct.pack("<H", len(tags))
    kinds = {3: "<H2x", 4: "<I"}
    for code, kind, count, value in tags:
        head += struct.pack("<HHI", code, kind, count)
        head += struct.pack(kinds[kind] if count == 1 else "<I", value)
    return head + struct.pack("<I", more)


def tiff_claiming(height: int, width: int, *extra: tuple[int, int, int, int], **more: Any) -> bytes:
    tags = {
        256: (256, 4, 1, width),
        257: (257, 4, 1, height),
        258: (258, 3, 1, 8),
        259: (259, 3, 1, 1),
        262: (262, 3, 1, 1),
        273: (273, 4, 1, 8),
        277: (277, 3, 1, 1),
        278: (278, 4, 1, min(height, 2**32 - 1)),
        279: (279, 4, 1, 64),
    }
    tags.update({tag[0]: tag for tag in extra})
    if 322 in tags:
        for code in (273, 278, 279):
            tags.pop(code)
    return tiff_of([tags[code] for code in sorted(tags)], b"\7" * 64, **more)


def png_claiming(width: int, height: int, colour: int = 0) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b"")


def _bombs(folder: Path) -> None:
    for side in (10**5, 10**6, 2**32 - 1):
        _put(folder / f"strip_{side}.tif", tiff_claiming(side, side))
        tile = [(322, 4, 1, 512), (323, 4, 1, 512), (324, 4, 1, 8), (325, 4, 1, 64)]
        _put(folder / f"tiles_{side}.tif", tiff_claiming(side, side, *tile))
        packed = (259, 3, 1, 8)
        _put(folder / f"packed_{side}.tif", tiff_claiming(side, side, packed))
        huge = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8), (325, 4, 1, 64), packed]
        _put(folder / f"one_tile_{side}.tif", tiff_claiming(side, side, *huge))
        palette = (262, 3, 1, 3)
        _put(folder / f"palette_{side}.tif", tiff_claiming(side, side, palette))
    _put(folder / "many_offsets.tif", tiff_claiming(10**6, 10**6, (273, 4, 2**32 - 1, 8)))
    _put(folder / "many_samples.tif", tiff_claiming(1000, 1000, (277, 3, 1, 65535)))
    _put(folder / "no_rows.tif", tiff_claiming(0, 10))
    _put(folder / "no_columns.tif", tiff_claiming(10, 0))
    _put(folder / "circle.tif", tiff_claiming(8, 8, more=72))
    _put(folder / "deep.tif", tiff_claiming(8, 8, (258, 3, 1, 65535)))
    _put(
        folder / "long_text.tif", tiff_claiming(8, 8, (270, 2, 2**32 - 1, 8)) if False else b"II*\0"
    )
    _put(folder / "no_tile.tif", tiff_claiming(9, 9, (322, 4, 1, 0), (323, 4, 1, 0)))
    for width, height in ((13_000, 13_000), (10**5, 10**5), (2**31 - 1, 2**31 - 1), (0, 5)):
        for colour in (0, 2):
            _put(folder / f"{width}_{height}_{colour}.png", png_claiming(width, height, colour))
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x0b\x08"
    _put(folder / "huge.jpg", jpeg + struct.pack(">HH", 65500, 65500) + b"\1\1\x11\0\xff\xd9")
    _put(
        folder / "huge.bmp",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 10**6, 10**6, 1, 24, *[0] * 6),
    )
    _put(
        folder / "huge.gif",
        b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b",\0\0\0\0\xff\xff\xff\xff\0\2\1\0;",
    )
    _put(folder / "huge.ppm", b"P5 1000000 1000000 255\n" + b"\0" * 99)
    for mode in (0, 1, 2, 6):
        for shape in ((10**6, 10**6, 1), (2**31 - 1, 2**31 - 1, 2**31 - 1), (0, 0, 0), (-5, -5, 1)):
            head = struct.pack("<4i", *shape, mode) + b"\0" * 192 + b"MAP " + b"\x44\x44\0\0"
            _put(folder / f"{mode}_{shape[0]}.mrc", head.ljust(1024, b"\0") + b"\0" * 64)
    extended = bytearray(struct.pack("<4i", 8, 8, 1, 0).ljust(1024, b"\0"))
    extended[92:96] = struct.pack("<i", 2**31 - 1)
    _put(folder / "extended.mrc", bytes(extended))
    dm = struct.pack(">iii", 3, 99, 1)
    for number in (2**31 - 1, -1, 10**6):
        _put(folder / f"tags_{number}.dm3", dm + b"\1\0" + struct.pack(">i", number))
        tag = b"\x15\0\1x%%%%" + struct.pack(">4i", 3, 20, 2, number)
        _put(folder / f"array_{number}.dm3", dm + b"\1\0" + struct.pack(">i", 1) + tag)
        name = b"\x15\x7f\xffx%%%%" + struct.pack(">i", number)
        _put(folder / f"definition_{number}.dm3", dm + b"\1\0" + struct.pack(">i", 1) + name)
    nested = b"\x14\0\1x\1\0" + struct.pack(">i", 1)
    _put(folder / "nested.dm3", dm + b"\1\0" + struct.pack(">i", 1) + nested * 50_000)
    _put(folder / "nested.dm4", struct.pack(">iqi", 4, 99, 1) + b"\1\0" + struct.pack(">q", 2**62))
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    xml = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY l0 "ha">{laughs}]><OME>&l11;</OME>'
    _tiff(folder / "laughs.tif", description=xml, metadata=None)
    if find_spec("making_files"):
        _dm_bombs(folder)
    ser = struct.pack("<HHHiiii", 0x4949, 0x0197, 0x210, 0x4122, 0x4152, 2**31 - 1, 2**31 - 1)
    _put(folder / "many.ser", ser + struct.pack("<ii", 30, 1) + b"\0" * 99)
    if find_spec("h5py"):
        _hdf5_bombs(folder)
    if find_spec("zarr"):
        _zarr_bombs(folder)


def _dm_bombs(folder: Path) -> None:
    from making_files import dm_image, write_dm

    for side in (10**6, 2**31 - 1, 0, -7):
        image = dm_image(GREY, [(0.5, "nm"), (0.5, "nm")])
        sizes = image["ImageData"]["Dimensions"]
        for key in sizes:
            sizes[key] = side
        try:
            write_dm(folder / f"claims_{side}.dm3", image)
        except struct.error:
            continue


def _hdf5_bombs(folder: Path) -> None:
    """Datasets of a terabyte with no chunk written: they can be read in parts."""
    import h5py

    sparse = {"fillvalue": 3, "dtype": "u2"}
    for name, make in makers().items():
        if name not in ("velox.emd", "ncem.emd", "good.hspy"):
            continue
        path = folder / f"sparse_{name}"
        make(path)
        with h5py.File(path, "r+") as file:
            found: list[str] = []
            file.visititems(
                lambda key, one, found=found: (
                    found.append(key)
                    if getattr(one, "ndim", 0) > 1 and not key.endswith("Metadata")
                    else None
                )
            )
            for key in found:
                attributes = dict(file[key].attrs)
                shape = (7 * 10**5, 7 * 10**5, *file[key].shape[2:])
                del file[key]
                chunks = (4096, 4096, *shape[2:])
                data = file.create_dataset(key, shape, chunks=chunks, **sparse)
                data.attrs.update(attributes)


def _zarr_bombs(folder: Path) -> None:
    for name, changes in {
        "negative": {"shape": [-1, 10]},
        "no_chunk": {"chunks": [0, 0]},
        "one_chunk": {"shape": [10**6, 10**6], "chunks": [10**6, 10**6]},
        "astronomic": {"shape": [10**30, 10**30]},
        "object": {"dtype": "|O", "filters": [{"id": "pickle"}]},
        "codec": {"compressor": {"id": "nonsense"}},
        "no_dtype": {"dtype": "<z9"},
        "three": {"shape": [10**9, 10**9, 10**9], "chunks": [1, 512, 512]},
    }.items():
        described = {
            "zarr_format": 2,
            "shape": [48, 64],
            "chunks": [16, 16],
            "dtype": "|u1",
            "compressor": None,
            "fill_value": 0,
            "filters": None,
            "order": "C",
        }
        _put(folder / f"{name}.zarr" / ".zarray", json.dumps(described | changes).encode())
    _put(folder / "broken.zarr" / ".zarray", b"{")
    _put(folder / "nothing.zarr" / "readme.txt", b"nothing")
    attributes = {"multiscales": [{"datasets": [{"path": "../../../../etc"}]}]}
    _put(folder / "outside.zarr" / ".zgroup", b'{"zarr_format": 2}')
    _put(folder / "outside.zarr" / ".zattrs", json.dumps(attributes).encode())


def _folders(folder: Path) -> None:
    for path in ("empty", "of_folders/inner", "mixed", "bad_slice", "looped"):
        (folder / path).mkdir(parents=True)
    _pillow(folder / "mixed" / "1.png")
    _tiff(folder / "mixed" / "2.tif", data=GREY[:20])
    _pillow(folder / "bad_slice" / "1.png")
    _put(folder / "bad_slice" / "2.png", b"\x89PNG\r\n\x1a\n")
    if hasattr(os, "symlink") and os.name == "posix":
        (folder / "looped" / "1.png").symlink_to("2.png")
        (folder / "looped" / "2.png").symlink_to("1.png")
        (folder / "looped" / "inner").symlink_to(folder / "looped")
        (folder / "circle.tif").symlink_to("circle.tif")
        (folder / "gone.tif").symlink_to("nothing.tif")
    if hasattr(os, "mkfifo"):
        for name in ("pipe.tif", "pipe.png", "pipe.dm3", "pipe.zarr"):
            os.mkfifo(folder / name)
        (folder / "pipes").mkdir()
        os.mkfifo(folder / "pipes" / "1.png")


# ---------------------------------------------------------------- the reading process


def every_path(folder: Path) -> Iterator[Path]:
    """Every file, and every folder that a reader could be given."""
    for path in sorted(folder.rglob("*")):
        inside_zarr = any(one.suffix == ".zarr" for one in path.relative_to(folder).parents)
        if not inside_zarr:
            yield path


class TooLongError(BaseException):
    """Not an Exception: no reader may take it for a damaged file."""


def read_all(folder: Path) -> Iterator[dict[str, Any]]:
    """Read every path, and of what opens a corner."""
    from napari_micrograph_vlm.errors import MicrographError
    from napari_micrograph_vlm.readers import read_folder, read_micrograph

    def ring(_signal: int, _frame: Any) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, ring)
    for path in every_path(folder):
        plain_folder = path.is_dir() and path.suffix != ".zarr"
        before, started = _peak(), time.perf_counter()
        said, kind, trace = "", "opened", ""
        signal.alarm(SECONDS)
        try:
            file = (read_folder if plain_folder else read_micrograph)(path)
            plane = file.plane(0)
            np.asarray(plane.array[:8, :8])
            for level in plane.levels:
                np.asarray(level[:8, :8])
        except MicrographError as error:
            said, kind = str(error), "refused"
        except TooLongError:
            kind, trace = "too long", traceback.format_exc()
        except BaseException as error:
            said, kind, trace = str(error), type(error).__name__, traceback.format_exc()
        finally:
            signal.alarm(0)
        yield {
            "path": str(path.relative_to(folder)),
            "kind": kind,
            "said": said,
            "seconds": time.perf_counter() - started,
            "grew_mb": (_peak() - before) / 1e6,
            "trace": trace,
        }


CHANGES: dict[str, Callable[[Path, bytes], Any]] = {
    "shorter": lambda path, data: os.truncate(path, len(data) // 3),
    "empty": lambda path, _data: os.truncate(path, 0),
    "gone": lambda path, _data: path.unlink(),
    "other": lambda path, data: path.write_bytes(b"\0" * len(data)),
    "longer": lambda path, data: path.write_bytes(data + data),
}


def read_while_changing(folder: Path) -> Iterator[dict[str, Any]]:
    """Open a file, change it, look at its pixels; then the same while somebody writes to it."""
    from napari_micrograph_vlm.errors import MicrographError
    from napari_micrograph_vlm.readers import read_micrograph, rosetta, tiff
    from napari_micrograph_vlm.regions import Cutout

    tiff.LAZY_ABOVE = rosetta.LAZY_ABOVE = 0
    for path in write_good(folder):
        if path.is_dir():
            continue
        data = path.read_bytes()
        for name, change in CHANGES.items():
            path.write_bytes(data)
            kind, said = "opened", ""
            try:
                file = read_micrograph(path).plane(0)
                change(path, data)
                Cutout.of_array(file.array, source=file.name).read()
            except MicrographError as error:
                kind, said = "refused", str(error)
            except Exception as error:
                kind, said = type(error).__name__, traceback.format_exc()[-600:]
            yield {"path": path.name, "change": name, "kind": kind, "said": said}
        # RosettaSciIO maps a chunk of these for as long as it copies it.
        if path.suffix not in (".dm3", ".dm4", ".mrc"):
            kind, said = _while_written(path, data)
            yield {"path": path.name, "change": "meanwhile", "kind": kind, "said": said}


def _while_written(path: Path, data: bytes) -> tuple[str, str]:
    from napari_micrograph_vlm.errors import MicrographError
    from napari_micrograph_vlm.readers import read_micrograph
    from napari_micrograph_vlm.regions import Cutout

    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            path.write_bytes(data[: len(data) // 2])
            path.write_bytes(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            try:
                file = read_micrograph(path).plane(0)
                Cutout.of_array(file.array, source=file.name).read()
            except MicrographError:
                continue
            except Exception as error:
                return type(error).__name__, traceback.format_exc()[-600:]
    finally:
        over.set()
        writer.join()
    return "opened", ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _few_resources() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + LIMIT, taken + LIMIT))


if __name__ == "__main__":
    for module in ("tifffile", "PIL.Image", "zarr", "dask.array", "h5py", "rsciio.emd"):
        if find_spec(module.split(".")[0]):
            __import__(module)
    if "changing" in sys.argv:
        rows = read_while_changing(Path(sys.argv[1]))
    else:
        _few_resources()
        rows = read_all(Path(sys.argv[1]))
    for found in rows:
        print(json.dumps(found), flush=True)
