"""One request to a server that can be given up at any moment.

Reading from a socket cannot be stopped from outside, and waiting with short timeouts loses what
was read half. So the request runs in a thread of its own and the caller waits for what it brings;
to give up, the socket is shut down under it.
"""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

from ...errors import Cancelled

__all__ = ["Exchange", "Status", "TooLate"]

POLL = 0.05
"""Seconds between two looks at whether the caller wants no more."""

MOST_BYTES = 64 * 2**20
"""Longest answer that is read; no model writes as much."""


class Status(Exception):  # noqa: N818 - what happened, in a word
    """The server answered with something else than success.

    Parameters
    ----------
    code : int
        The status of HTTP.
    headers : mapping
        Its headers.
    body : bytes
        What it said besides.
    """

    def __init__(self, code: int, headers: Any, body: bytes) -> None:
        super().__init__(f"status {code}")
        self.code, self.headers, self.body = code, headers, body


class TooLate(OSError):  # noqa: N818 - what happened, in a word
    """Nothing came for too long."""


@dataclass(frozen=True)
class _Head:
    kind: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Pictures go where the user said, and nowhere else."""

    def redirect_request(self, *args: Any) -> None:
        """Follow nothing: the answer becomes an error that is reported."""


class Exchange:
    """Sends a request at once; what comes back is read line by line.

    Parameters
    ----------
    request : urllib.request.Request
        What to send.
    timeout : float
        Seconds to wait for each piece of the answer.
    direct : bool
        Whether to go there without a proxy.
    cancel : threading.Event, optional
        Once set, waiting ends within ``POLL`` seconds.
    """

    def __init__(
        self,
        request: urllib.request.Request,
        timeout: float,
        *,
        direct: bool,
        cancel: Event | None = None,
    ) -> None:
        self.kind = ""
        self._request, self._timeout, self._cancel = request, timeout, cancel
        self._found: SimpleQueue[_Head | bytes | BaseException | None] = SimpleQueue()
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), _Plain(self), _Secure(self)]
        if direct:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)
        Thread(target=self._run, name="micrograph-vlm-request", daemon=True).start()

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the answer as they come; ``kind`` is its type from the first on.

        Raises
        ------
        Cancelled
            If ``cancel`` was set.
        Status
            If the server did not answer with success.
        TooLate, OSError, http.client.HTTPException
            If it cannot be reached, or does not go on.
        """
        while True:
            found = self._next()
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, _Head):
                self.kind = found.kind
            else:
                yield found

    def close(self) -> None:
        """Give up; the thread ends by itself."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                # That of the class: an encrypted one would forget its key while it is being read.
                with suppress(OSError, ValueError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def connected(self, made: socket.socket) -> None:
        """Keep the socket, so that it can be shut down."""
        with self._lock:
            self._socket = made
            if self._closed:
                raise OSError("given up")

    def _next(self) -> _Head | bytes | BaseException | None:
        end = monotonic() + self._timeout
        while True:
            if self._cancel is not None and self._cancel.is_set():
                raise Cancelled
            left = end - monotonic()
            try:
                return self._found.get(timeout=max(min(POLL, left), 0.001))
            except Empty:
                if left <= 0:
                    raise TooLate("timed out") from None

    def _run(self) -> None:
        put = self._found.put
        try:
            with self._opener.open(self._request, timeout=self._timeout) as response:
                put(_Head(response.headers.get_content_type()))
                left = MOST_BYTES
                while line := response.readline(left):
                    put(line)
                    left -= len(line)
                    if left <= 0:
                        raise OSError("it does not stop writing")
            put(None)
        except urllib.error.HTTPError as error:
            body = b""
            with error, suppress(OSError, http.client.HTTPException):
                body = error.read(65536)
            put(Status(error.code, error.headers, body))
        except BaseException as error:  # handed to whoever waits
            put(error)


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Connect in a way that can be given up."""
        exchange = self._exchange

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                exchange.connected(self.sock)

        return self.do_open(Connection, req)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Connect in a way that can be given up."""
        exchange = self._exchange

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                exchange.connected(self.sock)

        # Without a context the connection makes the usual one, which checks the certificate.
        return self.do_open(Connection, req)
