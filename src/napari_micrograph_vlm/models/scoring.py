"""How likely each of many labels is as the answer to one question.

The prompt is read once. Then all labels follow it in one row of tokens as branches of a tree:
each token sees the prompt and the tokens before it in its own label, at the position it would have
if its label stood alone. Labels that begin alike share their first tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DynamicCache

from ..attention.recorder import Recorder, record, stoppable
from ..errors import QuestionError
from ..regions import Region
from .families.base import Family, Prompt
from .generation import image_positions
from .guards import stop_if
from .label_tree import LabelTree, can_branch, label_trees, tree_mask
from .session import Started, accepts, fork, new_cache, shift_of

__all__ = ["Calibration", "Scores", "blank_region", "ends_of", "probabilities", "score_labels"]

TOKENS_AT_ONCE = 512
"""Most tokens in one row of labels."""

BLANK_SIDE = 336
"""Side in pixels of the picture without content."""

_ROWS_AT_ONCE = 64

_REMEMBERED = 64
"""Questions whose scores without a picture are kept."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What labels score as answers to one question about one set of regions.

    Attributes
    ----------
    likelihoods : (L,) float64 array
        Log-likelihood of each label and of the answer's end behind it.
    attention : (L, layers, P) float32 array or None
        Where the decoder looked when it predicted the tokens of each label, mean of these: share
        of attention that each image token (of all regions, in order) got.
    """

    likelihoods: NDArray[np.float64]
    attention: NDArray[np.float32] | None = None


def score_labels(
    model: nn.Module,
    family: Family,
    prompt: Prompt,
    started: Started | None,
    labels: Sequence[str],
    *,
    cancel: Event | None = None,
    recording: bool = False,
) -> Scores:
    """Score labels as answers to the question of a prompt.

    Parameters
    ----------
    model : nn.Module
        In eval mode.
    family : Family
        Of the model.
    prompt : Prompt
        The question and its regions.
    started : Started
        The prompt's image part. It is used up. None: nothing of the prompt has been read.
    labels : sequence of str
        The answers to score; thousands are scored in several rows.
    cancel : threading.Event, optional
        Once set, the work stops.
    recording : bool
        Whether to keep the attention too (of one label or a few: L x layers x P numbers).

    Raises
    ------
    QuestionError
        If a label has no token.
    Cancelled
        If ``cancel`` was set.
    """
    if family.speaks_itself:
        return Scores(*family.weigh(model, prompt, labels, cancel=cancel))
    started = started or Started()
    answers = answer_tokens(family.tokenizer, prompt, labels)
    ends = ends_of(model, family)
    watched = partial(_recording, prompt, family) if recording else _nothing
    likelihoods, maps = [], []
    with torch.no_grad(), stoppable(cancel):
        with watched(1, started.length) as recorder:
            state = read_prompt(model, family, prompt, started)
        end = recorder.weights()[:, -1:] if recorder is not None else None
        for tree in label_trees(answers, TOKENS_AT_ONCE if can_branch(state.cache) else 1):
            stop_if(cancel)
            with watched(None, state.length) as recorder:
                likelihoods.append(_score(model, state, tree, ends))
            if recorder is not None and end is not None:
                maps.append(_attention(tree, torch.cat([end, recorder.weights()], dim=1)))
    attention = torch.cat(maps).numpy() if maps else None
    return Scores(torch.cat(likelihoods).numpy(), attention)


def probabilities(
    scores: NDArray[np.float64], blank: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Turn log-likelihoods into probabilities that sum to 1.

    Parameters
    ----------
    scores : (L,) array
        Log-likelihoods of the labels.
    blank : (L,) array, optional
        The same for a picture without content. What a label scores there it owes to being short
        or a common word, not to the region, and is taken off.
    """
    calibrated = scores if blank is None else scores - blank
    shares = np.exp(calibrated - calibrated.max())
    result: NDArray[np.float32] = (shares / shares.sum()).astype(np.float32)
    return result


def blank_region() -> Region:
    """Return a region without content, grey all over: the same one always."""
    return Region(
        np.full((BLANK_SIDE, BLANK_SIDE), 0.5, np.float32),
        (0, 0, BLANK_SIDE, BLANK_SIDE),
        source="blank",
    )


class Calibration:
    """Remembers what labels score without a picture; each question is asked only once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, NDArray[np.float64]] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, score: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the scores under ``key`` (question and labels), asking ``score`` at first."""
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = score()
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return found


