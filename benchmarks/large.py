"""What a large model's answers cost beside transformers alone: maps, second questions, labels.

On a decoder of middle size with random weights, one thread, seconds of the processor (so that other
programs disturb little). ``python -m benchmarks.large peak recorded|plain`` prints the peak memory
of one answer and is called for each in a process of its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from statistics import median
from typing import Any

import numpy as np
import torch

from napari_micrograph_vlm.attention.recorder import NAME
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.scoring import answer_tokens, score_labels
from napari_micrograph_vlm.models.session import Sessions

from .made import Made, labels, mid_size
from .table import Row

PAIRS = 15
TOKENS = 32
RUNS_OF_LABELS = 3

_pictures = count(1)

Task = Callable[[], object]


def pairs(
    one: Task, other: Task, repeats: int, clock: Callable[[], float] = time.process_time
) -> tuple[float, float, float, tuple[float, float]]:
    """Run two tasks in turns.

    Returns
    -------
    seconds, seconds : float
        Medians of both.
    ratio : float
        Median of the pairs' ratios.
    interval : (float, float)
        Where that median lies in 95 % of resamples.
    """
    times = np.zeros((repeats, 2))
    for repeat in range(-1, repeats):  # the first round warms up
        order = (0, 1) if repeat % 2 else (1, 0)
        for which in order:
            started = clock()
            (one, other)[which]()
            if repeat >= 0:
                times[repeat, which] = clock() - started
    ratios = times[:, 0] / times[:, 1]
    draws = np.random.default_rng(0).integers(0, repeats, (4000, repeats))
    low, high = np.percentile(np.median(ratios[draws], axis=1), (2.5, 97.5))
    return *np.median(times, axis=0).tolist(), float(np.median(ratios)), (float(low), float(high))


def row(what: str, against: str, found: tuple[float, float, float, tuple[float, float]]) -> Row:
    """Make a row whose ratio is the median of the pairs' ratios; its interval stands in words."""
    _, reference, ratio, (low, high) = found
    what = f"{what} (ratio {low:.3f} to {high:.3f})"
    return Row("large", what, ratio * reference, "s", against, reference)


def answer(made: Made, picture: int, tokens: int = TOKENS, *, recording: bool = True) -> Any:
    """Answer a question about a new picture our way, with all its attention."""
    prompt = made.prompt(picture)
    started = Sessions().start(made.model, made, prompt)
    steps = list(
        generate(
            made.model,
            made,
            prompt,
            started,
            max_tokens=tokens,
            min_tokens=tokens,
            record=recording,
        )
    )
    return np.stack([step.attention for step in steps]) if recording else steps


def plain_answer(made: Made, picture: int, tokens: int = TOKENS) -> Any:
    """Answer it with transformers' own ``generate`` and its own fast attention."""
    made.model.get_decoder().set_attn_implementation("sdpa")
    try:
        given = {k: v.to(made.model.device) for k, v in made.prompt(picture).inputs.items()}
        given = {
            k: v.to(made.model.dtype) if v.is_floating_point() else v for k, v in given.items()
        }
        return made.model.generate(**given, max_new_tokens=tokens, min_new_tokens=tokens)
    finally:
        made.model.get_decoder().set_attn_implementation(NAME)


def first_token(made: Made, sessions: Sessions, picture: int, question: int) -> Any:
    """Return the first token of an answer."""
    prompt = made.prompt(picture, question)
    started = sessions.start(made.model, made, prompt)
    return next(generate(made.model, made, prompt, started, max_tokens=1)).token


def weigh(made: Made, sessions: Sessions, names: list[str]) -> Any:
    """Score all labels in one pass."""
    prompt = made.prompt(0)
    started = sessions.start(made.model, made, prompt)
    return score_labels(made.model, made, prompt, started, names).likelihoods


def generate_each(made: Made, sessions: Sessions, names: list[str]) -> None:
    """Write as many tokens as each label has, from the same kept prefix, one after the other."""
    prompt = made.prompt(0)
    for tokens in answer_tokens(made.tokenizer, prompt, names):
        started = sessions.start(made.model, made, prompt)
        made.model.generate(
            **started.arguments(made.model, made, prompt),
            max_new_tokens=len(tokens),
            min_new_tokens=len(tokens),
        )


def measure() -> list[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [*_measured(mid_size()), _memory()]
    finally:
        torch.set_num_threads(threads)


def _measured(made: Made) -> list[Row]:
    sessions = Sessions()
    first_token(made, sessions, 0, 0)
    rows = []
    maps = pairs(
        lambda: answer(made, next(_pictures)), lambda: plain_answer(made, next(_pictures)), PAIRS
    )
    rows.append(row(f"{TOKENS} tokens with attention", "transformers without", maps))
    second = pairs(
        lambda: first_token(made, sessions, 0, next(_pictures)),
        lambda: first_token(made, Sessions(), next(_pictures), 0),
        PAIRS,
    )
    rows.append(row("first token, second question", "first question", second))
    names = labels()
    scored = pairs(
        partial(weigh, made, sessions, names),
        partial(generate_each, made, sessions, names),
        RUNS_OF_LABELS,
    )
    rows.append(row(f"{len(names)} labels in one pass", f"{len(names)} generate calls", scored))
    return rows


def _memory() -> Row:
    """Peak memory of one answer with its attention and without."""
    found = {}
    for kind in ("recorded", "plain"):
        command = [sys.executable, "-m", "benchmarks.large", "peak", kind]
        runs = [
            int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(3)
        ]
        found[kind] = median(runs) / 1e6
    what = f"{TOKENS} tokens with attention, peak"
    against = "transformers without"
    return Row("large", what, found["recorded"], "MB", against, found["plain"])


def peak(kind: str) -> int:
    """Return the most bytes this process held until it had answered one question."""
    torch.set_num_threads(1)
    made = mid_size()
    (answer if kind == "recorded" else plain_answer)(made, 1)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(peak(sys.argv[2]))
