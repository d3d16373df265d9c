from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from PIL import Image

import napari_micrograph_vlm as vlm
from fakes import FakeModel
from napari_micrograph_vlm.errors import (
    Cancelled,
    MicrographError,
    ModelError,
    RegionError,
    SourceError,
)
from napari_micrograph_vlm.regions import Cutout


@pytest.fixture
def picture():
    return (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)


def test_ask_about_an_array(picture):
    model = FakeModel()
    answer = vlm.ask(picture, "What is it?", model=model)
    assert str(answer) == "a crack in the upper left"
    assert answer.regions[0].box == (0, 0, 60, 80)
    assert len(answer.attention) == 1


def test_ask_about_part_of_a_file(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "wafer.png")
    answer = vlm.ask(tmp_path / "wafer.png", "What is it?", (10, 20, 40, 70), FakeModel())
    assert answer.regions[0].box == (10, 20, 40, 70)
    assert answer.regions[0].source == "wafer"
    np.testing.assert_allclose(answer.regions[0].pixels, picture[10:40, 20:70] / 255, atol=1e-6)


def test_vertices_mask_the_region(picture):
    triangle = [[10, 10], [10, 50], [50, 10]]
    answer = vlm.ask(picture, "What is it?", triangle, FakeModel())
    assert answer.regions[0].mask is not None


def test_several_regions_are_one_question(picture):
    boxes = [(0, 0, 20, 20), (20, 20, 50, 60)]
    answer = vlm.ask(picture, "Which is larger?", boxes, FakeModel())
    assert [region.box for region in answer.regions] == boxes
    assert len(answer.attention) == 2


def test_two_masks_are_two_regions_and_one_is_one(picture):
    first, second = np.zeros((2, 60, 80), bool)
    first[5:25, 5:30] = second[30:50, 40:70] = True
    for masks in ([first, second], np.stack([first, second])):
        answer = vlm.ask(picture, "Which is larger?", masks, FakeModel())
        assert [region.box for region in answer.regions] == [(5, 5, 25, 30), (30, 40, 50, 70)]
    assert len(vlm.ask(picture, "What?", first, FakeModel()).regions) == 1
    mixed = vlm.ask(picture, "Which?", [first, (0, 0, 20, 20)], FakeModel())
    assert [region.box for region in mixed.regions] == [(5, 5, 25, 30), (0, 0, 20, 20)]
    with pytest.raises(RegionError):
        vlm.ask(picture, "What?", [True, False, True], FakeModel())


def test_regions_that_were_read_before_are_taken_as_they_are(picture):
    region = Cutout.of_array(picture).read()
    assert vlm.ask(region, "What?", model=FakeModel()).regions == (region,)
    assert vlm.ask([region, region], "What?", model=FakeModel()).regions == (region, region)


def test_follow_up_knows_the_earlier_turn(picture):
    model = FakeModel()
    first = vlm.ask(picture, "What is it?", model=model)
    vlm.ask(picture, "And where?", model=model, turns=first.next_turns)
    assert model.questions[1].turns[0].answer == "a crack in the upper left"


def test_classify_gives_a_row_for_each_region(picture):
    boxes = [(0, 0, 20, 20), (20, 20, 50, 60), (0, 0, 60, 80)]
    found = vlm.classify(picture, ["crack", "pore"], boxes, FakeModel(), threshold=0.5)
    assert found.best == ("crack", "pore", "crack")
    assert found.probabilities.shape == (3, 2)


@pytest.mark.parametrize("source", [3, None, {"a": 1}, [], ["x.png"]])
def test_what_is_no_micrograph_is_refused(source):
    with pytest.raises(SourceError, match="no micrograph"):
        vlm.ask(source, "What is it?", model=FakeModel())


def test_missing_file_and_outside_region(picture, tmp_path):
    with pytest.raises(SourceError, match="no file"):
        vlm.ask(tmp_path / "gone.tif", "What is it?", model=FakeModel())
    with pytest.raises(RegionError, match="outside"):
        vlm.ask(picture, "What is it?", (100, 100, 120, 120), FakeModel())


def test_unknown_model_is_named(picture):
    with pytest.raises(ModelError, match="no-such-model"):
        vlm.ask(picture, "What is it?", model="no-such-model")


def test_async_prints_as_it_is_written(picture, capsys):
    handle = vlm.ask_async(picture, "What is it?", model=FakeModel())
    assert str(handle.result(10)) == "a crack in the upper left"
    assert handle.text == "a crack in the upper left"
    assert capsys.readouterr().out == "a crack in the upper left\n"


def test_async_can_be_stopped_in_the_middle(picture):
    gate = Event()
    handle = vlm.ask_async(picture, "What is it?", model=FakeModel(gate=gate), echo=False)
    while not handle.text:
        pass
    handle.cancel()
    with pytest.raises(Cancelled) as stopped:
        handle.result(10)
    assert stopped.value.text.startswith("a")
    assert not gate.is_set()


def test_package_lists_its_names():
    assert set(vlm.__all__) <= set(dir(vlm))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vlm.nonsense


@pytest.mark.parametrize("model", [Path("no-such-folder"), 5])
def test_what_is_no_model_is_refused(picture, model):
    with pytest.raises(ModelError, match=r"no-such-folder|is no model"):
        vlm.ask(picture, "What is it?", model=model)


@pytest.mark.parametrize("region", [5, (1, 2, 3), "abc", None, {}, [{}], [[], [1]]])
def test_any_region_is_used_or_refused_with_a_sentence(picture, region):
    try:
        answer = vlm.ask(picture, "What?", region, FakeModel())
    except MicrographError:
        return
    assert region is None
    assert len(answer.regions) == 1


def test_two_threads_load_one_model():
    found = []
    threads = [Thread(target=lambda: found.append(vlm.load_model())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(map(id, found))) == 1
    assert vlm.load_model("student") is found[0]
