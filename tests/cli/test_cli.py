"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from interrupts import heed_ctrl_c
from napari_micrograph_vlm import __version__
from napari_micrograph_vlm.cli import app
from napari_micrograph_vlm.errors import ModelError

PROGRAM = [sys.executable, "-m", "napari_micrograph_vlm"]


def one_line(text):
    return text.endswith("\n") and text.count("\n") == 1 and "Traceback" not in text


def test_ask_prints_the_answer_and_where_it_looked(run, model, image):
    code, out, err = run("ask", image, "What is it?", "--region", "10,20,50,100")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "a bridge"
    # The last cell of a 2 x 4 grid over rows 10 to 50 and columns 20 to 100, at its centre.
    assert "row 40, column 90" in out.replace("39.5", "40")
    assert model.asked[0].regions[0].box == (10, 20, 50, 100)


def test_ask_json_is_json_only(run, model, image):
    code, out, err = run("ask", image, "What is it?", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["answer"] == "a bridge"
    assert answer["regions"][0]["box"] == [0, 0, 60, 100]


@pytest.mark.parametrize(
    ("flag", "tiled"), [((), None), (("--tiles",), True), (("--no-tiles",), False)]
)
def test_tiles(run, model, image, flag, tiled):
    assert run("ask", image, "What is it?", *flag)[0] == 0
    assert model.asked[0].tiled is tiled


def test_whether_it_is_a_micrograph_is_checked_unless_told_otherwise(run, model, image):
    model.check_pictures = True
    assert run("ask", image, "What is it?", "--any-picture")[0] == 0
    assert model.check_pictures is False
    assert run("ask", image, "What is it?")[0] == 0
    assert model.check_pictures is True


def test_overlay_picture(run, model, image, tmp_path):
    target = tmp_path / "looked.png"
    assert run("ask", image, "What is it?", "--overlay", target)[0] == 0
    picture = np.asarray(Image.open(target)).astype(int)
    assert picture.shape == (60 * 4, 100 * 4, 3)
    saturation = picture.max(-1) - picture.min(-1)
    assert saturation[-60:, -50:].mean() > 10 * max(saturation[:60, :200].mean(), 1)


def test_two_regions_are_compared_in_their_order_and_each_has_its_overlay(
    run, model, image, tmp_path
):
    target = tmp_path / "looked.png"
    code, out, _ = run(
        "ask",
        image,
        "Which region has more defects?",
        *("--region", "0,0,20,20"),
        *("--region", "20,20,40,50"),
        *("--overlay", target),
    )
    assert code == 0
    assert [r.box for r in model.asked[0].regions] == [(0, 0, 20, 20), (20, 20, 40, 50)]
    assert "in region 1" in out
    assert "in region 2" in out
    with Image.open(target) as first, Image.open(tmp_path / "looked-2.png") as second:
        assert first.width == first.height
        assert second.width > second.height


def test_classify_prints_the_best_first(run, model, image):
    code, out, err = run("classify", image, "--labels", "crack, pore,particle", "--top", 2)
    assert (code, err) == (0, "")
    assert out.splitlines() == ["0.500  crack", "0.333  pore"]


def test_classify_several_regions_as_json(run, model, image):
    code, out, _ = run(
        "classify",
        image,
        *("--labels", "crack,pore"),
        *("--region", "0,0,20,20"),
        *("--region", "20,20,40,40", "--json"),
    )
    assert code == 0
    result = json.loads(out)
    assert [region["box"] for region in result["regions"]] == [[0, 0, 20, 20], [20, 20, 40, 40]]


def test_models(run):
    code, out, _ = run("models", "--json")
    assert code == 0
    assert json.loads(out)[0]["name"] == "student"
    assert run("models")[1].startswith("student (bundled)")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ask", "none.tif", "What?"), "There is no file none.tif."),
        (("ask", "{image}", " "), "The question is empty"),
        (("ask", "{image}", "What?", "--region", "1,2,3"), "four numbers"),
        (("ask", "{image}", "What?", "--region", "a,b,c,d"), "four numbers"),
        (("ask", "{image}", "What?", "--region", "nan,0,1,inf"), "four numbers"),
        (("ask", "{image}", "What?", "--region", "900,900,950,950"), "outside the image"),
        (("ask", "{image}", "What?", "--region", "0,0,3,3"), "draw one of at least"),
        (("ask", "{image}", "What?", "--overlay", "none/o.png"), "There is no folder"),
        (("ask", "{image}", "What?", "--overlay", "o.docx"), "end it in .png"),
        (("ask", "{image}"), "question"),
        (("ask",), "image"),
        (("classify", "{image}"), "--labels"),
        (("classify", "{image}", "--labels", "crack"), "at least two"),
        (("classify", "{image}", "--labels", "crack,Crack"), "listed twice"),
        (("classify", "{image}", "--labels", "a,b", "--top", "0"), "--top"),
        (("frobnicate",), "frobnicate"),
        (("models", "--frobnicate"), "--frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_code_2(run, model, image, arguments, says):
    code, out, err = run(*(text.format(image=image) for text in arguments))
    assert (code, out) == (2, "")
    assert one_line(err)
    assert says.lower() in err.lower()


def test_an_unknown_model_names_the_known(run, image):
    code, _, err = run("ask", image, "What?", "--model", "gpt")
    assert code == 2
    assert one_line(err)
    assert "student" in err


def test_errors_of_the_model_are_one_line(run, model, image):
    model.error = ModelError("The weights are broken;\ninstall again.")
    code, _, err = run("ask", image, "What?")
    assert code == 2
    assert err == "The weights are broken; install again.\n"


def test_ctrl_c_while_answering(run, model, image):
    model.error = KeyboardInterrupt()
    code, out, err = run("ask", image, "What?")
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_no_arguments_give_help(run):
    code, out, _ = run()
    assert code == 0
    assert "classify" in out


def test_help_of_every_command():
    for command in ("demo", "ask", "classify", "models"):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0


def test_version_in_a_process():
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"


def test_bad_input_in_a_process(tmp_path):
    done = subprocess.run(
        [*PROGRAM, "ask", tmp_path / "none.tif", "What?"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert one_line(done.stderr)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom napari_micrograph_vlm.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'napari', 'qtpy', 'pandas', 'numpy', 'PIL'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_nothing_is_fetched(run):
    run("models")
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_in_a_process(image):
    code = (
        "import sys, time\nfrom napari_micrograph_vlm import api, cli\n"
        "def wait(*_a, **_k): print('loading', flush=True); time.sleep(60)\n"
        "api.load_model = wait\n"
        f"cli.main(['ask', {str(image)!r}, 'What?'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout.readline() == "loading\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
