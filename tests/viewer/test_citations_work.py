"""Figures looked up for a question: with the model that made the index, or another."""

from threading import Event

import pytest

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.models.consent import CAPTIONS
from napari_micrograph_vlm.models.remote.address import Address
from napari_micrograph_vlm.models.wrapping import WrappedModel
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.retrieval.index import FigureIndex
from napari_micrograph_vlm.viewer.citations_work import brought_up_to_date, cited, made
from napari_micrograph_vlm.viewer.handler_jobs import Report
from retrieval.making_figures import make_figures, pixels_of

pytestmark = pytest.mark.gui


class Maker(FakeModel):
    name = "maker"


class Remote(FakeModel):
    name = "http://gpu/v1#x"
    model = "x"  # the name that the server knows it by

    class client:  # noqa: N801 - as the remote model has it
        address = Address("http://gpu/v1", "gpu", near=True, encrypted=False)


class Net(FakeModel):
    name = "net"

    def __init__(self):
        super().__init__()
        self.model = object()  # its weights, which are no model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_micrograph_vlm.api.load_model", lambda *_a, **_k: Maker())
    return make_figures(tmp_path / "figures")


def regions():
    return (Cutout.of_array(pixels_of(0)).read(),)


def look_up(model, index, agree=False):
    asked = []

    def report(kind, value):
        if kind is Report.CONSENT:
            asked.append(value.needed.question)
            value.decide(agree)

    asking = cited(model, index, ("What is this?", regions()), report, Event())
    return asking, asked


@pytest.mark.parametrize("kind", [Remote, Net, FakeModel])
def test_any_model_is_asked_with_the_index_of_another(folder, kind):
    CAPTIONS.clear()
    model = kind()
    asking, asked = look_up(WrappedModel(WrappedModel(model)), FigureIndex.build(folder, Maker()))
    assert len(asked) == (kind is Remote)
    said = asking.ask(Question("What is this?", regions()))
    assert said.citations[0].figure.id == "f0"
    assert said.citations[0].told is (kind is not Remote)


def test_the_model_of_the_index_looks_itself_however_it_is_wrapped(folder, monkeypatch):
    FigureIndex.build(folder, Maker()).save(folder / "index")

    def load(*_args, **_options):
        pytest.fail("A second one was loaded.")

    monkeypatch.setattr("napari_micrograph_vlm.api.load_model", load)
    wrapped = WrappedModel(WrappedModel(Maker()), name="maker, in steps")
    asking, _ = look_up(wrapped, FigureIndex.load(folder))
    assert len(asking.known) == 3


def test_a_yes_is_for_one_index(folder, tmp_path):
    CAPTIONS.clear()
    index = FigureIndex.build(folder, Maker())
    other = FigureIndex.build(make_figures(tmp_path / "others"), Maker())
    model = Remote()
    asking, asked = look_up(model, index, agree=True)
    asking.ask(Question("What is this?", regions()))
    assert len(asked) == 1
    assert "ligaments" in model.questions[-1].text
    assert look_up(model, index)[1] == []
    asking, asked = look_up(model, other)
    asking.ask(Question("What is this?", regions()))
    assert len(asked) == 1
    assert model.questions[-1].text == "What is this?"
    CAPTIONS.clear()


def test_an_index_whose_making_was_stopped_is_made_whole_later(folder):
    stop = Event()
    with pytest.raises(Cancelled):
        made(folder, folder / "index", lambda *_: stop.set(), stop)
    assert not FigureIndex.load(folder).complete
    change = brought_up_to_date(folder / "index", lambda *_: None, Event())
    assert (change.added, change.kept) == (3, 1)
    assert FigureIndex.load(folder).complete
    kept = (folder / "index" / "index.json").stat().st_mtime_ns
    brought_up_to_date(folder / "index", lambda *_: None, Event())
    assert (folder / "index" / "index.json").stat().st_mtime_ns == kept  # nothing to write
