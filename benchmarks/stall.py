"""How long the window stands still: the longest gap between ticks of a 5 ms timer.

Runs in a process of its own, so that the first question has everything to import.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from .table import Row

TICK_MS = 5
PATIENCE = 300.0


def measure(model: str | None = None) -> list[Row]:
    """Run :func:`main` under a display; no rows where there is none."""
    command = [sys.executable, "-m", "benchmarks.stall", *([model] if model else [])]
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        if shutil.which("xvfb-run") is None:
            print("No display and no xvfb-run: the window is not measured.", file=sys.stderr)
            return []
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    gaps: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    idle = gaps["idle"]
    group = "window stands still"
    return [
        Row(group, name, gap * 1e3, "ms")
        if name == "idle"
        else Row(group, name, gap * 1e3, "ms", "idle", idle * 1e3)
        for name, gap in gaps.items()
    ]


class Ticker:
    """Notes the longest gap between two ticks."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.last = time.perf_counter()
        self.longest = 0.0
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(TICK_MS)
        self.timer.timeout.connect(self.tick)
        self.timer.start()

    def tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self.last)
        self.last = now

    def during(self, start: Callable[[], object], ended: Callable[[], bool], rest: float) -> float:
        """Return the longest gap from ``start`` until ``rest`` seconds after ``ended``."""
        from qtpy.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        until: list[float] = []
        began = time.perf_counter()

        def look() -> None:
            now = time.perf_counter()
            if not until and ended():
                until.append(now + rest)
            if (until and now > until[0]) or now - began > PATIENCE:
                loop.quit()

        watch = QTimer()
        watch.setInterval(20)
        watch.timeout.connect(look)
        watch.start()
        self.last, self.longest = time.perf_counter(), 0.0
        QTimer.singleShot(0, start)
        loop.exec()
        watch.stop()
        return self.longest


def main(model: str | None = None) -> None:
    import napari
    import numpy as np

    from napari_micrograph_vlm.readers import samples
    from napari_micrograph_vlm.viewer.docks import ask_widget
    from napari_micrograph_vlm.viewer.overlays import remove_overlays, show_overlay, show_word
    from napari_micrograph_vlm.viewer.preferences import Preferences

    viewer = napari.Viewer()
    array, keywords, _kind = samples.wafer_with_defects()[0]
    image = viewer.add_image(array, **keywords)
    shapes = viewer.add_shapes(
        [np.array([[50, 150], [50, 430], [330, 430], [330, 150]])],
        shape_type="rectangle",
        face_color="transparent",
        scale=image.scale,
        units=image.units,
    )
    panel = ask_widget(viewer, preferences=lambda: Preferences(model=model))
    viewer.window.add_dock_widget(panel, area="right")
    shapes.selected_data = {0}
    viewer.layers.selection.active = shapes
    ticker = Ticker()
    gaps = {}

    def ask(question: str) -> None:
        panel.question.line.setText(question)
        panel.ask.click()

    def idle() -> bool:
        return not panel.handler.is_busy

    def answer() -> Any:
        found = panel.handler.entries[-1].answer
        if found is None:
            raise SystemExit(panel.messages.text)
        return found

    ticker.during(lambda: None, lambda: True, 2.0)  # the window settles
    gaps["idle"] = ticker.during(lambda: None, lambda: True, 3.0)
    gaps["first question, with imports"] = ticker.during(
        lambda: ask("What defect is this?"), idle, 0.5
    )
    answer()
    gaps["further question"] = ticker.during(lambda: ask("Where is the defect?"), idle, 0.5)
    second = answer()
    remove_overlays(viewer)
    bare = np.zeros((17, 17), np.float32)
    gaps["any small layer added"] = ticker.during(
        lambda: viewer.add_image(bare, scale=image.scale, units=image.units), lambda: True, 0.5
    )
    gaps["overlay added"] = ticker.during(lambda: show_overlay(viewer, second), lambda: True, 0.5)
    gaps["overlay of a word"] = ticker.during(
        lambda: show_word(viewer, second, second.words[0]), lambda: True, 0.5
    )
    viewer.close()
    print(json.dumps(gaps))


if __name__ == "__main__":
    main(*sys.argv[1:2])
