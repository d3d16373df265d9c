"""Where pictures would be sent: this machine, this network, or somebody else's."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from .base import TeacherError

__all__ = ["Address", "parse_address"]

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
        Whether what is sent can be read on the way.
    """

    base: str
    host: str
    near: bool
    encrypted: bool


def parse_address(url: str) -> Address:
    """Read the address of an OpenAI-compatible server.

    Raises
    ------
    TeacherError
        If it is no http address, holds a password, or its host is not known.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise TeacherError(
            f"{url!r} is no address; write one such as http://127.0.0.1:8000/v1."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TeacherError(f"{url!r} is no address; write one such as http://127.0.0.1:8000/v1.")
    if parts.username is not None or parts.password is not None or parts.query:
        raise TeacherError(
            "The address holds a name, a password or a query; put the key in an environment "
            "variable and name that with --key-variable."
        )
    path = parts.path.rstrip("/").removesuffix(_ENDING) or "/v1"
    return Address(
        base=f"{parts.scheme}://{parts.netloc}{path}",
        host=parts.netloc,
        near=_near(parts.hostname, port or (443 if parts.scheme == "https" else 80)),
        encrypted=parts.scheme == "https",
    )


def _near(host: str, port: int) -> bool:
    """Whether every number that the name stands for is of this machine or a private network."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TeacherError(f"No machine of the name {host} can be found; check it.") from None
    numbers = (ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found)
    return all(number.is_loopback or number.is_private for number in numbers)
