from __future__ import annotations

import os
import pickle
import sys

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.runs.folder_source import FolderSource
from napari_micrograph_vlm.runs.read_ahead import Ready, read_item
from napari_micrograph_vlm.runs.tiles import NOTHING_TO_SEE, Tiles
from runs.making import noise, save

posix = pytest.mark.skipif(sys.platform == "win32", reason="files of a Unix system")


def keys(source):
    return [item.key for item in source.items()]


def errors(source):
    """Why each item could not be read; empty where it could."""
    found = {}
    for item in source.items():
        read = read_item(source, item)
        found[item.key] = "" if isinstance(read, Ready) else read.reason
    return found


def test_files_are_listed_by_name_with_folders_among_them(tmp_path):
    for name in ("b.png", "a/z.png", "a/b/c.png", "c.png", ".hidden.png", ".git/x.png"):
        save(tmp_path / name)
    source = FolderSource(tmp_path)
    assert keys(source) == ["a/b/c.png", "a/z.png", "b.png", "c.png"]
    assert keys(source) == keys(FolderSource(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*", ["a.png", "x/b.PNG", "x/y/c.tif"]),
        ("*", ["a.png"]),
        ("**/*.png", ["a.png", "x/b.PNG"]),
        ("x/*", ["x/b.PNG"]),
        ("x/**", ["x/b.PNG", "x/y/c.tif"]),
        ("**/y/*", ["x/y/c.tif"]),
        ("**/[ab].*", ["a.png", "x/b.PNG"]),
        ("**/[!ab].*", ["x/y/c.tif"]),
        ("**/?.png", ["a.png", "x/b.PNG"]),
        ("nothing", []),
        ("x/y/c+tif", []),
        ("**/[a-b].[!x]ng", ["a.png", "x/b.PNG"]),
        ("**/[", []),
    ],
)
def test_a_pattern_chooses_files(tmp_path, pattern, expected):
    for name in ("a.png", "x/b.PNG", "x/y/c.tif"):
        save(tmp_path / name)
    assert keys(FolderSource(tmp_path, pattern)) == expected


def test_names_of_all_alphabets_are_read(tmp_path):
    names = ["образец 1.png", "試料.png", "größe µm.png", "🔬.png", "a#1[0,0].png"]
    for name in names:
        save(tmp_path / name)
    found = errors(FolderSource(tmp_path))
    assert sorted(found) == sorted(names)
    assert set(found.values()) == {""}


