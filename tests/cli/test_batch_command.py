"""``batch`` in a shell: what it prints, what it writes, and how it ends."""

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

from interrupts import heed_ctrl_c
from napari_micrograph_vlm.runs import merge, spread
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.journal_errors import NotBegunError
from napari_micrograph_vlm.runs.run import run_batch, run_of
from runs.making import AWKWARD, finding, noise, save
from runs.making import run as some_run


@pytest.fixture
def lot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "deep/c"):
        save(tmp_path / "lot" / f"{name}.png")
    return tmp_path / "lot"


def test_a_folder_is_classified_and_asked_about(run, model, lot, tmp_path):
    (lot / "notes.txt").write_text("no picture")
    code, out, err = run(
        "batch", lot, "--labels", "pore, crack", "--question", "What is it?", "--table", "t.json"
    )
    assert code == 0
    assert f"3 looked at, 1 skipped; journal: {tmp_path / 'lot.journal'}" in out
    assert "      3  pore" in out
    assert "notes.txt: " in err
    assert "is not a picture this can read" in err
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [row["key"] for row in rows] == ["a.png", "b.png", "deep/c.png", "notes.txt"]
    assert [row["class"] or "" for row in rows] == ["pore", "pore", "pore", ""]
    assert {row["What is it?"] for row in rows if row["status"] == "done"} == {"a bridge"}


def test_the_same_command_goes_on(run, model, lot):
    run("batch", lot, "--labels", "pore,crack", "--question", "Q?")
    asked = len(model.asked)
    save(lot / "d.png")
    code, out, err = run("batch", lot, "--labels", "pore,crack", "--question", "Q?")
    assert code == 0
    assert len(model.asked) == asked + 1
    assert "Going on with" in err
    assert "which holds 3" in err
    assert "4 looked at" in out


def test_other_classes_are_a_new_run_and_said_so(run, model, lot):
    run("batch", lot, "--labels", "pore,crack")
    code, out, err = run("batch", lot, "--labels", "pore,scratch")
    assert code == 0
    assert "lot.journal holds a run with other classes, so this is a new run" in err
    assert "lot-2.journal" in out
    code, out, err = run("batch", lot, "--labels", "pore,crack")
    assert "lot.journal" in out
    assert "new run" not in err
    code, out, err = run("batch", lot, "--labels", "pore,scratch")
    assert "Going on with" in err
    assert "lot-2.journal" in out


def test_a_journal_that_was_named_is_not_replaced_by_another(run, model, lot, tmp_path):
    run("batch", lot, "--labels", "pore,crack", "--journal", "mine.journal")
    code, _out, err = run("batch", lot, "--labels", "pore,hole", "--journal", "mine.journal")
    assert code == 2
    assert "holds a run with other classes; name another file for this one" in err


def test_what_lies_in_the_place_of_a_journal_is_left_alone(run, model, lot, tmp_path):
    (tmp_path / "lot.journal").write_text("notes")
    code, out, _err = run("batch", lot, "--labels", "pore,crack")
    assert code == 0
    assert "lot-2.journal" in out
    assert (tmp_path / "lot.journal").read_text() == "notes"


def test_awkward_classes_from_a_file_reach_the_table(run, model, lot, tmp_path):
    (tmp_path / "set.json").write_text(json.dumps(AWKWARD))
    code, _out, _err = run("batch", lot, "--labels", "set.json", "--table", "t.csv")
    assert code == 0
    with Journal.open(tmp_path / "lot.journal") as journal:
        assert {one.best for one in journal.findings()} == {AWKWARD[0]}
        assert list(journal.run.task.label_set.names) == AWKWARD


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_formulas_do_not_run_in_a_spreadsheet(run, model, lot, tmp_path, kind):
    run("batch", lot, "--labels", "=1+1,crack", "--table", f"t.{kind}")
    if kind == "csv":
        text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
        assert "'=1+1" in text
        assert ",=1+1" not in text
    else:
        import pandas as pd

        assert set(pd.read_parquet(tmp_path / "t.parquet")["class"]) == {"=1+1"}


def test_tiles_are_counted_and_empty_ones_left_out(run, model, tmp_path):
    pixels = np.full((64, 192), 30, np.uint8)
    pixels[:, :64] = noise((64, 64))
    save(tmp_path / "wafer" / "a.png", pixels)
    code, out, _err = run(
        "batch", tmp_path / "wafer", "--tiles", "64", "--overlap", "0", "--labels", "a,b"
    )
    assert code == 0
    assert "1 looked at, 0 skipped, 2 empty tiles left out" in out


