"""From captions to checked texts: going on, stopping, and what is on disk meanwhile."""

from __future__ import annotations

import json
from threading import Event

import pytest
from PIL import Image

from figure_teacher import LyingTeacher, write_figure_folder
from napari_micrograph_vlm.datasets.papers.figure import (
    FIGURES_FILE,
    Panel,
    read_figures,
    write_figures,
)
from napari_micrograph_vlm.datasets.papers.refine import refine
from napari_micrograph_vlm.datasets.papers.refined import REFINED_FILE, read_refined
from napari_micrograph_vlm.datasets.papers.subjects import picture_file, subjects_of
from napari_micrograph_vlm.datasets.teacher.base import Refused, Reply
from napari_micrograph_vlm.errors import SourceError


def change(folder, number, **what):
    from dataclasses import replace

    figures = read_figures(folder)
    figures[number] = replace(figures[number], **what)
    write_figures(folder, figures)
    return figures[number]


def test_what_is_kept_is_true_and_what_was_dropped_is_told(tmp_path):
    worlds = write_figure_folder(tmp_path, 4)
    teacher = LyingTeacher(worlds, lies=0.4)
    outcome = refine(tmp_path, teacher, questions=3)
    assert (outcome.written, outcome.skipped) == (4, [])
    refined = read_refined(tmp_path)
    figures = {figure.id: figure for figure in read_figures(tmp_path)}
    assert [one.figure for one in refined] == list(figures)
    told = 0
    for one in refined:
        world = worlds[figures[one.figure].caption]
        for text in one.texts:
            if text.kind == "question":
                assert (text.asked, text.said) in world.questions
            else:
                true = {*world.by_caption, *world.by_picture}
                assert {f"{line}." for line in text.said.rstrip(".").split(". ")} <= true
        assert all(lost["why"] and lost["said"] for lost in one.dropped)
        told += len(one.dropped)
    assert told == outcome.dropped.total() > 4
    assert outcome.cost.calls == len(teacher.prompts)


def test_a_second_run_asks_only_about_what_is_new_or_changed(tmp_path):
    worlds = write_figure_folder(tmp_path, 3)
    refine(tmp_path, LyingTeacher(worlds), limit=2)
    before = (tmp_path / REFINED_FILE).read_bytes()
    teacher = LyingTeacher(worlds)
    assert refine(tmp_path, teacher).written == 1
    assert {next(c for c in worlds if c in p) for p in teacher.prompts if '"shown"' not in p} == {
        list(worlds)[2]
    }
    assert (tmp_path / REFINED_FILE).read_bytes().startswith(before)
    assert refine(tmp_path, LyingTeacher({})).written == 0
    other = next(iter(worlds)).replace("compared", "as compared")
    change(tmp_path, 0, caption=other)
    assert refine(tmp_path, LyingTeacher({other: worlds[next(iter(worlds))]})).written == 1
    assert len(read_refined(tmp_path)) == 3


def test_a_torn_last_line_is_made_anew(tmp_path):
    worlds = write_figure_folder(tmp_path, 2)
    refine(tmp_path, LyingTeacher(worlds))
    file = tmp_path / REFINED_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    assert refine(tmp_path, LyingTeacher(worlds)).written == 1
    assert file.read_bytes().splitlines()[0] == whole.splitlines()[0]
    assert len(read_refined(tmp_path)) == 2


def test_panels_with_captions_of_their_own_are_asked_about_alone(tmp_path):
    worlds = write_figure_folder(tmp_path, 1)
    (caption,) = worlds
    letters = (Panel("a", (0, 0, 32, 48), caption + " Left."), Panel("b", (32, 0, 64, 48)))
    change(tmp_path, 0, panels=letters)
    assert [one.name for one in subjects_of(tmp_path)] == ["f0"]
    whole, left = subjects_of(tmp_path, panels=True)
    assert (whole.name, left.name) == ("f0", "f0 (a)")
    assert left.show(100).image.size == (32, 48)
    assert refine(tmp_path, LyingTeacher(worlds), panels=True).written == 2
    assert [one.name for one in read_refined(tmp_path)] == ["f0", "f0 (a)"]


