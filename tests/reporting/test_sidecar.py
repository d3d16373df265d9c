import json
import os
import pickle
import shutil
import threading
from dataclasses import asdict, replace
from math import nan
from weakref import ref

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from run_findings import attention

from fakes import FakeModel
from napari_micrograph_vlm.errors import MicrographError, SourceError
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.labelling.learning import Learnt
from napari_micrograph_vlm.readers.metadata import Instrument
from napari_micrograph_vlm.regions import Cutout, Placement, Region
from napari_micrograph_vlm.reporting import image_facts as facts_of
from napari_micrograph_vlm.reporting.sidecar import VERSION, Sidecar
from napari_micrograph_vlm.results import (
    Answer,
    Classification,
    Provenance,
    Step,
    Turn,
    Word,
)

MADE = Provenance("student", "abc", "cpu", 0.3, "0.1.0", "2025-06-07T08:09:10+00:00", 2)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "wafer.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 60_000, (64, 80), np.uint16))
    return path


def region(image, box=(8, 10, 40, 70)):
    return Cutout.of_array(tifffile.imread(image), box, source=image.stem).read()


def answer(*regions, text="a bridge", **others):
    maps = tuple(attention((3, 4), (i, 1)) for i in range(len(regions)))
    given = {
        "turns": (Turn("Hello?", "Yes."),),
        "question_words": (Word(0, 4, 1.0, maps),),
        "steps": (Step("I look.", maps),),
        "tiled": True,
    }
    words = (Word(0, 1, 0.9, maps), Word(2, 8, nan, maps))
    return Answer(
        "What is it?", text, regions, maps, words, 0.87, MADE, **{**given, **others}
    )  # fmt: skip


def classified(*regions):
    chances = np.random.default_rng(1).dirichlet(np.ones(3), len(regions)).astype(np.float32)
    maps = tuple(attention() for _ in regions)
    return Classification(("a", "b", "c"), chances, regions, maps, MADE, 0.4)


def same_maps(first, second):
    assert [one.method for one in first] == [one.method for one in second]
    for one, two in zip(first, second, strict=True):
        assert one.values.dtype == two.values.dtype
        np.testing.assert_array_equal(one.values, two.values)


def same_words(first, second):
    for one, two in zip(first, second, strict=True):
        assert (one.start, one.stop) == (two.start, two.stop)
        np.testing.assert_equal(one.probability, two.probability)
        same_maps(one.attention, two.attention)


def same_regions(first, second):
    for one, two in zip(first, second, strict=True):
        for name in ("box", "pixel_size", "unit", "source", "shape"):
            assert getattr(one, name) == getattr(two, name)
        np.testing.assert_array_equal(one.mask, two.mask)
        np.testing.assert_array_equal(one.pixels, two.pixels)


def test_an_answer_reads_back_equal(image):
    outline = np.array([(5, 5), (5, 60), (50, 30)], float)
    drawn = replace(
        region(image, outline),
        pixel_size=(1.5, 0.1 + 0.2),
        unit="nm",
    )
    given = answer(region(image), drawn)
    beside = Sidecar(image)
    kept = beside.read(beside.keep(given))
    found = kept.result
    for name in ("question", "text", "confidence", "provenance", "turns", "tiled"):
        assert getattr(found, name) == getattr(given, name), name
    same_maps(found.attention, given.attention)
    same_words(found.words, given.words)
    same_words(found.question_words, given.question_words)
    assert [step.text for step in found.steps] == ["I look."]
    same_maps(found.steps[0].attention, given.steps[0].attention)
    same_regions(found.regions, given.regions)
    assert kept.changed == ""


def test_instrument_and_scale_read_back(image):
    zeiss = Instrument("Zeiss", voltage_kv=5.0, date="2025-06-07", raw={"AP_X": 1})
    known = replace(
        region(image),
        instrument=zeiss,
        pixel_size=(2.0, 2.0),
        unit="nm",
        scale_from="the scale bar",
        scale_error=0.02,
        left_out=(40, 10, 64, 70),
    )
    beside = Sidecar(image)
    key = beside.keep(answer(known, region(image)))
    found, plain = beside.read(key).result.regions
    assert found.instrument.to_dict() == zeiss.to_dict()
    assert (found.scale_from, found.scale_error) == ("the scale bar", 0.02)
    assert found.left_out == known.left_out
    assert (plain.instrument, plain.scale_from, plain.scale_error) == (None, "", None)
    assert found.to_dict() == known.to_dict()
    again = pickle.loads(pickle.dumps(found))
    assert (again.instrument, again.scale_error) == (found.instrument, 0.02)


