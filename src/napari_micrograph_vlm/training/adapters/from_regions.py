"""Labelled regions and corrected answers as conversations: what a person said is the lesson.

A class is taught by the question that a large model is asked when it classifies; an answer by its
own question, with what is known of scale and instrument, as when it is asked.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.chat import ChatExample, Message, write_chat
from ...errors import MicrographError, SourceError, one_line
from ...regions import Region
from ...whole_files import write_whole
from .settings import has_begun

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...labelling.label_sets import LabelSet

__all__ = [
    "answer_example",
    "class_examples",
    "conversations_of",
    "examples_of_folder",
    "examples_of_journal",
    "is_conversations",
    "keep_examples",
    "made_of",
]

Skip = Callable[[str], None]

_MADE_OF = "made_of.json"
"""Beside the data of a folder of conversations: what they were made of."""

_END = 1 << 20
"""Bytes at either end of a picture that tell it from others."""


def class_examples(
    items: Iterable[tuple[Region, str]], labels: LabelSet | Sequence[str]
) -> Iterator[ChatExample]:
    """Yield a conversation for each region whose class is known.

    Parameters
    ----------
    items : iterable of (Region, str)
        Regions and their classes, read one by one.
    labels : LabelSet or sequence of str
        The classes to choose from, as they will be asked for.
    """
    from ...labelling import label_set_of
    from ...models.asking import which_of

    classes = label_set_of(labels)
    question = which_of(classes.names, classes.sentences)
    for region, name in items:
        yield _example([region], question, name)


def answer_example(regions: Sequence[Region], question: str, answer: str) -> ChatExample:
    """Return a conversation of one question about regions and its right answer.

    Parameters
    ----------
    regions : sequence of Region
        As they are shown to the model.
    question, answer : str
        The user's words.
    """
    from ...models.conditions import conditions_of

    return _example(regions, question.strip(), answer, conditions_of(regions))


def examples_of_folder(folder: Path, skip: Skip) -> Iterator[ChatExample]:
    """Yield a conversation for each picture of a folder with one sub-folder a class.

    Parameters
    ----------
    folder : Path
        As ``napari-micrograph-vlm learn`` takes it.
    skip : callable
        Told in one sentence of each picture that cannot be read.

    Raises
    ------
    SourceError
        If there are fewer than two classes.
    """
    from ...labelling.folders import examples_in
    from ...runs.folder_source import FolderSource

    found = examples_in(folder)

    def read() -> Iterator[tuple[Region, str]]:
        for path, name in found.files:
            try:
                # As a batch looks at it: the first page, without its information bar.
                source = FolderSource(path, pages=False)
                yield source.read(next(source.items())), name
            except (MicrographError, OSError) as error:
                skip(f"{path}: {one_line(error)}")

    return class_examples(read(), found.names)


def examples_of_journal(path: Path, skip: Skip) -> Iterator[ChatExample]:
    """Yield a conversation for each item of a run whose class a person gave or saw to be right.

    Parameters
    ----------
    path : Path
        The journal of a run over files.
    skip : callable
        Told in one sentence of each item that cannot be read again.

    Raises
    ------
    JournalError
        If it is no journal.
    SourceError
        If the run gave no classes.
    """
    from ...runs.folder_source import FolderSource
    from ...runs.journal import Journal

    journal = Journal.open(path)
    labels = journal.run.task.label_set
    if labels is None:
        journal.close()
        raise SourceError(f"The run of {path} gave no classes; there is nothing to teach.")
    source = journal.run.source
    bars = bool(source.get("include_bar"))

    def read() -> Iterator[tuple[Region, str]]:
        try:
            for finding in journal.findings(pictures=False):
                name = finding.corrected or (finding.best if finding.reviewed else "")
                if name not in labels.names:
                    continue
                item = finding.item
                try:
                    yield FolderSource(item.source, include_bar=bars).read(item), name
                except (MicrographError, OSError) as error:
                    skip(f"{item.source}: {one_line(error)}")
        finally:
            journal.close()

    return class_examples(read(), labels)


def is_conversations(data: Path) -> bool:
    """Whether a folder holds conversations already."""
    return any((data / "data").glob("*.parquet"))


def conversations_of(data: Path, folder: Path, skip: Skip) -> Path:
    """Return a folder of conversations: the data itself, or made of it.

    Parameters
    ----------
    data : Path
        Conversations; or a folder with one sub-folder of pictures for each class; or the journal
        of a run whose classes a person went through.
    folder : Path
        Where they are written. What is there is taken if it was made of the same data, and made
        anew if not, as long as no model is being taught with it.
    skip : callable
        Told of each picture that cannot be read.

    Raises
    ------
    MicrographError
        If the data are nothing of this kind, there is nothing in them to teach, or the training
        that belongs to the folder was begun with others.
    """
    from ...runs.journal import SUFFIX

    if is_conversations(data):
        return data
    if data.is_file():
        if data.suffix != SUFFIX:
            raise SourceError(
                f"{data} is no journal of a run; give one, a folder of conversations, or a folder "
                "with a sub-folder for each class."
            )
        examples = examples_of_journal(data, skip)
    elif data.is_dir():
        examples = examples_of_folder(data, skip)
    else:
        raise SourceError(f"There is no {data}; give the data to teach.")
    digest = _digest_of(data)
    if is_conversations(folder):
        known = made_of(folder)
        if known.get("digest") == digest:
            return folder
        if has_begun(folder.parent):
            raise SourceError(
                f"The training in {folder.parent} was begun with "
                f"{known.get('data', 'other data')} as it was then, not with {data} as it is now; "
                "choose another output, or delete that folder to begin anew."
            )
    keep_examples(examples, folder, str(data), {"data": str(data.absolute()), "digest": digest})
    return folder


def made_of(folder: Path) -> dict[str, Any]:
    """Return what was kept of what conversations were made of; empty where nothing was."""
    try:
        values = json.loads((folder / _MADE_OF).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _digest_of(data: Path) -> str:
    """Return what tells the classes of a folder's pictures, or what a person said, from others."""
    from ...labelling.folders import examples_in
    from ...runs.journal import Journal

    digest = sha256()
    if data.is_file():
        with Journal.open(data) as journal:
            judged = "SELECT key, corrected, reviewed FROM judgements ORDER BY key"
            labels = journal.run.task.label_set
            digest.update(repr((journal.fetch(judged), labels and labels.digest)).encode())
        return digest.hexdigest()
    for path, name in examples_in(data).files:
        try:
            size = path.stat().st_size
            digest.update(
                repr((str(path.relative_to(data)), name, size)).encode("utf-8", "replace")
            )
            with path.open("rb") as stream:
                digest.update(stream.read(_END))
                stream.seek(max(size - _END, 0))
                digest.update(stream.read(_END))
        except OSError as error:
            # It is passed over when it is read, too; a folder of files counts by its name.
            digest.update(repr(error.errno).encode())
    return digest.hexdigest()


