"""Figures under an answer in the question panel, used as a user does."""

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from fakes import FakeModel
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.models.consent import CAPTIONS
from napari_micrograph_vlm.models.remote.address import Address
from napari_micrograph_vlm.retrieval import remembered
from napari_micrograph_vlm.retrieval.index import FigureIndex
from retrieval.making_figures import make_figures, pixels_of
from viewer.ask_panel import AskPanel

pytestmark = pytest.mark.gui

SAID = "It is rough. The ligaments are 20 nm wide [1]. It is steel [2]."


class Remote(FakeModel):
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
    return user


def shown(user):
    user.until(lambda: not user.handler.citing.jobs.is_busy)
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
    assert "4 figures and no index" in user.view.messages.text
    user.click(user.view.messages.yes)
    shown(user)
    assert user.view.messages.text == "The index of 4 figures is ready."
    assert Path(user.handler.citing.folder) == folder / "index"
    assert user.view.cite.box.currentText() == "figures"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder / "images"))
    user.click(user.view.cite.browse)
    assert "holds no figures.jsonl" in user.view.messages.text


def test_captions_go_to_a_server_only_after_a_yes(panel, folder):
    CAPTIONS.clear()
    model = Remote(SAID)
    user = with_index(panel(model), folder)
    user.view.question.line.setText("What is this?")
    user.click(user.view.ask)
    user.until(lambda: user.view.messages.is_asking)
    assert "captions" in user.view.messages.text
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
    CAPTIONS.clear()


def test_a_broken_index_and_a_lost_picture_are_said(panel, folder):
    user = with_index(panel(FakeModel(SAID)), folder)
    user.ask()
    shown(user)
    (folder / "images" / "0.png").unlink()
    user.click(user.view.citations.figures[0].picture)
    shown(user)
    assert "is missing" in user.view.messages.text
    (folder / "index" / "index.json").write_text("{")
    user.ask()
    assert "damaged" in user.view.messages.text
    with pytest.raises(SourceError):
        FigureIndex.load(folder)
