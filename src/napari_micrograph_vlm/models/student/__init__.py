"""The student: a small MVaEMa model that runs on a laptop.

Imported when first used, so that looking at the package costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Student

__all__ = ["Student"]


def __getattr__(name: str) -> Any:
    if name == "Student":
        from .engine import Student

        return Student
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
