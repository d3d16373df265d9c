"""What an item is called for the eye: the same wherever it is named."""

from __future__ import annotations

from pathlib import PurePath

from .items import Item

__all__ = ["item_name", "item_place"]


def item_name(item: Item) -> str:
    """Return a short name: the file, or what was looked at on the layer.

    A tile is named by its upper left corner, (row, column).
    """
    kind, _, rest = (item.shape_id or "file").partition(":")
    if item.label is not None:
        first = f"object {item.label}"
    elif kind == "file":
        first = _source(item)
    elif kind == "shape":
        # As napari counts, from 0.
        first = f"shape {rest.split(':')[1]}" if rest.count(":") > 1 else "shape"
    else:
        first = {"layer": "image", "slice": ""}.get(kind, kind)
    parts = [first] if first else []
    if item.plane:
        parts.append(f"slice {','.join(map(str, item.plane))}")
    if item.box is not None and item.label is None and kind in ("file", "tile"):
        parts.append(f"at {item.box[0]}, {item.box[1]}")
    return " ".join(parts)


def item_place(item: Item) -> str:
    """Return the file or layer of an item, and its name there."""
    name = item_name(item)
    return name if item.shape_id is None and item.label is None else f"{_source(item)} · {name}"


def _source(item: Item) -> str:
    return PurePath(item.source).name or item.source
