"""Measure everything: ``python -m benchmarks [--json FILE] [--model NAME] [--only GROUP]``.

``python -m benchmarks throughput [--small]`` measures batch runs only; ``python -m benchmarks gpu
[--tiny]`` measures large models on a graphics card instead; ``python -m benchmarks large-images
[--small]`` questions about images of 100,000 x 100,000 pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import answers, imports, stall
from .table import Row, print_table

WHAT = ("all", "gpu", "throughput", "large-images")
GROUPS = ("imports", "window", "answers", "large", "throughput")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=WHAT, default="all")
    parser.add_argument("--tiny", action="store_true", help="gpu: small models on any computer")
    parser.add_argument(
        "--small", action="store_true", help="throughput, large-images: see that it runs"
    )
    parser.add_argument("--json", type=Path, help="also write the rows there")
    parser.add_argument("--model", help="name or folder; the bundled student by default")
    parser.add_argument("--only", choices=GROUPS, help="one group of measurements")
    chosen = parser.parse_args()
    rows: list[Row] = []
    if chosen.what == "gpu":
        # Imported late: the others measure what importing torch costs.
        from . import gpu

        rows += gpu.measure(chosen.tiny)
        chosen.only = "gpu"
    if chosen.what == "throughput":
        chosen.only = "throughput"
    if chosen.what == "large-images":
        from . import large_images

        rows += large_images.measure(chosen.small)
        chosen.only = "large-images"
    if chosen.only in (None, "imports"):
        rows += imports.measure()
    if chosen.only in (None, "window"):
        rows += stall.measure(chosen.model)
    if chosen.only in (None, "answers"):
        rows += answers.measure(chosen.model)
    if chosen.only in (None, "large"):
        from . import large

        rows += large.measure()
    if chosen.only in (None, "throughput"):
        from . import throughput

        rows += throughput.measure(chosen.model, chosen.small)
    print_table(rows)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
