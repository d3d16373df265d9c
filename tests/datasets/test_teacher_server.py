"""A teacher behind a server: what is sent, what is kept, and what happens when it fails."""

from __future__ import annotations

import json
import time
from threading import Event

import numpy as np
import pytest
from PIL import Image

from chat_server import LABELS, PAIRS, ChatServer
from napari_micrograph_vlm.datasets.audit.counts import check_counts
from napari_micrograph_vlm.datasets.labelled import FIELDS, read_labelled
from napari_micrograph_vlm.datasets.teacher.base import TeacherError
from napari_micrograph_vlm.datasets.teacher.client import Server
from napari_micrograph_vlm.datasets.teacher.cost import Prices
from napari_micrograph_vlm.datasets.teacher.journal import Journal
from napari_micrograph_vlm.datasets.teacher.passes import Passes
from napari_micrograph_vlm.datasets.teacher.pictures import find_pictures
from napari_micrograph_vlm.datasets.teacher.run import Outcome, teach
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.models.remote.address import parse_address

CALLS = 4
"""Two passes over the fields, two over the questions."""


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


class Runner:
    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.output = folder / "teacher_labels.jsonl"

    def __call__(self, *, limit=None, parallel=1, questions=6, twice=True, on_picture=None,
                 **options):  # fmt: skip
        given = {"timeout": 5.0, "attempts": 3, "pause": 0.01, **options}
        stop = Event()
        teacher = Server(parse_address(self.server.url), "tiny-vlm", stop=stop, **given)
        passes = Passes(teacher, questions=questions, twice=twice)
        pictures = find_pictures([self.folder], self.folder)
        self.outcome = Outcome()
        teach(
            passes,
            pictures[:limit],
            Journal(self.output),
            parallel=parallel,
            outcome=self.outcome,
            stop=stop,
            on_picture=on_picture or (lambda outcome: None),
        )
        return self.records

    @property
    def records(self):
        return read_labelled(self.folder).records if self.output.is_file() else []


@pytest.fixture
def run(server, folder):
    return Runner(server, folder)


def test_a_record_of_what_two_passes_agree_on(run, server):
    (record,) = run(limit=1)
    assert {name: record[name] for name in FIELDS} == LABELS
    assert record["qa"] == PAIRS
    assert record["qa_kinds"] == ["how many", "where", "defect"]
    assert (record["image"], record["group"]) == ("a.png", "a.png")
    assert (record["teacher"], record["agreed"]) == ("tiny-vlm", True)
    assert record["dropped"] == {}
    assert record["cost"]["calls"] == CALLS == len(server.requests)


def test_what_is_sent(run, server, folder):
    run(limit=1)
    bodies = [body for _, _, body in server.requests]
    for body in bodies:
        assert np.array_equal(np.asarray(body["image"]), np.asarray(Image.open(folder / "a.png")))
    # The second pass over the fields and over the questions is freer, and worded otherwise.
    assert [body["temperature"] for body in bodies] == [0.0, 0.7, 0.0, 0.7]
    assert [body["seed"] for body in bodies] == [1, 2, 1, 2]
    assert len(set(server.prompts)) == CALLS
    # The questions come back without their answers, backwards.
    assert server.prompts[3].index(PAIRS[2][0]) < server.prompts[3].index(PAIRS[0][0])
    assert PAIRS[1][1] not in server.prompts[3]


def test_a_large_picture_is_shown_smaller(run, server, folder):
    pixels = np.random.default_rng(0).integers(0, 4000, (600, 2048), np.uint16)
    Image.fromarray(pixels).save(folder / "0.tif")
    run(limit=1)
    image = server.requests[0][2]["image"]
    assert image.size == (1024, 300)
    assert np.asarray(image).dtype == np.uint8


def test_what_disagrees_is_dropped_and_counted(run, server):
    brain = server.brain
    brain.second |= {"technique": "TEM", "count": 9, "scale_bar": "100 nm"}
    brain.second["defects"] = [{"kind": "crack", "where": "left"}]
    del brain.second["surface"]
    brain.again["Where is the largest particle?"] = "At the top right"
    brain.again["Is there a crack?"] = "cannot tell"
    brain.confirms = "No, there are four"
    (record,) = run(limit=1)
    for name in ("technique", "count", "scale_bar", "defects", "surface", "description"):
        assert record[name] is None, name
    assert record["qa"] == [PAIRS[0]]
    assert run.outcome.dropped == {
        "technique: two answers disagree": 1,
        "count: two answers disagree": 1,
        "scale_bar: two answers disagree": 1,
        "defects: two answers disagree": 1,
        "surface: only one answer": 1,
        "description: not confirmed": 1,
        "question: two answers disagree": 1,
        "question: the picture does not tell": 1,
    }
    assert run.outcome.asked["question"] == 3


