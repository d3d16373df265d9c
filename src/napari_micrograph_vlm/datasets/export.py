"""Labelled folders as a Hugging Face dataset: Parquet files and a card."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from ..errors import MicrographError, SourceError
from .audit.verdicts import KEPT_FILE, read_kept
from .bare_files import bare_jpeg, bare_png
from .export_card import Counts, card_text
from .labelled import CLOSED, LABELS_FILE, Labelled, Record, read_labelled
from .teacher.pairs import kind_of
from .teacher.pictures import read_grey_or_colour
from .teacher_labels import in_test

__all__ = ["Exported", "check_output", "export_folders"]

SHARD = 500
"""Pictures in one Parquet file."""

SPLITS = ("train", "test")

_AS_THEY_ARE = (".png", ".jpg", ".jpeg")
"""Files whose pixels every program reads."""


@dataclass
class Exported:
    """What was written.

    Attributes
    ----------
    pictures : Counter
        Pictures of each split.
    skipped : list of str
        One sentence for each record left out.
    """

    pictures: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def export_folders(
    folders: Sequence[Path],
    output: Path,
    *,
    title: str,
    licence: str = "other",
    on_record: Callable[[], None] = lambda: None,
) -> Exported:
    """Write labelled folders as one dataset that ``datasets.load_dataset(output)`` opens.

    A picture belongs to the test split by its group, as in training.

    Parameters
    ----------
    folders : sequence of Path
        Each holds ``teacher_labels.jsonl`` and the images it names.
    output : Path
        A folder that is empty or not there; it gets ``data/`` and ``README.md``.
    title, licence : str
        For the card; the licence as the Hugging Face hub names it.
    on_record : callable
        Called after each record.

    Returns
    -------
    Exported
        How many pictures, and what was left out.

    Raises
    ------
    SourceError
        If a folder holds no labels, the output is not empty, or no picture can be read.
    """
    check_output(output)
    labelled = [read_labelled(folder) for folder in folders]
    made = Exported(skipped=[line for one in labelled for line in one.broken])
    masks = any("defect_masks" in record for one in labelled for record in one.records)
    counts = Counts()
    for one in labelled:
        counts.verdicts += read_kept(one.folder / KEPT_FILE).values()
    writers = {split: _Writer(output / "data", split, masks) for split in SPLITS}
    for one, name in zip(labelled, _names(labelled), strict=True):
        for record in one.records:
            try:
                row = _row(one, record, name, masks)
            except MicrographError as error:
                made.skipped.append(f"{record['image']}: {' '.join(str(error).split())}")
            else:
                split = SPLITS[in_test(str(record["group"]))]
                writers[split].add(row)
                counts.add(split, name, record)
            on_record()
    if not any(writer.rows_written or writer.rows for writer in writers.values()):
        raise SourceError("None of the pictures can be read, so there is nothing to export.")
    for writer in writers.values():
        writer.finish()
    made.pictures = counts.splits
    described = {split: writer.described() for split, writer in writers.items()}
    card = card_text(title, licence, counts, described, _features(masks), len(made.skipped))
    (output / "README.md").write_text(card, encoding="utf-8")
    return made


def check_output(output: Path) -> None:
    """Complain of a folder that holds something.

    Raises
    ------
    SourceError
        If it does, or is no folder.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SourceError(f"{output} is not empty; choose another folder for the dataset.")


def _names(labelled: Iterable[Labelled]) -> Iterator[str]:
    """Name each folder by its last part alone: the rest of a path is nobody's business."""
    seen: Counter[str] = Counter()
    for one in labelled:
        name = one.folder.resolve().name or LABELS_FILE
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}"


def _features(masks: bool) -> Any:
    """Return the columns; places where nothing is known are None."""
    from datasets import Features, Image, Value

    text = Value("string")
    columns: dict[str, Any] = {"image": Image(), "name": text, "group": text, "source": text}
    columns |= dict.fromkeys((*CLOSED, "count", "scale_bar", "description", "teacher"), text)
    columns["annotations"] = [text]
    columns["defects"] = [{"kind": text, "where": text}]
    columns["texts"] = [{"user": text, "assistant": text, "kind": text}]
    if masks:
        columns |= {"defect_masks": Image(), "object_masks": Image()}
    return Features(columns)


