"""See that a built wheel holds what it must and is small enough.

Usage: ``python scripts/check_wheel.py dist/*.whl``.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKAGE = "napari_micrograph_vlm"
LARGEST = 45_000_000
NEEDED = ("napari.yaml", "py.typed", "models/student/weights/config.json")


def check_wheel(path: Path) -> list[str]:
    """Return what is wrong with it; nothing if all is well."""
    wrong = []
    if path.stat().st_size >= LARGEST:
        wrong.append(f"{path.name} has {path.stat().st_size} bytes, {LARGEST} are allowed")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
    wrong += [f"{name} is missing" for name in NEEDED if f"{PACKAGE}/{name}" not in names]
    weights = f"{PACKAGE}/models/student/weights/"
    if not any(n.startswith(weights) and n.endswith(".safetensors") for n in names):
        wrong.append("the student's weights are missing")
    wrong += [f"{name} does not belong in it" for name in names if "__pycache__" in name]
    return wrong


if __name__ == "__main__":
    (found,) = map(Path, sys.argv[1:])
    problems = check_wheel(found)
    print("\n".join(problems) or f"{found.name}: {found.stat().st_size / 1e6:.1f} MB, complete")
    sys.exit(bool(problems))
