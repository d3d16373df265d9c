"""The student as a model that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from ... import __version__
from ...errors import QuestionError
from ...labelling import LabelSet, label_set_of
from ...regions import Region
from ...results import Answer, AttentionMap, Classification, Provenance, Question, Turn
from ..base import ModelInput
from ..guards import OneAtATime, advice_on_memory, stop_if
from ..views import prepare_views
from .asking import Asked, check_regions
from .features import grid_of, rows_of
from .loading import choose_device, load_parts, revision_of
from .many import answer_all, weigh_all
from .modeling import MvaemaModel
from .physical import plain
from .processing import MvaemaProcessor
from .refusal import refusal_of
from .scoring import label_questions, score_answers, score_labels
from .seeing import Eyes, Seen
from .threads import one_thread
from .wording import maps_of
from .writing import hidden_tokens, write

__all__ = ["Student"]


class Student:
    """The bundled model: looks at one region, or compares two, on any laptop.

    Made by :meth:`load`. It answers by greedy decoding: the same question on the same region
    gets the same answer.

    Attributes
    ----------
    name, revision, device : str
        What the model is called, what identifies its weights, where it runs.
    check_pictures : bool
        Whether :meth:`ask` answers "not a micrograph" about pictures that look like none, as far
        as the model has learnt it (of two regions it says which); set it to False where it refuses
        a micrograph of yours.
    """

    check_pictures: bool = True
    most_frames = 2
    reasons = False  # it was taught short answers, never steps

    def __init__(
        self,
        model: MvaemaModel,
        processor: MvaemaProcessor,
        *,
        revision: str = "unsaved",
        device: str = "cpu",
    ) -> None:
        self.model = model.eval().to(device)
        self.processor = processor
        self.name = str(model.config.name)
        self.revision = revision
        self.device = str(device)
        self._queue = OneAtATime()
        self._eyes = Eyes(self.model, processor.image_processor, self.prepare)
        self._hidden = hidden_tokens(processor.vocab_size, processor.eos, device)

    @classmethod
    def load(cls, path: Path | None = None, device: str = "auto") -> Student:
        """Load the shipped weights, or those of a folder.

        Parameters
        ----------
        path : Path, optional
            Folder with ``config.json``, ``model.safetensors`` and the processor's files.
        device : str
            ``"auto"``, ``"cpu"``, ``"cuda:0"``, ...

        Raises
        ------
        ModelError
            If the folder or the device cannot be used.
        """
        chosen = choose_device(device)
        model, processor = load_parts(path)
        with advice_on_memory():
            return cls(model, processor, revision=revision_of(path), device=str(chosen))

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return exactly what the model would be given for this region."""
        config = self.model.config
        return prepare_views(region, side=config.image_size, token=config.token_size, tiled=tiled)

    def suggestions(self) -> Sequence[str]:
        """Return questions that this model is good at, best first."""
        return tuple(self.model.config.suggestions or ())

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        refuse: bool = True,
    ) -> Answer:
        """Answer a question; see :meth:`napari_micrograph_vlm.models.Model.ask`.

        ``refuse``: whether pictures that are no micrographs may be refused.
        """
        started = perf_counter()
        asked = Asked.of(question, self.processor, self.model.config, max_tokens, on_text)
        scribe = asked.scribe
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            seen = self._look(question.regions, question.tiled, partial(stop_if, cancel))
            with one_thread():
                checks = self.check_pictures and refuse
                refusal = refusal_of(self.model.novelty, seen) if checks else None
            if refusal is not None:
                if on_text is not None:
                    on_text(refusal.text)
                return asked.refused(refusal, self._provenance(started, seen.layouts[0].tiles))
            writer = write(self.model, seen.memory, asked.ids, asked.most, self._hidden)
            with one_thread():
                while True:
                    stop_if(cancel, scribe.text)
                    step = next(writer, None)
                    if step is None:
                        break
                    scribe.push(step)
            scribe.finish()
        return asked.written(seen, self._provenance(started, seen.layouts[0].tiles))

    def ask_many(
        self, questions: Sequence[Question], *, max_tokens: int = 48, cancel: Event | None = None
    ) -> list[Answer]:
        """Answer questions, each on its own; see :func:`..many.ask_many`."""
        started = perf_counter()
        asked = [Asked.of(q, self.processor, self.model.config, max_tokens) for q in questions]
        novelty = self.model.novelty if self.check_pictures else None
        stop = partial(stop_if, cancel)
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            found = list(answer_all(self.model, self._eyes, asked, self._hidden, novelty, stop))
        answers = []
        for one, (seen, refusal) in zip(asked, found, strict=True):
            at = self._provenance(started, seen.layouts[0].tiles, len(asked))
            answers.append(one.written(seen, at) if refusal is None else one.refused(refusal, at))
        return answers

    def score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return how likely each of some answers is.

        Parameters
        ----------
        question : Question
            As for :meth:`ask`; pictures that are no micrographs are not refused.
        answers : sequence of str
            Lengths that an answer was given by this model's :meth:`ask` are left out again.
        cancel : threading.Event, optional
            Once set, the work stops before the answers are read.

        Returns
        -------
        (L,) float64 array
            Log-likelihood of each answer and its end.
        """
        check_regions(question.regions)
        turns = [Turn(turn.question, plain(turn.answer)) for turn in question.turns]
        rows = [
            self.processor.encode_dialogue(
                turns, question.text, plain(answer), max_length=self._max_length
            )
            for answer in answers
        ]
        stop = partial(stop_if, cancel)
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            seen = self._look(question.regions, question.tiled, stop)
            with one_thread():
                scores, _ = score_answers(self.model, seen.memory, rows)
        return scores.double().cpu().numpy()

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        """Give every region a probability for each label.

        A label's score is the log-likelihood of the answer that names it, less (for labels the
        model was not taught) its log-likelihood without a picture.
        Sentences are not read: on 260 synthetic pictures of 20 classes under names it was not
        taught, names alone were right 47 times, the best mixture with sentences 55 times, sentences
        alone 46 times (26 by chance).
        """
        started = perf_counter()
        names = label_set_of(labels).names
        if not regions:
            raise QuestionError("Draw a region first.")
        temperature = self.model.config.temperature
        stop = partial(stop_if, cancel)
        probabilities, tiles = [], 1
        maps: list[AttentionMap] = []
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            with one_thread():
                prior = self._prior(names, stop)
            for count, region in enumerate(regions, start=1):
                seen = self._eyes.look(region, None, stop)
                with one_thread():
                    scores, attention = score_labels(
                        self.model, self.processor, seen.memory, names, stop
                    )
                calibrated = (scores - prior) / temperature
                probabilities.append(calibrated.softmax(0).cpu().numpy())
                best = attention[int(calibrated.argmax())].cpu().numpy()
                maps += maps_of(seen.layouts, best)
                tiles = max(tiles, seen.layouts[0].tiles)
                if on_region is not None:
                    on_region(count)
        return Classification(
            labels=names,
            probabilities=np.stack(probabilities).astype(np.float32),
            regions=tuple(regions),
            attention=tuple(maps),
            provenance=self._provenance(started, tiles),
            threshold=threshold,
        )

    def classify_many(
        self,
        regions: Sequence[Region],
        labels: Sequence[str] | LabelSet,
        *,
        threshold: float = 0.0,
        cancel: Event | None = None,
    ) -> Classification:
        """Give every region a probability for each label; see :func:`..many.classify_many`."""
        started = perf_counter()
        names = label_set_of(labels).names
        if not regions:
            raise QuestionError("Draw a region first.")
        stop = partial(stop_if, cancel)
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            with one_thread():
                prior = self._prior(names, stop)
            shares, maps, tiles = weigh_all(
                self.model, self.processor, self._eyes, regions, names, prior, stop
            )
        at = self._provenance(started, tiles)
        return Classification(names, shares, tuple(regions), tuple(maps), at, threshold)

    def features(
        self,
        regions: Sequence[Region],
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return numbers that say what regions show; see :class:`..base.Sees`."""
        if not regions:
            raise QuestionError("Draw a region first.")
        look = partial(self._eyes.whole, check=partial(stop_if, cancel))
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            return rows_of(self.model, look, regions, on_region)

    def feature_grid(self, region: Region, *, cancel: Event | None = None) -> NDArray[np.float32]:
        """Return what is shown at each place of a region; see :class:`..base.Sees`."""
        with self._queue.turn(cancel), torch.inference_mode(), advice_on_memory():
            return grid_of(self.model, *self._eyes.whole(region, partial(stop_if, cancel)))

    @property
    def _max_length(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _provenance(self, started: float, tiles: int, answers: int = 1) -> Provenance:
        seconds = (perf_counter() - started) / answers
        return Provenance(self.name, self.revision, self.device, seconds, __version__, tiles=tiles)

    def _look(
        self, regions: Sequence[Region], tiled: bool | None, check: Callable[[], None]
    ) -> Seen:
        if len(regions) == 1:
            return self._eyes.look(regions[0], tiled, check)
        return self._eyes.look_at_two(regions, check)

    def _prior(self, labels: Sequence[str], check: Callable[[], None]) -> torch.Tensor:
        """Return what the labels score without a picture, as far as it is to be taken off."""
        _, known = label_questions(labels, self.model.config.domain or {})
        share = float((self.model.config.calibration or {}).get("known" if known else "free", 0))
        if not share:
            return torch.zeros(len(labels), device=self.model.device)
        nothing = self._eyes.nothing().memory
        return share * score_labels(self.model, self.processor, nothing, labels, check)[0]
