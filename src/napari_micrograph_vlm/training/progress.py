"""How a long job tells how far it is: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Protocol

__all__ = ["Bars", "Lines", "Progress", "Silent", "progress_for"]


class Progress(Protocol):
    """Takes lines, and how much of a stage is done."""

    def say(self, text: str) -> None:
        """Print one line."""

    def share(self, stage: str, done: float, note: str = "") -> None:
        """Show that a share (0 to 1) of a stage is done."""

    def close(self) -> None:
        """Leave the screen as it is."""


class Silent:
    """Says nothing: for all processes but the first."""

    def say(self, text: str) -> None:
        """Print nothing."""

    def share(self, stage: str, done: float, note: str = "") -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """Lines with the time of day.

    Parameters
    ----------
    say : callable, optional
        Takes the lines; by default they are printed to stderr.
    every : float
        Least seconds between two lines about a stage.
    """

    def __init__(self, say: Callable[[str], None] | None = None, every: float = 20.0) -> None:
        self._say = say
        self._every = every
        self._said = -every

    def say(self, text: str) -> None:
        """Print one line."""
        if self._say is not None:
            self._say(text)
        else:
            print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)

    def share(self, stage: str, done: float, note: str = "") -> None:
        """Print a line now and then, and at the end of the stage."""
        if done < 1 and perf_counter() - self._said < self._every:
            return
        self._said = perf_counter()
        self.say(f"{stage}: {done:.0%}{', ' if note else ''}{note}")

    def close(self) -> None:
        """Do nothing."""


class Bars:
    """A bar for each stage, on stderr."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def say(self, text: str) -> None:
        """Print one line above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def share(self, stage: str, done: float, note: str = "") -> None:
        """Move the bar."""
        from tqdm import tqdm

        if stage != self._stage:
            self.close()
            self._stage = stage
            self._bar = tqdm(
                desc=stage,
                total=1.0,
                # A training that goes on does not begin at nought.
                initial=min(done, 1.0),
                file=sys.stderr,
                bar_format="{desc}: {percentage:3.0f}%|{bar:30}| {elapsed}<{remaining}{postfix}",
            )
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(min(done, 1.0) - self._bar.n)

    def close(self) -> None:
        """Leave the bar where it is."""
        if self._bar is not None:
            self._bar.close()
        self._stage, self._bar = "", None


def progress_for(terminal: bool | None = None) -> Progress:
    """Return bars where stderr is a terminal, else lines."""
    if terminal is None:
        terminal = sys.stderr.isatty()
    return Bars() if terminal else Lines()
