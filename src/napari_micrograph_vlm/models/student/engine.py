"""The student as a model that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import exp, log
from pathlib import Path
from threading import Event, Lock
from time import perf_counter

import numpy as np
import torch

from ... import __version__
from ...errors import Cancelled, ModelError, QuestionError
from ...labelling import check_labels
from ...regions import Region
from ...results import Answer, AttentionMap, Classification, Provenance, Question
from ..base import ModelInput
from ..views import prepare_views
from .loading import choose_device, load_parts, revision_of
from .memory import ImageMemory
from .modeling import MvaemaModel
from .processing import MvaemaProcessor
from .scoring import dialogues, label_questions, score_answers
from .seeing import Eyes
from .threads import one_thread
from .tokenization import Detokenizer
from .wording import METHOD, answer_map, answer_words
from .writing import Step, write

__all__ = ["Student"]

LABELS_AT_ONCE = 64

_POLL = 0.05
"""Seconds between two looks at whether a waiting question was stopped."""


class Student:
    """The bundled model: looks at one region at a time, on any laptop.

    Made by :meth:`load`. It answers by greedy decoding: the same question on the same region
    gets the same answer.

    Attributes
    ----------
    name, revision, device : str
        What the model is called, what identifies its weights, where it runs.
    """

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
        self._busy = Lock()
        self._eyes = Eyes(self.model, processor.image_processor, self.prepare)
        # Special tokens are never written; [EOS] (2) ends an answer.
        self._hidden = torch.zeros(processor.vocab_size, dtype=torch.bool, device=device)
        self._hidden[:8] = True
        self._hidden[processor.eos] = False

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
        with _advice_on_memory():
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
    ) -> Answer:
        """Answer a question; see :meth:`napari_micrograph_vlm.models.Model.ask`."""
        started = perf_counter()
        # A lone surrogate, which a console can hold, is no text that a tokenizer takes.
        text = question.text.strip().encode("utf-8", "replace").decode()
        if not text:
            raise QuestionError("Type a question first.")
        region = self._only_region(question.regions)
        longest = self._max_length
        most = max(min(max_tokens, longest // 2), 1)
        dialogue = self.processor.encode_dialogue(question.turns, text, max_length=longest - most)
        detokenizer = self.processor.detokenizer()
        steps: list[Step] = []
        with self._alone(cancel), torch.inference_mode(), _advice_on_memory():
            seen = self._eyes.look(region, question.tiled, partial(_stop_if, cancel))
            writer = write(self.model, seen.memory, dialogue.ids, most, self._hidden)
            with one_thread():
                while True:
                    _stop_if(cancel, detokenizer)
                    step = next(writer, None)
                    if step is None:
                        break
                    steps.append(step)
                    _tell(on_text, detokenizer.push(step.token))
            _tell(on_text, detokenizer.finish())
            attention = torch.stack([step.attention for step in steps]).cpu().numpy()
        words = answer_words(detokenizer, steps, attention, seen.layout)
        return Answer(
            question=text,
            text=detokenizer.text,
            regions=(region,),
            attention=(answer_map(detokenizer, attention, seen.layout),),
            words=words,
            confidence=exp(sum(log(max(s.probability, 1e-30)) for s in steps) / len(steps)),
            provenance=self._provenance(started, seen.layout.tiles),
            turns=question.turns,
        )

    def classify(
        self,
        regions: Sequence[Region],
        labels: Sequence[str],
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
        threshold: float = 0.0,
    ) -> Classification:
        """Give every region a probability for each label.

        A label's score is the log-likelihood of the answer that names it, less (for labels the
        model was not taught) its log-likelihood without a picture.
        """
        started = perf_counter()
        names = check_labels(labels)
        if not regions:
            raise QuestionError("Draw a region first.")
        config = self.model.config
        probabilities, maps, tiles = [], [], 1
        with self._alone(cancel), torch.inference_mode(), _advice_on_memory():
            with one_thread():
                prior = self._prior(names, cancel)
            for count, region in enumerate(regions, start=1):
                seen = self._eyes.look(region, None, partial(_stop_if, cancel))
                with one_thread():
                    scores, attention = self._score(seen.memory, names, cancel)
                calibrated = (scores - prior) / config.temperature
                probabilities.append(calibrated.softmax(0).cpu().numpy())
                best = attention[int(calibrated.argmax())].cpu().numpy()
                maps.append(AttentionMap(seen.layout.to_map(best), METHOD))
                tiles = max(tiles, seen.layout.tiles)
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

    @contextmanager
    def _alone(self, cancel: Event | None) -> Iterator[None]:
        """Wait until no other thread uses the model: panel and console share it."""
        _stop_if(cancel)
        while not self._busy.acquire(timeout=_POLL):
            _stop_if(cancel)
        try:
            _stop_if(cancel)
            yield
        finally:
            self._busy.release()

    @property
    def _max_length(self) -> int:
        return int(self.model.config.text_config.max_position_embeddings)

    def _provenance(self, started: float, tiles: int) -> Provenance:
        seconds = perf_counter() - started
        return Provenance(self.name, self.revision, self.device, seconds, __version__, tiles=tiles)

    @staticmethod
    def _only_region(regions: Sequence[Region]) -> Region:
        if not regions:
            raise QuestionError("Draw a region first.")
        if len(regions) > 1:
            raise QuestionError(
                f"The bundled model looks at one region at a time, not at {len(regions)}; "
                "ask about one of them, or choose a larger model."
            )
        return regions[0]

    def _score(
        self, memory: ImageMemory, labels: Sequence[str], cancel: Event | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean over questions of the labels' scores (K,), and their attention (K, N)."""
        questions, _ = label_questions(labels, self.model.config.domain or {})
        scores, attention = [], []
        for question in questions:
            rows = dialogues(self.processor, question, self._max_length)
            for start in range(0, len(rows), LABELS_AT_ONCE):
                _stop_if(cancel)
                some = score_answers(self.model, memory, rows[start : start + LABELS_AT_ONCE])
                scores.append(some[0])
                attention.append(some[1])
        return (
            torch.cat(scores).view(len(questions), -1).mean(0),
            torch.cat(attention).view(len(questions), len(labels), -1).mean(0),
        )

    def _prior(self, labels: Sequence[str], cancel: Event | None) -> torch.Tensor:
        """Return what the labels score without a picture, as far as it is to be taken off."""
        _, known = label_questions(labels, self.model.config.domain or {})
        share = float((self.model.config.calibration or {}).get("known" if known else "free", 0))
        if not share:
            return torch.zeros(len(labels), device=self.model.device)
        return share * self._score(self._eyes.nothing().memory, labels, cancel)[0]


def _stop_if(cancel: Event | None, detokenizer: Detokenizer | None = None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled(detokenizer.text if detokenizer is not None else "")


def _tell(on_text: Callable[[str], None] | None, piece: str) -> None:
    if on_text is not None and piece:
        on_text(piece)


@contextmanager
def _advice_on_memory() -> Iterator[None]:
    """Turn running out of memory into advice."""
    short = False
    try:
        yield
    except MemoryError:
        short = True
    except RuntimeError as error:
        short = isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
        if not short:
            raise
    if short:
        # Out of the except block, whose traceback would keep the tensors alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise ModelError(
            "There is not enough memory for this region; "
            "close other programs, choose the device 'cpu', or ask without tiles."
        )
