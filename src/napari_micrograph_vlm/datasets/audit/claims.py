"""What a teacher claimed about each picture, one claim at a time, and a fair sample of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

import numpy as np

from ..labelled import CLOSED, NO_DEFECT, Record
from ..teacher.pairs import kind_of

__all__ = ["Claim", "claims_of", "draw"]

_SHOWN_AS = {
    "technique": "Technique",
    "category": "Category of the sample",
    "shape": "Shape of the objects",
    "arrangement": "Arrangement",
    "density": "Density",
    "size_uniformity": "Are the sizes alike?",
    "contrast": "Contrast of the objects",
    "surface": "Surface",
    "orientation": "Orientation",
}


@dataclass(frozen=True)
class Claim:
    """One thing that a teacher said of a picture.

    Attributes
    ----------
    image : str
        Name of the picture in its folder.
    kind : str
        A field of the record, or ``"question: "`` and the kind of question.
    asked, said : str
        What was asked and what was answered.
    """

    image: str
    kind: str
    asked: str
    said: str

    @property
    def id(self) -> str:
        """A name that stays the same as long as the claim does."""
        return sha256("\0".join(asdict(self).values()).encode()).hexdigest()[:16]


def claims_of(record: Record) -> Iterator[Claim]:
    """Return every claim of a record; what it leaves open is none."""
    image = str(record["image"])
    for name in CLOSED:
        if record.get(name):
            yield Claim(image, name.replace("_", " "), _SHOWN_AS[name], str(record[name]))
    if record.get("count") not in (None, ""):
        yield Claim(image, "count", "How many main objects are there?", str(record["count"]))
    if isinstance(record.get("defects"), list):
        yield Claim(image, "defects", "Which defects are to be seen?", _defects(record))
    if record.get("scale_bar"):
        yield Claim(image, "scale bar", "What does the scale bar say?", str(record["scale_bar"]))
    if record.get("description"):
        yield Claim(image, "description", "Is this description right?", str(record["description"]))
    kinds = record.get("qa_kinds") or []
    for i, (question, answer) in enumerate(record["qa"]):
        kind = str(kinds[i]) if len(kinds) == len(record["qa"]) else kind_of(question)
        yield Claim(image, f"question: {kind}", question, answer)


def _defects(record: Record) -> str:
    found = [d for d in record["defects"] if isinstance(d, dict) and d.get("kind") != NO_DEFECT]
    if not found:
        return "none visible"
    texts = (f"{d.get('kind')}, {d['where']}" if d.get("where") else d.get("kind") for d in found)
    return "; ".join(map(str, texts))


def draw(records: Sequence[Record], n: int, seed: int = 0) -> list[Claim]:
    """Draw claims, the same number of each kind as far as there are so many.

    Parameters
    ----------
    records : sequence of dict
        A labelled folder's.
    n : int
        How many to draw; all if there are fewer.
    seed : int
        Decides which.

    Returns
    -------
    list of Claim
        Those about one picture together, so that each picture is looked at once.
    """
    rng = np.random.default_rng(seed)
    by_kind: dict[str, list[Claim]] = {}
    unique = {claim.id: claim for record in records for claim in claims_of(record)}
    for claim in unique.values():
        by_kind.setdefault(claim.kind, []).append(claim)
    piles = [[pile[i] for i in rng.permutation(len(pile))] for pile in by_kind.values()]
    drawn: list[Claim] = []
    while len(drawn) < n and any(piles):
        # In a new order each round: where n runs out must not always be at the same kinds.
        for i in rng.permutation(len(piles)):
            if piles[i] and len(drawn) < n:
                drawn.append(piles[i].pop())
    order = {str(record["image"]): i for i, record in enumerate(records)}
    return sorted(drawn, key=lambda claim: (order[claim.image], claim.kind))
