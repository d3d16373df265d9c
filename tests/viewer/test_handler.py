"""Jobs, the shared model, and connections."""

from threading import Event, Thread

import pytest
from qtpy.QtCore import QObject, Signal

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, RegionError
from napari_micrograph_vlm.viewer.handler_connections import Connections
from napari_micrograph_vlm.viewer.handler_jobs import (
    Job,
    Outcome,
    Pool,
    Report,
    finish_jobs,
    read_regions,
    sentence_of,
    wait_for_jobs,
)
from napari_micrograph_vlm.viewer.models import ModelHolder

pytestmark = pytest.mark.gui


def run(qtbot, work, stop=False):
    job = Job(work)
    news, ends = [], []
    job.reported.connect(lambda _, kind, value: news.append((kind, value)))
    job.ended.connect(lambda _, outcome: ends.append(outcome))
    with qtbot.waitSignal(job.finished, timeout=5000):
        job.start()
        if stop:
            job.stop("because")
    qtbot.waitUntil(lambda: bool(ends))
    assert len(ends) == 1
    return ends[0], news


def test_a_job_reports_and_returns(qtbot):
    def work(report, cancel):
        report(Report.TEXT, "a")
        return 1

    assert run(qtbot, work) == (Outcome(1), [(Report.TEXT, "a")])


def test_a_job_can_be_stopped_before_and_in_the_middle(qtbot):
    def work(report, cancel):
        if cancel.wait(5):
            raise Cancelled

    assert run(qtbot, work, stop=True)[0] == Outcome(stopped=True)


def test_a_job_tells_errors_in_one_sentence(qtbot, caplog):
    def wrong(report, cancel):
        raise RegionError("Too small.")

    assert run(qtbot, wrong)[0] == Outcome(error="Too small.")
    assert not caplog.records

    def broken(report, cancel):
        raise KeyError("x")

    assert run(qtbot, broken)[0].error == "Something went wrong: 'x'"
    assert "KeyError" in caplog.text


def test_no_job_outlives_the_program(qtbot):
    begun, ended = Event(), Event()

    def work(report, cancel):
        begun.set()
        cancel.wait(5)
        ended.set()

    Job(work).start()
    assert begun.wait(5)
    finish_jobs()
    assert ended.is_set()


def test_long_and_empty_errors():
    assert sentence_of(ValueError()) == "Something went wrong: ValueError"
    assert len(sentence_of(ValueError("x" * 1000))) < 200


def test_the_model_is_loaded_once_and_used_by_one_at_a_time():
    loads = []

    def load(name, device):
        loads.append((name, device))
        return FakeModel()

    holder = ModelHolder(load)
    never = Event()
    inside, leave = Event(), Event()

    def hold():
        with holder.use(cancel=never):
            inside.set()
            leave.wait(5)

    assert holder.loaded() is None
    thread = Thread(target=hold)
    thread.start()
    assert inside.wait(5)
    stopped = Event()
    stopped.set()
    with pytest.raises(Cancelled), holder.use(cancel=stopped):
        pass
    leave.set()
    thread.join(5)
    with holder.use(cancel=never) as model:
        assert model is holder.loaded()
    with holder.use("other", "cpu", cancel=never):
        pass
    assert loads == [(None, None), ("other", "cpu")]


def test_a_failed_load_frees_the_model():
    def load(name, device):
        raise OSError

    holder = ModelHolder(load)
    for _ in range(2):
        with pytest.raises(OSError), holder.use(cancel=Event()):  # noqa: PT011
            pass


def test_connections_are_undone(qtbot):
    class Emitter(QObject):
        signal = Signal(int)

    emitter, got = Emitter(), []
    connections = Connections()
    connections.add(emitter.signal, got.append)
    emitter.signal.emit(1)
    connections.close()
    emitter.signal.emit(2)
    assert got == [1]


def test_many_regions_are_read_until_stopped():
    cancel, read = Event(), []

    class Cutout:
        label = ""

        def read(self):
            read.append(self)
            if len(read) == 2:
                cancel.set()

    with pytest.raises(Cancelled):
        read_regions(lambda: [Cutout() for _ in range(5)], cancel)
    assert len(read) == 2


def test_a_picture_does_not_hold_up_a_question(qtbot):
    go, done = Event(), Event()
    for _ in range(3):
        Job(lambda report, cancel: go.wait(10), Pool.THUMBNAILS).start()
    Job(lambda report, cancel: done.set()).start()
    assert done.wait(5)
    go.set()
    assert wait_for_jobs(5)
