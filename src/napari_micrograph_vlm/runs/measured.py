"""What a run measures of one item: the sizes of what the model found in it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event

from ..errors import Cancelled, MicrographError
from ..labelling.label_sets import fold
from ..results import Answer, Classification
from .findings import Sizes
from .merge import NOTHING

__all__ = ["sizes_of"]

logger = logging.getLogger(__name__)


def sizes_of(
    classification: Classification | None,
    answers: Sequence[Answer] = (),
    *,
    index: int = 0,
    cancel: Event | None = None,
) -> Sizes | None:
    """Measure what was found in one item.

    Parameters
    ----------
    classification : Classification or None
        With the item's class in row ``index``.
    answers : sequence of Answer
        About this item alone, in the order of the questions.
    index : int
        The item's row in ``classification``.
    cancel : threading.Event, optional
        Looked at while it is measured.

    Returns
    -------
    Sizes or None
        Of what the first answer is about, or of the class where nothing was asked; a count of
        zero where the answer says that there is none. None where the class says that there is
        nothing, or it cannot be measured.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    from ..measuring.measurement import measure

    if answers:
        about: Answer | Classification = answers[0]
        index = 0
    elif classification is None or fold(classification.best[index]) in NOTHING:
        return None
    else:
        about = classification
    try:
        found = measure(about, index, cancel=cancel)
    except MicrographError:
        return None
    except Cancelled:
        raise
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
