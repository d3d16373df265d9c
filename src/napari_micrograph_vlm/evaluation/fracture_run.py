"""The test of stress and cracks: plates that nobody learnt from, a model, and tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrographError, SourceError
from ..models.base import Model
from ..simulation.plates import HELD_OUT
from ..simulation.records import Record, read_records, refuse_kept, run_many, whole_lines
from .fracture import FractureScore, Told, ask_about_plate, ridge, score_plates, true_value

__all__ = ["NEW_FAMILIES", "NEW_SEEDS", "FractureTest", "table"]

NEW_SEEDS, NEW_FAMILIES = "new plates", "new families"
"""The two parts of the test."""

FIRST, FIRST_HELD = 10_000_000, 10_010_000
"""Seeds of both, which no training may draw."""


class FractureTest:
    """A test whose plates and answers lie in a folder, so that it can go on.

    Parameters
    ----------
    folder : Path
        For plates, answers and features.
    plates, new_families : int
        How many plates of the families that may be learnt from, and of those held out.
    learnt : Path, optional
        Folder of the runs that were learnt from: for the mean and for the ridge regression.
    new_words : bool
        Whether to ask in words kept for the test.

    Raises
    ------
    SourceError
        If ``learnt`` holds no runs, or any that are kept for the test, by kind or by seed.
    """

    def __init__(
        self,
        folder: Path,
        plates: int,
        new_families: int,
        learnt: Path | None = None,
        *,
        new_words: bool = False,
    ) -> None:
        self.folder = folder
        self.new_words = new_words
        self.skipped: list[str] = []
        self.learnt = [] if learnt is None else read_records(learnt)
        refuse_kept(self.learnt, str(learnt))
        held = list(HELD_OUT)
        self._wanted: dict[str, list[tuple[str | None, int]]] = {
            NEW_SEEDS: [(None, FIRST + i) for i in range(plates)],
            NEW_FAMILIES: [(held[i % len(held)], FIRST_HELD + i) for i in range(new_families)],
        }
        self.records: dict[str, list[Record]] = {}

    def simulate(self, on_plate: Callable[[], None] = lambda: None) -> None:
        """Pull the plates that are not in the folder yet."""
        for group, wanted in self._wanted.items():
            found = run_many(self.folder, wanted, on_run=lambda _: on_plate())
            self.records[group] = found

    def run(
        self, model: Model, on_plate: Callable[[], None] = lambda: None
    ) -> dict[str, list[FractureScore]]:
        """Ask about every plate and return the scores of both parts.

        Parameters
        ----------
        model : Model
            Whom to ask.
        on_plate : callable
            Called after each plate.
        """
        told = self._ask(model, on_plate)
        scores = {}
        for group, records in self.records.items():
            # Without plates that were learnt from, the mean is that of the test itself.
            known = self.learnt or records
            simple = self._simple(tuple(records)) if self.learnt and records else None
            found = score_plates(told, records, known, simple_model=simple)
            if found:
                scores[group] = found
        return scores

    def _ask(self, model: Model, on_plate: Callable[[], None]) -> list[Told]:
        """Ask what was not asked yet; answers are kept line by line."""
        words = f"{model.name}\n{model.revision}\n{self.new_words}"
        path = self.folder / f"answers-{sha256(words.encode()).hexdigest()[:12]}.jsonl"
        have = {one.plate: one for one in _kept(path)}
        told = []
        with path.open("a", encoding="utf-8") as file:
            for records in self.records.values():
                for record in records:
                    one = have.get(record.name)
                    if one is None:
                        try:
                            one = ask_about_plate(model, record, held_out=self.new_words)
                        except MicrographError as error:
                            self.skipped.append(f"{record.name}: {error}")
                            on_plate()
                            continue
                        line = {"plate": one.plate, "texts": one.texts}
                        file.write(json.dumps(line, ensure_ascii=False) + "\n")
                        file.flush()
                    told.append(one)
                    on_plate()
        return told

    def _simple(self, records: tuple[Record, ...]) -> Callable[[str], Mapping[str, float]]:
        """Return the ridge regression on the frozen features of the pictures."""
        known = _pooled(self.folder / "features", self.learnt)
        asked = _pooled(self.folder / "features", records)

        @cache
        def say(kind: str) -> Mapping[str, float]:
            values = [true_value(kind, record) for record in self.learnt]
            rows = [i for i, value in enumerate(values) if value is not None]
            truth = np.array([values[i] for i in rows], np.float64)
            said = ridge(known[rows], truth, asked)
            return {r.name: float(v) for r, v in zip(records, said, strict=True)}

        return say


def _kept(path: Path) -> list[Told]:
    try:
        return [Told(**json.loads(line)) for line in whole_lines(path)]
    except (ValueError, TypeError):
        raise SourceError(f"{path} is no file of answers; remove it.") from None


def _pooled(folder: Path, records: Sequence[Record]) -> NDArray[np.float64]:
    """Return mean, deviation and largest value of each frozen feature over a picture."""
    from ..training.fracture import prepare_plates

    rows = []
    for picture in prepare_plates(folder, records):
        features = np.asarray(picture.features, np.float64)
        rows.append(np.concatenate([features.mean(0), features.std(0), features.max(0)]))
    return np.stack(rows)


def table(scores: Mapping[str, Sequence[FractureScore]]) -> str:
    """Return tables in Markdown."""
    parts = []
    for group, found in scores.items():
        lines = [
            f"**{group.capitalize()}**",
            "",
            "| quantity | measure | told (95 % interval) | the mean | ridge | spread of the truth "
            "| mean error | answers read |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(score.row for score in found),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
