"""Conversations about pictures as a Hugging Face dataset, the form that fine-tuning takes.

Columns: ``id``, ``source``, ``group``, ``images`` (a list of pictures) and ``messages`` as
``transformers``' ``apply_chat_template`` takes them: ``{"role", "content": [{"type", "text"}]}``,
where the n-th entry of type ``image`` stands for the n-th picture.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SourceError
from ..whole_files import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SPLITS", "ChatExample", "Message", "read_chat", "split_of", "write_chat"]

SPLITS = ("train", "validation", "test")
SHARD = 200
"""Conversations in one Parquet file."""


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
    """

    role: str
    text: str
    images: int = 0

    def to_chat(self) -> dict[str, Any]:
        """Return it as chat templates take it."""
        pictures = [{"type": "image", "text": None}] * self.images
        return {"role": self.role, "content": [*pictures, {"type": "text", "text": self.text}]}


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
        Read one by one; a file's worth of them is in memory at a time.
    output : Path
        A folder that is empty or not there; it gets ``data/*.parquet`` and ``README.md``.
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
    waiting: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    counts: Counter[str] = Counter()
    for example in examples:
        split = split_of(example.group or example.id, validation=validation, test=test)
        waiting[split].append(_row(example))
        counts[split] += 1
        if len(waiting[split]) == SHARD:
            _flush(output, split, counts[split], waiting[split])
    for split, rows in waiting.items():
        if rows:
            _flush(output, split, counts[split], rows)
    if not counts:
        raise SourceError("There are no conversations to write.")
    write_whole(output / "README.md", _card(title, licence, counts))
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
        # Parquet is mapped, not copied to a cache beside it.
        parts = [_open(file) for file in files]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"The conversations in {folder} cannot be read: {error}.") from None
    return concatenate_datasets(parts)


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


def _row(example: ChatExample) -> dict[str, Any]:
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
        "images": [{"bytes": _png(image), "path": None} for image in example.images],
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


def _flush(output: Path, split: str, count: int, rows: list[dict[str, Any]]) -> None:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    (output / "data").mkdir(parents=True, exist_ok=True)
    number = (count - 1) // SHARD
    columns = {name: [row[name] for row in rows] for name in _features()}
    file = output / "data" / f"{split}-{number:05d}.parquet"
    Dataset.from_dict(columns, features=_features()).to_parquet(file)
    rows.clear()


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
