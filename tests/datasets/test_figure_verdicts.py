"""What a person says of texts about figures is kept, and what is learnt from follows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from PIL import Image

from figure_teacher import LyingTeacher, write_figure_folder
from napari_micrograph_vlm.datasets.chat import read_chat, split_of, write_chat
from napari_micrograph_vlm.datasets.papers.figure import read_figures, write_figures
from napari_micrograph_vlm.datasets.papers.refine import refine
from napari_micrograph_vlm.datasets.papers.review import Review
from napari_micrograph_vlm.datasets.papers.review_sheet import draw_sample, write_review_sheet
from napari_micrograph_vlm.datasets.papers.subjects import subject_of
from napari_micrograph_vlm.datasets.papers.to_chat import chat_examples, chosen_texts
from napari_micrograph_vlm.errors import SourceError


@pytest.fixture
def folder(tmp_path):
    where = tmp_path / "figures"
    refine(where, LyingTeacher(write_figure_folder(where, 4), lies=0), questions=3)
    return where


def data_of(sheet):
    """What the sheet's script reads."""
    text = re.search(r"^const data = (.*);$", sheet.read_text("utf-8"), re.MULTILINE)
    return json.loads(text[1])


def test_verdicts_and_changed_words_are_on_disk_at_once(folder):
    review = Review(folder)
    question = next(one for one in review.texts if one.text.asked)
    other = next(one for one in review.texts if not one.text.asked)
    assert review.say(question.id, "accepted", "What is it  made of?", " Gold.\n")
    assert not review.say(question.id, "accepted", "What is it made of?", "Gold.")
    assert review.say(other.id, "rejected")
    assert review.say(other.id, "open", said="Not sure yet.")
    again = Review(folder)
    kept = again.text(question.id)
    assert (kept.verdict, kept.asked, kept.said) == ("accepted", "What is it made of?", "Gold.")
    assert kept.is_edited
    assert (again.text(other.id).verdict, again.text(other.id).said) == ("open", "Not sure yet.")
    tallies = {tally.kind: tally for tally in again.tallies()}
    assert (tallies["question"].edited, tallies["question"].judged) == (1, 1)
    assert "not judged yet" in tallies["reasoning"].line()
    with pytest.raises(SourceError, match="no such text"):
        again.say("nothing", "accepted")


def test_verdicts_outlive_a_torn_line_and_a_text_written_anew(folder):
    review = Review(folder)
    first, second = review.texts[:2]
    review.say(first.id, "rejected")
    review.say(second.id, "accepted")
    with review.file.open("ab") as file:
        file.write(b'{"id": "half of a')
    refined = folder / "refined.jsonl"
    refined.write_text(refined.read_text().replace(second.text.said, "Other words."))
    again = Review(folder)
    assert again.text(first.id).verdict == "rejected"
    assert again.say(first.id, "accepted")
    assert Review(folder).text(first.id).verdict == "accepted"
    # Words that nobody has seen are not accepted because others were.
    refined.write_text(re.sub(r'"id": "[0-9a-f]+"', '"id": "new"', refined.read_text(), count=2))
    assert Review(folder).text("new").verdict == "open"


def test_the_sheet_needs_nothing_else_and_starts_with_what_is_kept(folder):
    review = Review(folder)
    first = review.texts[0]
    review.say(first.id, "accepted", said="</script><b>In other words.</b>")
    sheet = folder / "review.html"
    assert write_review_sheet(sheet, review, review.texts) == []
    text = sheet.read_text("utf-8")
    assert text.count("</script>") == 1
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="?http', text)
    cards = data_of(sheet)["cards"]
    assert len(cards) == 4
    assert all(card["url"].startswith("data:image/jpeg;base64,") for card in cards)
    shown = cards[0]["texts"][0]
    assert (shown["verdict"], shown["said"]) == ("accepted", "</script><b>In other words.</b>")
    assert shown["first_said"] == first.text.said
    assert cards[0]["caption"] == first.figure.caption
    assert "page 2 of paper-0.pdf" in cards[0]["where"]


