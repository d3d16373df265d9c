"""What a model says of frames asked about together: ``python -m benchmarks.stacks``.

Synthetic time series in which one crack grows: the same surface and light in every frame, new
noise. The order of frames is shuffled for questions whose right answer would otherwise always be
the last one. Measured are

* whether the frame with the longest crack is named, from all frames at once,
* how the attention divides between the frames: whether most of it goes to the longest crack, and
  its rank correlation with the length,
* of two frames, which has the larger crack: any two that differ by 15 % of the side or more, and an
  early one beside the last,
* whether a crack is told of each frame alone, and its length.

Chance is beside each figure, with 95 % intervals (Wilson).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_micrograph_vlm.api import ask, load_model
from napari_micrograph_vlm.datasets.synthetic import films
from napari_micrograph_vlm.datasets.synthetic.formation import expose, signal_of, weather
from napari_micrograph_vlm.datasets.synthetic.geometry import random_path, stroke
from napari_micrograph_vlm.datasets.synthetic.overlays import open_crack
from napari_micrograph_vlm.intervals import wilson

MARGIN = 8
_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?% of the picture")


def growing_crack(
    seed: int, frames: int = 24, size: int = 256
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a time series and the length of its crack.

    Parameters
    ----------
    seed : int
        The same always gives the same series.
    frames : int
        How many; in the first there is no crack yet.
    size : int
        Rows and columns.

    Returns
    -------
    (T, H, W) uint8 array
        The pictures.
    (T,) float array
        Extent of the crack, end to end, as a share of the side.
    """
    rng = np.random.default_rng(seed)
    wide = size + 2 * MARGIN
    angle, reach = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.6, 0.8)
    middle = wide / 2 + rng.uniform(-0.05, 0.05, 2) * size
    start = middle - np.array([np.sin(angle), np.cos(angle)]) * reach / 2
    path = random_path(rng, (start[0], start[1]), angle, reach, 2.0, 0.35)
    width = max(1.6, size * rng.uniform(0.008, 0.014))
    pictures, lengths = [], []
    for number in range(frames):
        same = np.random.default_rng([seed, 1])
        scene = films.top_view(same, (wide, wide), ())
        weather(same, scene)
        grown = path[: round(len(path) * number / (frames - 1))]
        length = 0.0
        if len(grown) > 2:
            open_crack(scene, stroke((wide, wide), grown, width, taper=0.3), width + 2)
            length = float(np.hypot(*(grown[-1] - grown[0]))) / size
        light = np.random.default_rng([seed, 2])
        picture = expose(light, signal_of(light, scene), True, False).astype(float)
        picture += np.random.default_rng([seed, 3, number]).normal(0, 3, picture.shape)
        inner = picture[MARGIN:-MARGIN, MARGIN:-MARGIN]
        pictures.append(np.clip(inner, 0, 255).astype(np.uint8))
        lengths.append(length)
    return np.stack(pictures), np.array(lengths)


def measure(model: str | None, series: int, frames: int) -> list[str]:
    """Return a line for each figure."""
    loaded = load_model(model)
    named, peaked, ranks, pairs, far = [], [], [], [], []
    cracked, whole, alone, said = [], [], [], list[str]()
    for seed in range(series):
        stack, lengths = growing_crack(seed)
        rng = np.random.default_rng([seed, 4])
        order = rng.permutation(np.linspace(0, len(stack) - 1, frames).round().astype(int))
        shown, true = stack[order], lengths[order]
        longest = int(true.argmax())
        answer = ask(shown, "Which frame has the longest crack?", None, loaded, frames=frames)
        said.append(answer.text)
        found = re.findall(r"\d+", answer.text)
        named.append(bool(found) and int(found[0]) == longest)
        answer = ask(shown, "What defect is this?", None, loaded, frames=frames)
        shares = np.array([one.share for one in answer.attention], float)
        peaked.append(int(shares.argmax()) == longest)
        ranks.append(_rank(shares, true))
        pairs.append(_larger(loaded, stack, lengths, *_two(rng, lengths)))
        far.append(_larger(loaded, stack, lengths, *rng.permutation([4, len(stack) - 1])))
        for one, length in zip(shown, true, strict=True):
            told = "crack" in ask(one, "What defect is this?", None, loaded).text.lower()
            (cracked if length else whole).append(told == bool(length))
        told_lengths = [_told(ask(one, "How long is the crack?", None, loaded)) for one in shown]
        alone.append(_rank(np.array(told_lengths), true))
    lines = [
        _line(f"longest crack named, of {frames} frames", named, 1 / frames),
        _line("most attention on the longest crack", peaked, 1 / frames),
        _mean("attention on a frame against its crack's length", ranks),
        _line("larger crack of two frames", pairs, 0.5),
        _line("larger crack of an early frame and the last", far, 0.5),
        _line("frames with a crack, each alone: crack told", cracked),
        _line("frames without, each alone: none told", whole),
        _mean("length told of each frame alone against the true one", alone),
    ]
    common = sorted(set(said), key=said.count, reverse=True)[:3]
    return [*lines, "said when asked for the longest: " + "; ".join(common)]


def _two(rng: np.random.Generator, lengths: NDArray[np.float64]) -> tuple[int, int]:
    """Draw two frames with cracks that differ in length."""
    while True:
        first, second = (int(i) for i in rng.choice(len(lengths), 2, replace=False))
        both = min(lengths[first], lengths[second]) > 0
        if both and abs(lengths[first] - lengths[second]) >= 0.15:
            return first, second


def _larger(
    model: Any, stack: NDArray[np.uint8], lengths: NDArray[np.float64], first: int, second: int
) -> bool:
    """Ask which of two frames has the larger crack; whether the answer is right."""
    question = "Which region has the larger defect?"
    answer = ask(stack, question, None, model, frames=[int(first), int(second)])
    right = "first" if lengths[first] > lengths[second] else "second"
    return right in answer.text.lower()


def _told(answer: object) -> float:
    found = _SHARE.search(str(answer))
    return float(found[1]) if found else 0.0


def _rank(values: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Rank correlation (Spearman)."""
    from scipy.stats import spearmanr

    if np.ptp(values) == 0:
        return 0.0
    return float(spearmanr(values, true).statistic)


def _line(what: str, right: Sequence[bool], chance: float | None = None) -> str:
    low, high = wilson(sum(right), len(right))
    beside = "" if chance is None else f", chance {chance:.0%}"
    return f"{what}: {sum(right)} of {len(right)} ({low:.0%} to {high:.0%}){beside}"


def _mean(what: str, values: Sequence[float]) -> str:
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values), (2000, len(values))).mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{what}: rank correlation {np.mean(values):.2f} ({low:.2f} to {high:.2f}), chance 0"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stacks", description=__doc__)
    parser.add_argument("--model", help="name or folder; the bundled student by default")
    parser.add_argument("--series", type=int, default=20, help="how many time series")
    parser.add_argument("--frames", type=int, default=8, help="frames in a question")
    chosen = parser.parse_args()
    print("\n".join(measure(chosen.model, chosen.series, chosen.frames)))


if __name__ == "__main__":
    main()
