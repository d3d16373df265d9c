"""Keys of a dock: bound while it is shown, never in place of a key of napari or the user."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import napari.layers
from app_model.types import KeyBinding
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from napari.utils.key_bindings import _get_user_keymap, coerce_keybinding
from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtGui import QAction, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QShortcut,
    QTextEdit,
    QWidget,
)

from .handler_connections import Connections

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["KeyBindings", "is_typing"]

_QT_NAMES = {
    "PgDown": "PageDown",
    "PgUp": "PageUp",
    "Del": "Delete",
    "Ins": "Insert",
    "Return": "Enter",
    "Esc": "Escape",
}


@dataclass
class _Row:
    """Actions whose keys are chosen together: all with the same modifiers, or none."""

    names: tuple[str, ...]
    patterns: tuple[tuple[str, ...], ...]
    callbacks: tuple[Callable[[], Any], ...]


class KeyBindings(QObject):
    """Binds keys on a viewer while a widget is really to be seen: not behind another tab.

    For each action the first key is taken that neither napari, a layer of any kind, the menus
    nor the user has bound; where there is none, the action has no key. Keys are chosen anew each
    time the widget is shown and when napari's shortcuts change. They do nothing while the user
    types in a text field, and are unbound with the widget.

    Parameters
    ----------
    viewer : napari.Viewer
        Its canvas and docks take the keys.
    widget : QWidget
        Whose visibility counts, such as the view in a dock.

    Signals
    -------
    changed()
        Keys were chosen or let go: tool tips that name them are out of date.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, widget: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self._widget = widget
        self._rows: list[_Row] = []
        self._bound: dict[str, tuple[KeyBinding, Callable[[Any], None]]] = {}
        self._local: dict[KeyBinding, Callable[[], Any]] = {}
        self._watched: list[QWidget] = []
        self._open = True
        self._dock: QDockWidget | None = None
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._settle)
        self._connections = Connections()
        self._connections.listen(action_manager.events.shortcut_changed, self._shortcut_changed)
        self.watch(widget)
        self._follow_dock()
        widget.destroyed.connect(self._widget_deleted)

    @property
    def is_seen(self) -> bool:
        """Whether the widget is to be seen now; behind the tab of another dock it is not.

        Such a dock counts as visible for Qt, and lies outside of its window.
        """
        if not self._open or not self._widget.isVisible():
            return False
        return not self._widget.visibleRegion().isEmpty()

    def add(self, name: str, keys: Sequence[str], callback: Callable[[], Any]) -> None:
        """Bind the first free of some keys, such as ``("N", "J")`` or ``"Ctrl-Shift-N"``."""
        self.add_together((name,), [(key,) for key in keys], (callback,))

    def add_together(
        self,
        names: Sequence[str],
        choices: Sequence[Sequence[str]],
        callbacks: Sequence[Callable[[], Any]],
    ) -> None:
        """Bind several actions to the first choice of keys that are all free.

        Parameters
        ----------
        names : sequence of str
            The actions, such as ``("next", "previous")``.
        choices : sequence of sequences of str
            Such as ``[("N", "Shift-N"), ("J", "K")]``.
        callbacks : sequence of callables
            One for each name.
        """
        self._rows.append(_Row(tuple(names), tuple(map(tuple, choices)), tuple(callbacks)))
        self._choose_if_shown()

    def add_row(
        self,
        names: Sequence[str],
        patterns: Sequence[str],
        callbacks: Sequence[Callable[[], Any]],
        *,
        inside: str = "",
    ) -> None:
        """Bind the keys 1, 2, 3, … to a row of at most nine actions.

        Parameters
        ----------
        names : sequence of str
            The actions.
        patterns : sequence of str
            Such as ``("Ctrl-{}", "Alt-{}")``: the first with which all keys of the row are free.
        callbacks : sequence of callables
            One for each name.
        inside : str
            A pattern for keys that work while the focus is in the widget, besides the others;
            nothing else gets them there.
        """
        digits = range(1, len(names) + 1)
        if inside:
            for digit, callback in zip(digits, callbacks, strict=True):
                self._local[coerce_keybinding(inside.format(digit))] = callback
        choices = [[one.format(digit) for digit in digits] for one in patterns]
        self.add_together(names, choices, callbacks)

    def watch(self, *widgets: QWidget) -> None:
        """See that keys work in widgets that would take them, such as lists that search."""
        for widget in widgets:
            widget.installEventFilter(self)
            self._watched.append(widget)

    def key(self, name: str) -> str:
        """Return the key of an action as this computer writes it; empty: it has none now."""
        if name not in self._bound:
            return ""
        text: str = Shortcut(self._bound[name][0]).platform
        return text

    def tip(self, text: str, name: str) -> str:
        """Return a tool tip with the action's key after it."""
        key = self.key(name)
        return f"{text} ({key})" if key else text

    def close(self, *, deleted: bool = False) -> None:
        """Unbind every key, for good.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the widget.
        """
        if not self._open:
            return
        self._open = False
        self._again.stop()
        self._unbind()
        self._connections.close(deleted=deleted)
        if not deleted:
            self._widget.destroyed.disconnect(self._widget_deleted)
            for widget in self._watched:
                widget.removeEventFilter(self)
            self._leave_dock()
        self._dock = None
        self._watched.clear()
        self._rows.clear()
        self._local.clear()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Follow the widget's visibility; take keys before a list takes them."""
        if event is None or not self._open:
            return False
        kind = event.type()
        if watched is self._widget and kind == QEvent.Type.Show:
            self._follow_dock()
            self._choose_anew()
            self._again.start(0)  # it may get its place only now
        elif watched is self._widget and kind == QEvent.Type.Hide:
            self._let_go()
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._pressed(event)
        elif kind in (QEvent.Type.Move, QEvent.Type.Resize) and watched in (
            self._widget,
            self._dock,
        ):
            self._moved()
        return False

    def _follow_dock(self) -> None:
        """Notice when the dock around the widget comes to the front of its tabs, or leaves it."""
        dock: QWidget | None = self._widget
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        if dock is self._dock:
            return
        self._leave_dock()
        self._dock = dock
        if dock is not None:
            dock.visibilityChanged.connect(self._dock_turned)
            dock.installEventFilter(self)

    def _leave_dock(self) -> None:
        dock, self._dock = self._dock, None
        if dock is not None:
            with contextlib.suppress(RuntimeError, TypeError):  # Qt may have deleted it
                dock.visibilityChanged.disconnect(self._dock_turned)
                dock.removeEventFilter(self)

    def _dock_turned(self, visible: bool) -> None:
        if not self._open:
            return
        if not visible:
            self._let_go()
        # Only then, so that the dock that leaves the front has let go of its keys.
        self._again.start(0)

    def _moved(self) -> None:
        if self.is_seen != bool(self._bound):
            self._again.start(0)

    def _let_go(self) -> None:
        if self._bound:
            self._unbind()
            self.changed.emit()

    def _settle(self) -> None:
        """Have keys where the widget is to be seen, and none where it is not."""
        if self.is_seen:
            self._choose_anew()
        else:
            self._let_go()

    def _pressed(self, event: QKeyEvent) -> bool:
        if event.isAutoRepeat() or is_typing() or not self.is_seen:
            return False
        key = _key_of(event)
        if key is None:
            return False
        for bound, call in self._bound.values():
            if bound == key and self._viewer.keymap.get(bound) is call:
                call(self._viewer)
                return True
        if key in self._local:
            self._local[key]()
            return True
        return False

    def _choose_if_shown(self) -> None:
        if self.is_seen:
            self._choose_anew()

    def _choose_anew(self) -> None:
        """Let go of our keys and take the first free ones."""
        if not self.is_seen:
            return
        self._unbind()
        taken = set(_taken(self._viewer, self._widget))
        for row in self._rows:
            for keys in row.patterns:
                wanted = [coerce_keybinding(key) for key in keys]
                if not taken.isdisjoint(wanted):
                    continue
                for name, key, callback in zip(row.names, wanted, row.callbacks, strict=True):
                    call = self._guarded(callback)
                    self._viewer.bind_key(key, call)
                    self._bound[name] = key, call
                taken.update(wanted)
                break
        self.changed.emit()

    def _guarded(self, callback: Callable[[], Any]) -> Callable[[Any], None]:
        def micrograph_vlm_key(_viewer: Any) -> None:
            if self.is_seen and not is_typing():
                callback()

        return micrograph_vlm_key

    def _unbind(self) -> None:
        for key, call in self._bound.values():
            if self._viewer.keymap.get(key) is call:  # else the user has it by now
                self._viewer.bind_key(key, None)
        self._bound.clear()

    def _shortcut_changed(self, event: Any = None) -> None:
        # Once for all: a new window binds every shortcut of napari again.
        if self._open:
            self._again.start(0)

    def _widget_deleted(self) -> None:
        self.close(deleted=True)


