"""Class names: presets, and checks of a user's own list."""

from .label_sets import PRESETS, check_labels

__all__ = ["PRESETS", "check_labels"]
