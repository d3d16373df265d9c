"""Where pictures would be sent: this machine, this network, or somebody else's."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from .failures import Unusable

__all__ = ["Address", "parse_address", "split_name"]

_ENDING = "/chat/completions"


@dataclass(frozen=True)
class Address:
    """A server.

    Attributes
    ----------
    base : str
        Address up to and with ``/v1``, without a slash at its end.
    host : str
        Its name or number, with the port where one is given.
    near : bool
        Whether it is this machine or one on a private network.
    encrypted : bool
        Whether what is sent is hidden from others on the way.
    here : bool
        Whether it is this machine itself.
    """

    base: str
    host: str
    near: bool
    encrypted: bool
    here: bool = False

    @property
    def where(self) -> str:
        """Say in words how far away it is."""
        if self.here:
            return "on this machine"
        return "on this network" if self.near else "OUTSIDE this network"


def split_name(name: str) -> tuple[str, str | None]:
    """Split ``"http://gpu-box:8000/v1#qwen2-vl"`` into address and model.

    Returns
    -------
    url : str
        What :func:`parse_address` reads.
    model : str or None
        Name of the model, as the server knows it; None where none is named.
    """
    url, _, model = name.strip().partition("#")
    return url, model.strip() or None


def parse_address(url: str) -> Address:
    """Read the address of an OpenAI-compatible server.

    Raises
    ------
    Unusable
        If it is no http address, holds a password, or its host is not known.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise Unusable(
            f"{url!r} is no address; write one such as http://127.0.0.1:8000/v1."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unusable(f"{url!r} is no address; write one such as http://127.0.0.1:8000/v1.")
    if parts.username is not None or parts.password is not None or parts.query:
        raise Unusable(
            "The address holds a name, a password or a query; keep the key in the keyring or in an "
            "environment variable instead."
        )
    path = parts.path.rstrip("/").removesuffix(_ENDING) or "/v1"
    numbers = _numbers(parts.hostname, port or (443 if parts.scheme == "https" else 80))
    return Address(
        base=f"{parts.scheme}://{parts.netloc}{path}",
        host=parts.netloc,
        # Every number that the name stands for, since any of them may be tried.
        near=all(number.is_loopback or number.is_private for number in numbers),
        encrypted=parts.scheme == "https",
        here=all(number.is_loopback for number in numbers),
    )


def _numbers(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unusable(f"No machine of the name {host} can be found; check it.") from None
    return [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
