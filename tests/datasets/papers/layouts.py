"""The layouts that typeset papers come in: 48 of them, no two alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from typeset import Known, Layout, Setter

A4 = (595.0, 842.0)
ONE = Layout("one")
TWO = Layout("two", columns=2, points=9.0, small=8.0)
DRAWN = ("plot", "bars", "scheme", "form")
PLACED = ("photo", "colour", "strips", "mask", "cmyk", "indexed", "clip", "turned")

LAYOUTS = [
    replace(ONE, name="one-plain"),
    replace(ONE, name="one-drawn", kinds=DRAWN),
    replace(ONE, name="one-placed", kinds=PLACED, size=A4),
    replace(ONE, name="one-above", places=("above",)),
    replace(ONE, name="one-above-drawn", places=("above",), kinds=DRAWN, extras=("mentions",)),
    replace(ONE, name="one-right", places=("right",)),
    replace(ONE, name="one-left", places=("left",), kinds=("photo", "bars")),
    replace(ONE, name="one-next", places=("next",), kinds=("photo", "colour")),
    replace(ONE, name="one-mentions", extras=("mentions",), label="Fig. {}."),
    replace(ONE, name="one-bold", bold=True, label="Figure {}:", font="Helvetica"),
    replace(ONE, name="one-bar", bold=True, label="Fig. {} |", kinds=("grid", "letters")),
    replace(ONE, name="one-same-font", small=10.0, gap=20.0, kinds=("photo", "plot", "colour")),
    replace(ONE, name="one-same-mentions", small=10.0, gap=18.0, extras=("mentions", "head")),
    replace(ONE, name="one-head-logo", extras=("head", "logo"), kinds=("colour", "plot", "mask")),
    replace(ONE, name="one-tables", extras=("tables", "head"), kinds=("plot", "photo", "bars")),
    replace(ONE, name="one-ruled", extras=("ruled",), kinds=("bars", "grid", "plot")),
    replace(ONE, name="one-equations", extras=("equations", "mentions")),
    replace(ONE, name="one-paragraphs", extras=("paragraphs",), small=8.0),
    replace(ONE, name="one-long", sentences=7, kinds=("arrows", "grid", "clip")),
    replace(ONE, name="one-short", sentences=1, kinds=("arrows", "scheme", "letters")),
    replace(ONE, name="one-extended", label="Extended Data Fig. {} |", bold=True),
    replace(ONE, name="one-scheme", label="Scheme {}.", kinds=("scheme", "form")),
    replace(ONE, name="one-german", label="Abb. {}:", font="DejaVu", points=9.5, small=8.0),
    replace(ONE, name="one-spanish", label="Figura {}.", size=A4),
    replace(ONE, name="one-russian", label="Рис. {}.", font="DejaVu", points=9.5, small=8.0),
    replace(ONE, name="one-chinese", label="图 {}", font="Song", kinds=("photo", "grid")),
    replace(ONE, name="one-rotated-90", rotate=90),
    replace(ONE, name="one-rotated-180", rotate=180, kinds=("photo", "form")),
    replace(ONE, name="one-rotated-270", rotate=270, places=("above",)),
    replace(ONE, name="one-supplement", label="Figure S{}.", extras=("logo",)),
    replace(ONE, name="one-mixed", places=("below", "right", "below"), extras=("head",)),
    replace(TWO, name="two-plain"),
    replace(TWO, name="two-drawn", kinds=DRAWN, size=A4),
    replace(TWO, name="two-placed", kinds=PLACED),
    replace(TWO, name="two-above", places=("above",), kinds=("photo", "bars", "grid")),
    replace(TWO, name="two-mentions", extras=("mentions", "head"), label="Fig. {}."),
    replace(TWO, name="two-wide", wide=True),
    replace(TWO, name="two-wide-drawn", wide=True, kinds=DRAWN, extras=("head", "logo")),
    replace(TWO, name="two-wide-halves", wide=True, extras=("halves",), sentences=6, small=7.5),
    replace(TWO, name="two-tables", extras=("tables",), kinds=("plot", "strips")),
    replace(TWO, name="two-ruled", extras=("ruled", "head"), kinds=("form", "cmyk")),
    replace(TWO, name="two-paragraphs", extras=("paragraphs",), bold=True, small=7.0),
    replace(TWO, name="two-narrow", kinds=("letters", "arrows", "scheme")),
    replace(TWO, name="two-helvetica", font="Helvetica", label="FIG. {}.", sentences=3),
    replace(TWO, name="two-equations", extras=("equations", "mentions"), label="Figure {}"),
    replace(TWO, name="two-rotated", rotate=90, kinds=("photo", "plot")),
    replace(ONE, name="pairs", extras=("pairs",)),
    replace(ONE, name="pairs-drawn", extras=("pairs", "head"), kinds=("plot", "bars", "form")),
    replace(ONE, name="sideways", extras=("sideways",), kinds=("photo", "plot")),
    replace(ONE, name="landscape", extras=("landscape",), size=(792.0, 612.0)),
]


def write(layout: Layout, path: Path) -> list[Known]:
    """Set one paper and return its figures."""
    setter = Setter(layout, path)
    setter.canvas.setTitle(f"On films set as {layout.name}")
    if "landscape" in layout.extras:
        _landscape(setter)
    if "mentions" in layout.extras or setter.random.random() < 0.5:
        setter.paragraph(90)
    kinds = list(layout.kinds) + (list(layout.kinds) if len(layout.kinds) < 4 else [])
    for index, kind in enumerate(kinds):
        place = layout.places[index % len(layout.places)]
        if "pairs" in layout.extras:
            setter.pair((kind, kinds[index - 1]))
        elif "sideways" in layout.extras and index % 2:
            _sideways(setter, kind)
        else:
            setter.figure(kind, place, layout.wide and index % 2 == 0)
        if "tables" in layout.extras or "ruled" in layout.extras:
            setter.table("ruled" in layout.extras)
        if "equations" in layout.extras:
            setter.equation()
        if setter.random.random() < 0.3:
            setter.heading()
        if setter.random.random() < 0.8:
            setter.paragraph(setter.random.randint(40, 130))
    setter.canvas.save()
    return setter.known


def _sideways(setter: Setter, kind: str) -> None:
    """Give a figure a page of its own, turned left with its caption."""
    setter.new_page()
    c, layout = setter.canvas, setter.layout
    label, text = setter.new_caption()
    c.saveState()
    # Everything below is set on a page of exchanged sides.
    c.translate(setter.width, 0)
    c.rotate(90)
    width, height = setter.height, setter.width
    keep, setter.height = setter.height, height
    w, h = 0.7 * width, 0.55 * height
    x, top = (width - w) / 2, 70.0
    setter.draw(kind, x, top, w, h)
    setter.y = top + h + layout.near
    setter.lines(text, x, w, setter.regular, layout.small, label)
    setter.height = keep
    c.restoreState()
    # Turned left: x of the turned page runs up the page.
    box = (top, width - x - w, top + h, width - x)
    setter.note(box, text, label)
    setter.new_page()


def _landscape(setter: Setter) -> None:
    """Turn the pages so that what is set is upright on a page that the file calls portrait."""
    height = setter.height

    def turn() -> None:
        setter.canvas.setPageRotation(90)
        setter.canvas.translate(height, 0)
        setter.canvas.rotate(90)

    turn()
    setter._head = turn  # type: ignore[method-assign]


def write_all(folder: Path) -> dict[Path, list[Known]]:
    """Set all papers."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {}
    for layout in LAYOUTS:
        path = folder / f"{layout.name}.pdf"
        known[path] = write(layout, path)
    return known
