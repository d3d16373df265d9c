"""The run that a viewer's panels share."""

import gc
import weakref

import numpy as np
import pytest
from run_panels import BOX, NAMES, any_run, classified, folder_journal, pictures_in

from fakes import picture
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.item_features import write_findings
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui


@pytest.fixture
def drawn(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX, BOX + 5, BOX + 9], name="drawn")
    yield viewer, image, shapes
    assert wait_for_jobs(5)


def take(book, classification, qtbot):
    with qtbot.waitSignal(book.opened, timeout=10_000):
        book.take(classification, NAMES)
    return list(book.journal.findings())


def test_each_viewer_has_one_book(make_napari_viewer):
    one, other = make_napari_viewer(), make_napari_viewer()
    assert RunBook.of(one) is RunBook.of(one)
    assert RunBook.of(one) is not RunBook.of(other)


def test_a_book_keeps_no_viewer_and_closes_its_journal():
    from napari.components import ViewerModel

    viewer = ViewerModel()
    book = RunBook.of(viewer)
    journal = Journal.create(":memory:", any_run())
    book.open(journal)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None
    assert book.journal is None
    with pytest.raises(Exception, match="closed"):
        journal.counts()


def test_what_a_panel_classified_is_taken(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    found = take(book, classified(viewer, image, shapes, threshold=0.5), qtbot)
    assert [one.best for one in found] == ["crack", "pore", "blister"]
    assert [one.item.source for one in found] == ["gold"] * 3
    assert all(one.thumbnail and one.maps for one in found)
    run = book.journal.run
    assert (run.model, run.task.threshold, run.task.label_set.names) == ("fake", 0.5, NAMES)
    assert book.places[found[1].item.key].layer() is image


def test_a_correction_is_in_the_journal_and_beside_the_shape(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    found = take(book, classified(viewer, image, shapes), qtbot)
    with qtbot.waitSignal(book.changed) as told:
        book.correct(found[1].item.key, "void")
    assert told.args == [[found[1].item.key]]
    assert book.journal.finding(found[1].item.key).final == "void"
    assert list(shapes.features["vlm_corrected"]) == ["", "void", ""]
    book.correct(found[1].item.key, "")
    assert list(shapes.features["vlm_corrected"]) == ["", "", ""]


def test_a_review_can_be_taken_back(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    key = take(book, classified(viewer, image, shapes), qtbot)[0].item.key
    book.review(key)
    assert book.journal.finding(key).reviewed
    book.review(key, False)
    assert not book.journal.finding(key).reviewed


def test_nothing_happens_without_a_journal(make_napari_viewer):
    book = RunBook.of(make_napari_viewer())
    book.correct("a", "b")
    book.review("a")
    assert book.journal is None


def test_a_new_classification_keeps_what_a_person_said(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    found = take(book, classified(viewer, image, shapes), qtbot)
    book.correct(found[1].item.key, "void")
    book.review(found[2].item.key)  # the model's "blister" is right
    # Without the first shape, the model's answers move on by one.
    shapes.selected_data = {0}
    shapes.remove_selected()
    again = take(book, classified(viewer, image, shapes), qtbot)
    assert [one.best for one in again] == ["crack", "pore"]
    assert [one.final for one in again] == ["void", "blister"]
    assert all(one.reviewed for one in again)


def test_the_journal_before_is_closed(drawn, tmp_path, qtbot):
    viewer, _image, _shapes = drawn
    book = RunBook.of(viewer)
    path = folder_journal(pictures_in(tmp_path / "in"), tmp_path / "a.journal")
    first, second = Journal.open(path), Journal.open(path)
    book.open(first)
    book.open(second)
    assert len(second) == 4
    with pytest.raises(Exception, match="closed"):
        len(first)
    book.open(None)
    assert book.journal is None


def test_classes_of_objects_are_found_by_their_number(make_napari_viewer, qtbot):
    from dataclasses import replace

    viewer = make_napari_viewer()
    data = np.zeros((64, 80), int)
    data[5:30, 5:30], data[40:60, 40:60] = 7, 3
    labels = viewer.add_labels(data, name="objects")
    book = RunBook.of(viewer)
    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX, BOX + 5])
    found = take(book, classified(viewer, image, shapes), qtbot)
    items = [
        replace(one, item=replace(one.item, label=n, shape_id=f"label:{labels.unique_id}:{n}"))
        for one, n in zip(found, (7, 3), strict=True)
    ]
    assert write_findings(viewer, items, book.journal.run) == 2
    table = labels.features.set_index("index")
    assert table.loc[7, "vlm_class"] == "crack"
    assert table.loc[3, "vlm_class"] == "pore"
    assert table.loc[3, "vlm_model"] == "fake"


def test_a_later_run_leaves_corrections_beside_shapes(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    found = take(book, classified(viewer, image, shapes), qtbot)
    book.correct(found[0].item.key, "void")
    write_findings(viewer, found, book.journal.run)  # as the model said
    assert list(shapes.features["vlm_corrected"]) == ["void", "", ""]
    assert list(shapes.features["vlm_class"]) == ["crack", "pore", "blister"]
    assert shapes.features["vlm_text"][0] == "void"
    shapes.add_rectangles(BOX + 2)
    assert shapes.features["vlm_class"].iloc[-1] == ""


def test_a_classification_of_a_saved_label_set(drawn, qtbot):
    viewer, image, shapes = drawn
    book = RunBook.of(viewer)
    label_set = label_set_of(NAMES, "ours")
    with qtbot.waitSignal(book.opened, timeout=10_000):
        book.take(classified(viewer, image, shapes), label_set)
    assert book.journal.run.task.label_set.name == "ours"