def test_a_caption_of_another_picture_gives_no_texts(tmp_path):
    class Doubting(LyingTeacher):
        def describe(self, world):
            return {**super().describe(world), "belongs": False}

    worlds = write_figure_folder(tmp_path, 1)
    outcome = refine(tmp_path, Doubting(worlds))
    (one,) = read_refined(tmp_path)
    assert one.texts == ()
    assert list(outcome.dropped) == ["figure: the caption is that of another picture"]
    assert outcome.cost.calls == 1


def test_what_cannot_be_asked_about_is_named_and_the_rest_goes_on(tmp_path):
    worlds = write_figure_folder(tmp_path, 6)
    change(tmp_path, 0, caption="Too short.")
    change(tmp_path, 1, image="images/gone.png")
    change(tmp_path, 2, image="../secret.png")
    Image.new("L", (9, 9)).save(tmp_path.parent / "secret.png")
    (tmp_path / "images/f3.png").write_bytes(b"\x89PNG broken")
    with (tmp_path / FIGURES_FILE).open("a") as file:
        file.write("{nonsense\n")
    outcome = refine(tmp_path, LyingTeacher(worlds))
    assert outcome.written == 2
    text = "\n".join(outcome.skipped)
    for sentence in ("says too little", "no picture images/gone.png", "outside", "f3:", "line 7"):
        assert sentence in text
    with pytest.raises(SourceError, match="outside"):
        picture_file(tmp_path, read_figures(tmp_path)[2])


def test_an_answer_that_cannot_be_read_is_asked_for_once_more(tmp_path):
    class Chatty(LyingTeacher):
        def ask(self, shown, prompt, *, temperature, seed):
            reply = super().ask(shown, prompt, temperature=temperature, seed=seed)
            return reply if seed > 10 else Reply("I would rather not say.", 10, 5, 0.1)

    worlds = write_figure_folder(tmp_path, 1)
    assert refine(tmp_path, Chatty(worlds, lies=0)).written == 1

    class Mute(LyingTeacher):
        def ask(self, shown, prompt, *, temperature, seed):
            raise Refused("It will not.")

    (tmp_path / REFINED_FILE).unlink()
    outcome = refine(tmp_path, Mute(worlds))
    assert (outcome.written, outcome.skipped) == (0, ["f0: It will not."])


def test_stopped_in_the_middle_it_keeps_each_finished_figure(tmp_path):
    worlds = write_figure_folder(tmp_path, 5)

    def after_two(outcome):
        if outcome.written == 2:
            raise KeyboardInterrupt

    stop = Event()
    with pytest.raises(KeyboardInterrupt):
        refine(tmp_path, LyingTeacher(worlds), on_figure=after_two, stop=stop)
    assert stop.is_set()
    assert len(read_refined(tmp_path)) == 2
    assert refine(tmp_path, LyingTeacher(worlds)).written == 3


def test_a_checker_of_its_own_is_asked_for_the_checks_alone(tmp_path):
    worlds = write_figure_folder(tmp_path, 2)
    writer = LyingTeacher(worlds, lies=0.5, nods=True)
    checker = LyingTeacher(worlds)
    outcome = refine(tmp_path, writer, checker=checker, questions=3)
    assert outcome.written == 2
    checks = ('"verdicts"', '"checked"', '"shown"', '"answers"')
    assert not any(word in prompt for prompt in writer.prompts for word in checks)
    assert all(any(word in prompt for word in checks) for prompt in checker.prompts)
    record = json.loads((tmp_path / REFINED_FILE).read_text().splitlines()[0])
    assert record["checker"] == "lying"
    for one in read_refined(tmp_path):
        world = next(
            w for c, w in worlds.items() if c == read_figures(tmp_path)[int(one.figure[1])].caption
        )
        assert not any(line in text.said for text in one.texts for line in world.false)


def test_a_folder_without_figures_is_said_so_in_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"holds no figures\.jsonl"):
        refine(tmp_path, LyingTeacher({}))
    with pytest.raises(SourceError, match=r"holds no refined\.jsonl"):
        read_refined(tmp_path)
