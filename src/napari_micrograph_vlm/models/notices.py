"""News from a model that are no part of its answer, such as that a server makes it wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["noticed", "tell"]

_LISTENER: ContextVar[Callable[[str], object] | None] = ContextVar("listener", default=None)


def tell(sentence: str) -> None:
    """Tell whoever asked the model; nobody need listen."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(sentence)


@contextmanager
def noticed(listener: Callable[[str], object]) -> Iterator[None]:
    """Have ``listener`` told, in the thread that works, what is told in the ``with`` block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
