"""Any vision-language model of transformers as a model that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from torch import nn

from .. import __version__
from ..attention import relevance as ways
from ..attention.calibration import key_of, settings_for
from ..attention.recorder import stoppable
from ..attention.relevance import Method, Recorded, Settings, maps_of, relevance_of
from ..errors import Cancelled, ModelError, QuestionError
from ..labelling import LabelSet, label_set_of
from ..regions import Region
from ..results import Answer, AttentionMap, Classification, Provenance, Question
from .asking import SUGGESTIONS, as_arrays, checked, tiles_of, which_of
from .base import ModelInput
from .conditions import told_to
from .families.base import Family, Prompt
from .features import ShowsTokens
from .generation import Step, generate
from .guards import OneAtATime, advice_on_memory, make_room, stop_if, with_less
from .loading import load
from .scoring import Calibration, Scores, blank_region, score_labels
from .session import Sessions, Started
from .transcript import Transcript
from .weighing import weigh
from .written import Written, recorded_of

__all__ = ["LocalModel"]

NEUTRAL = "Write a general description of the image."
"""What is asked to see where a model looks whatever it is asked."""


class LocalModel(ShowsTokens):
    """A large model on this computer; made by :meth:`load`.

    It answers by greedy decoding: the same question on the same region gets the same answer.

    Attributes
    ----------
    name, revision, device : str
        What the model is called, what identifies its weights, where it runs.
    family : Family
        How it is asked and where its image tokens lie.
    relevance : Settings
        How attention is made into maps unless a question says otherwise.
    calibrated_as : str
        Under which name these settings are kept; :attr:`name` by default.
    instruction : str
        A system prompt for every question.
    takes_conditions : bool
        Whether scale and instrument, as far as they are known, are said before a question (see
        :func:`.conditions.conditions_of`); labels are weighed without them.
    sessions : Sessions
        What it remembers of the regions it was asked about last.
    """

    def __init__(
        self,
        model: nn.Module,
        family: Family,
        *,
        name: str,
        revision: str = "unsaved",
        device: str = "cpu",
        calibrated_as: str = "",
    ) -> None:
        self._model: nn.Module | None = model
        self.family = family
        self.name = name
        self.revision = revision
        self.device = device
        self.instruction = ""
        self.takes_conditions = family.takes_conditions
        self.sessions = Sessions()
        self.calibrated_as = calibrated_as or name
        self.relevance = settings_for(self.calibrated_as)
        self._calibration = Calibration()
        self._queue = OneAtATime()

    @classmethod
    def load(
        cls,
        folder: Path,
        device: str = "auto",
        precision: str = "auto",
        *,
        name: str | None = None,
    ) -> LocalModel:
        """Load a checkpoint folder; see :func:`napari_micrograph_vlm.models.loading.load`.

        Raises
        ------
        ModelError
            If the folder holds no model that is known, or a broken one, or memory is short.
        """
        loaded = load(folder, device, precision)
        return cls(
            loaded.model,
            loaded.family,
            name=name or folder.resolve().name,
            revision=loaded.revision,
            device=loaded.device,
            calibrated_as=key_of(name, folder),
        )

    @property
    def model(self) -> nn.Module:
        """The model of transformers.

        Raises
        ------
        ModelError
            If it was unloaded.
        """
        if self._model is None:
            raise ModelError(f"The model {self.name} was unloaded; load it again.")
        return self._model

    @property
    def methods(self) -> tuple[Method, ...]:
        """The ways in which it can show where it looked, the cheapest first."""
        if self.family.speaks_itself or self.family.attention_layers is not None:
            return (*ways.RECORDED, Method.OCCLUSION)
        return (*ways.RECORDED, *ways.REPLAYED, Method.OCCLUSION)

    @property
    def most_frames(self) -> int:
        """Most frames of a stack that it is given as pictures of their own."""
        return min(self.family.most_frames, self.family.max_regions)

    def close(self) -> None:
        """Free its memory; whoever asks it afterwards is told to load it again."""
        with self._queue.turn(None):
            self._model = None
            self.sessions.forget()
        make_room()

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return exactly what the model would be given for this region."""
        return self.family.prepare(region, tiled)

    def suggestions(self) -> Sequence[str]:
        """Return questions that this model is good at, best first."""
        return tuple(self.family.suggestions()) or SUGGESTIONS

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        relevance: Settings | None = None,
    ) -> Answer:
        """Answer a question; see :meth:`napari_micrograph_vlm.models.Model.ask`.

        ``relevance`` says how the maps are made, as :attr:`relevance` by default; what is not
        among :attr:`methods` is made in the plain way.
        """
        started = perf_counter()
        settings = relevance or self.relevance
        if settings.method not in self.methods:
            settings = replace(settings, method=Method.LAYERS)
        asked = checked(question, self.family, self.name)
        shown = settings
        if settings.method is Method.OCCLUSION:
            shown = Settings(Method.LAYERS, self.relevance.layers)
        told: list[str] = []

        def tell(piece: str) -> None:
            told.append(piece)
            if on_text is not None:
                on_text(piece)

        def work(tiled: bool | None) -> Answer:
            prompt = self._prompt(asked, tiled)
            written = self._write(prompt, tell, cancel, max_tokens)
            words, maps = written.explained(
                shown,
                neutral=lambda: self._neutral(replace(asked, tiled=tiled), cancel),
                replayed=lambda method: self._replayed(prompt, written, method),
            )
            return Answer(
                question=asked.text,
                text=written.text,
                regions=asked.regions,
                attention=maps,
                words=words,
                confidence=written.confidence,
                provenance=self._provenance(
                    started, tiles_of(self.family, asked.regions[0], tiled)
                ),
                turns=asked.turns,
                question_words=written.question_words(asked.text, shown),
                tiled=tiled,
            )

        with self._queue.turn(cancel), stoppable(cancel):
            answer = with_less(work, asked.tiled, self.sessions.forget, told)
        if settings.method is Method.OCCLUSION:
            from ..attention.explain import covered

            answer = covered(self, answer, cancel=cancel)
            provenance = replace(answer.provenance, seconds=perf_counter() - started)
            answer = replace(answer, provenance=provenance)
        return answer

    def recorded(
        self, question: Question, *, max_tokens: int = 48, cancel: Event | None = None
    ) -> Recorded:
        """Answer a question and return the attention as it was recorded, before it is a map."""
        asked = checked(question, self.family, self.name)
        with self._queue.turn(cancel), stoppable(cancel), advice_on_memory():
            written = self._write(self._prompt(asked, asked.tiled), None, cancel, max_tokens)
            return written.recorded

    def score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return how likely given answers to a question are: log-likelihoods, (L,)."""
        asked = checked(question, self.family, self.name)
        with self._queue.turn(cancel), stoppable(cancel), advice_on_memory():
            return self._scores(self._prompt(asked, asked.tiled), answers, cancel).likelihoods

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

        A label's score is its log-likelihood as the answer to a question that lists the labels,
        with their sentences where they have some, less that for a grey picture.
        """
        started = perf_counter()
        classes = label_set_of(labels)
        names = classes.names
        if not regions:
            raise QuestionError("Draw a region first.")
        text = which_of(names, classes.sentences)
        rows, maps, tiles = [], list[AttentionMap](), 1
        with self._queue.turn(cancel), stoppable(cancel):
            blank = self._calibration.of(
                (text, names, self.instruction), lambda: self._blank(text, names, cancel)
            )
            for count, region in enumerate(regions, start=1):

                def work(tiled: bool | None, region: Region = region) -> _Weighed:
                    return self._weigh(region, tiled, text, names, blank, cancel)

                row, attention, seen = with_less(work, None, self.sessions.forget)
                rows.append(row)
                maps.append(attention)
                tiles = max(tiles, seen)
                if on_region is not None:
                    on_region(count)
        return Classification(
            labels=names,
            probabilities=np.stack(rows),
            regions=tuple(regions),
            attention=tuple(maps),
            provenance=self._provenance(started, tiles),
            threshold=threshold,
        )

    def _weigh(
        self,
        region: Region,
        tiled: bool | None,
        text: str,
        names: tuple[str, ...],
        blank: NDArray[np.float64],
        cancel: Event | None,
    ) -> _Weighed:
        """Return the probabilities of labels for one region, the map of the best, and its tiles."""
        prompt = self._prompt(Question(text, (region,)), tiled, told=False)
        row, attention = weigh(partial(self._scores, prompt, cancel=cancel), names, blank)
        recorded = recorded_of(prompt, attention, self._shares(prompt))
        settings = Settings(Method.LAYERS, self.relevance.layers)
        weights = relevance_of(recorded, settings)[0]
        tiles = tiles_of(self.family, region, tiled)
        return row, maps_of(weights, recorded, str(settings.method))[0], tiles

    def _blank(
        self, text: str, names: tuple[str, ...], cancel: Event | None
    ) -> NDArray[np.float64]:
        with advice_on_memory():
            prompt = self._prompt(Question(text, (blank_region(),)), False)
            return self._scores(prompt, names, cancel).likelihoods

    def _prompt(self, question: Question, tiled: bool | None, *, told: bool = True) -> Prompt:
        return self.family.prompt(
            question.regions,
            question.text,
            question.turns,
            tiled=tiled,
            instruction=self.instruction,
            conditions=told_to(self, question.regions) if told else "",
        )

    def _start(self, prompt: Prompt) -> Started:
        if self.family.speaks_itself:
            return Started()
        return self.sessions.start(self.model, self.family, prompt)

    def _scores(
        self,
        prompt: Prompt,
        answers: Sequence[str],
        cancel: Event | None,
        *,
        recording: bool = False,
    ) -> Scores:
        return score_labels(
            self.model,
            self.family,
            prompt,
            self._start(prompt),
            answers,
            cancel=cancel,
            recording=recording,
        )

    def _shares(self, prompt: Prompt) -> tuple[NDArray[np.float32], ...]:
        """Return how a resampler mixes the patches of a prompt that has been read."""
        if self.family.speaks_itself:
            return ()
        return as_arrays(self.sessions.start(self.model, self.family, prompt).mixing or ())

    def _write(
        self,
        prompt: Prompt,
        tell: Callable[[str], None] | None,
        cancel: Event | None,
        max_tokens: int,
    ) -> Written:
        transcript = Transcript(self.family.tokenizer, tell)
        steps: list[Step] = []
        try:
            started = self._start(prompt)
            writer = self._writer(prompt, started, cancel, max(max_tokens, 1))
            with ExitStack() as stack:
                mixing = None
                if started.mixing is None and not self.family.speaks_itself:
                    # The image is encoded with the first token.
                    mixing = stack.enter_context(self.family.mixing(self.model, prompt))
                for step in writer:
                    stack.close()
                    steps.append(step)
                    transcript.push(step.token)
                    stop_if(cancel)
        except Cancelled:
            raise Cancelled(transcript.text) from None
        transcript.finish()
        shares = started.mixing if mixing is None else mixing.shares
        return Written(self.family, prompt, steps, transcript, as_arrays(shares or ()))

    def _writer(
        self, prompt: Prompt, started: Started, cancel: Event | None, max_tokens: int
    ) -> Iterator[Step]:
        if self.family.speaks_itself:
            return self.family.speak(self.model, prompt, max_tokens=max_tokens, cancel=cancel)
        return generate(
            self.model, self.family, prompt, started, max_tokens=max_tokens, cancel=cancel
        )

    def _neutral(self, question: Question, cancel: Event | None) -> NDArray[np.float32]:
        prompt = self._prompt(replace(question, text=NEUTRAL, turns=()), question.tiled)
        seen: NDArray[np.float32] = self._write(prompt, None, cancel, 1).recorded.attention[0]
        return seen

    def _replayed(self, prompt: Prompt, written: Written, method: Method) -> NDArray[np.floating]:
        from ..attention.replay import replay

        tokens = [step.token for step in written.steps]
        return replay(self.model, self.family, prompt, tokens, method)

    def _provenance(self, started: float, tiles: int) -> Provenance:
        seconds = perf_counter() - started
        return Provenance(self.name, self.revision, self.device, seconds, __version__, tiles=tiles)


_Weighed = tuple[NDArray[np.float32], AttentionMap, int]
