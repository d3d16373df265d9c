"""What the panel that teaches a model has in its form: read, filled in, and told to the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import QuestionError
from ..models.own import own_folder

if TYPE_CHECKING:
    from ..widgets.teach_view import TeachView
    from .teach_examples import Example

__all__ = ["arguments_of", "check_examples", "fill_form", "form_of", "free_folder"]

_NUMBERS = ("epochs", "rate", "batch", "rank")


def form_of(view: TeachView) -> dict[str, Any]:
    """Return what the user set, ready for JSON."""
    numbers = {name: getattr(view, name).value() for name in _NUMBERS}
    return {
        "source": view.source,
        "folder": view.folder.text().strip(),
        **numbers,
        "whole": view.whole.isChecked(),
    }


def fill_form(view: TeachView, form: Mapping[str, Any]) -> None:
    """Set what :func:`form_of` returned; what is missing or no value of its kind stays."""
    place = view.sources.findData(form.get("source"))
    if place >= 0:
        view.sources.setCurrentIndex(place)
    view.folder.setText(str(form.get("folder") or ""))
    for name in _NUMBERS:
        value = form.get(name)
        if isinstance(value, (int, float)) and isfinite(value):
            box = getattr(view, name)
            within = min(max(value, box.minimum()), box.maximum())
            box.setValue(type(box.value())(within))
    view.whole.setChecked(form.get("whole") is True)


def arguments_of(form: Mapping[str, Any]) -> list[str]:
    """Return how it is taught, as the command ``fine-tune`` takes it."""
    chosen = {
        "--epochs": form["epochs"],
        "--learning-rate": form["rate"],
        "--batch": form["batch"],
        "--rank": form["rank"],
    }
    given = [text for name, value in chosen.items() for text in (name, f"{value:g}")]
    return [*given, *(["--merged"] if form["whole"] else [])]


def free_folder(name: str) -> Path:
    """Return the folder of a model that is not there yet.

    Raises
    ------
    QuestionError
        If there is one of this name, or it is no name.
    """
    folder = own_folder(name)
    if folder.exists():
        raise QuestionError(f"There is a model called {name!r} already; write another name.")
    return folder


def check_examples(examples: Sequence[Example]) -> None:
    """See that there is something to learn and something to measure by.

    Raises
    ------
    QuestionError
        If there are fewer than two examples, or all are of one class.
    """
    if len(examples) < 2:
        raise QuestionError(
            "Correct at least two regions in “Classify regions” or “Review”, or write right "
            "answers here."
        )
    asked = [one for one in examples if not one.question]
    if asked and len({one.answer for one in asked}) < 2 and not any(one.labels for one in asked):
        raise QuestionError(
            f"Every region is called {asked[0].answer!r}; give some of another class, too."
        )
