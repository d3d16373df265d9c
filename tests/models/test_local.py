from __future__ import annotations

import gc
import json
import shutil
import socket
import weakref
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer
from time import process_time
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.tiny_llava import build
from models.tiny_models import checkpoint
from models.tiny_student import make_region
from napari_micrograph_vlm import api, load_model
from napari_micrograph_vlm.attention.relevance import Method, Settings
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError
from napari_micrograph_vlm.labelling import LabelClass, LabelSet
from napari_micrograph_vlm.models import asking, local, weighing
from napari_micrograph_vlm.models.base import Model
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.loading import revision_of
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.results import Question, Turn

QUESTION = "What defect is there?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("llava", tmp_path_factory.mktemp("models") / "tiny-llava")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LocalModel:
    return LocalModel.load(folder, "cpu")


@pytest.fixture
def model(loaded: LocalModel) -> Iterator[LocalModel]:
    loaded.sessions.forget()
    yield loaded
    loaded.relevance, loaded.instruction = Settings(), ""


def _ask(model: LocalModel, text: str = QUESTION, **more: Any) -> Any:
    return model.ask(Question(text, (make_region(150, 110),)), max_tokens=8, **more)


def test_it_is_a_model_and_says_which(model: LocalModel) -> None:
    assert isinstance(model, Model)
    answer = _ask(model)
    assert answer.provenance.model == "tiny-llava"
    assert answer.provenance.revision == model.revision
    assert answer.provenance.device == "cpu"
    assert answer.provenance.tiles == 1
    assert answer.to_json()
    assert 0 < answer.confidence < 1
    assert len(model.suggestions()) > 2


def test_words_of_answer_and_question_have_maps_of_their_own(model: LocalModel) -> None:
    answer = _ask(model)
    assert len(answer.words) > 1
    maps = [word.attention[0].values for word in answer.words]
    assert not np.allclose(maps[0], maps[1])
    said = [answer.question[w.start : w.stop] for w in answer.question_words]
    assert said == ["What", "defect", "is", "there"]
    asked = [word.attention[0].values for word in answer.question_words]
    assert not np.allclose(asked[0], asked[1])
    assert all(m.sum() == pytest.approx(1, abs=1e-4) for m in (*maps, *asked))
    assert answer.attention[0].values.shape == (4, 3)  # of 4 x 4, a quarter is padding


def test_probabilities_and_attention_are_those_of_the_words_tokens(model: LocalModel) -> None:
    region = make_region(150, 110)
    prompt = model.family.prompt([region], QUESTION)
    steps = list(generate(model.model, model.family, prompt, max_tokens=8))
    recorded = model.recorded(Question(QUESTION, (region,)), max_tokens=8)
    np.testing.assert_allclose(
        recorded.attention, np.stack([step.attention for step in steps]), atol=1e-6
    )
    assert recorded.attention.shape == (8, 3, 16)
    assert recorded.counts == (16,)
    expected = np.exp(np.mean([np.log(step.probability) for step in steps]))
    assert _ask(model).confidence == pytest.approx(float(expected), rel=1e-3)


def test_tokens_are_those_of_transformers_with_its_own_settings(model: LocalModel) -> None:
    network: Any = model.model
    prompt = model.family.prompt([make_region()], QUESTION)
    network.generation_config.repetition_penalty = 1.5
    try:
        with torch.inference_mode():
            ids = network.generate(**prompt.inputs, max_new_tokens=16, do_sample=False)
        tokens = [s.token for s in generate(network, model.family, prompt, max_tokens=16)]
    finally:
        network.generation_config.repetition_penalty = None
    plain = [s.token for s in generate(network, model.family, prompt, max_tokens=16)]
    assert tokens == ids[0, prompt.length :].tolist()
    assert tokens != plain


def test_an_answer_ends_where_the_model_ends_it(model: LocalModel) -> None:
    network: Any = model.model
    prompt = model.family.prompt([make_region()], QUESTION)
    tokens = [s.token for s in generate(network, model.family, prompt, max_tokens=6)]
    before = network.generation_config.eos_token_id
    network.generation_config.eos_token_id = tokens[3]
    try:
        ended = [s.token for s in generate(network, model.family, prompt, max_tokens=6)]
        longer = [
            s.token for s in generate(network, model.family, prompt, max_tokens=6, min_tokens=5)
        ]
    finally:
        network.generation_config.eos_token_id = before
    assert ended == tokens[: tokens.index(tokens[3]) + 1]
    assert len(longer) > len(ended)


def test_nothing_need_be_recorded(model: LocalModel) -> None:
    prompt = model.family.prompt([make_region()], QUESTION)
    quiet = list(generate(model.model, model.family, prompt, max_tokens=4, record=False))
    loud = list(generate(model.model, model.family, prompt, max_tokens=4))
    assert [s.token for s in quiet] == [s.token for s in loud]
    assert quiet[0].attention.size == 0
    assert quiet[0].question is None


