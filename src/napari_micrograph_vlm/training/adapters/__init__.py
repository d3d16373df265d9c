"""Fine-tuning of local models: a small set of weights beside the model's own (LoRA, QLoRA)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import fine_tune
    from .settings import Outcome, Progress, Settings

__all__ = ["Outcome", "Progress", "Settings", "fine_tune"]


def __getattr__(name: str) -> Any:
    # Late: the settings are read by the command line, which must not import torch.
    if name == "fine_tune":
        from .run import fine_tune

        return fine_tune
    if name in __all__:
        from . import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
