"""Binds the list of classes to files and to the lists that are remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qtpy.QtCore import QObject

from ..labelling.files import SUFFIXES, read_label_set, write_label_set
from ..labelling.kept import forget, keep, kept_sets
from ..labelling.label_sets import LabelSet
from ..widgets.class_list import ClassList
from ..widgets.message_bar import MessageBar
from .handler_connections import Connections
from .handler_jobs import sentence_of

__all__ = ["ClassFiles"]


class ClassFiles(QObject):
    """Imports, exports, keeps and forgets lists of classes.

    Parameters
    ----------
    classes : ClassList
        The list.
    messages : MessageBar
        Where it says what went wrong.
    connections : Connections
        Undone when the panel is closed.
    """

    def __init__(self, classes: ClassList, messages: MessageBar, connections: Connections) -> None:
        super().__init__()
        self._classes = classes
        self._messages = messages
        steps: tuple[tuple[object, Callable[[str], None]], ...] = (
            (classes.import_wanted, self.read),
            (classes.export_wanted, self.write),
            (classes.keep_wanted, self.keep),
            (classes.forget_wanted, self.forget),
        )
        for signal, step in steps:
            connections.add(signal, step)
        classes.set_kept(kept_sets())

    def read(self, path: str) -> None:
        """Show the classes of a file, and remember them."""
        with self._telling():
            found = read_label_set(path)
            keep(found)
            self._classes.set_kept(kept_sets())
            self._classes.use(found)

    def write(self, path: str) -> None:
        """Write the classes to a file; without one of the endings it becomes JSON."""
        with self._telling():
            target = Path(path)
            if target.suffix.lower() not in SUFFIXES:
                target = target.with_name(f"{target.name}.json")
            write_label_set(self._classes.label_set, target)
            self._messages.inform(f"The classes were written to {target}.")

    def keep(self, name: str) -> None:
        """Remember the classes under a name."""
        with self._telling():
            named = LabelSet(name, self._classes.label_set.classes)
            keep(named)
            self._classes.set_kept(kept_sets())
            self._classes.use(named)

    def forget(self, name: str) -> None:
        """Remember a list no longer; its classes stay until another list is chosen."""
        with self._telling():
            forget(name)
            self._classes.set_kept(kept_sets())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        self._messages.clear()
        try:
            yield
        except Exception as error:
            self._messages.warn(sentence_of(error))
