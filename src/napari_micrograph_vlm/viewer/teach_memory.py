"""Whether there is memory to teach a model, said before it is begun."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Need", "memory_of"]


@dataclass(frozen=True)
class Need:
    """What teaching a model needs.

    Attributes
    ----------
    text : str
        One sentence for the user.
    short : bool
        Whether that is more than is free.
    """

    text: str
    short: bool


def memory_of(model: str, device: str | None, precision: str | None) -> Need:
    """Estimate what teaching needs; imports torch, so only in a worker.

    Raises
    ------
    ModelError
        If there is no such model or device.
    """
    from ..models.catalog import find
    from ..models.devices import bits_of, choose_device
    from ..models.memory import free_memory, readable_bytes
    from ..training.adapters.memory import needed_to_teach, shortage_of
    from ..training.adapters.settings import Settings

    parameters = find(model).parameters
    if parameters is None:
        return Need("How much memory it needs is not known.", False)
    chosen = choose_device(device or "auto")
    bits = bits_of(chosen, precision or "auto")
    settings, memory = Settings(), free_memory(chosen)
    saving = chosen != "cpu"
    short = shortage_of(parameters, bits, settings, memory, saving=saving)
    need = needed_to_teach(parameters, bits, settings, saving=saving)
    fits = (
        f"To teach it needs about {readable_bytes(need)}; {readable_bytes(memory.free)} are free."
    )
    return Need(short or fits, bool(short))