def test_earlier_turns_instruction_and_a_second_region_change_the_answer(
    model: LocalModel,
) -> None:
    region = make_region(150, 110)
    plain = _ask(model).text
    turns = (Turn("Is it an SEM image?", "Yes, it is."),)
    assert model.ask(Question(QUESTION, (region,), turns), max_tokens=8).text != plain
    model.instruction = "Answer in one word."
    assert _ask(model).text != plain
    both = model.ask(Question(QUESTION, (region, make_region(60, 90, 3))), max_tokens=8)
    assert len(both.attention) == 2
    assert both.attention[1].values.shape == (3, 4)


def test_what_cannot_be_asked_is_refused(model: LocalModel) -> None:
    with pytest.raises(QuestionError, match="Type a question"):
        _ask(model, "  ")
    with pytest.raises(QuestionError, match="Draw a region"):
        model.ask(Question(QUESTION, ()))
    with pytest.raises(QuestionError, match="Draw a region"):
        model.classify([], ["a", "b"])
    most = model.family.max_regions
    with pytest.raises(QuestionError, match=f"{most} regions at a time, not {most + 1}"):
        model.ask(Question(QUESTION, (make_region(),) * (most + 1)))
    assert _ask(model, "\ud800 What?").text  # a lone surrogate from a console


@pytest.mark.parametrize("method", [Method.MEAN, Method.CONTRAST, Method.OCCLUSION])
def test_maps_are_made_as_asked_for(model: LocalModel, method: Method) -> None:
    assert method in model.methods
    usual = _ask(model)
    answer = _ask(model, relevance=Settings(method))
    assert answer.text == usual.text
    assert answer.attention[0].method == str(method)
    assert answer.attention[0].values.sum() == pytest.approx(1, abs=1e-4)
    if method is not Method.MEAN:
        assert answer.attention[0].values.shape != usual.attention[0].values.shape or (
            not np.allclose(answer.attention[0].values, usual.attention[0].values)
        )


def test_chosen_layers_make_the_map(model: LocalModel) -> None:
    model.relevance = Settings(layers=(1,))
    one = _ask(model)
    region = make_region(150, 110)
    recorded = model.recorded(Question(QUESTION, (region,)), max_tokens=8)
    tokens = recorded.attention[:, 1]
    spread = recorded.boxes[0].spread((tokens / tokens.sum(-1, keepdims=True))[0])
    first = one.words[0].attention[0].values
    assert np.corrcoef(first.ravel(), spread.ravel())[0, 1] > 0.9


def test_scores_are_log_likelihoods_of_the_answer(model: LocalModel) -> None:
    region = make_region(150, 110)
    scores = model.score(Question(QUESTION, (region,)), ["a crack", "pores", "a crack"])
    assert scores.shape == (3,)
    assert scores[0] == pytest.approx(scores[2])
    assert scores[0] != pytest.approx(scores[1])
    assert (scores < 0).all()


