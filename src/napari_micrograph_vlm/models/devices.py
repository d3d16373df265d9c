"""Where a model can run, with numbers of how many bits, and how its weights are made smaller."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = [
    "EXTRA",
    "PRECISIONS",
    "Device",
    "bits_of",
    "check_precision",
    "choose_device",
    "devices",
    "dtype_for",
    "quantization_for",
]

PRECISIONS = ("auto", "32-bit", "16-bit", "8-bit", "4-bit")
"""Bits of each weight: fewer need less memory and answer a little worse."""

EXTRA = "napari-micrograph-vlm[quant]"
"""What to install for 8 and 4 bits."""

_BITS = {"32-bit": 32, "16-bit": 16, "8-bit": 8, "4-bit": 4}


@dataclass(frozen=True)
class Device:
    """One place where a model can run.

    Attributes
    ----------
    name : str
        As torch calls it: ``"cuda:0"``, ``"mps"``, ``"cpu"``.
    label : str
        For people, such as ``"NVIDIA H100 80GB HBM3"``.
    """

    name: str
    label: str


def devices() -> tuple[Device, ...]:
    """Return the places where a model can run here, fastest first (imports torch)."""
    import torch

    found = [
        Device(f"cuda:{index}", torch.cuda.get_device_name(index))
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple graphics processor"))
    return (*found, Device("cpu", "processor, without a graphics card"))


def choose_device(name: str = "auto") -> str:
    """Return the device of a name; ``"auto"`` is a graphics card where there is one.

    Parameters
    ----------
    name : str
        ``"auto"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` or ``"cpu"``.

    Returns
    -------
    str
        As torch calls it, with the number of the card.

    Raises
    ------
    ModelError
        If there is no such device here; says which there are.
    """
    known = [device.name for device in devices()]
    if name == "auto":
        return known[0]
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in known:
        names = ", ".join(["auto", *known])
        raise ModelError(f"The device {name!r} cannot be used here; choose one of {names}.")
    return wanted


def check_precision(precision: str) -> str:
    """Return ``precision`` if it is one of :data:`PRECISIONS`.

    Raises
    ------
    ModelError
        If it is not.
    """
    if precision not in PRECISIONS:
        raise ModelError(
            f"There is no precision {precision!r}; choose one of {', '.join(PRECISIONS)}."
        )
    return precision


def bits_of(device: str, precision: str = "auto") -> int:
    """Return how many bits each weight has on a device.

    ``"auto"`` means 16 on a graphics card and 32 on a processor, which computes with 16 slowly
    unless it is made for it.
    """
    if check_precision(precision) != "auto":
        return _BITS[precision]
    return 32 if device == "cpu" and not _cpu_has_bf16() else 16


def dtype_for(device: str, precision: str = "auto") -> torch.dtype:
    """Return the kind of number that a model computes with.

    Parameters
    ----------
    device : str
        As from :func:`choose_device`.
    precision : str
        One of :data:`PRECISIONS`; with 8 and 4 bits, weights are unpacked to the 16-bit kind.

    Returns
    -------
    torch.dtype
        bfloat16 where the device has it: float16 overflows in several families.
    """
    import torch

    if bits_of(device, precision) == 32:
        return torch.float32
    if device.startswith("cuda"):
        # Cards before Ampere emulate bfloat16, many times slower than float16.
        has = torch.cuda.get_device_capability(device)[0] >= 8
        return torch.bfloat16 if has else torch.float16
    if device == "mps":
        # Metal knows bfloat16 from macOS 14 on.
        major = int((platform.mac_ver()[0] or "0").split(".")[0])
        return torch.bfloat16 if major >= 14 else torch.float16
    return torch.bfloat16


def quantization_for(precision: str, device: str) -> Any | None:
    """Return the ``quantization_config`` of ``from_pretrained``; None for 16 and 32 bits.

    bitsandbytes on CUDA and on processors; torchao, for 8 bits only, elsewhere or where only it
    is installed (its 4 bits want libraries of their own for each device).

    Raises
    ------
    ModelError
        If what it needs is not installed or does not work on this device.
    """
    if precision not in ("8-bit", "4-bit"):
        check_precision(precision)
        return None
    if device != "mps" and find_spec("bitsandbytes") is not None:
        return _bitsandbytes(precision)
    if precision == "8-bit" and find_spec("torchao") is not None:
        return _torchao_8_bit()
    if device == "mps" and precision == "4-bit":
        raise ModelError("Weights of 4-bit do not work on the device 'mps'; choose 8-bit.")
    raise ModelError(
        f"Weights of {precision} need more packages; install {EXTRA}, or choose 16-bit."
    )


def _bitsandbytes(precision: str) -> Any:
    import torch
    import transformers

    configuration: Any = transformers.BitsAndBytesConfig  # it has no types
    if precision == "8-bit":
        return configuration(load_in_8bit=True)
    return configuration(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def _torchao_8_bit() -> Any:
    from importlib import import_module

    import transformers

    configuration: Any = transformers.TorchAoConfig  # it has no types
    # By name: torchao is an extra, and has no types.
    return configuration(import_module("torchao.quantization").Int8WeightOnlyConfig())


def _cpu_has_bf16() -> bool:
    """Tell whether the processor multiplies bfloat16 matrices itself (AMX)."""
    import torch

    test = getattr(torch.cpu, "_is_amx_tile_supported", None)
    try:
        return bool(test is not None and test())
    except RuntimeError:
        return False
