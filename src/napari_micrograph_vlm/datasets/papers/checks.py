"""Cross-checks: a statement is kept only if caption or picture supports it, asked repeatedly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from ..teacher.pairs import CANNOT_TELL
from .believing import NO_VERDICT, believed, read_list, word_of
from .plain_checks import agrees, is_quoted, plain_fault
from .prompts import answers_prompt, doubt_prompt, picture_prompt, support_prompt

__all__ = ["Asks", "Checked", "Statement", "answer_again", "check"]

T = TypeVar("T")

NEITHER = "neither caption nor picture supports it"
DOUBTED = "called made up when asked again"
UNSEEN = "the picture alone does not show it"
OTHERWISE = "answered otherwise when asked again"
NOT_SURE = "neither caption nor picture answers it"


class Asks(Protocol):
    """Asks the teacher about the figure at hand and reads the answer."""

    def __call__(self, prompt: str, read: Callable[[str], T], number: int) -> T:
        """Ask; ``number`` is the seed, and above 1 the answer is drawn more freely."""
        ...


@dataclass(frozen=True)
class Statement:
    """What is to be checked.

    Attributes
    ----------
    kind : str
        ``"description"``, ``"reasoning"`` or ``"question"``.
    said : str
        A sentence, or the answer.
    asked : str
        The question; empty where there is none.
    """

    kind: str
    said: str
    asked: str = ""

    @property
    def text(self) -> str:
        """The statement as one line."""
        return f"Question: {self.asked} Answer: {self.said}" if self.asked else self.said


@dataclass(frozen=True)
class Checked:
    """What became of a statement.

    Attributes
    ----------
    statement : Statement
        The same.
    support : str
        ``"caption"``, ``"picture"`` or ``"both"``; empty where it was dropped, or nobody was asked.
    why : str
        Why it was dropped; empty where it is kept.
    """

    statement: Statement
    support: str = ""
    why: str = ""


def check(
    ask: Asks,
    statements: Sequence[Statement],
    caption: str,
    *,
    rounds: int = 2,
    decoys: bool = True,
    plain: bool = True,
    seed: int = 0,
) -> list[Checked]:
    """Ask for the support of statements and drop those that have none.

    Odd rounds ask what supports each statement, in which words of the caption; even ones,
    backwards, which were made up. What rests on the picture alone is then looked for in the
    picture without its caption, which would suggest it. Each time a statement made up on purpose
    is among them.

    Parameters
    ----------
    ask : callable
        Asks about the figure.
    statements : sequence of Statement
        What was said of it.
    caption : str
        Its caption.
    rounds : int
        How often the teacher is asked; with 0 only what letters tell is checked.
    decoys, plain : bool
        Whether to put made-up statements among them, and to compare numbers, names and quotations
        with the caption; without only to measure what each check is good for.
    seed : int
        Another seed, other made-up statements.

    Returns
    -------
    list of Checked
        One for each statement, in their order.
    """
    made = [Checked(one, "", plain_fault(one.text, caption) if plain else "") for one in statements]
    for number in range(rounds):
        _round(ask, made, caption, number, seed, decoys, plain)
    if rounds:
        seen = [i for i, one in enumerate(made) if not one.why and one.support == "picture"]
        _told(ask, made, seen, caption, picture_prompt, "shown", "yes", UNSEEN, 90, seed, decoys)
    return made


def answer_again(ask: Asks, made: list[Checked], caption: str) -> None:
    """Ask the questions that are left once more, without their answers; keep those that agree."""
    # Backwards: an answer must not lean on the one that came before it.
    left = [i for i, one in enumerate(made) if one.statement.asked and not one.why][::-1]
    if not left:
        return
    questions = [made[i].statement.asked for i in left]
    prompt = answers_prompt(caption, questions)
    answers = ask(prompt, lambda text: read_list(text, "answers", len(left)), 2)
    for i, answer in zip(left, answers, strict=True):
        said = word_of(answer, "answer")
        if not said:
            made[i] = replace(made[i], why=NO_VERDICT)
        elif CANNOT_TELL in said.casefold():
            made[i] = replace(made[i], why=NOT_SURE)
        elif not agrees(made[i].statement.said, said):
            made[i] = replace(made[i], why=OTHERWISE)


def _round(
    ask: Asks,
    made: list[Checked],
    caption: str,
    number: int,
    seed: int,
    decoys: bool,
    plain: bool,
) -> None:
    left = [i for i, one in enumerate(made) if not one.why]
    if number % 2:

        def prompt(lines: Sequence[str]) -> str:
            return doubt_prompt(caption, lines)

        _told(ask, made, left[::-1], caption, prompt, "checked", "holds", DOUBTED, number, seed,
              decoys)  # fmt: skip
        return

    def judge(lines: list[str], attempt: int) -> list[tuple[str, str]]:
        entries = ask(
            support_prompt(caption, lines),
            lambda text: read_list(text, "verdicts", len(lines)),
            1 + number + attempt,
        )
        return [_support(*pair, caption, plain) for pair in zip(entries, lines, strict=True)]

    found = believed(judge, [made[i].statement.text for i in left], caption, seed + number, decoys)
    for i, (support, why) in zip(left, found, strict=True):
        made[i] = replace(made[i], support=made[i].support if number else support, why=why)


def _told(
    ask: Asks,
    made: list[Checked],
    places: Sequence[int],
    caption: str,
    prompt: Callable[[Sequence[str]], str],
    field: str,
    good: str,
    why: str,
    number: int,
    seed: int,
    decoys: bool,
) -> None:
    """Ask for one word a statement; drop those that do not get the good one."""

    def judge(lines: list[str], attempt: int) -> list[tuple[str, str]]:
        entries = ask(
            prompt(lines), lambda text: read_list(text, field, len(lines)), 1 + number + attempt
        )
        words = (word_of(entry, "verdict", field).casefold().strip(" .") for entry in entries)
        return [(good, "") if w == good else ("", why if w else NO_VERDICT) for w in words]

    lines = [made[i].statement.text for i in places]
    found = believed(judge, lines, caption, seed + number + 1, decoys)
    for i, (_, fault) in zip(places, found, strict=True):
        made[i] = replace(made[i], why=fault)


def _support(entry: Any, line: str, caption: str, plain: bool) -> tuple[str, str]:
    """Return a verdict as (support, why not)."""
    said = word_of(entry, "support").casefold().strip(" .")
    if said == "image":
        said = "picture"
    if said not in ("caption", "picture", "both"):
        return "", NEITHER if said else NO_VERDICT
    words = entry.get("words") if isinstance(entry, dict) else ""
    if said != "picture" and plain and not is_quoted(str(words or ""), caption, line):
        # What the caption is not known to say, the picture must show by itself.
        said = "picture"
    return said, ""
