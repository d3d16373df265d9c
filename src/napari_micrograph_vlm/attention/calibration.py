"""Which layers of a model tell where an answer comes from, found on pictures with known defects.

The pictures are synthetic, so the place of each defect is known exactly, and they are made anew
from their seeds: what ships with us is which ones, and what was found for which model
(``models/calibrations.json``). What a user finds for another model is kept in the user's own
folder and used before ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_dir

from ..errors import Cancelled, ModelError
from ..regions import Region
from ..results import Question
from .faithfulness import mass_inside, peak_inside
from .relevance import Method, Recorded, Settings, maps_of, relevance_of

__all__ = [
    "Calibration",
    "Example",
    "Records",
    "calibrate",
    "choose_layers",
    "examples",
    "key_of",
    "measure",
    "settings_for",
    "user_file",
]

SHIPPED = Path(__file__).parents[1] / "models" / "calibrations.json"

MOST_LAYERS = 4
"""Most layers chosen: more are hardly better and tell less apart."""

GAIN = 1.02
"""A further layer must put at least this many times as much of the map on the defects."""

MAX_TOKENS = 16
"""Longest answer while calibrating; where the model looks is decided early."""


@runtime_checkable
class Records(Protocol):
    """A model that hands out the attention it records."""

    name: str

    def recorded(
        self, question: Question, *, max_tokens: int = 48, cancel: Event | None = None
    ) -> Recorded:
        """Answer a question and return the attention as it was recorded."""
        ...


@dataclass(frozen=True, eq=False)
class Example:
    """A picture and where in it the thing asked for is.

    Attributes
    ----------
    region : Region
        The picture.
    question : str
        What is asked about it.
    mask : (h, w) bool array
        Where the answer lies, on any grid that covers the region.
    """

    region: Region
    question: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Calibration:
    """What was found for one model.

    Attributes
    ----------
    name : str
        The model.
    layers : tuple of int or None
        The chosen layers; None where no choice looks at the defects more than all layers do, on
        pictures it was not made on and by more than chance explains.
    depth : int
        Number of layers it has.
    pictures : int
        Number of pictures it was measured on.
    pointing, pointing_all : float
        Share of pictures whose map has its peak in the defect, with layers chosen on the other
        half of the pictures, and with all layers.
    mass, mass_all, chance : float
        Mean share of the map that lies on the defect: chosen layers (again on pictures they were
        not chosen on), all layers, and an even map.
    """

    name: str
    layers: tuple[int, ...] | None
    depth: int
    pictures: int
    pointing: float
    pointing_all: float
    mass: float
    mass_all: float
    chance: float

    def __str__(self) -> str:
        if self.layers is None:
            return (
                f"{self.name}: no choice of layers looks at the defects more than all "
                f"{self.depth} do ({self.pictures} pictures, {self.mass_all:.1%} of the map on "
                f"them, chance {self.chance:.1%}); all are kept."
            )
        named = ", ".join(map(str, self.layers))
        return (
            f"{self.name}: layers {named} of {self.depth}; peak in the defect in "
            f"{self.pointing:.0%} of {self.pictures} pictures (all layers {self.pointing_all:.0%}),"
            f" {self.mass:.1%} of the map on it (all layers {self.mass_all:.1%}, "
            f"chance {self.chance:.1%})."
        )


def settings_for(name: str) -> Settings:
    """Return how maps of a model are made: with the layers that were found, else with all.

    Parameters
    ----------
    name : str
        From :func:`key_of`.
    """
    for path in (user_file(), SHIPPED):
        found = _read(path).get("models", {}).get(name)
        if isinstance(found, dict):
            layers = found.get("layers")
            return Settings(layers=tuple(map(int, layers)) if layers else None)
    return Settings()


def key_of(name: str | None, folder: Path) -> str:
    """Return under which name the calibration of a loaded model is kept.

    Parameters
    ----------
    name : str, optional
        What the model is called.
    folder : Path
        Where it is: two folders of one's own may have the same name.

    Returns
    -------
    str
        The name of a published model, else the folder's path.
    """
    from ..models.catalog import published

    place = folder.resolve()
    if name and any(each.name == name and each.path.resolve() == place for each in published()):
        return name
    return str(place)


def calibrate(
    model: Any,
    *,
    on_picture: Callable[[int, int], None] | None = None,
    cancel: Event | None = None,
) -> Calibration:
    """Find the layers of a model that look at what its answers are about, and use them from now on.

    Parameters
    ----------
    model : Model
        One that records attention, see :class:`Records`.
    on_picture : callable, optional
        Called with the number of pictures done and of all pictures.
    cancel : threading.Event, optional
        Once set, the work stops within one token.

    Raises
    ------
    ModelError
        If the model records no attention.
    Cancelled
        If ``cancel`` was set.
    """
    if not isinstance(model, Records):
        raise ModelError(
            f"The model {getattr(model, 'name', model)} records no attention, so there are no "
            "layers to choose; use 'Verify' to see where it looks."
        )
    asked = examples()
    measured = []
    for count, example in enumerate(asked, start=1):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        question = Question(example.question, (example.region,), (), False)
        recorded = model.recorded(question, max_tokens=MAX_TOKENS, cancel=cancel)
        # Of the whole answer: one row for each layer.
        mean = recorded.attention.mean(0, keepdims=True, dtype=np.float64).astype(np.float32)
        measured.append((recorded.of(mean), example.mask))
        if on_picture is not None:
            on_picture(count, len(asked))
    found = measure(model.name, measured)
    _write(found, getattr(model, "calibrated_as", model.name))
    if hasattr(model, "relevance"):
        model.relevance = Settings(layers=found.layers)
    return found


def measure(name: str, measured: list[tuple[Recorded, NDArray[np.bool_]]]) -> Calibration:
    """Choose layers, and measure the choice on pictures it was not made on.

    Parameters
    ----------
    name : str
        The model.
    measured : list of (Recorded, (h, w) bool array)
        For each picture, attention (1, L, P) and where the answer lies; at least two.
    """
    depth = measured[0][0].attention.shape[1]
    halves = measured[::2], measured[1::2]
    hits, masses, masses_all = [], [], []
    for chosen_on, tested_on in (halves, halves[::-1]):
        layers = choose_layers(chosen_on)
        for recorded, mask in tested_on:
            values = _map(recorded, layers)
            hits.append(peak_inside(values, mask))
            masses.append(mass_inside(values, mask))
            masses_all.append(mass_inside(_map(recorded, None), mask))
    gain = np.subtract(masses, masses_all)
    # The best of many layers looks good on the pictures it was chosen on even by chance.
    helps = gain.mean() > 2 * gain.std() / np.sqrt(len(gain))
    plain = [(_map(recorded, None), mask) for recorded, mask in measured]
    return Calibration(
        name=name,
        layers=choose_layers(measured) if helps else None,
        depth=depth,
        pictures=len(measured),
        pointing=float(np.mean(hits)),
        pointing_all=float(np.mean([peak_inside(*each) for each in plain])),
        mass=float(np.mean(masses)),
        mass_all=float(np.mean(masses_all)),
        chance=float(np.mean([mask.mean() for _, mask in measured])),
    )


def choose_layers(
    measured: list[tuple[Recorded, NDArray[np.bool_]]],
) -> tuple[int, ...] | None:
    """Choose the layers whose mean puts most of the map on the answers' places.

    One layer after the other is added as long as that helps; None where even the best layer is
    no better than an even map.
    """
    depth = measured[0][0].attention.shape[1]

    def mass(layers: tuple[int, ...]) -> float:
        return float(np.mean([mass_inside(_map(each, layers), mask) for each, mask in measured]))

    chosen: tuple[int, ...] = ()
    best = float(np.mean([mask.mean() for _, mask in measured]))
    while len(chosen) < min(MOST_LAYERS, depth):
        tried = {i: mass((*chosen, i)) for i in range(depth) if i not in chosen}
        layer = max(tried, key=lambda i: tried[i])
        if tried[layer] < GAIN * best:
            break
        chosen, best = (*chosen, layer), tried[layer]
    return tuple(sorted(chosen)) or None


@cache
def examples() -> tuple[Example, ...]:
    """Return the pictures that ship with us: synthetic ones with one kind of small defect."""
    return tuple(_drawn(_read(SHIPPED)["pictures"]))


def user_file() -> Path:
    """Return where a user's own calibrations are kept."""
    return Path(user_data_dir("napari-micrograph-vlm")) / "calibrations.json"


