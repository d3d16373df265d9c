"""The panels that napari's menus open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..labelling.label_sets import PRESETS
from ..widgets.ask_view import AskView
from ..widgets.classify_view import ClassifyView
from ..widgets.model_manager import ModelManagerView
from .ask_handler import AskHandler
from .classify_handler import ClassifyHandler
from .model_manager_handler import ModelManagerHandler

if TYPE_CHECKING:
    # The name of the module in full: napari looks for this very annotation.
    import napari.viewer

__all__ = ["AskDock", "ClassifyDock", "ModelDock", "ask_widget", "classify_widget"]


class AskDock(AskView):
    """Questions about a region, bound to a viewer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it by this name.
    **options
        For tests: see :class:`~napari_micrograph_vlm.viewer.handler.Handler`.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__()
        self.handler = AskHandler(self, real_viewer(napari_viewer), **options)
        # A closed dock would leave its widget behind as a hidden window.
        self.closed.connect(self.deleteLater)


class ClassifyDock(ClassifyView):
    """Classes for regions, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__(PRESETS)
        self.handler = ClassifyHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class ModelDock(ModelManagerView):
    """The models there are, whether they fit, downloads, and which one is loaded.

    Parameters
    ----------
    **options
        For tests: see :class:`~.model_manager_handler.ModelManagerHandler`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.handler = ModelManagerHandler(self, **options)
        self.closed.connect(self.deleteLater)


def real_viewer(viewer: napari.viewer.Viewer) -> napari.viewer.Viewer:
    """Return the viewer behind the proxy that napari hands to plugins.

    Layers seen through the proxy are other objects at each look, so an answer could not be told
    to belong to one of them.
    """
    real: napari.viewer.Viewer = getattr(viewer, "__wrapped__", viewer)
    return real


def ask_widget(viewer: napari.viewer.Viewer, **options: Any) -> AskDock:
    """Return the panel for questions, to be docked in ``viewer``."""
    return AskDock(viewer, **options)


def classify_widget(viewer: napari.viewer.Viewer, **options: Any) -> ClassifyDock:
    """Return the panel for classes, to be docked in ``viewer``."""
    return ClassifyDock(viewer, **options)
