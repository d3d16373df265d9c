"""A model behind an OpenAI-compatible server of the user's own, asked like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...attention.occlusion import occlusion_maps
from ...errors import Cancelled, MicrographError, QuestionError
from ...labelling import LabelSet, label_set_of
from ...regions import Region
from ...results import Answer, AttentionMap, Classification, Provenance, Question
from ..base import ModelInput
from ..conditions import told_to
from ..threads import in_threads
from .asking import TOP, Writing, messages, shown
from .client import ChatClient
from .failures import Refused
from .protocol import Piece
from .scoring import Choice, likelihood_of, probabilities_of

__all__ = ["RemoteModel"]

REGIONS = 8
"""Most regions in one question: what the models served today take."""

UNKNOWN = "not told by the server"

_SPEAKS_OF_LOGPROBS = (400, 422)


class RemoteModel:
    """Asks a server; the pixels of the regions are sent there.

    Made by :func:`~napari_micrograph_vlm.api.load_model`, which asks whether they may be.

    Parameters
    ----------
    client : ChatClient
        Knows the address.
    model : str
        Name of the model, as the server knows it.
    parts : int
        Parts along the longer side of a region that are covered in turn to find where the model
        looked: ``parts`` squared more questions for each answer; 0 leaves the map out.
    at_once : int
        Questions that are put at the same time.

    Attributes
    ----------
    name, revision, device : str
        Address and model; what the server says of its weights; its host.
    takes_conditions : bool
        Whether scale and instrument, as far as they are known, are said before a question.
    """

    def __init__(self, client: ChatClient, model: str, *, parts: int = 4, at_once: int = 4) -> None:
        self.client = client
        self.model = model
        self.name = f"{client.address.base}#{model}"
        self.revision = UNKNOWN
        self.device = client.address.host
        self.takes_conditions = True
        self.parts = parts
        self.at_once = at_once
        self._tells = True

    most_frames = REGIONS

    def __repr__(self) -> str:
        return f"RemoteModel({self.name!r})"

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return exactly the pictures that would be sent for this region."""
        return shown(region, tiled)

    def suggestions(self) -> Sequence[str]:
        """Return questions that most models answer."""
        return ("Describe this region.", "Is there a defect here?", "What kind of sample is this?")

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
    ) -> Answer:
        """Answer a question; see :meth:`napari_micrograph_vlm.models.Model.ask`.

        Raises
        ------
        ModelError
            If the server cannot be used, refuses, or is silent after all attempts.
        """
        started = perf_counter()
        text = question.text.strip().encode("utf-8", "replace").decode()
        if not text:
            raise QuestionError("Type a question first.")
        question = replace(question, text=text)
        given = self._given(question)
        writing = Writing()
        try:
            for piece in self._pieces(self._body(question, given, max_tokens, told=True), cancel):
                new = writing.push(piece)
                if new and on_text is not None:
                    on_text(new)
        except Cancelled:
            raise Cancelled(writing.text) from None
        writing.text = writing.text.rstrip()
        maps = tuple(_nothing(region) for region in question.regions)
        answer = Answer(
            question=text,
            text=writing.text,
            regions=tuple(question.regions),
            attention=maps,
            words=writing.words(maps),
            confidence=writing.confidence,
            provenance=self._provenance(started, max(len(one.views) for one in given)),
            tiled=question.tiled,
            turns=question.turns,
        )
        if not (self.parts and writing.text):
            return answer
        maps = self._looked(answer, cancel)
        made = replace(answer.provenance, seconds=perf_counter() - started)
        return replace(answer, attention=maps, words=writing.words(maps), provenance=made)

    def score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return how likely each of some answers is, (L,) log-likelihoods.

        A server can only be asked again, so this is the likelihood up to where it would write
        something else, and an estimate from the shared words where it tells no probabilities.
        """
        if not answers:
            return np.zeros(0)
        given = self._given(question)
        most = max(2 * len(answer.split()) + 8 for answer in answers)
        writing = Writing()
        body = self._body(question, given, most, top=TOP, told=True)
        for piece in self._pieces(body, cancel):
            writing.push(piece)
        told, cut = writing.tokens, len(writing.tokens) >= most
        return np.array([likelihood_of(one, writing.text, told, cut=cut) for one in answers])

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

        The model chooses among lettered labels, with their sentences where they have some. They are
        put in more than one order since models prefer what comes first. Where the server tells the
        probabilities of the letters these are used, else how often each label is chosen. Several
        regions are asked about at a time.
        """
        started = perf_counter()
        classes = label_set_of(labels)
        names, sentences = classes.names, classes.sentences
        if not regions:
            raise QuestionError("Draw a region first.")

        def one(region: Region) -> NDArray[np.float64]:
            given = self._given(Question("", (region,)))
            return probabilities_of(
                names, lambda text: self._choose(text, region, given, cancel), sentences
            )

        rows: list[NDArray[np.float64]] = []
        for row in in_threads([_bound(one, region) for region in regions], self.at_once, cancel):
            rows.append(row)
            if on_region is not None:
                on_region(len(rows))
        return Classification(
            labels=names,
            probabilities=np.stack(rows).astype(np.float32),
            regions=tuple(regions),
            attention=tuple(_nothing(region) for region in regions),
            provenance=self._provenance(started, 1),
            threshold=threshold,
        )

    def _given(self, question: Question) -> list[ModelInput]:
        if not question.regions:
            raise QuestionError("Draw a region first.")
        if len(question.regions) > REGIONS:
            raise QuestionError(
                f"{len(question.regions)} regions are too many for one question; "
                f"choose at most {REGIONS}."
            )
        return [self.prepare(region, question.tiled) for region in question.regions]

    def _choose(
        self, text: str, region: Region, given: list[ModelInput], cancel: Event | None
    ) -> Choice:
        """Have one label chosen by its letter."""
        writing = Writing()
        asked = Question(text, (region,))
        for piece in self._pieces(self._body(asked, given, 4, top=TOP), cancel):
            writing.push(piece)
        return Choice(writing.text, writing.tokens[0].top if writing.tokens else {})

    def _body(
        self,
        question: Question,
        given: list[ModelInput],
        most: int,
        top: int = 0,
        *,
        told: bool = False,
    ) -> dict[str, Any]:
        conditions = told_to(self, question.regions) if told else ""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages(question, given, conditions),
            "temperature": 0.0,
            "seed": 0,
            "max_tokens": most,
            "logprobs": True,
        }
        return {**body, "top_logprobs": top} if top else body

    def _pieces(self, body: dict[str, Any], cancel: Event | None) -> Iterator[Piece]:
        """Ask; a server that refuses to tell probabilities is asked without them from then on."""
        plain = {k: v for k, v in body.items() if k not in ("logprobs", "top_logprobs")}
        if not self._tells:
            yield from self.client.stream(plain, cancel)
            return
        begun = False
        try:
            for piece in self.client.stream(body, cancel):
                begun = True
                yield piece
            return
        except Refused as error:
            if begun or error.code not in _SPEAKS_OF_LOGPROBS:
                raise
        yield from self.client.stream(plain, cancel)
        self._tells = False  # it was that, and not the picture, which it refused

    def _looked(self, answer: Answer, cancel: Event | None) -> tuple[AttentionMap, ...]:
        """Find where the model looked; an answer is worth having without it, too."""
        try:
            # Each part is a question: for many frames no more of them than for two regions.
            parts = max(int(self.parts * (2 / max(len(answer.regions), 2)) ** 0.5), 1)
            return occlusion_maps(self, answer, parts=parts, cancel=cancel)
        except Cancelled:
            raise Cancelled(answer.text) from None
        except MicrographError:
            return answer.attention

    def _provenance(self, started: float, views: int) -> Provenance:
        seconds = perf_counter() - started
        tiles = max(views - 1, 1)
        return Provenance(self.name, self.revision, self.device, seconds, __version__, tiles=tiles)


def _bound(
    work: Callable[[Region], NDArray[np.float64]], region: Region
) -> Callable[[], NDArray[np.float64]]:
    return lambda: work(region)


def _nothing(region: Region) -> AttentionMap:
    """Return a map that singles nothing out."""
    height, width = region.shape
    rows = max(round(7 * height / max(height, width)), 1)
    columns = max(round(7 * width / max(height, width)), 1)
    return AttentionMap(np.full((rows, columns), 1 / (rows * columns), np.float32), "none")
