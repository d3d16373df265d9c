"""Where the items of a run come from: folders, stacks, arrays, labels, tiles, drawn shapes."""

from __future__ import annotations

from .array_sources import ArraySource, CutoutSource, TiledSource
from .folder_source import FolderSource
from .labels_source import LabelsSource
from .stack_source import StackSource
from .tiles import Tiles

__all__ = [
    "ArraySource",
    "CutoutSource",
    "FolderSource",
    "LabelsSource",
    "StackSource",
    "TiledSource",
    "Tiles",
]
