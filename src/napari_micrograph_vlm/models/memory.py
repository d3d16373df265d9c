"""How much memory a model needs, and how much there is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "free_memory", "needed_bytes", "readable_bytes", "shortage"]

GB = 10**9

_WORKING = 0.6 * GB
"""For pictures on their way through a model, and for what torch itself keeps."""

_WORKING_SHARE = 0.1
"""Keys and values of a long conversation grow with the model: so much of its 16-bit weights."""

_UNPACKED_SHARE = 0.1
"""Word embeddings and vision layers stay at 16 bits when the others have 8 or 4."""

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """Memory of a device.

    Attributes
    ----------
    free, total : int
        Bytes.
    """

    free: int
    total: int


def needed_bytes(parameters: int, bits: int) -> int:
    """Estimate what a model needs while it answers.

    Parameters
    ----------
    parameters : int
        Number of weights.
    bits : int
        Bits of each: 32, 16, 8 or 4.

    Returns
    -------
    int
        Bytes: the weights and room to work. An estimate, on the safe side for short answers
        about one region.
    """
    half = 2 * parameters
    if bits >= 16:
        weights = half * bits / 16
    else:
        weights = half * (_UNPACKED_SHARE + (1 - _UNPACKED_SHARE) * bits / 16)
    return int(weights + half * _WORKING_SHARE * max(bits, 16) / 16 + _WORKING)


def free_memory(device: str) -> Memory:
    """Return the memory of a device (imports torch unless it is the processor).

    Parameters
    ----------
    device : str
        As torch calls it.

    Returns
    -------
    Memory
        On a processor what can be used without swapping, within the limit of a container or a
        batch system.
    """
    if device.startswith("cuda"):
        import torch

        free, total = torch.cuda.mem_get_info(device)
        return Memory(int(free), int(total))
    if device == "mps":
        import torch

        total = int(torch.mps.recommended_max_memory())
        return Memory(max(total - int(torch.mps.driver_allocated_memory()), 0), total)
    return _processor_memory()


def shortage(parameters: int | None, bits: int, memory: Memory) -> str:
    """Say what to do where a model does not fit.

    Parameters
    ----------
    parameters : int or None
        Number of weights; None where it is not known.
    bits : int
        Bits of each.
    memory : Memory
        Of the device that it would be loaded on.

    Returns
    -------
    str
        One sentence; empty where it fits or nothing can be said.
    """
    if parameters is None or needed_bytes(parameters, bits) <= memory.free:
        return ""
    need = readable_bytes(needed_bytes(parameters, bits))
    text = f"It needs about {need} and {readable_bytes(memory.free)} are free; "
    fewer = [b for b in (16, 8, 4) if b < bits and needed_bytes(parameters, b) <= memory.free]
    if fewer:
        return text + f"choose {fewer[0]}-bit numbers."
    if needed_bytes(parameters, bits) <= memory.total:
        return text + "unload another model or close other programs."
    return text + "choose a smaller model."


def readable_bytes(count: float) -> str:
    """Return a number of bytes in words, such as ``"16.8 GB"`` or ``"240 MB"``."""
    if count < 0.9995 * GB:
        return f"{max(round(count / 1e6), 0)} MB"
    return f"{count / GB:.1f} GB" if count < 99.95 * GB else f"{count / GB:.0f} GB"


def _processor_memory() -> Memory:
    import psutil

    known = psutil.virtual_memory()
    free, total = int(known.available), int(known.total)
    limit = _cgroup_limit()
    if limit is not None:
        free, total = min(free, limit.free), min(total, limit.total)
    return Memory(free, total)


def _cgroup_limit() -> Memory | None:
    """Return what a container may use; None where there is no limit."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most = int((_CGROUPS / limit).read_text())
            now = int((_CGROUPS / used).read_text())
        except (OSError, ValueError):  # "max" stands for no limit
            continue
        return Memory(max(most - now + _reclaimable(limit), 0), most)
    return None


def _reclaimable(limit: str) -> int:
    """Return how much of what a container uses are files kept in memory, given up when needed."""
    stat = (_CGROUPS / os.path.dirname(limit)) / "memory.stat"
    try:
        lines = dict(line.split() for line in stat.read_text().splitlines())
        return int(lines.get("inactive_file", lines.get("total_inactive_file", "0")))
    except (OSError, ValueError):
        return 0
