"""What a run measures of one item: the sizes of what the model found in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from ..errors import MicrographError
from ..labelling.label_sets import fold
from ..results import Answer, Classification
from .findings import Sizes
from .merge import NOTHING

__all__ = ["sizes_of"]

logger = logging.getLogger(__name__)

_NO = re.compile(r"\s*(?:no|none|nothing|not)\b", re.IGNORECASE)


def sizes_of(
    classification: Classification | None, answers: Sequence[Answer] = (), *, index: int = 0
) -> Sizes | None:
    """Measure what was found in one item.

    Parameters
    ----------
    classification : Classification or None
        With the item's class in row ``index``.
    answers : sequence of Answer
        About this item alone, in the order of the questions.

    Returns
    -------
    Sizes or None
        Of what the first answer is about, or of the class where nothing was asked. None where the
        model found nothing there, or it cannot be measured.
    """
    from ..measuring.measurement import measure

    if answers:
        if _NO.match(answers[0].text):
            return None
        about: Answer | Classification = answers[0]
        index = 0
    elif classification is None or fold(classification.best[index]) in NOTHING:
        return None
    else:
        about = classification
    try:
        found = measure(about, index)
    except MicrographError:
        return None
    except Exception:
        # Answers are worth having without sizes, and a long run must not end for want of them.
        logger.exception("what was found could not be measured")
        return None
    table = found.table
    if not found.count:
        return Sizes(found.what, 0, 0.0, method=found.method)
    longest = table.iloc[int(table["length"].argmax())]
    return Sizes(
        found.what,
        found.count,
        found.coverage,
        float(table["area"].sum()),
        float(table["equivalent_diameter"].median()),
        float(longest["length"]),
        float(longest["length_error"]),
        found.method,
    )
