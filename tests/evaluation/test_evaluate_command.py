"""The whole measurement with models that always say the same, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from chat_server import ChatServer
from fakes import FakeModel, TooMany
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.datasets.synthetic_folder import FIRST_SEED
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation import items, photographs, pool, run, synthetic
from napari_micrograph_vlm.evaluation.baselines import mean_region
from napari_micrograph_vlm.evaluation.found import Case, Reply, Skipped
from napari_micrograph_vlm.evaluation.items import BOTH_WAYS, draw, items_about, with_lengths
from napari_micrograph_vlm.evaluation.real import measure_real
from napari_micrograph_vlm.evaluation.run import evaluate
from napari_micrograph_vlm.models.reasoning import INSTRUCTION
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.training.building import draw_picture
from napari_micrograph_vlm.training.recipe import TEST_SEED, VALIDATION_SEED, Recipe

pytest.importorskip("nltk")


@pytest.fixture(autouse=True)
def forget():
    """Forget pictures and mean pictures of other models."""
    yield
    synthetic._drawn.cache_clear()
    synthetic._blind.cache_clear()


@pytest.fixture
def one_photograph(monkeypatch):
    monkeypatch.setattr(run, "PHOTOGRAPHS", ("camera",))


@pytest.fixture
def labelled(tmp_path):
    """A labelled folder with a picture that is broken."""
    rng = np.random.default_rng(0)
    record = {
        "technique": "TEM", "category": "particles", "shape": "spherical",
        "arrangement": "dispersed", "density": "sparse", "contrast": "dark on bright",
        "orientation": "none", "count": 3, "defects": [],
        "size_uniformity": "uniform", "surface": "smooth", "scale_bar": "", "annotations": [],
        "description": "Dark round particles on a bright film.",
        "qa": [["What is dark?", "the small round particles"]],
    }  # fmt: skip
    lines = []
    for i in range(24):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save(path)
        lines.append(json.dumps({**record, "image": path.name, "group": f"paper {i}"}))
    (tmp_path / "teacher_labels.jsonl").write_text("\n".join(lines))
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["evaluate", *map(str, arguments)])
    return left.value.code or 0


def test_the_command_prints_and_keeps_every_table(monkeypatch, capsys, tmp_path, one_photograph):
    model = FakeModel("not a micrograph")
    monkeypatch.setattr(run, "load_model", lambda name, device: model)
    code = call(
        "--images", 3, "--processes", 1,
        "--json", tmp_path / "f.json", "--markdown", tmp_path / "f.md",
    )  # fmt: skip
    assert code == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "f.md").read_text().strip() == printed.strip()
    assert "Model fake, revision 1" in printed
    assert "it is not the test set of the paper" in printed
    kept = json.loads((tmp_path / "f.json").read_text())
    assert (kept["images"], kept["first_seed"], kept["whole"]) == (3, TEST_SEED, True)
    titles = [part["title"] for part in kept["parts"]]
    assert [title.split(",")[0] for title in titles] == [
        "Answers in words", "Answers in words", "Classification", "Where it looks",
        "Calibration error", "Each kind of question", "Two regions compared",
        "Changed pictures", "Says “not a micrograph”",
    ]  # fmt: skip
    refused = {f["name"]: f for f in kept["parts"][-1]["figures"]}
    assert refused["in grey"]["value"] == 1
    assert refused["in grey"]["met"] is True
    assert refused["synthetic micrographs, all questions (wrongly)"]["value"] == 1


def test_two_models_are_shown_side_by_side(monkeypatch, capsys, tmp_path, one_photograph):
    folders = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "mvaema"}')
        folders += ["--model", folder]
    monkeypatch.setattr(run, "load_model", lambda name, device: FakeModel())
    assert call(*folders, "--images", 1, "--processes", 1) == 0
    printed = capsys.readouterr().out
    assert "### Side by side" in printed
    assert "| category, top-1 | 0.000 (0.000 to 0.793), chance 0.100 | 0.000 (0" in printed


def test_a_model_is_measured_with_and_without_its_steps(
    monkeypatch, capsys, tmp_path, one_photograph
):
    class Thinker(FakeModel):
        """Right only where it may think first."""

        def ask(self, question, **options):
            thinks = INSTRUCTION in question.text
            self.text = "Step 1: A man.\nAnswer: not a micrograph" if thinks else "a crack"
            return super().ask(question, **options)

    monkeypatch.setattr(run, "load_model", lambda name, device: Thinker())
    options = "--images", 0, "--processes", 1, "--json", tmp_path / "both.json"
    assert call(*options, "--reasoned") == 0
    printed = capsys.readouterr().out
    assert "| | fake | fake, step by step |" in printed
    without, with_steps = json.loads((tmp_path / "both.json").read_text())
    value = {
        kept["model"]: {f["name"]: f["value"] for f in kept["parts"][-1]["figures"]}["in grey"]
        for kept in (without, with_steps)
    }
    assert value == {"fake": 0, "fake, step by step": 1}


def test_a_model_that_cannot_reason_is_not_measured_so(monkeypatch, capsys, one_photograph):
    model = FakeModel()
    model.reasons = False
    monkeypatch.setattr(run, "load_model", lambda name, device: model)
    assert call("--images", 0, "--processes", 1, "--reasoned") == 2
    assert "writes no steps" in capsys.readouterr().err


def test_a_server_is_measured_only_where_pixels_may_go(capsys, one_photograph):
    with ChatServer() as server:
        server.brain = lambda prompt: "Not a micrograph."
        server.tells = False
        name = f"{server.url}#tiny-vlm"
        assert call("--model", name, "--images", 0) == 2
        assert "--allow-remote" in capsys.readouterr().err
        assert server.requests == []
        assert call("--model", name, "--images", 0, "--allow-remote") == 0
        assert "| in grey | 2 | 1.000 |" in capsys.readouterr().out
        assert call("--model", name, "--images", 200, "--card", "--allow-remote") == 2
        assert "leave out --card" in capsys.readouterr().err


def test_the_card_is_written_anew(monkeypatch, tmp_path, one_photograph):
    written = []
    (tmp_path / "config.json").write_text('{"model_type": "mvaema"}')
    monkeypatch.setattr(run, "load_model", lambda name, device: FakeModel())
    monkeypatch.setattr(run, "render_card", written.append)
    monkeypatch.setattr(run, "CARD_IMAGES", 0)
    assert call("--model", tmp_path, "--images", 0, "--card", "--processes", 1) == 0
    assert written == [tmp_path]
    assert "Says “not a micrograph”" in (tmp_path / "figures.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["model"] == "fake"


def test_the_card_keeps_its_figures_where_few_pictures_are_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(run, "load_model", lambda name, device: pytest.fail("measured"))
    assert call("--images", 20, "--card") == 2
    assert "at least 200 synthetic pictures" in capsys.readouterr().err


def test_the_card_keeps_its_figures_where_the_measurement_was_stopped(
    monkeypatch, capsys, tmp_path, one_photograph
):
    class Stopped(FakeModel):
        def ask(self, question, **options):
            raise KeyboardInterrupt

    folders = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"model_type": "mvaema"}')
        folders += ["--model", tmp_path / name]
    models = {str(tmp_path / "a"): FakeModel(), str(tmp_path / "b"): Stopped()}
    written = []
    monkeypatch.setattr(run, "load_model", lambda name, device: models[name])
    monkeypatch.setattr(run, "render_card", written.append)
    monkeypatch.setattr(run, "CARD_IMAGES", 0)
    assert call(*folders, "--images", 0, "--card", "--processes", 1) == 130
    assert written == [tmp_path / "a"]
    told = capsys.readouterr().err
    assert f"{tmp_path / 'b' / 'README.md'}." in told
    assert str(tmp_path / "a") not in told


def test_no_card_is_made_of_a_part_of_the_measurement(tmp_path):
    small = run.Evaluation("fake", "1", "cpu", (), 20, TEST_SEED, 0.0)
    for part in (small, replace(small, images=400, whole=False)):
        with pytest.raises(SourceError, match="card was not written"):
            run.write_beside_weights(part, tmp_path)
    assert not list(tmp_path.iterdir())


def test_it_says_which_pictures_may_have_been_trained_on():
    made = run.Evaluation("fake", "1", "cpu", (), 20, TEST_SEED, 0.0)
    assert "from seed 10000000 on, never trained on." in made.to_markdown()
    early = replace(made, first_seed=TEST_SEED - 1).to_markdown()
    assert "below 10000000 may have been trained on" in early
    assert "`data synthesize`" in replace(made, first_seed=FIRST_SEED - 10).to_markdown()


def test_wrong_requests_are_told_at_once(capsys, tmp_path):
    assert call("--model", "nonsense") == 2
    assert "no model 'nonsense'" in capsys.readouterr().err
    assert call("--json", tmp_path / "no" / "f.json") == 2
    assert "does not exist" in capsys.readouterr().err
    assert call("--images", 0, "--no-photographs") == 2
    assert "nothing to measure" in capsys.readouterr().err


def test_stopped_in_the_middle_what_was_measured_is_kept(monkeypatch, capsys, one_photograph):
    class Stopped(FakeModel):
        def ask(self, question, **options):
            if question.regions[0].source == "camera":
                raise KeyboardInterrupt
            return super().ask(question, **options)

    monkeypatch.setattr(run, "load_model", lambda name, device: Stopped())
    assert call("--images", 1, "--processes", 1) == 130
    printed = capsys.readouterr().out
    assert "Stopped before the end" in printed
    assert "| category, top-1 | 1 |" in printed


def test_a_model_that_takes_one_region_is_measured_all_the_same(one_photograph):
    measured = evaluate(TooMany(), images=2, progress=False, photographs=False)
    assert "one region at a time" in measured.skipped
    assert not any("Two regions" in part.title for part in measured.parts)


def test_pictures_are_never_those_of_the_training(monkeypatch):
    seeds = []

    def spy(seed):
        seeds.append(seed)
        return draw(seed)

    monkeypatch.setattr(synthetic, "draw", spy)
    synthetic.measure_pictures(FakeModel(), [0], TEST_SEED, 1)
    assert set(seeds) == {TEST_SEED}
    assert Recipe.read().first_seed + Recipe.read().images < VALIDATION_SEED < TEST_SEED


def test_every_model_gets_the_same_questions():
    facts = draw(TEST_SEED).facts
    one, again = items_about(facts, TEST_SEED, 0), items_about(facts, TEST_SEED, 0)
    assert [i.question for i in one] == [i.question for i in again]
    both = {i.kind for i in one if i.held_out} & {i.kind for i in one if not i.held_out}
    assert both <= set(BOTH_WAYS)
    other = items_about(facts, TEST_SEED, 1)
    turned = {(i.kind, i.held_out) for i in one} & {(i.kind, i.held_out) for i in other}
    assert {kind for kind, _ in turned} <= set(BOTH_WAYS)


def test_pictures_of_the_test_have_one_size():
    seed = TEST_SEED + 2
    larger = draw_picture(seed, Recipe(large=0), items.WHOLE)
    assert min(larger.region.pixels.shape) > 384  # as the training would draw it
    assert draw(seed).region.pixels.shape == (384, 384)


def test_baselines_are_asked_and_judged():
    found = synthetic.measure_pictures(FakeModel("no"), range(2), TEST_SEED, 2)
    replies = [one for one in found if isinstance(one, Reply) and one.part == "synthetic"]
    blind = [one for one in replies if "blind" in one.others]
    shuffled = [one for one in replies if "shuffled" in one.others]
    assert 0 < len(shuffled) < len(blind) < len(replies)
    assert all(one.others_right["blind"] == one.right for one in blind)
    measures = {one.measure for one in found if isinstance(one, Case)}
    assert {"category, top-1", "category, top-5", synthetic.SECONDS} <= measures


def test_right_answers_are_given_lengths():
    region = Region(np.zeros((8, 8), np.float32), (0, 0, 100, 100), None, (2.0, 2.0), "nm")
    text = with_lengths("large, about 40 % of the picture", (region,), "How large is it?")
    assert text == "large, about 40 % of the picture (about 80 nm)"


def test_the_blind_see_the_mean():
    regions = [Region(np.full((8, 8), v, np.float32), (0, 0, 8, 8)) for v in (0.2, 0.4)]
    assert mean_region(regions, 8).pixels.mean() == pytest.approx(0.3)
    assert mean_region(regions, 16).pixels.shape == (16, 16)
    colour = replace(regions[0], pixels=np.full((8, 8, 3), 0.6, np.float32))
    assert mean_region([colour], 8).pixels.mean() == pytest.approx(0.6)
    assert mean_region([]).pixels.mean() == 0.5


def test_photographs_are_there_and_shown_in_grey_too():
    for name in photographs.PHOTOGRAPHS:
        views = list(photographs.views(photographs.read(name)))
        assert [view for view, _ in views].count("quarters, in grey") == 4
        assert all(min(pixels.shape[:2]) >= 64 for _, pixels in views)
    assert photographs.is_refusal("Not a micrograph.")
    assert not photographs.is_refusal("Not a particle")


def test_real_pictures_of_the_test_split(labelled):
    measured = evaluate(
        FakeModel("dark on bright"), images=0, data=[labelled], photographs=False, progress=False
    )
    parts = {part.title.split(",")[0]: part for part in measured.parts}
    closed = {figure.name: figure for figure in parts["Closed questions"].figures}
    n = closed["contrast"].n
    assert 0 < n < 12
    assert closed["contrast"].value == 1
    assert closed["contrast"].others["majority"] == 1
    texts = {f.name.split(",")[0]: f for f in parts["Descriptions and free answers"].figures}
    assert texts["ROUGE-L"].others["ceiling"] == 1
    assert texts["ROUGE-L"].others["blind"] == pytest.approx(texts["ROUGE-L"].value)
    assert "real" in measured.to_markdown()


def test_a_broken_picture_is_skipped_and_named(labelled):
    for path in labelled.glob("*.png"):
        path.write_bytes(b"no picture")
    found = measure_real(FakeModel(), labelled, [0])
    assert [type(one) for one in found] == [Skipped]
    assert found[0].name.endswith(".png")


def test_no_test_picture_is_an_error(tmp_path):
    (tmp_path / "teacher_labels.jsonl").write_text("")
    with pytest.raises(SourceError, match="test split"):
        evaluate(FakeModel(), images=0, data=[tmp_path], photographs=False, progress=False)


def name_of(model, number):
    return [Case("x", model.name, str(number), 1.0)]


def test_processes_share_the_work_and_keep_its_order():
    jobs = [pool.Job(partial(name_of, number=i), 1) for i in range(5)]
    found, whole = pool.run_jobs(FakeModel(), jobs, processes=2, reload=FakeModel, progress=False)
    assert whole
    assert [one.group for one in found] == list("01234")
    assert pool.cores() >= 1
    assert items.BOTH_WAYS
