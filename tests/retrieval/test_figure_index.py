"""An index of captioned figures: what it finds, and that it stays right on disk."""

import json
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from PIL import Image

from fakes import FakeModel
from napari_micrograph_vlm.datasets.papers.figure import (
    Panel,
    PaperFigure,
    read_figures,
    write_figures,
)
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError, SourceError
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.retrieval import remembered
from napari_micrograph_vlm.retrieval.index import FigureIndex
from napari_micrograph_vlm.retrieval.views import boxes_of
from retrieval.making_figures import CAPTIONS, make_figures, pixels_of


@pytest.fixture
def folder(tmp_path):
    return make_figures(tmp_path / "figures")


def region(number, rows=slice(10, 80), columns=slice(20, 100)):
    return Cutout.of_array(pixels_of(number)[rows, columns]).read()


def found(index, *args, **options):
    return [one.figure.id for one in index.similar(*args, **options)]


def told(index, *args, **options):
    return [one.to_dict() for one in index.similar(*args, **options)]


def test_a_cut_out_finds_its_figure(folder):
    index = FigureIndex.build(folder, FakeModel())
    for number in range(4):
        best = index.similar(region(number))[0]
        assert best.figure.id == f"f{number}"
        assert best.image_score == best.score > 0.5
        assert np.isnan(best.text_score)
    assert [one.number for one in index.similar(region(0))] == [1, 2, 3]


def test_words_find_captions_and_rare_words_count_more(folder):
    index = FigureIndex.build(folder, FakeModel())
    assert found(index, text="porous gold")[0] == "f0"
    assert found(index, text="Pt on carbon", count=1) == ["f1"]  # its symbol
    assert found(index, text="fiber diameters", count=1) == ["f2"]
    assert found(index, text="what is a zebra?") == []
    assert found(index, text="image of cracks") == ["f3"]
    assert found(index, text="no cracks") == ["f1"]


def test_region_and_words_together(folder):
    index = FigureIndex.build(folder, FakeModel())
    both = index.similar(region(0), "a coating with a crack", count=4)
    assert both[0].figure.id == "f0"  # the picture has the larger say
    by_id = {one.figure.id: one for one in both}
    assert by_id["f3"].text_score > by_id["f2"].text_score == 0
    assert found(index, region(0), "a coating with a crack", share=0.0)[0] == "f3"


def test_the_panel_that_is_most_alike_is_named(folder):
    citation = FigureIndex.build(folder, FakeModel()).similar(
        region(1, slice(0, 96), slice(64, 128)), count=1
    )[0]
    assert citation.figure.id == "f1"
    assert citation.box == (64, 0, 128, 96)
    assert str(citation) == "[1] Figure 2, page 3 of paper1.pdf"


def test_nothing_to_look_for_is_said(folder):
    index = FigureIndex.build(folder, FakeModel())
    with pytest.raises(QuestionError, match="region or a text"):
        index.similar()


def test_a_saved_index_finds_the_same(folder, tmp_path):
    index = FigureIndex.build(folder, FakeModel())
    index.save(tmp_path / "index")
    again = FigureIndex.load(tmp_path / "index", FakeModel())
    assert again.similar(region(2), "crack") == index.similar(region(2), "crack")
    assert {file.suffix for file in (tmp_path / "index").iterdir()} == {".json", ".safetensors"}


def test_it_moves_with_its_figures(folder, tmp_path):
    FigureIndex.build(folder, FakeModel()).save(folder / "index")
    moved = folder.rename(tmp_path / "elsewhere")
    index = FigureIndex.load(moved, FakeModel())  # the folder of figures will do
    assert index.similar(region(2))[0].image.is_file()


def test_another_model_is_refused(folder, tmp_path):
    FigureIndex.build(folder, FakeModel()).save(tmp_path)
    other = FakeModel()
    other.revision = "2"
    with pytest.raises(ModelError, match=r"made by the model fake .*--again"):
        FigureIndex.load(tmp_path, other)


