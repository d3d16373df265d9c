"""What the user chose in napari's Preferences."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

__all__ = ["Preferences", "read_preferences"]

PLUGIN = "napari-micrograph-vlm"

_TOKENS_PER_WORD = 1.6
"""Enough for technical words, which a tokenizer cuts into more pieces than common ones."""


@dataclass(frozen=True)
class Preferences:
    """Choices that apply from the next question on.

    Attributes
    ----------
    model, device : str or None
        As :func:`~napari_micrograph_vlm.api.load_model` takes them; None: the default.
    words : int
        Longest answer.
    colormap : str
        Colour map of the overlay.
    opacity : float
        Opacity of the overlay, 0 to 1.
    """

    model: str | None = None
    device: str | None = None
    words: int = 30
    colormap: str = "magma"
    opacity: float = 0.6

    @property
    def max_tokens(self) -> int:
        """Longest answer in tokens."""
        return ceil(self.words * _TOKENS_PER_WORD)


def read_preferences() -> Preferences:
    """Return the current choices, or the defaults where napari keeps none for this plugin."""
    try:
        from napari.settings import get_plugin_settings

        settings = get_plugin_settings(PLUGIN)
        answers, overlay = settings.answers, settings.overlay
    except (ImportError, KeyError, AttributeError):  # the plugin is not registered with napari
        return Preferences()
    device = answers.device
    return Preferences(
        model=answers.model.strip() or None,
        device=None if device == "automatic" else device,
        words=int(answers.words),
        colormap=overlay.colormap,
        opacity=float(overlay.opacity),
    )
