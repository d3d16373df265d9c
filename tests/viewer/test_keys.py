"""Keys of a dock: bound while it is shown, never in place of anybody else's."""

import pytest
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QLineEdit, QListWidget, QVBoxLayout, QWidget

from fakes import picture
from napari_micrograph_vlm.viewer.keys import KeyBindings

pytestmark = pytest.mark.gui


class _Dock:
    """A widget in a dock, with a list, a text field and keys."""

    def __init__(self, viewer, name="keys", tabify=False):
        self.viewer = viewer
        self.widget = QWidget()
        self.list, self.field = QListWidget(), QLineEdit()
        self.list.addItems(["north", "south", "1st"])
        column = QVBoxLayout(self.widget)
        column.addWidget(self.list)
        column.addWidget(self.field)
        self.dock = viewer.window.add_dock_widget(self.widget, name=name, tabify=tabify)
        self.pressed = []
        self.keys = KeyBindings(viewer, self.widget)
        self.keys.watch(self.list)
        self.keys.add("next", ("N", "J", "Ctrl-Alt-N"), lambda: self.pressed.append("next"))

    def focus(self, qtbot, widget):
        """Put the focus into a widget, as a click into it does."""
        window = self.viewer.window._qt_window
        window.activateWindow()
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)

    def press(self, key):
        """Press a key as the canvas does."""
        window = self.viewer.window._qt_viewer
        return window._key_map_handler.press_key(key)


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    dock = _Dock(viewer)
    qtbot.waitUntil(dock.widget.isVisible)
    return dock


def test_the_first_free_key_is_taken_and_named(shown):
    assert shown.keys.key("next") == "N"
    assert shown.keys.tip("Go on", "next") == "Go on (N)"
    shown.press("N")
    assert shown.pressed == ["next"]


