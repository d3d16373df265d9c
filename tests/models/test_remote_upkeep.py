"""A server's model over time: likelihoods, a silent server, and a key that changes."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from chat_server import ChatServer
from napari_micrograph_vlm import api
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.consent import CONSENTS
from napari_micrograph_vlm.models.remote import loading
from napari_micrograph_vlm.models.remote.keys import VARIABLE
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Question


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch):
    CONSENTS.clear()
    loading._LOADED.clear()
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def question():
    region = Cutout.of_array(np.arange(64 * 64).reshape(64, 64) % 250).read()
    return Question("What is it?", (region,))


def load(server, model="#tiny-vlm"):
    return api.load_model(server.url + model, allow_remote=True)


def test_an_answer_that_ends_early_makes_a_longer_one_unlikely(question):
    with ChatServer() as server:
        server.says = lambda *seen: [("a", -0.01, {}), (" crack", -0.02, {})]
        short, longer = load(server).score(question, ["a crack", "a crack in the left line"])
        assert short == pytest.approx(-0.03)
        assert longer < short - 5
        # Cut off for want of room, what is there counts.
        server.says = lambda *seen: [("a", -0.01, {})] * 99
        assert load(server).score(question, ["a" * 40])[0] == pytest.approx(-0.1)


def test_no_answers_get_no_scores(question):
    with ChatServer() as server:
        assert load(server).score(question, ()).shape == (0,)
        assert server.requests == []


def test_a_silent_server_without_a_models_name_is_given_up_soon(monkeypatch):
    monkeypatch.setattr(loading, "PATIENCE", 0.3, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match="did not answer"):
            api.load_model(url, allow_remote=True)
    assert time.monotonic() - started < 3


def test_a_corrected_key_is_used(question, monkeypatch):
    with ChatServer(key="sk-right") as server:
        server.brain = lambda prompt: "a crack"
        monkeypatch.setenv(VARIABLE, "sk-wrong")
        model = load(server)
        model.parts = 0
        with pytest.raises(ModelError, match="does not accept the key"):
            model.ask(question)
        monkeypatch.setenv(VARIABLE, "sk-right")
        assert load(server).ask(question).text == "a crack"
