"""Finding more like an example and comparing with a reference, in a shell."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from fakes import FakeModel
from napari_micrograph_vlm import api


@pytest.fixture
def wafer(tmp_path):
    die = gaussian_filter(np.random.default_rng(0).normal(size=(120, 120)), 3)
    pixels = np.tile(60 + 120 * (die - die.min()) / np.ptp(die), (1, 2)).astype(np.uint8)
    for x in (30, 150, 200):
        pixels[40:56, x : x + 16] = 250
        pixels[45:51, x + 5 : x + 11] = 20
    path = tmp_path / "wafer.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def sees(monkeypatch):
    model = FakeModel()
    monkeypatch.setattr(api, "load_model", lambda *args, **options: model)
    return model


def test_find_prints_places_most_alike_first(run, sees, wafer):
    code, out, err = run("find", wafer, "--like", "40,30,56,46", "--json", "--most", "5")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [one["similarity"] for one in found] == sorted(
        (one["similarity"] for one in found), reverse=True
    )
    columns = [(one["box"][1] + one["box"][3]) / 2 for one in found[:2]]
    assert sorted(columns) == pytest.approx([158, 208], abs=6)


def test_find_in_a_folder_names_the_files(run, sees, wafer):
    (wafer.parent / "broken.png").write_bytes(b"")
    code, out, err = run("find", wafer, "--like", "40,30,56,46", "--in", wafer.parent)
    assert code == 0
    assert all(str(wafer) in line for line in out.splitlines())
    assert "Passed over" in err


@pytest.mark.parametrize("box", ["0,0,500,10", "5,5,5,9"])
def test_an_example_outside_is_told(run, sees, wafer, box):
    code, out, err = run("find", wafer, "--like", box)
    assert (code, out) == (2, "")
    assert "does not lie in the image" in err


def test_compare_prints_shift_and_answer(run, sees, wafer, tmp_path):
    arguments = ("--region", "0,120,120,240", "--reference", "0,0,120,120")
    target = tmp_path / "difference.tif"
    code, out, err = run("compare", wafer, *arguments, "--output", target)
    assert (code, err) == (0, "")
    assert "Reference moved by +0 rows and +0 columns" in out
    assert sees.text in out
    assert len(sees.questions[0].regions) == 2
    import tifffile

    assert tifffile.imread(target).shape == (120, 120)


def test_compare_without_a_model(run, wafer):
    arguments = ("--region", "0,120,120,240", "--reference", "0,0,120,120")
    code, out, _ = run("compare", wafer, *arguments, "--no-ask", "--json")
    assert code == 0
    assert json.loads(out)["shift"] == [0, 0]
    assert json.loads(out)["answer"] == ""


def test_the_difference_is_a_tiff(run, wafer):
    code, _, err = run(
        "compare", wafer, "--region", "0,0,9,9", "--reference", "0,0,9,9", "--output", "a.png"
    )
    assert code == 2
    assert "TIFF" in err


def test_find_needs_a_model_that_runs_here(run, wafer):
    name = "http://127.0.0.1:9/v1#m"
    code, out, err = run("find", wafer, "--like", "40,30,56,46", "--model", name)
    assert (code, out) == (2, "")
    assert "choose one that runs here" in err
    assert "--allow-remote" not in err


def test_compare_asks_a_model_that_runs_here(run, wafer):
    given = ("--region", "0,120,120,240", "--reference", "0,0,120,120")
    code, out, err = run("compare", wafer, *given, "--model", "http://127.0.0.1:9/v1#m")
    assert (code, out) == (2, "")
    assert "choose one that runs here, or leave out the answer with --no-ask" in err
    assert "--allow-remote" not in err
