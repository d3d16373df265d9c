"""Answers that cite: what a model is told, what is made of it, and where it is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from fakes import FakeModel
from napari_micrograph_vlm import ask, batch
from napari_micrograph_vlm.citations import Citation, cited_lines
from napari_micrograph_vlm.models.consent import CAPTIONS
from napari_micrograph_vlm.models.reasoning import ReasonedModel
from napari_micrograph_vlm.models.remote.address import Address
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.reporting.html import write_report
from napari_micrograph_vlm.reporting.sidecar import Sidecar
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.retrieval.citing import CitingModel
from napari_micrograph_vlm.retrieval.index import FigureIndex
from napari_micrograph_vlm.runs.journal import Journal
from retrieval.making_figures import make_figures, pixels_of

SAID = "The surface is rough. The ligaments are 20 nm wide [1]. It is steel [2]."


class ShortAnswers(FakeModel):
    """A model that was taught short answers and takes no instructions."""

    reasons = False


@pytest.fixture
def index(tmp_path):
    return FigureIndex.build(make_figures(tmp_path / "figures"), FakeModel())


def question(text="What is this?"):
    return Question(text, (Cutout.of_array(pixels_of(0)).read(),))


def test_a_model_is_told_the_captions_and_its_marks_are_checked(index):
    model = FakeModel(SAID)
    answer = CitingModel(model, index).ask(question())
    told = model.questions[0].text
    assert told.startswith("What is this?\n\n")
    assert "[1] SEM image of nanoporous gold" in told
    assert "paper0.pdf" not in told  # captions only
    assert answer.question == "What is this?"
    assert answer.text == "The surface is rough. The ligaments are 20 nm wide [1]. It is steel."
    assert [(c.number, c.told, c.used) for c in answer.citations] == [
        (1, True, True), (2, True, False), (3, True, False),
    ]  # fmt: skip
    assert answer.warnings == (
        "The mark [2] was taken out: the caption does not say “It is steel”.",
    )
    assert [answer.text[p.start : p.stop] for p in answer.parts if p.sources] == [
        "The ligaments are 20 nm wide [1]"
    ]


def test_marks_do_not_go_on_into_the_next_question(index):
    answer = CitingModel(FakeModel(SAID), index).ask(question())
    said = "The surface is rough. The ligaments are 20 nm wide. It is steel."
    assert answer.next_turns[-1].answer == said


def test_words_keep_their_places_and_their_maps(index):
    answer = CitingModel(FakeModel(SAID), index).ask(question())
    spoken = [answer.text[word.start : word.stop] for word in answer.words]
    assert " ".join(spoken) == "The surface is rough. The ligaments are 20 nm wide It is steel"
    assert all(word.attention for word in answer.words)


def test_a_model_of_short_answers_is_asked_as_always(index):
    model = ShortAnswers("porous [1]")
    answer = CitingModel(model, index).ask(question())
    assert model.questions[0].text == "What is this?"
    assert (answer.text, answer.parts, answer.warnings) == ("porous [1]", (), ())
    assert [(c.told, c.used) for c in answer.citations] == [(False, False)] * 3


def test_a_family_that_takes_no_instructions_is_asked_as_always(index):
    model = FakeModel("a crack")
    model.family = type("Blip", (), {"takes_conditions": False})
    assert not any(one.told for one in CitingModel(model, index).ask(question()).citations)
    assert model.questions[0].text == "What is this?"


def test_reasoned_answers_cite_too(index):
    model = FakeModel("Step 1: It is steel [3].\nAnswer: Ligaments of 20 nm [1].")
    answer = CitingModel(ReasonedModel(model), index).ask(question())
    assert answer.text == "Ligaments of 20 nm [1]."
    assert [step.text for step in answer.steps] == ["It is steel."]
    assert answer.question == "What is this?"
    assert len(answer.warnings) == 1


def test_captions_leave_only_with_consent(index, monkeypatch):
    class Remote(FakeModel):
        class client:  # noqa: N801 - as the remote model has it
            address = Address("http://gpu/v1", "gpu", near=True, encrypted=False)

    CAPTIONS.clear()
    model = Remote(SAID)
    answer = CitingModel(model, index).ask(question())
    assert model.questions[-1].text == "What is this?"
    assert not any(one.told for one in answer.citations)
    answer = CitingModel(model, index, send=True).ask(question())
    assert "ligaments" in model.questions[-1].text
    assert answer.citations[0].used
    # One yes is for one question, not for what is asked later.
    assert "ligaments" not in asked_of(model, CitingModel(model, index, send=False))
    assert "ligaments" not in asked_of(model, CitingModel(model, index))
    pixels = pixels_of(0)
    ask(pixels, "What is this?", model=model, cite=index, send_captions=True)
    assert "ligaments" in model.questions[-1].text
    ask(pixels, "What is this?", model=model, cite=index)
    assert "ligaments" not in model.questions[-1].text
    # What the user agreed to in the window is for the figures of that index only.
    CAPTIONS.grant(Remote.client.address, answer.citations[0].folder)
    assert "ligaments" in asked_of(model, CitingModel(model, known=answer.citations))
    assert "ligaments" not in asked_of(model, CitingModel(model, index))
    others = [replace(one, folder="/other") for one in answer.citations]
    assert "ligaments" not in asked_of(model, CitingModel(model, known=others))
    refused = CitingModel(model, known=answer.citations, send=False)
    assert "ligaments" not in asked_of(model, refused)
    CAPTIONS.clear()


def asked_of(model, citing):
    citing.ask(question())
    return model.questions[-1].text


def test_the_public_function_cites_from_a_folder(index, tmp_path):
    index.save(tmp_path / "index")
    fresh = FigureIndex.load(tmp_path / "index", FakeModel())
    answer = ask(pixels_of(1), "What is this?", model=ShortAnswers(), cite=fresh)
    assert answer.citations[0].figure.id == "f1"
    kept = json.loads(answer.to_json())
    assert kept["citations"][0]["where"] == "Figure 2, page 3 of paper1.pdf"
    assert Citation.from_dict(kept["citations"][2]).figure == answer.citations[2].figure
    assert cited_lines(answer.citations)[0].startswith("[1] Figure 2, page 3 of paper1.pdf — TEM")


def test_a_kept_answer_comes_back_with_its_sources(index, tmp_path):
    path = tmp_path / "gold.tif"
    tifffile.imwrite(path, pixels_of(0))
    answer = ask(path, "What is this?", model=FakeModel(SAID), cite=index)
    key = Sidecar(path).keep(answer)
    again = Sidecar(path).read(key).result
    assert (again.parts, again.notes) == (answer.parts, answer.notes)
    assert [c.to_dict() for c in again.citations] == [c.to_dict() for c in answer.citations]
    assert again.warnings == answer.warnings


def test_table_and_report_of_a_run_name_the_figures(index, tmp_path):
    stack = np.stack([pixels_of(0), pixels_of(3)])
    journal = tmp_path / "run.journal"
    options = {"axis": 0, "model": FakeModel(SAID), "journal": journal, "cite": index}
    table = batch(stack, questions="What is this?", **options)
    assert table["figures"].str.startswith("[1] Figure").all()
    assert "Figure 1, page 2 of paper0.pdf" in table["figures"][0]
    with Journal.open(journal) as book:
        said = next(iter(book.findings())).said[0]
        assert len(said.figures) == 3
        write_report(book, tmp_path / "report.html")
    assert "Figure 1, page 2 of paper0.pdf" in (tmp_path / "report.html").read_text("utf-8")
    plain = batch(stack, questions="What is this?", axis=0, model=FakeModel("x"))
    assert "figures" not in plain
