"""Progress bars, Ctrl-C and what was skipped, the same in all commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ..errors import MicrographError

__all__ = ["bar", "file_errors", "name_skipped", "need", "stoppable"]

INTERRUPTED = 130

SHOWN = 12
"""Skipped pictures named one by one; the others are counted."""


def name_skipped(skipped: list[str]) -> None:
    """Name what was skipped, on stderr."""
    if not skipped:
        return
    print(f"{len(skipped)} skipped:", file=sys.stderr)
    for line in skipped[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if len(skipped) > SHOWN:
        print(f"  and {len(skipped) - SHOWN} more", file=sys.stderr)


def need(module: str) -> None:
    """Complain in one sentence where an extra is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MicrographError(
            f"This needs {module}; install it with: pip install napari-micrograph-vlm[train]"
        )


@contextmanager
def bar(total: int, unit: str) -> Iterator[Callable[..., None]]:
    """Show a progress bar; gives what moves it on by one."""
    need("tqdm")
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {unit}", disable=None) as bar:

        def step(**shown: Any) -> None:
            if shown:
                bar.set_postfix(shown, refresh=False)
            bar.update()

        yield step


@contextmanager
def file_errors() -> Iterator[None]:
    """Turn a full disk or a folder that may not be written to into one sentence."""
    try:
        yield
    except OSError as error:
        where = error.filename or "A file"
        raise MicrographError(f"{where} cannot be used: {error.strerror or error}.") from None


@contextmanager
def stoppable(sentence: str) -> Iterator[None]:
    """End with 130 and one sentence after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        print(sentence, file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
