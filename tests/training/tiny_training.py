"""A recipe that trains within seconds, and folders of labelled pictures, for tests."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.teacher_labels import in_test
from napari_micrograph_vlm.training.recipe import Recipe

SMALL = {
    "text_config": {"hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 32,
                    "num_hidden_layers": 1, "num_attention_heads": 2},
    "vision_config": {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "attention_dropout": 0.0},
    "projection_dim": 16,
    "grounding_layers": [0],
}  # fmt: skip
RECIPE = Recipe(
    images=24,
    validation_images=2,
    shard=24,
    processes=1,
    large=0,
    steps=3,
    images_a_step=4,
    rows_an_image=2,
    statements_every=2,
    pairs_every=3,
    pairs_a_step=2,
    vocabulary=300,
    bfloat16=False,
    model=SMALL,
)


def record(image, **changes):
    return {
        "image": image,
        "group": image,
        "technique": "SEM",
        "category": "powder",
        "shape": "irregular",
        "arrangement": "clustered",
        "density": "dense",
        "size_uniformity": "broad",
        "contrast": "bright on dark",
        "surface": "rough",
        "orientation": "random",
        "count": "not countable",
        "defects": [],
        "scale_bar": "none",
        "annotations": "none",
        "description": "A powder.",
        "qa": [["Which powder is it?", "Tungsten carbide."]],
        **changes,
    }


def training_names(n, test=False):
    """File names whose pictures are trained on (or kept for the test)."""
    names = (f"sample-{i}.png" for i in range(1000))
    return [name for name in names if in_test(name) == test][:n]


def labelled_folder(folder, n=3, size=(96, 128), test=False):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    names = training_names(n, test)
    for name in names:
        Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(folder / name)
    lines = [json.dumps(record(name)) for name in names]
    (folder / "teacher_labels.jsonl").write_text("\n".join(lines) + "\n")
    return folder
