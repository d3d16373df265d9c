"""Threads: where blocking would freeze the window, and the way back into it."""

from __future__ import annotations

import subprocess
import sys
from threading import Thread, current_thread, main_thread

import pytest

from napari_micrograph_vlm import viewer


def in_thread(function):
    result = []
    thread = Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


def test_names_are_imported_when_first_used():
    code = (
        "import sys; import napari_micrograph_vlm.viewer as v;"
        "assert not v.is_gui_thread();"
        "assert 'napari' not in sys.modules and 'qtpy' not in sys.modules;"
        "assert 'plan_regions' in dir(v)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="nothing"):
        _ = viewer.nothing


def test_own_names_can_be_imported():
    from napari_micrograph_vlm.viewer.geometry import plan_regions

    assert viewer.plan_regions is plan_regions
    for name, home in viewer._HOMES.items():
        if home not in ("demo", "docks"):  # rooms of their own with their own tests
            assert getattr(viewer, name)


@pytest.mark.gui
def test_gui_thread_only_while_its_loop_runs(qtbot):
    from qtpy.QtCore import QTimer

    assert not viewer.is_gui_thread()  # a script before napari.run()
    seen = []
    QTimer.singleShot(
        0, lambda: seen.append((viewer.is_gui_thread(), in_thread(viewer.is_gui_thread)))
    )
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(True, False)]


@pytest.mark.gui
def test_call_arrives_in_the_gui_thread(qtbot):
    seen = []
    in_thread(lambda: viewer.call_in_gui(lambda: seen.append(current_thread())))
    viewer.call_in_gui(lambda: seen.append(current_thread()))
    assert seen == []  # soon, not now
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [main_thread()] * 2


def test_call_without_an_application_is_dropped():
    code = (
        "from napari_micrograph_vlm.viewer import call_in_gui;"
        "call_in_gui(lambda: 1 / 0);"
        "from qtpy.QtCore import QCoreApplication;"
        "app = QCoreApplication([]); call_in_gui(lambda: 1 / 0); del app;"
        "call_in_gui(lambda: 1 / 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
