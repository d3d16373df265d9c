"""Questions with numbers for answers, about pictures of simulated plates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..simulation.pictures import micrograph
from ..simulation.records import Record
from ..simulation.runs import PULLED, QUANTITIES
from .chat import ChatExample, Message

if TYPE_CHECKING:
    from ..regions import Region

__all__ = [
    "STARTS",
    "PlateQuestion",
    "chat_examples",
    "name_kinds",
    "plate_region",
    "questions_about_plate",
]

STARTS = "starts"
"""The kind of question that is answered by yes or no."""

_END = f"{100 * PULLED:g} %"

_PHRASES: dict[str, tuple[str, ...]] = {
    "stress_max": (
        "What is the largest stress at 1 % strain?",
        "How large does the stress get at 1 % strain, in MPa?",
        "What is the maximum stress when it is pulled by 1 %?",
        "Give the peak stress in MPa at 1 % strain.",
    ),
    "stress_mean": (
        "What is the mean stress at 1 % strain?",
        "How large is the stress on average at 1 % strain, in MPa?",
        "What is the average stress when it is pulled by 1 %?",
        "Give the mean stress in MPa at 1 % strain.",
    ),
    "stress_spread": (
        "What is the spread of the stress at 1 % strain?",
        "How much does the stress vary at 1 % strain, in MPa?",
        "What is the standard deviation of the stress when it is pulled by 1 %?",
        "Give the spread of the stress in MPa at 1 % strain.",
    ),
    "energy_max": (
        "What is the largest energy of a site at 1 % strain?",
        "How large does the elastic energy get at 1 % strain, in kJ/m³?",
        "What is the maximum energy when it is pulled by 1 %?",
        "Give the peak energy in kJ/m³ at 1 % strain.",
    ),
    "energy_mean": (
        "What is the mean energy of a site at 1 % strain?",
        "How large is the elastic energy on average at 1 % strain, in kJ/m³?",
        "What is the average energy when it is pulled by 1 %?",
        "Give the mean energy in kJ/m³ at 1 % strain.",
    ),
    "energy_spread": (
        "What is the spread of the energy at 1 % strain?",
        "How much does the elastic energy vary at 1 % strain, in kJ/m³?",
        "What is the standard deviation of the energy when it is pulled by 1 %?",
        "Give the spread of the energy in kJ/m³ at 1 % strain.",
    ),
    "start_strain": (
        "At which strain does a crack start?",
        "How far can it be pulled before a crack starts, in %?",
        "What is the strain at which the first crack starts?",
        "Give the strain in % at which a crack starts.",
    ),
    "crack_length": (
        f"How long is the crack at {_END} strain?",
        f"What is the length of the crack when it is pulled by {_END}?",
        f"How long do the cracks get at {_END} strain?",
        f"Give the length of the crack at {_END} strain.",
    ),
    "crack_direction": (
        "In which direction does the crack run?",
        "At what angle to the horizontal does the crack run?",
        "What is the direction of the crack in degrees?",
        "Give the angle of the crack to the horizontal.",
    ),
    STARTS: (
        f"Does a crack start before {_END} strain?",
        f"Will it crack when it is pulled by {_END}?",
        f"Is there a crack at {_END} strain?",
        f"Does it break before {_END} strain?",
    ),
}
"""Ways to ask; the last of each is kept for the test."""


@dataclass(frozen=True)
class PlateQuestion:
    """A question about a plate.

    Attributes
    ----------
    kind : str
        One of :data:`~napari_micrograph_vlm.simulation.runs.QUANTITIES`, or :data:`STARTS`.
    question, answer : str
        What is asked and what is right.
    """

    kind: str
    question: str
    answer: str


def questions_about_plate(
    record: Record,
    rng: np.random.Generator,
    count: int | None = None,
    *,
    shares: bool = False,
    held_out: bool = False,
) -> list[PlateQuestion]:
    """Ask for what a run gave, in any order.

    Parameters
    ----------
    record : Record
        The run.
    rng : numpy.random.Generator
        Chooses what is asked, and how.
    count : int, optional
        Most questions; all by default.
    shares : bool
        Whether lengths are told as the student writes them, as shares of the picture; otherwise
        in micrometres.
    held_out : bool
        Use only the phrasings kept for the test.
    """
    found = []
    kinds = list(_PHRASES)
    for index in rng.permutation(len(kinds)):
        kind = kinds[int(index)]
        answer = _answer(record, kind, shares)
        if answer is None:
            continue
        ways = _PHRASES[kind][-1:] if held_out else _PHRASES[kind][:-1]
        found.append(PlateQuestion(kind, ways[int(rng.integers(len(ways)))], answer))
        if len(found) == count:
            break
    return found


def _answer(record: Record, kind: str, shares: bool) -> str | None:
    if kind == STARTS:
        return "yes" if record.starts else "no"
    value = record.numbers[kind]
    if value is None:
        return None
    quantity = QUANTITIES[kind]
    if kind == "crack_length":
        if shares:
            return f"about {value:.0f} % of the picture"
        return f"{float(f'{value / 100 * record.width:.2g}'):g} µm"
    told = f"{value:.{quantity.digits}f}"
    told = told.lstrip("-") if float(told) == 0 else told
    return f"{told}{'' if quantity.unit == '°' else ' '}{quantity.unit}"


def plate_region(record: Record, *, side: int = 384) -> Region:
    """Return the picture of a plate as a region with its physical size."""
    from ..regions import Cutout

    pixels = micrograph(record.plate, side=side, seed=_picture_seed(record))
    size = record.width / side
    return Cutout.of_array(pixels, pixel_size=(size, size), unit="µm").read()


def _picture_seed(record: Record) -> int:
    """Return a seed of noise and grey values: another one for a turned plate."""
    return 4 * record.seed + 3 * record.turned


def chat_examples(
    records: Iterable[Record], *, seed: int = 0, questions: int = 4
) -> Iterator[ChatExample]:
    """Make conversations about each plate: its picture, one question and the answer.

    Large models are asked so in the test: one question at a time, after what is known of the
    scale.

    Parameters
    ----------
    records : iterable of Record
        The runs.
    seed : int
        Chooses questions and phrasings.
    questions : int
        Questions about each, in as many conversations.
    """
    from PIL import Image

    from ..models.conditions import conditions_of

    for record in records:
        rng = np.random.default_rng([seed, record.seed, 63])
        region = plate_region(record)
        picture = Image.fromarray(micrograph(record.plate, seed=_picture_seed(record)))
        told = conditions_of([region])
        for item in questions_about_plate(record, rng, questions):
            yield ChatExample(
                id=f"{record.name}-{item.kind}",
                images=(picture,),
                messages=(
                    Message("user", item.question, 1, told),
                    Message("assistant", item.answer),
                ),
                group=f"{record.family}-{record.seed}",
                source=f"simulated plate with {record.family.replace('_', ' ')}, "
                f"seed {record.seed}",
            )


def name_kinds(kinds: Sequence[str]) -> list[str]:
    """Return the names of kinds of question, for tables."""
    return ["whether a crack starts" if k == STARTS else QUANTITIES[k].name for k in kinds]
