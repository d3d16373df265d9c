"""Named lists of classes."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import QuestionError

__all__ = ["NFFA_CATEGORIES", "PRESETS", "SEMICONDUCTOR_DEFECTS", "check_labels"]

NFFA_CATEGORIES: tuple[str, ...] = (
    "biological",
    "fibres",
    "films and coated surfaces",
    "MEMS devices and electrodes",
    "nanowires",
    "particles",
    "patterned surfaces",
    "porous sponge",
    "powder",
    "tips",
)
"""The categories of the NFFA-Europe SEM data set (Aversa et al., Sci. Data 5, 180172, 2018)."""

SEMICONDUCTOR_DEFECTS: tuple[str, ...] = (
    "no defect",
    "bridge",
    "break",
    "necking",
    "missing hole",
    "pattern collapse",
    "particle",
    "residue",
    "scratch",
    "crack",
    "delamination",
    "pore",
    "blister",
    "inclusion",
    "micro-bridge",
    "closed hole",
    "void",
    "edge roughness",
)

PRESETS: dict[str, tuple[str, ...]] = {
    "SEM categories (NFFA-Europe)": NFFA_CATEGORIES,
    "Semiconductor defects": SEMICONDUCTOR_DEFECTS,
}
"""Label sets to start from: name -> classes."""


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Strip class names and see that they can be told apart.

    Raises
    ------
    QuestionError
        If there are fewer than two names, or two are the same but for case.
    """
    if isinstance(labels, str):
        raise QuestionError("Class names are a list, such as ['crack', 'pore'], not one text.")
    names = tuple(name for name in (str(label).strip() for label in labels) if name)
    if len(names) < 2:
        raise QuestionError("Give at least two class names to choose between.")
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise QuestionError(f"The class name {name!r} is listed twice; remove one.")
        seen.add(name.casefold())
    return names