def test_near_counts_agree_and_places_are_dropped_alone(run, server):
    server.brain.first |= {"count": 20, "defects": [{"kind": "crack", "where": "left"}]}
    server.brain.second |= {"count": 23, "defects": [{"kind": "crack", "where": "right"}]}
    server.brain.pairs = []
    (record,) = run(limit=1)
    assert record["count"] == 20
    assert record["defects"] == [{"kind": "crack", "where": None}]


def test_values_that_are_not_allowed_are_dropped(run, server):
    server.brain.first |= {"category": "a kind of sponge", "density": "Dense", "count": "about 3"}
    server.brain.second |= {"density": "dense"}
    (record,) = run(limit=1)
    assert record["category"] is None
    assert (record["density"], record["count"]) == ("dense", 3)
    assert run.outcome.dropped["category: not an allowed value"] == 1


def test_half_a_character_does_no_harm(run, server):
    server.brain.first["description"] = "Half a \ud83d character."
    server.brain.confirms = "Yes"
    (record,) = run(limit=1)
    assert record["description"] == "Half a ? character."


def test_a_message_of_the_server_cannot_steer_the_terminal(run, server):
    server.faults = [(400, "0")]
    server.message = "\x1b[2Jnot\nfor you\ud800"
    run(limit=1)
    assert "error 400: [2Jnot for you." in run.outcome.skipped[0]


def test_asked_once_costs_half_and_says_so(run, server):
    (record,) = run(limit=1, twice=False)
    assert record["agreed"] is False
    assert len(server.requests) == 2


def test_no_questions(run, server):
    (record,) = run(limit=1, questions=0)
    assert record["qa"] == []
    assert len(server.requests) == 3  # fields twice, and whether the description is right


def test_masks_deny_a_count(run, server, folder):
    (folder / "instances").mkdir()
    (folder / "images").mkdir()
    (folder / "a.png").rename(folder / "images" / "a.png")
    ids = np.zeros((40, 60), np.uint8)
    for i in range(9):
        ids[4 * i, 5] = i + 1
    Image.fromarray(ids).save(folder / "instances" / "a.png")
    records = {record["image"]: record for record in run()}
    assert set(records) == {"images/a.png", "b.png", "c.png"}
    assert records["images/a.png"]["count"] is None
    # What was said is kept: who measures the teacher must not look at what is left alone.
    assert records["images/a.png"]["denied"] == {"count": [3, 9]}
    assert records["b.png"]["denied"] == {}
    assert check_counts(read_labelled(folder)).said.tolist() == [3]
    assert records["images/a.png"]["qa"] == PAIRS[1:]
    assert records["b.png"]["count"] == 3
    assert run.outcome.dropped == {
        "count: the truth says otherwise": 1,
        "question: the truth says otherwise": 1,
    }


def test_a_mask_that_cannot_be_read_skips_its_picture(run, server, folder):
    (folder / "instances").mkdir()
    (folder / "images").mkdir()
    (folder / "a.png").rename(folder / "images" / "a.png")
    (folder / "instances" / "a.png").write_bytes(b"no mask")
    assert [record["image"] for record in run()] == ["b.png", "c.png"]
    (line,) = run.outcome.skipped
    assert line.startswith("images/a.png: The mask ")
    assert len(server.requests) == 2 * CALLS  # nothing was asked in vain


def test_counts_in_a_table_deny_a_count(run, folder):
    (folder / "images").mkdir()
    (folder / "a.png").rename(folder / "images" / "a.png")
    (folder / "counts.csv").write_text("id,particles\na,40\n")
    by_name = {record["image"]: record for record in run()}
    assert by_name["images/a.png"]["count"] is None


def test_a_busy_server_is_waited_for_as_long_as_it_asks(run, server):
    server.faults = [(429, "0.4")]
    assert len(run(limit=1)) == 1
    assert server.times[1] - server.times[0] >= 0.4
    assert server.prompts[0] == server.prompts[1]


def test_a_date_to_come_back_at(run, server):
    server.faults = [(503, "Wed, 21 Oct 2015 07:28:00 GMT")]
    assert len(run(limit=1, pause=60.0)) == 1


def test_a_server_that_asks_for_an_hour_is_given_up_for_this_picture(run, server):
    server.faults = [(429, "3600")]
    records = run(limit=2)
    assert [record["image"] for record in records] == ["b.png"]
    assert "asks for a pause of 3600 s" in run.outcome.skipped[0]


@pytest.mark.parametrize("fault", [500, 503, 429, "garbage", "cut"])
def test_what_passes_is_tried_again(run, server, fault):
    server.faults = [fault, fault]
    assert len(run(limit=1)) == 1
    assert len(server.requests) == CALLS + 2


