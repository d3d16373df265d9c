"""The process that reads text: the only one in which opencv-python is imported.

Run as ``python -m napari_micrograph_vlm.readers.bar.ocr_process``. For each picture it is given a
line of JSON with height and width and then its pixels, one byte each, on standard input; it writes
one line of JSON, a list of ``[text, [y0, x0, y1, x1], score]``.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["main"]

_MARGIN = 20


def main() -> None:
    """Read pictures until standard input ends."""
    pictures, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What a library prints must not come between the answers.
    os.dup2(2, 1)
    # By name: mypy need not know a package that is an extra.
    engine: Any = import_module("rapidocr_onnxruntime").RapidOCR(
        det_limit_type="max", det_limit_side_len=2048, max_side_len=4096
    )
    while line := pictures.readline():
        height, width = json.loads(line)
        pixels = np.frombuffer(pictures.read(height * width), np.uint8).reshape(height, width)
        # Letters at the very edge are not found.
        framed = np.pad(pixels, _MARGIN, mode="edge")
        found, _ = engine(np.repeat(framed[..., None], 3, axis=2), use_cls=False)
        words = []
        for corners, text, score in found or ():
            points = np.asarray(corners, float)[:, ::-1] - _MARGIN
            box = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
            words.append([text, box, float(score)])
        answers.write(json.dumps(words) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
