"""Second questions about the same regions skip the image and answer the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

from models.tiny_models import checkpoint
from napari_micrograph_vlm.attention.recorder import stoppable
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.models.session import Sessions, fork
from napari_micrograph_vlm.regions import Region

# One of each kind: plain, positions along three axes, whole prompt seen both ways, image tokens
# that see one another, cross-attention.
FAMILIES = ("llava", "qwen2_vl", "paligemma", "gemma3", "mllama")
WRITING = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
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


def region(seed: int, shape=(60, 90)) -> Region:
    pixels = np.random.default_rng(seed).random(shape, np.float32)
    return Region(pixels, (0, 0, *shape))


def written(tiny, sessions, prompt) -> list[int]:
    started = sessions.start(tiny.model, tiny.family, prompt)
    given = started.arguments(tiny.model, tiny.family, prompt)
    return tiny.model.generate(**given, **WRITING)[0].tolist()


def written_afresh(tiny, prompt) -> list[int]:
    return tiny.model.generate(**prompt.inputs, **WRITING)[0].tolist()


def forward_lengths(tiny, monkeypatch) -> list[int]:
    """Note how many tokens each pass of the decoder reads."""
    lengths = []
    layer = next(m for m in tiny.family.decoder(tiny.model).modules() if hasattr(m, "self_attn"))
    attention = type(layer.self_attn)
    forward = attention.forward

    def noting(self, hidden_states, *args, **kwargs):
        if self is layer.self_attn:
            lengths.append(hidden_states.shape[1])
        return forward(self, hidden_states, *args, **kwargs)

    monkeypatch.setattr(attention, "forward", noting)
    return lengths


def test_every_question_is_answered_as_without_a_session(tiny):
    sessions = Sessions()
    first, other = region(0), region(1, (120, 50))
    for where, question in (
        (first, "What defect is there?"),
        (first, "Are they round?"),
        (other, "How many pores are there?"),
        # The model has read another picture, of another shape, since it read this one.
        (first, "Describe the micrograph."),
        (other, "Is it a film?"),
    ):
        prompt = tiny.family.prompt([where], question)
        assert written(tiny, sessions, prompt) == written_afresh(tiny, prompt)


def test_two_regions_and_earlier_turns_are_answered_as_without_a_session(llava):
    from napari_micrograph_vlm.results import Turn

    sessions = Sessions()
    pair = [region(0), region(1)]
    for turns in ((), (Turn("Are they round?", "No."),)):
        prompt = llava.family.prompt(pair, "What defect is there?", turns)
        assert written(llava, sessions, prompt) == written_afresh(llava, prompt)


def test_second_question_reads_only_its_own_words(llava, monkeypatch):
    sessions = Sessions()
    written(llava, sessions, llava.family.prompt([region(0)], "What defect is there?"))
    prompt = llava.family.prompt([region(0)], "Are they round?")

    def blind(*_args, **_kwargs):
        raise AssertionError("the image was encoded again")

    monkeypatch.setattr(llava.model.base_model.vision_tower, "forward", blind)
    lengths = forward_lengths(llava, monkeypatch)
    written(llava, sessions, prompt)
    assert lengths == [prompt.length - prompt.shared, 1, 1, 1, 1]


def test_where_no_prefix_can_be_kept_the_image_is_still_encoded_once(tmp_path_factory, monkeypatch):
    tiny = loaded("paligemma", tmp_path_factory)
    sessions = Sessions()
    written(tiny, sessions, tiny.family.prompt([region(0)], "What defect is there?"))
    prompt = tiny.family.prompt([region(0)], "Are they round?")
    expected = written_afresh(tiny, prompt)
    monkeypatch.setattr(tiny.model.base_model.vision_tower, "forward", None)
    assert written(tiny, sessions, prompt) == expected


def test_first_and_later_questions_give_the_same_bits(llava):
    sessions = Sessions()
    prompt = llava.family.prompt([region(0)], "What defect is there?")
    logits = []
    for _ in range(2):
        started = sessions.start(llava.model, llava.family, prompt)
        given = started.arguments(llava.model, llava.family, prompt)
        found = llava.model.generate(
            **given, **WRITING, output_logits=True, return_dict_in_generate=True
        )
        logits.append(torch.cat(found.logits))
    assert torch.equal(*logits)


def test_other_pixels_other_instruction_are_read_anew(llava, monkeypatch):
    sessions = Sessions()
    family = llava.family
    sessions.start(llava.model, family, family.prompt([region(0)], "What defect is there?"))
    again = family.prompt([region(0)], "What defect is there?")
    changed = region(0)
    changed.pixels[0, 0] = 1 - changed.pixels[0, 0]
    lengths = forward_lengths(llava, monkeypatch)
    sessions.start(llava.model, family, again)
    assert lengths == []
    for prompt in (
        family.prompt([changed], "What defect is there?"),
        family.prompt([region(0), region(0)], "What defect is there?"),
    ):
        sessions.start(llava.model, family, prompt)
        assert lengths.pop() == prompt.shared


def test_image_features_serve_a_changed_instruction(tmp_path_factory, monkeypatch):
    tiny = loaded("qwen2_vl", tmp_path_factory)
    sessions = Sessions()
    family = tiny.family
    sessions.start(tiny.model, family, family.prompt([region(0)], "Are they round?"))
    prompt = family.prompt([region(0)], "Are they round?", instruction="Yes or no.")
    expected = written_afresh(tiny, prompt)
    monkeypatch.setattr(tiny.model.base_model.visual, "forward", None)
    lengths = forward_lengths(tiny, monkeypatch)
    assert written(tiny, sessions, prompt) == expected
    assert lengths[0] == prompt.shared


def test_an_answer_leaves_what_is_kept_as_it_was(llava):
    sessions = Sessions()
    prompt = llava.family.prompt([region(0)], "What defect is there?")
    size = None
    for _ in range(3):
        written(llava, sessions, prompt)
        assert size in (None, sessions.size)
        size = sessions.size
    started = sessions.start(llava.model, llava.family, prompt)
    assert started.length == started.cache.get_seq_length() == prompt.shared


def test_a_fork_shares_memory_and_grows_alone(llava):
    sessions = Sessions()
    prompt = llava.family.prompt([region(0)], "What defect is there?")
    one = sessions.start(llava.model, llava.family, prompt).cache
    two = fork(one)
    assert two.layers[0].keys.data_ptr() == one.layers[0].keys.data_ptr()
    two.update(one.layers[0].keys[:, :, :1], one.layers[0].values[:, :, :1], 0)
    assert two.layers[0].keys.shape[2] == one.layers[0].keys.shape[2] + 1


def test_bytes_are_bounded_and_the_longest_unused_goes_first(llava, monkeypatch):
    def start(seed):
        prompt = llava.family.prompt([region(seed)], "What defect is there?")
        return sessions.start(llava.model, llava.family, prompt)

    sessions = Sessions()
    start(0)
    one = sessions.size
    held = [t for layer in start(0).cache.layers for t in (layer.keys, layer.values)]
    assert one >= sum(t.nbytes for t in held)  # and the features
    sessions = Sessions(bound=2 * one)
    lengths = forward_lengths(llava, monkeypatch)
    start(0)
    start(1)
    start(0)
    assert sessions.size <= 2 * one
    assert len(lengths) == 2
    start(2)
    assert sessions.size <= 2 * one
    start(0)
    assert len(lengths) == 3  # 0 was used last, so 1 went
    start(1)
    assert len(lengths) == 4


def test_what_is_larger_than_the_bound_is_not_kept(llava):
    sessions = Sessions(bound=100)
    prompt = llava.family.prompt([region(0)], "What defect is there?")
    assert written(llava, sessions, prompt) == written_afresh(llava, prompt)
    assert sessions.size == len(sessions) == 0


def test_forget_frees_everything(llava):
    sessions = Sessions()
    sessions.start(llava.model, llava.family, llava.family.prompt([region(0)], "Are they round?"))
    assert sessions.size > 0
    sessions.forget()
    assert sessions.size == len(sessions) == 0


def test_stopped_while_reading_keeps_nothing_half_read(llava):
    sessions = Sessions()
    prompt = llava.family.prompt([region(0)], "What defect is there?")
    stop = Event()
    attention = llava.family.decoder(llava.model).layers[1]
    hook = attention.register_forward_pre_hook(lambda *_: stop.set())
    with pytest.raises(Cancelled), stoppable(stop):
        sessions.start(llava.model, llava.family, prompt)
    hook.remove()
    assert written(llava, sessions, prompt) == written_afresh(llava, prompt)


def test_a_full_sliding_window_continues_rightly(tmp_path):
    from transformers import AutoConfig, LlavaForConditionalGeneration, MistralConfig

    from models import tiny_llava

    folder = tiny_llava.build(tmp_path)
    config = AutoConfig.from_pretrained(folder)
    text = config.text_config.to_dict()
    text.pop("model_type")
    config.text_config = MistralConfig(**text | {"sliding_window": 8})
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).eval().save_pretrained(folder)
    tiny = load(folder, "cpu")
    sessions = Sessions()
    for question in ("What defect is there?", "Are they round?"):
        prompt = tiny.family.prompt([region(0)], question)
        assert prompt.shared > 8
        assert written(tiny, sessions, prompt) == written_afresh(tiny, prompt)


def test_many_threads_share_one_memory(llava):
    one = Sessions()
    one.start(llava.model, llava.family, llava.family.prompt([region(0)], "Are they round?"))
    sessions = Sessions(bound=3 * one.size)
    prompts = [llava.family.prompt([region(seed)], "Are they round?") for seed in range(6)]

    def work(number: int) -> int:
        started = sessions.start(llava.model, llava.family, prompts[number % len(prompts)])
        if number % 7 == 0:
            sessions.forget()
        return started.cache.get_seq_length()

    with ThreadPoolExecutor(8) as threads:
        lengths = list(threads.map(work, range(60)))
    assert lengths == [prompts[0].shared] * 60
    assert sessions.size <= sessions.bound