@posix
def test_links_that_go_round_are_followed_once(tmp_path):
    save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "other").symlink_to(tmp_path / "in")
    assert keys(FolderSource(tmp_path)) == ["in/a.png"]
    save(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked/b.png" in keys(FolderSource(tmp_path / "in"))


@posix
def test_bad_files_are_items_that_say_what_is_wrong(tmp_path):
    save(tmp_path / "good.png")
    whole = save(tmp_path / "x.png", noise((300, 300))).read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(tmp_path / "t.tif", noise((300, 300)))
    cut = (tmp_path / "t.tif").read_bytes()[:5000]
    (tmp_path / "truncated.tif").write_bytes(cut)
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.txt").write_text("not a picture")
    (tmp_path / "named.png").write_text("not a picture either")
    (tmp_path / "dead link.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    save(tmp_path / "flat.png", np.full((40, 40), 7, np.uint8))
    save(tmp_path / "small.png", noise((3, 4)))
    found = errors(FolderSource(tmp_path))
    for name in ("x.png", "t.tif"):
        assert found.pop(name) == ""
    assert found.pop("good.png") == ""
    said = {
        "truncated.png": "is damaged or incomplete",
        "truncated.tif": "is damaged or incomplete",
        "empty.tif": "is empty",
        "text.txt": "is not a picture this can read",
        "named.png": "is not a picture this can read",
        "dead link.png": "There is no file",
        "pipe.png": "is a pipe or a device",
        "flat.png": "has the same value",
        "small.png": "only 3 x 4 pixels",
    }
    assert sorted(found) == sorted(said)
    for name, words in said.items():
        assert words in found[name], name
        assert "\n" not in found[name]


@posix
def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    (tmp_path / "wide.tif").write_bytes(b"")
    tifffile.memmap(tmp_path / "wide.tif", shape=(20_000, 20_000), dtype=np.uint8).flush()
    found = errors(FolderSource(tmp_path))
    assert "too large a picture" in found["huge.png"]
    assert "go through it in tiles" in found["wide.tif"]


@posix
def test_a_name_that_is_no_text_is_skipped_with_a_reason(tmp_path):
    name = os.fsencode(tmp_path) + b"/bad\xff.png"
    try:
        with open(name, "wb") as file:
            file.write(save(tmp_path / "good.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes only text")
    found = errors(FolderSource(tmp_path))
    assert found["bad\\xff.png"] == ""
    assert found["good.png"] == ""


def test_what_we_write_is_no_picture_of_its_folder(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "a.png.vlm" / "results" / "x.png")
    for name in (
        *("x.journal", "x.journal-wal", "x.journal-shm", "x.journal-journal", "x.journal.lock"),
        *("x.json", "x.CSV", "x.parquet", "x.html", "x.safetensors"),
    ):
        (tmp_path / name).touch()
    (tmp_path / "x.txt").touch()
    assert keys(FolderSource(tmp_path)) == ["a.png", "x.txt"]


@posix
def test_no_two_items_share_a_key(tmp_path):
    for name in ("x.tif", "x.tif#1", "x.tif#1#", "x.tif#1[0,0,20,20]", "./x.tif[0,0,20,20]"):
        tifffile.imwrite(tmp_path / name, noise((2, 20, 20)), photometric="minisblack")
    name = os.fsencode(tmp_path) + b"/bad\xff.png"
    try:
        for odd in (name, name.replace(b"\xff", b"\\xff")):
            with open(odd, "wb") as file:
                file.write(save(tmp_path / "y.png").read_bytes())
    except OSError:
        pass  # this file system takes only text
    for source in (
        FolderSource(tmp_path),
        FolderSource(tmp_path, pages=False),
        FolderSource(tmp_path, tiles=Tiles(20, 0)),
    ):
        found = keys(source)
        assert len(set(found)) == len(found)
    assert {"x.tif#0", "x.tif#1", "y.png"} < set(keys(FolderSource(tmp_path)))


def test_a_pattern_that_cannot_be_is_said(tmp_path):
    with pytest.raises(MicrographError, match=r"pattern \[z-a\]\*"):
        FolderSource(tmp_path, "[z-a]*")


def test_a_single_file_is_a_folder_of_one(tmp_path):
    path = save(tmp_path / "a.png")
    source = FolderSource(path)
    assert keys(source) == ["a.png"]
    (item,) = source.items()
    assert source.read(item).shape == (40, 48)


def test_every_page_of_a_file_is_an_item(tmp_path):
    pages = noise((3, 40, 48))
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    save(tmp_path / "one.png")
    source = FolderSource(tmp_path)
    assert keys(source) == ["one.png", "stack.tif#0", "stack.tif#1", "stack.tif#2"]
    for number, item in enumerate(list(source.items())[1:]):
        assert item.plane == (number,)
        np.testing.assert_allclose(source.read(item).pixels * 255, pages[number], atol=0.01)
    assert keys(FolderSource(tmp_path, pages=False)) == ["one.png", "stack.tif"]


def test_files_pages_and_tiles_combine(tmp_path):
    pages = noise((2, 40, 60))
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    save(tmp_path / "one.png", noise((20, 20)))
    (tmp_path / "text.txt").write_text("not a picture")
    source = FolderSource(tmp_path, tiles=Tiles(40, 20))
    assert keys(source) == [
        "one.png[0,0,20,20]",
        "stack.tif#0[0,0,40,40]",
        "stack.tif#0[0,20,40,60]",
        "stack.tif#1[0,0,40,40]",
        "stack.tif#1[0,20,40,60]",
        "text.txt",
    ]
    tile = source.read(list(source.items())[4])
    assert tile.box == (0, 20, 40, 60)
    np.testing.assert_allclose(tile.pixels * 255, pages[1][:, 20:], atol=0.01)
    assert "not a picture" in errors(source)["text.txt"]


def test_a_broken_file_says_so_for_each_of_its_tiles(tmp_path):
    whole = save(tmp_path / "a.png", noise((300, 300))).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    found = errors(FolderSource(tmp_path, tiles=Tiles(200, 0)))
    assert len(found) == 4
    assert all("is damaged or incomplete" in said for said in found.values())


def test_empty_tiles_are_left_out(tmp_path):
    pixels = np.full((40, 120), 9, np.uint8)
    pixels[:, :40] = noise((40, 40))
    save(tmp_path / "a.png", pixels)
    found = errors(FolderSource(tmp_path, tiles=Tiles(40, 0)))
    assert list(found.values()) == ["", NOTHING_TO_SEE, NOTHING_TO_SEE]


def test_a_folder_goes_to_another_machine(tmp_path):
    save(tmp_path / "a.png")
    source = FolderSource(tmp_path, "**/*.png", Tiles(16, 4))
    list(map(source.read, source.items()))
    there = pickle.loads(pickle.dumps(source))
    assert list(there.items()) == list(source.items())
    assert there.to_dict() == source.to_dict()
    assert there.read(next(there.items())).shape == (16, 16)


def test_other_settings_are_another_source(tmp_path):
    save(tmp_path / "a.png")
    made = [
        FolderSource(tmp_path),
        FolderSource(tmp_path, "*"),
        FolderSource(tmp_path, tiles=Tiles(16, 4)),
        FolderSource(tmp_path, tiles=Tiles(16, 2)),
        FolderSource(tmp_path, pages=False),
    ]
    assert len({str(source.to_dict()) for source in made}) == len(made)


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(MicrographError, match="There is no folder or file"):
        FolderSource(tmp_path / "nowhere")
