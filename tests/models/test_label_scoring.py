"""Many labels in one pass score as each would alone."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
import torch

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import Cancelled, QuestionError
from napari_micrograph_vlm.models import scoring
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.models.scoring import (
    Calibration,
    Scores,
    answer_tokens,
    blank_region,
    probabilities,
    score_labels,
)
from napari_micrograph_vlm.models.session import Sessions
from napari_micrograph_vlm.regions import Region

FAMILIES = ("llava", "qwen2_vl", "paligemma", "gemma3", "mllama", "phi3_v_moe")
LABELS = (
    "crack",
    "line",
    "line collapse",
    "a bridge between two lines",
    "particles",
    "crack",
    "a pore in the film",
)
QUESTION = "What defect is there?"
_LOADED: dict[str, object] = {}


@pytest.fixture(params=FAMILIES)
def tiny(request, tmp_path_factory):
    return loaded(request.param, tmp_path_factory)


@pytest.fixture
def llava(tmp_path_factory):
    return loaded("llava", tmp_path_factory)


def loaded(name, tmp_path_factory):
    if name not in _LOADED:
        _LOADED[name] = load(checkpoint(name, tmp_path_factory.mktemp("tiny") / name), "cpu")
    return _LOADED[name]


def region(seed: int = 0) -> Region:
    pixels = np.random.default_rng(seed).random((60, 90), np.float32)
    return Region(pixels, (0, 0, 60, 90))


def scored(tiny, labels=LABELS, prompt=None, **settings) -> Scores:
    prompt = prompt or tiny.family.prompt([region()], QUESTION)
    started = Sessions().start(tiny.model, tiny.family, prompt)
    return score_labels(tiny.model, tiny.family, prompt, started, labels, **settings)


@torch.no_grad()
def alone(tiny, labels=LABELS, prompt=None, **settings):
    """Read prompt, picture and one label in a single pass of their own, for each label."""
    prompt = prompt or tiny.family.prompt([region()], QUESTION)
    end = tiny.model.generation_config.eos_token_id
    ends = [end] if isinstance(end, int) else end
    scores, outputs = [], []
    for tokens in answer_tokens(tiny.family.tokenizer, prompt, labels):
        inputs = dict(prompt.inputs)
        for key in tiny.family.sequence_keys:
            if key in inputs:
                more = inputs[key][:, -1:]
                if key == "token_type_ids" and tiny.family.name == "PaliGemma":
                    more = torch.ones_like(more)  # written, so not seen by the prompt
                inputs[key] = torch.cat([inputs[key]] + [more] * len(tokens), dim=1)
        inputs["input_ids"][0, prompt.length :] = torch.tensor(tokens)
        output = tiny.model(**inputs, **settings)
        shares = output.logits[0].float().log_softmax(-1)
        written = [shares[prompt.length - 1 + i, t] for i, t in enumerate(tokens)]
        scores.append(float(sum(written) + shares[-1, ends].logsumexp(-1)))
        outputs.append((len(tokens), output))
    return np.array(scores), outputs


def test_scores_equal_those_of_separate_passes(tiny):
    np.testing.assert_allclose(scored(tiny).likelihoods, alone(tiny)[0], atol=1e-4)


def test_scores_differ_between_labels_and_pictures(llava):
    first = scored(llava).likelihoods
    other = scored(llava, prompt=llava.family.prompt([region(1)], QUESTION)).likelihoods
    assert len(set(np.round(first, 3))) == len(set(LABELS))
    assert np.abs(first - other).min() > 1e-3


def test_thousands_of_labels_are_scored_in_several_rows(llava, monkeypatch):
    expected = scored(llava, recording=True)
    monkeypatch.setattr(scoring, "TOKENS_AT_ONCE", 9)
    found = scored(llava, recording=True)
    np.testing.assert_allclose(found.likelihoods, expected.likelihoods, atol=1e-4)
    np.testing.assert_allclose(found.attention, expected.attention, atol=1e-5)


def test_where_no_mask_makes_branches_labels_are_read_one_by_one(llava, monkeypatch):
    monkeypatch.setattr(scoring, "can_branch", lambda _cache: False)
    np.testing.assert_allclose(scored(llava).likelihoods, alone(llava)[0], atol=1e-4)


@pytest.mark.parametrize("window", [6, 28, 34])
@pytest.mark.parametrize("layers", ["sliding", "mixed"])
def test_sliding_windows_are_kept_to(window, layers, tmp_path):
    from transformers import AutoConfig, LlavaForConditionalGeneration, MistralConfig, Qwen2Config

    from models import tiny_llava

    folder = tiny_llava.build(tmp_path)
    config = AutoConfig.from_pretrained(folder)
    text = config.text_config.to_dict() | {"sliding_window": window}
    text.pop("model_type")
    kind = MistralConfig
    if layers == "mixed":
        kind = Qwen2Config
        text |= {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
        text["use_sliding_window"] = True
    config.text_config = kind(**text)
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).eval().save_pretrained(folder)
    tiny = load(folder, "cpu")
    np.testing.assert_allclose(scored(tiny).likelihoods, alone(tiny)[0], atol=1e-4)


@pytest.mark.parametrize("name", ["llava", "qwen2_vl", "paligemma"])
def test_attention_is_that_of_the_rows_that_predict_the_label(name, tmp_path_factory):
    tiny = loaded(name, tmp_path_factory)
    prompt = tiny.family.prompt([region(), region(1)], QUESTION)
    found = scored(tiny, prompt=prompt, recording=True).attention
    places = np.concatenate([sight.positions for sight in prompt.sights])
    tiny.model.set_attn_implementation("eager")
    try:
        _, outputs = alone(tiny, prompt=prompt, output_attentions=True)
    finally:
        tiny.model.set_attn_implementation("sdpa")
        from napari_micrograph_vlm.attention.recorder import use_recording

        use_recording(tiny.family.decoder(tiny.model))
    for label, (count, output) in enumerate(outputs):
        layers = torch.stack([each[0].mean(0) for each in output.attentions])
        rows = layers[:, prompt.length - 1 : prompt.length - 1 + count]
        np.testing.assert_allclose(found[label], rows[..., places].mean(1).numpy(), atol=1e-4)


def test_attention_is_not_recorded_unless_asked_for(llava):
    assert scored(llava).attention is None


def test_labels_are_written_as_the_model_would_go_on(tmp_path_factory):
    """After a colon with a space before the word, after a line's end without."""
    for name, text in (("llava", "ASSISTANT: crack"), ("qwen2_vl", "assistant\ncrack")):
        tiny = loaded(name, tmp_path_factory)
        prompt = tiny.family.prompt([region()], QUESTION)
        tokenizer = tiny.family.tokenizer
        (tokens,) = answer_tokens(tokenizer, prompt, ["crack"])
        whole = [*prompt.inputs["input_ids"][0].tolist(), *tokens]
        assert tokenizer.decode(whole).endswith(text)
        assert (
            tokenizer(tokenizer.decode(whole[-8:]), add_special_tokens=False)["input_ids"][
                -len(tokens) :
            ]
            == tokens
        )


