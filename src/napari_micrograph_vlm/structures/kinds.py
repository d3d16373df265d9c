"""The kinds of structure, as data."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

__all__ = ["KINDS", "ORIENTATIONS", "Kind"]

ORIENTATIONS: tuple[str, ...] = (
    "horizontal",
    "vertical",
    "diagonal",
    "upright",
    "in plane",
    "random",
)
"""Left to right, up and down and from lower left to upper right as seen from above; along the
line of sight; any direction in the plane of the picture; any direction."""


@dataclass(frozen=True)
class Kind:
    """What is particular to one kind of structure.

    Density, size and spacing belong together: the solid share is ``coefficient * (size / spacing)
    ** power``, or 1 less that where the elements are holes. It is exact for arrays, and for
    networks the length of their axes in a volume times their cross-section.

    Attributes
    ----------
    plural : str
        What people call it.
    size_name, spacing_name : str
        What size and spacing are of; no name where there is no spacing.
    coefficient, power : float
        See above; a coefficient of 0 where the density is of its own.
    densest, usual_density : float
        Largest and usual solid share.
    holes : bool
        Whether the elements are empty, and what is around them solid.
    directed : bool
        Whether a direction means something.
    orientation, regularity
        As usual.
    periods : float
        Spacings across a block whose width is not known.
    depth_in_sizes, depth_in_spacings : float
        The usual depth is the sum of so many of both.
    category : str
        Of the samples that look like it.
    view : float
        From which tilt in degrees such a sample is usually pictured.
    """

    plural: str
    size_name: str
    spacing_name: str
    coefficient: float
    power: float
    densest: float
    usual_density: float
    category: str
    holes: bool = False
    directed: bool = False
    orientation: str = "random"
    regularity: float = 1.0
    periods: float = 8.0
    depth_in_sizes: float = 0.0
    depth_in_spacings: float = 0.0
    view: float = 0.0

    def density_of(self, size: float, spacing: float) -> float:
        """Return the solid share that size and spacing make."""
        filled = float(self.coefficient * (size / spacing) ** self.power)
        return 1 - filled if self.holes else filled

    def ratio_of(self, density: float) -> float:
        """Return size over spacing of a density."""
        if not self.coefficient:
            return 1.0
        filled = 1 - density if self.holes else density
        return float((filled / self.coefficient) ** (1 / self.power))


_POROUS, _PATTERN, _FILM = "porous sponge", "patterned surfaces", "films and coated surfaces"

KINDS: dict[str, Kind] = {
    "fibres": Kind(
        "fibres", "thickness", "mean distance", pi / 4, 2, 0.9, 0.2, "fibres",
        directed=True, orientation="in plane", regularity=0.9, periods=12, depth_in_sizes=5,
    ),
    "spheres": Kind(
        "spheres", "diameter", "mean distance", pi / 6, 3, 0.95, 0.3, "particles",
        regularity=0.0, periods=10, depth_in_sizes=4,
    ),
    # Axes of the srs, cubic and diamond nets in a cubic cell: 4.24, 3 and 6.93 periods long.
    "gyroid": Kind(
        "gyroid", "ligament", "period", 4.243 * pi / 4, 2, 0.95, 0.5, _POROUS,
        periods=4, depth_in_spacings=2,
    ),
    "schwarz p": Kind(
        "Schwarz P surface", "ligament", "period", 3 * pi / 4, 2, 0.95, 0.5, _POROUS,
        periods=4, depth_in_spacings=2,
    ),
    "schwarz d": Kind(
        "Schwarz D surface", "ligament", "period", 6.928 * pi / 4, 2, 0.95, 0.5, _POROUS,
        periods=4, depth_in_spacings=2,
    ),
    "sponge": Kind(
        "sponge", "ligament", "spacing", 2.0, 2, 0.95, 0.5, _POROUS,
        directed=True, regularity=0.5, periods=10, depth_in_spacings=2,
    ),
    # Edges of cells in a volume, 5.83 for one cell (Okabe et al., Spatial Tessellations, 2000).
    "foam": Kind(
        "open-cell foam", "strut", "cell diameter", 5.83 * pi / 4, 2, 0.9, 0.1, _POROUS,
        directed=True, regularity=0.5, periods=6, depth_in_spacings=2,
    ),
    "layers": Kind(
        "layers", "thickness", "period", 1.0, 1, 0.97, 0.5, _FILM,
        directed=True, orientation="horizontal", periods=8, depth_in_spacings=2,
    ),
    "film": Kind(
        "film", "width of a bump", "", 0.0, 1, 0.95, 0.6, _FILM,
        regularity=0.0, periods=10, depth_in_sizes=1,
    ),
    "lines": Kind(
        "lines", "width", "pitch", 1.0, 1, 0.97, 0.5, _PATTERN,
        directed=True, orientation="vertical", periods=10, depth_in_sizes=1.5,
    ),
    "pillars": Kind(
        "pillars", "diameter", "pitch", pi / 4, 2, 0.75, 0.3, _PATTERN,
        orientation="upright", depth_in_sizes=2,
    ),
    "holes": Kind(
        "plate with holes", "diameter of a hole", "pitch", pi / 4, 2, 0.98, 0.7, _PATTERN,
        holes=True, orientation="upright", depth_in_sizes=1,
    ),
    "tips": Kind(
        "tips", "diameter of the foot", "pitch", pi / 12, 2, 0.25, 0.2, "tips",
        orientation="upright", periods=3, depth_in_sizes=2.5, view=70,
    ),
}  # fmt: skip
"""Names as they are chosen -> what they are."""
