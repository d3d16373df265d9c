"""How well classes are learnt from a few labelled solar cells (elpv), and how honest the trial is.

    python benchmarks/learn_few.py --cache FOLDER

Each draw learns from 50 cells, as the *Learn* button does but for the class names, of which no use
is made, and is tested on all others. ``FOLDER`` keeps what the student sees of the cells; it is the
one of ``evaluate elpv --cache``. Needs the extra ``elpv``.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np

from napari_micrograph_vlm.evaluation.elpv import load_cells, resampled_interval, split
from napari_micrograph_vlm.evaluation.frozen import describe, describe_all
from napari_micrograph_vlm.labelling.fitting import Examples, fit_examples, try_examples
from napari_micrograph_vlm.models.student.loading import load_parts, revision_of

NAMES = ("good", "defective")


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="where to keep what the student sees")
    parser.add_argument("--few", type=int, default=50, help="cells to learn from")
    parser.add_argument("--draws", type=int, default=20, help="how often to draw them")
    given = parser.parse_args()
    cells = load_cells()
    model, processor = load_parts(None)
    model.train(False)
    revision = revision_of(None)
    features, _, _ = describe_all(
        (partial(np.asarray, image) for image in cells.images),
        partial(describe, model, processor.image_processor),
        given.cache,
        f"elpv-{revision}",
    )
    truth, n = cells.defective.astype(np.intp), len(cells.images)
    right, sure, tried = [], [], []
    for seed in range(given.draws):
        few, others = split(cells.strata, n - given.few, seed)
        examples = Examples(
            tuple(map(str, few)),
            truth[few],
            {name: block[few].astype(np.float32) for name, block in features.items()},
            np.full((len(few), 2), 0.5, np.float32),
        )
        found = fit_examples(examples).probabilities(
            {name: block[others] for name, block in features.items()},
            np.full((len(others), 2), 0.5),
        )
        right.append(float((found.argmax(1) == truth[others]).mean()))
        sure.append(float(found.max(1).mean()))
        tried.append(try_examples(examples, NAMES).accuracy)
    low, high = resampled_interval(np.array(right), given.few, n - given.few)
    figures = {
        "model": revision,
        "cells to learn from": given.few,
        "draws": given.draws,
        "accuracy on the others": round(float(np.mean(right)), 4),
        "95 % interval": [round(low, 4), round(high, 4)],
        "lowest and highest draw": [round(min(right), 4), round(max(right), 4)],
        "mean probability of the class found": round(float(np.mean(sure)), 4),
        "accuracy that the trial had told": round(float(np.mean(tried)), 4),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
