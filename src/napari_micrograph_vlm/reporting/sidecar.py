"""The folder beside an image: what was asked about it, and what came back.

``wafer.tif.vlm/`` lies beside ``wafer.tif``. Every entry is a file of its own, written whole and
never changed, so that two programs that write at once lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrographError, SourceError, one_line
from ..regions import Region
from ..results import Answer, Classification
from ..whole_files import file_error, write_whole
from .image_facts import ImageFacts, image_facts
from .late_regions import LateRegion, pixels_of_file
from .saved_results import answer_of, classification_of, pack

if TYPE_CHECKING:
    from weakref import ReferenceType

    from ..labelling.label_sets import LabelSet

__all__ = ["SUFFIX", "VERSION", "Kept", "Sidecar"]

SUFFIX = ".vlm"
"""Ends the name of the folder."""

VERSION = 1
"""Of the format; a newer one is not read."""

_FORMAT = "napari-micrograph-vlm result"
_ENTRIES, _LABELS = "results", "labels"
_MOST_BYTES = 64_000_000

Pixels = Callable[[Region], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Kept:
    """One entry of the folder.

    Attributes
    ----------
    key : str
        Names it; keys sort by time.
    result : Answer or Classification
        What came back. Its regions read their pixels from the image when they are looked at.
    saved : str
        Date and time, ISO 8601, UTC.
    changed : str
        One sentence where the image is another one by now; empty where it is the same.
    contrast : tuple of (float, float) or None
        For each region the values shown as black and white, where they were kept.
    """

    key: str
    result: Answer | Classification
    saved: str
    changed: str = ""
    contrast: tuple[tuple[float, float] | None, ...] = ()


class Sidecar:
    """The folder beside one image; it is made when the first entry is kept.

    Parameters
    ----------
    image : path
        The image; a file, or a folder such as a Zarr store.
    """

    def __init__(self, image: str | Path) -> None:
        self.image = Path(image).expanduser().absolute()
        self.folder = self.image.with_name(self.image.name + SUFFIX)

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """Return the keys of all entries, oldest first."""
        found = (self.folder / _ENTRIES).glob("*.json")
        # A hidden one is still being written.
        return sorted(path.stem for path in found if not path.name.startswith("."))

    def keep(
        self,
        result: Answer | Classification,
        *,
        contrast: Sequence[tuple[float, float] | None] = (),
    ) -> str:
        """Keep a result.

        Parameters
        ----------
        result : Answer or Classification
            What came back.
        contrast : sequence of (float, float) or None
            For each region the values shown as black and white (the first may be the larger);
            without them the pixels are read again as a file's are.

        Returns
        -------
        str
            Its key.

        Raises
        ------
        SourceError
            If the image is gone, its folder is read-only, or the disk is full.
        """
        from safetensors.numpy import save

        facts = image_facts(self.image)
        values, arrays = pack(result, contrast)
        now = datetime.now(UTC)
        key = f"{now:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
        entry = {
            "format": _FORMAT,
            "version": VERSION,
            "kind": "classification" if isinstance(result, Classification) else "answer",
            "saved": now.isoformat(timespec="seconds"),
            "image": facts.to_dict(),
            "result": values,
        }
        self._make(_ENTRIES)
        path = self._entry(key)
        # The arrays first: an entry is there once its JSON file is.
        write_whole(path.with_suffix(".safetensors"), save(arrays))
        write_whole(path, json.dumps(entry, ensure_ascii=True, indent=1))
        return key

    def read(
        self,
        key: str,
        *,
        pixels: Pixels | None = None,
        layer: ReferenceType[Any] | None = None,
        data_id: int | None = None,
    ) -> Kept:
        """Read an entry.

        Parameters
        ----------
        key : str
            Which.
        pixels : callable, optional
            Gives the pixels of a region. Default: they are read from the image's file.
        layer, data_id : optional
            The layer that shows the image now, as in :class:`.regions.Placement`.

        Raises
        ------
        SourceError
            If there is no such entry, it is damaged, or a newer version wrote it.
        """
        return self._read(key, self._facts(), pixels, layer, data_id)

    def kept(self, **options: Any) -> tuple[list[Kept], list[str]]:
        """Read all entries, oldest first; ``options`` as for :meth:`read`.

        Returns
        -------
        (list of Kept, list of str)
            What could be read, and one sentence for each entry that could not.
        """
        facts = self._facts()
        found, broken = [], []
        for key in self.keys():
            try:
                found.append(
                    self._read(
                        key,
                        facts,
                        options.get("pixels"),
                        options.get("layer"),
                        options.get("data_id"),
                    )
                )
            except MicrographError as error:
                if self._entry(key).exists():  # else another program has just taken it out
                    broken.append(str(error))
        return found, broken

    def forget(self, key: str) -> None:
        """Take an entry out; one that is gone already does no harm.

        Raises
        ------
        SourceError
            If it cannot be deleted.
        """
        path = self._entry(key)
        for each in (path, path.with_suffix(".safetensors")):
            try:
                each.unlink(missing_ok=True)
            except OSError as error:
                raise SourceError(f"{each} cannot be deleted: {error.strerror or error}.") from None

    def keep_labels(self, label_set: LabelSet) -> Path:
        """Keep a label set in place of one of the same name; return its file.

        Raises
        ------
        MicrographError
            If it cannot be written.
        """
        from ..labelling.kept import keep

        self._make(_LABELS)
        return keep(label_set, self.folder / _LABELS)

    def labels(self) -> dict[str, LabelSet]:
        """Return the label sets kept here, by name."""
        from ..labelling.kept import kept_sets

        return kept_sets(self.folder / _LABELS)

    def learnt_folder(self, label_set: LabelSet) -> Path:
        """Return where classes learnt for a label set are kept; it need not exist yet."""
        from ..labelling.kept import learnt_folder

        return learnt_folder(label_set, self.folder / _LABELS)

    def keep_learnt(self, learnt: Any, label_set: LabelSet) -> Path:
        """Keep learnt classes (:class:`.labelling.learning.Learnt`) beside their label set.

        Raises
        ------
        MicrographError
            If they cannot be written.
        """
        self.keep_labels(label_set)
        folder = self.learnt_folder(label_set)
        learnt.save(folder)
        return folder

    def _entry(self, key: str) -> Path:
        # A key is a file's name, never a way out of the folder.
        return self.folder / _ENTRIES / f"{Path(key).name}.json"

    def _make(self, name: str) -> None:
        folder = self.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(self.folder, error) from None

    def _facts(self) -> ImageFacts | None:
        with suppress(SourceError):
            return image_facts(self.image)
        return None

    def _read(
        self,
        key: str,
        facts: ImageFacts | None,
        pixels: Pixels | None,
        layer: ReferenceType[Any] | None,
        data_id: int | None,
    ) -> Kept:
        entry, arrays = self._load(key)

        def make(known: dict[str, Any], kept: Any) -> Region:
            shape, limits = tuple(kept["shape"]), _limits(kept["contrast"])
            if known["placement"] is not None:
                known["placement"] = replace(known["placement"], layer=layer, data_id=data_id)
            return LateRegion.of(
                pixels or (lambda region: pixels_of_file(self.image, region, shape, limits)),
                **known,
            )

        try:
            result: Answer | Classification
            if entry["kind"] == "classification":
                result = classification_of(entry["result"], arrays, make)
            elif entry["kind"] == "answer":
                result = answer_of(entry["result"], arrays, make)
            else:
                raise ValueError("it is of another kind")
            return Kept(
                key,
                result,
                str(entry["saved"]),
                ImageFacts(**entry["image"]).difference(facts),
                tuple(_limits(each["contrast"]) for each in entry["result"]["regions"]),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise self._damaged(key, error) from None

    def _load(self, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self._entry(key)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            entry = json.loads(path.read_text(encoding="utf-8"))
            if entry["format"] != _FORMAT:
                raise ValueError("it is of another kind")
            if int(entry["version"]) > VERSION:
                raise SourceError(
                    f"{path} was written by a newer version of this program; update this one."
                )
            arrays = load(path.with_suffix(".safetensors").read_bytes())
        except FileNotFoundError:
            raise SourceError(f"There is no entry {key} in {self.folder}.") from None
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            if isinstance(error, MicrographError):
                raise
            raise self._damaged(key, error) from None
        return entry, arrays

    def _damaged(self, key: str, error: Exception) -> SourceError:
        return SourceError(f"{self._entry(key)} is damaged ({one_line(error)}); delete it.")


def _limits(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))
