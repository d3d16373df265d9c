"""A model behind a server: what is sent, what comes back, and what happens when it fails."""

from __future__ import annotations

import sys
import threading
import time
from math import exp, isnan, log
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from chat_server import ChatServer, Dies, Fails, Stalls
from napari_micrograph_vlm import api
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError
from napari_micrograph_vlm.labelling import LabelClass, LabelSet
from napari_micrograph_vlm.models.base import Model
from napari_micrograph_vlm.models.consent import CONSENTS, ConsentNeeded, is_remote
from napari_micrograph_vlm.models.remote import RemoteModel, client, loading
from napari_micrograph_vlm.models.remote.address import parse_address
from napari_micrograph_vlm.models.remote.client import ChatClient
from napari_micrograph_vlm.models.remote.keys import VARIABLE, key_for
from napari_micrograph_vlm.models.remote.scoring import Choice, probabilities_of
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Question, Turn

SENTENCE = "A long crack runs from the upper left."


@pytest.fixture
def server():
    with ChatServer() as running:
        running.brain = lambda prompt: SENTENCE
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch):
    CONSENTS.clear()
    loading._LOADED.clear()
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def region():
    pixels = np.random.default_rng(0).integers(0, 255, (96, 128), np.uint8)
    return Cutout.of_array(pixels, source="secret-project/wafer 7").read()


def model_at(server, *, parts=0, at_once=4, timeout=5.0, attempts=3, **options):
    made = ChatClient(
        parse_address(server.url), timeout=timeout, attempts=attempts, pause=0.01, **options
    )
    return RemoteModel(made, "tiny-vlm", parts=parts, at_once=at_once)


def ask(model, *regions, text="What is it?", turns=(), tiled=None, **options):
    return model.ask(Question(text, regions, turns, tiled), **options)


def test_an_answer_comes_in_pieces_and_whole(server, region):
    model, pieces = model_at(server), []
    answer = ask(model, region, on_text=pieces.append)
    assert isinstance(model, Model)
    assert answer.text == "".join(pieces) == SENTENCE
    assert len(pieces) == len(SENTENCE.split())
    assert answer.provenance.model == f"{server.url}#tiny-vlm" == model.name
    assert answer.provenance.device == server.url.split("/")[2]
    assert [answer.text[w.start : w.stop] for w in answer.words] == SENTENCE[:-1].split()
    assert answer.confidence == pytest.approx(exp(-0.1))
    assert answer.words[0].probability == pytest.approx(exp(-0.1))


def test_exactly_the_prepared_pixels_are_sent_and_no_name(server, region):
    model = model_at(server)
    ask(model, region)
    ((_, prompt, body),) = server.requests
    (view,) = model.prepare(region).views
    assert np.array_equal(np.asarray(body["image"]), view.pixels)
    assert view.pixels.shape[:2] == (168, 224)  # a small one is enlarged, its shape is kept
    assert prompt == "What is it?"
    assert (body["temperature"], body["stream"]) == (0.0, True)
    assert body["image"].info == {}
    assert "secret" not in str({k: v for k, v in body.items() if not k.startswith("image")})


def test_a_large_region_is_reduced_or_sent_in_tiles(server):
    pixels = np.random.default_rng(0).integers(0, 255, (700, 2800), np.uint8)
    large = Cutout.of_array(pixels).read()
    model = model_at(server)
    answer = ask(model, large, tiled=False)
    assert server.requests[0][2]["image"].size == (1024, 256)
    assert answer.provenance.tiles == 1
    answer = ask(model, large, tiled=True)
    images = server.requests[1][2]["images"]
    assert len(images) == 1 + answer.provenance.tiles == 4
    assert all(max(image.size) <= 1024 for image in images)


def test_regions_and_earlier_turns_are_told_in_order(server, region):
    other = Cutout.of_array(np.arange(48 * 48).reshape(48, 48) % 250).read()
    ask(model_at(server), region, other, turns=(Turn("Which is brighter?", "The second."),))
    messages = server.requests[0][2]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    kinds = [part.get("text", "picture") for part in messages[0]["content"]]
    assert kinds == ["Region 1:", "picture", "Region 2:", "picture", "Which is brighter?"]
    assert messages[1]["content"] == "The second."
    assert [part["text"] for part in messages[2]["content"]] == ["What is it?"]


