"""The panels that napari's menus open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..labelling import PRESETS
from ..structures.kinds import KINDS, ORIENTATIONS
from ..widgets.ask_view import AskView
from ..widgets.batch_view import BatchView
from ..widgets.classify_view import ClassifyView
from ..widgets.compare_view import CompareView
from ..widgets.figure_review import FigureReviewView
from ..widgets.model_manager import ModelManagerView
from ..widgets.results_view import ResultsView
from ..widgets.review_view import ReviewView
from ..widgets.similar_view import SimilarView
from ..widgets.structure_view import StructureView
from ..widgets.teach_view import TeachView
from .ask_handler import AskHandler
from .batch_handler import BatchHandler
from .classify_handler import ClassifyHandler
from .compare_handler import CompareHandler
from .compare_layer import BRIGHTER, DARKER
from .figure_review_handler import FigureReviewHandler
from .model_manager_handler import ModelManagerHandler
from .results_handler import ResultsHandler
from .results_rows import TEXTS
from .review_handler import ReviewHandler
from .similar_handler import SimilarHandler
from .structure_handler import StructureHandler
from .teach_handler import TeachHandler

if TYPE_CHECKING:
    # The name of the module in full: napari looks for this very annotation.
    import napari.viewer

__all__ = [
    "AskDock",
    "BatchDock",
    "ClassifyDock",
    "CompareDock",
    "FigureReviewDock",
    "ModelDock",
    "ResultsDock",
    "ReviewDock",
    "SimilarDock",
    "StructureDock",
    "TeachDock",
    "ask_widget",
    "classify_widget",
]


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


class ReviewDock(ReviewView):
    """Findings gone through by a person, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.handler = ReviewHandler(self, real_viewer(napari_viewer))
        self.closed.connect(self.deleteLater)


class BatchDock(BatchView):
    """Many regions, slices or files, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__(PRESETS)
        self.handler = BatchHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class ResultsDock(ResultsView):
    """The table of a run, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__(TEXTS)
        self.handler = ResultsHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class SimilarDock(SimilarView):
    """More places like a drawn example, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__()
        self.handler = SimilarHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class CompareDock(CompareView):
    """A region compared with a good one, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__(DARKER, BRIGHTER)
        self.handler = CompareHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class FigureReviewDock(FigureReviewView):
    """Texts about figures of papers gone through by a person (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.handler = FigureReviewHandler(self, real_viewer(napari_viewer))
        self.closed.connect(self.deleteLater)


class TeachDock(TeachView):
    """A large model taught with corrections, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__()
        self.handler = TeachHandler(self, real_viewer(napari_viewer), **options)
        self.closed.connect(self.deleteLater)


class StructureDock(StructureView):
    """A 3-D structure of a region or a text, bound to a viewer (see :class:`AskDock`)."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, **options: Any) -> None:
        super().__init__([(name, kind.plural) for name, kind in KINDS.items()], ORIENTATIONS)
        self.handler = StructureHandler(self, real_viewer(napari_viewer), **options)
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
