"""Whether pixels may leave for a server: asked once for each address, kept in this process only."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeGuard

from ..errors import ModelError

if TYPE_CHECKING:
    from .remote.address import Address

__all__ = ["CAPTIONS", "CONSENTS", "CaptionsNeeded", "ConsentNeeded", "Consents", "is_remote"]


def is_remote(name: Any) -> TypeGuard[str]:
    """Whether a model's name is the address of a server."""
    return isinstance(name, str) and name.strip().lower().startswith(("http://", "https://"))


class ConsentNeeded(ModelError):  # noqa: N818 - what happened, in a word
    """Nobody has agreed yet that pixels go to this server.

    Parameters
    ----------
    address : Address
        The server.
    name : str
        The model's whole name, address included.
    """

    def __init__(self, address: Address, name: str) -> None:
        super().__init__(
            f"The pixels of your regions, their scale and the microscope's settings would go to "
            f"{address.host}, {address.where}; if they may, allow it with "
            "load_model(name, allow_remote=True) or --allow-remote."
        )
        self.address = address
        self.name = name

    @property
    def question(self) -> str:
        """What to ask the user."""
        address = self.address
        what = "The region's pixels, its scale and the microscope's settings will"
        if address.here:
            leave = f"{what} go to another program: {address.host}, on this machine (or wherever "
            leave += "that program passes them on to)."
        else:
            leave = f"{what} leave this machine for {address.host}, {address.where}."
        if not (address.here or address.encrypted):
            leave += " They are not encrypted on the way."
        return f"{leave} Send them?"


class CaptionsNeeded(ConsentNeeded):
    """Nobody has agreed yet that captions of figures go to this server, besides pixels."""

    @property
    def question(self) -> str:
        """What to ask the user."""
        address = self.address
        leave = "leave this machine for" if not address.here else "go to another program:"
        open_ = "" if address.here or address.encrypted else " They are not encrypted on the way."
        return (
            f"The captions of the three figures most alike will {leave} {address.host}, "
            f"{address.where}, as sources for the answer.{open_} Send them? Without them the "
            "figures stand beside the answer."
        )


class Consents:
    """The addresses that the user has agreed to; forgotten when the process ends.

    Where consent is for one thing only, ``what`` names it: agreed to for one is not for another.
    """

    def __init__(self) -> None:
        self._granted: set[tuple[str, str]] = set()
        self._lock = Lock()

    def grant(self, address: Address, what: str = "") -> None:
        """Note that it may go there."""
        with self._lock:
            self._granted.add((address.base, what))

    def granted(self, address: Address, what: str = "") -> bool:
        """Whether it may go there."""
        with self._lock:
            return (address.base, what) in self._granted

    def clear(self) -> None:
        """Forget all; what is loaded already stays usable."""
        with self._lock:
            self._granted.clear()


CONSENTS = Consents()
"""What was agreed to in this process."""

CAPTIONS = Consents()
"""Where captions may go, too, by folder of figures: what was agreed to in the window."""
