"""Conversations as a data set: written, read back, and parted into splits."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_micrograph_vlm.datasets.chat import (
    SPLITS,
    ChatExample,
    Message,
    read_chat,
    split_of,
    write_chat,
)
from napari_micrograph_vlm.errors import SourceError


def grey(value, mode="L"):
    return Image.new(mode, (12, 9), value)


def example(number, group="", images=None, **changes):
    pictures = (grey(number % 256),) if images is None else images
    messages = (
        Message("user", f"What is {number}?", len(pictures)),
        Message("assistant", f"It is {number}."),
    )
    return ChatExample(f"id {number}", pictures, messages, group, **changes)


def test_what_was_written_is_read_back(tmp_path):
    two = (grey(7), grey((1, 2, 3), "RGB"))
    counts = write_chat(
        [example(1, "a", source="a paper"), example(2, "a", images=two)],
        tmp_path / "out",
        title="Mine",
        validation=0,
        test=0,
    )
    rows = read_chat(tmp_path / "out")
    assert counts == {"train": 2}
    assert (rows[0]["id"], rows[0]["group"], rows[0]["source"]) == ("id 1", "a", "a paper")
    assert [image.getpixel((0, 0)) for image in rows[1]["images"]] == [7, (1, 2, 3)]
    user, assistant = rows[1]["messages"]
    assert [part["type"] for part in user["content"]] == ["image", "image", "text"]
    assert assistant["content"][-1]["text"] == "It is 2."
    assert len(read_chat(tmp_path / "out", "validation")) == 0


def test_it_opens_with_load_dataset(tmp_path):
    from datasets import load_dataset

    write_chat([example(1)], tmp_path / "out", title="Mine", validation=0, test=0)
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows[0]["images"][0].size == (12, 9)


def test_a_group_is_in_one_split(tmp_path):
    counts = write_chat(
        (example(i, f"group {i // 4}") for i in range(80)), tmp_path / "out", title="Mine"
    )
    groups = {split: set(read_chat(tmp_path / "out", split)["group"]) for split in SPLITS}
    assert sum(counts.values()) == 80
    assert all(groups.values())
    assert sum(map(len, groups.values())) == 20  # none in two


@settings(max_examples=40, deadline=None)
@given(st.text(), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_split_depends_on_the_name_alone(group, validation, test):
    split = split_of(group, validation=validation, test=test)
    assert split in SPLITS
    assert split == split_of(group, validation=validation, test=test)
    assert split_of(group, validation=0, test=0) == "train"


def test_more_than_one_file_keeps_the_order(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_micrograph_vlm.datasets.chat.SHARD", 3)
    write_chat(map(example, range(8)), tmp_path / "out", title="M", validation=0, test=0)
    assert len(list((tmp_path / "out" / "data").glob("train-*.parquet"))) == 3
    assert read_chat(tmp_path / "out")["id"] == [f"id {i}" for i in range(8)]


def test_pictures_carry_pixels_only(tmp_path):
    image = Image.fromarray(np.arange(80, dtype=np.uint8).reshape(8, 10))
    image.info["comment"] = "the operator's name"
    path = tmp_path / "picture.png"
    image.save(path)
    write_chat([example(1, images=(path,))], tmp_path / "out", title="M", validation=0, test=0)
    import pyarrow.parquet as parquet

    (file,) = (tmp_path / "out" / "data").glob("*.parquet")
    kept = parquet.read_table(file)["images"][0].as_py()[0]
    assert kept["path"] is None
    assert not Image.open(io.BytesIO(kept["bytes"])).info
    pixels = np.asarray(read_chat(tmp_path / "out")[0]["images"][0].convert("L"))
    assert np.array_equal(pixels, np.asarray(image))


def test_wrong_input_is_told_in_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="no conversations to write"):
        write_chat([], tmp_path / "a", title="M")
    wrong = ChatExample("x", (grey(1), grey(2)), (Message("user", "?", 1),))
    with pytest.raises(SourceError, match="has 2 pictures and mentions 1"):
        write_chat([wrong], tmp_path / "b", title="M")
    with pytest.raises(SourceError, match="holds no conversations"):
        read_chat(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(SourceError):
        write_chat([example(1)], tmp_path / "full", title="M")
    (tmp_path / "c" / "data").mkdir(parents=True)
    (tmp_path / "c" / "data" / "train-00000.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SourceError, match="cannot be read"):
        read_chat(tmp_path / "c")


def test_what_was_stopped_leaves_nothing_and_the_same_call_then_works(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_micrograph_vlm.datasets.chat.SHARD", 2)
    output = tmp_path / "out"

    def stopped():
        yield from map(example, range(5))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_chat(stopped(), output, title="M", validation=0, test=0)
    assert list(tmp_path.iterdir()) == []
    # What a program that was killed left.
    (tmp_path / ".out.unfinished" / "data").mkdir(parents=True)
    output.mkdir()
    assert write_chat(map(example, range(5)), output, title="M", validation=0, test=0)["train"] == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert read_chat(output)["id"] == [f"id {i}" for i in range(5)]


def noise(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (200, 200), np.uint8))


def test_a_picture_of_several_conversations_is_encoded_and_kept_once(tmp_path, monkeypatch):
    from napari_micrograph_vlm.datasets import chat

    encoded = []
    png = chat._png
    monkeypatch.setattr(chat, "_png", lambda image: encoded.append(image) or png(image))
    picture = noise(0)
    examples = [example(i, images=(picture,)) for i in range(8)]
    write_chat(examples, tmp_path / "out", title="M", validation=0, test=0)
    assert encoded == [picture]
    (file,) = (tmp_path / "out" / "data").glob("*.parquet")
    assert file.stat().st_size < 2 * len(png(picture))


def test_many_large_pictures_are_neither_held_nor_read_at_once(tmp_path, monkeypatch):
    import pyarrow.parquet as parquet

    from napari_micrograph_vlm.datasets import chat

    monkeypatch.setattr(chat, "HELD", 100_000)
    monkeypatch.setattr(chat, "IN_MEMORY", 100_000)
    examples = (example(i, images=(noise(i),)) for i in range(20))
    write_chat(examples, tmp_path / "out", title="M", validation=0, test=0)
    (file,) = (tmp_path / "out" / "data").glob("*.parquet")
    with parquet.ParquetFile(file) as opened:
        assert opened.num_row_groups >= 6
    rows = read_chat(tmp_path / "out")
    assert rows.cache_files  # on disk, not in memory
    assert rows.features == chat._features()
    assert rows["id"] == [f"id {i}" for i in range(20)]
    assert np.array_equal(np.asarray(rows[17]["images"][0]), np.asarray(noise(17)))
