"""The models in use, shared by every panel and used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

from ..errors import Cancelled
from ..models.base import Model
from ..models.consent import is_remote
from .model_choice import CHANGES

__all__ = ["MODELS", "ModelHolder"]

Key = tuple[str | None, str | None, str | None]
"""Name, device and precision, None for the defaults."""

_POLL = 0.05
"""Seconds between two looks at whether a waiting job was stopped."""


def _load(
    name: str | None, device: str | None, precision: str | None = None, **waiting: Any
) -> Model:
    # Imports torch and transformers, which takes seconds: only ever called in a worker.
    from ..api import load_model

    return load_model(name, device or "auto", precision=precision or "auto", **waiting)


def _forget(model: Model) -> None:
    from ..api import unload_model

    unload_model(model)


class ModelHolder:
    """Keeps the last model loaded and lets one thread at a time use it.

    Parameters
    ----------
    load : callable, optional
        ``load(name, device)``, or ``load(name, device, precision)`` where a precision was chosen,
        returns a model; it may take long. For a server it also gets ``cancel``, an event.
    forget : callable, optional
        ``forget(model)`` gives its memory back.
    """

    def __init__(
        self,
        load: Callable[..., Model] = _load,
        forget: Callable[[Model], Any] = _forget,
    ) -> None:
        self._load = load
        self._forget = forget
        self._models: dict[Key, Model] = {}
        self._lock = Lock()

    @property
    def held(self) -> tuple[Key, Model] | None:
        """What is loaded, and as what it was asked for; never waits."""
        return next(iter(self._models.items()), None)

    def loaded(
        self, name: str | None = None, device: str | None = None, precision: str | None = None
    ) -> Model | None:
        """Return the model if it is loaded; never waits."""
        return self._models.get((name, device, precision))

    def unload(self, cancel: Event) -> bool:
        """Give back the memory of what is loaded, once nothing uses it; call it in a worker.

        Returns
        -------
        bool
            Whether there was something to unload.

        Raises
        ------
        Cancelled
            If ``cancel`` was set while waiting.
        """
        self._wait(cancel)
        try:
            return self._drop()
        finally:
            self._lock.release()

    @contextmanager
    def use(
        self,
        name: str | None = None,
        device: str | None = None,
        precision: str | None = None,
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
        self._wait(cancel)
        try:
            key = name, device, precision
            if key not in self._models:
                if on_load is not None:
                    on_load()
                # One at a time: they are large.
                self._drop()
                chosen = (name, device) if precision is None else key
                waiting = {"cancel": cancel} if is_remote(name) else {}
                try:
                    self._models = {key: self._load(*chosen, **waiting)}
                finally:
                    # Qt hands it over to the thread of the panels.
                    CHANGES.happened.emit()
            if cancel.is_set():
                raise Cancelled
            yield self._models[key]
        finally:
            self._lock.release()

    def _wait(self, cancel: Event) -> None:
        while not self._lock.acquire(timeout=_POLL):
            if cancel.is_set():
                raise Cancelled

    def _drop(self) -> bool:
        models, self._models = self._models, {}
        for model in models.values():
            self._forget(model)
        return bool(models)


MODELS = ModelHolder()
"""The models of this session."""
