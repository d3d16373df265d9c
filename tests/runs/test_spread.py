"""A run shared out among real worker processes."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import psutil
import pytest

from models.tiny_student import make_model, make_processor
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError, SourceError
from napari_micrograph_vlm.runs import cluster
from napari_micrograph_vlm.runs.cluster import ClusterError, check_address, connected
from napari_micrograph_vlm.runs.findings import Finding, Status
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import ArraySource, FolderSource
from napari_micrograph_vlm.runs.spread import _findings_of, _WorkerEndedError, run_spread
from runs.making import finding, noise, save, task

ITEMS = 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("student")
    processor = make_processor()
    make_model(processor.vocab_size, name="tiny").save_compact(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def client(plain: None) -> Iterator[Any]:
    with connected(None, workers=2) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def plain() -> Iterator[None]:
    """Let anybody connect: the tests do, by the address alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "_certificates", lambda: None)
        yield


@pytest.fixture
def images(tmp_path: Path) -> FolderSource:
    for i in range(ITEMS):
        save(tmp_path / "images" / f"{i:03}.png", noise(seed=i))
    (tmp_path / "images" / "broken.png").write_bytes(b"nothing of a picture")
    return FolderSource(tmp_path / "images")


def test_workers_listen_on_this_computer_only(client: Any) -> None:
    mine = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in [mine, *mine.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {ip for ip in listening if not ip.startswith("127.") and ip != "::1"} == set()
    assert len(client.nthreads()) == 2


_make_certificates = cluster._certificates


def test_nobody_else_can_connect_where_certificates_can_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setattr(cluster, "_certificates", _make_certificates)
    with connected(None, workers=1) as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        assert all(worker.startswith("tls://127.0.0.1:") for worker in client.nthreads())
        assert client.submit(os.getpid).result() != os.getpid()
        for other in (address, address.replace("tls", "tcp")):
            with pytest.raises(ClusterError, match="does not answer"), connected(other):
                pass


def test_without_cryptography_there_are_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert _make_certificates() is None


@pytest.mark.timeout(600)  # three processes import torch
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_worker_loses_no_item_and_doubles_none(
    client: Any, images: FolderSource, model: str, tmp_path: Path
) -> None:
    pids = sorted(client.run(os.getpid).values())
    told: list[Finding] = []
    most: list[int] = []

    def on_finding(finding: Finding) -> None:
        told.append(finding)
        if len(told) == 3:
            os.kill(pids[0], signal.SIGKILL)

    asked = task("What is it?")
    progress = run_spread(
        images,
        asked,
        model,
        tmp_path / "run.journal",
        scheduler=client.scheduler.address,
        on_finding=on_finding,
        on_progress=lambda progress: most.append(progress.done + progress.skipped),
        chunk=2,
    )
    assert not psutil.pid_exists(pids[0])
    assert (progress.done, progress.skipped, progress.total) == (ITEMS, 1, ITEMS + 1)
    assert most == sorted(most)
    keys = Counter(one.item.key for one in told)
    assert keys == Counter(item.key for item in images.items())
    with Journal.open(tmp_path / "run.journal") as journal:
        assert journal.run.model == "tiny"
        assert len(journal) == ITEMS + 1
        broken = journal.finding("broken.png")
        assert broken is not None
        assert broken.status is Status.SKIPPED
        assert "broken.png" in broken.error
        found = {one.item.key: one for one in journal.findings()}
    # The same as in one process, thumbnails and maps too.
    from napari_micrograph_vlm import load_model

    here = load_model(model, "cpu")
    with Journal.create(":memory:", run_of(images, asked, here)) as alone:
        run_batch(images, asked, here, alone)
        for one in alone.findings():
            other = found[one.item.key]
            assert (one.best, one.thumbnail) == (other.best, other.thumbnail)
            assert [said.text for said in one.said] == [said.text for said in other.said]
            for mine, theirs in zip(one.maps, other.maps, strict=True):
                np.testing.assert_allclose(mine.values, theirs.values, atol=1e-4)


def test_a_stopped_run_goes_on_where_it_was(
    client: Any, images: FolderSource, model: str, tmp_path: Path
) -> None:
    cancel, pause = Event(), Event()
    options: dict[str, Any] = {"scheduler": client.scheduler.address, "chunk": 2}
    path = tmp_path / "run.journal"
    with pytest.raises(Cancelled):
        run_spread(
            images, task(), model, path, cancel=cancel, on_finding=lambda _: cancel.set(), **options
        )
    with Journal.open(path) as journal:
        before = journal.done()
    # No more was out than the workers can hold: 2 pieces for each of 4 threads, of 2 items.
    assert 1 <= len(before) <= 20
    told: list[str] = []
    pause.set()

    def on_progress(progress: Any) -> None:
        assert pause.is_set() == (not told)
        pause.clear()

    run_spread(
        images,
        task(),
        model,
        path,
        pause=pause,
        on_finding=lambda finding: told.append(finding.item.key),
        on_progress=on_progress,
        **options,
    )
    assert before.isdisjoint(told)
    assert len(before) + len(told) == ITEMS + 1
    with (
        Journal.create(path, _run(path)) as journal,
        pytest.raises(ModelError, match="The workers cannot load the model"),
    ):
        run_spread(images, task(), str(tmp_path / "none"), journal, **options)


def _run(path: Path) -> Any:
    with Journal.open(path) as journal:
        return journal.run


def test_what_ends_its_worker_is_tried_alone_and_then_skipped() -> None:
    class Ending:
        def result_of(self, future: str) -> Any:
            if "b" in future:
                raise _WorkerEndedError
            return [finding(key) for key in future]

    crew: Any = Ending()
    items = tuple(Item(key, f"{key}.tif") for key in "abc")
    alone: deque[tuple[Item, ...]] = deque()
    assert _findings_of(crew, items, "abc", alone) == []
    assert list(alone) == [(item,) for item in items]
    found = [_findings_of(crew, some, some[0].key, deque()) for some in alone]
    assert [(len(one), one[0].item.key, one[0].status) for one in found] == [
        (1, "a", Status.DONE),
        (1, "b", Status.SKIPPED),
        (1, "c", Status.DONE),
    ]
    assert "worker process ended" in found[1][0].error


def test_a_journal_of_another_model_is_refused(
    client: Any, images: FolderSource, model: str, tmp_path: Path
) -> None:
    from dataclasses import replace

    from napari_micrograph_vlm import load_model

    run = replace(run_of(images, task(), load_model(model, "cpu")), revision="other")
    with (
        Journal.create(tmp_path / "x.journal", run) as journal,
        pytest.raises(ModelError, match="name another journal"),
    ):
        run_spread(images, task(), model, journal, scheduler=client.scheduler.address)
    assert not Path(images.root / "x.journal").exists()


def test_what_cannot_be_shared_out_is_said_before_any_worker_starts(
    images: FolderSource, tmp_path: Path
) -> None:
    path = tmp_path / "x.journal"
    with pytest.raises(SourceError, match="give a file or a folder"):
        run_spread(ArraySource(noise((64, 64))), task(), None, path)
    with pytest.raises(QuestionError, match="nothing to ask"):
        run_spread(images, task(labels=None), None, path)
    with pytest.raises(ModelError, match="behind a server"):
        run_spread(images, task(), "https://127.0.0.1:9/v1#m", path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="nothing to look at"):
        run_spread(FolderSource(tmp_path / "empty"), task(), None, path)
    with pytest.raises(ClusterError, match="not encrypted"):
        run_spread(images, task(), None, path, scheduler="tcp://192.0.2.1:8786")
    assert not path.exists()


def test_a_scheduler_that_is_not_there_is_named(images: FolderSource, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="does not answer"):
        run_spread(images, task(), None, tmp_path / "x.journal", scheduler="localhost:9")


def test_without_distributed_the_extra_is_named(
    images: FolderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"napari-micrograph-vlm\[cluster\]"):
        run_spread(images, task(), None, tmp_path / "x.journal")


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("localhost:8786", "tcp://localhost:8786"),
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("127.9.9.9:1", "tcp://127.9.9.9:1"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
        ("tls://node1:8786/", "tls://node1:8786"),
        (" tls://10.0.0.1:8786 ", "tls://10.0.0.1:8786"),
    ],
)
def test_addresses_that_are_safe(given: str, full: str) -> None:
    assert check_address(given) == full


@pytest.mark.parametrize(
    "given",
    [
        "node1:8786",
        "tcp://10.0.0.1:8786",
        "tcp://127.0.0.1.evil.example:8786",
        "tcp://localhost.evil.example:8786",
        "tcp://[2001:db8::1]:8786",
        "0.0.0.0:8786",
    ],
)
def test_addresses_beyond_this_computer_need_encryption_or_a_word(given: str) -> None:
    with pytest.raises(ClusterError, match="--insecure"):
        check_address(given)
    assert check_address(given, insecure=True).endswith(given.removeprefix("tcp://"))


@pytest.mark.parametrize(
    "given",
    ["", "localhost", "tcp://localhost", "http://localhost:80", "tls://:1", "a:b", "tcp://h:99999"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ClusterError, match="is no address"):
        check_address(given, insecure=True)