def test_questions_that_cannot_be_asked_are_not_sent(server, region):
    for text, regions in ((" ", [region]), ("What?", []), ("What?", [region] * 9)):
        with pytest.raises(QuestionError):
            ask(model_at(server), *regions, text=text)
    assert server.requests == []


@pytest.mark.parametrize("tells", [False, "refuses"])
def test_a_server_that_tells_no_probabilities(server, region, tells):
    server.tells = tells
    model = model_at(server)
    answer = ask(model, region)
    assert answer.text == SENTENCE
    assert isnan(answer.confidence)
    assert all(isnan(word.probability) for word in answer.words)
    assert '"confidence": null' in answer.to_json()
    assert "NaN" not in answer.to_json()
    before = len(server.requests)
    ask(model, region)  # it is not asked for them in vain a second time
    assert len(server.requests) == before + 1


def test_a_server_that_does_not_stream(server, region):
    server.streams = False
    pieces = []
    assert ask(model_at(server), region, on_text=pieces.append).text == SENTENCE
    assert pieces == [SENTENCE]


@pytest.mark.parametrize("fault", [500, 429, 503, "garbage", "cut", Dies(0)])
def test_what_passes_is_tried_again(server, region, fault):
    server.faults = [fault, fault]
    assert ask(model_at(server), region).text == SENTENCE
    assert len(server.requests) == 3


def test_pauses_grow_and_are_told(server, region):
    server.faults = [500, 500, 500]
    told = []
    ask(model_at(server, attempts=4, on_pause=told.append), region)
    assert [sentence.split()[-2] for sentence in told] == ["0.01", "0.02", "0.04"]
    server.faults = [(429, "0.3")]
    started = time.monotonic()
    ask(model_at(server), region)
    assert time.monotonic() - started >= 0.3


def test_an_answer_that_broke_off_goes_on_where_it_ended(server, region):
    server.faults = [Dies(3), Fails(5)]
    pieces = []
    answer = ask(model_at(server), region, on_text=pieces.append)
    assert answer.text == "".join(pieces) == SENTENCE
    assert len(server.requests) == 3


def test_another_answer_after_one_that_broke_off_is_not_glued_to_it(server, region):
    server.faults = [Dies(3), "Three round pores."]
    pieces = []
    with pytest.raises(ModelError, match="ended in the middle of an answer"):
        ask(model_at(server), region, on_text=pieces.append)
    assert "".join(pieces) == "A long crack"


def test_a_server_that_always_dies_in_the_middle_is_given_up(server, region):
    server.faults = [Dies(2)] * 9
    with pytest.raises(ModelError, match=r"ended in the middle of the answer\.$"):
        ask(model_at(server), region)
    assert len(server.requests) == 3


def test_an_error_within_the_stream_is_told_in_the_servers_words(server, region):
    server.faults = [Fails(2)] * 3
    with pytest.raises(ModelError, match=r"reported an error: out of memory\.$"):
        ask(model_at(server), region)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (400, "refused it with error 400: something is wrong"),
        (401, "does not accept the key; set the environment variable"),
        (403, "does not allow this key"),
        (404, "neither this address nor this model"),
        (307, "another address"),
    ],
)
def test_what_cannot_pass_is_told_at_once(server, region, fault, sentence):
    server.faults = [fault] * 5
    model = model_at(server, key_advice="set the environment variable")
    with pytest.raises(ModelError, match=sentence):
        ask(model, region)
    # A refusal may be one of the request for probabilities: that alone is tried without.
    assert len(server.requests) == (2 if fault == 400 else 1)


def test_silence_is_not_waited_for_for_ever(server, region):
    server.faults = [Stalls(2)] * 2
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s"):
        ask(model_at(server, timeout=0.2, attempts=2), region)
    assert time.monotonic() - started < 2


def test_nobody_at_the_address(region):
    with ChatServer() as gone:
        told = []
        model = model_at(gone, on_pause=told.append)
        name = gone.url
    sentence = r"^127\.0\.0\.1:\d+ does not answer; is the server running\?$"
    with pytest.raises(ModelError, match=sentence):
        ask(model, region)
    with pytest.raises(ModelError, match=sentence):
        api.load_model(name, allow_remote=True)  # its only model is not known
    assert told == []  # it was not waited for