def answer_tokens(tokenizer: Any, prompt: Prompt, labels: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each label as the model would write it after a prompt.

    Where the prompt ends with a word or a colon, an answer begins with a space, which many
    tokenizers put into its first token.

    Raises
    ------
    QuestionError
        If a label has no token.
    """

    def tokens(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    last = prompt.inputs["input_ids"][0, -1:].tolist()
    tail = "" if last[0] in tokenizer.all_special_ids else str(tokenizer.decode(last))
    spaced = bool(tail) and not tail[-1:].isspace()
    before = ":" if spaced else "\n"
    lead = tokens(before)
    answers = []
    for label in labels:
        text = label.strip()
        whole = tokens(f"{before} {text}" if spaced else before + text)
        found = whole[len(lead) :] if whole[: len(lead)] == lead else tokens(text)
        if not text or not found:
            raise QuestionError("A label is empty; give each class a name.")
        answers.append(found)
    return answers


def ends_of(model: nn.Module, family: Family) -> list[int]:
    """Return the tokens at which the model's answers end."""
    found = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    if found is None:
        found = family.tokenizer.eos_token_id
    return [] if found is None else [found] if isinstance(found, int) else list(found)


def _nothing(rows: int | None, seen: int) -> AbstractContextManager[None]:
    return nullcontext()


def _recording(
    prompt: Prompt, family: Family, rows: int | None, seen: int
) -> AbstractContextManager[Recorder]:
    return record(image_positions(prompt), rows=rows, layers=family.attention_layers, seen=seen)


@dataclass(frozen=True, eq=False)
class _Read:
    """A decoder that has read a whole prompt.

    Attributes
    ----------
    cache : DynamicCache
        Keys and values of its ``length`` tokens.
    logits : (V,) float32 Tensor
        Scores of the token after it.
    shift : Tensor or None
        See :class:`.session.Started`.
    along : dict of str to Tensor
        What else runs along the sequence, the last token's part: (1, 1, ...).
    """

    cache: DynamicCache
    length: int
    logits: Tensor
    shift: Tensor | None
    along: dict[str, Tensor]


def read_prompt(model: nn.Module, family: Family, prompt: Prompt, started: Started) -> _Read:
    """Let the decoder read what it has not read of a prompt."""
    arguments = started.arguments(model, family, prompt)
    ids = arguments.pop("input_ids")
    others = [k for k in family.sequence_keys if k in arguments and k != "attention_mask"]
    last = {k: arguments[k][:, -1:] for k in others}
    cache = started.cache
    if cache is None:
        cache = new_cache(model)
        given = {"input_ids": ids, **arguments, "past_key_values": cache, "use_cache": True}
    else:
        # One row without padding: what stands before is in the cache, and all of it is seen.
        rest = {k: arguments[k][:, started.length :] for k in others}
        place = torch.arange(started.length, prompt.length, device=ids.device)
        given = _following(model, cache, ids[:, started.length :], place, started.shift, rest)
    if accepts(model, "logits_to_keep"):
        given["logits_to_keep"] = 1
    logits = model(**given).logits[0, -1].float()
    # The model that has just read the image itself knows how far text stands off.
    shift = started.shift if started.cache is not None else shift_of(model)
    return _Read(cache, prompt.length, logits, shift, last)


def _following(
    model: nn.Module,
    cache: DynamicCache,
    ids: Tensor,
    place: Tensor,
    shift: Tensor | None,
    along: dict[str, Tensor],
    mask: Any = None,
) -> dict[str, Any]:
    """Return the arguments by which a model reads more text: ids (1, T) at positions (T,)."""
    position = place[None] if shift is None else place[None] + shift
    # Each model's own preparation knows, for one, whether its positions begin at 0 or 1.
    given: dict[str, Any] = model.prepare_inputs_for_generation(  # type: ignore[operator]
        ids,
        past_key_values=cache,
        attention_mask=mask,
        position_ids=position,
        use_cache=True,
        is_first_iteration=False,
        **along,
    )
    return given


def _score(model: nn.Module, state: _Read, tree: LabelTree, ends: Sequence[int]) -> Tensor:
    """Return the log-likelihood of each label of a tree, (L,) float64 on the CPU."""
    cache = fork(state.cache)
    device = state.logits.device
    ids = torch.tensor([tree.tokens], device=device)
    place = state.length + torch.tensor(tree.depths, device=device)
    mask = tree_mask(cache, tree, state.length, device) if len(tree.leaves) > 1 else None
    along = {k: v.expand(-1, len(tree.tokens), *v.shape[2:]) for k, v in state.along.items()}
    given = _following(model, cache, ids, place, state.shift, along, mask)
    given.pop("logits_to_keep", None)
    logits = model(**given).logits[0]
    # In pieces: vocabularies are large, and single precision is needed only for the sums.
    total = torch.cat([rows.float().logsumexp(-1) for rows in logits.split(_ROWS_AT_ONCE)])
    first = state.logits.log_softmax(-1)
    parents = torch.tensor(tree.parents, device=device)
    written = torch.where(parents < 0, first[ids[0]], logits[parents, ids[0]] - total[parents])
    stop = (
        logits[:, list(ends)].float().logsumexp(-1) - total if ends else total.new_zeros(len(total))
    )
    written, stop = written.double().cpu(), stop.double().cpu()
    return torch.stack([written[tree.path(leaf)].sum() + stop[leaf] for leaf in tree.leaves])


def _attention(tree: LabelTree, rows: Tensor) -> Tensor:
    """Return where each label looked, (L, layers, P), from the rows (layers, 1 + T, P).

    A token is predicted by the row of the one before it; row 0 is the prompt's end.
    """
    return torch.stack(
        [
            rows[:, [1 + tree.parents[node] for node in tree.path(leaf)]].mean(1)
            for leaf in tree.leaves
        ]
    )
