"""The rows of a report: one item each, with its picture, class and answers."""

from __future__ import annotations

from pathlib import PurePath

from ..lengths import readable_length
from ..runs.findings import Finding, Sizes
from .charts import probability_bar, safe
from .pictures import as_data, map_png, shrunk

__all__ = ["HEAD", "item_row", "skipped_row"]

HEAD = (
    '<table class="items"><colgroup><col class="number"><col class="picture"><col class="place">'
    '<col class="class"><col></colgroup><thead><tr><th scope="col">No.</th>'
    '<th scope="col">Picture</th><th scope="col">Place</th><th scope="col">Class</th>'
    '<th scope="col">Answers</th></tr></thead><tbody>'
)

_MAP_BYTES = 700
"""Room kept for a map, of what a picture may take."""


def item_row(number: int, found: Finding, room: int, root: str = "") -> tuple[str, bool]:
    """Write one item.

    Parameters
    ----------
    number : int
        Counted from 1; names its picture within the page.
    found : Finding
        What was found out.
    room : int
        Bytes that its picture may take, as text.
    root : str
        Folder of the run: places are written from there on.

    Returns
    -------
    (str, bool)
        A table row, and whether its picture was left out for want of room.
    """
    picture, left_out = _picture(number, found, room)
    return (
        f'<tr><td class="number">{number}</td><td>{picture}</td>'
        f"<td>{_place(found, root)}</td><td>{_class(found)}</td><td>{_answers(found)}</td></tr>"
    ), left_out


def skipped_row(found: Finding, root: str = "") -> str:
    """Write one item that could not be looked at, and why."""
    where = _source(found, root) + _within(found)
    return f"<tr><td>{where}</td><td>{safe(found.error, 500)}</td></tr>"


def _picture(number: int, found: Finding, room: int) -> tuple[str, bool]:
    if not found.thumbnail:
        return "", False
    # Base64 takes four characters for three bytes.
    bare = as_data(shrunk(found.thumbnail, (room - _MAP_BYTES) * 3 // 4))
    if not bare:
        return "", True
    height, width = found.shape if min(found.shape) > 0 else (1, 1)
    longest = max(height, width)
    size = f'width="{160 * width / longest:.2f}" height="{160 * height / longest:.2f}"'
    view = f'viewBox="0 0 {160 * width / longest:.2f} {160 * height / longest:.2f}"'
    common = f'{size} preserveAspectRatio="none"'
    look = use = ""
    if found.maps:
        looked = as_data(map_png(found.maps[0]))
        look = f'<image class="look" id="m{number}" {common} href="{looked}"/>'
        use = (
            f'<svg class="picture beside" {view} aria-hidden="true"><use href="#t{number}"/>'
            f'<image class="look" {common} href="{looked}"/></svg>'
        )
    name = safe(f"{found.item.source} {found.final}".strip(), 200)
    return (
        f'<svg class="picture" role="img" {view}><title>{name}</title>'
        f'<image id="t{number}" {common} href="{bare}"/>{look}</svg>{use}'
    ), False


def _within(found: Finding) -> str:
    item, lines = found.item, []
    if item.plane:
        lines.append(f"slice {', '.join(map(str, item.plane))}")
    if item.label is not None:
        lines.append(f"object {item.label}")
    if item.place is not None:
        y0, x0, y1, x1 = item.place
        lines.append(f"rows {y0}–{y1}, columns {x0}–{x1}")
    return "".join(f'<br><span class="soft">{safe(line)}</span>' for line in lines)


def _source(found: Finding, root: str) -> str:
    source = found.item.source
    below = root and PurePath(source).is_relative_to(root) and source != root
    return safe(str(PurePath(source).relative_to(root)) if below else source, 500)


def _place(found: Finding, root: str) -> str:
    text = _source(found, root) + _within(found)
    height, width = found.shape
    if found.pixel_size is not None and min(height, width) > 0:
        sizes = (height * found.pixel_size[0], width * found.pixel_size[1])
        text += f'<br><span class="soft">{safe(readable_length(*sizes, unit=found.unit))}</span>'
    return text


def _class(found: Finding) -> str:
    if not found.final:
        return '<span class="soft">–</span>'
    lines = [f'<span class="class">{safe(found.final, 300)}</span>']
    sure = f" {found.probability:.2f}" if found.probability == found.probability else ""
    if found.corrected and found.corrected != found.best:
        lines.append('<span class="person">corrected by a person</span>')
        said = f"the model said {safe(found.best or 'nothing', 300)}{sure}"
        lines.append(f'<span class="soft">{said}</span>')
    else:
        if sure:
            lines.append(f"{sure}{probability_bar(found.probability)}")
        if found.corrected or found.reviewed:
            lines.append('<span class="agreed">agreed by a person</span>')
    return "<br>".join(lines)


def _answers(found: Finding) -> str:
    lines = []
    for said in found.said:
        known = said.confidence == said.confidence
        sure = f' <span class="soft">({said.confidence:.2f})</span>' if known else ""
        lines.append(
            f'<div class="question">{safe(said.question)}</div>'
            f'<div class="answer">{safe(said.text)}{sure}</div>'
        )
        lines += [f'<div class="person">{safe(each)}</div>' for each in said.warnings]
        lines += [f'<div class="soft">{safe(each, 300)}</div>' for each in said.figures]
    if found.sizes is not None:
        lines.append(f'<div class="sizes">{safe(_measured(found, found.sizes))}</div>')
    return "".join(lines)


def _measured(found: Finding, sizes: Sizes) -> str:
    """Say what was measured, ``"Measured: 3 × crack, 4.2 % of the area, longest 1.2 µm"``."""
    if not sizes.count:
        return f"Measured: no {sizes.what} found"
    unit = found.unit if found.pixel_size is not None else "pixel"
    parts = [f"{sizes.count} × {sizes.what}", f"{100 * sizes.coverage:.2g} % of the area"]
    parts.append(f"median diameter {readable_length(sizes.diameter, unit=unit)}")
    parts.append(f"longest {readable_length(sizes.length, unit=unit)}")
    return "Measured: " + ", ".join(parts)
