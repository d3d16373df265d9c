"""Lets the panel that teaches go on with trainings that were stopped, or discard them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .handler_jobs import Outcome
from .teach_form import fill_form
from .teach_stopped import Stopped, discard, stopped_trainings

if TYPE_CHECKING:
    from .teach_handler import TeachHandler

__all__ = ["TeachResume"]


class TeachResume:
    """Offers stopped trainings.

    Parameters
    ----------
    handler : TeachHandler
        The panel's handler.
    """

    def __init__(self, handler: TeachHandler) -> None:
        self._handler = handler
        self._found: dict[str, Stopped] = {}
        view = handler.view
        for signal, callback in (
            (view.resumed, self.resume),
            (view.discarded, self.ask_to_discard),
            (view.shown, self.look),
        ):
            handler.connections.add(signal, callback)

    def look(self, *_: Any) -> None:
        """Look up which trainings were stopped, and offer them."""
        self._found = {one.name: one for one in stopped_trainings()}
        shown = [(name, one.sentence) for name, one in self._found.items()]
        self._handler.view.show_stopped(shown)

    def resume(self, name: str) -> None:
        """Put the settings of a training back into the form, and go on with it."""
        one, handler = self._found.get(name), self._handler
        if one is None or handler.is_teaching:
            return
        for kind in ("model", "device", "precision"):
            handler.choice.pick(kind, str(one.form.get(kind) or ""))
        fill_form(handler.view, one.form)
        # Last: another model proposes another name.
        handler.view.name.setText(name)
        handler.teach()

    def ask_to_discard(self, name: str) -> None:
        """Ask once, then delete what a training kept."""
        one, handler = self._found.get(name), self._handler
        if one is None or handler.is_teaching:
            return

        def told(outcome: Outcome) -> None:
            if outcome.error:
                handler.view.messages.warn(outcome.error)
            # It may be the one named in the form, which is then begun anew.
            handler.name_changed()

        def answered(yes: bool) -> None:
            if yes:
                handler.jobs_here.start(lambda _report, _cancel: discard(one), told)

        handler.view.messages.ask(
            f"Delete what {name} has learnt so far? It cannot be brought back.",
            "Delete",
            "Keep",
            answered,
        )
