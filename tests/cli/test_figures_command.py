"""``figures index``, ``figures search`` and ``ask --cite`` in a shell."""

import json

import pytest
from PIL import Image

from fakes import FakeModel
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.retrieval.index import FigureIndex
from retrieval.making_figures import make_figures, pixels_of


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    model = FakeModel("The ligaments are 20 nm wide [1]. Steel [2].")
    monkeypatch.setattr("napari_micrograph_vlm.api.load_model", lambda *_a, **_k: model)

    def start(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return start


def test_an_index_is_made_searched_and_cited(run, tmp_path):
    folder = make_figures(tmp_path / "figures")
    code, out, _ = run("figures", "index", "figures")
    assert (code, out.split(": ")[1]) == (0, "4 looked at, 0 known before, 0 no longer there.\n")
    (folder / "images" / "3.png").unlink()
    code, out, err = run("figures", "index", "figures", "--json")
    assert json.loads(out)["kept"] == 3
    assert "1 skipped:" in err
    code, out, _ = run("figures", "search", "figures", "nanoporous gold", "--count", "1")
    assert "Figure 1, page 2 of paper0.pdf\n       words 0." in out
    Image.fromarray(pixels_of(1)).save("asked.png")
    code, out, _ = run("figures", "search", "figures", "--image", "asked.png", "--json")
    assert json.loads(out)[0]["figure"]["id"] == "f1"
    Image.fromarray(pixels_of(0)).save("asked.png")
    code, out, _ = run("ask", "asked.png", "What is this?", "--cite", "figures")
    assert code == 0
    assert out.startswith("The ligaments are 20 nm wide [1]. Steel.\n")
    assert "  Check: The mark [2] was taken out" in out
    assert "    [1] Figure 1, page 2 of paper0.pdf — SEM image of nanoporous gold" in out


def test_ctrl_c_keeps_what_was_looked_at(run, tmp_path, monkeypatch):
    make_figures(tmp_path / "figures")
    looked = []

    def look(self, regions, **options):
        looked.append(len(regions))
        if len(looked) == 3:
            raise KeyboardInterrupt
        return FakeModel.features(self, regions, **options)

    monkeypatch.setattr("napari_micrograph_vlm.api.load_model", lambda *_a: Stopped())
    Stopped = type("Stopped", (FakeModel,), {"features": look})  # noqa: N806
    code, _, err = run("figures", "index", "figures")
    assert (code, "the same command goes on" in err) == (130, True)
    assert len(FigureIndex.load(tmp_path / "figures")) == 2
    assert "not complete" in run("figures", "search", "figures", "gold")[2]
    code, out, _ = run("figures", "index", "figures")
    assert "2 looked at, 2 known before" in out
    assert "not complete" not in run("figures", "search", "figures", "gold")[2]


def test_a_list_that_is_gone_is_one_sentence_and_the_index_stays(run, tmp_path):
    folder = make_figures(tmp_path / "figures")
    assert run("figures", "index", "figures", "--out", "index")[0] == 0
    kept = (tmp_path / "index" / "index.json").read_bytes()
    (folder / "figures.jsonl").unlink()
    code, out, err = run("figures", "index", "figures", "--out", "index")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert (tmp_path / "index" / "index.json").read_bytes() == kept
    (tmp_path / "bare").mkdir()
    assert run("figures", "index", "bare", "--out", "index")[0] == 2
    assert len(FigureIndex.load(tmp_path / "index")) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("index", "nowhere"), "There is no folder nowhere."),
        (("index", "."), "holds no figures.jsonl"),
        (("search", ".", "gold"), "holds no index of figures"),
        (("search", "."), "Give words to look for"),
        (("search", ".", "gold", "--region", "0,0,9,9"), "name it with --image"),
        (("index", ".", "--model", "http://gpu/v1#m"), "does not show what it sees"),
    ],
)
def test_bad_input_is_one_sentence(run, arguments, sentence):
    code, out, err = run("figures", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
