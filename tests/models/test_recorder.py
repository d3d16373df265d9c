from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3TextConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)
from transformers.models.gemma3.modeling_gemma3 import Gemma3ForCausalLM

from napari_micrograph_vlm.attention import recorder as module
from napari_micrograph_vlm.attention.recorder import (
    record,
    recording,
    stoppable,
    use_recording,
    watch_layers,
)
from napari_micrograph_vlm.errors import Cancelled

SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
PLACES = [2, 3, 4, 7]


def _llama() -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


def _windowed() -> Any:
    torch.manual_seed(0)
    return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=6)).eval()


def _mixed() -> Any:
    """Layers with a window of 6 tokens and layers without, in turn."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        **SIZES,
        head_dim=8,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    )
    return Gemma3ForCausalLM(config).eval()


def _ids(length: int = 10) -> torch.Tensor:
    return torch.randint(1, 64, (1, length), generator=torch.Generator().manual_seed(1))


def _tokens(model: Any, ids: torch.Tensor, count: int, **more: Any) -> torch.Tensor:
    found: torch.Tensor = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        generation_config=GenerationConfig(max_new_tokens=count, min_new_tokens=count),
        **more,
    )
    return found


def _slow(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Attention of one pass by transformers' own slow function, (layers, heads, rows, keys)."""
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        found = model(ids, output_attentions=True, use_cache=False).attentions
    return torch.stack([each[0] for each in found])


@pytest.mark.parametrize("build", [_llama, _windowed, _mixed])
@pytest.mark.parametrize("heads", ["mean", "keep"])
def test_each_written_token_has_the_attention_of_a_slow_pass(build: Any, heads: Any) -> None:
    model, ids = build(), _ids()
    plain = _tokens(model, ids, 40)
    use_recording(model)
    with record(PLACES, rows=3, heads=heads) as recorder:
        written = _tokens(model, ids, 40)
    assert torch.equal(plain, written)
    found = recorder.forwards()
    assert [each.shape[-2] for each in found] == [3] + [1] * 39
    assert recorder.layers == (0, 1, 2)
    slow = _slow(model, written[:, :-1])[..., PLACES]
    slow = slow.mean(1) if heads == "mean" else slow
    torch.testing.assert_close(recorder.weights(), slow[..., 7:, :], atol=1e-5, rtol=0)


@pytest.mark.parametrize("build", [_llama, _windowed, _mixed])
def test_going_on_from_a_kept_beginning_is_recorded_alike(build: Any) -> None:
    model, ids = build(), _ids(14)
    use_recording(model)
    with torch.inference_mode():
        cache = model(ids[:, :9], use_cache=True).past_key_values
        with record(PLACES, rows=None, seen=9) as recorder:
            model(ids[:, 9:], past_key_values=cache, use_cache=True)
    slow = _slow(model, ids)[..., PLACES].mean(1)
    torch.testing.assert_close(recorder.weights(), slow[:, 9:], atol=1e-5, rtol=0)


def test_all_keys_and_chosen_layers() -> None:
    model, ids = _llama(), _ids()
    use_recording(model)
    with torch.inference_mode(), record(rows=None, layers=[0, 2]) as recorder:
        model(ids)
    assert recorder.layers == (0, 2)
    torch.testing.assert_close(
        recorder.weights(), _slow(model, ids)[[0, 2]].mean(1), atol=1e-5, rtol=0
    )
    assert recorder.weights().sum(-1).allclose(torch.ones(2, 10))


def test_long_passes_are_worked_out_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = _llama(), _ids()
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", 4 * 10 * 3)
    largest: list[int] = []
    add = module.Recorder._add

    def note(self: Any, layer: Any, query: torch.Tensor, *rest: Any) -> None:
        largest.append(query.shape[2])
        add(self, layer, query, *rest)

    monkeypatch.setattr(module.Recorder, "_add", note)
    use_recording(model)
    with torch.inference_mode(), record(PLACES, rows=None) as recorder:
        model(ids)
    assert max(largest) == 3
    slow = _slow(model, ids)[..., PLACES].mean(1)
    torch.testing.assert_close(recorder.weights(), slow, atol=1e-5, rtol=0)


def test_a_mask_of_ones_own_is_obeyed() -> None:
    model, ids = _llama(), _ids()
    mask = torch.ones(10, 10, dtype=torch.bool).tril()
    mask[6:, 2:4] = False
    use_recording(model)
    with torch.inference_mode(), record(PLACES, rows=None) as recorder:
        model(ids, attention_mask=mask[None, None])
    found = recorder.weights()
    assert (found[:, 6:, :2] == 0).all()
    assert (found[:, 4:6, :2] > 0).all()


def test_reading_while_it_still_writes_changes_nothing() -> None:
    model, ids = _llama(), _ids()
    use_recording(model)
    with record(PLACES) as recorder:
        _tokens(model, ids, 4)
    early = recorder.weights().clone()
    with torch.inference_mode(), recording(recorder):
        model(ids)
    assert torch.equal(recorder.weights()[:, :4], early)
    assert recorder.weights().shape[1] == 5


def test_nothing_is_recorded_outside_or_in_another_thread() -> None:
    model, ids = _llama(), _ids()
    use_recording(model)
    with record(PLACES) as recorder:
        elsewhere = Thread(target=lambda: model(ids))
        elsewhere.start()
        elsewhere.join()
    model(ids)
    assert recorder.layers == ()
    assert recorder.weights().numel() == 0
    assert recorder.forwards() == []


def test_setting_an_event_stops_a_pass_at_the_next_layer() -> None:
    model, ids = _llama(), _ids()
    use_recording(model)
    cancel, passed = Event(), []

    def note(layer: int) -> None:
        passed.append(layer)
        if layer == 1:
            cancel.set()

    for i, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, i=i: note(i))
    with stoppable(cancel), pytest.raises(Cancelled):
        model(ids)
    assert passed == [0, 1]
    with record(PLACES, cancel=cancel), pytest.raises(Cancelled):
        model(ids)
    assert passed == [0, 1]
    model(ids)
    assert passed == [0, 1, 0, 1, 2]


def test_layers_that_keep_their_own_attention_stop_too() -> None:
    layers = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(2)])
    watch_layers(torch.nn.ModuleDict({"layers": layers}))
    cancel = Event()
    with stoppable(cancel):
        layers[0](torch.zeros(1, 2))
        cancel.set()
        with pytest.raises(Cancelled):
            layers[1](torch.zeros(1, 2))
    layers[1](torch.zeros(1, 2))


def test_a_pass_that_was_broken_off_leaves_whole_rows_only() -> None:
    model, ids = _llama(), _ids()
    use_recording(model)
    cancel = Event()
    with record(PLACES, cancel=cancel) as recorder:
        model(ids)
        model.model.layers[1].register_forward_hook(lambda *_: cancel.set())
        with pytest.raises(Cancelled):
            model(ids)
    assert recorder.weights().shape == (3, 1, 4)
    assert len(recorder.forwards()) == 1
