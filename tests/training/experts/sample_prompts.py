"""Conversations of two kinds, that two experts of a tiny mixture are meant for."""

from __future__ import annotations

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.chat import ChatExample, Message

WORDS = (
    ("What defect is there?", "There is a bridge between two lines in the upper left."),
    ("How many pores are there? Are they round?", "Yes. They are round; 12.5 µm apart."),
)


def examples(kind: int, count: int = 8) -> list[ChatExample]:
    """Return conversations about stripes (kind 0) or about dots (kind 1)."""
    rng = np.random.default_rng(kind)
    y, x = np.mgrid[:56, :56]
    found = []
    for number in range(count):
        pattern = np.sin(x / 2 + number) if kind == 0 else np.sin(x + number) * np.sin(y)
        pixels = np.uint8(127 + 100 * pattern + 20 * rng.random(x.shape))
        question, answer = WORDS[kind]
        messages = (Message("user", question, 1), Message("assistant", answer))
        found.append(ChatExample(f"{kind}-{number}", (Image.fromarray(pixels),), messages))
    return found