def test_verdicts_of_a_sheet_are_taken_over(folder, tmp_path):
    review = Review(folder)
    texts = review.texts
    saved = tmp_path / "verdicts.json"
    said = [{"id": one.id, "verdict": "rejected", "asked": one.asked, "said": one.said}
            for one in texts[:3]]  # fmt: skip
    gone = {"id": "gone", "verdict": "accepted", "asked": "", "said": "x"}
    saved.write_text(json.dumps({"folder": "figures", "verdicts": [*said, gone]}))
    assert review.take(saved) == (3, 1, 0)
    assert review.take(saved) == (0, 1, 0)
    assert [one.verdict for one in Review(folder).texts[:4]] == ["rejected"] * 3 + ["open"]
    for bad in ("no json", "[]", '{"verdicts": [{"id": "x"}]}', '{"verdicts": 5}'):
        saved.write_text(bad)
        with pytest.raises(SourceError, match="holds no verdicts"):
            review.take(saved)
    with pytest.raises(SourceError, match="cannot be read"):
        review.take(tmp_path / "none.json")


def test_a_sample_holds_whole_figures_and_first_those_nobody_has_judged(folder):
    review = Review(folder)
    judged = review.texts[0].figure.id
    for one in review.texts:
        if one.figure.id == judged:
            review.say(one.id, "accepted")
    drawn = draw_sample(review, 8)
    figures = {one.figure.id for one in drawn}
    assert judged not in figures
    assert len(drawn) <= 8
    assert [one.id for one in drawn] == [
        one.id for name in dict.fromkeys(one.figure.id for one in drawn)
        for one in review.texts if one.figure.id == name
    ]  # fmt: skip
    assert draw_sample(review, 8) == drawn
    assert len(draw_sample(review, None)) == len(review.texts)
    assert {draw_sample(review, 1, seed)[0].figure.id for seed in range(9)} > figures


def test_texts_about_figures_that_are_gone_are_passed_over(folder):
    write_figures(folder, read_figures(folder)[1:])
    review = Review(folder)
    assert {one.figure.id for one in review.texts} == {"f1", "f2", "f3"}
    assert review.broken == ["f0: this figure is not in the folder any more."]


def test_conversations_follow_the_verdicts(folder):
    review = Review(folder)
    bad, good = review.texts[:2]
    review.say(bad.id, "rejected")
    review.say(good.id, "accepted", said="In other words.")
    ids = [one.id for one in chosen_texts(review)]
    assert bad.id not in ids
    assert len(ids) == len(review.texts) - 1
    assert [one.id for one in chosen_texts(review, accepted=True)] == [good.id]
    (example,) = chat_examples(review, chosen_texts(review, accepted=True))
    assert example.messages[-1].text == "In other words."
    assert {one.text.kind for one in chosen_texts(review, kinds=("question",))} == {"question"}
    for none in ({"pictures": ("chart",)}, {"accepted": True, "kinds": ("reasoning", "x")}):
        if none.get("accepted"):
            review.say(good.id, "rejected")
        with pytest.raises(SourceError, match="to learn from"):
            chosen_texts(review, **none)


def test_what_only_the_caption_says_is_asked_with_the_caption(folder):
    review = Review(folder)
    texts = chosen_texts(review)

    def asked(captions):
        return {
            one.id: one.messages[0].text for one in chat_examples(review, texts, captions=captions)
        }

    needed, never, always = asked("needed"), asked("never"), asked("always")
    assert len(needed) == len(texts)
    rests = {one.id: one.text.support for one in texts}
    captions = {one.id: one.caption for one in texts}
    assert {"caption", "picture"} & set(rests.values())
    for key, support in rests.items():
        assert (captions[key] in needed[key]) == (support in ("caption", "mixed"))
        assert captions[key] not in never[key]
        assert always[key].endswith(never[key])
        assert captions[key] in always[key]
    with pytest.raises(SourceError, match="none of needed"):
        next(chat_examples(review, texts, captions="sometimes"))