def test_what_was_kept_before_scales_had_an_error_is_read(image):
    beside = Sidecar(image)
    key = beside.keep(answer(replace(region(image), scale_error=0.02, scale_from="the file")))
    path = beside.folder / "results" / f"{key}.json"
    entry = json.loads(path.read_text())
    for name in ("instrument", "scale_from", "scale_error", "left_out"):
        del entry["result"]["regions"][0][name]
    path.write_text(json.dumps(entry))
    (found,) = beside.read(key).result.regions
    assert (found.instrument, found.scale_from, found.scale_error) == (None, "", None)


def test_a_classification_reads_back_equal(image):
    given = classified(region(image), region(image, (0, 0, 20, 20)))
    beside = Sidecar(image)
    found = beside.read(beside.keep(given)).result
    assert (found.labels, found.threshold, found.best) == (given.labels, 0.4, given.best)
    np.testing.assert_array_equal(found.probabilities, given.probabilities)
    assert found.provenance == MADE
    same_maps(found.attention, given.attention)
    same_regions(found.regions, given.regions)


def test_a_place_on_a_layer_reads_back_with_the_layer_that_shows_it_now(image):
    class Layer:
        pass

    layer = Layer()
    place = Placement((0, 1), (), np.array([(1.5, 2), (30, 2), (30, 40)]), None, "s7", 5, (64, 80))
    given = answer(replace(region(image), placement=place))
    beside = Sidecar(image)
    key = beside.keep(given)
    found = beside.read(key, layer=ref(layer), data_id=9).result.regions[0].placement
    assert found.layer() is layer
    assert found.data_id == 9
    assert (found.axes, found.plane, found.shape_id) == ((0, 1), (), "s7")
    assert found.data_shape == (64, 80)
    np.testing.assert_array_equal(found.outline, place.outline)
    assert beside.read(key).result.regions[0].placement.layer is None


def test_pixels_are_read_only_when_they_are_looked_at(image):
    beside = Sidecar(image)
    key = beside.keep(answer(region(image)))
    asked = []

    def pixels(of):
        asked.append(of.box)
        return np.zeros((32, 60), np.float32)

    late = beside.read(key, pixels=pixels).result.regions[0]
    assert isinstance(late, Region)
    assert late.shape == (32, 60)
    assert late.to_dict()["box"] == [8, 10, 40, 70]
    assert not late.is_read
    assert asked == []
    assert late.pixels.shape == late.pixels.shape == (32, 60)
    assert asked == [(8, 10, 40, 70)]
    assert late.is_read
    with pytest.raises(AttributeError):
        late.nothing  # noqa: B018


def test_a_region_read_back_can_be_changed_and_pickled(image):
    beside = Sidecar(image)
    late = beside.read(beside.keep(answer(region(image)))).result.regions[0]
    copy = pickle.loads(pickle.dumps(late))
    same_regions([copy], [region(image)])
    brighter = replace(late, pixels=late.pixels / 2)
    np.testing.assert_array_equal(brighter.pixels, region(image).pixels / 2)


def test_the_contrast_it_was_seen_with_is_kept(image):
    seen = replace(
        Cutout.of_array(tifffile.imread(image), (0, 0, 30, 30)), contrast_limits=(50_000, 1_000)
    ).read()
    beside = Sidecar(image)
    kept = beside.read(beside.keep(answer(seen), contrast=[(50_000, 1_000)]))
    assert kept.contrast == ((50_000.0, 1_000.0),)
    np.testing.assert_array_equal(kept.result.regions[0].pixels, seen.pixels)


def test_a_slice_is_read_from_its_page(tmp_path):
    path = tmp_path / "stack.tif"
    stack = np.random.default_rng(0).integers(0, 255, (4, 40, 50), np.uint8)
    tifffile.imwrite(path, stack, photometric="minisblack")
    place = Placement((1, 2), (2,), np.zeros((3, 2)), data_shape=stack.shape)
    seen = replace(Cutout.of_array(stack[2], (0, 0, 20, 20)).read(), placement=place)
    beside = Sidecar(path)
    found = beside.read(beside.keep(answer(seen))).result.regions[0]
    np.testing.assert_array_equal(found.pixels, seen.pixels)
    across = replace(seen, placement=replace(place, axes=(0, 2), plane=(7,)))
    found = beside.read(beside.keep(answer(across))).result.regions[0]
    with pytest.raises(SourceError, match="in napari"):
        found.pixels  # noqa: B018


