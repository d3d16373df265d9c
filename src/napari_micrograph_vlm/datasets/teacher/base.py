"""What any teacher can do: look at one picture and answer one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...models.remote.failures import Refused, Silent, Unusable
from .pictures import Shown

__all__ = ["Refused", "Reply", "Silent", "Teacher", "TeacherError"]


TeacherError = Unusable
"""A teacher that cannot be used at all: wrong address, wrong key, no such model, no checkpoint."""


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes
    ----------
    text : str
        What the teacher wrote.
    prompt_tokens, completion_tokens : int
        What it read and wrote, as far as it says.
    seconds : float
        How long the caller waited.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


class Teacher(Protocol):
    """Answers prompts about pictures."""

    name: str

    def ask(self, shown: Shown, prompt: str, *, temperature: float, seed: int) -> Reply:
        """Answer a prompt about a picture.

        Raises
        ------
        TeacherError
            If no picture will ever be answered.
        Refused
            If this picture will not be.
        Silent
            If there was no answer after all attempts.
        """
        ...
