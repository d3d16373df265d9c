"""The models in use, shared by every panel and used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

from ..errors import Cancelled
from ..models.base import Model

__all__ = ["MODELS", "ModelHolder"]

Key = tuple[str | None, str | None]
"""Name and device, None for the defaults."""

_POLL = 0.05
"""Seconds between two looks at whether a waiting job was stopped."""


def _load(name: str | None, device: str | None) -> Model:
    # Imports torch and transformers, which takes seconds: only ever called in a worker.
    from ..api import load_model

    return load_model(name, device or "auto")


class ModelHolder:
    """Keeps the last model loaded and lets one thread at a time use it.

    Parameters
    ----------
    load : callable, optional
        ``load(name, device)`` returns a model; it may take long.
    """

    def __init__(self, load: Callable[[str | None, str | None], Model] = _load) -> None:
        self._load = load
        self._models: dict[Key, Model] = {}
        self._lock = Lock()

    def loaded(self, name: str | None = None, device: str | None = None) -> Model | None:
        """Return the model if it is loaded; never waits."""
        return self._models.get((name, device))

    @contextmanager
    def use(
        self,
        name: str | None = None,
        device: str | None = None,
        *,
        cancel: Event,
        on_load: Callable[[], None] | None = None,
    ) -> Iterator[Model]:
        """Wait for the model, loading it if need be, and keep it for the ``with`` block.

        Call it in a worker only.

        Raises
        ------
        Cancelled
            If ``cancel`` was set while waiting.
        """
        while not self._lock.acquire(timeout=_POLL):
            if cancel.is_set():
                raise Cancelled
        try:
            key = name, device
            if key not in self._models:
                if on_load is not None:
                    on_load()
                # One at a time: they are large.
                self._models = {key: self._load(name, device)}
            if cancel.is_set():
                raise Cancelled
            yield self._models[key]
        finally:
            self._lock.release()


MODELS = ModelHolder()
"""The models of this session."""