def test_a_network_that_is_down_is_tried_again(server, region, monkeypatch):
    def down(*_, **__):
        raise OSError("Network is unreachable")

    told = []
    monkeypatch.setattr(client, "Exchange", down)
    with pytest.raises(ModelError, match=r"cannot be reached \(Network is unreachable\)"):
        ask(model_at(server, attempts=2, on_pause=told.append), region)
    assert len(told) == 1


@pytest.mark.parametrize("fault", [20.0, Stalls(0), Stalls(3), (503, "60")])
def test_stopping_takes_less_than_a_third_of_a_second(server, region, fault):
    """Before the answer, in its middle, and in the pause after a failure."""
    server.faults = [fault] * 3
    cancel, pieces = Event(), []
    told = []

    def stop():
        while not server.requests:  # on a busy machine that takes a while
            time.sleep(0.01)
        time.sleep(0.5)
        told.append(time.monotonic())
        cancel.set()

    threading.Thread(target=stop).start()
    with pytest.raises(Cancelled) as caught:
        ask(model_at(server, timeout=60), region, cancel=cancel, on_text=pieces.append)
    assert time.monotonic() - told[0] < 0.3
    assert caught.value.text == "".join(pieces)
    assert caught.value.text == (" ".join(SENTENCE.split()[:3]) if fault == Stalls(3) else "")


def test_a_stopped_request_closes_its_connection(server, region):
    server.token_pause = 0.05
    server.brain = lambda prompt: "word " * 200
    cancel, pieces = Event(), []

    def write(piece):
        pieces.append(piece)
        cancel.set()

    with pytest.raises(Cancelled):
        ask(model_at(server), region, cancel=cancel, on_text=write, max_tokens=200)
    deadline = time.monotonic() + 3
    while server.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.running == 0  # else the server would go on for ten seconds
    assert len(pieces) == 1


