"""Worker processes: of this computer, or of a scheduler that somebody runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from ..errors import Cancelled, MicrographError, one_line

__all__ = ["ClusterError", "check_address", "connected", "see_that_it_is_installed"]

PATIENCE = 60.0
"""Seconds in which the first worker must answer."""

_ANSWER = 10.0
"""Seconds in which the scheduler must answer."""

_POLL = 0.2

_SETTINGS = {
    # What ends a process twice is tried alone, see `.spread`.
    "distributed.scheduler.allowed-failures": 1,
    # The servers for the web pages cannot be left out, their pages can.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


class ClusterError(MicrographError, RuntimeError):
    """Workers that cannot be started, found or trusted."""


def see_that_it_is_installed() -> None:
    """Import distributed.

    Raises
    ------
    ClusterError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Its own dependencies' business.
            warnings.simplefilter("ignore")
            import distributed  # noqa: F401
    except ImportError:
        raise ClusterError(
            "A run on several processes needs dask.distributed; install it with "
            "pip install 'napari-micrograph-vlm[cluster]'."
        ) from None


def check_address(address: str, insecure: bool = False) -> str:
    """Return the address of a scheduler in full.

    Parameters
    ----------
    address : str
        Such as ``"tls://node1:8786"``, ``"tcp://127.0.0.1:8786"`` or ``"localhost:8786"``.
    insecure : bool
        Whether a connection to another computer may be open to whoever listens.

    Raises
    ------
    ClusterError
        If it is no such address, or neither encrypted nor of this computer.
    """
    full = address.strip()
    if "://" not in full:
        full = f"tcp://{full}"
    try:
        parts = urlsplit(full)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme not in ("tcp", "tls") or parts.path.strip("/"):
        raise ClusterError(
            f"{address!r} is no address of a scheduler; give one such as tls://node1:8786."
        )
    if parts.scheme != "tls" and not insecure and not _is_here(host):
        raise ClusterError(
            f"The connection to the scheduler {full} is not encrypted, and it may run any code "
            "here: use a tls:// address, or allow it with insecure=True (--insecure)."
        )
    return full.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


@contextmanager
def connected(
    scheduler: str | None, *, insecure: bool = False, workers: int = 2, cancel: Event | None = None
) -> Iterator[Any]:
    """Connect to a scheduler, or start worker processes on this computer.

    Nothing listens beyond this computer, and there is no dashboard. Where the package cryptography
    is installed, only this process and its workers can connect.

    Parameters
    ----------
    scheduler : str or None
        Its address; None: start worker processes here, and end them afterwards.
    insecure : bool
        As for :func:`check_address`.
    workers : int
        How many processes to start.
    cancel : threading.Event, optional
        Once set, waiting for the workers ends.

    Yields
    ------
    distributed.Client
        With at least one worker.

    Raises
    ------
    ClusterError
        If distributed is not installed, the address cannot be used, or no worker answers.
    """
    address: Any = None if scheduler is None else check_address(scheduler, insecure)
    see_that_it_is_installed()
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if address is None:
            stack.enter_context(dask.config.set(_SETTINGS))
            try:
                security = _certificates()
                with _unwarned():
                    address = LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=max(workers, 1),
                        threads_per_worker=2,  # one reads while the model is busy for the other
                        processes=True,
                        host="127.0.0.1",
                        protocol="tcp://" if security is None else "tls://",
                        security=security,
                        dashboard_address="127.0.0.1:0",  # None would take port 8787
                        scheduler_kwargs={"dashboard": False},
                        silence_logs=logging.CRITICAL,
                    )
            except Exception as error:
                raise ClusterError(
                    f"Worker processes cannot be started: {one_line(error)}."
                ) from error
            stack.callback(_close, address)
        try:
            with _unwarned():
                client = Client(  # type: ignore[no-untyped-call]
                    address, timeout=_ANSWER, set_as_default=False, direct_to_workers=False
                )
        except Exception as error:
            raise ClusterError(
                f"The scheduler {scheduler} does not answer ({one_line(error)}); see that it runs, "
                "and that its certificates are set up if it is a tls:// address."
            ) from error
        stack.callback(_close, client)
        _wait_for_workers(client, scheduler, cancel)
        yield client


def _certificates() -> Any:
    """Make certificates for this run alone, which keep other users of this computer out.

    Returns
    -------
    distributed.security.Security or None
        None where the package cryptography is missing.
    """
    from distributed.security import Security

    try:
        return Security.temporary()  # type: ignore[no-untyped-call]
    except ImportError:
        return None


def _wait_for_workers(client: Any, scheduler: str | None, cancel: Event | None) -> None:
    stop = cancel if cancel is not None else Event()
    until = monotonic() + PATIENCE
    while not client.nthreads():
        if monotonic() > until:
            raise ClusterError(
                f"No worker answers at {scheduler or 'this computer'}; start some with "
                f"'dask worker {scheduler or 'ADDRESS'}'."
            )
        if stop.wait(_POLL):
            raise Cancelled


@contextmanager
def _quiet() -> Iterator[None]:
    """Let distributed keep to itself what it logs when workers come and go."""
    before = {name: logging.getLogger(name).level for name in ("distributed", "tornado")}
    try:
        for name in before:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _unwarned() -> Iterator[None]:
    """Leave out what distributed warns of as it begins and ends; the run works all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(distributed|tornado|dask)\b")
        yield


def _close(part: Any) -> None:
    with _unwarned(), suppress(TimeoutError):
        part.close(timeout=_ANSWER)
