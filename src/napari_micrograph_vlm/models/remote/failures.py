"""What can go wrong with a server, by what may be done about it."""

from __future__ import annotations

from ...errors import ModelError

__all__ = ["Refused", "Silent", "Unusable"]


class Unusable(ModelError):  # noqa: N818 - what happened, in a word
    """A server that cannot be used at all: wrong address, wrong key, no such model."""


class Refused(ModelError):  # noqa: N818 - what happened, in a word
    """One question or picture that the server will not or cannot answer about.

    Parameters
    ----------
    sentence : str
        What to tell the user.
    code : int
        The status of HTTP; 0 where there is none.
    """

    def __init__(self, sentence: str, code: int = 0) -> None:
        super().__init__(sentence)
        self.code = code


class Silent(ModelError):  # noqa: N818 - what happened, in a word
    """No answer after all attempts; another question may fare better."""
