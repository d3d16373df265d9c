"""How many unsupported statements get past the checks of ``data refine``.

``python -m benchmarks.refine [--figures 300]``: a simulated teacher writes about figures whose
truth is known; a third of its statements are false, and it judges them with mistakes of a known
rate. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_micrograph_vlm.datasets.papers.checks import answer_again, check
from napari_micrograph_vlm.datasets.papers.written import parse_description, parse_questions
from napari_micrograph_vlm.intervals import wilson

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

TEACHERS: dict[str, dict[str, Any]] = {
    "confirms 10 % of lies": {"misses": 0.1, "denies": 0.05},
    "confirms 30 % of lies": {"misses": 0.3, "denies": 0.05},
    "30 %, and half of its lies always": {"misses": 0.3, "denies": 0.05, "stubborn": 0.5},
    "confirms everything": {"nods": True},
}
CHECKS: dict[str, dict[str, Any]] = {
    "none": {"rounds": 0, "plain": False},
    "letters alone": {"rounds": 0},
    "asked once": {"rounds": 1, "plain": False, "decoys": False},
    "asked twice": {"rounds": 2, "plain": False, "decoys": False},
    "twice, decoys": {"rounds": 2, "plain": False},
    "all, two rounds": {"rounds": 2},
    "all, three rounds": {"rounds": 3},
    "all, two rounds, another model": {"rounds": 2, "other": True},
}


@dataclass
class Count:
    """True and false statements: written and kept."""

    true: int = 0
    false: int = 0
    kept_true: int = 0
    kept_false: int = 0
    calls: int = 0

    def line(self) -> str:
        kept = self.kept_true + self.kept_false
        low, high = wilson(self.kept_false, kept)
        share = 100 * self.kept_false / kept if kept else 0.0
        past, (least, most) = self.kept_false / self.false, wilson(self.kept_false, self.false)
        return (
            f"{share:.1f} % ({100 * low:.1f}–{100 * high:.1f}) | {100 * past:.1f} % "
            f"({100 * least:.1f}–{100 * most:.1f}) | {100 * self.kept_true / self.true:.1f} % | "
            f"{self.calls}"
        )


def measure(teacher: dict[str, Any], checks: dict[str, Any], figures: int) -> Count:
    from figure_teacher import LyingTeacher, make_world

    checks = dict(checks)
    # The other one makes as many mistakes by chance, and does not believe in the writer's lies.
    other = {**teacher, "stubborn": 0.0} if checks.pop("other", False) else teacher
    count = Count()
    for seed in range(figures):
        world = make_world(seed)
        liar = LyingTeacher({world.caption: world}, lies=1 / 3, seed=seed, **teacher)
        judge = LyingTeacher({world.caption: world}, seed=-1 - seed, **other)

        def ask(prompt: str, read: Any, number: int, judge: Any = judge) -> Any:
            return read(judge.ask(None, prompt, temperature=0, seed=number).text)

        written = list(parse_description(json.dumps(liar.describe(world))).statements)
        asked, _ = parse_questions(json.dumps(liar.answer(world, '"questions"')))
        made = check(ask, [*written, *asked], world.caption, seed=seed, **checks)
        if checks["rounds"]:
            answer_again(ask, made, world.caption)
        count.calls += len(judge.prompts)
        for one in made:
            true = judge.is_true(world, one.statement.text)
            count.true += true
            count.false += not true
            count.kept_true += true and not one.why
            count.kept_false += not true and not one.why
    return count


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refine", description=__doc__)
    parser.add_argument("--figures", type=int, default=300)
    chosen = parser.parse_args()
    print("| teacher | checks | unsupported among the kept | lies that got past | truths kept "
          "| calls |\n|---|---|---|---|---|---|")  # fmt: skip
    for name, teacher in TEACHERS.items():
        for words, checks in CHECKS.items():
            count = measure(teacher, checks, chosen.figures)
            print(f"| {name} | {words} | {count.line()} |", flush=True)


if __name__ == "__main__":
    main()
