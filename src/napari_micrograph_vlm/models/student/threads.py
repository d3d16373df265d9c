"""How many CPU threads a small computation gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one CPU thread.

    The layers are too small to share out: threads that wait for each other at every one of them
    take many times as long as soon as another program, or the window, wants a core.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
