"""What the panel of models says about each: does it fit, where is it, what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..models.catalog import CatalogEntry, Status
from ..models.memory import Memory, needed_bytes, readable_bytes, shortage
from ..widgets.model_manager import ModelCard, ModelLine

__all__ = ["Place", "card_of", "line_of", "question_before_download", "question_before_load"]

LOAD, DOWNLOAD, CONVERT = "Load", "Download…", "Convert"

_WHERE = {
    Status.BUNDLED: "✓ bundled",
    Status.LOCAL: "✓ your own",
    Status.DOWNLOADED: "✓ here",
    Status.TO_CONVERT: "convert",
    Status.ABSENT: "download",
    Status.NEVER: "✗ not usable",
}

_ACTIONS = {
    Status.BUNDLED: LOAD,
    Status.LOCAL: LOAD,
    Status.DOWNLOADED: LOAD,
    Status.TO_CONVERT: CONVERT,
    Status.ABSENT: DOWNLOAD,
    Status.NEVER: "",
}


@dataclass(frozen=True)
class Place:
    """Where a model would be loaded.

    Attributes
    ----------
    label : str
        The device in words.
    bits : int
        Bits of each weight there.
    memory : Memory or None
        None until it has been looked at.
    loaded : str or None
        Name of the model that is loaded; None: none is.
    counts : mapping of str to int
        Number of weights by the model's name; without those of which it is not known.
    """

    label: str = ""
    bits: int = 16
    memory: Memory | None = None
    loaded: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def free(self) -> str:
        """What is free, in words; empty until it is known."""
        if self.memory is None:
            return ""
        free, total = readable_bytes(self.memory.free), readable_bytes(self.memory.total)
        return f"{free} of {total} free: {self.label}"

    def shortage(self, entry: CatalogEntry) -> str:
        """Return what to do where a model does not fit; empty where it does."""
        if self.memory is None or entry.status is Status.NEVER:
            return ""
        return shortage(self.counts.get(entry.name), self.bits, self.memory)


def line_of(entry: CatalogEntry, place: Place) -> ModelLine:
    """Return a model's line in the list."""
    count = place.counts.get(entry.name)
    loaded = entry.name == place.loaded
    memory = short_bytes(needed_bytes(count, place.bits)) if count else "?"
    if entry.status is Status.NEVER:
        memory = "–"
    elif place.shortage(entry) and not loaded:
        memory += " ✗"
    return ModelLine(
        name=entry.name,
        memory=memory,
        where="● loaded" if loaded else _WHERE[entry.status],
        tip=". ".join(
            text
            for text in (
                entry.family,
                f"Good at {entry.good_at}",
                "" if loaded else place.shortage(entry).rstrip("."),
            )
            if text
        ),
        here=entry.is_here,
        loaded=loaded,
    )


def card_of(entry: CatalogEntry | None, place: Place) -> ModelCard:
    """Return what is told of the chosen model; nothing where none is."""
    if entry is None:
        return ModelCard(can_unload=place.loaded is not None)
    count = place.counts.get(entry.name)
    loaded = entry.name == place.loaded
    notes: Sequence[str] = (
        entry.note,
        f"Take {entry.instead} instead." if entry.instead else "",
        "The hub asks for an account that agreed to the licence." if _asks_account(entry) else "",
    )
    return ModelCard(
        title=entry.name,
        about=f"{entry.family}{_size(count)}. Good at {entry.good_at}.",
        licence=entry.licence,
        link=entry.licence_link,
        memory=_memory(entry, place, count, loaded),
        note=" ".join(note for note in notes if note),
        action="" if loaded else _ACTIONS[entry.status],
        can_unload=place.loaded is not None,
        can_remove=entry.status in (Status.DOWNLOADED, Status.TO_CONVERT) and not loaded,
    )


def question_before_download(entry: CatalogEntry) -> str:
    """Return what the user agrees to."""
    size = f"about {readable_bytes(entry.download)}" if entry.download else "its files"
    return (
        f"{entry.name} is under this licence: {entry.licence}. Agree to it and download {size} "
        "from huggingface.co?"
    )


def question_before_load(entry: CatalogEntry, place: Place) -> str:
    """Return what to ask before loading a model that does not fit; empty where it does."""
    short = place.shortage(entry)
    return f"{entry.name} may not fit. {short} Load it all the same?" if short else ""


def short_bytes(count: int) -> str:
    """Return a number of bytes for a narrow column, such as ``"38 GB"`` or ``"4.5 GB"``."""
    return f"{count / 1e9:.0f} GB" if count >= 9.95e9 else readable_bytes(count)


def _size(count: int | None) -> str:
    if not count:
        return ""
    if count > 1e9:
        return f", {count / 1e9:.1f} billion weights"
    return f", {f'{count / 1e6:.0f}' if count >= 1e6 else 'less than 1'} million weights"


def _memory(entry: CatalogEntry, place: Place, count: int | None, loaded: bool) -> str:
    if loaded:
        return "It is loaded; every panel uses it."
    if not count or entry.status is Status.NEVER:
        return ""
    if short := place.shortage(entry):
        return f"✗ {short}"
    need = f"about {readable_bytes(needed_bytes(count, place.bits))} with {place.bits} bits"
    return f"✓ It needs {need}, which is free." if place.memory else f"It needs {need}."


def _asks_account(entry: CatalogEntry) -> bool:
    return entry.gated and entry.status is Status.ABSENT
