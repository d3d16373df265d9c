"""Figures under an answer in the question panel, used as a user does."""

import shutil
from pathlib import Path
from threading import Event

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, SourceError
from napari_micrograph_vlm.models.consent import CAPTIONS
from napari_micrograph_vlm.models.remote.address import Address
from napari_micrograph_vlm.retrieval import remembered
from napari_micrograph_vlm.retrieval.index import FigureIndex
from napari_micrograph_vlm.viewer.citations_handler import CitationsHandler
from retrieval.making_figures import make_figures, pixels_of
from viewer.ask_panel import AskPanel

pytestmark = pytest.mark.gui

SAID = "It is rough. The ligaments are 20 nm wide [1]. It is steel [2]."


class Remote(FakeModel):
    model = "x"  # the name that the server knows it by

    class client:  # noqa: N801 - as the remote model has it
        address = Address("http://gpu/v1", "gpu", near=True, encrypted=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "_file", lambda: tmp_path / "remembered.json")
    # The model of the index is the fake one everywhere.
    monkeypatch.setattr("napari_micrograph_vlm.api.load_model", lambda *_a, **_k: FakeModel())
    return make_figures(tmp_path / "figures")


@pytest.fixture
def panel(make_napari_viewer, qtbot, folder):
    def make(model):
        user = AskPanel(make_napari_viewer(), qtbot, model)
        user.view.advanced.checks.setChecked(False)
        user.viewer.layers[0].data = pixels_of(0)
        return user

    return make


def with_index(user, folder):
    FigureIndex.build(folder, FakeModel()).save(folder / "index")
    user.handler.citing.take(folder)
    rested(user)
    return user


def rested(user):
    user.until(lambda: not user.handler.citing.jobs.is_busy)


def shown(user):
    rested(user)
    return user.view.citations


def test_figures_stand_under_the_answer_and_open_as_layers(panel, folder):
    user = with_index(panel(FakeModel(SAID)), folder)
    user.ask()
    bar = shown(user)
    assert bar.isVisibleTo(user.view)
    assert bar.heading.text() == "Sources"
    assert bar.figures[0].label.text() == "[1] Figure 1, p. 2\npaper0.pdf"
    assert not any(one.picture.icon().isNull() for one in bar.figures)
    assert user.view.answer.toPlainText().endswith("wide [1]. It is steel.")
    shaded = user.view.answer.extraSelections()[0].cursor
    assert shaded.selectedText() == "The ligaments are 20 nm wide [1]"
    assert "[2] was taken out" in user.view.sizes.text.text()
    asked = user.viewer.layers.selection.active
    user.click(bar.figures[0].picture)
    shown(user)
    layer = user.viewer.layers[-1]
    assert layer.name == "Figure 1, page 2 of paper0.pdf"
    assert (layer.data == pixels_of(0)).all()
    assert layer.extent.world[0][1] > user.viewer.layers[0].extent.world[1][1]  # beside it
    assert user.viewer.layers.selection.active is asked
    count = len(user.viewer.layers)
    user.click(bar.figures[0].picture)
    assert len(user.viewer.layers) == count  # it is open already


def test_a_new_conversation_and_an_earlier_answer_bring_their_own_figures(panel, folder):
    user = with_index(panel(FakeModel(SAID)), folder)
    user.ask()
    user.click(user.view.fresh)
    assert not user.view.citations.isVisibleTo(user.view)
    user.view.cite.box.setCurrentIndex(0)
    user.view.cite.box.activated.emit(0)  # None
    user.ask("And now?")
    assert not user.view.citations.isVisibleTo(user.view)
    user.handler.show_entry(0)
    assert len(shown(user).figures) == 3


def test_an_index_is_made_where_a_folder_has_none(panel, folder, monkeypatch):
    user = panel(FakeModel("x"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    user.view.advanced.title.setChecked(True)
    user.click(user.view.cite.browse)
    rested(user)
    assert "4 figures and no index" in user.view.messages.text
    user.click(user.view.messages.yes)
    shown(user)
    assert user.view.messages.text == "The index of 4 figures is ready."
    assert Path(user.handler.citing.folder) == folder / "index"
    assert user.view.cite.box.currentText() == "figures"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder / "images"))
    user.click(user.view.cite.browse)
    rested(user)
    assert "holds no figures.jsonl" in user.view.messages.text