def keep_examples(
    examples: Iterable[ChatExample],
    folder: Path,
    title: str,
    made_of: dict[str, Any] | None = None,
) -> None:
    """Write examples as a folder of conversations that is there whole or not at all.

    Parameters
    ----------
    examples : iterable of ChatExample
        What is taught.
    folder : Path
        Conversations that are there are replaced.
    title : str
        For its card.
    made_of : dict, optional
        Ready for JSON; kept beside them.
    """
    part = folder.with_name(f".{folder.name}-part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        # All of it is to learn from: what is held out is chosen among all of it, at least one.
        write_chat(examples, part, title=title, validation=0.0, test=0.0)
        write_whole(part / _MADE_OF, json.dumps(made_of or {}, indent=1) + "\n")
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


def _example(
    regions: Sequence[Region], question: str, answer: str, conditions: str = ""
) -> ChatExample:
    from ...models.families.parts import region_picture

    images = tuple(_slim(region_picture(region)) for region in regions)
    digest = sha256(f"{conditions}\0{question}\0{answer}".encode(errors="replace"))
    for image in images:
        digest.update(image.tobytes())
    return ChatExample(
        id=digest.hexdigest()[:16],
        images=images,
        messages=(
            Message("user", question, len(images), conditions),
            Message("assistant", answer),
        ),
        group=regions[0].source,
        source=regions[0].source,
    )


def _slim(image: Image) -> Image:
    """Return a grey picture as grey, a third of the size."""
    from PIL import ImageChops

    red, green, blue = image.split()
    grey = not (
        ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox()
    )
    return red if grey else image
