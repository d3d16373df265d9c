"""What the user chose in napari's Preferences."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

__all__ = ["Preferences", "choose_model", "read_preferences"]

PLUGIN = "napari-micrograph-vlm"

_AUTOMATIC = "automatic"

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
    precision : str or None
        Bits of each weight; None: as suits the device.
    """

    model: str | None = None
    device: str | None = None
    words: int = 30
    colormap: str = "magma"
    opacity: float = 0.6
    precision: str | None = None

    @property
    def which(self) -> tuple[str | None, str | None, str | None]:
        """Model, device and precision, as a ``ModelHolder`` takes them."""
        return self.model, self.device, self.precision

    @property
    def max_tokens(self) -> int:
        """Longest answer in tokens."""
        return ceil(self.words * _TOKENS_PER_WORD)


_CHOSEN: dict[str, str] = {}
"""What was chosen in a panel where napari keeps nothing for this plugin: for this session only."""


def read_preferences() -> Preferences:
    """Return the current choices, or the defaults where napari keeps none for this plugin."""
    settings = _settings()
    if settings is None:
        return Preferences(**{name: value or None for name, value in _CHOSEN.items()})  # type: ignore[arg-type]
    answers, overlay = settings.answers, settings.overlay
    return Preferences(
        model=answers.model.strip() or None,
        device=_chosen(answers.device),
        precision=_chosen(answers.precision),
        words=int(answers.words),
        colormap=overlay.colormap,
        opacity=float(overlay.opacity),
    )


def choose_model(**choices: str | None) -> None:
    """Keep choices for every panel, from the next question on.

    Parameters
    ----------
    **choices : str or None
        ``model``, ``device`` and ``precision``, as many as were chosen; None: the default.
    """
    settings = _settings()
    for name, value in choices.items():
        if settings is None:
            _CHOSEN[name] = value or ""
        elif name == "model":
            settings.answers.model = value or ""
        else:
            setattr(settings.answers, name, value or _AUTOMATIC)


def _settings() -> Any | None:
    try:
        from napari.settings import get_plugin_settings

        settings: Any = get_plugin_settings(PLUGIN)
        _ = settings.answers.precision, settings.overlay.opacity
    except (ImportError, KeyError, AttributeError):  # the plugin is not registered with napari
        return None
    return settings


def _chosen(value: str) -> str | None:
    return None if value == _AUTOMATIC else value
