"""What the image encoder of a large model sees of whole regions and of each place, as numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..attention.recorder import stoppable
from ..attention.token_boxes import TokenBoxes
from ..errors import ModelError, QuestionError
from ..regions import Region
from .families.base import Family, Prompt
from .guards import OneAtATime, advice_on_memory, stop_if
from .session import placed

__all__ = ["POOLS", "ShowsTokens", "gridded", "pooled_rows", "tokens_of"]

POOLS: tuple[str, ...] = ("tokens mean", "tokens deviation", "tokens largest")
"""Blocks of features that are made of the tokens of a region."""

_TEXT = "Describe the image."
"""Some question: image tokens stand before it, and what they show does not depend on it."""

Look = Callable[[Region], tuple[NDArray[np.float32], TokenBoxes]]


class ShowsTokens:
    """The half of a model on this computer that shows what its image encoder sees."""

    family: Family
    _queue: OneAtATime

    @property
    def model(self) -> nn.Module:
        """The model of transformers."""
        raise NotImplementedError

    def features(
        self,
        regions: Sequence[Region],
        *,
        on_region: Callable[[int], None] | None = None,
        cancel: Event | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return numbers that say what regions show; see :class:`..base.Sees`."""

        def look(region: Region) -> tuple[NDArray[np.float32], TokenBoxes]:
            stop_if(cancel)
            return tokens_of(self.model, self.family, region)

        with self._queue.turn(cancel), stoppable(cancel), advice_on_memory():
            return pooled_rows(look, regions, on_region)

    def feature_grid(self, region: Region, *, cancel: Event | None = None) -> NDArray[np.float32]:
        """Return what is shown at each place of a region; see :class:`..base.Sees`."""
        with self._queue.turn(cancel), stoppable(cancel), advice_on_memory():
            return gridded(*tokens_of(self.model, self.family, region))


class _Enough(Exception):  # noqa: N818 - the way out of a model that need not go on
    """What was wanted is there."""


def tokens_of(
    model: nn.Module, family: Family, region: Region
) -> tuple[NDArray[np.float32], TokenBoxes]:
    """Return the image tokens of a region that is not tiled, and what part of it each shows.

    They are those that the text decoder looks at; where a resampler or a Q-Former stands in
    between, the patches before it, which still have a place. The decoder does not run.

    Parameters
    ----------
    model : nn.Module
        In eval mode, used by this thread alone.
    family : Family
        Of the model.
    region : Region
        What to look at.

    Returns
    -------
    tokens : (N, F) float32 array
    boxes : TokenBoxes
        (N,) of them.

    Raises
    ------
    ModelError
        If the model does not give one token for each box.
    """
    prompt = family.prompt([region], _TEXT, tiled=False)
    sight = prompt.sights[0]
    with torch.inference_mode():
        if family.speaks_itself:
            seen = _patches(model, prompt)
        elif len(sight.boxes) != len(sight.positions):
            seen = _before_resampler(model, family, prompt)
        else:
            given = _decoder_input(model, family, prompt)
            seen = given[torch.as_tensor(sight.positions, device=given.device)]
        tokens: NDArray[np.float32] = seen.float().cpu().numpy()
    if len(tokens) != len(sight.boxes):
        raise ModelError("This model does not show what it sees; choose another one.")
    return tokens, sight.boxes


