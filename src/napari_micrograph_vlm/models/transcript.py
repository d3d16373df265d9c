"""Text as a model writes it, and which tokens each of its words was made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

__all__ = ["SMALL_WORDS", "Place", "Transcript"]

_SMALL = """
a an and are as at be been but by can do does for from has have i in is it its no not of on or so
that the their there these they this those to was were which with yes
"""
SMALL_WORDS = frozenset(_SMALL.split())
"""Words that say nothing of the picture."""

_HALF_CHARACTER = "\ufffd"
"""What tokens decode to that are the beginning of a character."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")

# Chinese and Japanese are written without spaces: there each character is a word of its own.
_WITHOUT_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(
    rf"[{_WITHOUT_SPACES}]|[^\W_{_WITHOUT_SPACES}]+(?:[-'’.,:/][^\W_{_WITHOUT_SPACES}]+)*"
)


@dataclass(frozen=True)
class Place:
    """One word of a text.

    Attributes
    ----------
    start, stop : int
        The word is ``text[start:stop]``.
    tokens : tuple of int
        Which of the tokens that were pushed it was made of.
    """

    start: int
    stop: int
    tokens: tuple[int, ...]


class Transcript:
    """Takes an answer token by token and tells its text on the way.

    Parameters
    ----------
    tokenizer
        A tokenizer of transformers. Special tokens have no text.
    on_text : callable, optional
        Called with each new piece of text; the pieces add up to :attr:`text`.
    """

    def __init__(self, tokenizer: Any, on_text: Callable[[str], None] | None = None) -> None:
        self._tokenizer = tokenizer
        self._on_text = on_text
        self._tokens: list[int] = []
        self._raw = ""
        self._claimed = ""
        self._bytes = bytearray()
        self._edges: list[int] = []
        self.text = ""

    def push(self, token: int) -> None:
        """Take the next token."""
        self._tokens.append(token)
        byte = _BYTE.fullmatch(str(self._tokenizer.convert_ids_to_tokens(token)))
        if byte is not None:
            # Bytes may turn out to be no text at all: they are told with what follows them.
            self._bytes.append(int(byte.group(1), 16))
            self._claimed = self._raw + self._bytes.decode("utf-8", "ignore")
            self._edges.append(len(self._claimed))
            return
        self._take(self._decoded().rstrip(_HALF_CHARACTER))
        self._edges.append(len(self._raw))
        # White space is told with what follows it, as an answer does not end with any.
        self._tell(self._raw.strip())

    def finish(self) -> None:
        """Tell the rest; there is no further token."""
        if self._edges:
            self._take(self._decoded())
            self._edges[-1] = len(self._raw)
        self._tell(self._raw.strip())

    def _take(self, raw: str) -> None:
        """Take the text of all tokens but those that are the beginning of a character."""
        if not raw.startswith(self._claimed):
            kept = _shared(raw, self._claimed)
            self._edges = [min(edge, kept) for edge in self._edges]
        self._raw = self._claimed = raw
        self._bytes.clear()

    def words(self) -> tuple[Place, ...]:
        """Return the words of the text."""
        left = len(self._raw) - len(self._raw.lstrip())
        starts = [0, *self._edges[:-1]]
        places = []
        for found in _WORD.finditer(self.text):
            start, stop = found.start() + left, found.end() + left
            tokens = [
                i
                for i, (first, last) in enumerate(zip(starts, self._edges, strict=True))
                if first < stop and last > start
            ]
            # The first tokens of a character written in several end where they begin.
            while tokens and tokens[0] > 0 and starts[tokens[0] - 1] == starts[tokens[0]] >= start:
                tokens.insert(0, tokens[0] - 1)
            places.append(Place(found.start(), found.end(), tuple(tokens)))
        return tuple(places)

    def telling(self, places: Sequence[Place]) -> tuple[Place, ...]:
        """Return the words that say something of the picture, or all where none does."""
        chosen = [p for p in places if self.text[p.start : p.stop].lower() not in SMALL_WORDS]
        return tuple(chosen or places)

    def _decoded(self) -> str:
        text: str = self._tokenizer.decode(
            self._tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _tell(self, text: str) -> None:
        if not text.startswith(self.text):
            return  # what was told cannot be taken back
        piece = text[len(self.text) :]
        self.text = text
        if piece and self._on_text is not None:
            self._on_text(piece)


def _shared(first: str, second: str) -> int:
    """Return how many characters two texts begin with alike."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return sum(1 for _ in alike)
