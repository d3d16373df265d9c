"""Errors whose text is one clear sentence: what was wrong and what to do."""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "MicrographError",
    "ModelError",
    "QuestionError",
    "RegionError",
    "SourceError",
    "one_line",
]


class MicrographError(Exception):
    """Something the user can put right; shown in the window without a traceback."""


class RegionError(MicrographError, ValueError):
    """A region that cannot be looked at: empty, too small, outside, without contrast."""


class QuestionError(MicrographError, ValueError):
    """A question or a list of labels that cannot be asked."""


class SourceError(MicrographError, ValueError):
    """A file, layer or viewer that holds no micrograph."""


class ModelError(MicrographError, RuntimeError):
    """A model that cannot be found, loaded or run."""


def one_line(error: BaseException) -> str:
    """Return what an error of a library says, in one line without its full stop.

    Returns
    -------
    str
        With the name of its kind where it says nothing, or no more than a number.
    """
    text = " ".join(str(error).split()).rstrip(".")
    return text if any(map(str.isalpha, text)) else f"{type(error).__name__} {text}".rstrip()


class Cancelled(Exception):  # noqa: N818 - a decision of the user, not an error
    """The user stopped the work.

    Parameters
    ----------
    text : str
        What had been written when it stopped.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__("stopped")
        self.text = text