def test_entries_come_back_in_the_order_they_were_kept(image):
    beside = Sidecar(image)
    assert beside.keys() == []
    for text in ("one", "two", "three"):
        beside.keep(_said(image, text))
    kept, broken = Sidecar(image).kept()
    assert [each.result.text for each in kept] == ["one", "two", "three"]
    assert broken == []
    beside.forget(kept[1].key)
    beside.forget(kept[1].key)
    assert [each.result.text for each in Sidecar(image).kept()[0]] == ["one", "three"]
    assert len(list((beside.folder / "results").iterdir())) == 4


def _said(image, text):
    return replace(answer(region(image)), text=text)


def test_the_folder_lies_beside_the_image_and_says_what_it_is(image):
    beside = Sidecar(image)
    key = beside.keep(answer(region(image)))
    assert beside.folder == image.parent / "wafer.tif.vlm"
    entry = json.loads((beside.folder / "results" / f"{key}.json").read_text(encoding="utf-8"))
    assert entry["format"] == "napari-micrograph-vlm result"
    assert entry["version"] == VERSION
    assert entry["kind"] == "answer"
    assert entry["image"]["bytes"] == image.stat().st_size
    assert not any(path.name.startswith(".") for path in beside.folder.rglob("*"))


def test_two_windows_that_write_at_once_lose_nothing(image):
    texts = [f"{window}-{i}" for window in range(4) for i in range(10)]

    def write(window):
        beside = Sidecar(image)
        for i in range(10):
            beside.keep(_said(image, f"{window}-{i}"))

    threads = [threading.Thread(target=write, args=(window,)) for window in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept, broken = Sidecar(image).kept()
    assert sorted(each.result.text for each in kept) == sorted(texts)
    assert broken == []


def test_an_image_that_changed_is_said_so(image):
    beside = Sidecar(image)
    key = beside.keep(answer(region(image)))
    array = tifffile.imread(image)
    array[0, 0] ^= 1
    tifffile.imwrite(image, array)
    kept = beside.read(key)
    assert "wafer.tif has changed since" in kept.changed
    tifffile.imwrite(image, array[:20])
    kept = beside.read(key)
    assert "bytes" in kept.changed
    with pytest.raises(SourceError, match="smaller than when"):
        kept.result.regions[0].pixels  # noqa: B018
    image.unlink()
    kept = beside.read(key)
    assert "is gone" in kept.changed
    assert kept.result.text == "a bridge"
    with pytest.raises(MicrographError):
        kept.result.regions[0].pixels  # noqa: B018
    with pytest.raises(SourceError, match="There is no image"):
        beside.keep(answer())


def test_touching_or_moving_an_image_does_not_change_it(image, tmp_path):
    beside = Sidecar(image)
    key = beside.keep(answer(region(image)))
    os.utime(image, (0, 0))
    assert beside.read(key).changed == ""
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(image, moved / image.name)
    shutil.move(beside.folder, moved / beside.folder.name)
    kept = Sidecar(moved / image.name).read(key)
    assert kept.changed == ""
    same_regions(kept.result.regions, [region(moved / image.name)])


def test_a_large_image_is_told_apart_by_three_pieces(tmp_path):
    path = tmp_path / "large.raw"
    path.write_bytes(bytes(1_000_000))
    before = facts_of.image_facts(path)
    for place, differs in ((10, True), (500_000, True), (999_999, True), (200_000, False)):
        data = bytearray(1_000_000)
        data[place] = 1
        path.write_bytes(data)
        assert bool(before.difference(facts_of.image_facts(path))) == differs


def test_a_folder_can_be_the_image(tmp_path):
    store = tmp_path / "wafer.zarr"
    store.mkdir()
    (store / ".zarray").write_text("{}")
    beside = Sidecar(store)
    key = beside.keep(answer())
    assert beside.folder.name == "wafer.zarr.vlm"
    assert beside.read(key).changed == ""
    (store / ".zarray").write_text("{ }")
    assert "has changed" in beside.read(key).changed


def test_a_label_set_is_kept_and_replaced(image):
    beside = Sidecar(image)
    assert beside.labels() == {}
    beside.keep_labels(label_set_of(["a", "b"], "wafer"))
    beside.keep_labels(label_set_of(["a", "c"], "wafer"))
    beside.keep_labels(label_set_of(["=1+1", "😀"], "odd/../name"))
    kept = beside.labels()
    assert kept["wafer"].names == ("a", "c")
    assert kept["odd/../name"].names == ("=1+1", "😀")
    assert {path.parent.name for path in beside.folder.rglob("*.json")} == {"labels"}


def test_learnt_classes_are_kept_beside_their_label_set(image):
    labels = label_set_of(["a", "b"], "wafer")
    examples = [(region(image, (0, 8 * i, 24, 8 * i + 16)), "ab"[i % 2]) for i in range(6)]
    learnt = Learnt.learn(FakeModel(), labels, examples)
    beside = Sidecar(image)
    folder = beside.keep_learnt(learnt, labels)
    assert folder == beside.learnt_folder(labels)
    assert beside.folder in folder.parents
    assert beside.labels() == {"wafer": labels}
    assert Learnt.load(folder, FakeModel()).digest == learnt.digest


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry, path: entry.write_text("{"),
        lambda entry, path: entry.write_text("[]"),
        lambda entry, path: entry.write_bytes(b"\xff\xfe"),
        lambda entry, path: path.write_bytes(b"nothing"),
        lambda entry, path: path.write_bytes(path.read_bytes()[:-20]),
        lambda entry, path: _change(entry, kind="poem"),
        lambda entry, path: _change(entry, format="other"),
        lambda entry, path: _change(entry, version=VERSION + 1),
        lambda entry, path: _change(entry, version="new"),
        lambda entry, path: _change(entry, result={}),
        lambda entry, path: _change(entry, image={"name": 1, "path": 2}),
        lambda entry, path: _change(entry, image=None),
    ],
)
def test_a_damaged_entry_is_named_and_the_others_are_read(image, damage):
    beside = Sidecar(image)
    key = beside.keep(answer(region(image)))
    beside.keep(_said(image, "whole"))
    entry = beside.folder / "results" / f"{key}.json"
    damage(entry, entry.with_suffix(".safetensors"))
    kept, broken = beside.kept()
    assert [each.result.text for each in kept] == ["whole"]
    assert len(broken) == 1
    assert key in broken[0]
    assert "\n" not in broken[0]


