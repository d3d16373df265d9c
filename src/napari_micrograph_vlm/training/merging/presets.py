"""Cephalo's published layouts of deeper models.

Read in the model cards and in the notebook ``Cephalo Model Merging - 10b`` of github
``lamm-mit/Cephalo``: the 32 layers of Cephalo-Idefics-2-vision-8b-beta, then the last 8 (10b) or 16
(12b) of idefics2-8b-chatty, from which it had been made; all else from the first. Then the new
layers alone were taught. Of the 12b model only "32+16=48 layers" was read; that the 16 are the last
ones, too, follows from the 10b one, and its size (23.8 GB in 16 bits) fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ...errors import ModelError
from .checkpoint import Checkpoint
from .stacking import Part, stack_layers

__all__ = ["PRESETS", "Preset", "parts_of", "stack_preset"]


@dataclass(frozen=True)
class Preset:
    """All layers of a first model, then the last layers of a second.

    Attributes
    ----------
    last, of : int
        How many layers of the second, and of how many; for other depths the same share.
    models : tuple of str
        The models that were merged when it was published.
    """

    last: int
    of: int
    models: tuple[str, str]


_CEPHALO = ("lamm-mit/Cephalo-Idefics-2-vision-8b-beta", "HuggingFaceM4/idefics2-8b-chatty")

PRESETS = {"cephalo-10b": Preset(8, 32, _CEPHALO), "cephalo-12b": Preset(16, 32, _CEPHALO)}
"""40 and 48 layers of two models with 32."""


def parts_of(name: str, first: Path, second: Path, *, silent: bool = False) -> tuple[Part, Part]:
    """Return the layers that a preset stacks.

    Raises
    ------
    ModelError
        If there is no such preset, or the second model's depth has no such share.
    """
    preset = PRESETS.get(name)
    if preset is None:
        raise ModelError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    ours, theirs = (Checkpoint.open(folder).depth for folder in (first, second))
    last, rest = divmod(theirs * preset.last, preset.of)
    if rest:
        raise ModelError(
            f"{name} takes the last {preset.last} of {preset.of} layers, and {second} has "
            f"{theirs}; name the ranges of layers yourself."
        )
    return Part(first, (0, ours)), Part(second, (theirs - last, theirs), silent)


def stack_preset(
    name: str,
    first: Path,
    second: Path,
    output: Path,
    *,
    silent: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Stack layers as a preset says; see :func:`.stacking.stack_layers`."""
    return stack_layers(
        parts_of(name, first, second, silent=silent), output, on_progress=on_progress, stop=stop
    )
