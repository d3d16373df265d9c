"""Large models at their real sizes, random weights, beside transformers' own pipeline.

``python -m benchmarks gpu`` needs a graphics card of 24 GB or more; ``--tiny`` only shows, on any
computer, that everything runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature, ImageTextToTextPipeline

from napari_micrograph_vlm.attention.recorder import NAME
from napari_micrograph_vlm.models.session import Sessions

from .large import answer, first_token, generate_each, pairs, weigh
from .made import Made, idefics2_8b, labels, smolvlm
from .table import Row

MODELS: dict[str, Callable[..., Made]] = {"Idefics2-8B": idefics2_8b, "SmolVLM-2.2B": smolvlm}
TOKENS = 64
REPEATS = 15

_pictures = count(1)


def measure(tiny: bool = False) -> list[Row]:
    """Measure both models on the graphics card, or small ones on the processor."""
    if not tiny and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA graphics card; add --tiny to see that everything runs.")
    device, dtype = ("cpu", torch.float32) if tiny else ("cuda", torch.bfloat16)
    rows = []
    for name, build in MODELS.items():
        made = build(device, dtype, tiny)
        rows += _rows(f"{name}, tiny" if tiny else name, made, 2 if tiny else REPEATS)
        del made
        if not tiny:
            torch.cuda.empty_cache()
    card = "processor" if tiny else torch.cuda.get_device_name()
    print(f"{time.strftime('%Y-%m-%d')}, {card}, torch {torch.__version__}\n", file=sys.stderr)
    return rows


def _rows(group: str, made: Made, repeats: int) -> list[Row]:
    pipeline = pipeline_of(made)
    sessions, names = Sessions(), labels()
    first_token(made, sessions, 0, 0)

    def compare(what: str, against: str, one: Any, other: Any, times: int = repeats) -> Row:
        _, reference, ratio, (low, high) = pairs(one, other, times, _now)
        what = f"{what} (ratio {low:.2f} to {high:.2f})"
        return Row(group, what, ratio * reference, "s", against, reference)

    def fresh(tokens: int, recording: bool = True) -> None:
        answer(made, next(_pictures), tokens, recording=recording)

    def piped(tokens: int) -> None:
        pipeline(next(_pictures), tokens)

    def second() -> None:
        first_token(made, sessions, 0, next(_pictures))

    many = f"{TOKENS} tokens"
    rows = [
        compare("first token, new picture", "pipeline", partial(fresh, 1), partial(piped, 1)),
        compare(
            f"{many} with attention",
            "pipeline without",
            partial(fresh, TOKENS),
            partial(piped, TOKENS),
        ),
        compare(
            f"{many} with attention",
            "ours without",
            partial(fresh, TOKENS),
            partial(fresh, TOKENS, False),
        ),
        compare("first token, second question", "pipeline", second, partial(piped, 1)),
        compare(
            f"{len(names)} labels in one pass",
            f"{len(names)} generate calls on the kept prefix",
            partial(weigh, made, sessions, names),
            partial(generate_each, made, sessions, names),
            min(repeats, 3),
        ),
    ]
    long, short = rows[1], rows[0]
    assert long.reference is not None
    assert short.reference is not None
    ours = (TOKENS - 1) / max(long.value - short.value, 1e-9)
    theirs = (TOKENS - 1) / max(long.reference - short.reference, 1e-9)
    return [*rows, Row(group, "writing, tokens a second", ours, "", "pipeline", theirs)]


def pipeline_of(made: Made) -> Callable[[int, int], Any]:
    """Return transformers' pipeline, asked with the number of a picture and of tokens to write."""
    waiting: list[BatchFeature] = []
    pipeline = ImageTextToTextPipeline(
        model=made.model, processor=_Ready(waiting), device=made.model.device
    )
    picture = Image.new("RGB", (8, 8))

    def ask(number: int, tokens: int) -> Any:
        waiting[:] = [BatchFeature(made.prompt(number).inputs)]
        made.model.get_decoder().set_attn_implementation("sdpa")
        try:
            return pipeline(
                text="?",
                images=picture,
                return_tensors=True,
                generate_kwargs={"max_new_tokens": tokens, "min_new_tokens": tokens},
            )
        finally:
            made.model.get_decoder().set_attn_implementation(NAME)

    return ask


class _Ready:
    """Stands for a processor: hands out tensors that are ready, so neither side prepares pixels."""

    tokenizer = feature_extractor = image_processor = None

    def __init__(self, waiting: list[BatchFeature]) -> None:
        self.waiting = waiting

    def __call__(self, **_: Any) -> BatchFeature:
        return self.waiting.pop()


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
