"""Draw a synthetic micrograph of a category, with or without defects, and its exact truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from . import arrays, films, mems, networks, particles, patterns, shapes_bio_tips
from .formation import compress, contrast_of, expose, signal_of, weather
from .geometry import Mask
from .infobar import annotate, information_bar
from .noise import Float
from .quality import CHANCES, Scan, draw_scan, torn
from .scene import Plan, Scene, Shape
from .truth import CATEGORIES, DEFECT_KINDS, Defect, Micrograph

Builder = Callable[[np.random.Generator, Shape, Plan], Scene]


@dataclass(frozen=True)
class Variant:
    """One way a category can look.

    Attributes
    ----------
    build : callable
        Makes the scene.
    weight : float
        How often it is drawn relative to the other variants of the category.
    defects : tuple of str
        Kinds of defect it can host.
    """

    build: Builder
    weight: float = 1.0
    defects: tuple[str, ...] = ()


_ON_PATTERN = ("particle", "residue", "scratch")
_ON_DEVICE = ("break", "particle", "crack", "residue", "void")

VARIANTS: dict[str, tuple[Variant, ...]] = {
    "biological": (
        Variant(shapes_bio_tips.blood_cells),
        Variant(shapes_bio_tips.bacteria),
        Variant(shapes_bio_tips.pollen, 0.8),
        Variant(shapes_bio_tips.tissue, 0.8),
        Variant(shapes_bio_tips.vesicles, 0.5),
    ),
    "fibres": (
        Variant(networks.fibres, 1.0, ("break",)),
        Variant(networks.woven, 0.35, ("break",)),
    ),
    "films and coated surfaces": (
        Variant(films.top_view, 1.0, ("crack", "pore", "blister", "inclusion", "scratch")),
        Variant(films.cross_section, 1.0, ("crack", "delamination", "pore", "inclusion")),
    ),
    "MEMS devices and electrodes": (
        Variant(mems.comb, 1.0, _ON_DEVICE),
        Variant(mems.cantilevers, 0.8, _ON_DEVICE),
        Variant(mems.electrodes, 0.9, _ON_DEVICE),
    ),
    "nanowires": (
        Variant(networks.nanowires, 1.0, ("break", "particle")),
        Variant(networks.forest, 0.4, ("particle",)),
    ),
    "particles": (
        Variant(particles.particles, 1.0, ("agglomerate", "broken particle")),
        Variant(particles.particles_tem, 0.6, ("agglomerate", "broken particle")),
    ),
    "patterned surfaces": (
        Variant(
            patterns.line_space,
            1.5,
            (
                "bridge",
                "micro-bridge",
                "break",
                "necking",
                "pattern collapse",
                "void",
                "edge roughness",
                *_ON_PATTERN,
            ),
        ),
        Variant(arrays.contact_holes, 1.0, ("missing hole", "closed hole", *_ON_PATTERN)),
        Variant(arrays.pillars, 0.5, _ON_PATTERN),
        Variant(patterns.grating, 0.4, _ON_PATTERN),
    ),
    "porous sponge": (
        Variant(networks.sponge, 1.0, ("crack",)),
        Variant(networks.foam, 0.6),
    ),
    "powder": (Variant(particles.powder, 1.0, ("agglomerate", "broken particle")),),
    "tips": (
        Variant(shapes_bio_tips.tips, 1.0, ("particle",)),
        Variant(shapes_bio_tips.tip_array, 0.35, ("particle",)),
    ),
}
"""The looks of each category."""

DEFECT_HOSTS: dict[str, tuple[str, ...]] = {
    category: tuple(
        kind for kind in DEFECT_KINDS if any(kind in v.defects for v in VARIANTS[category])
    )
    for category in CATEGORIES
}
"""The kinds of defect that each category can show."""

_LONG = ("scratch", "crack", "delamination", "pattern collapse", "agglomerate", "edge roughness")


def _count(rng: np.random.Generator, kind: str) -> int:
    if kind in _LONG:
        return int(rng.choice([1, 2, 3], p=[0.65, 0.27, 0.08]))
    return int(rng.choice([1, 2, 3, 4, 5], p=[0.42, 0.26, 0.16, 0.1, 0.06]))


def _choose(
    rng: np.random.Generator, category: str | None, defect: str | None
) -> tuple[str, Variant, Plan]:
    """Draw category, look and defects."""
    if category is None:
        able = CATEGORIES
        if defect not in (None, "any"):
            able = tuple(c for c in CATEGORIES if defect in DEFECT_HOSTS[c])
        category = str(rng.choice(able))
    hosts = DEFECT_HOSTS[category]
    kind: str | None = defect
    if defect == "any":
        kind = str(rng.choice(hosts)) if hosts and rng.random() < 0.65 else None
    variants = [v for v in VARIANTS[category] if kind is None or kind in v.defects]
    weights = np.array([v.weight for v in variants])
    variant = variants[int(rng.choice(len(variants), p=weights / weights.sum()))]
    if kind is None:
        return category, variant, ()
    plan = [(kind, _count(rng, kind))]
    others = [k for k in variant.defects if k != kind]
    if others and rng.random() < 0.12:
        plan.append((str(rng.choice(others)), 1))
    return category, variant, tuple(plan)


def _check(
    category: str | None, defect: str | None, size: int | tuple[int, int]
) -> tuple[int, int]:
    if category is not None and category not in CATEGORIES:
        raise ValueError(f"Unknown category {category!r}; choose one of {', '.join(CATEGORIES)}.")
    if defect not in (None, "any"):
        if defect not in DEFECT_KINDS:
            raise ValueError(f"Unknown defect {defect!r}; choose one of {', '.join(DEFECT_KINDS)}.")
        if category is not None and defect not in DEFECT_HOSTS[category]:
            able = ", ".join(DEFECT_HOSTS[category]) or "none"
            raise ValueError(
                f"The category {category!r} cannot show the defect {defect!r}; it can show: {able}."
            )
    sides = (size, size) if isinstance(size, int | np.integer) else tuple(size)
    if len(sides) != 2:
        raise ValueError(f"The size must be one side or rows and columns, not {size}.")
    rows, columns = sides
    if not (64 <= rows <= 1024 and 64 <= columns <= 1024):
        raise ValueError(f"The size must lie between 64 and 1024 pixels a side, not {size}.")
    return int(rows), int(columns)


def _density(objects: Mask) -> str:
    share = float(objects.mean())
    if share < 0.12:
        return "sparse"
    return "moderate" if share < 0.35 else "dense"


def _size_class(size: float, side: int) -> str:
    if size < 0.05 * side:
        return "small"
    return "medium" if size < 0.12 * side else "large"


def synthesize(
    seed: int,
    *,
    category: str | None = None,
    defect: str | None = "any",
    size: int | tuple[int, int] = 384,
) -> Micrograph:
    """Make a synthetic micrograph and its truth.

    Parameters
    ----------
    seed : int
        The same arguments always give the same picture; 0 or more.
    category : str, optional
        One of ``CATEGORIES``; drawn if None.
    defect : str or None
        One of ``DEFECT_KINDS``; ``"any"`` draws none in about a third of the pictures and
        otherwise a kind that the category can show; None makes a good picture.
    size : int or tuple of int
        Side, or rows and columns, in pixels; 64 to 1024.

    Returns
    -------
    Micrograph

    Raises
    ------
    ValueError
        If a name is unknown, the category cannot show the defect, or the size is out of range.
    """
    shape = _check(category, defect, size)
    for attempt in range(20):
        rng = _generator(seed, attempt)
        made = _picture(rng, seed, *_choose(rng, category, defect), shape)
        if made is not None:
            return made
    raise RuntimeError(f"No picture could be made for seed {seed}, {category!r}, {defect!r}.")


def _generator(seed: int, attempt: int) -> np.random.Generator:
    if seed < 0:
        raise ValueError(f"The seed must be 0 or more, not {seed}.")
    return np.random.Generator(np.random.PCG64([seed, attempt]))


def synthesize_variant(
    seed: int, category: str, variant: Variant, plan: Plan, size: int, bare: bool = True
) -> Micrograph:
    """Make a picture of one look with exactly the defects given, as the samples need.

    Parameters
    ----------
    seed : int
        The same arguments always give the same picture; 0 or more.
    category : str
        One of ``CATEGORIES``; it is only written down.
    variant : Variant
        What to build.
    plan : tuple of (str, int)
        Kinds and numbers of defects.
    size : int
        Rows and columns in pixels.
    bare : bool
        Leave out information bar, letters, compression and inverted contrast.

    Returns
    -------
    Micrograph
    """
    for attempt in range(20):
        made = _picture(
            _generator(seed, attempt), seed, category, variant, plan, (size, size), bare
        )
        if made is not None and len(made.defects) == sum(number for _, number in plan):
            return made
    raise RuntimeError(f"No picture could be made for seed {seed}, {category!r}, {plan!r}.")


def _picture(
    rng: np.random.Generator,
    seed: int,
    category: str,
    variant: Variant,
    plan: Plan,
    shape: Shape,
    bare: bool = False,
) -> Micrograph | None:
    """Make one picture; None if a defect asked for found no place."""
    rows, columns = shape
    bar = 0
    if not bare and rows >= 128 and columns >= 128 and rng.random() < 0.3:
        bar = max(14, round(rows * rng.uniform(0.06, 0.1)))
    field: Shape = (rows - bar, columns)
    margin = max(3, round(0.02 * min(field)))
    scene = variant.build(rng, (field[0] + 2 * margin, field[1] + 2 * margin), plan)
    weather(rng, scene)
    wanted = [] if bare else [name for name, chance in CHANCES.items() if rng.random() < chance]
    if scene.flat:
        wanted = [name for name in wanted if name != "charging"]
    if "blurred" in wanted and "astigmatic" in wanted:
        wanted.remove("blurred")
    scan = draw_scan(rng, field, margin, "drift" in wanted)
    flaws = [name for name in wanted if name != "drift"] + ["drift"] * torn(scan)
    found: list[tuple[str, Mask]] = []
    for kind, mask in scene.defects:
        seen = scan.mask(mask).astype(bool)
        if seen.sum() >= 6:
            found.append((kind, seen))
    if {kind for kind, _ in found} != {kind for kind, _ in plan}:
        return None
    objects = scan.mask(scene.objects).astype(bool)
    # A pore or a crack is told by being dark, so inverted pictures show no defects.
    invert = not bare and not plan and bool(rng.random() < 0.06)
    image = expose(rng, scan.picture(signal_of(rng, scene)), bool(plan), invert, flaws)
    contrast, density = contrast_of(image, objects), _density(objects)
    low, high = scene.nm
    pixel = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * 384 / min(shape)
    extra = dict(scene.extra)
    busy = np.zeros(field, bool)
    for _, mask in found:
        busy |= mask
    if found:
        busy = ndimage.binary_dilation(busy, iterations=3)
    hidden = np.zeros(field, bool)
    if not bare:
        draw = rng.random()
        letter, scale = draw < 0.22, not bar and 0.12 < draw < 0.42
        hidden, facts = annotate(rng, image, busy, pixel, letter, scale)
        extra.update(facts)
    if bar:
        strip, text = information_bar(rng, columns, bar, pixel)
        image = np.concatenate([image, strip])
        extra["scale_bar"] = text
    if not bare and rng.random() < 0.3:
        image = compress(image, int(rng.integers(35, 92)))
    below = ((0, bar), (0, 0))
    objects &= ~hidden
    count, centres, cores = _visible(scene, scan, hidden)
    return Micrograph(
        image=np.ascontiguousarray(image),
        category=category,
        technique="TEM" if scene.flat else "SEM",
        objects=scene.name,
        count=count,
        object_mask=np.pad(objects, below),
        size_class=_size_class(scene.size, min(shape)),
        density=density,
        orientation=scene.orientation,
        contrast=contrast,
        arrangement=scene.arrangement,
        defects=tuple(Defect(kind, np.pad(mask, below)) for kind, mask in found),
        pixel_size_nm=pixel,
        bar_rows=bar,
        seed=seed,
        extra=extra,
        object_size=float(scene.size),
        quality=tuple(flaws),
        through=scene.through if any(kind == "crack" for kind, _ in found) else None,
        centres=centres,
        cores=None if cores is None else np.pad(cores, below),
    )


def _visible(
    scene: Scene, scan: Scan, hidden: Mask
) -> tuple[int | None, Float | None, NDArray[np.int32] | None]:
    """Count the objects whose centre, or part of whose centre line, lies in plain view.

    Returns
    -------
    count : int or None
    centres : (N, 2) float32 array or None
        Row and column of each centre in plain view.
    cores : (H, W) int32 array or None
        Numbers of the objects on the visible parts of their centre lines.
    """
    if scene.cores is not None:
        cores = np.where(hidden, 0, scan.mask(scene.cores)).astype(np.int32)
        return int(np.count_nonzero(np.unique(cores))), None, cores
    if scene.centres is None:
        return None, None, None
    row, column = scan.points(scene.centres)
    seen = row >= 0
    seen[seen] = ~hidden[row[seen], column[seen]]
    centres = np.stack([row[seen], column[seen]], axis=1).astype(np.float32)
    return len(centres), centres, None