def test_captions_go_to_a_server_only_after_a_yes(panel, folder):
    CAPTIONS.clear()
    model = Remote(SAID)
    user = with_index(panel(model), folder)
    user.view.question.line.setText("What is this?")
    user.click(user.view.ask)
    user.until(lambda: user.view.messages.is_asking)
    assert "from the index figures. The captions" in user.view.messages.text
    assert not model.questions
    user.click(user.view.messages.no)
    user.until(lambda: not user.handler.is_busy)
    assert model.questions[-1].text == "What is this?"
    assert user.view.citations.heading.text() == "Similar figures"
    user.qtbot.mouseClick(user.view.ask, Qt.MouseButton.LeftButton)
    user.until(lambda: user.view.messages.is_asking)
    user.click(user.view.messages.yes)
    user.until(lambda: not user.handler.is_busy)
    assert "ligaments" in model.questions[-1].text
    user.ask()  # asked once for this index
    assert "ligaments" in model.questions[-1].text
    with_index(user, make_figures(folder.parent / "others"))
    user.click(user.view.ask)
    user.until(lambda: user.view.messages.is_asking)  # and anew for another
    user.click(user.view.messages.no)
    user.until(lambda: not user.handler.is_busy)
    CAPTIONS.clear()


def test_a_chosen_index_is_made_whole_and_brought_up_to_date(panel, folder):
    stop, index = Event(), FigureIndex.empty(FakeModel())
    with pytest.raises(Cancelled):
        index.update(folder, on_figure=lambda *_: stop.set(), cancel=stop)
    index.save(folder / "index")  # as a panel leaves it that was closed meanwhile
    user = panel(FakeModel(SAID))
    user.handler.citing.take(folder)
    rested(user)
    whole = FigureIndex.load(folder)
    assert (len(whole), whole.complete) == (4, True)
    assert "3 figures were looked at" in user.view.messages.text
    user.ask()
    assert len(shown(user).figures) == 3
    again = CitationsHandler(user.view, user.viewer, lambda: None)  # as when it is opened anew
    assert again.folder == str(folder / "index")
    assert user.view.cite.box.currentText() == "figures"
    again.close()
    (folder / "images" / "0.png").unlink()
    user.handler.citing.choose(str(folder / "index"))
    rested(user)
    assert len(FigureIndex.load(folder)) == 3
    (folder / "figures.jsonl").unlink()  # its figures cannot be listed: used as it is
    user.handler.citing.choose(str(folder / "index"))
    rested(user)
    assert "used as it is" in user.view.messages.text
    assert len(FigureIndex.load(folder)) == 3


def test_a_broken_index_and_a_lost_picture_are_said(panel, folder):
    user = with_index(panel(FakeModel(SAID)), folder)
    user.ask()
    shown(user)
    (folder / "images" / "0.png").unlink()
    user.click(user.view.citations.figures[0].picture)
    shown(user)
    assert "There is no picture images/0.png" in user.view.messages.text
    for picture in (folder / "images").iterdir():
        picture.unlink()
    user.handler.citing.choose(str(folder / "index"))
    rested(user)
    assert "none of its 4 pictures is there any more" in user.view.messages.text
    user.ask()
    figures = shown(user).figures
    assert figures[0].label.text() == "[1] Figure 1, p. 2\npaper0.pdf"
    assert [one.picture.text() for one in figures] == ["picture\nmissing"] * 3
    (folder / "index" / "index.json").write_text("{")
    user.ask()
    assert "damaged" in user.view.messages.text
    with pytest.raises(SourceError):
        FigureIndex.load(folder)
    shutil.rmtree(folder)
    user.ask("And without?")
    assert "The index figures is no longer there; choose it again" in user.view.messages.text
    assert user.view.answer.toPlainText() == SAID
    assert not user.view.citations.isVisibleTo(user.view)
