"""Models: anything that turns a question about regions into an answer."""

from .base import Model, ModelInput, View

__all__ = ["Model", "ModelInput", "View"]