def test_a_slow_answer_is_not_waited_for_for_ever(run, server):
    server.faults = [60.0, 60.0]
    start = time.monotonic()
    assert run(limit=1, timeout=0.1, attempts=2) == []
    assert time.monotonic() - start < 30
    assert "did not answer within 0.1 s" in run.outcome.skipped[0]


def test_pictures_without_an_answer_are_skipped_and_named(run, server):
    server.faults = [500] * 3
    records = run()
    assert [record["image"] for record in records] == ["b.png", "c.png"]
    (line,) = run.outcome.skipped
    assert line.startswith("a.png: ")
    assert "error 500: something is wrong" in line


def test_three_pictures_in_a_row_without_an_answer_end_the_run(run, server, folder):
    Image.open(folder / "a.png").save(folder / "d.png")
    server.faults = [500] * 100
    with pytest.raises(TeacherError, match="3 pictures in a row got no answer"):
        run()
    assert len(server.requests) == 9


@pytest.mark.parametrize("fault", [400, "What a beautiful picture!"])
@pytest.mark.parametrize("parallel", [1, 2])
def test_a_server_that_refuses_every_picture_is_given_up(run, server, folder, fault, parallel):
    for i in range(10):
        Image.open(folder / "a.png").save(folder / f"more{i}.png")
    server.faults = [fault] * 100
    with pytest.raises(TeacherError, match="None of 3 pictures could be labelled"):
        run(parallel=parallel)
    assert len(run.outcome.skipped) == 3
    assert len(server.requests) <= 2 * (3 + 2 * parallel)


def test_pictures_that_a_proven_teacher_refuses_do_not_end_the_run(run, server, folder):
    Image.open(folder / "a.png").save(folder / "d.png")
    run(limit=1)
    server.faults = [400] * 3
    run()
    assert len(run.outcome.skipped) == 3


def test_broken_files_do_not_speak_against_the_server(run, folder):
    for i in range(5):
        (folder / f"0{i}.png").write_bytes(b"no picture")
    assert len(run()) == 3


def test_what_got_done_is_kept_when_the_run_ends(run, folder):
    for i in range(5):
        Image.open(folder / "a.png").save(folder / f"more{i}.png")

    def interrupted(outcome):
        time.sleep(1.0)  # the others get done meanwhile
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(parallel=4, on_picture=interrupted)
    assert len(run.records) >= 4
    assert run.outcome.written == len(run.records)
    assert run.outcome.cost.calls == CALLS * len(run.records)


def test_a_refused_picture_is_skipped(run, server):
    server.faults = [400]
    assert len(run(limit=2)) == 1
    assert "refused it with error 400" in run.outcome.skipped[0]


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_hopeless_server_ends_the_run_at_once(run, server, code):
    server.faults = [code]
    with pytest.raises(TeacherError):
        run()
    assert len(server.requests) == 1


def test_pictures_go_to_no_other_address(run, server):
    server.faults = [307]
    with pytest.raises(TeacherError, match="another address"):
        run()
    assert len(server.requests) == 1


def test_an_answer_that_cannot_be_read_is_asked_for_again(run, server):
    server.faults = ["I see many nice spheres!"]
    assert len(run(limit=1)) == 1
    assert server.prompts[0] == server.prompts[1]
    assert server.requests[1][2]["temperature"] > 0


def test_answers_that_cannot_be_read_skip_the_picture(run, server):
    server.faults = ["I see", '{"technique": "SEM"']
    assert [r["image"] for r in run(limit=2)] == ["b.png"]
    assert "holds no JSON object" in run.outcome.skipped[0]
    assert run.outcome.cost.calls == CALLS + 2


def test_the_key_is_sent_and_never_shown(folder):
    with ChatServer(key="sk-secret-7") as server:
        run = Runner(server, folder)
        assert len(run(limit=1, key="sk-secret-7")) == 1
        with pytest.raises(TeacherError) as caught:
            run(key="sk-wrong-8")
        assert "does not accept the key" in str(caught.value)
        assert "sk-" not in str(caught.value)
        teacher = Server(parse_address(server.url), "tiny-vlm", key="sk-secret-7")
        assert "secret" not in repr(teacher)
    assert "sk-" not in run.output.read_text()


def test_a_key_does_not_travel_unencrypted():
    with pytest.raises(TeacherError, match="unencrypted"):
        Server(parse_address("http://8.8.8.8/v1"), "m", key="k")
    Server(parse_address("https://8.8.8.8/v1"), "m", key="k")


def test_a_second_run_goes_on(run, server):
    run(limit=1)
    asked = len(server.requests)
    assert [record["image"] for record in run()] == ["a.png", "b.png", "c.png"]
    assert len(server.requests) == asked + 2 * CALLS
    run()
    assert len(server.requests) == asked + 2 * CALLS


