"""``napari-micrograph-vlm structure``: a picture or a text becomes a shape."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .progress import bar, file_errors, stoppable

if TYPE_CHECKING:
    from ..regions import Region
    from ..structures.building import Structure
    from ..structures.fields import StructureFields

__all__ = ["structure"]

STOPPED = "Stopped; nothing was written. The same command begins again."


def structure(
    image: Annotated[
        Path | None,
        typer.Argument(help="A micrograph; or give --text.", show_default=False),
    ] = None,
    text: Annotated[
        str,
        typer.Option("--text", help="A description in words, in place of a micrograph."),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write the surface there: a name ending in .stl or .obj."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Save what a microscope would show of it, as a PNG."),
    ] = None,
    tilt: Annotated[
        float | None,
        typer.Option("--tilt", min=0, max=75, help="Degrees by which it is tilted for --picture."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", help="y0,x0,y1,x1 in pixels; the whole image by default."),
    ] = None,
    pixel_size: Annotated[
        str | None,
        typer.Option("--pixel-size", help="Of a micrograph without a scale: '1.5 nm'."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Another kind than described, such as gyroid or fibres."),
    ] = None,
    density: Annotated[
        float | None,
        typer.Option("--density", min=0, max=100, help="Solid share in per cent."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Thickness or diameter, with its unit: '50 nm'."),
    ] = None,
    spacing: Annotated[
        str | None, typer.Option("--spacing", help="Period or pitch, with its unit: '0.2 µm'.")
    ] = None,
    depth: Annotated[
        str | None, typer.Option("--depth", help="Thickness of the block, with its unit.")
    ] = None,
    width: Annotated[
        str | None, typer.Option("--width", help="Side of the block, with its unit.")
    ] = None,
    orientation: Annotated[
        str | None,
        typer.Option(
            "--orientation", help="horizontal, vertical, diagonal, upright, in plane or random."
        ),
    ] = None,
    voxels: Annotated[
        int | None,
        typer.Option("--voxels", min=16, max=1024, help="Voxels across. [default: as needed]"),
    ] = None,
    plate: Annotated[
        str | None,
        typer.Option("--plate", help="Stand it on a plate so thick, with its unit: '100 nm'."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is random in it.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="A name from `models`, or a checkpoint folder.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    include_bar: Annotated[
        bool, typer.Option("--include-bar", help="Show the model the information bar, too.")
    ] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Send pixels to a model behind a server.")
    ] = False,
) -> None:
    """Make a 3-D structure of what a micrograph shows, or of a description in words."""
    from ..structures.building import build
    from ..structures.fields import StructureError
    from ..structures.meshing import check_target
    from ..structures.reading import fields_of, kind_named

    if (image is None) == (not text.strip()):
        raise StructureError("Give a micrograph, or a description with --text, and not both.")
    if image is None and pixel_size is not None:
        raise StructureError("--pixel-size goes with a micrograph; a --text says its lengths.")
    if output is not None:
        check_target(output)
    if picture is not None:
        from ..picture import check_target as check_picture

        check_picture(picture)
    with stoppable(STOPPED), file_errors():
        if image is not None:
            fields = _described(image, region, pixel_size, model, device, include_bar, allow_remote)
        else:
            fields = fields_of(text)
        lengths = {"size": size, "spacing": spacing, "depth": depth, "width": width}
        fields = fields.with_values(
            kind=None if kind is None else kind_named(kind),
            density=None if density is None else density / 100,
            orientation=orientation,
            **{name: _length(name, said, fields.unit) for name, said in lengths.items()},
        )
        shape = None
        if voxels is not None:
            deep = max(round(fields.depth / fields.width * voxels), 4)
            shape = (deep, voxels, voxels)
        made = build(fields, shape, seed)
        solid = made.density
        if plate is not None:
            made = made.on_plate(_length("plate", plate, fields.unit) or 0.0)
        if picture is not None:
            from PIL import Image

            from ..whole_files import replacing

            with replacing(picture) as temporary:
                Image.fromarray(made.picture(tilt=tilt).image).save(temporary)
        if output is not None:
            made.save(output)
    _tell(made, solid, output, picture, as_json=as_json)


def _described(
    image: Path,
    region: str | None,
    pixel_size: str | None,
    model: str | None,
    device: str,
    include_bar: bool,
    allow_remote: bool,
) -> StructureFields:
    """Ask a model what the picture shows, with a progress bar over the questions."""
    from ..cli import _check, _load, parse_region
    from ..planning import plan_of
    from ..structures.describing import QUESTIONS, describe_structure

    box = None if region is None else parse_region(region)
    _check(image, model)
    loaded = _load(model, device, allow_remote)
    (seen,) = plan_of(image, box, include_bar=include_bar)()
    if pixel_size is not None:
        seen = _scaled(seen, pixel_size)
    with bar(len(QUESTIONS), "questions") as step:
        return describe_structure(loaded, seen, on_answer=lambda _text: step())


def _length(name: str, said: str | None, unit: str) -> float | None:
    """Read a length with its unit.

    Raises
    ------
    StructureError
        If it is none.
    """
    if said is None:
        return None
    from ..lengths import in_metres
    from ..structures.fields import StructureError
    from ..structures.units import length_in

    found = length_in(said, unit)
    if found is None:
        raise StructureError(f"--{name} is a length with its unit, such as '50 nm', not {said!r}.")
    value, written = found
    if written == unit:
        return value
    here, there = in_metres(written), in_metres(unit)
    if here is None:
        raise StructureError(f"--{name} is a length with its unit, such as '50 nm', not {said!r}.")
    if there is None:
        raise StructureError(
            f"The scale of the picture is not known; give it with --pixel-size, or --{name} in "
            "pixels, such as '12 pixel'."
        )
    return value * here / there


def _scaled(seen: Region, pixel_size: str) -> Region:
    """Return a region of which the user says how large a pixel is."""
    from ..structures.fields import StructureError
    from ..structures.units import length_in

    found = length_in(pixel_size, "")
    if found is None or found[1] == "pixel":
        raise StructureError(
            f"--pixel-size is a length with its unit, such as '1.5 nm', not {pixel_size!r}."
        )
    value, unit = found
    return replace(
        seen, pixel_size=(value, value), unit=unit, scale_from="--pixel-size", scale_error=None
    )


def _tell(
    made: Structure, solid: float, output: Path | None, picture: Path | None, *, as_json: bool
) -> None:
    fields = made.fields
    if as_json:
        found: dict[str, Any] = {
            **fields.to_dict(),
            "solid": round(solid, 6),
            "voxel": made.voxel,
            "shape": list(made.inside.shape),
            "seed": made.seed,
            "output": None if output is None else str(output),
            "picture": None if picture is None else str(picture),
        }
        print(json.dumps(found, ensure_ascii=False))
        return
    for turn in fields.said:
        print(f"  {turn.question} {turn.answer}", file=sys.stderr)
    print(fields)
    if fields.assumed:
        print(f"  not said, so taken as usual: {', '.join(fields.assumed)}")
    for sentence in fields.overridden:
        print(f"  said, but not kept: {sentence}")
    depth, rows, columns = made.inside.shape
    print(f"  {100 * solid:.2f} % solid in {depth} × {rows} × {columns} voxels")
    if output is not None:
        print(f"  {output}: 1 in the file is 1 {fields.unit}")
    if picture is not None:
        print(f"  {picture}")
