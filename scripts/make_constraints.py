"""Write constraints.txt from the packages of this environment. Run it in a fresh one."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

TARGET = Path(__file__).parent.parent / "constraints.txt"
# torch's CPU and GPU builds are versions of different names ("2.13.0+cpu"); what only one of them
# brings goes with it. The package itself is installed from the clone.
LEFT_OUT = ("torch", "triton", "nvidia-", "cuda-", "napari-micrograph-vlm")
HEAD = """\
# What the tests have passed with on Python 3.11 and 3.12; written by scripts/make_constraints.py.
# torch is left out: it is installed first, and its CPU and GPU builds have different versions.
"""


def pins() -> list[str]:
    """Return ``name==version`` of every package but those left out, sorted."""
    found = {
        dist.metadata["Name"].lower().replace("_", "-").replace(".", "-"): dist.version
        for dist in metadata.distributions()
    }
    return sorted(f"{n}=={v}" for n, v in found.items() if not n.startswith(LEFT_OUT))


if __name__ == "__main__":
    TARGET.write_text(HEAD + "\n".join(pins()) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(pins())} packages")