def test_several_threads_may_ask(server, region):
    server.token_pause = 0.02
    model, found = model_at(server), []
    threads = [
        threading.Thread(target=lambda: found.append(ask(model, region).text)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SENTENCE] * 4
    assert server.most_running > 1


def sees_the_spot(prompt, images):
    """Says where the bright spot is, surely as long as it is to be seen."""
    grey = np.asarray(images[-1].convert("L"), float)
    height, width = grey.shape
    bright = grey[: height // 2, : width // 2].max() > 200
    sure = log(0.95 if bright else 0.05)
    word = " spot" if bright else " plane"
    others = {" spot": sure, " plane": log(0.05 if bright else 0.95)}
    return [("A", -0.01, {}), (word, log(0.95), others)]


def spot():
    pixels = np.full((128, 128), 90, np.uint8)
    pixels += np.random.default_rng(0).integers(0, 20, (128, 128), np.uint8)
    pixels[20:28, 36:44] = 255
    return Cutout.of_array(pixels).read()


@pytest.mark.parametrize("tells", [True, False])
def test_where_it_looked_is_found_by_covering_parts(server, tells):
    server.says, server.tells = sees_the_spot, tells
    answer = ask(model_at(server, parts=4), spot())
    (shown,) = answer.attention
    assert answer.text == "A spot"
    assert shown.method == "occlusion"
    assert shown.values.shape == (4, 4)
    assert shown.peak == (0, 1)
    assert shown.has_focus
    assert answer.words[0].attention == answer.attention
    assert server.most_running > 1  # several parts at a time
    assert server.most_running <= 4


def test_without_parts_the_map_singles_nothing_out(server, region):
    (shown,) = ask(model_at(server), region).attention
    assert (shown.method, shown.has_focus) == ("none", False)
    assert len(server.requests) == 1


def test_an_answer_is_kept_where_looking_fails(server, region):
    server.faults = [None, *[500] * 99]
    answer = ask(model_at(server, parts=2, attempts=2), region)
    assert answer.text == SENTENCE
    assert answer.attention[0].method == "none"


def test_stopping_while_it_is_looked_where(server, region):
    cancel = Event()
    server.faults = [None, *[5.0] * 40]
    threading.Timer(0.4, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled) as caught:
        ask(model_at(server, parts=4), region, cancel=cancel)
    assert time.monotonic() - started < 0.4 + 0.3
    assert caught.value.text == SENTENCE


def chooses(wanted, sure=0.8, first_bonus=0.0):
    """Chooses a label wherever it stands, with a liking for what stands first."""

    def says(prompt, images):
        options = dict(line.split(") ", 1) for line in prompt.splitlines() if line[1:3] == ") ")
        rest = (1 - sure) / (len(options) - 1)
        logs = {
            f" {letter}": log(sure if name == wanted else rest) + first_bonus * (letter == "A")
            for letter, name in options.items()
        }
        best = max(logs, key=logs.get)
        return [(best, logs[best], {**logs, "The": -9.0})]

    return says


LABELS = ["no defect", "bridge", "micro-bridge", "pore"]


def test_labels_get_the_probabilities_of_their_letters(server, region):
    server.says = chooses("micro-bridge")
    found = model_at(server).classify([region], LABELS)
    assert found.best == ("micro-bridge",)
    np.testing.assert_allclose(found.probabilities[0], [0.2 / 3, 0.2 / 3, 0.8, 0.2 / 3], atol=1e-3)
    assert len(server.requests) == 2  # forwards and backwards


def test_sentences_stand_behind_the_names_they_belong_to():
    asked = []
    labels = [f"class {i}" for i in range(20)]

    def choose(text):
        asked.append(text)
        return Choice("A")

    probabilities_of(labels, choose, [f"looks like {i}" if i != 3 else "" for i in range(20)])
    lines = [line for text in asked for line in text.splitlines()]
    assert any(line.endswith(") class 19: looks like 19") for line in lines)
    assert any(line.endswith(") class 3") for line in lines)
    assert {line[3:] for line in lines if "class 7" in line} == {"class 7: looks like 7"}


def test_a_servers_model_is_told_the_sentences(server, region):
    server.says = chooses("pore: a small dark hole")
    said = LabelSet("x", (LabelClass("pore", "a small dark hole"), LabelClass("bridge")))
    found = model_at(server).classify([region], said)
    assert found.labels == ("pore", "bridge")
    assert found.best == ("pore",)
    assert "A) pore: a small dark hole\nB) bridge\n" in server.requests[0][1]


def test_a_liking_for_the_first_letter_does_not_decide(server, region):
    server.says = chooses("bridge", sure=0.4, first_bonus=1.0)
    assert model_at(server).classify([region], LABELS).best == ("bridge",)
    server.says = chooses("pore", sure=0.4, first_bonus=1.0)
    assert model_at(server).classify([region], LABELS).best == ("pore",)


@pytest.mark.parametrize("by_name", [True, False])
def test_labels_are_chosen_by_asking_where_no_probabilities_are_told(server, region, by_name):
    server.tells = False
    letters = chooses("micro-bridge")
    server.says = lambda *seen: [("It is micro-bridge.", 0, {})] if by_name else letters(*seen)
    found = model_at(server).classify([region], LABELS, threshold=0.5)
    assert found.best == ("micro-bridge",)
    assert found.probabilities.sum() == pytest.approx(1)
    assert 0.5 < found.probabilities.max() < 1
    assert len(server.requests) == 4


def test_an_answer_that_names_no_label_makes_none_likely(server, region):
    server.tells = False
    server.brain = lambda prompt: "Sorry, but no."
    np.testing.assert_allclose(model_at(server).classify([region], LABELS).probabilities, 0.25)


def test_many_labels_are_chosen_in_rounds(server, region):
    labels = [f"class {i}" for i in range(45)]
    server.says = chooses("class 31")
    found = model_at(server).classify([region], labels)
    assert found.best == ("class 31",)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert len(server.requests) == 2 * (3 + 1)


def test_regions_are_classified_several_at_a_time_and_in_order(server):
    bright = np.arange(8) * 20 + 60
    regions = [
        Cutout.of_array(np.r_[np.full((32, 32), v), np.zeros((4, 32))].astype(np.uint8)).read()
        for v in bright
    ]
    names = [f"level {v}" for v in bright]

    def says(prompt, images):
        level = int(np.median(np.asarray(images[0].convert("L"))))
        time.sleep(0.05 if level < 120 else 0.0)  # the first ones come last
        return chooses(f"level {level}")(prompt, images)

    server.says = says
    counted = []
    found = model_at(server).classify(regions, names, on_region=counted.append)
    assert list(found.best) == names
    assert counted == list(range(1, 9))
    assert 1 < server.most_running <= 4


def test_classifying_stops_at_once(server, region):
    cancel = Event()
    server.faults = [20.0] * 50
    threading.Timer(0.4, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        model_at(server, timeout=60).classify([region] * 6, LABELS, cancel=cancel)
    assert time.monotonic() - started < 0.4 + 0.3


def test_nothing_is_sent_before_somebody_agreed(server):
    with pytest.raises(ConsentNeeded) as caught:
        api.load_model(f"{server.url}#tiny-vlm")
    assert "--allow-remote" in str(caught.value)
    assert server.url.split("/")[2] in caught.value.question
    assert server.requests == []
    model = api.load_model(f"{server.url}#tiny-vlm", allow_remote=True)
    # Asked once: it holds for the address, and the same name gives the same model.
    assert api.load_model(f"{server.url}#tiny-vlm") is model
    with pytest.raises(ConsentNeeded):
        api.load_model("http://127.0.0.2:9#tiny-vlm")


def test_ask_by_name_needs_consent_too(server):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    name = f"{server.url}#tiny-vlm"
    with pytest.raises(ConsentNeeded):
        api.ask(pixels, "What is it?", model=name)
    assert server.requests == []
    api.load_model(name, allow_remote=True).parts = 0
    assert str(api.ask(pixels, "What is it?", model=name)) == SENTENCE


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:8000/v1", "another program"),
        ("http://10.1.2.3/v1", "leave this machine for 10.1.2.3, on this network. They are not"),
        ("https://8.8.8.8/v1", "leave this machine for 8.8.8.8, OUTSIDE this network. Send"),
    ],
)
def test_the_question_says_where_pixels_go(url, words):
    assert words in ConsentNeeded(parse_address(url), url).question


def test_without_a_model_the_only_one_is_taken(server):
    assert api.load_model(server.url, allow_remote=True).name.endswith("#tiny-vlm")
    with (
        ChatServer(models=("a", "b")) as two,
        pytest.raises(ModelError, match=r"the server has a, b\."),
    ):
        api.load_model(two.url, allow_remote=True)


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("http://gpu-box:8000/v1#qwen2-vl", True),
        ("HTTPS://10.0.0.1", True),
        ("student", False),
        ("/models/http", False),
        (None, False),
    ],
)
def test_names_of_remote_models(name, remote):
    assert is_remote(name) is remote


