"""The commands from captions to training data: what they print, and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from chat_server import ChatServer
from figure_teacher import LyingTeacher, write_figure_folder
from interrupts import heed_ctrl_c
from napari_micrograph_vlm.datasets.papers.refined import REFINED_FILE, read_refined
from napari_micrograph_vlm.datasets.papers.review import Review


@pytest.fixture
def figures(tmp_path):
    folder = tmp_path / "figures"
    return folder, write_figure_folder(folder, 3)


@pytest.fixture
def server(figures):
    with ChatServer(models=("writer",)) as running:
        liar = LyingTeacher(figures[1], lies=0.3)
        running.brain = lambda prompt: liar.ask(None, prompt, temperature=0, seed=0).text
        yield running


def test_from_captions_to_conversations(run, figures, server, tmp_path):
    folder, _ = figures
    code, out, err = run("data", "refine", folder, "--server", server.url, "--questions", 3)
    assert code == 0, err
    assert "3 figures and panels are done" in out
    assert "3 figures in this run. Kept of what was answered" in out
    assert "Dropped, and why:" in out
    assert "tokens read" in out
    assert "3 pictures go to 127.0.0.1" in err
    assert "Captions go where the pictures go." in err
    assert all(request[2]["images"] for request in server.requests)

    code, out, err = run("data", "refine", folder, "--server", server.url, "--json")
    assert (code, json.loads(out)["written"], json.loads(out)["done"]) == (0, 0, 3)
    assert "3 of 3 are done already" in err

    code, out, _ = run("data", "review", folder, "--sample", 6)
    assert code == 0
    assert f"open this in a browser: {folder / 'review.html'}" in out
    first, second = Review(folder).texts[:2]
    saved = tmp_path / "verdicts.json"
    said = [{"id": one.id, "verdict": verdict, "asked": one.asked, "said": one.said}
            for one, verdict in ((first, "accepted"), (second, "rejected"))]  # fmt: skip
    saved.write_text(json.dumps({"verdicts": said}))
    (folder / "review.html").unlink()
    code, out, _ = run("data", "review", folder, "--verdicts", saved)
    assert code == 0
    assert "2 verdicts are new or changed" in out
    assert "95 % intervals" in out
    assert not (folder / "review.html").exists()
    code, out, _ = run("data", "review", folder, "--all", "--json")
    found = json.loads(out)
    assert found["texts"] == len(Review(folder).texts)
    assert sum(kind["rejected"] for kind in found["kinds"]) == 1

    code, out, _ = run("data", "chat", folder, "--output", tmp_path / "chat", "--json")
    made = json.loads(out)
    total = sum(made.get(split, 0) for split in ("train", "validation", "test"))
    assert (code, total) == (0, len(Review(folder).texts) - 1)
    code, out, err = run("data", "chat", folder, "--output", tmp_path / "chat")
    assert code == 2
    assert (tmp_path / "chat" / "README.md").is_file()


def test_another_model_of_the_server_checks(run, figures, server):
    folder, _ = figures
    server.models = ("writer", "checker")
    code, _, err = run("data", "refine", folder, "--server", server.url, "--model", "writer",
                       "--checker", "checker", "--limit", 1)  # fmt: skip
    assert code == 0, err
    by = {request[2]["model"]: '"verdicts"' in request[1] for request in server.requests[:3]}
    assert by == {"writer": False, "checker": True}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["refine", "FIGURES"], "Give --server with an address, or --model"),
        (["refine", "EMPTY", "--model", "x"], "holds no figures.jsonl"),
        (["refine", "FIGURES", "--model", "/no/model"], "/no/model"),
        (["refine", "FIGURES", "--server", "https://8.8.8.8/v1"], "add --yes"),
        (["review", "FIGURES"], "FOLDER --server ADDRESS`, or with --model"),
        (["chat", "FIGURES", "--output", "OUT"], "holds no refined.jsonl"),
        (["chat", "FIGURES", "--output", "OUT", "--captions", "often"], "'often' is none of"),
        (["chat", "FIGURES", "--output", "OUT", "--kind", "poem"], "'poem' is none of"),
    ],
)
def test_bad_input_is_one_sentence_and_loses_nothing(run, figures, tmp_path, arguments, sentence):
    places = {"FIGURES": figures[0], "EMPTY": tmp_path, "OUT": tmp_path / "out"}
    code, out, err = run("data", *(places.get(word, word) for word in arguments))
    assert (code, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_the_bundled_student_is_no_teacher(run, figures):
    code, _, err = run("data", "refine", figures[0], "--model", "student")
    assert code == 2
    assert "name a larger model" in err


def test_ctrl_c_keeps_what_is_done(figures, server):
    folder, _ = figures
    server.pause = 0.05
    command = [sys.executable, "-m", "napari_micrograph_vlm", "data", "refine", str(folder)]
    child = subprocess.Popen(
        [*command, "--server", server.url], stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c, env={**os.environ},
    )  # fmt: skip
    end = time.monotonic() + 60
    while time.monotonic() < end and not (folder / REFINED_FILE).is_file():
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "run the same" in err
    assert 1 <= len(read_refined(folder)) < 3


def test_a_sheet_never_takes_the_place_of_other_files(run, figures, server):
    folder, _ = figures
    run("data", "refine", folder, "--server", server.url, "--limit", 1, "--questions", 0)
    before = (folder / "figures.jsonl").read_bytes()
    code, out, err = run("data", "review", folder, "--output", folder / "figures.jsonl")
    assert (code, out) == (2, "")
    assert "ends in .html" in err
    assert (folder / "figures.jsonl").read_bytes() == before
    assert run("data", "review", folder, "--output", folder / "mine.HTM")[0] == 0


def test_verdicts_that_moved_on_are_counted(run, figures, server, tmp_path):
    folder, _ = figures
    run("data", "refine", folder, "--server", server.url, "--limit", 1, "--questions", 0)
    one = Review(folder).texts[0]
    Review(folder).say(one.id, "accepted")
    saved = tmp_path / "verdicts.json"
    entry = {"id": one.id, "verdict": "rejected", "asked": one.asked, "said": one.said}
    entry["known"] = [["open", one.asked, one.said]]
    saved.write_text(json.dumps({"verdicts": [entry]}))
    code, _, err = run("data", "review", folder, "--verdicts", saved)
    assert code == 0
    assert "1 are not taken" in err
    assert Review(folder).text(one.id).verdict == "accepted"
