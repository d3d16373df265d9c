"""A model for tests: deterministic, slow where it is told to be, and easy to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import numpy as np

from napari_micrograph_vlm.errors import Cancelled, QuestionError
from napari_micrograph_vlm.labelling import LabelSet, label_set_of
from napari_micrograph_vlm.models.base import ModelInput
from napari_micrograph_vlm.models.views import prepare_views
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import (
    Answer,
    AttentionMap,
    Classification,
    Provenance,
    Question,
    Word,
)


class FakeModel:
    """Answers every question with ``text``, word by word.

    Parameters
    ----------
    text : str
        What it answers.
    gate : Event, optional
        It writes one word and then waits for this event before the others.
    flat : bool
        Whether it looks everywhere alike.
    """

    name = "fake"
    revision = "1"
    device = "cpu"

    def __init__(
        self,
        text: str = "a crack in the upper left",
        gate: Event | None = None,
        flat: bool = False,
    ) -> None:
        self.text = text
        self.gate = gate
        self.flat = flat
        self.questions: list[Question] = []
        self.max_tokens = 0
        self.running = 0
        self.most_running = 0

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        return prepare_views(region, side=96, token=16, tiled=tiled)

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
    ) -> Answer:
        self.questions.append(question)
        self.max_tokens = max_tokens
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            words = self._write(question, on_text, cancel)
        finally:
            self.running -= 1
        maps = tuple(self._map(0) for _ in question.regions)
        return Answer(
            question.text,
            self.text,
            question.regions,
            maps,
            words,
            0.87,
            self._provenance(),
            question.turns,
        )

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        self.labels = labels
        labels = label_set_of(labels).names
        rows = []
        for i in range(len(regions)):
            if i:
                self._wait(cancel)
            if cancel is not None and cancel.is_set():
                raise Cancelled
            row = np.full(len(labels), 0.4 / max(len(labels) - 1, 1), np.float32)
            row[i % len(labels)] = 0.6
            rows.append(row)
            if on_region is not None:
                on_region(i + 1)
        return Classification(
            tuple(labels),
            np.array(rows, np.float32),
            tuple(regions),
            tuple(self._map(i) for i in range(len(regions))),
            self._provenance(),
            threshold,
        )

    def features(
        self,
        regions: Sequence[Region],
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
    ) -> dict[str, np.ndarray]:
        rows = []
        for i, region in enumerate(regions):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            rows.append(self.feature_grid(region).reshape(-1, 3).mean(0))
            if on_region is not None:
                on_region(i + 1)
        return {"brightness": np.array(rows, np.float32)}

    def feature_grid(self, region: Region, *, cancel: Event | None = None) -> np.ndarray:
        """Mean, deviation and maximum of every 8 x 8 pixels."""
        grey = region.pixels.mean(-1) if region.is_rgb else region.pixels
        rows, columns = max(grey.shape[0] // 8, 1), max(grey.shape[1] // 8, 1)
        cells = [
            list(np.array_split(band, columns, axis=1))
            for band in np.array_split(grey, rows, axis=0)
        ]
        return np.array(
            [[(c.mean(), c.std(), c.max()) for c in band] for band in cells], np.float32
        )

    def suggestions(self) -> Sequence[str]:
        return ("What does the fake see?",)

    def _write(
        self,
        question: Question,
        on_text: Callable[[str], None] | None,
        cancel: Event | None,
    ) -> tuple[Word, ...]:
        words, start = [], 0
        for i, piece in enumerate(self.text.split(" ")):
            if i == 1:
                self._wait(cancel)
            if cancel is not None and cancel.is_set():
                raise Cancelled(self.text[:start])
            if on_text is not None:
                on_text(piece if i == 0 else f" {piece}")
            stop = start + len(piece)
            maps = tuple(self._map(i + 1) for _ in question.regions)
            words.append(Word(start, stop, 0.9 if i != 1 else 0.3, maps))
            start = stop + 1
        return tuple(words)

    def _wait(self, cancel: Event | None) -> None:
        while self.gate is not None and not self.gate.wait(0.01):
            if cancel is not None and cancel.is_set():
                return

    def _map(self, i: int) -> AttentionMap:
        values = np.full((6, 6), 1.0, np.float32)
        if not self.flat:
            values.flat[i % 36] = 60
        return AttentionMap(values / values.sum(), "fake")

    def _provenance(self) -> Provenance:
        return Provenance(self.name, self.revision, self.device, 0.3, "0")


class TooMany(FakeModel):
    """A model that takes one region only."""

    def ask(self, question: Question, **options: object) -> Answer:  # type: ignore[override]
        if len(question.regions) > 1:
            raise QuestionError("This model looks at one region at a time.")
        return super().ask(question, **options)  # type: ignore[arg-type]


def picture(shape: tuple[int, ...] = (64, 80)) -> np.ndarray:
    """A micrograph with something to see everywhere."""
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)
