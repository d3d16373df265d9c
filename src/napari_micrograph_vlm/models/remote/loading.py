"""From a name such as ``http://gpu-box:8000/v1#qwen2-vl`` to a model, once the user agreed."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Lock

from ...errors import ModelError
from ..consent import CONSENTS, ConsentNeeded
from .address import parse_address, split_name
from .client import ChatClient
from .engine import RemoteModel
from .keys import advice, key_for

__all__ = ["load_remote"]

PATIENCE = 5.0
"""Seconds to wait for a server's list of models."""

_LOCK = Lock()
_LOADED: dict[str, RemoteModel] = {}


def load_remote(
    name: str, *, allow_remote: bool = False, cancel: Event | None = None
) -> RemoteModel:
    """Return the model that a server offers; the same name gives the same one.

    The key is read anew each time, so that a corrected one is used.

    Parameters
    ----------
    name : str
        Address and model; without ``#model`` the only model that the server has.
    allow_remote : bool
        Whether the user agreed that pixels go there. It holds for this address until the process
        ends.
    cancel : threading.Event, optional
        Once set, waiting for the server's list of models ends.

    Raises
    ------
    ConsentNeeded
        If nobody agreed; nothing has been sent then.
    ModelError
        If the server cannot be used or has several models and none is named.
    Cancelled
        If ``cancel`` was set.
    """
    url, model = split_name(name)
    address = parse_address(url)
    if allow_remote:
        CONSENTS.grant(address)
    elif not CONSENTS.granted(address):
        raise ConsentNeeded(address, name)
    name, key = f"{address.base}#{model or ''}", key_for(address)
    found = _LOADED.get(name)
    if found is None:
        client = ChatClient(address, key, key_advice=advice(address))
        made = RemoteModel(client, model or _only_model(client, cancel))
        with _LOCK:
            found = _LOADED.setdefault(name, made)
    if found.client.key != key:
        found.client = replace(found.client, key=key)
    return found


def _only_model(client: ChatClient, cancel: Event | None) -> str:
    names = replace(client, timeout=PATIENCE, attempts=1).models(cancel)
    if len(names) == 1:
        return names[0]
    known = ", ".join(names) or "none"
    base = client.address.base
    raise ModelError(
        f"Name the model after the address, such as {base}#{names[0] if names else 'name'}; "
        f"the server has {known}."
    )
