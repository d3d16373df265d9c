"""Qwen2.5-VL in small: its vision tower attends within windows of 2 x 2 image tokens."""

from __future__ import annotations

from pathlib import Path

from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from models.tiny_qwen import write


def build(folder: Path, seed: int = 0) -> Path:
    vision = {"depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 48}
    vision |= {"out_hidden_size": 64, "window_size": 56, "fullatt_block_indexes": [1]}
    return write(folder, seed, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, vision)
