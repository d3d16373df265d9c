"""Nothing is fetched unless the user asks for a download."""

from __future__ import annotations

import os

__all__ = ["forbid_network", "is_offline", "online_environment"]

_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TELEMETRY = "HF_HUB_DISABLE_TELEMETRY"
_OURS = "NAPARI_MICROGRAPH_VLM_KEPT_OFFLINE"
"""Switches that this package has set itself: a download that the user asks for may undo them."""


def forbid_network() -> None:
    """Keep the Hugging Face libraries of this process from fetching or telling anything."""
    ours = set(os.environ.get(_OURS, "").split())
    for switch in _SWITCHES:
        if not _is_set(switch):
            ours.add(switch)
        os.environ[switch] = "1"
    os.environ[_OURS] = " ".join(sorted(ours))
    os.environ[_TELEMETRY] = "1"


def is_offline() -> bool:
    """Tell whether the user, not this package, has forbidden downloads."""
    ours = os.environ.get(_OURS, "").split()
    return any(_is_set(switch) and switch not in ours for switch in _SWITCHES)


def online_environment() -> dict[str, str]:
    """Return the environment of a process that may download; it tells nothing about its use."""
    kept = {name: value for name, value in os.environ.items() if name not in (*_SWITCHES, _OURS)}
    return {**kept, _TELEMETRY: "1", "DO_NOT_TRACK": "1"}


def _is_set(switch: str) -> bool:
    # As huggingface_hub reads them.
    return os.environ.get(switch, "").strip().upper() in ("1", "ON", "YES", "TRUE")