def test_a_record_that_a_crash_cut_short_is_made_again(run, server):
    run(limit=2)
    data = run.output.read_bytes()
    run.output.write_bytes(data[:-30])
    assert [record["image"] for record in run(limit=2)] == ["a.png", "b.png"]
    assert len(run.output.read_bytes().splitlines()) == 2


FOREIGN = {
    "picture": b"\x89PNG\r\n\x1a\n and more",
    "text": b"Notes of Monday\nNotes of Tues",
    "table": b"id,particles\na1,3",
    "settings": b'{\n  "model": "tiny",\n  "image": 3',
    "one object": b'{"model": "tiny"}',
    "other records": b'{"text": "a"}\n{"text": "b"}\n{"tex',
    "number": b"12",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("suffix", [".jsonl", ".png", ""])
def test_a_file_of_other_things_is_left_as_it_is(tmp_path, name, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(SourceError) as caught:
        Journal(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == FOREIGN[name]


def test_only_names_of_records_are_taken(tmp_path):
    with pytest.raises(SourceError, match=r"\.jsonl"):
        Journal(tmp_path / "labels.json")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(SourceError, match=r"\.jsonl"):
        Journal(tmp_path / "folder.jsonl")
    assert Journal(tmp_path / "LABELS.JSONL").done == set()


def test_a_torn_line_is_cut_only_after_whole_records(tmp_path):
    path = tmp_path / "labels.jsonl"
    whole = b'{"image": "a.png"}\n'
    path.write_bytes(whole + b'\n{"image": "b.pn')
    assert Journal(path).done == {"a.png"}
    assert path.read_bytes() == whole + b"\n"
    # Beside another broken line nothing is cut: somebody has been at work here by hand.
    torn = whole + b'{"image": oops}\n{"image": "b.pn'
    path.write_bytes(torn)
    journal = Journal(path)
    assert path.read_bytes() == torn + b"\n"
    assert (journal.done, len(journal.broken)) == ({"a.png"}, 2)


def test_a_last_line_without_its_end_is_kept(run, server):
    run(limit=1)
    run.output.write_bytes(run.output.read_bytes().rstrip(b"\n"))
    assert len(run(limit=2)) == 2
    assert len(server.requests) == 2 * CALLS


def test_broken_pictures_are_skipped_and_named(run, folder):
    (folder / "aa.png").write_bytes(b"not a picture")
    (folder / "ab.png").write_bytes((folder / "a.png").read_bytes()[:300])
    Image.new("L", (30, 30), 7).save(folder / "ac.png")
    assert len(run()) == 3
    assert [line.split(":")[0] for line in run.outcome.skipped] == ["aa.png", "ab.png", "ac.png"]
    assert "same value" in run.outcome.skipped[2]


def test_several_pictures_at_a_time(run, server, folder):
    for i in range(5):
        Image.open(folder / "a.png").save(folder / f"{i}.png")
    server.pause = 0.05
    assert len(run(parallel=8)) == 8
    assert 1 < server.most_running <= 8
    assert len(server.requests) == 8 * CALLS


def test_an_error_in_a_thread_ends_the_run(run, server):
    server.faults = [401]
    with pytest.raises(TeacherError):
        run(parallel=3)


def test_what_it_costs(run):
    run()
    cost = run.outcome.cost
    assert (cost.calls, cost.prompt_tokens, cost.completion_tokens) == (12, 1200, 240)
    assert cost.seconds > 0
    assert Prices(10.0, 100.0).of(cost) == pytest.approx((1200 * 10 + 240 * 100) / 1e6)
    assert Prices().of(cost) is None
    assert "0.04 at the prices given" in cost.text(Prices(10.0, 100.0))
    assert Journal(run.output).cost.calls == 12


def test_exact_truth_is_not_mixed_with_a_teacher(run):
    record = {"image": "x.png", "group": "x", "qa": [], "teacher": "truth"}
    run.output.write_text(json.dumps(record) + "\n")
    with pytest.raises(SourceError, match="--output"):
        run()


def test_the_server_names_its_models(server):
    assert Server(parse_address(server.url), "").models() == ["tiny-vlm"]


@pytest.mark.parametrize(
    ("url", "base", "near"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1", True),
        ("http://[::1]:11434/", "http://[::1]:11434/v1", True),
        ("https://10.1.2.3/api/v1/chat/completions", "https://10.1.2.3/api/v1", True),
        ("http://192.168.0.7:1234/v1/", "http://192.168.0.7:1234/v1", True),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1", False),
    ],
)
def test_where_a_server_is(url, base, near):
    address = parse_address(url)
    assert (address.base, address.near) == (base, near)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "http://", "http://me:pw@127.0.0.1/v1", "http://127.0.0.1:x/v1"]
)
def test_addresses_that_are_none(url):
    with pytest.raises(TeacherError) as caught:
        parse_address(url)
    assert "pw" not in str(caught.value)
