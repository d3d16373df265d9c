"""Small lessons for small models: dark pictures are cracks, bright ones are films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.chat import ChatExample, Message, write_chat
from napari_micrograph_vlm.training.adapters.settings import Settings

QUESTION = "What is in the picture?"
CRACK, FILM = "A crack.", "A film."

SHORT = Settings(epochs=3, batch=2, learning_rate=1e-2, checks=3, rank=8, alpha=16)


def picture(dark: bool, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).random((48, 56)) * 40
    return Image.fromarray((noise + (15 if dark else 190)).astype(np.uint8))


def examples(count: int = 10):
    for i in range(count):
        yield ChatExample(
            id=f"example {i}",
            images=(picture(i % 2 == 0, i),),
            messages=(
                Message("user", QUESTION, 1),
                Message("assistant", CRACK if i % 2 == 0 else FILM),
            ),
            group=f"specimen {i}",
        )


def conversations(folder: Path, count: int = 10) -> Path:
    write_chat(examples(count), folder, title="Cracks and films", validation=0, test=0)
    return folder
