"""Synthetic micrographs with exact truth, for training and for tests."""

from __future__ import annotations

from .synthesize import DEFECT_HOSTS, synthesize
from .truth import CATEGORIES, DEFECT_KINDS, Defect, Micrograph

__all__ = [
    "CATEGORIES",
    "DEFECT_HOSTS",
    "DEFECT_KINDS",
    "Defect",
    "Micrograph",
    "synthesize",
]
