"""``data refine``: a teacher writes about the figures of papers, and is checked."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MicrographError
from .progress import bar, name_skipped, need, stoppable
from .teacher_options import Attempts, KeyVariable, MaxTokens, PriceIn, PriceOut, Side, Timeout
from .teaching import key_of, postfix, report, server_teacher

if TYPE_CHECKING:
    from ..datasets.teacher.base import Teacher
    from ..datasets.teacher.cost import Prices
    from ..datasets.teacher.run import Outcome

__all__ = ["AsJson", "Folder", "refine"]

Folder = Annotated[
    Path,
    typer.Argument(help="A folder of figures, made by `data figures`.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def refine(
    folder: Folder,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            help="Address of an OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio, "
            "...), such as http://127.0.0.1:8000/v1.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="With --server: the model's name there [default: its only one]. Without: a model "
            "on this computer, by its name in `models` or its folder.",
        ),
    ] = None,
    checker: Annotated[
        str | None,
        typer.Option(
            "--checker",
            help="Another model for the checks, on the same server or on this computer: it does "
            "not share the writer's mistakes. [default: the same]",
        ),
    ] = None,
    questions: Annotated[
        int, typer.Option("--questions", min=0, help="Questions to ask for about each figure.")
    ] = 6,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds", min=0, max=6, help="How often each statement is checked; 0: not at all."
        ),
    ] = 2,
    panels: Annotated[
        bool,
        typer.Option("--panels", help="Write about panels with captions of their own, too."),
    ] = False,
    temperature: Annotated[
        float,
        typer.Option("--temperature", min=0, max=2, help="How freely checks are answered."),
    ] = 0.7,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many figures now.")
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Figures asked about at a time (server).")
    ] = 1,
    side: Side = 1024,
    timeout: Timeout = 120.0,
    attempts: Attempts = 5,
    max_tokens: MaxTokens = 1200,
    key_variable: KeyVariable = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree that pictures and captions leave this network.")
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="For a model on this computer: auto, cpu or cuda.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Let a large model write about figures: a description, a reasoning, questions with answers.

    Every statement is cross-checked repeatedly against caption and picture, and dropped where
    neither supports it. Each finished figure is written to refined.jsonl at once: after Ctrl-C or
    a crash run the same command again to go on.
    """
    from threading import Event

    from ..datasets.papers.refine import RefineJournal
    from ..datasets.papers.refine import refine as refine_folder
    from ..datasets.papers.refined import REFINED_FILE
    from ..datasets.papers.subjects import subjects_of
    from ..datasets.teacher.cost import Prices
    from ..datasets.teacher.run import Outcome

    need("tqdm")
    if server is None and model is None:
        raise MicrographError(
            "Give --server with an address, or --model with a model on this computer."
        )
    passed: list[str] = []
    subjects = subjects_of(folder, panels=panels, skipped=passed)
    journal = RefineJournal(folder / REFINED_FILE, subjects)
    for line in journal.broken:
        print(f"Passed over: {line}.", file=sys.stderr)
    todo = [one for one in subjects if one.name not in journal.done][:limit]
    if journal.done:
        print(f"{len(journal.done)} of {len(subjects)} are done already.", file=sys.stderr)
    prices, stop, outcome = Prices(price_in, price_out), Event(), Outcome()
    if todo:
        if server is not None:
            print("Captions go where the pictures go.", file=sys.stderr)
            ask_server = partial(
                server_teacher, server, key=key_of(key_variable), timeout=timeout,
                attempts=attempts, max_tokens=max_tokens, stop=stop, number=len(todo), yes=yes,
            )  # fmt: skip
            teacher = ask_server(model)
            other = ask_server(checker) if checker else None
        else:
            parallel = 1
            teacher = _on_this_computer(model, device, max_tokens)
            other = _on_this_computer(checker, device, max_tokens) if checker else None
        stopped = f"Stopped; {folder / REFINED_FILE} keeps what is done, run the same to go on."
        try:
            with bar(len(todo), "figure") as step, stoppable(stopped):
                refine_folder(
                    folder,
                    teacher,
                    checker=other,
                    questions=questions,
                    rounds=rounds,
                    panels=panels,
                    temperature=temperature,
                    side=side,
                    limit=limit,
                    parallel=parallel,
                    outcome=outcome,
                    on_figure=lambda so_far: step(**postfix(so_far, prices)),
                    stop=stop,
                )
        finally:
            if not as_json:
                report(outcome, prices, "figures")
    else:
        outcome.skipped += passed
        if not as_json:
            name_skipped(outcome.skipped)
    done = len(journal.done) + outcome.written
    if as_json:
        print(json.dumps(_as_dict(outcome, done, prices)))
        return
    print(f"{done} figures and panels are done: {folder / REFINED_FILE}")


def _on_this_computer(model: str | None, device: str, max_tokens: int) -> Teacher:
    from ..datasets.teacher.local import Local
    from ..models.catalog import Status, find, is_adapter

    entry = find(model)
    if entry.status is Status.BUNDLED:
        raise MicrographError(
            f"{entry.name} writes short answers and follows no instructions; name a larger model."
        )
    if is_adapter(entry.path):
        raise MicrographError(
            f"{entry.name} is an adapter, and a teacher must be a whole model; save it with "
            "`fine-tune --merged` and name that one."
        )
    return Local(entry.path, device, max_tokens)


def _as_dict(outcome: Outcome, done: int, prices: Prices) -> dict[str, Any]:
    return {
        "written": outcome.written,
        "done": done,
        "asked": dict(outcome.asked),
        "dropped": dict(outcome.dropped),
        "skipped": outcome.skipped,
        "cost": {**outcome.cost.to_dict(), "money": prices.of(outcome.cost)},
    }
