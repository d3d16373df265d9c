"""A teacher behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, LM Studio and the like."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from threading import Event
from time import perf_counter, time
from typing import Any

from .address import Address
from .base import Refused, Reply, Silent, TeacherError
from .pictures import Shown

__all__ = ["Server"]

LONGEST_PAUSE = 300.0
"""Seconds; a server that asks for more patience is given up for this picture."""

_AGAIN = (408, 409, 425, 429)
_HOPELESS = {
    401: "does not accept the key; set the environment variable and name it with --key-variable",
    403: "does not allow this key to use the model",
    404: "knows neither this address nor this model; check both",
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Pictures go where the user said, and nowhere else."""

    def redirect_request(self, *args: Any) -> None:
        """Follow nothing: the answer becomes an error that is reported."""


@dataclass
class Server:
    """Asks a server for chat completions.

    Attributes
    ----------
    address : Address
        Where it is.
    name : str
        Name of the model, as the server knows it.
    key : str or None
        Sent as a bearer token; never shown.
    timeout : float
        Seconds to wait for one answer.
    attempts : int
        How often one question is tried.
    pause : float
        Seconds before the second attempt; twice as long before each further one.
    max_tokens : int
        Longest answer.
    stop : threading.Event
        Once set, pauses end and nothing more is asked.
    on_pause : callable
        Called with a sentence before each pause.
    """

    address: Address
    name: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    attempts: int = 5
    pause: float = 1.0
    max_tokens: int = 1200
    stop: Event = field(default_factory=Event)
    on_pause: Callable[[str], None] = lambda sentence: None

    def __post_init__(self) -> None:
        if self.key and not (self.address.near or self.address.encrypted):
            raise TeacherError(
                f"The key would go to {self.address.host} unencrypted; use an https address."
            )
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self.address.near:  # no detour over a proxy for a machine next door
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def models(self) -> list[str]:
        """Return the names of the models that the server offers.

        Raises
        ------
        TeacherError, Silent
            If it does not say.
        """
        found = self._persist("/models", None)
        try:
            return [str(model["id"]) for model in found["data"]]
        except (KeyError, TypeError):
            raise TeacherError(
                f"{self.address.host} does not list its models; name one with --model."
            ) from None

    def ask(self, shown: Shown, prompt: str, *, temperature: float, seed: int) -> Reply:
        """Answer a prompt about a picture; see :class:`~.base.Teacher`."""
        content = [
            {"type": "image_url", "image_url": {"url": shown.data_url}},
            {"type": "text", "text": prompt},
        ]
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": content}],
            "temperature": temperature,
            "seed": seed,
            "max_tokens": self.max_tokens,
        }
        start = perf_counter()
        found = self._persist("/chat/completions", json.dumps(body).encode())
        return _reply(found, perf_counter() - start)

    def _persist(self, path: str, body: bytes | None) -> Any:
        """Try until there is an answer or no more hope."""
        why = "it was stopped"
        for attempt in range(self.attempts):
            if self.stop.is_set():
                break
            wait = self.pause * 2**attempt
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as error:
                with error:
                    why, asked = self._explain(error)
                if asked is not None and asked > LONGEST_PAUSE:
                    why += f" and asks for a pause of {asked:.0f} s"
                    break
                wait = wait if asked is None else asked
            except (OSError, http.client.HTTPException) as error:
                why = f"cannot be reached ({getattr(error, 'reason', None) or error})"
                if "timed out" in why:
                    why = f"did not answer within {self.timeout:g} s"
            except ValueError:
                why = "answered with something that is not JSON"
            if attempt + 1 < self.attempts:
                self.on_pause(f"{self.address.host} {why}; trying again in {wait:.3g} s.")
                self.stop.wait(wait)
        raise Silent(f"{self.address.host} {why}.")

    def _once(self, path: str, body: bytes | None) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.address.base + path, body, headers)
        with self._opener.open(request, timeout=self.timeout) as response:
            found = json.loads(response.read())
        if path != "/models" and not (isinstance(found, dict) and found.get("choices")):
            raise ValueError("no choices")
        return found

    def _explain(self, error: urllib.error.HTTPError) -> tuple[str, float | None]:
        """Say why, and for how long the server asks to wait; raise where trying is in vain."""
        code = error.code
        said = _message(error)
        if code in _HOPELESS:
            raise TeacherError(f"{self.address.host} {_HOPELESS[code]}{said}.")
        if 300 <= code < 400:
            raise TeacherError(
                f"{self.address.host} wants to send the pictures on to another address; "
                "give the right one."
            )
        if code < 500 and code not in _AGAIN:
            raise Refused(f"{self.address.host} refused it with error {code}{said}.")
        return f"answered with error {code}{said}", _seconds(error.headers.get("Retry-After"))


def _message(error: urllib.error.HTTPError) -> str:
    """Return the server's own words, in one short line."""
    try:
        said = json.loads(error.read())
        said = said.get("error", said)
        text = said.get("message", "") if isinstance(said, dict) else said
    except (ValueError, OSError, AttributeError, http.client.HTTPException):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(printable.split()).rstrip(".")[:200]
    return f": {line}" if line else ""


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


def _reply(found: Any, seconds: float) -> Reply:
    try:
        text = found["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = ""
    if isinstance(text, list):  # some send it in parts
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    usage = found.get("usage")
    if not isinstance(usage, dict):
        usage = {}
    read, written = (usage.get(f"{kind}_tokens") for kind in ("prompt", "completion"))
    return Reply(
        str(text or ""),
        read if isinstance(read, int) else 0,
        written if isinstance(written, int) else 0,
        seconds,
    )
