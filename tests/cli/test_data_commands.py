"""The data commands: what they print, how they go on after they were stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from chat_server import ChatServer
from interrupts import heed_ctrl_c
from napari_micrograph_vlm.datasets.facts import Facts
from napari_micrograph_vlm.datasets.labelled import read_labelled
from napari_micrograph_vlm.datasets.synthetic.synthesize import synthesize
from napari_micrograph_vlm.datasets.synthetic.truth import Defect
from napari_micrograph_vlm.datasets.synthetic_folder import (
    FIRST_SEED,
    KEPT_SEEDS,
    Drawing,
    draw_folder,
)
from napari_micrograph_vlm.datasets.teacher_labels import read_teacher_labels
from napari_micrograph_vlm.training.recipe import TEST_SEED, VALIDATION_SEED


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 255, (40, 60), np.uint8)).save(tmp_path / name)
    return tmp_path


def test_synthesize_writes_pictures_masks_and_records(run, tmp_path):
    code, out, _ = run("data", "synthesize", "--output", tmp_path, "--images", 3, "--size", 96,
                       "--seed", 7, "--category", "films and coated surfaces",
                       "--defect", "crack")  # fmt: skip
    assert code == 0
    assert "3 pictures drawn, 0 were there already" in out
    found = read_labelled(tmp_path)
    assert found.broken == []
    for seed, record in zip((7, 8, 9), found.records, strict=True):
        made = synthesize(seed, category="films and coated surfaces", defect="crack", size=96)
        assert np.array_equal(np.asarray(Image.open(tmp_path / record["image"])), made.image)
        assert record["seed"] == seed
        assert (record["teacher"], record["group"]) == ("truth", f"synthetic-{seed}")
        assert record["defects"][0]["kind"] == "crack"
        assert len(record["defects"]) == len(Facts.of(made).defects)
        assert len(record["qa"]) == len(record["qa_kinds"]) > 5
        ids = np.asarray(Image.open(tmp_path / record["defect_masks"]))
        assert np.array_equal(ids > 0, np.logical_or.reduce([d.mask for d in made.defects]))
        objects = np.asarray(Image.open(tmp_path / record["object_masks"]))
        assert np.array_equal(objects > 0, made.object_mask)


def test_seeds_of_validation_and_test_are_not_drawn(run, tmp_path):
    assert KEPT_SEEDS.start == min(VALIDATION_SEED, TEST_SEED)
    assert max(VALIDATION_SEED, TEST_SEED) in KEPT_SEEDS
    assert KEPT_SEEDS.stop == FIRST_SEED
    for seed in (8_999_998, 9_000_000, 10_000_000, 19_999_999):
        for command in (["synthesize", "--images"], ["export", "--synthetic"]):
            code, out, err = run("data", *command, 3, "--seed", seed, "--output", tmp_path / "x")
            assert (code, out) == (2, "")
            assert "kept for validation and test" in err
            assert not (tmp_path / "x").exists()
    assert run("data", "synthesize", "--output", tmp_path / "x", "--images", 2, "--size", 64,
               "--seed", 8_999_998)[0] == 0  # fmt: skip


def test_covered_defects_keep_their_masks(tmp_path, monkeypatch):
    def covering(self, seed):
        drawn = synthesize(seed, category="films and coated surfaces", defect="crack", size=96)
        first, second = np.zeros((2, 96, 96), bool)
        first[10:20, 10:90] = second[10:20, 50:80] = True
        nowhere = np.zeros((96, 96), bool)
        masks = (("crack", nowhere), ("crack", first), ("pore", second))
        return replace(drawn, defects=tuple(Defect(kind, mask) for kind, mask in masks))

    monkeypatch.setattr(Drawing, "draw", covering)
    draw_folder(tmp_path, [5], Drawing(96))
    (record,) = read_labelled(tmp_path).records
    assert record["covered_defects"] == {"1": "masks/000000005_defect_1.png"}
    ids = np.asarray(Image.open(tmp_path / record["defect_masks"]))
    assert [(ids == i).sum() for i in (1, 2)] == [500, 300]
    (picture,) = read_teacher_labels(tmp_path)
    crack, pore = picture.facts.defects
    assert picture.facts.extent_of(crack) == pytest.approx(80 / 96)
    assert crack.mask.mean() == pytest.approx(800 / 96**2)
    assert pore.mask.mean() == pytest.approx(300 / 96**2)


def test_synthesize_draws_only_what_is_missing(run, tmp_path):
    run("data", "synthesize", "--output", tmp_path, "--images", 2, "--size", 64)
    before = (tmp_path / "images/020000000.png").stat().st_mtime_ns
    _, out, _ = run("data", "synthesize", "--output", tmp_path, "--images", 4, "--size", 64,
                    "--processes", 2)  # fmt: skip
    assert "2 pictures drawn, 2 were there already" in out
    assert (tmp_path / "images/020000000.png").stat().st_mtime_ns == before
    assert len(read_labelled(tmp_path).records) == 4


def test_synthesize_knows_what_goes_together(run, tmp_path):
    for options in (["--category", "clouds"], ["--defect", "hole in the ozone layer"],
                    ["--category", "biological", "--defect", "bridge"]):  # fmt: skip
        code, out, err = run("data", "synthesize", "--output", tmp_path / "x", "--images", 1,
                             *options)  # fmt: skip
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_teach_says_where_pictures_go_and_what_was_kept(run, folder, server):
    server.brain.second["technique"] = "TEM"
    code, out, err = run("data", "teach", folder, "--server", server.url, "--limit", 2,
                         "--price-in", 10, "--price-out", 30)  # fmt: skip
    assert code == 0
    host = server.url.split("/")[2]
    assert f"2 pictures go to {host}, on this machine." in err
    assert "technique        0 of 2" in out
    assert "2  technique: two answers disagree" in out
    assert "question         6 of 6" in out
    assert "8 answers, 800 tokens read, 160 written" in out
    assert "0.01 at the prices given" in out
    code, out, err = run("data", "teach", folder, "--server", server.url, "--model", "tiny-vlm")
    assert "2 of 3 pictures are labelled already." in err
    assert "1 pictures go to" in err
    assert "3 pictures are labelled" in out
    assert "All runs together: 12 answers" in out
    assert run("data", "teach", folder, "--server", server.url)[0] == 0
    assert len(server.requests) == 12


def test_teach_writes_into_no_other_file(run, folder, server):
    before = (folder / "a.png").read_bytes()
    code, out, err = run("data", "teach", folder, "--server", server.url,
                         "--output", folder / "a.png")  # fmt: skip
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert ".jsonl" in err
    assert (folder / "a.png").read_bytes() == before
    assert server.requests == []


def test_teach_skips_what_is_broken(run, folder, server):
    (folder / "broken.png").write_bytes(b"x")
    code, _, err = run("data", "teach", folder, "--server", server.url)
    assert code == 0
    assert "1 skipped:\n  broken.png: " in err


def test_teach_does_not_leave_the_network_unasked(run, folder):
    code, out, err = run("data", "teach", folder, "--server", "https://8.8.8.8/v1", "--model", "m")
    assert (code, out) == (2, "")
    assert "3 pictures go to 8.8.8.8, OUTSIDE this network." in err
    assert "--yes" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--server"),
        (["--server", "127.0.0.1:1", "--local", "x"], "--server"),
        (["--local", "no such folder"], "config.json"),
        (["--server", "127.0.0.1:1", "--key-variable", "NOT_SET_7"], "NOT_SET_7"),
        (["--server", "nonsense://x"], "no address"),
    ],
)
def test_teach_explains_what_is_missing(run, folder, options, words):
    code, _, err = run("data", "teach", folder, *options)
    assert code == 2
    assert words in err.splitlines()[-1]


def test_teach_takes_the_key_from_the_environment(run, folder, monkeypatch):
    monkeypatch.setenv("LAB_KEY", "sk-77")
    with ChatServer(key="sk-77", models=("one", "two")) as server:
        code, out, err = run("data", "teach", folder, "--server", server.url,
                             "--key-variable", "LAB_KEY")  # fmt: skip
        assert code == 2
        assert "has one, two" in err
        code, out, err = run("data", "teach", folder, "--server", server.url, "--model", "two",
                             "--key-variable", "LAB_KEY")  # fmt: skip
    assert code == 0
    assert "sk-77" not in out + err
    assert {record["teacher"] for record in read_labelled(folder).records} == {"two"}


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a child there")
@pytest.mark.parametrize("parallel", [1, 2])
def test_ctrl_c_keeps_what_is_done(run, folder, server, parallel):
    for i in range(20):
        Image.open(folder / "a.png").save(folder / f"more{i:02}.png")
    server.pause = 0.05
    program = [sys.executable, "-m", "napari_micrograph_vlm", "data", "teach", str(folder)]
    child = subprocess.Popen(
        [*program, "--server", server.url, "--parallel", str(parallel)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    labels = folder / "teacher_labels.jsonl"
    for _ in range(1200):
        if labels.is_file() and labels.read_text().count("\n") >= 2:
            break
        time.sleep(0.05)
    server.pause = 5.0  # it must not wait for answers that are on their way
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert time.monotonic() - start < 4
    assert "run the same command to go on" in err
    assert "Traceback" not in err
    found = read_labelled(folder)
    done = len(found.records)
    assert found.broken == []
    assert 2 <= done < 23
    server.pause = 0.0
    assert run("data", "teach", folder, "--server", server.url, "--parallel", 4)[0] == 0
    assert len({record["image"] for record in read_labelled(folder).records}) == 23


def test_synthetic_truth_denies_a_teacher(run, tmp_path, server):
    run("data", "synthesize", "--output", tmp_path, "--images", 1, "--size", 96,
        "--category", "fibres", "--defect", "none")  # fmt: skip
    code, _, err = run("data", "teach", tmp_path, "--server", server.url)
    assert code == 2
    assert "--output" in err
    labels = tmp_path / "taught" / "teacher_labels.jsonl"
    code, out, _ = run("data", "teach", tmp_path / "images", "--server", server.url,
                       "--output", labels)  # fmt: skip
    assert code == 0
    assert "category: the truth says otherwise" in out
    (record,) = read_labelled(labels.parent).records
    assert record["category"] is None
    assert (labels.parent / record["image"]).is_file()


def test_taught_reviewed_and_exported(run, folder, server, tmp_path):
    run("data", "teach", folder, "--server", server.url)
    code, out, _ = run("data", "audit", folder, "--sample", 12)
    assert code == 0
    assert "12 claims to review" in out
    html = (folder / "audit.html").read_text()
    data = json.loads(html.split("const data = ")[1].split(";\n")[0])
    judged = [
        {**claim, "image": card["image"], "verdict": "wrong"}
        for card in data["cards"] for claim in card["claims"]
    ]  # fmt: skip
    (folder / "verdicts.json").write_text(json.dumps({"verdicts": judged}))
    code, out, _ = run("data", "audit", folder, "--verdicts", folder / "verdicts.json")
    assert code == 0
    assert "12 verdicts are new or changed" in out
    assert "100.0 % wrong" in out
    assert (folder / "audit.jsonl").read_text().count("\n") == 12
    code, out, _ = run("data", "export", folder, "--output", tmp_path / "hub", "--title", "Mine")
    assert code == 0
    assert "to train with" in out
    card = (tmp_path / "hub" / "README.md").read_text()
    assert card.startswith("---\n")
    assert "| count | 100.0 % |" in card
    code, _, err = run("data", "export", folder, "--output", tmp_path / "hub")
    assert code == 2
    assert "not empty" in err


@pytest.mark.parametrize("command", ["synthesize", "teach", "export", "audit"])
def test_help(run, command):
    code, out, _ = run("data", command, "--help")
    assert code == 0
    assert "Usage" in out
