"""A student of a few thousand random weights, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from napari_micrograph_vlm.models.student.configuration import MvaemaConfig
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.modeling import MvaemaModel
from napari_micrograph_vlm.models.student.processing import MvaemaProcessor
from napari_micrograph_vlm.regions import Cutout, Region

TEXTS = [
    "What defect is there?",
    "There is a bridge between two lines in the upper left (about 35 nm wide).",
    "The SEM image shows close-packed particles; they are 12.5 µm apart.",
    "This is a TEM image of a MEMS device.",
    "Is it an SEM image? No, it is not.",
    "There is no defect.",
] * 3


def make_processor() -> MvaemaProcessor:
    return MvaemaProcessor.from_texts(TEXTS, 600)


def make_model(vocab_size: int = 320, seed: int = 0, **changes: Any) -> MvaemaModel:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
    config = MvaemaConfig(
        text_config={
            **sizes,
            "encoder_hidden_size": 32,
            "num_hidden_layers": 2,
            "vocab_size": vocab_size,
            "hidden_dropout_prob": 0.0,
            "initializer_range": 0.2,
        },
        vision_config={**sizes, "num_hidden_layers": 1, "attention_dropout": 0.0},
        backbone_config={"width_coefficient": 0.25, "num_block_repeats": [1] * 7},
        **{
            "image_size": 128,
            "projection_dim": 16,
            "grounding_layers": [1],
            "initializer_range": 0.2,
            **changes,
        },
    )
    model = MvaemaModel(config).eval()
    with torch.no_grad():  # a random model must not end its answer at once
        model.decoder.cls.predictions.decoder.bias[config.text_config.eos_token_id] = -60
    return model


def make_student(**changes: Any) -> Student:
    processor = make_processor()
    return Student(make_model(processor.vocab_size, **changes), processor)


def make_region(height: int = 128, width: int = 128, seed: int = 0) -> Region:
    noise = np.random.default_rng(seed).integers(60, 200, (height, width), dtype=np.uint8)
    return Cutout.of_array(noise).read()
