"""From what the model looked at to objects and their sizes.

This package carries the name of the function that it is there for, so it can be called like it:
whichever of the two a name stands for once something here was imported, ``measure(answer)`` works.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__: list[str] = []


class _Callable(ModuleType):
    """A module that is called as the function of its name."""

    def __call__(self, *given: Any, **options: Any) -> Any:
        from .measurement import measure

        return measure(*given, **options)


sys.modules[__name__].__class__ = _Callable
