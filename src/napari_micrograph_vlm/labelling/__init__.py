"""Label sets: named lists of classes, presets, files, and checks of a user's own list."""

from .label_sets import LabelClass, LabelSet, check_labels, label_set_of
from .presets import PRESETS

__all__ = ["PRESETS", "LabelClass", "LabelSet", "check_labels", "label_set_of"]