def test_classes_keep_their_order_and_the_blank_picture_is_looked_at_once(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = [make_region(150, 110), make_region(90, 90, 3)]
    blanks: list[int] = []
    blank = local.blank_region
    monkeypatch.setattr(local, "blank_region", lambda: blanks.append(1) or blank())
    counted: list[int] = []
    found = model.classify(
        regions, ["crack", "pore", "bridge"], on_region=counted.append, threshold=0.9
    )
    again = model.classify(regions[:1], ["crack", "pore", "bridge"])
    assert counted == [1, 2]
    assert blanks == [1]
    assert found.threshold == 0.9
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(found.probabilities[:1], again.probabilities, atol=1e-4)
    assert len(found.attention) == 2
    with pytest.raises(QuestionError):
        model.classify(regions, ["crack"])


def test_many_classes_give_the_map_that_few_give(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, names = make_region(150, 110), ["crack", "pore", "bridge"]
    few = model.classify([region], names)
    monkeypatch.setattr(weighing, "RECORDED_LABELS", 1)
    many = model.classify([region], names)
    np.testing.assert_allclose(many.probabilities, few.probabilities, atol=1e-5)
    np.testing.assert_allclose(many.attention[0].values, few.attention[0].values, atol=1e-4)
    monkeypatch.setattr(asking, "LISTED", 1)
    assert model.classify([region], names).probabilities.shape == (1, 3)


def test_where_memory_runs_out_it_tries_once_more_without_tiles(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ask(model)
    asked: list[bool | None] = []
    prompt = model.family.prompt
    monkeypatch.setattr(
        model.family,
        "prompt",
        lambda *a, tiled=None, **k: asked.append(tiled) or prompt(*a, tiled=tiled, **k),
    )
    begin = model.sessions.start
    fails = [torch.OutOfMemoryError("CUDA out of memory")]

    def start(*args: Any) -> Any:
        if fails:
            raise fails.pop()
        assert len(model.sessions) == 0  # what was kept has been let go
        return begin(*args)

    monkeypatch.setattr(model.sessions, "start", start)
    assert _ask(model).text
    assert asked == [None, False]
    fails += [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()]
    with pytest.raises(ModelError, match="not enough memory"):
        _ask(model)
    fails[:] = [RuntimeError("something else")]
    with pytest.raises(RuntimeError, match="something else"):
        _ask(model)


def test_where_memory_runs_out_in_an_answer_nothing_is_told_twice(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, write = _ask(model).text, local.generate

    def short(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for count, step in enumerate(write(*args, **kwargs)):
            if count == 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            yield step

    monkeypatch.setattr(local, "generate", short)
    pieces: list[str] = []
    with pytest.raises(ModelError, match="in the middle of the answer"):
        _ask(model, on_text=pieces.append)
    assert usual.startswith("".join(pieces))


def test_after_unloading_it_says_so_and_its_memory_is_free(folder: Path) -> None:
    model = LocalModel.load(folder, "cpu")
    _ask(model)
    network = weakref.ref(model.model)
    model.close()
    gc.collect()
    assert network() is None
    with pytest.raises(ModelError, match="was unloaded"):
        _ask(model)


def test_the_same_name_gives_the_same_model_until_it_is_unloaded(folder: Path) -> None:
    model = load_model(folder, "cpu")
    assert load_model(str(folder), "cpu") is model
    api.unload_model(model)
    again = load_model(folder, "cpu")
    assert again is not model
    api.unload_model(again)


def test_ask_and_classify_need_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was tried")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    model = LocalModel.load(folder, "cpu")
    assert _ask(model).text
    assert model.classify([make_region()], ["crack", "pore"]).best


def _copy(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def test_what_is_wrong_with_a_folder_is_said(folder: Path, tmp_path: Path) -> None:
    other = _copy(folder, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model_type": "mystery"}))
    with pytest.raises(ModelError, match="'mystery'"):
        LocalModel.load(other, "cpu")
    (other / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        LocalModel.load(other, "cpu")

    pickled = _copy(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickle.*models convert"):
        LocalModel.load(pickled, "cpu")
    (pickled / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="no weights"):
        LocalModel.load(pickled, "cpu")

    broken = _copy(folder, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights.pop(next(name for name in weights if "mlp" in name))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="incomplete: 1 tensors"):
        LocalModel.load(broken, "cpu")
    (broken / "model.safetensors").write_bytes(b"nonsense" * 9)
    with pytest.raises(ModelError, match="cannot be loaded"):
        LocalModel.load(broken, "cpu")

    mute = _copy(folder, tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        LocalModel.load(mute, "cpu")
    with pytest.raises(ModelError, match="device"):
        LocalModel.load(folder, "cuda:7")
    with pytest.raises(ModelError, match="precision"):
        LocalModel.load(folder, "cpu", "3-bit")


def test_other_weights_have_another_revision(folder: Path, tmp_path: Path) -> None:
    again = checkpoint("llava", tmp_path / "again")
    other = checkpoint("llava", tmp_path / "other", seed=1)
    assert revision_of(again) == revision_of(folder) != revision_of(other)
    commit = tmp_path / "snapshots" / "0123456789abcdef"
    commit.mkdir(parents=True)
    assert revision_of(commit) == "0123456789ab"


def test_reading_a_long_prompt_stops_before_its_end(tmp_path: Path) -> None:
    sizes = {
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_hidden_layers": 32,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
    }
    model = LocalModel.load(build(tmp_path / "long", **sizes), "cpu")
    turns = tuple(Turn("What defect is there? " * 20, "A crack. " * 40) for _ in range(12))
    question = Question(QUESTION, (make_region(),), turns)
    assert model.family.prompt(question.regions, QUESTION, turns).length > 2000
    cancel = Event()
    stopped_at: list[float] = []
    # Seconds of the processor: other programs must not make the model look slow.
    timer = Timer(0.5, lambda: (stopped_at.append(process_time()), cancel.set()))
    timer.start()
    with pytest.raises(Cancelled):
        model.ask(question, cancel=cancel)
    took = process_time() - stopped_at[0]
    timer.join()
    begun = process_time()
    model.ask(question, max_tokens=1)
    assert took < (process_time() - begun) / 4


def test_sentences_are_in_the_question_and_without_them_nothing_changes(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions, names = [make_region(150, 110)], ("crack", "pore")
    asked: list[str] = []
    prompt = model._prompt
    monkeypatch.setattr(
        model,
        "_prompt",
        lambda one, *rest, **more: asked.append(one.text) or prompt(one, *rest, **more),
    )
    plain = model.classify(regions, names)
    bare = model.classify(regions, LabelSet("x", tuple(map(LabelClass, names))))
    np.testing.assert_array_equal(bare.probabilities, plain.probabilities)
    assert not any("thin" in text for text in asked)
    asked.clear()
    said = LabelSet("x", (LabelClass("crack", "thin and jagged"), LabelClass("pore")))
    found = model.classify(regions, said)
    assert found.labels == names
    assert set(asked) == {asking.which_of(names, said.sentences)}
    assert "- crack: thin and jagged\n- pore\n" in asked[0]


def test_sentences_that_are_too_long_together_are_left_out() -> None:
    names = ("crack", "pore")
    assert asking.which_of(names, ("", "")) == asking.which_of(names)
    long = ("dark " * asking.TOLD, "")
    assert asking.which_of(names, long) == asking.which_of(names)
