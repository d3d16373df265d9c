"""``napari-micrograph-vlm mix``: one model out of several, each an expert of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ModelError
from .merging import AsJson, Name, Output, folder_of, moved, said
from .progress import bar, file_errors, need, stoppable

__all__ = ["app"]

app = typer.Typer(help="Make a mixture of experts out of several models.", no_args_is_help=True)

Prompts = Annotated[
    list[Path] | None,
    typer.Option(
        "--prompts",
        help="Conversations (a folder of `data chat`) of the kind that an expert is meant for; "
        "one folder for each expert, in their order.",
        show_default=False,
    ),
]
Published = Annotated[
    bool,
    typer.Option(
        "--published",
        help="Teach the gates exactly as Cephalo's were; by default in a way that sends more "
        "prompts to their expert.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]


@app.command()
def models(
    experts: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL MODEL...",
            help="Two models or more of one family and size; each becomes an expert.",
            show_default=False,
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            help="The model that gives all but the experts: image encoder, attention, words; by "
            "default the first.",
            show_default=False,
        ),
    ] = None,
    chosen: Annotated[
        int,
        typer.Option(
            "--chosen",
            min=1,
            help="How many experts work on each token; more cost more time.",
        ),
    ] = 1,
    prompts: Prompts = None,
    published: Published = False,
    device: Device = "auto",
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Mix models: each becomes an expert, and gates learn which of them a token goes to."""
    from ..models.own import target_of
    from ..training.experts import mix_experts

    target = target_of(output, name)
    folders = [folder_of(each) for each in experts]
    start = folder_of(base) if base is not None else folders[0]
    _check_prompts(prompts, len(folders))
    with moved("MB") as step:
        mix_experts(start, folders, target, chosen=chosen, on_progress=step)
    more = _teach(target, prompts, published, device) if prompts else {}
    said(target, as_json, **more)
    if not prompts and not as_json:
        print(
            "The gates are untaught: every token goes to the first experts. Teach them with: "
            f"mix gates {target} --prompts FOLDER for each expert"
        )


@app.command()
def gates(
    mixture: Annotated[
        str, typer.Argument(help="A mixture that `mix models` made.", show_default=False)
    ],
    prompts: Prompts = None,
    published: Published = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Teach the gates of a mixture anew, from sample prompts of each expert."""
    if not prompts:
        raise ModelError("Give sample prompts of each expert with --prompts.")
    folder = folder_of(mixture)
    said(folder, as_json, **_teach(folder, prompts, published, device))


@app.command()
def tune(
    mixture: Annotated[
        str, typer.Argument(help="A mixture that `mix models` made.", show_default=False)
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="Conversations about pictures (a folder of `data chat`).", show_default=False
        ),
    ],
    what: Annotated[
        str, typer.Option("--what", help="What is taught: gates, experts or all (both).")
    ] = "gates",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of the training.")] = 100,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="How far each step goes.")
    ] = 1e-4,
    device: Device = "auto",
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Go on teaching a mixture by right answers, gates and experts together.

    To teach small matrices beside all other weights instead, use `fine-tune`.
    """
    from ..models.own import target_of
    from ..training.experts import tune_experts

    if what not in ("gates", "experts", "all"):
        raise ModelError(f"{what!r} cannot be taught; choose gates, experts or all.")
    if not 0 < learning_rate < 1:
        raise ModelError("The learning rate is a number between 0 and 1, such as 0.0001.")
    need("datasets")
    target, folder = target_of(output, name), folder_of(mixture)

    def check(step: int, training: float, validation: float) -> None:
        print(f"step {step}: loss {training:.4f}, held out {validation:.4f}", file=sys.stderr)

    made = (target / "tuning.json").is_file()
    with moved("steps", 1) as step_to:
        report = tune_experts(
            folder,
            data,
            target,
            what=what,  # type: ignore[arg-type]
            steps=steps,
            learning_rate=learning_rate,
            device=device,
            on_check=check,
            on_progress=step_to,
        )
    if made:
        print("It was taught so before; nothing is left to do.", file=sys.stderr)
    said(target, as_json, **report)


def _check_prompts(prompts: list[Path] | None, experts: int) -> None:
    """Complain of a wrong folder before anything is written."""
    if prompts is None:
        return
    if len(prompts) != experts:
        raise ModelError(
            f"There are {experts} experts and {len(prompts)} folders with --prompts; give one for "
            "each, in the experts' order."
        )
    need("datasets")
    from ..datasets.chat import read_chat

    for folder in prompts:
        read_chat(folder)


def _teach(folder: Path, prompts: list[Path], published: bool, device: str) -> dict[str, Any]:
    from ..training.experts import PUBLISHED, Recipe, teach_gates

    need("datasets")
    stopped = "Stopped; the gates are as they were. `mix gates` teaches them."
    with stoppable(stopped), file_errors(), _steps() as step:
        report = teach_gates(
            folder,
            prompts,
            recipe=PUBLISHED if published else Recipe(),
            device=device,
            on_step=step,
        )
    kind = "other prompts of each expert" if report["held_out"] else "the prompts themselves"
    print(f"Of {kind}, so much went to each expert:", file=sys.stderr)
    for number, row in enumerate(report["routing"], start=1):
        shares = "  ".join(f"{100 * share:5.1f} %" for share in row)
        print(f"  prompts of expert {number}: {shares}", file=sys.stderr)
    return report


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each thing that is done."""
    with ExitStack() as stack:
        bars: dict[str, Callable[..., None]] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = stack.enter_context(bar(total, what))
            bars[what]()

        yield step