def _change(entry, **changes):
    entry.write_text(json.dumps({**json.loads(entry.read_text()), **changes}))


def test_arrays_that_do_not_fit_are_damage(image):
    from safetensors.numpy import load_file, save_file

    beside = Sidecar(image)
    key = beside.keep(classified(region(image)))
    path = beside.folder / "results" / f"{key}.safetensors"
    arrays = load_file(path)
    save_file({name: array.ravel()[:1] for name, array in arrays.items()}, path)
    with pytest.raises(SourceError, match="is damaged"):
        beside.read(key)


def test_a_key_never_leads_out_of_the_folder(image, tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    beside = Sidecar(image)
    beside.keep(answer())
    with pytest.raises(SourceError, match="no entry"):
        beside.read("../../secret")
    beside.forget("../../secret")
    assert (tmp_path / "secret.json").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(image, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("napari_micrograph_vlm.reporting.sidecar.Path.mkdir", refuse)
    with pytest.raises(SourceError, match="read-only") as caught:
        Sidecar(image).keep(answer(region(image)))
    assert "\n" not in str(caught.value)
    assert Sidecar(image).keys() == []


def test_a_file_in_the_folders_place_is_one_sentence(image):
    Sidecar(image).folder.write_text("in the way")
    with pytest.raises(SourceError, match="cannot be written"):
        Sidecar(image).keep(answer(region(image)))
    assert Sidecar(image).kept() == ([], [])


def test_a_write_that_is_broken_off_leaves_no_entry(image, monkeypatch):
    beside = Sidecar(image)
    beside.keep(_said(image, "first"))
    calls = []

    def full(handle):
        calls.append(handle)
        if len(calls) == 2:  # the arrays are there, the entry is not
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="no space left"):
        beside.keep(_said(image, "second"))
    monkeypatch.undo()
    kept, broken = beside.kept()
    assert [each.result.text for each in kept] == ["first"]
    assert broken == []


@settings(max_examples=25, deadline=None)
@given(
    text=st.text(), question=st.text(), source=st.text(), size=st.floats(allow_nan=False),
    seconds=st.floats(allow_nan=False), confidence=st.floats(0, 1),
)  # fmt: skip
def test_any_text_and_number_reads_back(
    tmp_path_factory, text, question, source, size, seconds, confidence
):
    folder = tmp_path_factory.mktemp("any")
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(folder / "a.png")
    one = Region(np.zeros((16, 16), np.float32), (0, 0, 16, 16), None, (size, size), text, source)
    given = replace(
        answer(one),
        text=text,
        question=question,
        confidence=confidence,
        turns=(Turn(text, question),),
        provenance=replace(MADE, seconds=seconds, model=text),
    )
    beside = Sidecar(folder / "a.png")
    found = beside.read(beside.keep(given)).result
    assert (found.text, found.question, found.confidence) == (text, question, confidence)
    assert asdict(found.provenance) == asdict(given.provenance)
    assert found.turns == given.turns
    assert found.regions[0].source == source
    assert found.regions[0].pixel_size == (size, size)
