"""Keeps what libraries say to programmers from users, in any number of threads.

The filters of warnings belong to the whole program: of two threads that change them and put back
what they found, the later one would put back what the other had changed, for good. So it is done
here only, by one thread at a time.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

__all__ = ["quiet"]

_changing = RLock()


@contextmanager
def quiet(category: type[Warning] = Warning, *, log: str | None = None) -> Iterator[None]:
    """Ignore warnings, and what goes to a log, within the block; other threads wait for its end.

    Parameters
    ----------
    category : type of Warning
        Which warnings; by default all.
    log : str, optional
        Name of a logger that is silent meanwhile.
    """
    with _changing, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        if log is None:
            yield
            return
        logger = logging.getLogger(log)
        before = logger.disabled, logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.disabled, logger.level = before
