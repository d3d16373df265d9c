"""Makes small files in the formats of microscopes, byte by byte where nothing writes them.

Each function writes pixels, their size and the instrument's settings, so that a test can read them
back.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

DM_DTYPES = {"int16": 1, "float32": 2, "complex64": 3, "uint8": 6, "uint16": 10}


class DmWriter:
    """Writes DigitalMicrograph 3 or 4: nested groups of tags, little-endian values."""

    def __init__(self, version: int = 3) -> None:
        self.version = version
        self.number = ">i" if version == 3 else ">q"

    def file(self, tags: dict[str, Any]) -> bytes:
        body = self.group(tags, root=True)
        return struct.pack(">i", self.version) + self.count(len(body)) + struct.pack(">i", 1) + body

    def count(self, *values: int) -> bytes:
        return b"".join(struct.pack(self.number, value) for value in values)

    def group(self, tags: dict[str, Any], root: bool = False) -> bytes:
        body = b"".join(self.tag(name, value) for name, value in tags.items())
        size = self.count(len(body)) if self.version == 4 and not root else b""
        return b"\1\0" + size + self.count(len(tags)) + body

    def tag(self, name: str, value: Any) -> bytes:
        name = "" if name.startswith("#") else name
        head = struct.pack(">h", len(name)) + name.encode("latin-1")
        if isinstance(value, dict):
            return b"\x14" + head + self.group(value)
        data = self.value(value)
        size = self.count(len(data)) if self.version == 4 else b""
        return b"\x15" + head + size + b"%%%%" + data

    def value(self, value: Any) -> bytes:
        if isinstance(value, str):
            letters = np.frombuffer(value.encode("utf-16-le"), "<u2")
            return self.count(3, 20, 4, len(letters)) + letters.tobytes()
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "c":  # an array of structs of two floats
                definition = self.count(8, 20, 15, 0, 2, 0, 6, 0, 6)
                return definition + self.count(value.size) + value.astype("<c8").tobytes()
            if value.dtype.itemsize == 4 and value.dtype.kind == "u":  # packed colours
                return self.count(3, 20, 5, value.size) + value.astype("<u4").tobytes()
            code = {"i2": 2, "u2": 4, "f4": 6, "u1": 10}[value.dtype.str[1:]]
            order = value.dtype.newbyteorder("<")
            return self.count(3, 20, code, value.size) + value.astype(order).tobytes()
        if isinstance(value, float):
            return self.count(1, 7) + struct.pack("<d", value)
        return self.count(1, 5) + struct.pack("<I", value)


def dm_image(
    data: np.ndarray, steps: list[tuple[float, str]], name: str = "", **tags: Any
) -> dict[str, Any]:
    """One image of a DigitalMicrograph file; ``steps`` are scale and unit of each axis of data."""
    colour = data.dtype == np.uint8 and data.ndim == 3 and data.shape[-1] == 3
    shape = data.shape[:2] if colour else data.shape
    code, pixels = DM_DTYPES.get(data.dtype.name, 0), data.ravel()
    if colour:
        blue = np.dstack([data[..., ::-1], np.full(shape, 255, np.uint8)])
        code, pixels = 23, np.ascontiguousarray(blue).view("<u4").ravel()
    dimensions = {
        f"#{i}": {"Origin": 0.0, "Scale": scale, "Units": unit}
        for i, (scale, unit) in enumerate(reversed(steps))
    }
    return {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": dimensions,
            },
            "Data": pixels,
            "DataType": code,
            "Dimensions": {f"#{i}": n for i, n in enumerate(reversed(shape))},
            "PixelDepth": int(data.dtype.itemsize),
        },
        "ImageTags": tags,
        "Name": name,
    }


DM_TAGS = {
    "Microscope Info": {
        "Voltage": 200000.0,
        "Indicated Magnification": 38000.0,
        "Illumination Mode": "STEM NANOPROBE",
        "Imaging Mode": "DIFFRACTION",
        "Stage Position": {"Stage Alpha": 12.5, "Stage Beta": 0.0},
    },
    "DataBar": {
        "Acquisition Date": "3/14/2021",
        "Acquisition Time": "15:09:26",
        "Device Name": "HAADF",
    },
    "DigiScan": {"Sample Time": 4.0},
}


def write_dm(path: Path, *images: dict[str, Any], version: int = 3) -> Path:
    """Write a DigitalMicrograph file of several images, of which none is a thumbnail."""
    listed = {f"#{i}": image for i, image in enumerate(images)}
    path.write_bytes(DmWriter(version).file({"ImageList": listed}))
    return path


def write_mrc(
    path: Path,
    data: np.ndarray,
    pixel_nm: float = 0.5,
    step_nm: float | None = None,
    volume: bool = False,
) -> Path:
    """Write an MRC 2014 file; lengths in it are angstroms."""
    stack = data if data.ndim == 3 else data[None]
    z, y, x = stack.shape
    mode = {"uint8": 0, "int16": 1, "float32": 2, "uint16": 6}[data.dtype.name]
    step_nm = pixel_nm if step_nm is None else step_nm
    lengths = (x * pixel_nm * 10, y * pixel_nm * 10, z * step_nm * 10)
    header = struct.pack("<10i", x, y, z, mode, 0, 0, 0, x, y, z)
    header += struct.pack("<6f3i3f", *lengths, 90, 90, 90, 1, 2, 3, 0, 255, 128)
    header = header[:88] + struct.pack("<i", volume) + header[92:]
    header = header.ljust(208, b"\0") + b"MAP DD\0\0"
    path.write_bytes(
        header.ljust(1024, b"\0") + stack.astype(data.dtype.newbyteorder("<")).tobytes()
    )
    return path


def write_ser(path: Path, frames: np.ndarray, pixel_m: float = 2e-10) -> Path:
    """Write a TIA series of (N, H, W) frames; its rows go from the bottom up."""
    count, height, width = frames.shape
    code = {"uint8": 1, "uint16": 2, "int16": 5, "float32": 7}[frames.dtype.name]
    dimension = struct.pack("<IddI", count, 0.0, 1.0, 0) + struct.pack("<II", 0, 0)
    start = 30 + len(dimension)
    elements, tags = [], []
    for frame in frames:
        calibration = struct.pack("<ddI", 0.0, pixel_m, 0) * 2
        head = calibration + struct.pack("<HII", code, width, height)
        elements.append(head + frame[::-1].astype(frame.dtype.newbyteorder("<")).tobytes())
        tags.append(struct.pack("<HHI", 0x4152, 0, 0))
    places, at = [], start + 8 * count
    for element, tag in zip(elements, tags, strict=True):
        places.append(at)
        at += len(element) + len(tag)
    offsets = struct.pack(f"<{count}I", *places)
    offsets += struct.pack(f"<{count}I", *(p + len(elements[0]) for p in places))
    header = struct.pack("<HHHIIII", 0x4949, 0x0197, 528, 0x4122, 0x4152, count, count)
    header += struct.pack("<II", start, 1) + dimension + offsets
    path.write_bytes(header + b"".join(e + t for e, t in zip(elements, tags, strict=True)))
    return path


def write_emi(path: Path) -> Path:
    """Write what lies beside a TIA series: settings as XML between other bytes."""
    rows = {
        "High tension": ("300", "kV"),
        "Magnification": ("56000", "x"),
        "Stage A": ("-7.5", "deg"),
        "Mode": ("TEM uP SA Zoom Image", ""),
    }
    data = "".join(
        f"<Data><Label>{name}</Label><Value>{value}</Value><Unit>{unit}</Unit></Data>"
        for name, (value, unit) in rows.items()
    )
    xml = (
        "<ObjectInfo><AcquireDate>Tue Mar 09 14:40:00 2021</AcquireDate>"
        "<AcquireInfo><CameraNamePath>BM-Ceta</CameraNamePath></AcquireInfo>"
        f"<ExperimentalDescription><Root>{data}</Root></ExperimentalDescription></ObjectInfo>"
    )
    path.write_bytes(b"JJ\0\1" + xml.encode() + b"\0\0")
    return path


VELOX = {
    "Instrument": {"InstrumentClass": "Talos", "Manufacturer": "FEI Company"},
    "Optics": {"AccelerationVoltage": "200000", "CameraLength": "0.125"},
    "Stage": {"AlphaTilt": "0.17453292519943295", "BetaTilt": "0"},
    "Scan": {"DwellTime": "2e-06", "FrameTime": "0.5"},
    "CustomProperties": {"StemMagnification": {"value": "320000"}},
    "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1600000000"}},
}


def write_velox(
    path: Path, images: dict[str, np.ndarray], pixel_m: float = 1e-10, *, spectra: bool = False
) -> Path:
    """Write a Velox EMD file: one group for each detector, (H, W) or (N, H, W) pixels in it."""
    import h5py

    detectors = {
        f"Detector-{i}": {"DetectorName": name, "DetectorType": "ScanningDetector"}
        for i, name in enumerate(images)
    }
    with h5py.File(path, "w") as file:
        file["Version"] = np.array([b'{"format": "Velox", "version": "7"}'])
        for number, (name, data) in enumerate(images.items()):
            frames = data if data.ndim == 3 else data[None]
            told = {
                **VELOX,
                "Detectors": detectors,
                "BinaryResult": {
                    "DetectorIndex": str(number),
                    "Detector": name,
                    "PixelSize": {"height": str(pixel_m), "width": str(pixel_m)},
                    "Offset": {"x": "0", "y": "0"},
                    "PixelUnitX": "m",
                    "PixelUnitY": "m",
                },
            }
            text = np.zeros((4000, len(frames)), np.uint8)
            letters = np.frombuffer(json.dumps(told).encode(), np.uint8)
            text[: len(letters)] = letters[:, None]
            group = file.create_group(f"Data/Image/{number:032x}")
            shape = (*frames.shape[1:], 1)
            group.create_dataset("Data", data=np.moveaxis(frames, 0, -1), chunks=shape)
            group.create_dataset("Metadata", data=text)
        if spectra:
            file.create_group("Data/SpectrumImage")
            file.create_group("Presentation/Displays/ImageDisplay")
    return path


def axis(name: str, length: int, scale: float, unit: str, navigate: bool) -> dict[str, Any]:
    return {
        "_type": "UniformDataAxis",
        "name": name,
        "size": length,
        "scale": scale,
        "offset": 0.0,
        "units": unit,
        "navigate": navigate,
    }


def write_with_rosetta(
    path: Path, plugin: str, data: np.ndarray, axes: list[dict[str, Any]], **metadata: Any
) -> Path:
    """Write a signal in a format that RosettaSciIO writes."""
    from importlib import import_module

    signal = {
        "data": data,
        "axes": [{**one, "index_in_array": i} for i, one in enumerate(axes)],
        "metadata": {"General": {"title": "made"}, "Signal": {"signal_type": ""}, **metadata},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "tmp_parameters": {},
        "models": {},
        "learning_results": {},
        "package_info": {"package": "", "package_version": ""},
    }
    import_module(f"rsciio.{plugin}").file_writer(str(path), signal)
    return path
