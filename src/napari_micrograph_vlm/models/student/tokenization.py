"""A small WordPiece vocabulary whose tokens know about spaces, and the way back to text."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

__all__ = ["SPECIAL_TOKENS", "Detokenizer", "learn_casing", "train_tokenizer"]

SPECIAL_TOKENS = ("[PAD]", "[DEC]", "[EOS]", "[SEP]", "[ENC]", "[UNK]", "[MASK]", "[CLS]")
"""Their place is their number."""

_PREFIX = "##"
_OTHER_CHARACTERS = "µå°±×²³αβγδθλσφωäöüéèñç"
_SAME = {"μ": "µ", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-"}
_PART_LENGTHS = range(2, 6)
_LETTERS = re.compile(r"[^\W\d_]+")
_FOLLOWER = re.compile(r"(?<=[^\w\s])[^\W\d_]+")  # "packed" in "close-packed"
_WORD = re.compile(r"[^\W\d_]+(?:\d+[^\W_]*)?")
_SENTENCE_END = (".", "!", "?")


def train_tokenizer(texts: Iterable[str], vocab_size: int = 4000) -> PreTrainedTokenizerFast:
    """Learn a WordPiece vocabulary from texts: their words, then parts to make others from.

    A piece that follows another without a space starts with ``##``, punctuation and digits
    included, so that text comes back with the spaces it had. Numbers are written digit by digit.
    Upper case is dropped; :func:`learn_casing` brings it back. The same texts give the same
    vocabulary (which the trainer of ``tokenizers`` does not promise).

    Parameters
    ----------
    texts : iterable of str
        Questions and answers.
    vocab_size : int
        Most entries; there may be fewer.

    Returns
    -------
    PreTrainedTokenizerFast
        Adds no special tokens by itself.
    """
    normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            *(normalizers.Replace(before, after) for before, after in _SAME.items()),
            normalizers.Lowercase(),
        ]
    )
    counts: Counter[str] = Counter()
    followers: Counter[str] = Counter()
    for text in texts:
        plain = normalizer.normalize_str(text)
        counts.update(_LETTERS.findall(plain))
        followers.update(_FOLLOWER.findall(plain))
    characters = sorted({*string.ascii_lowercase, *string.digits, *string.punctuation})
    characters += list(_OTHER_CHARACTERS)
    entries = [
        *SPECIAL_TOKENS,
        *characters,
        *(_PREFIX + character for character in characters),
        *(_PREFIX + word for word in _most_common(followers, 2)),
        *_most_common(counts, 2),
        *_most_common(_parts(counts), 3),
    ]
    pieces = list(dict.fromkeys(entries))[:vocab_size]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=_PREFIX)
    )
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        bos_token="[DEC]",
        eos_token="[EOS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
        cls_token="[CLS]",
        additional_special_tokens=["[ENC]"],
    )


def _most_common(counts: Counter[str], least: int) -> list[str]:
    """Entries that occur at least so often, the most frequent first, ties by the alphabet."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [entry for entry, count in ordered if count >= least]


def _parts(words: Iterable[str]) -> Counter[str]:
    """Count in how many words each beginning and each later part occurs.

    From them WordPiece puts words together that it was not taught.
    """
    counts: Counter[str] = Counter()
    for word in words:
        found = {word[:length] for length in _PART_LENGTHS if length < len(word)}
        for length in _PART_LENGTHS:
            found |= {
                _PREFIX + word[start : start + length] for start in range(1, len(word) - length + 1)
            }
        counts.update(found)
    return counts


def learn_casing(texts: Iterable[str]) -> dict[str, str]:
    """Find the words that are written with capitals within a sentence.

    Returns
    -------
    dict of str to str
        Lower case to usual spelling, such as ``{"sem": "SEM"}``.
    """
    spellings: dict[str, Counter[str]] = {}
    for text in texts:
        for found in _WORD.finditer(text):
            word = found.group()
            before = text[: found.start()].rstrip()
            starts = not before or before.endswith(_SENTENCE_END)
            if starts and word[1:] == word[1:].lower():
                continue  # a capital that the start of the sentence explains
            spellings.setdefault(word.lower(), Counter())[word] += 1
    usual = {lower: counts.most_common(1)[0][0] for lower, counts in spellings.items()}
    return {lower: word for lower, word in usual.items() if word != lower}


class Detokenizer:
    """Turn tokens into text, one at a time.

    The pieces that :meth:`push` and :meth:`finish` return add up to :attr:`text`. A word is
    held back until it is complete, because its capitals depend on the whole of it.

    Parameters
    ----------
    tokens : sequence of str
        The vocabulary, by number.
    casing : mapping of str to str
        From :func:`learn_casing`.
    hidden : collection of int
        Tokens without text.
    """

    def __init__(
        self, tokens: Sequence[str], casing: Mapping[str, str], hidden: Iterable[int]
    ) -> None:
        self._tokens = tokens
        self._casing = casing
        self._hidden = frozenset(hidden)
        self._group: list[tuple[int, str]] = []
        self._pushed = 0
        self.text = ""
        self.words: list[tuple[int, int, tuple[int, ...]]] = []
        """Each word's start and stop in the text, and the indices of its tokens."""

    def push(self, token: int) -> str:
        """Take the next token; return the text that is certain now."""
        index = self._pushed
        self._pushed += 1
        if token in self._hidden:
            return ""
        piece = self._tokens[token]
        if piece.startswith(_PREFIX):
            self._group.append((index, piece[len(_PREFIX) :]))
            return ""
        done = self.finish()
        self._group.append((index, piece))
        return done

    def finish(self) -> str:
        """Return the rest of the text."""
        if not self._group:
            return ""
        space = " " if self.text else ""
        raw = "".join(piece for _, piece in self._group)
        starts = not self.text or self.text.endswith(_SENTENCE_END)
        self._note_word(len(self.text) + len(space))
        new = space + self._cased(raw, starts)
        self.text += new
        self._group.clear()
        return new

    def _note_word(self, start: int) -> None:
        """Keep the place of the word between the punctuation of the group."""
        said = [i for i, (_, piece) in enumerate(self._group) if any(c.isalnum() for c in piece)]
        if not said:
            return
        lengths = [len(piece) for _, piece in self._group]
        first, last = said[0], said[-1]
        begin = start + sum(lengths[:first])
        stop = start + sum(lengths[: last + 1])
        self.words.append((begin, stop, tuple(index for index, _ in self._group[first : last + 1])))

    def _cased(self, raw: str, starts: bool) -> str:
        def spell(found: re.Match[str]) -> str:
            return self._casing.get(found.group(), found.group())

        cased = _WORD.sub(spell, raw)
        # A spelling never changes the length, or words would lose their place.
        cased = cased if len(cased) == len(raw) else raw
        if starts and cased[:1].isalpha() and cased == raw:
            upper = cased[0].upper()
            cased = (upper if len(upper) == 1 else cased[0]) + cased[1:]
        return cased
