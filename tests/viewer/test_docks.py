"""The panels as napari's menus and other code open them."""

import subprocess
import sys

import pytest
from npe2 import PluginManager
from npe2.manifest.utils import import_python_name

from fakes import picture
from napari_micrograph_vlm.viewer.docks import AskDock, ClassifyDock, ModelDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import MODELS

pytestmark = pytest.mark.gui

PLUGIN = "napari-micrograph-vlm"


@pytest.mark.parametrize(
    ("name", "kind"), [("Ask a region", AskDock), ("Classify regions", ClassifyDock)]
)
def test_napari_opens_the_panels(make_napari_viewer, name, kind):
    viewer = make_napari_viewer()
    other = make_napari_viewer()
    other.add_image(picture())
    _, view = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    assert isinstance(view, kind)
    assert view.handler.viewer is viewer
    assert view.handler.models is MODELS
    assert wait_for_jobs(5)


def test_menus_hold_the_panels(make_napari_viewer):
    viewer = make_napari_viewer()
    menu = viewer.window.layers_menu
    titles = {
        submenu.title(): [action.text() for action in submenu.actions()]
        for submenu in (action.menu() for action in menu.actions())
        if submenu is not None
    }
    assert "Classify regions (Micrograph questions)" in titles["Classify"]
    assert "Ask a region (Micrograph questions)" in titles["Visualize"]


def test_a_menu_opens_and_hides_a_panel(make_napari_viewer, qtbot):
    from napari._app_model import get_app_model

    viewer = make_napari_viewer(show=True)
    viewer.add_image(picture())
    command = f"{PLUGIN}.ask_widget"
    get_app_model().commands.execute_command(command)
    (dock,) = (d for d in viewer.window._wrapped_dock_widgets.values() if "Ask" in d.name)
    assert isinstance(dock.inner_widget(), AskDock)
    qtbot.waitUntil(dock.isVisible)
    get_app_model().commands.execute_command(command)
    assert dock.isHidden()
    assert wait_for_jobs(5)


def test_opening_a_panel_imports_no_torch():
    code = "import sys, napari_micrograph_vlm.viewer.docks; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_manifest_names_exist():
    manifest = PluginManager.instance().get_manifest(PLUGIN)
    for command in manifest.contributions.commands:
        assert callable(import_python_name(command.python_name)), command.id


def test_every_control_has_a_tool_tip(make_napari_viewer):
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit

    viewer = make_napari_viewer()
    for view in (AskDock(viewer), ClassifyDock(viewer), ModelDock()):
        viewer.window.add_dock_widget(view, name=type(view).__name__)
        for kind in (QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox):
            for control in view.findChildren(kind):
                own = control.parent()
                assert control.toolTip() or own.toolTip(), (type(control), control.objectName())
        assert view.minimumSizeHint().width() <= 380
    assert wait_for_jobs(5)
