"""A client of OpenAI-compatible servers: vLLM, llama.cpp, Ollama, LM Studio and the like."""

from __future__ import annotations

import http.client
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from threading import Event
from time import time
from typing import Any

from ...errors import Cancelled
from ..notices import tell
from .address import Address
from .exchange import Exchange, Status
from .failures import Refused, Silent, Unusable
from .protocol import Broken, Piece, events, pieces, read_json, said_in

__all__ = ["ChatClient"]

LONGEST_PAUSE = 300.0
"""Seconds; a server that asks for more patience is given up."""

_AGAIN = (408, 409, 425, 429)

_FAILURES = (Status, Broken, OSError, http.client.HTTPException)


@dataclass
class ChatClient:
    """Asks a server for chat completions; may be used by several threads at a time.

    Attributes
    ----------
    address : Address
        Where it is.
    key : str or None
        Sent as a bearer token; never shown.
    timeout : float
        Seconds to wait for an answer, or for the next piece of one.
    attempts : int
        How often one question is tried.
    pause : float
        Seconds before the second attempt; twice as long before each further one.
    on_pause : callable
        Called with a sentence before each pause; tells whoever asked, by default.
    key_advice : str
        What to do where the server does not accept the key.
    """

    address: Address
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    attempts: int = 5
    pause: float = 1.0
    on_pause: Callable[[str], None] = tell
    key_advice: str = "give the right one"

    def __post_init__(self) -> None:
        if self.key and not (self.address.near or self.address.encrypted):
            raise Unusable(
                f"The key would go to {self.address.host} unencrypted; use an https address."
            )

    def models(self, cancel: Event | None = None) -> list[str]:
        """Return the names of the models that the server offers.

        Raises
        ------
        Unusable, Silent
            If it does not say.
        """
        found = self._insist(lambda: self._whole("/models", None, cancel), cancel)
        try:
            return [str(model["id"]) for model in found["data"]]
        except (KeyError, TypeError):
            raise Unusable(f"{self.address.host} does not list its models; name one.") from None

    def complete(self, body: dict[str, Any], cancel: Event | None = None) -> dict[str, Any]:
        """Ask and return the whole answer.

        Raises
        ------
        Unusable, Refused, Silent
            If there will never be an answer, not to this, or was none after all attempts.
        Cancelled
            If ``cancel`` was set.
        """

        def once() -> dict[str, Any]:
            found = self._whole("/chat/completions", body, cancel)
            if not found.get("choices"):
                raise Broken("answered with something that is no chat completion")
            return found

        return self._insist(once, cancel)

    def stream(self, body: dict[str, Any], cancel: Event | None = None) -> Iterator[Piece]:
        """Ask and yield the answer as it is written.

        A server that falls silent in the middle is asked again, and where it then writes the same
        beginning the answer goes on as if nothing had happened.

        Raises
        ------
        Unusable, Refused, Silent
            As :meth:`complete`; also where a second attempt begins otherwise than the first.
        Cancelled
            If ``cancel`` was set.
        """
        told = ""
        for attempt in range(self.attempts):
            try:
                written = ""
                for piece in self._pieces({**body, "stream": True}, cancel):
                    before, written = written, written + piece.text
                    if not (written.startswith(told) or told.startswith(written)):
                        raise Silent(
                            f"{self.address.host} ended in the middle of an answer and began "
                            "another one when asked again; ask once more."
                        )
                    if len(written) > len(told):
                        new = piece.text[max(len(told) - len(before), 0) :]
                        told = written
                        yield piece if new == piece.text else Piece(new)
                if len(written) >= len(told):
                    return
                raise Broken("ended in the middle of the answer")
            except _FAILURES as error:
                self._wait(error, attempt, cancel)

    def _pieces(self, body: dict[str, Any], cancel: Event | None) -> Iterator[Piece]:
        with self._exchange("/chat/completions", body, cancel) as exchange:
            lines = exchange.lines()
            first = next(lines, b"")
            if exchange.kind == "text/event-stream":
                for event in events(_chained(first, lines)):
                    yield from pieces(event)
                return
            # Asked for a stream, some servers answer at once all the same.
            found = read_json(first + b"".join(lines))
            if not found.get("choices"):
                raise Broken("answered with something that is no chat completion")
            yield from pieces(found, whole=True)

    def _whole(
        self, path: str, body: dict[str, Any] | None, cancel: Event | None
    ) -> dict[str, Any]:
        with self._exchange(path, body, cancel) as exchange:
            return read_json(b"".join(exchange.lines()))

    def _exchange(self, path: str, body: dict[str, Any] | None, cancel: Event | None) -> Exchange:
        headers = {"Accept": "application/json, text/event-stream"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address.base + path, data, headers)
        # No detour over a proxy for a machine next door.
        return Exchange(request, self.timeout, direct=self.address.near, cancel=cancel)

    def _insist(self, once: Callable[[], dict[str, Any]], cancel: Event | None) -> dict[str, Any]:
        """Try until there is an answer or no more hope."""
        for attempt in range(self.attempts):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            try:
                return once()
            except _FAILURES as error:
                self._wait(error, attempt, cancel)
        raise Silent(f"{self.address.host} was not asked.")

    def _wait(self, error: Exception, attempt: int, cancel: Event | None) -> None:
        """Pause before another attempt; raise where there is to be none."""
        why, asked = self._explain(error)
        if asked is not None and asked > LONGEST_PAUSE:
            raise Silent(f"{self.address.host} {why} and asks for a pause of {asked:.0f} s.")
        if attempt + 1 >= self.attempts:
            raise Silent(f"{self.address.host} {why}.")
        pause = self.pause * 2**attempt if asked is None else asked
        self.on_pause(f"{self.address.host} {why}; trying again in {pause:.3g} s.")
        if (cancel or Event()).wait(pause):
            raise Cancelled

    def _explain(self, error: Exception) -> tuple[str, float | None]:
        """Say why, and for how long the server asks to wait; raise where trying is in vain."""
        host = self.address.host
        if isinstance(error, Broken):
            return str(error), None
        if not isinstance(error, Status):
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, ConnectionRefusedError):
                raise Silent(f"{host} does not answer; is the server running?")
            why = str(reason)
            if "timed out" in why:
                return f"did not answer within {self.timeout:g} s", None
            return f"cannot be reached ({why or type(error).__name__})", None
        code, said = error.code, _message(error.body)
        if code == 401:
            raise Unusable(f"{host} does not accept the key; {self.key_advice}{said}.")
        if code == 403:
            raise Unusable(f"{host} does not allow this key to use the model{said}.")
        if code == 404:
            raise Unusable(f"{host} knows neither this address nor this model; check both{said}.")
        if 300 <= code < 400:
            raise Unusable(
                f"{host} wants to send the pictures on to another address; give the right one."
            )
        if code < 500 and code not in _AGAIN:
            raise Refused(f"{host} refused it with error {code}{said}.", code)
        return f"answered with error {code}{said}", _seconds(error.headers.get("Retry-After"))


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _message(body: bytes) -> str:
    """Return the server's own words about an error."""
    with suppress(ValueError):
        return said_in(json.loads(body))
    return ""


def _seconds(header: str | None) -> float | None:
    """Read ``Retry-After``: seconds or a date."""
    if header is None:
        return None
    if re.fullmatch(r"\s*\d+(\.\d*)?\s*", header):
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time(), 0.0)
    except (ValueError, TypeError):
        return None