def test_an_update_looks_only_at_what_is_new_or_changed(folder):
    model = FakeModel()
    index = FigureIndex.build(folder, model)
    (folder / "images" / "1.png").unlink()
    Image.fromarray(pixels_of(3)[:, ::-1]).save(folder / "images" / "2.png")
    figures = read_figures(folder)
    write_figures(folder, [replace(figures[0], caption="Silver now."), *figures[1:]])
    change = index.update()
    assert (change.added, change.kept, change.gone) == (1, 2, 2)
    assert change.skipped == (f"There is no picture images/1.png in {folder}.",)
    assert found(index, text="silver") == ["f0"]  # a new caption needs no new look
    fresh = FigureIndex.build(folder, model)
    assert told(index, region(3), count=9) == told(fresh, region(3), count=9)


def test_a_stopped_update_keeps_what_it_saw_and_goes_on(folder, tmp_path):
    stop, index = Event(), FigureIndex.empty(FakeModel())
    with pytest.raises(Cancelled):
        index.update(folder, on_figure=lambda done, _all: done == 2 and stop.set(), cancel=stop)
    assert len(index) == 2
    index.save(tmp_path)
    again = FigureIndex.load(tmp_path, FakeModel())
    assert (again.update().added, len(again)) == (2, 4)
    whole = FigureIndex.build(folder, FakeModel())
    assert told(again, region(1), count=4) == told(whole, region(1), count=4)


def test_an_index_goes_on_whatever_way_its_folder_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path / "work")
    index = FigureIndex.empty(FakeModel())
    assert index.update("../figures").added == 4
    index.save("../work/../index")
    again = FigureIndex.load("../index", FakeModel())
    for name in ("../figures", "../work/../figures", folder, tmp_path / "link"):
        assert (again.update(name).kept, again.folders) == (4, [str(folder)])


def test_an_update_that_fails_leaves_the_index_as_it_was(folder, tmp_path):
    index = FigureIndex.build(folder, FakeModel())
    before = told(index, region(1))
    with pytest.raises(SourceError, match=r"no figures\.jsonl"):
        index.update(tmp_path / "nowhere")
    assert index.complete
    index.save(tmp_path / "index")
    assert told(FigureIndex.load(tmp_path / "index", FakeModel()), region(1)) == before


def test_an_index_knows_whether_it_is_complete(folder, tmp_path):
    stop, index = Event(), FigureIndex.empty(FakeModel())
    with pytest.raises(Cancelled):
        index.update(folder, on_figure=lambda *_: stop.set(), cancel=stop)
    index.save(tmp_path)
    again = FigureIndex.load(tmp_path, FakeModel())
    assert (again.complete, len(again)) == (False, 1)
    again.update()
    again.save(tmp_path)
    assert FigureIndex.load(tmp_path, FakeModel()).complete


@pytest.mark.parametrize("name", ["\0.png", "x" * 400, "images/\0/../1.png"])
def test_names_that_no_file_can_have_are_skipped(folder, name):
    figures = read_figures(folder)
    write_figures(folder, [*figures, replace(figures[0], id="odd", image=name)])
    index = FigureIndex.empty(FakeModel())
    change = index.update(folder)
    assert (change.added, len(change.skipped)) == (4, 1)
    assert "is no name of a picture" in change.skipped[0]
    index.entries[0] = replace(index.entries[0], figure=replace(figures[0], image=name))
    assert found(index, region(0), count=4)[-1] == "f0"  # as one whose picture is gone


def test_a_figure_whose_picture_was_deleted_comes_after_all_others(folder):
    index = FigureIndex.build(folder, FakeModel())
    (folder / "images" / "2.png").unlink()
    assert "f2" not in found(index, region(2), count=3)
    assert [one.number for one in index.similar(region(2), count=3)] == [1, 2, 3]
    assert found(index, region(2), count=4)[-1] == "f2"