def pooled_rows(
    look: Look, regions: Sequence[Region], on_region: Callable[[int], None] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return mean, deviation and maximum of the tokens of each region: the blocks of POOLS.

    Parameters
    ----------
    look : callable
        Gives tokens and boxes of a region, such as :func:`tokens_of` of a model.
    regions : sequence of Region
        What to look at.
    on_region : callable, optional
        Gets the number of finished ones.

    Returns
    -------
    dict of str to (n, F) float32 arrays

    Raises
    ------
    QuestionError
        If there is no region.
    """
    if not regions:
        raise QuestionError("Draw a region first.")
    rows = []
    for count, region in enumerate(regions, start=1):
        tokens, boxes = look(region)
        tokens = tokens[_inside(boxes)]
        rows.append((tokens.mean(0), tokens.std(0), tokens.max(0)))
        if on_region is not None:
            on_region(count)
    columns = zip(*rows, strict=True)
    return {
        name: np.stack(part).astype(np.float32) for name, part in zip(POOLS, columns, strict=True)
    }


def gridded(tokens: NDArray[np.float32], boxes: TokenBoxes) -> NDArray[np.float32]:
    """Bring tokens to equal cells that cover the region exactly.

    Parameters
    ----------
    tokens : (N, F) float32 array
        What each token shows.
    boxes : TokenBoxes
        Where it lies; what lies outside the region is padding and counts for nothing.

    Returns
    -------
    (rows, columns, F) float32 array
        On the grid of the smallest boxes: each cell the mean of the tokens that overlap it, by
        the share of the token that lies in it.
    """
    rows, columns = boxes.grid
    along_y = _overlaps(boxes.boxes[:, 0], boxes.boxes[:, 2], rows)
    along_x = _overlaps(boxes.boxes[:, 1], boxes.boxes[:, 3], columns)
    found = np.zeros((rows, columns, tokens.shape[1]), np.float32)
    covered = np.zeros((rows, columns))
    for row in range(rows):
        near = np.flatnonzero(along_y[:, row] > 0)
        weights = along_y[near, row, None] * along_x[near]
        covered[row] = weights.sum(0)
        found[row] = weights.T.astype(np.float32) @ tokens[near]
    found /= np.maximum(covered, 1e-12)[..., None].astype(np.float32)
    # The encoder leaves out what is less than a patch at an edge: the nearest token stands in.
    centres = (boxes.boxes[:, :2] + boxes.boxes[:, 2:]) / 2
    for row, column in np.argwhere(covered <= 0):
        place = np.array([(row + 0.5) / rows, (column + 0.5) / columns])
        found[row, column] = tokens[((centres - place) ** 2).sum(1).argmin()]
    return found


def _overlaps(start: NDArray[Any], stop: NDArray[Any], n: int) -> NDArray[np.float64]:
    """Return which share of each interval lies in each of ``n`` equal cells of 0 to 1, (N, n)."""
    edges = np.linspace(0, 1, n + 1)
    low = np.maximum(start[:, None], edges[None, :-1])
    high = np.minimum(stop[:, None], edges[None, 1:])
    # Boxes and cells that only touch by rounding share nothing.
    length = np.maximum(stop - start, 1e-12)[:, None]
    share: NDArray[np.float64] = (high - low) / length
    share[share < 1e-9] = 0
    return share


def _inside(boxes: TokenBoxes) -> NDArray[np.bool_]:
    """Return which tokens show the region for the larger part, and not padding."""
    y0, x0, y1, x1 = boxes.boxes.T
    seen = (np.clip(y1, 0, 1) - np.clip(y0, 0, 1)) * (np.clip(x1, 0, 1) - np.clip(x0, 0, 1))
    share = seen / np.maximum((y1 - y0) * (x1 - x0), 1e-12)
    found: NDArray[np.bool_] = share >= min(0.5, share.max())
    return found


def _decoder_input(model: nn.Module, family: Family, prompt: Prompt) -> Tensor:
    """Return what the decoder is given at each position that sights count, (M, F)."""
    aside = family.attention_layers is not None
    name = "cross_attention_states" if aside else "inputs_embeds"
    kept: list[Tensor] = []

    def note(_module: nn.Module, _args: Any, kwargs: dict[str, Any]) -> None:
        kept.append(kwargs[name])
        raise _Enough

    decoder = family.decoder(model)
    hook = decoder.register_forward_pre_hook(note, with_kwargs=True)
    with _until_enough([hook]):
        model(**placed(model, prompt.inputs))
    return kept[0].reshape(-1, kept[0].shape[-1])


def _before_resampler(model: nn.Module, family: Family, prompt: Prompt) -> Tensor:
    """Return the patches that a resampler gets, (M, F)."""
    kept: list[Tensor] = []

    def note(_module: nn.Module, _args: Any, output: Any) -> None:
        kept.append(output.last_hidden_state)
        raise _Enough

    base: Any = getattr(model, "base_model", model)
    with _until_enough([base.vision_model.register_forward_hook(note)]):
        model(**placed(model, prompt.inputs))
    return kept[0][0]


def _patches(model: Any, prompt: Prompt) -> Tensor:
    """Return the patches of a model whose picture is read apart from its text, (M, F)."""
    pixels = prompt.inputs["pixel_values"].to(model.device, model.dtype)
    seen: Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
    return seen[0, 1:]  # the first stands for the whole


@contextmanager
def _until_enough(hooks: Sequence[Any]) -> Iterator[None]:
    try:
        yield
    except _Enough:
        pass
    finally:
        for hook in hooks:
            hook.remove()
