"""What a fine-tuning is told, what it tells, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any

from ...errors import SourceError

__all__ = ["IDENTITY", "Outcome", "Progress", "Settings", "has_begun", "work_folder"]

IDENTITY = "training.json"
"""In the folder of a training that is not finished."""


@dataclass(frozen=True)
class Settings:
    """How to fine-tune; the defaults suit some hundred to some thousand conversations.

    Attributes
    ----------
    rank : int
        Rank of the two small matrices beside each large one (LoRA, arXiv 2106.09685).
    alpha : int
        They count ``alpha / rank``.
    dropout : float
        Share of their inputs left out at each step.
    learning_rate : float
        At its highest; it rises over the first steps, then falls along a cosine.
    epochs : float
        How often every conversation is gone through.
    batch : int
        Answers that one step learns from. They are read one after the other: an image of a large
        model fills a graphics card.
    warm_up : float
        Share of the steps in which the rate rises.
    checks : int
        How often the validation loss is measured and the state kept, over the whole training.
    patience : int
        Checks without a lower validation loss after which the training ends; 0: never.
    validation : float
        Share of the groups held out where the data have no validation split.
    vision : bool
        Whether the image encoder learns, too, besides the language model.
    precision : str
        Bits of the frozen weights: ``"auto"``, ``"32-bit"``, ``"16-bit"``, ``"4-bit"`` (QLoRA,
        arXiv 2305.14314).
    checkpointing : bool or None
        Whether activations are computed twice instead of kept, which needs less memory and a
        third more time; None: on a graphics card.
    seed : int
        Of the order and of what is random.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    learning_rate: float = 2e-4
    epochs: float = 3.0
    batch: int = 8
    warm_up: float = 0.05
    checks: int = 20
    patience: int = 5
    validation: float = 0.1
    vision: bool = False
    precision: str = "auto"
    checkpointing: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rank", 1, 1024),
            ("alpha", 1, 4096),
            ("dropout", 0.0, 0.9),
            ("learning_rate", 1e-8, 1.0),
            ("epochs", 0.01, 10_000),
            ("batch", 1, 4096),
            ("warm_up", 0.0, 0.9),
            ("checks", 1, 10_000),
            ("patience", 0, 10_000),
            ("validation", 0.01, 0.9),
        ):
            value = getattr(self, name)
            if not (isfinite(value) and low <= value <= high):
                raise SourceError(
                    f"{name.replace('_', ' ').capitalize()} is from {low:g} to {high:g}, "
                    f"not {value:g}."
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Progress:
    """How far a fine-tuning is.

    Attributes
    ----------
    step, steps : int
        Steps made, and those of the whole training.
    loss : float
        Of the last steps, mean of the answers' tokens in nats; NaN where there is none yet.
    validation : float
        The last validation loss; NaN where there is none yet.
    best : float
        The lowest validation loss so far.
    stage : str
        What is going on besides steps, for people; empty while steps are made.
    """

    step: int = 0
    steps: int = 0
    loss: float = nan
    validation: float = nan
    best: float = nan
    stage: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON: None in place of NaN."""
        return {
            name: None if isinstance(value, float) and not isfinite(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Progress:
        """Undo :meth:`to_dict`."""
        return cls(
            **{name: nan if value is None else value for name, value in values.items()}  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Outcome:
    """What came of a fine-tuning.

    Attributes
    ----------
    finished : bool
        Whether there is a model in :attr:`folder`; else the same call goes on.
    folder : Path
        The adapter, or the merged model.
    step, steps : int
        Steps made, and those of the whole training; fewer were made where it ended early.
    first, best : float
        Validation loss before the first step, and of the state that was kept.
    lessons, held_out : int
        Answers learnt from, and answers of the validation.
    skipped : tuple of str
        One sentence for each conversation that this model cannot be taught.
    history : list of dict
        ``step`` with ``loss`` or ``validation``, in the order of the steps.
    """

    finished: bool
    folder: Path
    step: int = 0
    steps: int = 0
    first: float = nan
    best: float = nan
    lessons: int = 0
    held_out: int = 0
    skipped: tuple[str, ...] = ()
    history: list[dict[str, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "finished": self.finished,
            "folder": str(self.folder),
            "step": self.step,
            "steps": self.steps,
            "first": self.first if isfinite(self.first) else None,
            "best": self.best if isfinite(self.best) else None,
            "lessons": self.lessons,
            "held_out": self.held_out,
            "skipped": list(self.skipped),
        }


def work_folder(output: Path) -> Path:
    """Return where a training keeps what it needs to go on."""
    output = output.absolute()
    return output.with_name(f"{output.name}-training")


def has_begun(work: Path) -> bool:
    """Tell whether there is a training in a folder that can be gone on with."""
    return (work / IDENTITY).is_file()
