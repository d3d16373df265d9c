"""An ask panel in a window, driven as a user does."""

from __future__ import annotations

from qtpy.QtCore import Qt

from fakes import picture
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences


class AskPanel:
    def __init__(self, viewer, qtbot, model):
        self.viewer, self.qtbot, self.model = viewer, qtbot, model
        self.chosen = Preferences()
        viewer.add_image(picture((63, 63)), name="gold.tif")
        self.view = ask_widget(
            viewer, models=ModelHolder(lambda *_: self.model), preferences=lambda: self.chosen
        )
        self.handler = self.view.handler
        self.badge, self.advanced = self.view.badge, self.view.advanced
        viewer.window.add_dock_widget(self.view, name="ask")

    def ask(self, text="What is this?"):
        self.view.question.line.setText(text)
        self.click(self.view.ask)
        self.until(lambda: not self.handler.is_busy)

    def click(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=60_000)

    def rest(self):
        self.until(lambda: not self.handler.trust.is_busy)

    def choose(self, method):
        box = self.advanced.methods
        box.setCurrentIndex(box.findData(str(method)))
        box.activated.emit(box.currentIndex())