def is_typing() -> bool:
    """Whether the focus is in a field that takes text."""
    field = QApplication.focusWidget()
    if isinstance(field, QTextEdit | QPlainTextEdit | QLineEdit | QAbstractSpinBox):
        return not field.isReadOnly()
    return False


def _taken(viewer: Viewer, widget: QWidget) -> Iterator[KeyBinding]:
    """Yield every key that means something already."""
    layers = (getattr(napari.layers, name) for name in napari.layers.__all__)
    kinds = [each for each in layers if isinstance(each, type)]
    maps: list[Any] = [_get_user_keymap(), viewer.keymap]
    maps += [layer.keymap for layer in viewer.layers]
    for kind in (type(viewer), *kinds, *map(type, viewer.layers)):
        maps += [one.class_keymap for one in kind.__mro__ if hasattr(one, "class_keymap")]
    for each in maps:
        yield from (key for key in each if key is not Ellipsis)
    window: Any = widget
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parentWidget()  # a floating dock is a window of its own
    if window is None:
        return
    actions = list(window.findChildren(QAction))
    for menu in window.findChildren(QMenu):  # napari's own entries belong to no window
        actions += menu.actions()
    sequences = [each for action in actions for each in action.shortcuts()]
    sequences += [shortcut.key() for shortcut in window.findChildren(QShortcut)]
    for sequence in sequences:
        key = _parse(sequence)
        if key is not None:
            yield key


def _key_of(event: QKeyEvent) -> KeyBinding | None:
    return _parse(QKeySequence(event.keyCombination()))


def _parse(sequence: QKeySequence) -> KeyBinding | None:
    """Return the first key of a Qt sequence; None where napari knows no such key."""
    text = sequence.toString(QKeySequence.SequenceFormat.PortableText).split(", ")[0]
    parts = text.replace("Num+", "").split("+") if text else []
    if not parts or not parts[-1] or not text.isascii():
        return None
    with contextlib.suppress(ValueError, KeyError):
        name = _QT_NAMES.get(parts[-1], parts[-1])
        key: KeyBinding = coerce_keybinding("-".join([*parts[:-1], name]))
        return key if str(key.parts[-1].key) else None
    return None