def test_the_key_comes_from_the_environment_and_is_shown_nowhere(region, monkeypatch):
    monkeypatch.setenv(VARIABLE, "sk-secret-7")
    with ChatServer(key="sk-secret-7") as server:
        server.brain = lambda prompt: SENTENCE
        model = api.load_model(f"{server.url}#tiny-vlm", allow_remote=True)
        model.parts = 0
        answer = ask(model, region)
        assert "sk-" not in repr(model) + repr(model.client) + answer.to_json()
        server.key = "sk-other"
        with pytest.raises(ModelError) as caught:
            ask(model, region)
    assert f"set the environment variable {VARIABLE}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_key_comes_from_the_keyring(monkeypatch):
    kept = {("napari-micrograph-vlm", "127.0.0.1:8000"): "sk-ring"}
    ring = SimpleNamespace(get_password=lambda service, host: kept.get((service, host)))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert key_for(parse_address("http://127.0.0.1:8000/v1")) == "sk-ring"
    assert key_for(parse_address("http://127.0.0.1:9000/v1")) is None
    monkeypatch.setenv(VARIABLE, "sk-env")
    assert key_for(parse_address("http://127.0.0.1:8000/v1")) == "sk-ring"
    assert key_for(parse_address("http://127.0.0.1:9000/v1")) == "sk-env"


def test_a_keyring_that_is_locked_or_missing_gives_no_key(monkeypatch):
    def locked(service, host):
        raise RuntimeError("no keyring")

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=locked))
    assert key_for(parse_address("http://127.0.0.1:8000/v1")) is None
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert key_for(parse_address("http://127.0.0.1:8000/v1")) is None
