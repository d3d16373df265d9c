"""A teacher behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, LM Studio and the like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from time import perf_counter
from typing import Any

from ...errors import Cancelled
from ...models.remote.address import Address
from ...models.remote.client import ChatClient
from ...models.remote.protocol import picture_part, text_of, text_part
from .base import Reply, Silent
from .pictures import Shown

__all__ = ["Server"]


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
        Once set, waiting ends and nothing more is asked.
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
        self._client = ChatClient(
            self.address,
            self.key,
            self.timeout,
            self.attempts,
            self.pause,
            self.on_pause,
            "set the environment variable and name it with --key-variable",
        )

    def models(self) -> list[str]:
        """Return the names of the models that the server offers.

        Raises
        ------
        TeacherError, Silent
            If it does not say.
        """
        return self._client.models()

    def ask(self, shown: Shown, prompt: str, *, temperature: float, seed: int) -> Reply:
        """Answer a prompt about a picture; see :class:`~.base.Teacher`."""
        content = [picture_part(shown.image), text_part(prompt)]
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": content}],
            "temperature": temperature,
            "seed": seed,
            "max_tokens": self.max_tokens,
        }
        start = perf_counter()
        try:
            found = self._client.complete(body, self.stop)
        except Cancelled:
            raise Silent(f"{self.address.host} was not waited for, since it was stopped.") from None
        return _reply(found, perf_counter() - start)


def _reply(found: dict[str, Any], seconds: float) -> Reply:
    try:
        text = text_of(found["choices"][0]["message"])
    except (KeyError, IndexError, TypeError):
        text = ""
    usage = found.get("usage")
    if not isinstance(usage, dict):
        usage = {}
    read, written = (usage.get(f"{kind}_tokens") for kind in ("prompt", "completion"))
    return Reply(
        text,
        read if isinstance(read, int) else 0,
        written if isinstance(written, int) else 0,
        seconds,
    )