def _row(labelled: Labelled, record: Record, source: str, masks: bool) -> dict[str, Any]:
    pairs = record["qa"]
    kinds = record.get("qa_kinds") or []
    if len(kinds) != len(pairs):
        kinds = [kind_of(question) for question, _ in pairs]
    row: dict[str, Any] = {
        "image": _image(labelled.path(record)),
        # Of either system's paths the last part alone: folders may well be called after customers.
        "name": PureWindowsPath(record["image"]).name,
        "group": _short(str(record["group"])),
        "source": source,
        "annotations": [str(text) for text in record.get("annotations") or ()],
        "defects": _defects(record),
        "teacher": str(record.get("teacher") or "not named"),
        "texts": [
            {"user": question, "assistant": answer, "kind": str(kind)}
            for (question, answer), kind in zip(pairs, kinds, strict=True)
        ],
    }
    for name in (*CLOSED, "count", "scale_bar", "description"):
        value = record.get(name)
        row[name] = None if value is None else str(value)
    for name in ("defect_masks", "object_masks") if masks else ():
        row[name] = _image(labelled.path(record, name)) if name in record else None
    return row


def _short(group: str) -> str:
    """Return what stands for a group, whose name may be a path."""
    return sha256(group.encode(errors="replace")).hexdigest()[:16]


def _defects(record: Record) -> list[dict[str, str | None]] | None:
    found = record.get("defects")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return None
    return [{"kind": item.get("kind"), "where": item.get("where")} for item in found]


def _image(path: Path) -> dict[str, Any]:
    """Return a picture as a file in memory that holds its pixels and nothing else."""
    try:
        if path.suffix.lower() not in _AS_THEY_ARE:
            return _png(path, read_grey_or_colour(path))
        from ..readers import read_micrograph

        # Decoded to the last pixel; masks may well be of one value.
        pixels = np.asarray(read_micrograph(path, 0).array)
        bare = _bare(path)
        if bare is not None:
            return {"bytes": bare, "path": path.name}
        from PIL import Image

        return _png(path, Image.fromarray(pixels))
    except MicrographError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise SourceError(f"{path.name} cannot be read: {error}.") from None


def _bare(path: Path) -> bytes | None:
    """Copy a file without what is beside its pixels; None where these would not be the same."""
    from PIL import Image

    data = path.read_bytes()
    bare = bare_png(data) or bare_jpeg(data)
    if bare is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image, Image.open(io.BytesIO(bare)) as again:
                same = image.mode == again.mode
                same = same and np.array_equal(np.asarray(image), np.asarray(again))
    except Exception:  # what the copy lacks may be needed after all
        return None
    return bare if same else None


def _png(path: Path, image: Any) -> dict[str, Any]:
    data = io.BytesIO()
    image.save(data, "PNG")
    return {"bytes": data.getvalue(), "path": path.with_suffix(".png").name}


class _Writer:
    """Writes the rows of one split, a file at a time."""

    def __init__(self, folder: Path, split: str, masks: bool) -> None:
        self.folder, self.split, self.features = folder, split, _features(masks)
        self.rows: list[dict[str, Any]] = []
        self.files: list[Path] = []
        self.rows_written = self.bytes = 0

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) == SHARD:
            self._flush()

    def _flush(self) -> None:
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.split}-{len(self.files):05d}.parquet"
        columns = {name: [row[name] for row in self.rows] for name in self.features}
        self.bytes += Dataset.from_dict(columns, features=self.features).to_parquet(path)
        self.files.append(path)
        self.rows_written += len(self.rows)
        self.rows = []

    def finish(self) -> None:
        """Write what is left, and name the files as the hub does."""
        if self.rows:
            self._flush()
        for i, path in enumerate(self.files):
            path.rename(
                self.folder / f"{self.split}-{i:05d}-of-{len(self.files):05d}.parquet",
            )

    def described(self) -> dict[str, int]:
        """Return how many rows and bytes there are, as the card has them."""
        return {"num_examples": self.rows_written, "num_bytes": self.bytes}
