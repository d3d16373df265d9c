"""Does the overlay find real cracks? Learn from all specimens but one, point in that one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..api import load_model
from ..datasets.phrasings import PHRASINGS
from ..datasets.real_masks import read_real
from ..datasets.teacher_labels import RealPicture
from ..errors import SourceError
from ..models.base import Model
from ..regions import Cutout
from ..results import Question
from ..training.building import Job, fill_cache
from ..training.card import MADE
from ..training.gathering import Pictures, gather
from ..training.recipe import Recipe
from ..training.run import run
from ..training.shards import Picture, read_shards
from ..training.sources import digest_of, source_of
from .judging import pointing
from .scores import mean_interval

__all__ = ["SOURCE", "leave_one_out", "point_at", "table_of", "windows_of"]

SOURCE = "coating_cracks"
"""Folder of the pictures whose cracks are marked; the first parts of a name are the specimen."""

FEWEST = 3
"""Specimens with a crack below which nothing is measured."""

TIMES_CHANCE = 3.0
"""How many times chance the lower bound should be."""


def windows_of(folder: Path) -> dict[str, list[RealPicture]]:
    """Return the windows at native scale of each specimen, those without a crack included.

    Raises
    ------
    SourceError
        If there are too few specimens with marked cracks.
    """
    found: dict[str, list[RealPicture]] = {}
    for picture in read_real(folder):
        if source_of(picture, folder) == SOURCE:
            found.setdefault(picture.group, []).append(picture)
    cracked = [name for name, windows in found.items() if any(w.facts.defects for w in windows)]
    if len(cracked) < FEWEST:
        raise SourceError(
            f"{folder} holds {len(cracked)} specimens with marked cracks in {SOURCE}; at least "
            f"{FEWEST} are needed to leave one out."
        )
    return found


def point_at(model: Model, windows: Sequence[RealPicture]) -> list[tuple[bool, float]]:
    """Ask where the crack is in every window that shows one.

    Returns
    -------
    list of (bool, float)
        Whether the peak of the overlay lies in a token that the crack touches, and the share of
        all tokens that it touches, which is chance.
    """
    found = []
    question = PHRASINGS["where kind"][0].format(kind="crack", kinds="cracks")
    for window in windows:
        for defect in window.facts.defects or ():
            if defect.mask is not None:
                region = Cutout.of_array(window.read(), source=window.path.name).read()
                said = model.ask(Question(question, (region,)))
                found.append(pointing(said.attention[0], defect.mask))
    return found


def leave_one_out(
    data: Path,
    init: Path,
    cache: Path,
    *,
    steps: int,
    images: int,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Fine-tune on all specimens but one and point at the cracks of that one, for each in turn.

    Parameters
    ----------
    data : Path
        A labelled folder with ``coating_cracks``.
    init : Path
        A student that was not trained on these pictures.
    cache : Path
        Where features and the fine-tuned students are kept.
    steps, images : int
        Steps of each fine-tuning, and synthetic pictures that are shown besides.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    say : callable, optional
        Called with lines of progress.

    Returns
    -------
    dict
        ``"before"`` (the student as it was) and ``"after"`` with ``value``, ``interval`` (95 %,
        specimens drawn again), ``chance``, ``windows`` and ``specimens``.

    Raises
    ------
    SourceError
        If there are too few specimens, or the student was trained on them.
    """
    _check_unseen(init)
    windows = windows_of(data)
    recipe = replace(Recipe.fine_tuning(), images=images, steps=steps, validation_images=0)
    drawn = gather(recipe, cache)
    seen = _features(windows, cache, recipe)
    before = point_all(load_model(init, device), windows)
    after: dict[str, list[tuple[bool, float]]] = {}
    for number, name in enumerate(windows):
        if not before[name]:
            continue  # nothing to point at
        others = [picture for key, found in seen.items() if key != name for picture in found]
        folder = cache / "students" / f"without-{number}"
        pictures = Pictures(
            synthetic=drawn.synthetic,
            real={SOURCE: others},
            real_shards={digest_of(found) for key, found in windows.items() if key != name},
            unmirrored={SOURCE: len(others)},
        )
        run(
            recipe, output=folder, cache=cache, data=[data], init=init, name=folder.name,
            device=device, pictures=pictures, say=lambda _: None,
        )  # fmt: skip
        after[name] = point_at(load_model(folder, device), windows[name])
        hits = sum(hit for hit, _ in after[name])
        say(f"{name}: {hits} of {len(after[name])}")
    return {"before": _figures(before), "after": _figures(after)}


def point_all(
    model: Model, windows: dict[str, list[RealPicture]]
) -> dict[str, list[tuple[bool, float]]]:
    """Return what :func:`point_at` finds for each specimen."""
    return {name: point_at(model, found) for name, found in windows.items()}


def table_of(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    return "\n".join(_lines(figures))


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield "| real cracks, peak in a token that the crack touches | windows | right | chance |"
    yield "|---|---|---|---|"
    for key, words in (
        ("before", "never shown a real crack"),
        ("after", "fine-tuned on the other specimens"),
    ):
        one = figures[key]
        interval = one["interval"]
        between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        yield f"| {words} | {one['windows']} | {one['value']:.3f}{between} | {one['chance']:.3f} |"
    last = figures["after"]
    low = last["interval"][0] / last["chance"] if last["interval"] else float("nan")
    yield ""
    yield (
        f"{last['specimens']} specimens, each left out in turn; windows at native scale; in "
        f"brackets the 95 % interval, specimens drawn again. Its lower bound is {low:.1f} times "
        f"chance (target {TIMES_CHANCE:g})."
    )


def _features(
    windows: dict[str, list[RealPicture]], cache: Path, recipe: Recipe
) -> dict[str, list[Picture]]:
    """Look at the windows of each specimen once, as they are and mirrored."""
    jobs = {
        (name, mirrored): Job(
            cache / "specimens", f"{digest_of(found)}{'-mirrored' * mirrored}", recipe=recipe,
            real=found, mirrored=mirrored,
        )
        for name, found in windows.items()
        for mirrored in (False, True)
    }  # fmt: skip
    todo = [job for job in jobs.values() if not job.done]
    if todo:
        fill_cache(todo)
    shards = read_shards(cache / "specimens")
    found: dict[str, list[Picture]] = {}
    for (name, _), job in jobs.items():
        # Windows without a marked crack may hold others: nothing can be asked of them.
        found.setdefault(name, []).extend(p for p in shards[job.name] if p.facts.defects)
    return found


def _check_unseen(init: Path) -> None:
    path = init / MADE
    if not path.is_file():
        raise SourceError(f"{init} does not say what it was trained on; {MADE} is missing.")
    made = json.loads(path.read_text(encoding="utf-8"))
    if made.get("real") or made.get("start"):
        raise SourceError(
            f"The student in {init} may have been trained on these pictures; give one that was "
            "trained from the beginning without real ones, such as one of `evaluate ablations`."
        )


def _figures(found: dict[str, list[tuple[bool, float]]]) -> dict[str, Any]:
    rows = [(name, hit, chance) for name, one in found.items() for hit, chance in one]
    value, interval = mean_interval([float(hit) for _, hit, _ in rows], [n for n, _, _ in rows])
    return {
        "value": value,
        "interval": interval,
        "chance": float(np.mean([chance for _, _, chance in rows])),
        "windows": len(rows),
        "specimens": len({name for name, _, _ in rows}),
    }