def test_bad_figures_are_skipped_with_a_sentence_each(folder):
    figures = read_figures(folder)
    (folder / "images" / "1.png").write_bytes(b"no picture")
    flat = Image.fromarray(np.full((64, 64), 7, np.uint8))
    flat.save(folder / "images" / "flat.png")
    outside = replace(figures[0], id="out", image="../../secret.png")
    write_figures(
        folder, [*figures, replace(figures[0], id="flat", image="images/flat.png"), outside]
    )
    index = FigureIndex.empty(FakeModel())
    change = index.update(folder)
    assert (change.added, len(change.skipped)) == (3, 3)
    assert any("lies outside" in sentence for sentence in change.skipped)


def test_a_damaged_index_says_what_to_do(folder, tmp_path):
    FigureIndex.build(folder, FakeModel()).save(tmp_path)
    with pytest.raises(SourceError, match="holds no index of figures"):
        FigureIndex.load(folder)
    whole = json.loads((tmp_path / "index.json").read_text())
    whole["figures"] = whole["figures"][1:]
    (tmp_path / "index.json").write_text(json.dumps(whole))
    with pytest.raises(SourceError, match=r"damaged \(.*do not fit.*--again"):
        FigureIndex.load(tmp_path)
    FigureIndex.build(folder, FakeModel()).save(tmp_path)
    whole = json.loads((tmp_path / "index.json").read_text())
    for part in ({"stamp": [float("inf"), 1]}, {"boxes": [[0, 0, float("inf"), 1]]}):
        figures = [{**whole["figures"][0], **part}, *whole["figures"][1:]]
        (tmp_path / "index.json").write_text(json.dumps({**whole, "figures": figures}))
        with pytest.raises(SourceError, match=r"damaged \(.*infinity"):
            FigureIndex.load(tmp_path)
    next(tmp_path.glob("rows-*")).write_bytes(b"\x80\x04pickle")
    with pytest.raises(SourceError, match="damaged"):
        FigureIndex.load(tmp_path)


def test_without_the_search_library_the_extra_is_named(folder, monkeypatch):
    import napari_micrograph_vlm.retrieval.ranking as ranking

    monkeypatch.setattr(ranking, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"napari-micrograph-vlm\[retrieval\]"):
        FigureIndex.build(folder, FakeModel())


def test_parts_of_a_figure_stay_inside_it_and_are_few():
    panels = tuple(Panel("", (i * 10 - 40, 0, i * 10 + 60, 900)) for i in range(40))
    boxes = boxes_of(PaperFigure("f", "f.png", "", "", "", panels=panels), 400, 300)
    assert boxes[0] is None
    assert len(boxes) == 32
    assert all(0 <= b[0] < b[2] <= 400 and 0 <= b[1] < b[3] <= 300 for b in boxes[1:])


def test_indexes_are_remembered_until_they_are_gone(folder, tmp_path):
    kept = tmp_path / "kept.json"
    FigureIndex.build(folder, FakeModel()).save(folder / "index")
    for place in (folder / "index", tmp_path / "none", folder / "index"):
        remembered.remember(place, kept)
    assert remembered.remembered(kept) == [folder / "index"]
    kept.write_text("{broken")
    assert remembered.remembered(kept) == []


def test_the_chosen_index_is_kept_until_it_is_gone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "_file", lambda: tmp_path / "kept" / "indexes.json")
    assert remembered.chosen() == ""
    FigureIndex.build(folder, FakeModel()).save(folder / "index")
    remembered.keep_chosen(str(folder / "index"))
    assert remembered.chosen() == str(folder / "index")
    folder.rename(tmp_path / "elsewhere")
    assert remembered.chosen() == ""
    remembered.keep_chosen("")
    assert remembered.chosen() == ""


def test_the_student_looks_and_reads(folder):
    """The bundled model's own towers: a picture finds itself, and words find pictures."""
    from napari_micrograph_vlm.api import load_model

    student = load_model(None, "cpu")
    index = FigureIndex.build(make_figures(folder, ("", "", "")), student)
    assert found(index, region(2), count=1) == ["f2"]
    silent = index.similar(text="particles", count=3)
    assert all(0 < one.score <= 0.5 for one in silent)  # no caption says anything
    assert CAPTIONS[0] not in str(silent)
