"""``napari-micrograph-vlm merge``: models out of models, without any training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ModelError
from .progress import bar, file_errors, stoppable

__all__ = ["app", "folder_of", "moved", "said"]

app = typer.Typer(help="Make a model out of others, without any training.", no_args_is_help=True)

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Folder to save the model in; `--model FOLDER` of the other commands asks it.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Instead of --output: save it among your own models under this name, which `models` "
        "lists.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

_GOES_ON = "Stopped; the same command goes on where it was."


@app.command()
def layers(
    parts: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL:FIRST-END...",
            help="Layers of models, in their new order: `my-model:0-32` are layers 0 to 31; "
            "`my-model:24-` those from 24 on, `my-model` all. With `:silent` behind the range "
            "they change no answer until they are taught.",
            show_default=False,
        ),
    ],
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Put layers of one or several models one behind the other.

    All else (image encoder, words, processor) is that of the first model.
    """
    from ..models.own import target_of
    from ..training.merging.stacking import Part, stack_layers

    target = target_of(output, name)
    chosen = [Part(*_layers(text)) for text in parts]
    with moved("MB") as step:
        stack_layers(chosen, target, on_progress=step)
    said(target, as_json)


@app.command()
def preset(
    layout: Annotated[
        str,
        typer.Argument(metavar="LAYOUT", help="cephalo-10b or cephalo-12b.", show_default=False),
    ],
    first: Annotated[
        str,
        typer.Argument(help="The model whose layers are all taken.", show_default=False),
    ],
    second: Annotated[
        str,
        typer.Argument(help="The model whose last layers follow.", show_default=False),
    ],
    silent: Annotated[
        bool,
        typer.Option("--silent", help="Let the new layers change no answer until they are taught."),
    ] = False,
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Put layers together as Cephalo's deeper models were.

    cephalo-10b: 32 layers and the last 8 of 32 (40), cephalo-12b: 32 and the last 16 (48); of
    models of another depth the same shares.
    """
    from ..models.own import target_of
    from ..training.merging.presets import stack_preset

    target = target_of(output, name)
    folders = folder_of(first), folder_of(second)
    with moved("MB") as step:
        stack_preset(layout, *folders, target, silent=silent, on_progress=step)
    said(target, as_json)


@app.command()
def linear(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL=WEIGHT...",
            help="Models of one size, or adapters of one model, with their weights, such as "
            "`a=0.7 b=0.3`; without a weight 1.",
            show_default=False,
        ),
    ],
    keep_sum: Annotated[
        bool,
        typer.Option("--as-given", help="Take the weights as they are, not divided by their sum."),
    ] = False,
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Make the weighted mean of models, or of adapters."""
    from ..models.own import target_of
    from ..training.merging.averaging import merge_linear

    target = target_of(output, name)
    weighted = [_weighted(text) for text in models]
    with moved("MB") as step:
        merge_linear(weighted, target, normalise=not keep_sum, on_progress=step)
    said(target, as_json)


@app.command()
def tasks(
    base: Annotated[
        str, typer.Argument(help="The model that the others were made from.", show_default=False)
    ],
    tuned: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL=WEIGHT...",
            help="Models made from it, or adapters of it, with how much of what they learnt is "
            "added, such as `a=0.8 b=-0.5`; without a weight 1.",
            show_default=False,
        ),
    ],
    output: Output = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Add to a model what others have learnt beyond it."""
    from ..models.own import target_of
    from ..training.merging.averaging import task_arithmetic

    target = target_of(output, name)
    weighted = [_weighted(text) for text in tuned]
    folder = folder_of(base)
    with moved("MB") as step:
        task_arithmetic(folder, weighted, target, on_progress=step)
    said(target, as_json)


def folder_of(name: str) -> Path:
    """Return the folder of a model that is on this computer.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    from ..models.catalog import find

    return find(name).path


@contextmanager
def moved(unit: str, scale: int = 10**6) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that is moved to ``done`` of ``total``; end with 130 after Ctrl-C."""
    with ExitStack() as stack:
        stack.enter_context(stoppable(_GOES_ON))
        stack.enter_context(file_errors())
        shown: dict[str, Any] = {"at": 0}

        def step(done: int, total: int) -> None:
            if "bar" not in shown:
                shown["bar"] = stack.enter_context(bar(-(-total // scale), unit))
            while shown["at"] * scale < done:
                shown["at"] += 1
                shown["bar"]()

        yield step


def said(folder: Path, as_json: bool, **more: Any) -> None:
    """Tell where the new model is, how deep and how large it is."""
    from ..models.catalog import count_weights
    from ..models.hub_cache import is_adapter
    from ..training.merging.checkpoint import Checkpoint

    adapter = is_adapter(folder)
    depth = None if adapter else Checkpoint.open(folder).depth
    count = None if adapter else count_weights(folder)
    if as_json:
        print(json.dumps({"folder": str(folder), "layers": depth, "weights": count, **more}))
        return
    if depth is not None:
        print(f"{depth} layers, {(count or 0) / 1e6:,.1f} million weights")
    print(f'Saved in {folder}; ask it with: ask IMAGE "QUESTION" --model {folder}')


def _layers(text: str) -> tuple[Path, tuple[int, int], bool]:
    silent = text.endswith(":silent")
    rest = text.removesuffix(":silent")
    name, colon, span = rest.rpartition(":")
    first, dash, end = span.partition("-")
    if not colon or not dash or not first.strip().isdigit() or not (end.strip() or "0").isdigit():
        if colon and dash and first.strip()[:1].isdigit():
            raise ModelError(
                f"{span!r} is no range of layers; write the first and the one behind the last, "
                "such as 0-32."
            )
        name, first, end = rest, "0", ""
    from ..training.merging.checkpoint import Checkpoint

    folder = folder_of(name)
    return folder, (int(first), int(end or Checkpoint.open(folder).depth)), silent


def _weighted(text: str) -> tuple[Path, float]:
    name, equals, number = text.rpartition("=")
    if not equals:
        return folder_of(text), 1.0
    try:
        weight = float(number)
    except ValueError:
        raise ModelError(f"{number!r} is no weight; write MODEL=0.5, for example.") from None
    return folder_of(name), weight