def _drawn(chosen: dict[str, Any]) -> Iterator[Example]:
    from ..datasets.synthetic import DEFECT_KINDS, synthesize

    seed, count = int(chosen["first_seed"]), 0
    while count < chosen["count"]:
        kind = DEFECT_KINDS[seed % len(DEFECT_KINDS)]
        drawn = synthesize(seed, defect=kind, size=chosen["side"])
        seed += 1
        mask = np.any([defect.mask for defect in drawn.defects], axis=0)
        if {defect.kind for defect in drawn.defects} != {kind}:
            continue
        if not mask.any() or mask.mean() > chosen["most_covered"]:
            continue
        pixels = drawn.image.astype(np.float32) / np.float32(255)
        region = Region(pixels, (0, 0, *drawn.image.shape[:2]), source=f"seed {seed - 1}")
        yield Example(region, chosen["question"].replace("{kind}", kind), mask)
        count += 1


def _map(recorded: Recorded, layers: tuple[int, ...] | None) -> NDArray[np.float32]:
    weights = relevance_of(recorded, Settings(layers=layers))[0]
    return maps_of(weights, recorded, str(Method.LAYERS))[0].values


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where it is missing or cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(found: Calibration, key: str) -> None:
    path = user_file()
    kept = _read(path)
    models = kept.get("models")
    models = models if isinstance(models, dict) else {}
    models[key] = {name: value for name, value in asdict(found).items() if name != "name"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**kept, "models": models}, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(f"What was found cannot be kept in {path}: {error.strerror}.") from error
