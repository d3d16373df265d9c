"""Which files are whose, what is told to napari, and what is said where a package is missing."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import formats, read_micrograph
from napari_micrograph_vlm.readers.formats import format_of, suffixes_read, vendor_suffixes
from napari_micrograph_vlm.readers.napari_reader import get_reader, read_layers
from readers.making_files import write_emi, write_mrc, write_ser

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)
ORDINARY = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")


def manifest() -> dict:
    text = files("napari_micrograph_vlm").joinpath("napari.yaml").read_text("utf-8")
    return yaml.safe_load(text)["contributions"]


def test_the_manifest_claims_what_the_formats_say():
    (reader,) = manifest()["readers"]
    assert reader["filename_patterns"] == [f"*{end}" for end in vendor_suffixes()]


def test_ordinary_pictures_are_never_claimed(tmp_path):
    assert not set(ORDINARY) & set(vendor_suffixes())
    assert set(ORDINARY) <= set(suffixes_read())
    Image.fromarray(GREY).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    for name in ("a.png", "a.tif"):
        assert get_reader(str(tmp_path / name)) is None


@pytest.mark.parametrize("contents", [b"\x89PNG\r\n\x1a\n", b"nothing of the kind"])
def test_only_what_begins_like_it_is_claimed(tmp_path, contents):
    path = tmp_path / "a.dm3"
    path.write_bytes(contents)
    assert get_reader(str(path)) is None


def test_folders_lists_and_what_is_not_there_are_not_claimed(tmp_path):
    (tmp_path / "folder.dm3").mkdir()
    assert get_reader(str(tmp_path / "folder.dm3")) is None
    assert get_reader(str(tmp_path / "gone.dm3")) is None
    assert get_reader("a\0.dm3") is None
    assert get_reader([str(tmp_path / "a.dm3"), str(tmp_path / "b.dm3")]) is None


def test_a_tiff_under_a_vendor_name_is_read_as_what_it_is(tmp_path):
    tifffile.imwrite(tmp_path / "a.dm3", GREY)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.dm3").array, GREY)
    read = get_reader(str(tmp_path / "a.dm3"))
    ((array, _keywords, _kind),) = read(str(tmp_path / "a.dm3"))
    np.testing.assert_array_equal(array, GREY)


def test_a_damaged_file_gives_no_layer_and_one_sentence(tmp_path, monkeypatch, caplog):
    shown = []
    window = SimpleNamespace(show_warning=shown.append)
    monkeypatch.setitem(sys.modules, "napari.utils.notifications", window)
    for name, contents in (("empty.mrc", b""), ("cut.dm3", b"\0\0\0\3" + b"\0" * 5)):
        path = tmp_path / name
        path.write_bytes(contents)
        assert get_reader(str(path)) is read_layers
        assert read_layers(str(path)) == [(None,)]
    assert "is empty" in shown[0]
    assert "cut.dm3" in shown[1]
    assert caplog.messages == shown


def test_what_only_has_the_name_of_a_format_is_said_to_be_none(tmp_path):
    pytest.importorskip("rsciio", reason="needs the extra readers")
    for name, kind in (("a.mrc", "MRC"), ("a.dm3", "DigitalMicrograph")):
        (tmp_path / name).write_bytes(b"hello" * 400)
        with pytest.raises(SourceError, match=f"is no {kind} file"):
            read_micrograph(tmp_path / name)


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None)


@pytest.mark.parametrize("end", vendor_suffixes())
def test_the_extra_is_named_where_a_package_is_missing(tmp_path, nothing_installed, caplog, end):
    path = tmp_path / f"a{end}"
    kind = format_of(path)
    path.write_bytes((kind.magic or (b"xx",))[0].ljust(64, b"\0"))
    install = rf"pip install napari-micrograph-vlm\[{kind.extra}\]$"
    with pytest.raises(SourceError, match=install):
        read_micrograph(path)
    assert get_reader(str(path))(str(path)) == [(None,)]
    assert f"napari-micrograph-vlm[{kind.extra}]" in caplog.text


def test_upper_case_names_are_the_same():
    assert format_of(Path("A.DM3")) is format_of(Path("a.dm3"))


@pytest.mark.parametrize("end", [".mrc", ".mrcs", ".ali", ".emi"])
@pytest.mark.parametrize("contents", [b"an alignment of frames\n" * 100, bytes(range(256)) * 12])
def test_contents_that_could_be_no_file_of_a_microscope_are_not_claimed(tmp_path, end, contents):
    path = tmp_path / f"a{end}"
    path.write_bytes(contents)
    assert get_reader(str(path)) is None


def test_files_without_a_beginning_of_their_own_are_claimed(tmp_path):
    pytest.importorskip("rsciio", reason="needs the extra readers")
    write_mrc(tmp_path / "a.mrc", GREY)
    write_emi(tmp_path / "a.emi")
    (tmp_path / "b.emi").write_bytes(b"JJ")
    write_ser(tmp_path / "b_1.ser", GREY[None])
    for name in ("a.mrc", "a.emi", "b.emi"):
        assert get_reader(str(tmp_path / name)) is not None
