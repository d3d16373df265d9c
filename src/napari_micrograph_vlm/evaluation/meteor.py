"""METEOR, with WordNet's synonyms where the machine has them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MicrographError
from .text_metrics import words_of

__all__ = ["Meteor", "load_wordnet"]

WORDNET_FOLDERS: tuple[Path, ...] = (Path("/usr/share/wordnet"), Path("/usr/share/wordnet/dict"))
"""Where systems put WordNet: Debian's package ``wordnet-base`` for one."""

_FILES = ("data.noun", "data.verb", "data.adj", "data.adv", "index.noun", "noun.exc")

# Debian leaves out this list of the 45 parts of WordNet, which synonyms do not need.
_PARTS = "".join(f"{i:02d}\tpart.{i}\t1\n" for i in range(45))


class Meteor:
    """Scores answers with METEOR as nltk computes it (alpha 0.9, beta 3, gamma 0.5).

    One right word alone gets 0.5, since METEOR takes it for a fragment; so a set of short answers
    has a highest possible value below 1, and that is printed beside it as its ceiling.

    Parameters
    ----------
    folders : sequence of Path
        Where to look for WordNet besides nltk's own data.

    Attributes
    ----------
    name : str
        ``"METEOR"``, or ``"METEOR (exact and stem)"`` where there is no WordNet.

    Raises
    ------
    MicrographError
        If nltk is not installed.
    """

    def __init__(self, folders: Sequence[Path] = WORDNET_FOLDERS) -> None:
        try:
            import nltk.translate.meteor_score as scores
        except ImportError:
            raise MicrographError(
                "METEOR needs nltk; run: pip install 'napari-micrograph-vlm[train]'."
            ) from None
        self._score: Any = scores.single_meteor_score
        wordnet = load_wordnet(tuple(folders))
        self.name = "METEOR" if wordnet is not None else "METEOR (exact and stem)"
        self._wordnet = wordnet if wordnet is not None else _NoWordNet()
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, reference: str, said: str) -> float:
        """Return the METEOR of an answer, 0 to 1."""
        true, written = words_of(reference), words_of(said)
        key = " ".join(true), " ".join(written)
        if key not in self._known:
            both = bool(true) and bool(written)
            score = self._score(true, written, wordnet=self._wordnet) if both else 0.0
            self._known[key] = float(score)
        return self._known[key]


class _NoWordNet:
    """Stands for WordNet where there is none: no word has a synonym."""

    def synsets(self, _word: str) -> list[Any]:
        return []


@cache
def load_wordnet(folders: tuple[Path, ...] = WORDNET_FOLDERS) -> Any:
    """Return a WordNet reader of nltk; None where the machine has no WordNet."""
    import nltk.data
    from nltk.corpus.reader import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc,unused-ignore]
        """Reads a WordNet that lacks the list of its parts."""

        def open(self, file: str) -> Any:
            if file == "lexnames" and not (Path(str(self._root)) / file).is_file():
                return io.StringIO(_PARTS)
            return super().open(file)

        def map_wn(self, *_version: str) -> None:
            """Do without a translation between versions, which needs nltk's own data."""

    for folder in folders:
        if not all((folder / name).is_file() for name in _FILES):
            continue
        # nltk reads only below the folders of this list.
        if str(folder) not in nltk.data.path:
            nltk.data.path.append(str(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other languages, which are not needed
            try:
                return Reader(root=str(folder), omw_reader=None)
            except (OSError, PermissionError, ValueError):
                continue
    return _of_nltk()


def _of_nltk() -> Any:
    """Return the WordNet that nltk's own downloader put on this machine, if any."""
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
        wordnet.synsets("crack")
    except (LookupError, OSError, AttributeError):
        return None
    return wordnet
