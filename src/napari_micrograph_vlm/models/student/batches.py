"""Which things are computed together, and on how many threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from .threads import one_thread

__all__ = ["TOKENS_AT_ONCE", "alike", "shared_out"]

T = TypeVar("T")

TOKENS_AT_ONCE = 2400
"""Image tokens that are computed together, padding included."""

_WASTE = 1.3
"""Largest share by which padding may lengthen a thing."""

_THREADS = 4
"""Most threads: each of them asks for Python's lock, and the window wants it, too."""


def alike(sizes: Sequence[int], at_once: int = 16, total: int = TOKENS_AT_ONCE) -> list[list[int]]:
    """Group things of like size, so that little of a batch is padding.

    Parameters
    ----------
    sizes : sequence of int
        Number of tokens of each.
    at_once : int
        Most things in a group.
    total : int
        Most tokens in a group, padding included; a larger thing is a group of its own.

    Returns
    -------
    list of lists of int
        Indices, each once.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(sizes)), key=sizes.__getitem__):
        group = groups[-1] if groups else []
        fits = group and sizes[index] <= _WASTE * sizes[group[0]]
        if fits and len(group) < at_once and (len(group) + 1) * sizes[index] <= total:
            group.append(index)
        else:
            groups.append([index])
    return groups


def shared_out(works: Sequence[Callable[[], T]], check: Callable[[], None]) -> list[T]:
    """Do some works of one thread each, as many at a time as the caller has threads.

    Unlike the threads of one computation they never wait for each other.

    Parameters
    ----------
    works : sequence of callable
        Run in inference mode.
    check : callable
        Called before each result; raises to stop.
    """
    before = torch.get_num_threads()
    threads = min(before, _THREADS, len(works))
    if threads < 2:
        done = []
        with one_thread(), torch.inference_mode():
            for work in works:
                check()
                done.append(work())
        return done
    pool = ThreadPoolExecutor(threads, "micrograph-vlm", torch.set_num_threads, (1,))
    try:
        futures = [pool.submit(torch.inference_mode()(work)) for work in works]
        found = []
        for future in futures:
            check()
            found.append(future.result())
        return found
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
