"""Devices, kinds of numbers and weights of few bits."""

from __future__ import annotations

import pytest
import torch

from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models import devices
from napari_micrograph_vlm.models.devices import (
    bits_of,
    choose_device,
    dtype_for,
    quantization_for,
)


@pytest.fixture
def cards(monkeypatch):
    """Two graphics cards, the second from before bfloat16."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"Card {i}")
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda name: (9, 0) if name[-1] == "0" else (7, 5)
    )


def test_the_processor_is_always_there():
    assert devices.devices()[-1].name == "cpu"
    assert choose_device("cpu") == "cpu"


def test_a_card_is_taken_where_there_is_one(cards):
    assert choose_device() == choose_device("cuda") == "cuda:0"
    assert choose_device("cuda:1") == "cuda:1"
    assert [device.label for device in devices.devices()][:2] == ["Card 0", "Card 1"]


def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ModelError, match=r"choose one of auto, .*cpu"):
        choose_device("cuda")


def test_numbers_suit_the_device(cards, monkeypatch):
    assert dtype_for("cuda:0") is torch.bfloat16
    assert dtype_for("cuda:1") is torch.float16
    assert dtype_for("cuda:0", "32-bit") is torch.float32
    monkeypatch.setattr(devices, "_cpu_has_bf16", lambda: False)
    assert dtype_for("cpu") is torch.float32
    assert dtype_for("cpu", "16-bit") is torch.bfloat16
    monkeypatch.setattr(devices, "_cpu_has_bf16", lambda: True)
    assert dtype_for("cpu") is torch.bfloat16
    for version, kind in (("14.2", torch.bfloat16), ("13.6", torch.float16), ("", torch.float16)):
        monkeypatch.setattr(devices.platform, "mac_ver", lambda v=version: (v, "", ""))
        assert dtype_for("mps") is kind


def test_bits_are_those_chosen():
    assert [bits_of("cpu", p) for p in ("32-bit", "16-bit", "8-bit", "4-bit")] == [32, 16, 8, 4]
    assert bits_of("cuda:0") == 16
    with pytest.raises(ModelError, match=r"choose one of auto, 32-bit"):
        bits_of("cpu", "half")


def test_whole_numbers_need_no_packages(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert quantization_for("auto", "cpu") is None
    assert quantization_for("16-bit", "cuda:0") is None


def test_few_bits_name_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"napari-micrograph-vlm\[quant\], or choose 16-bit"):
        quantization_for("4-bit", "cpu")


def test_apple_has_8_bits_only(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    with pytest.raises(ModelError, match="choose 8-bit"):
        quantization_for("4-bit", "mps")


@pytest.mark.parametrize("precision", ["8-bit", "4-bit"])
def test_weights_of_few_bits_say_nearly_the_same(precision, tmp_path):
    pytest.importorskip("bitsandbytes")
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    whole = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=500,
        )
    ).eval()  # fmt: skip
    whole.save_pretrained(tmp_path)
    few = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        quantization_config=quantization_for(precision, "cpu"),
        dtype=dtype_for("cpu", precision),
        device_map={"": "cpu"},
    )
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        said = torch.stack([whole(ids).logits.flatten(), few(ids).logits.float().flatten()])
    assert torch.corrcoef(said)[0, 1] > 0.97
    assert few.get_memory_footprint() < 0.5 * whole.get_memory_footprint()