def test_a_key_of_the_user_from_before_stays_the_users(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    calls = []
    viewer.bind_key("N", lambda _: calls.append("user"))
    dock = _Dock(viewer)
    qtbot.waitUntil(dock.widget.isVisible)
    assert dock.keys.key("next") == "J"
    dock.press("N")
    dock.press("J")
    assert (calls, dock.pressed) == (["user"], ["next"])
    dock.keys.close()
    assert list(map(str, viewer.keymap)) == ["N"]


def test_a_key_that_the_user_takes_later_stays_the_users(shown):
    viewer = shown.viewer
    calls = []
    viewer.bind_key("N", lambda _: calls.append("user"), overwrite=True)
    shown.press("N")
    shown.dock.hide()
    assert list(map(str, viewer.keymap)) == ["N"]
    shown.dock.show()
    assert shown.keys.key("next") == "J"
    shown.keys.close()
    shown.press("N")
    assert (calls, shown.pressed) == (["user", "user"], [])


@pytest.mark.parametrize("key", ["A", "P", "1", "Ctrl-R", "V", "Ctrl-Q"])
def test_keys_of_napari_layers_and_menus_are_left_alone(shown, key):
    shown.keys.add("other", (key, "H"), lambda: None)
    assert shown.keys.key("other") == "H"


def test_a_menu_entry_of_somebody_else_is_left_alone(shown):
    entry = QAction("theirs", shown.viewer.window._qt_window)
    entry.setShortcut("Ctrl+Alt+J")
    shown.keys.add("other", ("Ctrl-Alt-J", "H"), lambda: None)
    assert shown.keys.key("other") == "H"


def test_an_action_without_a_free_key_has_none(shown):
    shown.keys.add("other", ("A", "P"), lambda: None)
    assert shown.keys.key("other") == ""
    assert shown.keys.tip("Do it", "other") == "Do it"


def test_keys_are_bound_only_while_the_dock_can_be_seen(shown):
    shown.dock.hide()
    assert not shown.viewer.keymap
    assert shown.keys.key("next") == ""
    shown.dock.show()
    assert shown.keys.key("next") == "N"
    shown.keys.close()
    shown.dock.hide()
    shown.dock.show()
    assert not shown.viewer.keymap


def test_two_docks_share_no_key(shown, qtbot):
    other = _Dock(shown.viewer)
    qtbot.waitUntil(other.widget.isVisible)
    assert (shown.keys.key("next"), other.keys.key("next")) == ("N", "J")


def test_a_shortcut_given_in_the_settings_is_given_up(shown, qtbot):
    name = "napari:reset_view"
    before = list(action_manager._shortcuts[name])
    action_manager.bind_shortcut(name, coerce_keybinding("N"))
    try:
        qtbot.waitUntil(lambda: shown.keys.key("next") == "J")
    finally:
        action_manager.unbind_shortcut(name)
        for key in before:
            action_manager.bind_shortcut(name, key)
    qtbot.waitUntil(lambda: shown.keys.key("next") == "N")


def test_nothing_happens_while_the_user_types(shown, qtbot):
    shown.focus(qtbot, shown.field)
    qtbot.keyClicks(shown.field, "nn")
    shown.press("N")
    assert shown.field.text() == "nn"
    assert shown.pressed == []


def test_a_list_that_searches_by_letters_lets_the_keys_through(shown, qtbot):
    shown.focus(qtbot, shown.list)
    qtbot.keyClick(shown.list, Qt.Key.Key_N)
    assert shown.pressed == ["next"]
    assert shown.list.currentRow() == 0


def test_numbers_share_their_modifier_and_work_bare_inside(shown, qtbot):
    names = [f"class {i}" for i in (1, 2, 3)]
    calls = [lambda name=name: shown.pressed.append(name) for name in names]
    shown.keys.add_row(names, ("{}", "Ctrl-{}", "Alt-{}"), calls, inside="{}")
    assert [shown.keys.key(name) for name in names] == ["Ctrl+1", "Ctrl+2", "Ctrl+3"]
    shown.press("Ctrl-2")
    shown.focus(qtbot, shown.list)
    qtbot.keyClick(shown.list, Qt.Key.Key_3)
    qtbot.keyClick(shown.list, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert shown.pressed == ["class 2", "class 3", "class 1"]


def test_the_active_layers_own_keys_still_work(shown):
    image = shown.viewer.add_image(picture())
    shown.keys.add_row(["one"], ("{}", "Ctrl-{}"), [lambda: shown.pressed.append("one")])
    shown.viewer.layers.selection.active = image
    image.mode = "transform"
    shown.press("1")
    assert str(image.mode) == "pan_zoom"
    assert shown.pressed == []


def test_a_deleted_widget_takes_its_keys_along(shown, qtbot):
    shown.viewer.window.remove_dock_widget(shown.dock)
    with qtbot.waitSignal(shown.widget.destroyed):
        shown.widget.deleteLater()
    assert not shown.viewer.keymap


def test_a_dock_behind_another_tab_gives_its_keys_to_the_one_in_front(shown, qtbot):
    other = _Dock(shown.viewer, "other", tabify=True)
    for front, behind in ((shown, other), (other, shown)) * 2:
        front.dock.raise_()
        qtbot.waitUntil(lambda front=front: front.keys.is_seen)
        qtbot.waitUntil(lambda front=front: front.keys.key("next") == "N")
        assert not behind.keys.is_seen
        assert behind.keys.key("next") == ""
        front.pressed.clear()
        behind.pressed.clear()
        front.press("N")
        front.press("J")
        assert (front.pressed, behind.pressed) == (["next"], [])


def test_a_key_pressed_before_the_dock_let_go_of_it_does_nothing(shown, qtbot):
    (call,) = shown.viewer.keymap.values()
    other = _Dock(shown.viewer, "other", tabify=True)
    other.dock.raise_()
    qtbot.waitUntil(lambda: not shown.keys.is_seen)
    call(shown.viewer)  # as if Qt had not told yet
    shown.list.setFocus()
    qtbot.keyClick(shown.list, Qt.Key.Key_N)
    assert shown.pressed == []


def test_a_dock_that_is_taken_out_of_its_tabs_has_its_keys(shown, qtbot):
    other = _Dock(shown.viewer, "other", tabify=True)
    other.dock.raise_()
    qtbot.waitUntil(lambda: not shown.keys.is_seen)
    shown.dock.setFloating(True)
    qtbot.waitUntil(lambda: shown.keys.key("next") == "J")
    other.dock.close()
    shown.dock.setFloating(False)
    shown.press(shown.keys.key("next"))
    assert shown.pressed == ["next"]
