"""Conversations about pictures as a Hugging Face dataset, the form that fine-tuning takes.

Columns: ``id``, ``source``, ``group``, ``images`` (a list of pictures) and ``messages`` as
``transformers``' ``apply_chat_template`` takes them: ``{"role", "content": [{"type", "text"}]}``,
where the n-th entry of type ``image`` stands for the n-th picture.
"""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..errors import SourceError
from ..whole_files import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["CONDITIONS", "SPLITS", "ChatExample", "Message", "read_chat", "split_of", "write_chat"]

SPLITS = ("train", "validation", "test")
CONDITIONS = "conditions"
"""The kind of a part that tells of scale and instrument; templates pass over it."""

SHARD = 200
"""Conversations in one Parquet file."""

HELD = 32 * 2**20
"""Bytes of pictures of one split that are held before they are written."""

IN_MEMORY = 256 * 2**20
"""Bytes of files that are opened in memory; larger ones are mapped from disk."""


@dataclass(frozen=True)
class Message:
    """One turn.

    Attributes
    ----------
    role : str
        ``"user"`` or ``"assistant"``.
    text : str
        What was said.
    images : int
        How many of the pictures, in order, stand before the text.
    conditions : str
        What is known of scale and instrument; it stands apart, since where it belongs, and whether
        it is said at all, is for the model's family to say.
    """

    role: str
    text: str
    images: int = 0
    conditions: str = ""

    def to_chat(self) -> dict[str, Any]:
        """Return it as chat templates take it, the conditions as a part of their own kind."""
        parts: list[dict[str, Any]] = [{"type": "image", "text": None}] * self.images
        if self.conditions:
            parts = [*parts, {"type": CONDITIONS, "text": self.conditions}]
        return {"role": self.role, "content": [*parts, {"type": "text", "text": self.text}]}


@dataclass(frozen=True)
class ChatExample:
    """One conversation about pictures.

    Attributes
    ----------
    id : str
        The same in every run.
    images : tuple of Path or PIL image
        The pictures, in the order of the messages.
    messages : tuple of Message
        User and assistant in turn, the user first.
    group : str
        What belongs together, such as a paper or a specimen: never in two splits.
    source : str
        Where it is from, for people: a citation, or the name of a layer.
    """

    id: str
    images: tuple[Path | Image, ...]
    messages: tuple[Message, ...]
    group: str = ""
    source: str = ""


def split_of(group: str, *, validation: float = 0.1, test: float = 0.1) -> str:
    """Return the split of a group: by its name alone, so the same in every run."""
    at = int(sha256(group.encode(errors="replace")).hexdigest()[:8], 16) / 2**32
    return "test" if at < test else "validation" if at < test + validation else "train"


def write_chat(
    examples: Iterable[ChatExample],
    output: Path,
    *,
    title: str,
    licence: str = "other",
    validation: float = 0.1,
    test: float = 0.1,
) -> Counter[str]:
    """Write conversations as a dataset that ``datasets.load_dataset(output)`` opens.

    Parameters
    ----------
    examples : iterable of ChatExample
        Read one by one; few of them are in memory at a time. Following ones with the same picture
        share it, in memory and on disk.
    output : Path
        A folder that is empty or not there; it gets ``data/*.parquet`` and ``README.md`` once all
        is written. What is not finished lies in a hidden folder beside it and is removed.
    title, licence : str
        For the card; the licence as the Hugging Face hub names it.
    validation, test : float
        Shares of the groups.

    Returns
    -------
    Counter
        Conversations of each split.

    Raises
    ------
    SourceError
        If the folder holds something, or there are no conversations.
    """
    from .export import check_output

    check_output(output)
    counts: Counter[str] = Counter()
    with _finished(output) as part:
        (part / "data").mkdir()
        pictures = _Pictures()
        files = {split: _Files(part / "data", split) for split in SPLITS}
        try:
            for example in examples:
                split = split_of(example.group or example.id, validation=validation, test=test)
                files[split].add(_row(example, pictures))
                counts[split] += 1
        finally:
            for one in files.values():
                one.close()
        if not counts:
            raise SourceError("There are no conversations to write.")
        write_whole(part / "README.md", _card(title, licence, counts))
    return counts


def read_chat(folder: Path, split: str = "train") -> Any:
    """Open one split of what :func:`write_chat` wrote.

    Returns
    -------
    datasets.Dataset
        Rows as described above; empty where the split has none.

    Raises
    ------
    SourceError
        If the folder holds no conversations.
    """
    from datasets import Dataset, concatenate_datasets

    if not any((folder / "data").glob("*.parquet")):
        raise SourceError(
            f"{folder} holds no conversations (data/*.parquet); make them with "
            "`napari-micrograph-vlm data chat`."
        )
    files = sorted((folder / "data").glob(f"{split}-*.parquet"))
    if not files:
        return Dataset.from_dict({name: [] for name in _features()}, features=_features())
    try:
        if sum(file.stat().st_size for file in files) > IN_MEMORY:
            return _mapped(files)
        parts = [_open(file) for file in files]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"The conversations in {folder} cannot be read: {error}.") from None
    return concatenate_datasets(parts)


