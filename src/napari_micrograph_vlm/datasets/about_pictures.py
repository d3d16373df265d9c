"""Questions about the picture itself: technique, faults of imaging, information bar, width."""

from __future__ import annotations

from .about_sizes import UNITS
from .asking import Asker, Builder, QuestionAnswer

__all__ = ["FAULTS", "PICTURE_BUILDERS"]

FAULTS: dict[str, tuple[str, ...]] = {
    "noisy": ("noise", "noise"),
    "blurred": ("blur", "blurring"),
    "astigmatic": ("astigmatism",),
    "charging": ("charging", "charge-up"),
    "drift": ("drift", "scan drift"),
}
"""What a picture can suffer from -> what it is called in a question."""

WHOLE_WIDTH = "100 % of the picture"


def _is_technique(a: Asker) -> QuestionAnswer | None:
    true = a.facts.technique
    if true not in ("SEM", "TEM"):
        return None
    asked = a.pick(("SEM", "TEM"))
    fields = {"technique": asked, "a_technique": "an SEM" if asked == "SEM" else "a TEM"}
    return a.make("is technique", "yes" if asked == true else f"no, {true}", fields=fields)


def _quality(a: Asker) -> QuestionAnswer | None:
    if a.facts.quality is None:
        return None
    return a.make("quality", " and ".join(a.facts.quality) or "nothing")


def _noisy_or_blurred(a: Asker) -> QuestionAnswer | None:
    quality = a.facts.quality
    if quality is None:
        return None
    found = [fault for fault in ("noisy", "blurred") if fault in quality]
    # Astigmatism is a blur of its own kind: neither answer would be fair.
    if not found and "astigmatic" in quality:
        return None
    answer = f"yes, {' and '.join(found)}" if found else "no"
    return a.make("noisy or blurred", answer)


def _is_quality(a: Asker) -> QuestionAnswer | None:
    quality = a.facts.quality
    if quality is None:
        return None
    absent = [fault for fault in FAULTS if fault not in quality]
    if "astigmatic" in quality and "blurred" in absent:
        absent.remove("blurred")
    yes = bool(quality) and (not absent or a.rng.random() < 0.6)
    fault = a.pick(quality if yes else absent)
    fields = {"fault": a.pick(FAULTS[fault])}
    return a.make("is quality", "yes" if yes else "no", fields=fields)


def _information_bar(a: Asker) -> QuestionAnswer | None:
    bar = a.facts.information_bar
    return None if bar is None else a.make("information bar", "yes" if bar else "no")


def _field_of_view(a: Asker) -> QuestionAnswer | None:
    if a.facts.field_of_view_nm is None:
        return None
    # The length itself is arithmetic, which is not left to the model.
    return a.make("field of view", WHOLE_WIDTH, fields={"unit": a.pick(UNITS)})


PICTURE_BUILDERS: dict[str, Builder] = {
    "is technique": _is_technique,
    "quality": _quality,
    "noisy or blurred": _noisy_or_blurred,
    "is quality": _is_quality,
    "information bar": _information_bar,
    "field of view": _field_of_view,
}
"""Kind of question -> what writes one."""
