"""What a caption says of each panel: "(a) … (b) …" and the other ways of writing it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import partial

__all__ = ["sub_captions"]

_ORDERS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "абвгдежзиклмн",
    "АБВГДЕЖЗИКЛМН",
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_ONE = r"[a-zA-Zа-нА-Н]\d?"
_THROUGH = ("to", "-", "–", "—", "−")
_JOINT = r"(?:,\s*and\b|,|;|&|/|\+|\band\b|\bund\b|\bet\b|\bи\b|\bto\b|[-–—−])"
_LIST = rf"{_ONE}(?:\s*{_JOINT}\s*{_ONE}(?!\w))*"
_SEVERAL = rf"(?:{_LIST}|[ivx]{{1,4}})"
_CLAUSE = r"(?:^|(?<=[.;:,?!])\s+|(?<=\band)\s+|(?<=\n))"
_SENTENCE = r"(?:^|(?<=[.;:])\s+|\|\s*)"

_STYLES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[(\[](?P<in>{_SEVERAL})(?:[;:,]\s[^()]{{2,80}})?[)\]]"
        rf"(?:\s*(?:[-–—−]|to)\s*[(\[](?P<more>{_ONE})[)\]])?",
        rf"\*\*\(?(?P<in>{_LIST})[).,:]?\*\*[,:]?\s*",
        rf"(?:^|(?<=[\s,;.(]))(?P<in>{_LIST})\)(?:\s*(?:[-–—−]|to)\s*(?P<more>{_ONE})\))?\s*",
        rf"{_SENTENCE}(?P<in>{_LIST})[,:|]\s+",
        rf"{_SENTENCE}(?P<in>{_LIST})\.\s+(?=[A-ZА-Я(])",
        rf"{_CLAUSE}(?P<in>{_LIST})\s+(?=[A-ZА-Я\d(])",
        rf"{_CLAUSE}(?P<in>{_LIST})\s+(?=\S)",
        rf"(?:^|(?<=\s))(?P<in>{_LIST})\.\s+(?=\w)",
    )
)
"""Most certain first; the last are the bold letters of journals that lose their weight as text."""

_PLACE = (
    r"(?:(?:top|bottom|upper|lower|middle|cent(?:er|re))[ -])?(?:left|right|middle|cent(?:er|re))|"
    r"top|bottom|upper|lower"
)
_PLACES = re.compile(
    rf"(?:^|(?<=[.;,:])\s+|(?<=\band)\s+|(?=\())\(?(?P<in>{_PLACE})"
    r"(?: (?:panel|image|row|column))?(?:\)[:,]?|:)\s*",
    re.IGNORECASE,
)
_PLACES_AFTER = re.compile(rf"\((?P<in>{_PLACE})\)", re.IGNORECASE)
_BEFORE_MENTION = re.compile(
    r"\b(?:in|of|from|see|as|to|with|that|than|panels?|figs?\.?|figures?|insets?)\s*$",
    re.IGNORECASE,
)
_AFTER_MENTION = re.compile(r"\s*(?:[.,;:)]|$|and\b|or\b|shows?\b|is\b|are\b|was\b|were\b)")
_EDGE = " \t\n,;:.–—-|"


def sub_captions(caption: str) -> dict[str, str]:
    """Return what a caption says of each of its panels.

    Letters are found as ``(a)``, ``a)``, ``[a]``, ``a,``, ``a.``, ``**a**`` or a bare ``a`` before
    a capital, alone or together, ``(a–c)``, ``(a, b)``; in capitals, in Cyrillic and as roman
    numbers; before what they mark or after it, "gold (a), silver (b)". Where there are none, places
    are: "left: …, right: …". They count only in their order from the first one on, so that "as in
    (a)" or "(c) 2020" is no panel.

    Parameters
    ----------
    caption : str
        Without its label.

    Returns
    -------
    dict of str to str
        By letter as printed, without brackets, in their order; empty for a caption of one panel.
    """
    text = unicodedata.normalize("NFC", caption.translate({0xFF08: "(", 0xFF09: ")"}))
    best: list[_Mark] = []
    for style in _STYLES:
        found = _in_order(text, style)
        # A later style is less certain: it must find clearly more.
        if _count(found) > _count(best) + (1 if best else 0):
            best = found
    if _count(best) >= 2:
        return _texts(text, best)
    return _placed(text)


_Mark = tuple[int, int, tuple[str, ...]]
"""Where a mark begins and ends, and the letters it names."""


def _count(marks: list[_Mark]) -> int:
    return len({letter for *_, letters in marks for letter in letters})


def _in_order(text: str, style: re.Pattern[str]) -> list[_Mark]:
    """Return the longest row of marks in their order, over the alphabets."""
    found = list(style.finditer(text))
    rows = [_row(text, found, partial(_letters, order=order)) for order in _ORDERS]
    rows.append(_row(text, found, _romans))
    return max(rows, key=_count)


def _row(
    text: str, found: list[re.Match[str]], read: Callable[[re.Match[str]], tuple[str, ...]]
) -> list[_Mark]:
    marks: list[_Mark] = []
    seen: list[str] = []
    for one in found:
        letters = read(one)
        before, after = text[: one.start()], text[one.end() :]
        spoken_of = _BEFORE_MENTION.search(before) and _AFTER_MENTION.match(after)
        if not letters or (seen and spoken_of):
            continue
        if set(letters) <= set(seen):
            # Said once more it adds something: "(a, b) Grains. (a) At 5 kV, (b) at 10 kV".
            begins = re.search(r"(?:[.;]|\band)\s*$", before) is not None
            part = len(marks[-1][2]) > len(letters) and set(letters) < set(marks[-1][2])
            goes_on = marks[-1][2] != letters and set(marks[-1][2]) < set(seen) and len(marks) > 1
            if begins or part or (goes_on and not re.match(r"\s*[.,;)]", after)):
                marks.append((one.start(), one.end(), letters))
        elif not set(letters) & set(seen) and _follows(seen, letters[0]):
            seen += letters
            marks.append((one.start(), one.end(), letters))
    return marks


def _follows(seen: list[str], letter: str) -> bool:
    if not seen:
        return letter in ("a", "A", "а", "А", "a1", "A1", "i")
    last = seen[-1]
    if last in _ROMAN and letter in _ROMAN:
        return _ROMAN.index(letter) == _ROMAN.index(last) + 1
    if letter[0] == last[0]:
        return len(last) == 2 and len(letter) == 2 and int(letter[1]) == int(last[1]) + 1
    order = next((order for order in _ORDERS if last[0] in order), "")
    place = order.find(letter[0])
    return place == order.find(last[0]) + 1 and letter[1:] in ("", "1")


def _letters(one: re.Match[str], order: str) -> tuple[str, ...]:
    """Return the letters of a mark, ranges filled in; none where it names anything else."""
    named = one.group() if _group(one, "more") else one["in"]
    # "(a)–(c)" names what "(a–c)" does.
    named = re.sub(r"[()\[\]]", "", named).strip(" :.,")
    letters: list[str] = []
    joint = ""
    for part in re.split(rf"\s*({_JOINT})\s*", named):
        if re.fullmatch(_JOINT, part):
            joint = part
        elif re.fullmatch(_ONE, part) and part[0] in order:
            if letters and joint in _THROUGH:
                letters += _between(letters[-1], part, order)
            letters.append(part)
        else:
            return ()
    return tuple(letters) if len(set(letters)) == len(letters) else ()


def _between(first: str, last: str, order: str) -> list[str]:
    if len(first) == 2 and len(last) == 2 and first[0] == last[0]:
        return [f"{first[0]}{number}" for number in range(int(first[1]) + 1, int(last[1]))]
    return list(order[order.index(first[0]) + 1 : order.index(last[0])])


def _romans(one: re.Match[str]) -> tuple[str, ...]:
    named = one["in"]
    return (named,) if named in _ROMAN else ()


def _group(one: re.Match[str], name: str) -> str:
    return (one[name] or "") if name in one.re.groupindex else ""


def _texts(text: str, marks: list[_Mark]) -> dict[str, str]:
    """Give each letter the text beside its mark: behind it, or before it in a list of such."""
    after = [
        text[end:start].strip(_EDGE)
        for (_, end, _), (start, *_) in zip(marks, [*marks[1:], (len(text), 0, ())], strict=True)
    ]
    before = [
        text[end:start].strip(_EDGE)
        for (_, end, _), (start, *_) in zip([(0, 0, ()), *marks[:-1]], marks, strict=True)
    ]
    # "gold (a), silver (b) and copper (c)." ends with its last mark and goes on with a comma.
    closed = [bool(re.match(r"\s*(?:[,;.]|and\b|$)", text[end:])) for _, end, _ in marks]
    behind = bool(before[0]) and closed[0] and sum(closed) >= len(closed) / 2
    about = [_trimmed(_last_sentence(one)) for one in before] if behind else _joined(after)
    for place in range(1, len(about)) if behind else ():
        # "gold (a) and (b)" is said once.
        about[place] = about[place] or about[place - 1]
    said: dict[str, str] = {}
    for (*_, letters), part in zip(marks, about, strict=True):
        for letter in letters:
            joint = ". " if part[:1].isupper() else " "
            said[letter] = joint.join(filter(None, (said.get(letter, ""), part)))
    return said


def _joined(after: list[str]) -> list[str]:
    """Give marks with nothing between them, "(a), (b) and (c) gold", what follows the last."""
    about = [_trimmed(one) for one in after]
    for place in range(len(about) - 2, -1, -1):
        about[place] = about[place] or about[place + 1]
    return about


def _last_sentence(text: str) -> str:
    return re.split(r"(?<=[a-z)])[.:]\s+(?=\S)", text)[-1]


def _trimmed(text: str) -> str:
    """Return a part without the word that joined it to the next or the last."""
    text = re.sub(r"^(?:and|und|et|y|и)(?:\s+|$)", "", text)
    return re.sub(r"(?:^|[\s,;]+)(?:and|und|et|y|и)$", "", text).strip(_EDGE)


def _placed(text: str) -> dict[str, str]:
    """Return what is said of the left, the right and other places, where there are two or more."""
    for style, behind in ((_PLACES, False), (_PLACES_AFTER, True)):
        found = list(style.finditer(text))
        names = [one["in"].lower() for one in found]
        if len(names) < 2 or len(set(names)) < len(names):
            continue
        starts, ends = [one.start() for one in found], [one.end() for one in found]
        closed = all(re.match(r"\s*(?:[,;.]|and\b|$)", text[end:]) for end in ends)
        if closed:
            parts = [text[a:b] for a, b in zip([0, *ends[:-1]], starts, strict=True)]
        elif behind:
            continue
        else:
            parts = [text[a:b] for a, b in zip(ends, [*starts[1:], len(text)], strict=True)]
        return {
            name: _trimmed(part.strip(_EDGE + "(")) for name, part in zip(names, parts, strict=True)
        }
    return {}
