"""``napari-micrograph-vlm bar``: find the information bar of a picture and read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..readers.bar import BarReading, InformationBar

__all__ = ["bar"]


def bar(
    image: Annotated[Path, typer.Argument(help="A picture file.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Find the information bar of a micrograph and read scale bar and settings in it."""
    from ..errors import SourceError
    from ..readers import read_micrograph
    from ..readers.bar import find_bar, read_bar
    from ..readers.bar.ocr import installed

    array: Any = read_micrograph(image).array
    if len(array.shape) > 3 or (len(array.shape) == 3 and array.shape[2] not in (3, 4)):
        raise SourceError(f"{image} holds several planes; save the one with the bar as a picture.")
    found = find_bar(array)
    reading = read_bar(array, found)
    if as_json:
        print(json.dumps(_as_dict(found, reading)))
        return
    print(_place(found))
    lines = _lines(reading)
    print("\n".join(lines) if lines else "Nothing in it could be read.")
    if not installed():
        print("Text was not read: install napari-micrograph-vlm[ocr].")


def _place(bar: InformationBar | None) -> str:
    if bar is None:
        return "There is no information bar."
    return f"Information bar at the {bar.side}, rows {bar.rows[0]} to {bar.rows[1] - 1}."


def _lines(reading: BarReading) -> list[str]:
    from ..lengths import readable_length

    lines = []
    if reading.length_px is not None:
        written = (
            ""
            if reading.length_nm is None
            else f", {readable_length(reading.length_nm, unit='nm')}"
        )
        error = reading.length_error_px
        lines.append(f"scale bar: {reading.length_px:.1f} ± {error:.1f} pixels{written}")
    if reading.pixel_size_nm is not None:
        size = readable_length(reading.pixel_size_nm, unit="nm")
        lines.append(f"pixel size: {size} ± {100 * (reading.pixel_size_error or 0):.1f} %")
    for name, value, unit in (
        ("voltage", reading.voltage_kv, "kV"),
        ("working distance", reading.working_distance_mm, "mm"),
        ("magnification", reading.magnification, "times"),
    ):
        if value is not None:
            lines.append(f"{name}: {value:,g} {unit}" if value < 1e6 else f"{name}: {value:,.0f}")
    return lines


def _as_dict(bar: InformationBar | None, reading: BarReading) -> dict[str, Any]:
    values = {name: value for name, value in vars(reading).items() if name != "words"}
    return {
        "side": None if bar is None else bar.side,
        "rows": None if bar is None else list(bar.rows),
        **values,
        "words": [word.text for word in reading.words],
    }
