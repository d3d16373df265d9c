"""What a structure is, in a few numbers with units: the kind, how dense, how large, which way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from ..errors import MicrographError
from ..lengths import in_metres, readable_length
from ..results import Turn
from .kinds import KINDS, ORIENTATIONS, Kind
from .units import LONGEST, SHORTEST

__all__ = ["StructureError", "StructureFields", "complete"]

LEAST_DENSITY = 0.005
DEFAULT_WIDTH = 1000.0
"""Side of a block of which no length is known, in nanometres."""


class StructureError(MicrographError, ValueError):
    """A structure that cannot be described, built or written."""


@dataclass(frozen=True)
class StructureFields:
    """A structure, described so that it can be built.

    Attributes
    ----------
    kind : str
        One of :data:`~.kinds.KINDS`, such as ``"fibres"`` or ``"gyroid"``.
    density : float
        Share of the volume that is solid, 0 to 1.
    size : float
        Thickness of a fibre, line, layer, strut or ligament, diameter of a sphere, pillar, hole or
        of a tip's foot, width of a film's bump, in ``unit``.
    spacing : float
        Distance of neighbours: the period of an array or a minimal surface, the diameter of a
        foam's cell, in ``unit``.
    width, depth : float
        Side of the square block as it is seen from above, and its thickness, in ``unit``.
    unit : str
        Of all lengths: ``"nm"``, ``"µm"``, or ``"pixel"`` where the scale is not known.
    orientation : str
        One of :data:`~.kinds.ORIENTATIONS`; the first three as seen from above.
    regularity : float
        1: a perfect lattice, or all in one direction; 0: at random.
    angle : float or None
        Direction in degrees from the horizontal, counter-clockwise, in place of ``orientation``.
    assumed : tuple of str
        Fields that nobody said; a usual value was taken.
    overridden : tuple of str
        What was said and could not be kept beside the rest, and what is instead, in words.
    said : tuple of Turn
        The questions and answers that it was taken from.
    """

    kind: str
    density: float
    size: float
    spacing: float
    width: float
    depth: float
    unit: str = "nm"
    orientation: str = "random"
    regularity: float = 1.0
    angle: float | None = None
    assumed: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    said: tuple[Turn, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise StructureError(
                f"There is no structure “{self.kind}”; choose one of {', '.join(KINDS)}."
            )
        if self.orientation not in ORIENTATIONS:
            raise StructureError(
                f"There is no orientation “{self.orientation}”; choose one of "
                f"{', '.join(ORIENTATIONS)}."
            )
        if not 0 <= self.density <= 1:
            raise StructureError(
                f"The density is {100 * self.density:g} %; it lies between 0 and 100 %, or 0 and 1."
            )
        most = self.of_kind.densest
        if not LEAST_DENSITY <= self.density <= most:
            raise StructureError(
                f"{self.of_kind.plural.capitalize()} can be {100 * LEAST_DENSITY:g} to "
                f"{100 * most:g} % solid, not {100 * self.density:.3g} %; choose another density."
            )
        metres = None if self.unit == "pixel" else in_metres(self.unit)
        if self.unit != "pixel" and metres is None:
            raise StructureError(f"“{self.unit}” is no unit of length; give nm, µm, mm or pixel.")
        for name in ("size", "spacing", "width", "depth"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise StructureError(f"The {name} is {value:g} {self.unit}; it has to be above 0.")
            if not SHORTEST <= value * (metres or 1e-9) <= LONGEST:
                least, longest = ("1 pm", "1 km") if metres else ("0.001 pixel", "10¹² pixel")
                raise StructureError(
                    f"The {name} is {value:.3g} {self.unit}; it lies between {least} and {longest}."
                )
        if self.angle is not None and not -360 <= self.angle <= 360:
            raise StructureError(f"The angle is {self.angle:g}°; it lies between -360 and 360°.")
        if not 0 <= self.regularity <= 1:
            raise StructureError(f"The regularity is {self.regularity:g}; it lies between 0 and 1.")

    @property
    def of_kind(self) -> Kind:
        """What is particular to the kind."""
        return KINDS[self.kind]

    @property
    def layers(self) -> int:
        """How many periods there are across the block: the number of layers, lines or cells."""
        return max(round(self.width / self.spacing), 1)

    def __str__(self) -> str:
        kind = self.of_kind
        text = f"{kind.plural}, {100 * self.density:.3g} % solid"
        if kind.directed:
            text += ", " + (
                self.orientation if self.angle is None else f"at {self.angle:g}° to the horizontal"
            )
        text += f"; {kind.size_name} {readable_length(self.size, unit=self.unit)}"
        if kind.spacing_name:
            text += f", {kind.spacing_name} {readable_length(self.spacing, unit=self.unit)}"
        block = readable_length(self.width, self.width, self.depth, unit=self.unit)
        return f"{text}; block of {block}"

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        made = asdict(self)
        made["said"] = [list(one.values()) for one in made["said"]]
        return {**made, "assumed": list(self.assumed), "overridden": list(self.overridden)}

    def with_values(self, **values: Any) -> StructureFields:
        """Return it with other values; density, size and spacing are brought to agree.

        Of the three, what is given stays: of density and size the spacing follows, of density
        and spacing the size, of size and spacing the density. Where one is given, the density
        stays (or the size, if the density is given).

        Raises
        ------
        StructureError
            If a value cannot be.
        """
        new = {name: value for name, value in values.items() if value is not None}
        if not new:
            return self
        kept = {name: getattr(self, name) for name in ("width", "depth", "unit", "orientation")}
        kept |= {"regularity": self.regularity, "angle": self.angle}
        if "orientation" in new:
            kept.pop("angle")
        same = new.get("kind", self.kind) == self.kind
        if (
            "spacing" in new
            and not KINDS.get(new.get("kind", self.kind), self.of_kind).spacing_name
        ):
            raise StructureError("A film has no spacing; give its size, the width of a bump.")
        given = {"density", "size", "spacing"} & new.keys()
        if same and not given & {"density"} and len(given) < 2:
            kept["density"] = self.density
        if not given & {"size", "spacing"}:
            kept["size"] = self.size
        if same and not given:
            kept["overridden"] = self.overridden
        made = complete(**{"kind": self.kind, **kept, **new})
        assumed = tuple(name for name in self.assumed if name not in new)
        return replace(made, assumed=assumed, said=self.said)


def complete(**given: Any) -> StructureFields:
    """Return fields of which only some are known; what is not becomes what is usual.

    Parameters
    ----------
    **given : Any
        Any attributes of :class:`StructureFields`; those that are None count as not known.
        ``layers``, a number of periods, may stand for ``spacing`` or ``width``.

    Raises
    ------
    StructureError
        If no kind is given, or a value is none.
    """
    known = {name: value for name, value in given.items() if value is not None}
    if not known.get("kind"):
        raise StructureError(
            f"No kind of structure was named; name one, such as {', '.join(list(KINDS)[:4])}."
        )
    name = str(known["kind"])
    if name not in KINDS:
        raise StructureError(f"There is no structure “{name}”; choose one of {', '.join(KINDS)}.")
    kind = KINDS[name]
    layers = known.pop("layers", None)
    if layers is not None and not 0 < layers < float("inf"):
        raise StructureError(f"{layers:g} layers cannot be built; give at least one.")
    if layers is not None and "width" in known and "spacing" not in known:
        known["spacing"] = known["width"] / layers
    _agree(known, kind)
    known["overridden"] = _overridden(given, known, kind, layers)
    if layers is not None and "width" not in known:
        known["width"] = layers * known["spacing"]
    known.setdefault("width", kind.periods * known["spacing"])
    along = kind.depth_in_sizes * known["size"] + kind.depth_in_spacings * known["spacing"]
    known.setdefault("depth", min(along, 2 * known["width"]))
    known.setdefault("orientation", kind.orientation)
    known.setdefault("regularity", kind.regularity)
    said = {name for name, value in given.items() if value is not None}
    unsaid = [name for name in ("density", "size", "spacing", "width", "depth") if name not in said]
    # Two of three give the third, and a number of layers one of two lengths.
    if len({"density", "size", "spacing"} & said) == 2:
        unsaid = [name for name in unsaid if name not in ("density", "size", "spacing")]
    known.setdefault("assumed", tuple(unsaid))
    return StructureFields(**known)


def _agree(known: dict[str, Any], kind: Kind) -> None:
    """Fill in density, size and spacing in place, so that they belong together."""
    density, size, spacing = (known.get(name) for name in ("density", "size", "spacing"))
    if density is None and size is not None and spacing is not None and kind.coefficient:
        if not (size > 0 and spacing > 0):
            raise StructureError("Sizes and spacings are lengths above 0.")
        share = kind.density_of(size, spacing)
        if not LEAST_DENSITY <= share <= kind.densest:
            better = "larger" if size >= spacing else "smaller"
            raise StructureError(
                f"{kind.plural.capitalize()} of a size of {_said(size, known)} do not fit a "
                f"spacing of {_said(spacing, known)}; choose a {better} spacing."
            )
        known["density"] = share
        return
    wanted = float(known.setdefault("density", kind.usual_density))
    ratio = kind.ratio_of(min(max(wanted, LEAST_DENSITY), 0.999))
    if size is None and spacing is None:
        spacing = known.get("width", _usual_width(known)) / kind.periods
        if "depth" in known and "width" not in known:
            # Only the height was said: elements are as high for their size as is usual.
            spacing = known["depth"] / (kind.depth_in_sizes * ratio + kind.depth_in_spacings)
    if size is None:
        assert spacing is not None
        known["size"], known["spacing"] = ratio * spacing, spacing
    else:
        known["size"] = size
        # Three values that do not agree: what is seen of density and size is more certain.
        known["spacing"] = size / ratio


def _overridden(
    given: dict[str, Any], known: dict[str, Any], kind: Kind, layers: float | None
) -> tuple[str, ...]:
    """Say which stated values the others leave no room for."""
    made = list(given.get("overridden") or ())
    said, kept = given.get("spacing"), known["spacing"]
    if not kept > 0:
        return tuple(made)  # refused with the other values
    if kind.spacing_name and said is not None and abs(said / kept - 1) > 0.02:
        made.append(
            f"{kind.spacing_name} {_said(said, known)}: {_said(kept, known)} goes with "
            f"{100 * known['density']:.3g} % solid and a {kind.size_name} of "
            f"{_said(known['size'], known)}"
        )
    if layers is not None and "width" in known:
        there = known["width"] / kept
        if abs(there / layers - 1) > 0.02:
            made.append(f"{layers:g} periods: {there:.3g} are in a width of "
                        f"{_said(known['width'], known)}")  # fmt: skip
    return tuple(made)


def _said(length: float, known: dict[str, Any]) -> str:
    return readable_length(length, unit=str(known.get("unit", "nm")))


def _usual_width(known: dict[str, Any]) -> float:
    """Return the side of a block of which no length is known, in the unit that was given."""
    metres = in_metres(str(known.get("unit", "nm")))
    return DEFAULT_WIDTH if metres is None else DEFAULT_WIDTH * 1e-9 / metres
