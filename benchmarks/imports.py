"""What importing costs, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time

from .table import Row

REPEATS = 7

STATEMENTS = {
    "python alone": "pass",
    "import napari_micrograph_vlm": "import napari_micrograph_vlm",
    "command line --version": (
        "import sys; sys.argv[1:] = ['--version']; import runpy;"
        "runpy.run_module('napari_micrograph_vlm', run_name='__main__')"
    ),
    "import torch": "import torch",
}


def seconds(statement: str) -> float:
    """Return the fastest of several runs."""
    runs = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, stdout=subprocess.DEVNULL)
        runs.append(time.perf_counter() - started)
    return min(runs)


def measure() -> list[Row]:
    found = {name: seconds(statement) for name, statement in STATEMENTS.items()}
    bare = found["python alone"]
    torch = found["import torch"]
    rows = [
        Row("import", name, value, "s", "python alone", bare)
        for name, value in found.items()
        if name != "python alone"
    ]
    package = found["import napari_micrograph_vlm"]
    return [*rows, Row("import", "import napari_micrograph_vlm", package, "s", "torch", torch)]
