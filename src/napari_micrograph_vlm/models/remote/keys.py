"""Where the key of a server comes from: the environment or the system's keyring, never a file."""

from __future__ import annotations

import os
from importlib import import_module

from .address import Address

__all__ = ["SERVICE", "VARIABLE", "advice", "key_for"]

VARIABLE = "NAPARI_MICROGRAPH_VLM_KEY"
"""Environment variable with the key for every server that the keyring has none for."""

SERVICE = "napari-micrograph-vlm"
"""Name under which the keyring keeps keys; the account is the server's host and port."""


def key_for(address: Address) -> str | None:
    """Return the key for a server, or None where none is kept.

    The server's own key in the keyring comes first, which needs the extra ``remote``; else that of
    the environment, which is for any server.
    """
    return _kept(address) or os.environ.get(VARIABLE, "").strip() or None


def _kept(address: Address) -> str | None:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return None
    try:
        found = keyring.get_password(SERVICE, address.host)
    except Exception:  # no keyring on this machine, or a locked one: there is no common base class
        return None
    return str(found) if found else None


def advice(address: Address) -> str:
    """Say how to give the right key."""
    return (
        f"set the environment variable {VARIABLE}, or install the extra remote and run "
        f"`keyring set {SERVICE} {address.host}`"
    )
