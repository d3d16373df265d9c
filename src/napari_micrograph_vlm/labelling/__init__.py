"""Class names: presets, label sets, and checks of a user's own list."""

from .label_sets import PRESETS, LabelClass, LabelSet, check_labels, label_set_of

__all__ = ["PRESETS", "LabelClass", "LabelSet", "check_labels", "label_set_of"]
