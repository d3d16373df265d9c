"""What the panel of questions does with an index in a worker: make, bring up to date, look up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ..models.consent import CaptionsNeeded
from .consent import Asking
from .handler_jobs import Report

if TYPE_CHECKING:
    from ..models.base import Model
    from ..models.remote.address import Address
    from ..regions import Region
    from ..retrieval.entries import Change
    from ..retrieval.index import FigureIndex

__all__ = ["brought_up_to_date", "cited", "index_name", "made"]

Told = Callable[[Report, Any], None]


class _CaptionsOfIndex(CaptionsNeeded):
    """The question names the index: a yes is for that one only."""

    def __init__(self, address: Address, name: str, index: str) -> None:
        super().__init__(address, name)
        self.index = index

    @property
    def question(self) -> str:
        """What to ask the user."""
        return f"Similar figures are from the index {self.index}. {super().question}"


def index_name(folder: str | Path) -> str:
    """Return a short name of an index: that of the folder of its figures."""
    path = Path(folder)
    return path.parent.name if path.name == "index" else path.name


def made(place: Path, folder: Path, report: Told, cancel: Event) -> Change:
    """Make an index of the figures in ``place``; what was looked at is kept when it is stopped."""
    from ..retrieval.index import FigureIndex

    index = FigureIndex.empty()
    try:
        return index.update(
            place, on_figure=lambda *count: report(Report.COUNT, count), cancel=cancel
        )
    finally:
        if index.entries:
            index.save(folder)


def brought_up_to_date(folder: Path, report: Told, cancel: Event) -> Change:
    """Look at figures that are new to an index; it is written only where something changed.

    Raises
    ------
    SourceError
        If the index is damaged or cannot be written; where its figures are gone, says that it is
        used as it is.
    Cancelled
        If ``cancel`` was set; what was looked at is kept.
    """
    from ..errors import Cancelled, MicrographError, SourceError
    from ..retrieval.index import FigureIndex

    index = FigureIndex.load(folder)
    before, number = (index.digest, index.complete), len(index)
    try:
        change = index.update(on_figure=lambda *count: report(Report.COUNT, count), cancel=cancel)
        if number and not index.entries:
            raise SourceError(f"none of its {number} pictures is there any more.")
        return change
    except Cancelled:
        raise
    except MicrographError as error:
        missing = "" if before[1] else " and some figures are missing from it"
        raise SourceError(
            f"The index is used as it is{missing}, because it could not be brought up to date: "
            f"{error}"
        ) from None
    finally:
        if index.entries and (index.digest, index.complete) != before:
            index.save(folder)


def cited(
    model: Model,
    index: FigureIndex,
    question: tuple[str, Sequence[Region]],
    report: Told,
    cancel: Event,
) -> Model:
    """Look figures up and return the model as one that knows them (in a worker).

    The user is asked, once for each server and index, before captions leave; without consent the
    figures only stand beside the answer.
    """
    from ..models.consent import CAPTIONS
    from ..models.wrapping import WrappedModel
    from ..retrieval.citing import CitingModel, address_of, agreed, takes_sources

    report(Report.STAGE, "Looking up similar figures…")
    text, regions = question
    one: Model = model
    while isinstance(one, WrappedModel) and not _made(one, index):
        one = one.model
    if _made(one, index):  # no second one is loaded
        index.use(one)
    found = index.similar(regions, text, cancel=cancel)
    address = address_of(model)
    send = address is None or agreed(address, found)
    if found and address is not None and takes_sources(model) and not send:
        known = [index.place] if index.place is not None else map(Path, index.folders)
        named = " and ".join(map(index_name, known))
        asking = Asking(_CaptionsOfIndex(address, model.name, named))
        report(Report.CONSENT, asking)
        asking.wait(cancel)
        send = asking.agreed
        for folder in index.folders if send else ():
            CAPTIONS.grant(address, folder)
    return CitingModel(model, known=found, send=send)


def _made(model: Model, index: FigureIndex) -> bool:
    return (model.name, model.revision) == (index.made_by, index.revision)
