"""Teach the student what is no micrograph: a small network, found once after training.

The frozen backbone makes the features, so nothing of the training changes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ..datasets.facts import Facts
from ..datasets.others import drawings, read_folders, regions_of, scikit_learn_photographs
from ..models.student.encoder import ImageEncoder
from ..models.student.modeling import MvaemaModel
from ..models.student.novelty import HIDDEN, Novelty, groups_of, summarise
from ..regions import Cutout
from .building import look
from .shards import Picture
from .variation import Drawn

__all__ = ["fit_novelty", "other_pictures"]

REFUSED = 0.02
"""Share of the micrographs, kept aside in turn, that may be refused."""

FOLDS = 6

EPOCHS, BATCH, RATE = 20, 512, 3e-3

LEAST_STEPS = 150

COUNTS = (1.0, 0.5, 1.5)
"""How much all real, all synthetic and all other pictures count together."""

_RUN = 12
"""So many neighbours share a fold: pictures of one sample lie beside each other."""

_AT_ONCE = 32

Pictures = Sequence[Picture]


def other_pictures(
    encoder: ImageEncoder, folders: Sequence[Path] = (), n_drawings: int = 120
) -> Iterator[Picture]:
    """Look at pictures that are no micrographs.

    Parameters
    ----------
    encoder : ImageEncoder
        Its frozen backbone is used.
    folders : sequence of Path
        Photographs of the user's own, or of packages; scikit-learn's two, where it is
        installed, and drawings are always there.
    n_drawings : int
        How many charts, pages and screens to draw.
    """
    waiting: list[Drawn] = []
    nothing = Facts(source="other")

    def pixels() -> Iterator[NDArray[np.uint8]]:
        for found in (read_folders(folders), scikit_learn_photographs()):
            for i, picture in enumerate(found):
                yield from regions_of(picture, i)
        for picture in drawings(n_drawings):
            yield next(regions_of(picture, 0))

    for seen in pixels():
        waiting.append(Drawn(Cutout.of_array(seen).read(), nothing))
        if len(waiting) == _AT_ONCE:
            yield from look(encoder, waiting)
            waiting = []
    yield from look(encoder, waiting)


def fit_novelty(
    model: MvaemaModel, real: Pictures, synthetic: Pictures, others: Pictures, *, seed: int = 0
) -> dict[str, float]:
    """Give a model the check whether a picture is a micrograph, in ``model.novelty``.

    A network with one hidden layer reads the mean and the spread of the backbone's features over
    the whole region, and over random parts of it. The threshold is where :data:`REFUSED` of the
    real micrographs (of the synthetic ones without real ones) are refused by networks fitted
    without them, and the log-odds are those of as many micrographs as other pictures.

    Parameters
    ----------
    model : MvaemaModel
        Gets the module and the threshold, in its configuration.
    real, synthetic : sequence of Picture
        Micrographs: real ones in the order of their files, not mirrored, and drawn ones.
    others : sequence of Picture
        From :func:`other_pictures`.
    seed : int
        Of the random parts and folds.

    Returns
    -------
    dict of str to float
        How many there were of each; ``refused`` and ``caught``, the shares of micrographs and of
        other pictures, whole, that weights fitted without them say are none.

    Raises
    ------
    ValueError
        If there are too few micrographs or other pictures to keep some aside.
    """
    if min(len(real) + len(synthetic), len(others)) < FOLDS:
        raise ValueError(f"The check needs {FOLDS} micrographs and {FOLDS} other pictures.")
    novelty = Novelty(groups_of(model.image_encoder))
    rows = _rows((real, synthetic, others), novelty, np.random.default_rng([seed, 41]))
    micrographs = rows.x[~rows.other]
    deviation = micrographs.std(0)
    novelty.mean.copy_(micrographs.mean(0))
    novelty.deviation.copy_(deviation.clamp_min(0.05 * float(deviation.mean())))
    x = novelty.scaled(rows.x)
    odds = torch.zeros(len(x))
    for k in range(FOLDS):
        kept = rows.fold != k
        network = _fit(x[kept], rows.other[kept], rows.share[kept], seed)
        with torch.no_grad():
            odds[~kept] = network(x[~kept])[:, 0]
    slope, shift = _honest(odds, rows.other)
    odds = slope * odds + shift
    _take(novelty, _fit(x, rows.other, rows.share, seed), slope, shift)
    trusted = odds[rows.whole & (rows.kind == (0 if real else 1))]
    novelty.limit.fill_(float(trusted.quantile(1 - REFUSED)))
    figures: dict[str, float] = {
        "real": len(real),
        "synthetic": len(synthetic),
        "others": len(others),
        "refused": float((trusted > novelty.limit).float().mean()),
        "caught": float((odds[rows.whole & rows.other] > novelty.limit).float().mean()),
    }
    model.novelty = novelty.to(model.device)
    model.config.novelty = dict(figures)
    return figures


@dataclass(frozen=True, eq=False)
class _Rows:
    """Summaries of regions.

    Attributes
    ----------
    x : (n, D) float tensor
        As :func:`summarise` gives them.
    kind, fold : (n,) integer tensors
        0 real, 1 synthetic, 2 other; and which fold holds it.
    whole : (n,) bool tensor
        False for parts.
    share : (n,) float tensor
        How much each counts.
    """

    x: Tensor
    kind: Tensor
    fold: Tensor
    whole: Tensor
    share: Tensor

    @property
    def other(self) -> Tensor:
        return self.kind == 2


def _rows(kinds: Sequence[Pictures], novelty: Novelty, rng: np.random.Generator) -> _Rows:
    x, kind, fold, whole = [], [], [], []
    for number, pictures in enumerate(kinds):
        folds = rng.permutation(-(-len(pictures) // _RUN)) % FOLDS
        for i, picture in enumerate(pictures):
            for k, tokens in enumerate(_parts(picture, rng)):
                x.append(summarise(tokens, novelty.groups))
                kind.append(number)
                fold.append(int(folds[i // _RUN]))
                whole.append(k == 0)
    of = torch.tensor(kind)
    share = torch.tensor(COUNTS)[of] / of.bincount(minlength=3)[of]
    return _Rows(torch.stack(x), of, torch.tensor(fold), torch.tensor(whole), share)


def _parts(picture: Picture, rng: np.random.Generator) -> Iterator[Tensor]:
    """Return the tokens of the whole, and of two random parts: regions are drawn anywhere."""
    grid = picture.views[0]
    tokens = torch.from_numpy(np.asarray(picture.features[: grid.tokens], np.float32))
    yield tokens
    placed = tokens.view(grid.rows, grid.columns, -1)
    for _ in range(2):
        sides = np.array([grid.rows, grid.columns])
        size = np.minimum(np.maximum(np.round(sides * rng.uniform(0.35, 0.95, 2)), 2), sides)
        y, x = (int(v) for v in rng.integers(sides - size.astype(int) + 1))
        rows, columns = (int(v) for v in size)
        yield placed[y : y + rows, x : x + columns].flatten(0, 1)


def _fit(x: Tensor, is_other: Tensor, share: Tensor, seed: int) -> nn.Sequential:
    """Return a network (n, D) -> (n, 1), the log-odds of other pictures, in eval mode."""
    share, truth = share / share.mean(), is_other.float()
    # Seeds of its own: the fit is the same whatever was drawn before, and leaves no trace.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(x.shape[1], HIDDEN),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Linear(HIDDEN, 1),
        )
        steps = max(EPOCHS * len(x) // BATCH, LEAST_STEPS)
        optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        for _ in range(steps):
            some = torch.randint(len(x), (BATCH,))
            each = binary_cross_entropy_with_logits(
                network(x[some])[:, 0], truth[some], reduction="none"
            )
            optimiser.zero_grad()
            (share[some] * each).mean().backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _honest(odds: Tensor, is_other: Tensor) -> tuple[float, float]:
    """Return slope and shift that make log-odds true of as many micrographs as others.

    Parameters
    ----------
    odds : (n,) float tensor
        From networks that never saw the pictures they judge.
    is_other : (n,) bool tensor
        The truth.
    """
    even = torch.where(is_other, 0.5 / is_other.sum(), 0.5 / (~is_other).sum())
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = binary_cross_entropy_with_logits(
            line[0] * odds + line[1], is_other.float(), reduction="none"
        )
        value = (even * each).sum()
        # A little against the infinite slope that separates toy pictures best.
        value = value + 1e-4 * line.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    slope, shift = line.detach().tolist()
    return slope, shift


@torch.no_grad()
def _take(novelty: Novelty, network: nn.Sequential, slope: float, shift: float) -> None:
    first, last = (layer for layer in network if isinstance(layer, nn.Linear))
    # Rounded to what is kept of matrices in the file.
    novelty.first.copy_(first.weight.half())
    novelty.first_bias.copy_(first.bias)
    novelty.last.copy_(slope * last.weight[0])
    novelty.last_bias.copy_(slope * last.bias + shift)
