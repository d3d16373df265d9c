"""Sample pictures for the viewer: one of each kind of question the plugin answers."""

from __future__ import annotations

from . import films, particles, patterns
from .synthesize import Variant, synthesize_variant
from .truth import Micrograph

SIDE = 768
"""Rows and columns of a sample picture."""


def wafer_with_defects() -> Micrograph:
    """Line/space pattern with two bridged pairs of lines."""
    return synthesize_variant(
        5, "patterned surfaces", Variant(patterns.line_space), (("bridge", 2),), SIDE
    )


def coating_with_crack() -> Micrograph:
    """Coated substrate, cut across, with a crack through the coating."""
    return synthesize_variant(
        9, "films and coated surfaces", Variant(films.cross_section), (("crack", 1),), SIDE
    )


def particle_field() -> Micrograph:
    """Dispersed particles, some of them in an agglomerate."""
    return synthesize_variant(
        7, "particles", Variant(particles.dispersed_particles), (("agglomerate", 1),), SIDE
    )
