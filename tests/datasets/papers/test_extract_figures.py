from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from drawing import reader_of
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from test_pdf_figures import captioned, paper, photo
from typer.testing import CliRunner

from napari_micrograph_vlm.cli import app
from napari_micrograph_vlm.datasets.papers import extract
from napari_micrograph_vlm.datasets.papers.extract import extract_figures
from napari_micrograph_vlm.datasets.papers.figure import read_figures
from napari_micrograph_vlm.errors import SourceError


def other(canvas: Canvas) -> None:
    canvas.drawImage(reader_of(photo(200, 100)), 50, 300, 240, 120)
    canvas.drawString(50, 285, "Figure 2. Cracks of the film.")


def bomb(path: Path, side: int) -> Path:
    """Write a paper whose image says that it is a square of ``side`` pixels."""
    paper(path, captioned)
    data = path.read_bytes()
    for name, number in ((b"/Width ", b"200"), (b"/Height ", b"150")):
        assert data.count(name + number) == 1
        data = data.replace(name + number, name + str(side).encode())
    path.write_bytes(data)
    return path


def test_bad_papers_are_named_in_a_sentence_and_the_rest_goes_on(tmp_path):
    good = paper(tmp_path / "good.pdf", captioned)
    locked = Canvas(str(tmp_path / "locked.pdf"), encrypt=StandardEncryption("secret", canPrint=0))
    captioned(locked)
    locked.save()
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "cut.pdf").write_bytes(good.read_bytes()[:900])
    (tmp_path / "words.pdf").write_text("no PDF file")
    paper(
        tmp_path / "scan.pdf",
        lambda canvas: canvas.drawImage(reader_of(photo(400, 600)), 0, 0, 400, 600),
    )
    bomb(tmp_path / "bomb.pdf", 200_000)
    result = extract_figures([tmp_path], tmp_path / "out")
    said = " ".join(result.skipped)
    assert [one.paper for one in read_figures(tmp_path / "out")] == ["good.pdf"]
    for name in ("locked", "empty", "cut", "words", "scan", "bomb"):
        assert sum(f"{name}.pdf" in line for line in result.skipped) == 1, name
    assert "encrypted" in said
    assert "OCR" in said
    assert "200,000" in said
    assert all(line.endswith(".") and "Traceback" not in line for line in result.skipped)


def test_the_same_call_again_reads_nothing_twice_and_adds_what_is_new(tmp_path):
    out = tmp_path / "out"
    first = paper(tmp_path / "a.pdf", captioned)
    extract_figures([first], out)
    before = (out / "figures.jsonl").read_bytes()
    first.rename(tmp_path / "renamed.pdf")
    paper(tmp_path / "b.pdf", other)
    result = extract_figures([tmp_path], out)
    assert (result.papers, result.before, result.figures) == (1, 1, 2)
    assert (out / "figures.jsonl").read_bytes().startswith(before)
    assert {one.id for one in read_figures(out)} == {
        file.stem for file in (out / "images").iterdir()
    }


def test_what_a_killed_run_left_is_done_again(tmp_path):
    out = tmp_path / "out"
    extract_figures([paper(tmp_path / "a.pdf", captioned)], out)
    # Killed after the picture and its line, before the paper was done.
    lines = (out / "papers.jsonl").read_text().splitlines()
    (out / "papers.jsonl").write_text(lines[0] + "\n" + '{"digest": "cut')
    whole = (out / "figures.jsonl").read_bytes()
    result = extract_figures([tmp_path / "a.pdf"], out)
    assert (result.papers, result.figures) == (1, 1)
    assert (out / "figures.jsonl").read_bytes() == whole


def test_a_paper_that_ended_the_program_twice_is_passed_over(tmp_path):
    out = tmp_path / "out"
    file = paper(tmp_path / "a.pdf", captioned)
    extract_figures([file], out)
    begun = (out / "papers.jsonl").read_text().splitlines()[0]
    (out / "papers.jsonl").write_text(f"{begun}\n{begun}\n")
    result = extract_figures([file], out)
    assert result.papers == 0
    assert "twice" in result.skipped[0] or "2 times" in result.skipped[0]


def test_a_stopped_paper_is_not_taken_for_a_finished_one(tmp_path):
    stop = Event()
    file = paper(tmp_path / "a.pdf", captioned, other)
    result = extract_figures([file], tmp_path / "out", on_page=lambda *_: stop.set(), stop=stop)
    assert (result.stopped, result.figures) == (True, 0)
    assert extract_figures([file], tmp_path / "out").figures == 2


def test_the_same_picture_in_another_paper_is_kept_once(tmp_path):
    paper(tmp_path / "a.pdf", captioned)
    paper(tmp_path / "b.pdf", captioned, other)
    result = extract_figures([tmp_path], tmp_path / "out")
    assert result.figures == 2
    assert sum("repeats" in line for line in result.skipped) == 1