@pytest.mark.parametrize("label", ["", "  "])
def test_an_empty_label_is_refused(llava, label):
    with pytest.raises(QuestionError, match="name"):
        scored(llava, labels=("crack", label))


def test_stops_when_cancelled(llava):
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        scored(llava, cancel=stop)


def test_stops_between_layers_while_labels_are_read(llava, monkeypatch):
    stop = Event()
    passes = []

    def noting(*_):
        passes.append(1)
        if len(passes) == 3:  # picture, question, first labels
            stop.set()

    monkeypatch.setattr(scoring, "TOKENS_AT_ONCE", 9)
    hook = llava.family.decoder(llava.model).layers[0].register_forward_hook(noting)
    try:
        with pytest.raises(Cancelled):
            scored(llava, cancel=stop)
    finally:
        hook.remove()
    assert len(passes) == 3


def test_a_family_that_speaks_itself_weighs_its_labels():
    class Own:
        speaks_itself = True

        def weigh(self, model, prompt, labels, *, cancel):
            assert (model, prompt, cancel) == ("model", "prompt", None)
            return np.arange(len(labels)), np.ones((len(labels), 2, 3))

    found = score_labels("model", Own(), "prompt", None, ["a", "b"])
    assert found.likelihoods.tolist() == [0, 1]
    assert found.attention.shape == (2, 2, 3)


def test_probabilities_take_off_what_a_label_scores_without_a_picture():
    scores = np.array([-10.0, -2.0, -30.0])
    assert probabilities(scores).argmax() == 1
    calibrated = probabilities(scores, np.array([-12.0, -2.0, -32.0]))
    np.testing.assert_allclose(calibrated, np.exp([2, 0, 2]) / np.exp([2, 0, 2]).sum(), rtol=1e-5)
    np.testing.assert_allclose(probabilities(np.full(4, -1e4)).sum(), 1, rtol=1e-6)


def test_scores_without_a_picture_are_asked_for_once(llava):
    calibration = Calibration()
    calls = []

    def score():
        calls.append(1)
        prompt = llava.family.prompt([blank_region()], QUESTION)
        return scored(llava, prompt=prompt).likelihoods

    first = calibration.of((QUESTION, LABELS), score)
    again = calibration.of((QUESTION, LABELS), score)
    assert len(calls) == 1
    assert first is again
    np.testing.assert_allclose(probabilities(first, again), 1 / len(LABELS), rtol=1e-5)
    calibration.of((QUESTION, LABELS[:2]), score)
    assert len(calls) == 2
