"""Which frames of a stack are looked at: some evenly, or those that the user names.

Frames are counted from 0, as napari's slider counts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..errors import QuestionError

__all__ = [
    "MOST_FRAMES",
    "Frames",
    "choose_frames",
    "frames_of_text",
    "frames_wanted",
    "name_of_frame",
    "name_together",
    "text_of_frames",
]

Frames = int | str | Sequence[int]
"""A number of frames to choose evenly, a text such as ``"3, 8, 20-40"``, or the frames."""

MOST_FRAMES = 25
"""Most frames in one question; on a sheet of more there is nothing left to see of each."""

_EVENLY = re.compile(r"\s*(\d+)\s+evenly\s*", re.IGNORECASE)
_PART = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+)(?:\s*:\s*(\d+))?)?")

_TIMES = ("t", "time", "frame", "frames")
_DEPTHS = ("z", "slice", "slices", "plane", "depth", "")


def choose_frames(count: int, most: int) -> list[int]:
    """Choose frames evenly, the first and the last among them.

    Parameters
    ----------
    count : int
        How many there are.
    most : int
        How many are wanted; one alone is the middle one.

    Returns
    -------
    list of int
        Rising, each once: ``min(count, most)`` of them.

    Raises
    ------
    QuestionError
        If there are none, or none are wanted.
    """
    if count < 1 or most < 1:
        raise QuestionError("Choose at least one frame of a stack that has some.")
    if most >= count:
        return list(range(count))
    if most == 1:
        return [count // 2]
    steps = most - 1
    # Whole numbers: rounding halves to even would take a frame twice.
    return [(i * (count - 1) + steps // 2) // steps for i in range(most)]


def frames_of_text(text: str, count: int) -> list[int]:
    """Read which frames a user means.

    Parameters
    ----------
    text : str
        Such as ``"3, 8, 20-40"``, ``"0-90:10"`` (every tenth) or ``"8 evenly"``.
    count : int
        How many frames there are.

    Returns
    -------
    list of int
        In the order of the text, each once.

    Raises
    ------
    QuestionError
        If the text cannot be read, names a frame that is not there, or too many.
    """
    evenly = _EVENLY.fullmatch(text)
    if evenly:
        return _checked(choose_frames(count, _number(evenly[1])), count)
    named: list[int] = []
    for part in filter(None, (each.strip() for each in re.split(r"[,;]", text))):
        found = _PART.fullmatch(part)
        if found is None:
            raise QuestionError(
                f"“{part[:40]}” names no frame; write numbers and ranges such as 3, 8, 20-40."
            )
        first = _number(found[1])
        last = first if found[2] is None else _number(found[2])
        step = 1 if found[3] is None else _number(found[3])
        if last < first or step < 1:
            raise QuestionError(f"“{part[:40]}” is no range; write the smaller number first.")
        _within(first, count)
        _within(last, count)
        named += range(first, last + 1, step)
    if not named:
        raise QuestionError("Name at least one frame, such as 3, 8, 20-40.")
    return _checked(named, count)


def frames_wanted(frames: Frames, count: int) -> list[int]:
    """Return the frames that a number, a text or a list stands for.

    Parameters
    ----------
    frames : int, str or sequence of int
        As in :data:`Frames`; in a sequence -1 is the last.
    count : int
        How many there are.

    Raises
    ------
    QuestionError
        If they cannot be read, are not there, or are too many.
    """
    if isinstance(frames, str):
        return frames_of_text(frames, count)
    if isinstance(frames, bool) or not isinstance(frames, Iterable):
        try:
            most = int(frames)
        except (TypeError, ValueError, OverflowError):
            raise QuestionError(_NEITHER) from None
        if isinstance(frames, bool) or most != frames:
            raise QuestionError(_NEITHER)
        return _checked(choose_frames(count, most), count)
    try:
        numbers = [int(each) for each in frames]
    except (TypeError, ValueError, OverflowError):
        raise QuestionError(_NEITHER) from None
    if not numbers:
        raise QuestionError("The list of frames is empty; give at least one.")
    return _checked([n + count if -count <= n < 0 else n for n in numbers], count)


def text_of_frames(frames: Sequence[int]) -> str:
    """Write frames as :func:`frames_of_text` reads them: ``"3, 8, 20-40"``."""
    parts: list[tuple[int, int]] = []
    for frame in frames:
        if parts and frame == parts[-1][1] + 1:
            parts[-1] = parts[-1][0], frame
        else:
            parts.append((frame, frame))
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def name_of_frame(index: int, axis: str = "") -> str:
    """Return what a frame is called: ``"slice 12"``, along time ``"frame 12"``.

    Parameters
    ----------
    index : int
        Its number, from 0.
    axis : str
        The name of the axis, as a file or a layer gives it; napari's own names, such as
        ``"-3"``, say nothing.
    """
    known = " ".join(axis.split()).casefold()
    if known in _TIMES:
        return f"frame {index}"
    if known in _DEPTHS or re.fullmatch(r"(axis )?-?\d+", known):
        return f"slice {index}"
    return f"{' '.join(axis.split())[:24]} {index}"


def name_together(names: Sequence[str]) -> str:
    """Return what frames are called together: ``"slices 3, 8, 20-40"``.

    Parameters
    ----------
    names : sequence of str
        As :func:`name_of_frame` gives them; any others are listed as they are.
    """
    parts = [name.rpartition(" ") for name in names]
    stems = {stem for stem, _, _ in parts}
    if len(stems) != 1 or not all(number.isdecimal() for _, _, number in parts):
        return ", ".join(names)
    stem = stems.pop()
    many = f"{stem}s" if stem in ("frame", "slice") and len(names) > 1 else stem
    return f"{many} {text_of_frames([_number(number) for _, _, number in parts])}".strip()


_NEITHER = (
    "Frames are a number of them, a list of numbers, or a text such as “3, 8, 20-40”; give one of "
    "these."
)


def _number(digits: str) -> int:
    # Longer than any stack, and as much as Python reads in one go.
    return int(digits[:12])


def _within(frame: int, count: int) -> None:
    if not 0 <= frame < count:
        raise QuestionError(
            f"There is no frame {frame}; the stack has frames 0 to {count - 1}."
            if count > 1
            else f"There is no frame {frame}; there is only frame 0."
        )


def _checked(frames: Sequence[int], count: int) -> list[int]:
    for frame in frames:
        _within(frame, count)
    once = list(dict.fromkeys(frames))
    if len(once) > MOST_FRAMES:
        raise QuestionError(
            f"{len(once)} frames are too many for one question; choose at most {MOST_FRAMES}."
        )
    return once