def test_papers_are_never_in_two_splits_and_the_dataset_opens(folder, tmp_path):
    review = Review(folder)
    skipped = []
    (folder / "images/f3.png").write_bytes(b"broken")
    examples = list(chat_examples(review, chosen_texts(review), together=True, skipped=skipped))
    assert len(examples) == 3
    assert skipped[0].startswith("Figure 4, page 5 of paper-1.pdf: ")
    assert {one.group for one in examples} == {"paper-0.pdf", "paper-1.pdf"}
    for one in examples:
        assert [m.role for m in one.messages] == ["user", "assistant"] * (len(one.messages) // 2)
        assert [m.images for m in one.messages] == [1] + [0] * (len(one.messages) - 1)
    output = tmp_path / "chat"
    counts = write_chat(iter(examples), output, title="Figures")
    for split in counts:
        rows = read_chat(output, split)
        assert all(split_of(row["group"]) == split for row in rows)
        assert all(isinstance(row["images"][0], Image.Image) for row in rows)


def test_texts_about_another_caption_or_picture_are_named_and_left_out(folder):
    figures = read_figures(folder)
    first, second = (Review(folder).texts[i] for i in (0, -1))
    write_figures(folder, [replace(figures[0], caption="Polymers, as received."), *figures[1:]])
    # As large as before, and another picture.
    Image.new("L", (64, 48), 9).save(folder / second.figure.image)
    review = Review(folder)
    assert review.text(first.id) is None
    assert review.text(second.id) is None
    assert [line.split(":")[0] for line in review.broken] == ["f0", "f3"]
    assert all("run `data refine` again" in line for line in review.broken)


def asked_again(folder, **change):
    """Add a record of the first figure with other texts."""
    file = folder / "refined.jsonl"
    record = {**json.loads(file.read_text().splitlines()[0]), **change}
    record["texts"] = [{**record["texts"][0], "id": "f" * 16, "said": "Written anew."}]
    with file.open("a") as opened:
        opened.write(json.dumps(record) + "\n")


def test_a_persons_own_words_outlive_that_the_teacher_is_asked_again(folder):
    review = Review(folder)
    mine, taken, other = review.texts[:3]
    review.say(mine.id, "open", said="My own words.")
    review.say(taken.id, "accepted")
    asked_again(folder)
    again = Review(folder)
    assert again.text(mine.id).said == "My own words."
    assert again.text(taken.id).verdict == "accepted"
    assert again.text("f" * 16).verdict == "open"
    assert again.text(other.id) is None


def test_words_for_another_caption_are_named_and_its_verdicts_do_not_count(folder):
    review = Review(folder)
    one = review.texts[0]
    review.say(one.id, "accepted", said="My own words.")
    figures = read_figures(folder)
    write_figures(folder, [replace(figures[0], caption="Polymers, as received."), *figures[1:]])
    file = folder / "refined.jsonl"
    record = json.loads(file.read_text().splitlines()[0])
    record["digest"] = subject_of(folder, read_figures(folder)[0]).digest
    with file.open("a") as opened:
        opened.write(json.dumps(record) + "\n")
    again = Review(folder)
    assert (again.text(one.id).verdict, again.text(one.id).said) == ("open", one.said)
    assert any("“My own words.” was accepted for another caption" in line for line in again.broken)


def test_two_at_the_same_folder_do_not_overhear_each_other(folder):
    key = Review(folder).texts[0].id
    here, there = Review(folder), Review(folder)
    here.say(key, "accepted")
    there.say(key, "rejected")
    assert here.say(key, "accepted")  # as it still stands here
    assert Review(folder).text(key).verdict == "accepted"
    there.refresh()
    assert there.text(key).verdict == "accepted"
    there.file.unlink()
    there.refresh()
    assert there.text(key).verdict == "open"


def test_an_older_sheet_does_not_take_newer_verdicts_back(folder, tmp_path):
    review = Review(folder)
    one = review.texts[0]
    saved = tmp_path / "verdicts.json"

    def save(verdict, known, about=one):
        words = (about.asked, about.said)
        entry = {"id": about.id, "verdict": verdict, "asked": words[0], "said": words[1]}
        entry["known"] = [[state, *words] for state in known]
        saved.write_text(json.dumps({"verdicts": [entry]}))

    save("rejected", ["open"])
    assert review.take(saved) == (1, 0, 0)
    assert review.take(saved) == (0, 0, 0)
    save("accepted", ["open", "rejected"])  # the same sheet, later
    assert review.take(saved) == (1, 0, 0)
    save("rejected", ["open"])  # another sheet, made before
    assert review.take(saved) == (0, 0, 1)
    assert Review(folder).text(one.id).verdict == "accepted"
    saved.write_text(saved.read_text().replace("[[", "[5, ["))
    with pytest.raises(SourceError, match="holds no verdicts"):
        review.take(saved)


SCRIPT = """
const store = {};
const element = () => new Proxy(function () {}, {
  get: (_, name) => name === "querySelectorAll" ? () => [] : name === Symbol.toPrimitive
    ? () => "" : element(),
  set: () => true, apply: () => element(), construct: () => element(),
});
const localStorage = {getItem: key => store[key] ?? null, setItem: (key, v) => { store[key] = v; }};
class HTMLTextAreaElement {}
const addEventListener = () => {}, URL = element(), Blob = element();
const document = {createElement: () => element(), querySelector: () => element(),
  addEventListener: () => {}};
const open = () => { const tab = {}; SHEET; return {keep, saved, state, items}; };
const a = open(), b = open();
a.keep(0, {verdict: "rejected"});
b.keep(1, {verdict: "accepted"});
const both = JSON.parse(b.saved()).verdicts;
b.keep(0, {verdict: "accepted"});
console.log(JSON.stringify({both, later: JSON.parse(open().saved()).verdicts}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the sheet's script")
def test_two_tabs_keep_what_was_said_in_both(folder, tmp_path):
    review = Review(folder)
    sheet = tmp_path / "review.html"
    write_review_sheet(sheet, review, review.texts[:3])
    script = sheet.read_text("utf-8").split("<script>")[1].split("</script>")[0]
    file = tmp_path / "two.js"
    file.write_text(SCRIPT.replace("SHEET", script), "utf-8")
    done = subprocess.run(["node", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["verdict"] for one in found["both"]] == ["rejected", "accepted"]
    one = review.texts[0]
    words = [one.asked, one.said]
    first = found["later"][0]
    assert first["verdict"] == "accepted"
    assert first["known"] == [["open", *words], ["rejected", *words]]
    saved = tmp_path / "verdicts.json"
    saved.write_text(json.dumps({"verdicts": found["both"]}))
    assert review.take(saved) == (2, 0, 0)
    saved.write_text(json.dumps({"verdicts": found["later"]}))
    assert review.take(saved) == (1, 0, 0)


def test_what_nobody_checked_is_asked_with_the_caption_and_says_so(tmp_path):
    where = tmp_path / "unchecked"
    refine(where, LyingTeacher(write_figure_folder(where, 1), lies=0), questions=1, rounds=0)
    review = Review(where)
    assert {one.text.support for one in review.texts} == {""}
    for example in chat_examples(review, review.texts):
        assert review.texts[0].caption in example.messages[0].text
    sheet = where / "review.html"
    write_review_sheet(sheet, review, review.texts)
    text = sheet.read_text("utf-8")
    assert '|| "not checked"' in text
    assert 'mixed: "partly by the caption alone"' in text
