"""A handle on work that goes on in another thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread
from typing import Generic, TypeVar

from .errors import Cancelled

__all__ = ["Handle"]

T = TypeVar("T")

Work = Callable[[Callable[[str], None], Event], T]
"""Work takes where to write text as it comes, and an event that asks it to stop."""


class Handle(Generic[T]):
    """Work that was started and will have a result.

    Parameters
    ----------
    work : callable
        ``work(write, cancel)``, run at once in a thread of its own.
    echo : bool
        Print the text as it comes, where the caller's output goes.
    deliver : callable, optional
        Calls a function in the thread that ``on_done`` callbacks belong in; by default they run
        in the worker's thread.
    """

    def __init__(
        self,
        work: Work[T],
        *,
        echo: bool = True,
        deliver: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        self._future: Future[T] = Future()
        self._cancel = Event()
        self._pieces: list[str] = []
        # napari's console redirects stdout only while a cell runs: keep the cell's stream.
        self._out = sys.stdout if echo else None
        self._deliver = deliver
        self._thread = Thread(target=self._run, args=(work,), name="micrograph-vlm", daemon=True)
        self._thread.start()

    def _run(self, work: Work[T]) -> None:
        try:
            result = work(self._write, self._cancel)
        except BaseException as error:  # handed to whoever asks for the result
            self._write("(stopped)\n" if isinstance(error, Cancelled) else f"{error}\n")
            self._future.set_exception(error)
        else:
            self._write("\n")
            self._future.set_result(result)

    def tell(self, sentence: str) -> None:
        """Print a sentence where the text was printed."""
        self._print(f"{sentence}\n")

    def _write(self, text: str) -> None:
        self._pieces.append(text)
        self._print(text)

    def _print(self, text: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError, RuntimeError):  # the console was closed meanwhile
            self._out = None

    @property
    def text(self) -> str:
        """What has been written so far."""
        return "".join(self._pieces).removesuffix("\n")

    @property
    def done(self) -> bool:
        """Whether there is a result, an error or a stop."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
            If it is not there in time; the work goes on.
        Cancelled
            If it was stopped.
        MicrographError
            If the work could not be done.
        """
        return self._future.result(timeout)

    def cancel(self) -> None:
        """Ask the work to stop; it does within one token."""
        self._cancel.set()

    def on_done(self, f: Callable[[Handle[T]], object]) -> Handle[T]:
        """Call ``f(handle)`` once the work has ended, in whatever way."""
        deliver = self._deliver

        def finished(_future: Future[T]) -> None:
            if deliver is None:
                f(self)
            else:
                deliver(lambda: f(self))

        self._future.add_done_callback(finished)
        return self

    def __repr__(self) -> str:
        if not self.done:
            return f"Handle(running, {self.text!r})"
        error = self._future.exception()
        return f"Handle({self._future.result()!r})" if error is None else f"Handle({error})"
