"""What stands beside a taught model: how it was made, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from ... import __version__
from ...models.adapters import FACTS
from ...whole_files import write_whole
from .curve import CURVE, HISTORY, write_curve
from .settings import Outcome

__all__ = ["read_facts", "write_facts"]

_CARD = """---
base_model: {base}
library_name: {library}
pipeline_tag: image-text-to-text
tags: [electron-microscopy, lora]
---
# {title}

{kind} of `{base}`, taught by `napari-micrograph-vlm fine-tune` (version {version}, {date}) with
{lessons} answers about pictures; {held} answers were held out to measure by.

Load it with `napari-micrograph-vlm ask IMAGE QUESTION --model FOLDER`.

## How well it learnt

| | loss of the answers held out (nats per token) |
| --- | --- |
| before | {first} |
| kept (the lowest) | {best} |

{verdict} A loss says how probable the right answers have become, not how often an answer is right:
ask it about pictures that it has not seen.

![Loss over the steps]({curve})

The numbers are in `{history}`. {steps} of {planned} steps were made.

## How it was made

{settings}

It knows what its base model knows, with that model's licence and limits, and what was in your
pictures and answers. Conversations that could not be taught: {skipped}.
"""


def write_facts(
    folder: Path, outcome: Outcome, identity: Mapping[str, Any], *, merged: bool
) -> None:
    """Write card, curve and facts beside the weights.

    Parameters
    ----------
    folder : Path
        The adapter or merged model.
    outcome : Outcome
        Of the training.
    identity : mapping
        Model, data and settings, as they identify a training.
    merged : bool
        Whether the weights are whole.
    """
    facts = {**identity, "outcome": outcome.to_dict(), "merged": merged, "version": __version__}
    write_curve(folder, outcome.history)
    settings: Mapping[str, Any] = identity["settings"]
    lower = outcome.best < outcome.first
    text = _CARD.format(
        base=identity["base"]["place"],
        library="transformers" if merged else "peft",
        title=outcome.folder.name,
        kind="A fine-tuned copy" if merged else "A LoRA adapter",
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
        lessons=outcome.lessons,
        held=outcome.held_out,
        first=_number(outcome.first),
        best=_number(outcome.best),
        verdict="It fell." if lower else "**It did not fall: nothing was learnt that helps.**",
        curve=CURVE,
        history=HISTORY,
        steps=outcome.step,
        planned=outcome.steps,
        settings="\n".join(f"* {name.replace('_', ' ')}: {v}" for name, v in settings.items()),
        skipped=len(outcome.skipped) or "none",
    )
    write_whole(folder / "README.md", text)
    write_whole(folder / FACTS, json.dumps(facts, indent=1) + "\n")


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what :func:`write_facts` wrote; empty where there is nothing."""
    try:
        values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _number(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "not measured"
