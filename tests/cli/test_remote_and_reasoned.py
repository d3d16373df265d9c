"""Models behind a server, and reasoned answers, on the command line."""

from __future__ import annotations

import json

import pytest

from chat_server import ChatServer
from napari_micrograph_vlm.models.consent import CONSENTS
from napari_micrograph_vlm.models.remote import loading

STEPS = "Step 1: A dark line.\nStep 2: It branches.\nAnswer: a crack"


@pytest.fixture
def server():
    CONSENTS.clear()
    loading._LOADED.clear()
    with ChatServer() as running:
        running.brain = lambda prompt: STEPS if "step by step" in prompt else "a crack"
        running.tells = False
        yield running
    CONSENTS.clear()


@pytest.fixture
def name(server):
    return f"{server.url}#tiny-vlm"


@pytest.mark.parametrize(
    "command", [("ask", "What is it?"), ("classify", "--labels", "crack,pore")]
)
def test_nothing_is_sent_without_the_flag(run, image, server, name, command):
    verb, *rest = command
    code, out, err = run(verb, image, *rest, "--model", name)
    assert (code, out) == (2, "")
    assert "--allow-remote" in err
    assert len(err.strip().splitlines()) == 1
    assert server.requests == []


def test_ask_a_server(run, image, server, name):
    code, out, err = run("ask", image, "What is it?", "--model", name, "--allow-remote")
    assert code == 0
    assert out.startswith("a crack\n")
    assert f"Pixels go to {server.url.split('/')[2]}." in err
    assert "nan" not in out
    assert "confidence" not in out  # this server does not tell
    code, out, _ = run("ask", image, "What is it?", "--model", name, "--allow-remote", "--json")
    kept = json.loads(out)
    assert (kept["confidence"], kept["provenance"]["model"]) == (None, name)


def test_classify_by_a_server(run, image, server, name):
    server.brain = lambda prompt: "crack"
    code, out, _ = run(
        "classify", image, "--labels", "pore,crack", "--model", name, "--allow-remote"
    )
    assert code == 0
    assert out.splitlines()[0].endswith("crack")


def test_steps_are_printed_before_the_answer(run, image, server, name):
    loaded = loading.load_remote(name, allow_remote=True)
    loaded.parts = 0
    code, out, _ = run("ask", image, "What is it?", "--model", name, "--allow-remote", "--reasoned")
    assert code == 0
    assert out.splitlines()[:3] == ["  1. A dark line.", "  2. It branches.", "a crack"]
    code, out, _ = run("ask", image, "What?", "--model", name, "--reasoned", "--json")
    assert [step["text"] for step in json.loads(out)["steps"]] == ["A dark line.", "It branches."]


def test_a_model_that_cannot_reason_says_so_in_one_line(run, image, model):
    model.reasons = False
    code, out, err = run("ask", image, "What is it?", "--reasoned")
    assert (code, out) == (2, "")
    assert "writes no steps" in err
