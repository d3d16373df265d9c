from threading import Event

import pytest

from napari_micrograph_vlm.errors import Cancelled, RegionError
from napari_micrograph_vlm.handle import Handle


def test_result_and_printing(capsys):
    def work(write, cancel):
        for piece in ("a ", "bridge"):
            write(piece)
        return 42

    handle = Handle(work)
    assert handle.result(5) == 42
    assert handle.text == "a bridge"
    assert capsys.readouterr().out == "a bridge\n"
    assert repr(handle) == "Handle(42)"


def test_cancel_stops_and_says_so():
    started = Event()

    def work(write, cancel):
        started.set()
        assert cancel.wait(5)
        raise Cancelled("half")

    handle = Handle(work, echo=False)
    assert started.wait(5)
    assert "running" in repr(handle)
    handle.cancel()
    with pytest.raises(Cancelled) as stopped:
        handle.result(5)
    assert stopped.value.text == "half"


def test_error_is_handed_to_whoever_asks():
    def work(write, cancel):
        raise RegionError("Draw a region first.")

    handle = Handle(work, echo=False)
    with pytest.raises(RegionError, match="Draw a region"):
        handle.result(5)
    assert "Draw a region" in repr(handle)


def test_on_done_is_delivered_before_and_after_the_end():
    delivered = []
    gate = Event()

    def work(write, cancel):
        gate.wait(5)
        return "x"

    handle = Handle(work, echo=False, deliver=lambda f: f())
    handle.on_done(lambda h: delivered.append(("early", h.result())))
    gate.set()
    handle.result(5)
    handle._thread.join(5)
    handle.on_done(lambda h: delivered.append(("late", h.result())))
    assert delivered == [("early", "x"), ("late", "x")]
