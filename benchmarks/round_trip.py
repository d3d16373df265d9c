"""Does a structure come back from its picture? ``python -m benchmarks.round_trip [--each N]``.

Two ways. *Structures*: fields are drawn at random for each kind, built, pictured, and the model is
asked what it sees. *Pictures*: the model describes a synthetic micrograph, the structure of its
description is built and pictured, and the model is asked again. Compared are the kind, the density
(sparse, moderate or dense; and how much is covered) and the orientation. Chance is what would
agree if the pairs were shuffled. ``--tilt`` tilts the sample; ``--sheet FILE`` saves pictures.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from napari_micrograph_vlm.api import load_model
from napari_micrograph_vlm.datasets.synthetic.synthesize import synthesize
from napari_micrograph_vlm.datasets.synthetic.truth import CATEGORIES
from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.intervals import wilson
from napari_micrograph_vlm.models.base import Model
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.structures.building import build
from napari_micrograph_vlm.structures.describing import QUESTIONS, describe_structure
from napari_micrograph_vlm.structures.fields import StructureFields, complete
from napari_micrograph_vlm.structures.kinds import KINDS

FIRST_SEED = 27_000_000
"""Of pictures that no model was trained on or chosen with."""

SHARES = {
    "fibres": (0.08, 0.4),
    "spheres": (0.08, 0.45),
    "gyroid": (0.3, 0.6),
    "schwarz p": (0.3, 0.6),
    "schwarz d": (0.3, 0.6),
    "sponge": (0.35, 0.6),
    "foam": (0.04, 0.2),
    "layers": (0.3, 0.7),
    "film": (0.5, 0.7),
    "lines": (0.3, 0.7),
    "pillars": (0.1, 0.5),
    "holes": (0.5, 0.9),
    "tips": (0.05, 0.2),
}
ALIKE = {"gyroid": "sponge", "schwarz p": "sponge", "schwarz d": "sponge"}
"""Kinds that the model has no name for -> what it calls such things."""
GIVEN = {
    "fibres": ("horizontal", "vertical", "diagonal", "in plane"),
    "lines": ("horizontal", "vertical"),
    "layers": ("horizontal",),
}


@dataclass(frozen=True)
class Pair:
    """What went in and what came back; None where nothing was to come back."""

    group: str
    kind: tuple[str, str]
    density: tuple[str, str] | None
    orientation: tuple[str, str] | None
    covered: tuple[float, float] | None
    first: tuple[str, str] | None = None
    """Of a synthetic picture, its true density and what the model said of it at first."""


def drawn(kind: str, rng: np.random.Generator) -> StructureFields:
    """Return fields of one kind, drawn at random."""
    low, high = SHARES[kind]
    periods = KINDS[kind].periods * rng.uniform(0.7, 1.4)
    turns = GIVEN.get(kind)
    return complete(
        kind=kind,
        width=1000.0,
        unit="nm",
        density=rng.uniform(low, high),
        spacing=1000.0 / (round(periods) if kind in ("lines", "layers") else periods),
        orientation=turns[int(rng.integers(len(turns)))] if turns else None,
    )


def covered_class(share: float) -> str:
    """Name a density as the model has learnt it."""
    return "sparse" if share < 0.12 else "moderate" if share < 0.35 else "dense"


def answers_of(fields: StructureFields) -> dict[str, str]:
    """Return what was said by the names of the questions."""
    names = {text: name for name, text in QUESTIONS.items()}
    return {names[turn.question]: turn.answer.lower().rstrip(".") for turn in fields.said}


def free(orientation: str) -> str:
    """Return one word for both ways to say that nothing has a direction."""
    return "none" if orientation in ("random", "no orientation") else orientation


def share_in(text: str) -> float:
    """Return the per cent of an answer as a share."""
    digits = "".join(letter for letter in text if letter.isdigit())
    return float(digits) / 100 if digits else float("nan")


def from_structures(
    model: Model, each: int, tilt: float | None, kinds: Sequence[str] = tuple(KINDS)
) -> Iterable[tuple[Pair, np.ndarray]]:
    """Fields, structure, picture, answers."""
    for kind in kinds:
        for seed in range(each):
            rng = np.random.default_rng([seed, 75, list(KINDS).index(kind)])
            fields = drawn(kind, rng)
            shown = build(fields, seed=seed).picture(tilt=tilt, seed=seed)
            try:
                back = describe_structure(model, shown.region())
            except MicrographError as error:
                print(f"{kind} {seed}: {error}")
                continue
            said = answers_of(back)
            yield (
                Pair(
                    kind,
                    (ALIKE.get(kind, kind), back.kind),
                    (covered_class(float(shown.objects.mean())), said["density"]),
                    (fields.orientation, back.orientation) if kind in GIVEN else None,
                    (float(shown.objects.mean()), share_in(said["coverage"])),
                ),
                np.asarray(Image.fromarray(shown.image).resize((384, 384))),
            )


def from_pictures(
    model: Model, each: int, tilt: float | None, kinds: Sequence[str] = CATEGORIES
) -> Iterable[tuple[Pair, np.ndarray]]:
    """Synthetic micrograph, answers, structure, picture, answers."""
    for category in kinds:
        number = CATEGORIES.index(category)
        for seed in range(each):
            first = FIRST_SEED + 1000 * number + seed
            made = synthesize(first, category=category, defect=None)
            nm = (made.pixel_size_nm, made.pixel_size_nm)
            rows = made.image.shape[0] - made.bar_rows
            region = Cutout.of_array(made.image[:rows], pixel_size=nm, unit="nm").read()
            try:
                fields = describe_structure(model, region)
                shown = build(fields, seed=seed).picture(tilt=tilt, seed=seed)
                back = describe_structure(model, shown.region())
            except MicrographError as error:
                print(f"{category} {seed}: {error}")
                continue
            one, two = answers_of(fields), answers_of(back)
            yield (
                Pair(
                    category,
                    (fields.kind, back.kind),
                    (one["density"], two["density"]),
                    (free(one["orientation"]), free(two["orientation"])),
                    (share_in(one["coverage"]), share_in(two["coverage"])),
                    (made.density, one["density"]),
                ),
                np.hstack([np.asarray(Image.fromarray(made.image[:rows]).resize((384, 384))),
                           np.asarray(Image.fromarray(shown.image).resize((384, 384)))]),
            )  # fmt: skip


def told(
    name: str, pairs: Sequence[tuple[str, str]], among: Sequence[tuple[str, str]] = ()
) -> dict[str, object]:
    """Print how many pairs agree, with a 95 % interval and what would if ``among`` was shuffled."""
    among = among or pairs
    right = sum(one == two for one, two in pairs)
    low, high = wilson(right, len(pairs))
    ins, outs = Counter(one for one, _ in pairs), Counter(two for _, two in among)
    chance = sum(n * outs[word] for word, n in ins.items()) / max(len(pairs) * len(among), 1)
    print(
        f"  {name:26} {right:3}/{len(pairs):<3} {right / max(len(pairs), 1):5.2f} "
        f"[{low:.2f}, {high:.2f}]  chance {chance:.2f}"
    )
    return {"right": right, "of": len(pairs), "interval": [low, high], "chance": chance}


def summary(pairs: Sequence[Pair]) -> dict[str, object]:
    """Print and return what came back, of all and of each group."""
    kinds = [p.kind for p in pairs]
    densities = [p.density for p in pairs if p.density]
    turns = [p.orientation for p in pairs if p.orientation]
    made: dict[str, object] = {
        "kind": told("kind", kinds),
        "density": told("density", densities),
        "orientation": told("orientation", turns),
    }
    if first := [p.first for p in pairs if p.first]:
        made["first"] = told("density at first, truth", first)
    shares = np.array([p.covered for p in pairs if p.covered and not np.isnan(p.covered).any()])
    if len(shares) > 2 and shares.std(axis=0).all():
        away = float(np.median(np.abs(shares[:, 0] - shares[:, 1])))
        r = float(np.corrcoef(shares.T)[0, 1])
        print(f"  covered: median difference {away:.2f} of the area, correlation {r:.2f}")
        made["covered"] = {"median": away, "correlation": r}
    for group in dict.fromkeys(p.group for p in pairs):
        mine = [p for p in pairs if p.group == group]
        print(f" {group}")
        mine_turns = [p.orientation for p in mine if p.orientation]
        parts = {
            "kind": told("kind", [p.kind for p in mine], kinds),
            "density": told("density", [p.density for p in mine if p.density], densities),
        }
        if mine_turns:
            parts["orientation"] = told("orientation", mine_turns, turns)
        made[group] = parts
        wrong = Counter(p.kind[1] for p in mine if p.kind[0] != p.kind[1])
        if wrong:
            print(f"    taken for: {dict(wrong)}")
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.round_trip", description=__doc__)
    parser.add_argument("--each", type=int, default=8, help="structures or pictures of each kind")
    parser.add_argument("--tilt", type=float, help="degrees; as is usual for the kind by default")
    parser.add_argument("--only", choices=("structures", "pictures"))
    parser.add_argument("--model", help="name or folder; the bundled student by default")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--sheet", type=Path, help="also save pictures there")
    parser.add_argument("--kinds", nargs="+", help="only these kinds, or categories of pictures")
    chosen = parser.parse_args()
    model = load_model(chosen.model)
    found = {}
    for name, go in (("structures", from_structures), ("pictures", from_pictures)):
        if chosen.only in (None, name):
            kinds = [chosen.kinds] if chosen.kinds else []
            made = list(go(model, chosen.each, chosen.tilt, *kinds))
            print(f"\nFrom {name}")
            found[name] = summary([pair for pair, _ in made])
            if chosen.sheet:
                pictures = [picture for _, picture in made]
                across = 8 if name == "structures" else 4
                blank = np.zeros_like(pictures[0])
                pictures += [blank] * (-len(pictures) % across)
                rows = [
                    np.hstack(pictures[i : i + across]) for i in range(0, len(pictures), across)
                ]
                Image.fromarray(np.vstack(rows)[::2, ::2]).save(
                    chosen.sheet.with_stem(f"{chosen.sheet.stem}-{name}")
                )
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