def test_a_defect_of_a_reader_does_not_end_the_run(tmp_path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(extract, "split_panels", broken)
    result = extract_figures([paper(tmp_path / "a.pdf", captioned)], tmp_path / "out")
    assert result.figures == 0
    assert "division by zero" in result.skipped[0]


def test_parts_of_a_compound_figure_are_kept(tmp_path):
    def two(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(photo()), 50, 300, 140, 100)
        canvas.drawImage(reader_of(photo().rotate(180)), 200, 300, 140, 100)
        canvas.drawString(50, 285, "Figure 1. Films: (a) before heating, (b) after heating.")

    extract_figures([paper(tmp_path / "a.pdf", two)], tmp_path / "out")
    (figure,) = read_figures(tmp_path / "out")
    assert [part.letter for part in figure.panels] == ["a", "b"]
    with Image.open(tmp_path / "out" / figure.image) as image:
        assert image.size == figure.size


def saved_page(folder: Path, *numbers: int) -> Path:
    """Write a page of three figures, and the pictures of some of them beside it."""
    (folder / "p_files").mkdir(parents=True, exist_ok=True)
    for number in numbers:
        noise = np.random.default_rng(number).integers(0, 255, (15, 20), np.uint8)
        picture = Image.fromarray(noise).resize((200, 150))
        picture.save(folder / "p_files" / f"{number}.png")
    figures = (
        f'<figure><img src="p_files/{n}.png"><figcaption>Figure {n}. x</figcaption></figure>'
        for n in (1, 2, 3)
    )
    page = folder / "p.html"
    page.write_text(f"<html><body>{''.join(figures)}</body></html>")
    return page


def test_a_page_gets_its_other_figures_once_their_pictures_lie_beside_it(tmp_path):
    out = tmp_path / "out"
    page = saved_page(tmp_path)
    none = extract_figures([page], out)
    assert (none.figures, len(none.skipped)) == (0, 1)
    saved_page(tmp_path, 2)
    some = extract_figures([page], out)
    assert (some.figures, len(some.skipped)) == (1, 2)
    (first,) = read_figures(out)
    saved_page(tmp_path, 1, 3)
    every = extract_figures([page], out)
    assert (every.figures, every.skipped) == (3, [])
    # What was there keeps its name: texts made of it go by that.
    assert read_figures(out)[0] == first
    assert len({one.id for one in read_figures(out)}) == 3
    assert sorted(one.label for one in read_figures(out)) == ["Figure 1", "Figure 2", "Figure 3"]
    done = extract_figures([page], out)
    assert (done.papers, done.before, done.figures) == (0, 1, 3)


@pytest.mark.parametrize("error", [OSError("disk gone"), MemoryError()])
def test_a_paper_that_failed_for_the_moment_is_read_again(tmp_path, monkeypatch, error):
    file = paper(tmp_path / "a.pdf", captioned, other)
    real = extract.split_panels
    calls: list[int] = []

    def failing(*given):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return real(*given)

    monkeypatch.setattr(extract, "split_panels", failing)
    first = extract_figures([file], tmp_path / "out")
    assert (first.figures, len(first.skipped)) == (1, 1)
    second = extract_figures([file], tmp_path / "out")
    assert (second.papers, second.figures, second.skipped) == (1, 2, [])


def test_no_papers_is_one_sentence(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match="no paper"):
        extract_figures([tmp_path], tmp_path / "out")
    with pytest.raises(SourceError, match="no paper"):
        extract_figures([tmp_path / "notes.txt"], tmp_path / "out")


def test_command_tells_what_it_found_as_json(tmp_path):
    paper(tmp_path / "a.pdf", captioned)
    (tmp_path / "words.pdf").write_text("no PDF file")
    result = CliRunner().invoke(
        app, ["data", "figures", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]
    )
    told = json.loads(result.stdout)
    assert (told["figures"], told["papers"], len(told["skipped"])) == (1, 2, 1)


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C")
def test_ctrl_c_keeps_finished_papers_and_the_next_run_goes_on(tmp_path):
    for number in range(40):
        paper(tmp_path / f"{number:02}.pdf", captioned if number % 2 else other)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_micrograph_vlm", "data", "figures"]
    command += [str(tmp_path), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        done = (out / "papers.jsonl").exists() and (out / "papers.jsonl").read_text()
        if done and done.count("skipped") > 2:
            process.send_signal(signal.SIGINT)
            break
    _, said = process.communicate(timeout=60)
    assert process.returncode in (130, 0)  # 0: it was faster than the signal
    if process.returncode:
        assert "run the same command" in said
    result = extract_figures([tmp_path], out)
    assert result.papers + result.before == 40
    assert len(read_figures(out)) == 2
