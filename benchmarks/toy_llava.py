"""A small LLaVA that is taught a task whose truth is known, to measure maps on.

A picture of 7 x 7 cells holds three of six shapes, each bright or dark. The question names a shape;
the answer is whether it is bright or dark, so the cell of that shape is all the answer rests on.
Every tenth question asks for all shapes, and its answer is their number: a neutral question.
While it learns, each image token also names the shape it shows, as a caption would.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

CELLS, PATCH = 7, 8
SIDE = CELLS * PATCH
IMAGE, BOS, EOS, PAD = 31, 1, 2, 0
SHAPES = range(3, 9)
ALL, DARK, BRIGHT, NUMBERS = 9, 10, 11, 12
ASKED = CELLS**2 + 1
"""Position of the question's token; the answer is read off there."""


@dataclass(frozen=True)
class Item:
    pixels: NDArray[np.float32]
    question: int
    answer: int
    cell: tuple[int, int]
    named: NDArray[np.int64]


def build(seed: int = 0) -> LlavaForConditionalGeneration:
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=PATCH,
        ),
        text_config=LlamaConfig(
            vocab_size=32,
            hidden_size=80,
            intermediate_size=160,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=128,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
            tie_word_embeddings=True,
        ),
        tie_word_embeddings=True,
        image_token_id=IMAGE,
        image_seq_length=CELLS**2,
    )
    model = LlavaForConditionalGeneration(config)
    # CLIP's own initial values are far too small to learn from in so few steps.
    for parameter in model.model.vision_tower.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def draw(rng: np.random.Generator) -> Item:
    """Draw one picture, its question and its answer; brightness 0 to 1."""
    pixels = (0.5 + 0.04 * rng.standard_normal((SIDE, SIDE))).astype(np.float32)
    shapes = rng.permutation(len(SHAPES))[:3]
    cells = rng.permutation(CELLS**2)[:3]
    bright = rng.integers(2, size=3)
    for shape, cell, level in zip(shapes, cells, bright, strict=True):
        y, x = divmod(int(cell), CELLS)
        window = pixels[y * PATCH : (y + 1) * PATCH, x * PATCH : (x + 1) * PATCH]
        window[_stamp(int(shape))] += np.float32(0.35 if level else -0.35)
    named = np.full(CELLS**2, PAD)
    named[cells] = [SHAPES[int(shape)] for shape in shapes]
    row, column = divmod(int(cells[0]), CELLS)
    if rng.random() < 0.1:
        return Item(pixels, ALL, NUMBERS, (row, column), named)
    answer = BRIGHT if bright[0] else DARK
    return Item(pixels, SHAPES[int(shapes[0])], answer, (row, column), named)


def _stamp(shape: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:PATCH, :PATCH] - (PATCH - 1) / 2
    radius = np.hypot(y, x)
    return (
        radius < 3.2,
        (radius < 3.8) & (radius > 2.2),
        (abs(y) < 1) | (abs(x) < 1),
        abs(y) < 1.1,
        abs(x) < 1.1,
        abs(abs(y) - abs(x)) < 1,
    )[shape]


def inputs_of(pixels: NDArray[np.float32], question: NDArray[np.int64]) -> dict[str, torch.Tensor]:
    """Return the model's inputs for (N, SIDE, SIDE) pictures and (N,) questions."""
    n = len(pixels)
    ids = torch.full((n, ASKED + 1), IMAGE)
    ids[:, 0], ids[:, ASKED] = BOS, torch.as_tensor(question)
    values = torch.as_tensor((pixels - 0.5) / 0.25)[:, None].expand(-1, 3, -1, -1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": values.contiguous(),
    }


_WEIGHTS = torch.ones(32)
_WEIGHTS[PAD] = 0.05  # most cells are empty


def train(steps: int, batch: int = 32, seed: int = 0) -> LlavaForConditionalGeneration:
    model = build(seed).train()
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    started, right = time.time(), 0.0
    for step in range(steps):
        items = [draw(rng) for _ in range(batch)]
        inputs = inputs_of(
            np.stack([item.pixels for item in items]),
            np.array([item.question for item in items]),
        )
        wanted = torch.tensor([item.answer for item in items])
        named = torch.as_tensor(np.stack([item.named for item in items]))
        every = model(**inputs).logits
        logits = every[:, ASKED]
        names = torch.nn.functional.cross_entropy(
            every[:, 1:ASKED].flatten(0, 1), named.flatten(), weight=_WEIGHTS
        )
        loss = torch.nn.functional.cross_entropy(logits, wanted) + names
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        right = 0.98 * right + 0.02 * float((logits.argmax(-1) == wanted).float().mean())
        if step % 25 == 24:
            print(
                f"{step + 1} {float(loss):.3f} {right:.3f} {time.time() - started:.0f} s",
                flush=True,
            )
    return model.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    train(chosen.steps, seed=chosen.seed).save_pretrained(chosen.folder)