def test_skipped_ones_are_looked_at_again_when_asked(run, model, lot):
    (lot / "d.png").write_bytes(b"half")
    _code, out, _err = run("batch", lot, "--labels", "a,b")
    assert "3 looked at, 1 skipped" in out
    save(lot / "d.png")
    _code, out, err = run("batch", lot, "--labels", "a,b", "--again")
    assert "1 that were skipped are looked at again" in err
    assert "4 looked at, 0 skipped" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lot",), "nothing to ask"),
        (("lot", "--question", " "), "nothing to ask"),
        (("nowhere", "--labels", "a,b"), "no folder or file"),
        (("lot", "--labels", "a"), "at least two"),
        (("lot", "--labels", "a,b", "--overlap", "3"), "give their side"),
        (("lot", "--labels", "a,b", "--tiles", "3"), "at least 8 pixels"),
        (("lot", "--labels", "a,b", "--pattern", "*.xyz"), "nothing to look at"),
        (("lot", "--labels", "a,b", "--table", "t.txt"), "t.txt"),
        (("lot", "--labels", "a,b", "--journal", "lot/a.png"), "is no journal"),
        (("lot", "--labels", "a,b", "--journal", "lot/a.png/x.journal"), "cannot be made"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run, model, lot, arguments, words):
    code, out, err = run("batch", *arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_second_run_on_one_journal_is_refused(run, model, lot, tmp_path):
    with Journal.create(tmp_path / "busy.journal", some_run()) as journal:
        journal.add(finding())
        code, _out, err = run("batch", lot, "--labels", "a,b", "--journal", "busy.journal")
    assert code == 2
    assert "Another run writes to" in err


PROGRAM = """
import sys, time
from fakes import FakeModel
from napari_micrograph_vlm import api, cli

class Slow(FakeModel):
    def classify(self, *given, **options):
        time.sleep(0.1)
        return super().classify(*given, **options)

api.load_model = lambda *given, **options: Slow()
cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_a_journal_to_go_on_from(run, model, lot, tmp_path):
    for number in range(60):
        save(lot / f"{number}.png")
    place = os.pathsep.join([*(p for p in sys.path if p), os.environ.get("PYTHONPATH", "")])
    arguments = ["batch", str(lot), "--labels", "a,b", "--journal", "x.journal"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": place},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    try:
        for _ in range(600):
            time.sleep(0.05)
            if finished(tmp_path / "x.journal") >= 3:
                break
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Stopped; the same command goes on where this ended." in err
    assert "Traceback" not in err
    assert 3 <= finished(tmp_path / "x.journal") < 63


def finished(path):
    if not path.exists() or not path.stat().st_size:
        return 0
    try:
        with Journal.open(path) as journal:
            return len(journal)
    except NotBegunError:
        return 0


def test_work_that_is_shared_out_has_the_same_journal_and_summary(run, model, lot, monkeypatch):
    given = {}

    def run_spread(source, task, name, begin, **options):
        """Do in this process what the workers would."""
        given.update(options, name=name)
        with begin(run_of(source, task, model)) as journal:
            shown = {key: options[key] for key in ("on_progress", "on_finding")}
            return run_batch(source, task, model, journal, **shown)

    monkeypatch.setattr(spread, "run_spread", run_spread)
    flags = ("--scheduler", "tcp://box:8786", "--insecure", "--model", "m", "--device", "cpu")
    code, out, _err = run("batch", lot, "--labels", "pore,crack", *flags)
    assert code == 0
    assert "3 looked at" in out
    expected = {"name": "m", "scheduler": "tcp://box:8786", "insecure": True, "device": "cpu"}
    assert expected.items() <= given.items()
    code, _out, err = run("batch", lot, "--labels", "a,b", "--workers", "3")
    assert (given["workers"], given["scheduler"]) == (3, None)
    assert "this is a new run" in err


def test_one_picture_is_a_batch_of_one(run, model, tmp_path):
    Image.fromarray(noise()).save(tmp_path / "one.png")
    code, out, _err = run("batch", tmp_path / "one.png", "--labels", "a,b")
    assert code == 0
    assert "1 looked at" in out
    assert (tmp_path / "one.png.journal").exists()


def test_every_table_of_one_journal_has_every_row(run, model, tmp_path, monkeypatch):
    calls = []

    def same(found):
        keys = [one.item.key for one in found]
        calls.append(len(keys))
        return {keys[1]: keys[0]}

    monkeypatch.setattr(merge, "same_places", same)
    save(tmp_path / "wafer" / "a.png", noise((72, 72)))
    given = ("--tiles", "48", "--overlap", "24", "--labels", "pore,crack")
    code, out, _err = run("batch", tmp_path / "wafer", *given, "--table", tmp_path / "t.json")
    assert code == 0
    assert "4 looked at, 0 skipped, 1 tiles saw what a neighbour saw" in out
    assert "      3  pore" in out
    assert calls == [4]  # once for the summary and the table
    book = tmp_path / "wafer.journal"
    code, _out, _err = run("report", book, "--table", tmp_path / "r.json")
    assert code == 0
    rows = json.loads((tmp_path / "t.json").read_text())
    assert rows == json.loads((tmp_path / "r.json").read_text())
    assert [row["same_as"] or "" for row in rows] == ["", rows[0]["key"], "", ""]


@pytest.mark.parametrize("flags", [("--workers", "2"), ("--scheduler", "tls://node1:8786")])
def test_a_model_behind_a_server_is_not_shared_out(run, lot, flags):
    given = ("--labels", "a,b", "--model", "http://127.0.0.1:9/v1#m", "--allow-remote")
    code, out, err = run("batch", lot, *given, *flags)
    assert (code, out) == (2, "")
    assert "A model behind a server cannot be shared out" in err
    assert err.count("\n") == 1


def test_a_folder_above_has_its_journal_beside_it(run, model, lot, tmp_path, monkeypatch):
    monkeypatch.chdir(lot / "deep")
    code, out, _err = run("batch", "..", "--labels", "a,b")
    assert code == 0
    assert f"journal: {tmp_path / 'lot.journal'}" in out


def test_the_root_of_a_disk_needs_a_name_for_its_journal(run, model, lot, tmp_path):
    code, out, err = run("batch", tmp_path.anchor, "--labels", "a,b", "--pattern", "none/of/it")
    assert (code, out) == (2, "")
    assert "name the journal" in err
    assert err.count("\n") == 1
