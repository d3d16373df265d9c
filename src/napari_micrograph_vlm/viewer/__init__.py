"""The window: the only room that touches napari's layers.

Names are imported when first used, so that asking whether there is a window costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .demo import open_demo, run_demo
    from .docks import ask_widget, classify_widget
    from .features import has_user_text, restore_text, write_classification
    from .frame_plans import frames_of
    from .geometry import RegionChoice, overlay_kwargs, plan_regions
    from .overlays import (
        OverlayStyle,
        hide_overlays,
        is_overlay,
        remove_overlays,
        show_overlay,
        show_word,
    )
    from .region_shapes import shape_index, shape_indices
    from .region_source import cutouts_of
    from .region_view import unwrapped
    from .region_window import same_data
    from .show import show_answer, show_classification, show_measurement
    from .structure_layer import show_structure

__all__ = [
    "OverlayStyle",
    "RegionChoice",
    "ask_widget",
    "call_in_gui",
    "classify_widget",
    "cutouts_of",
    "frames_of",
    "has_user_text",
    "hide_overlays",
    "is_gui_thread",
    "is_overlay",
    "open_demo",
    "overlay_kwargs",
    "plan_regions",
    "remove_overlays",
    "restore_text",
    "run_demo",
    "same_data",
    "shape_index",
    "shape_indices",
    "show_answer",
    "show_classification",
    "show_measurement",
    "show_overlay",
    "show_structure",
    "show_word",
    "unwrapped",
    "write_classification",
]

_HOMES = {
    "OverlayStyle": "overlays",
    "RegionChoice": "geometry",
    "ask_widget": "docks",
    "classify_widget": "docks",
    "cutouts_of": "region_source",
    "frames_of": "frame_plans",
    "has_user_text": "features",
    "hide_overlays": "overlays",
    "is_overlay": "overlays",
    "open_demo": "demo",
    "overlay_kwargs": "geometry",
    "plan_regions": "geometry",
    "remove_overlays": "overlays",
    "restore_text": "features",
    "run_demo": "demo",
    "same_data": "region_window",
    "shape_index": "region_shapes",
    "shape_indices": "region_shapes",
    "show_answer": "show",
    "show_classification": "show",
    "show_measurement": "show",
    "show_overlay": "overlays",
    "show_structure": "structure_layer",
    "show_word": "overlays",
    "unwrapped": "region_view",
    "write_classification": "features",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def is_gui_thread() -> bool:
    """Whether blocking here would freeze a window.

    Returns
    -------
    bool
        True in the thread of a Qt application whose event loop is running, as in napari's
        console or a widget; False in a worker and in a script that has not called
        ``napari.run()`` yet.
    """
    if "qtpy" not in sys.modules:
        return False
    from qtpy.QtCore import QCoreApplication, QThread

    app = QCoreApplication.instance()
    thread = QThread.currentThread()
    if app is None or thread is None or app.thread() != thread:
        return False
    return bool(thread.loopLevel() > 0)


def call_in_gui(function: Callable[[], object]) -> None:
    """Call a function soon in the thread of the window.

    Parameters
    ----------
    function : callable
        Takes nothing. It is dropped where the application has gone or goes before its turn.
    """
    from .region_gui import post

    post(function)
