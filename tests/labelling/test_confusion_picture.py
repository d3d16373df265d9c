"""The confusion matrix as a picture."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.labelling import confusion_picture as module
from napari_micrograph_vlm.labelling.confusion_picture import confusion_picture
from napari_micrograph_vlm.labelling.label_sets import SEMICONDUCTOR_DEFECTS

BRIGHTEST, DARKEST, EMPTY = (254, 232, 56), (0, 34, 78), (236, 236, 236)


def _has(picture, colour):
    return int((picture == np.array(colour, np.uint8)).all(-1).sum())


def test_eighteen_classes_fit_a_panel_and_show_right_and_wrong():
    n = len(SEMICONDUCTOR_DEFECTS)
    counts = np.diag(np.full(n, 20))
    counts[3] = 0
    picture = confusion_picture(counts, SEMICONDUCTOR_DEFECTS)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert max(picture.shape) < 1000
    cell = _has(confusion_picture(np.array([[1, 0], [0, 1]]), ["a", "b"]), DARKEST) / 2
    assert _has(picture, BRIGHTEST) > 17 * 34 * 34 / 2
    assert _has(picture, EMPTY) > 17 * 33 * 33
    assert cell > 60 * 60


def test_numbers_are_written_where_there_is_room():
    some = confusion_picture(np.array([[5, 0], [0, 5]]), ["a", "b"])
    more = confusion_picture(np.array([[888, 0], [0, 888]]), ["a", "b"])
    assert some.shape == more.shape
    assert (some != more).any()


def test_colours_differ_in_brightness_alone_too():
    greys = [np.dot(module._colour(share), (0.299, 0.587, 0.114)) for share in np.linspace(0, 1, 9)]
    assert (np.diff(greys) > 5).all()


@pytest.mark.parametrize("n", [2, 60, 101, 400])
def test_any_number_of_classes_is_drawn(n):
    picture = confusion_picture(np.eye(n, dtype=int), [f"class {i}" for i in range(n)])
    assert max(picture.shape) < 4000


def test_long_odd_and_empty_names_do_no_harm():
    names = ["x" * 500, "two\nlines", "", "缺陷 🙂", "=1+1"]
    assert max(confusion_picture(np.eye(5, dtype=int), names).shape) < 900


def test_letters_that_a_font_lacks_are_written_otherwise(monkeypatch):
    monkeypatch.setattr(module, "_font_file", lambda: "")
    assert module._short("Émulsion 5 µm 缺") == "Emulsion 5 um ?"
    assert confusion_picture(np.eye(2, dtype=int), ["é", "b"]).shape[2] == 3


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ValueError, match="3 classes need"):
        confusion_picture(np.eye(2, dtype=int), ["a", "b", "c"])
