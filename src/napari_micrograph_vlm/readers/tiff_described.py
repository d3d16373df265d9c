"""What the description of a TIFF file says: OME-XML, or what ImageJ wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from .metadata import Calibration, Instrument, to_nanometres
from .vendors.fields import positive, text

__all__ = ["Description", "described", "ome_description"]

_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Description:
    """What is known beside the pixels.

    Attributes
    ----------
    calibration : Calibration
        Settings and pixel size.
    steps : mapping
        Letter of an axis, such as ``"Z"`` -> distance of two planes and its unit.
    contrast_limits : (float, float) or None
        What is to be shown as black and white.
    """

    calibration: Calibration = field(default_factory=lambda: Calibration(Instrument()))
    steps: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    contrast_limits: tuple[float, float] | None = None


def described(tiff: Any, number: int = 0) -> Description:
    """Return what an open ``tifffile.TiffFile`` says about one of its series."""
    if tiff.is_ome and (xml := tiff.ome_metadata):
        # Images without pixels are no series: the numbers are then those of others.
        fits = not number or xml.count("<Pixels ") + xml.count(":Pixels ") == len(tiff.series)
        return ome_description(xml, number) if fits else Description()
    if tiff.is_imagej and isinstance(tiff.imagej_metadata, Mapping):
        return _imagej(tiff, tiff.imagej_metadata)
    # Bare TIFF resolutions are for printing and mean nothing.
    return Description()


def ome_description(xml: str, number: int = 0) -> Description:
    """Return what an OME header says of an image.

    Parameters
    ----------
    xml : str
        The header. One that is none, or damaged, says nothing.
    number : int
        Which image, from 0.
    """
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return Description()
    images = root.findall("{*}Image")
    image = images[number] if number < len(images) else None
    pixels = None if image is None else image.find("{*}Pixels")
    if image is None or pixels is None:
        return Description()
    sizes = {axis: _ome_length(pixels, f"PhysicalSize{axis}") for axis in "XYZ"}
    steps: dict[str, tuple[float, str]] = {}
    if (depth := sizes["Z"]) is not None:
        steps["Z"] = (depth, "nm")
    seconds = _SECONDS.get(pixels.get("TimeIncrementUnit", "s"))
    interval = positive(pixels.get("TimeIncrement"))
    if seconds is not None and interval is not None:
        steps["T"] = (interval * seconds, "s")
    height, width = sizes["Y"], sizes["X"]
    size = None if height is None or width is None else (height, width)
    return Description(Calibration(_ome_instrument(root, image, pixels), size), steps)


def _ome_length(pixels: Any, name: str) -> float | None:
    value = positive(pixels.get(name))
    return None if value is None else to_nanometres(value, pixels.get(f"{name}Unit", "µm"))


def _ome_instrument(root: Any, image: Any, pixels: Any) -> Instrument:
    microscope = root.find("{*}Instrument/{*}Microscope")
    objective = root.find("{*}Instrument/{*}Objective")
    detector = root.find("{*}Instrument/{*}Detector")
    date = image.find("{*}AcquisitionDate")
    raw = {
        **{f"Pixels.{name}": value for name, value in pixels.attrib.items()},
        **{
            f"{name}.{key}": value
            for name, element in (
                ("Image", image),
                ("Microscope", microscope),
                ("Objective", objective),
                ("Detector", detector),
            )
            if element is not None
            for key, value in element.attrib.items()
        },
        "Channels": [channel.get("Name") for channel in pixels.findall("{*}Channel")],
    }
    return Instrument(
        maker=None if microscope is None else text(microscope.get("Manufacturer")),
        magnification=None
        if objective is None
        else positive(objective.get("NominalMagnification")),
        detector=None if detector is None else text(detector.get("Model")),
        date=None if date is None else text(date.text),
        raw=raw,
    )


def _imagej(tiff: Any, written: Mapping[str, Any]) -> Description:
    unit = _imagej_unit(written.get("unit"))
    steps: dict[str, tuple[float, str]] = {}
    spacing = positive(written.get("spacing"))
    depth = None if spacing is None else to_nanometres(spacing, unit)
    if depth is not None:
        steps["Z"] = (depth, "nm")
    interval = positive(written.get("finterval"))
    seconds = _SECONDS.get(str(written.get("tunit", "s")))
    if interval is not None and seconds is not None:
        steps["T"] = (interval * seconds, "s")
    low, high = written.get("min"), written.get("max")
    limits = None
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        limits = (float(low), float(high))
    sizes = [_imagej_size(tiff, name, unit) for name in ("YResolution", "XResolution")]
    size = None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])
    return Description(Calibration(Instrument(), size), steps, limits)


def _imagej_unit(unit: Any) -> str:
    return unit.replace("\\u00B5", "µ") if isinstance(unit, str) else ""


def _imagej_size(tiff: Any, name: str, unit: str) -> float | None:
    tag = tiff.pages.first.tags.get(name)
    value = tag.value if tag is not None else None
    if not isinstance(value, tuple) or len(value) != 2 or not all(map(positive, value)):
        return None
    pixels, length = value
    return to_nanometres(length / pixels, unit)