_MAPPED: list[TemporaryDirectory[str]] = []
"""Folders of what is mapped; removed when the program ends."""


def _mapped(files: list[Path]) -> Any:
    """Open Parquet files from disk: unpacked, row group by row group, to a temporary file."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    from datasets import Dataset

    place = TemporaryDirectory(prefix="napari-micrograph-vlm-", ignore_cleanup_errors=True)
    _MAPPED.append(place)
    path = Path(place.name, "rows.arrow")
    schema = _features().arrow_schema
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for file in files:
            # One batch after the other: a whole file of pictures need not fit.
            with parquet.ParquetFile(file, memory_map=True) as opened:
                for batch in opened.iter_batches(batch_size=8, columns=list(_features())):
                    stream.write_table(pa.Table.from_batches([batch]).cast(schema))
    return Dataset.from_file(str(path))


def _open(file: Path) -> Any:
    import pyarrow.parquet as parquet

    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    return Dataset(parquet.read_table(file, columns=list(_features()))).cast(_features())


def _features() -> Any:
    from datasets import Features, Image, Value

    text = Value("string")
    content = [{"type": text, "text": text}]
    return Features(
        {
            "id": text,
            "source": text,
            "group": text,
            "images": [Image()],
            "messages": [{"role": text, "content": content}],
        }
    )


def _row(example: ChatExample, pictures: _Pictures) -> dict[str, Any]:
    shown = sum(message.images for message in example.messages)
    if shown != len(example.images):
        raise SourceError(
            f"The conversation {example.id} has {len(example.images)} pictures "
            f"and mentions {shown}."
        )
    return {
        "id": example.id,
        "source": example.source,
        "group": example.group,
        "images": [{"bytes": pictures.png(image), "path": None} for image in example.images],
        "messages": [message.to_chat() for message in example.messages],
    }


def _png(image: Path | Image) -> bytes:
    """Return a picture as PNG: its pixels and nothing else."""
    if isinstance(image, Path):
        from .teacher.pictures import read_grey_or_colour

        image = read_grey_or_colour(image)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


class _Pictures:
    """Pictures as PNG; one that was in the conversation before is not encoded again."""

    def __init__(self) -> None:
        self._last: list[tuple[Path | Image, bytes]] = []

    def png(self, image: Path | Image) -> bytes:
        for known, data in self._last:
            if known is image:
                return data
        data = _png(image)
        self._last = [*self._last[-3:], (image, data)]
        return data


class _Files:
    """The Parquet files of one split, written a few conversations at a time."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self._rows: list[dict[str, Any]] = []
        self._held = self._in_file = self._files = 0
        self._writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._in_file += 1
        self._held += sum(len(image["bytes"]) for image in row["images"])
        if self._held >= HELD:
            self._flush()
        if self._in_file >= SHARD:
            self.close()

    def close(self) -> None:
        """Write what is held and end the file."""
        if self._rows:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer, self._in_file = None, 0
            self._files += 1

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        schema = _features().arrow_schema
        if self._writer is None:
            self._writer = parquet.ParquetWriter(
                self.folder / f"{self.split}-{self._files:05d}.parquet",
                schema,
                # So that a picture of several conversations is there once.
                dictionary_pagesize_limit=2 * HELD,
            )
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=schema))
        self._rows, self._held = [], 0


@contextmanager
def _finished(output: Path) -> Iterator[Path]:
    """Give a folder beside the output to write to, and put it there once all is written."""
    output = output.resolve()
    part = output.with_name(f".{output.name}.unfinished")
    # One that was killed may have left it.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if output.is_dir():
            for name in ("data", "README.md"):
                shutil.move(part / name, output / name)
        else:
            part.rename(output)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _card(title: str, licence: str, counts: Counter[str]) -> str:
    splits = "".join(
        f"      - split: {split}\n        path: data/{split}-*.parquet\n"
        for split in SPLITS
        if counts[split]
    )
    table = "\n".join(f"| {split} | {counts[split]} |" for split in SPLITS if counts[split])
    return f"""---
license: {licence}
task_categories:
  - image-text-to-text
configs:
  - config_name: default
    data_files:
{splits}---

# {title}

Conversations about pictures. `messages` is what `apply_chat_template` takes; the n-th entry of
type `image` stands for the n-th of `images`. Conversations of one `group` are in one split.

| split | conversations |
| --- | --- |
{table}
"""
