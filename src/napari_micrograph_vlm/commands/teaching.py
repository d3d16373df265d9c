"""What ``data teach`` says to the user: where pictures go, what was kept, what it cost."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..errors import MicrographError
from .progress import name_skipped

if TYPE_CHECKING:
    from threading import Event

    from ..datasets.teacher.base import Teacher
    from ..datasets.teacher.cost import Prices
    from ..datasets.teacher.run import Outcome

__all__ = ["key_of", "postfix", "report", "server_teacher"]


def server_teacher(
    server: str,
    model: str | None,
    key: str | None,
    timeout: float,
    attempts: int,
    max_tokens: int,
    stop: Event,
    number: int,
    yes: bool,
) -> Teacher:
    """Return the server as a teacher, after saying where the pictures go."""
    from ..datasets.teacher.client import Server
    from ..models.remote.address import parse_address

    address = parse_address(server)
    print(f"{number} pictures go to {address.host}, {address.where}.", file=sys.stderr)
    if not (address.near or yes):
        raise MicrographError(
            f"{address.host} is not on this network; add --yes if the pictures may go there."
        )
    teacher = Server(
        address,
        model or "",
        key=key,
        timeout=timeout,
        attempts=attempts,
        max_tokens=max_tokens,
        stop=stop,
        on_pause=_say_above_bar,
    )
    if model is None:
        names = teacher.models()
        if len(names) != 1:
            known = ", ".join(names) or "none"
            raise MicrographError(f"Name the model with --model; {address.host} has {known}.")
        teacher.name = names[0]
    return teacher


def key_of(variable: str | None) -> str | None:
    """Return the key that an environment variable holds; None where none is named."""
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise MicrographError(f"The environment variable {variable} holds no key; set it.")
    return key


def report(outcome: Outcome, prices: Prices, done: str = "pictures labelled") -> None:
    """Print what was kept, what was dropped and why, and the cost."""
    if outcome.asked:
        dropped: Counter[str] = Counter()
        for what, number in outcome.dropped.items():
            dropped[what.split(":")[0]] += number
        print(f"{outcome.written} {done} in this run. Kept of what was answered:")
        for name, number in outcome.asked.items():
            lost = min(dropped[name], number)
            print(f"  {name:<16} {number - lost} of {number}")
    if outcome.dropped:
        print("Dropped, and why:")
        for what, number in outcome.dropped.most_common():
            print(f"  {number:>5}  {what}")
    name_skipped(outcome.skipped)
    if outcome.cost.calls:
        print(f"This run: {outcome.cost.text(prices)}.")


def postfix(outcome: Outcome, prices: Prices) -> dict[str, Any]:
    """Return what the progress bar shows besides the progress."""
    shown: dict[str, Any] = {"skipped": len(outcome.skipped), "answers": outcome.cost.calls}
    money = prices.of(outcome.cost)
    return shown if money is None else {**shown, "cost": f"{money:.2f}"}


def _say_above_bar(sentence: str) -> None:
    from tqdm import tqdm

    tqdm.write(sentence, file=sys.stderr)
