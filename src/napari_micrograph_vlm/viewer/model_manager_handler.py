"""Binds the panel of models to the catalog, the disk and what is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from ..models.catalog import STUDENT, CatalogEntry, Status, converted_folder, entries
from ..models.memory import readable_bytes
from .handler_connections import Connections
from .handler_jobs import Job, Outcome, Pool, Report, Work
from .model_choice import CHANGES, key_of
from .model_lines import (
    Place,
    card_of,
    line_of,
    question_before_download,
    question_before_load,
)
from .models import MODELS, ModelHolder
from .preferences import Preferences, choose_model, read_preferences

if TYPE_CHECKING:
    from ..widgets.model_manager import ModelManagerView

__all__ = ["ModelManagerHandler"]


class ModelManagerHandler(QObject):
    """Lists models, downloads and loads them; one thing at a time.

    Parameters
    ----------
    view : ModelManagerView
        What the user sees.
    models : ModelHolder
        What is loaded; shared by all panels.
    preferences : callable
        Returns the current choices.
    choose : callable
        Keeps which model, device and precision every panel uses.
    """

    def __init__(
        self,
        view: ModelManagerView,
        models: ModelHolder = MODELS,
        preferences: Callable[[], Preferences] = read_preferences,
        choose: Callable[..., None] = choose_model,
    ) -> None:
        super().__init__()
        self.view = view
        self.models = models
        self.closed = False
        self._preferences = preferences
        self._choose = choose
        self._entries: dict[str, CatalogEntry] = {}
        self._place = Place()
        self._told = ""
        self._job: Job | None = None
        self._looking: Job | None = None
        self._then: Callable[[Any], None] = lambda _value: None
        self.connections = Connections()
        for signal, slot in (
            (view.chosen, self._show_card),
            (view.place_changed, self.look),
            (view.acted, self.act),
            (view.unloaded, self.unload),
            (view.removed, self.remove),
            (view.stopped, self.stop),
            (view.shown, self.look),
            (view.outdated, self.refresh),
            (view.closed, self._view_closed),
        ):
            self.connections.add(signal, slot)
        view.destroyed.connect(self._view_deleted)
        # By way of the view: Qt undoes the connection when it deletes it.
        CHANGES.happened.connect(view.outdated)
        self.refresh()
        view.choose(self._name_of(preferences().model))

    @property
    def is_busy(self) -> bool:
        """Whether something is being downloaded, loaded or removed."""
        return self._job is not None

    @property
    def chosen(self) -> CatalogEntry | None:
        """The model that the user chose in the list."""
        return self._entries.get(self.view.name)

    def close(self, *, deleted: bool = False) -> None:
        """Stop what goes on and let go of the view.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view.
        """
        if self.closed:
            return
        self.closed = True
        if self._looking is not None:
            self._looking.stop()
            self._looking.signals.ended.disconnect()
        if self._job is not None:
            self._job.stop()
            self._job.signals.reported.disconnect()
            self._job.signals.ended.disconnect()
        self._job = self._looking = None
        self.connections.close(deleted=deleted)

    def refresh(self) -> None:
        """Show what is on the disk and what is loaded."""
        self._entries = {entry.name: entry for entry in entries()}
        held = self.models.held
        loaded = None if held is None else self._name_of(held[0][0])
        counts = {name: entry.parameters for name, entry in self._entries.items()}
        known = {name: count for name, count in counts.items() if count}
        self._place = replace(self._place, loaded=loaded, counts=known)
        self.view.show_models([line_of(entry, self._place) for entry in self._entries.values()])

    def look(self) -> None:
        """Look up devices and their free memory, which needs torch and so another thread."""
        if self._looking is not None:
            self._looking.stop()
        device, precision = self.view.device or "auto", self.view.precision or "auto"
        job = Job(lambda report, cancel: _look(device, precision), Pool.MODELS)
        job.signals.ended.connect(self._looked)
        self._looking = job
        job.start()

    def act(self) -> None:
        """Download, convert or load the chosen model, whichever comes next."""
        entry = self.chosen
        self.view.messages.clear()
        if entry is None or self.is_busy:
            return
        if entry.status is Status.ABSENT:
            self._ask(
                question_before_download(entry),
                "Agree and download",
                lambda: self._download(entry),
            )
        elif entry.status is Status.TO_CONVERT:
            self._convert(entry)
        elif question := question_before_load(entry, self._place):
            self._ask(question, "Load", lambda: self._load(entry))
        else:
            self._load(entry)

    def unload(self) -> None:
        """Give back the memory of the loaded model."""
        self.view.messages.clear()
        self._start(
            lambda report, cancel: self.models.unload(cancel),
            "Waiting until nothing uses the model…",
            lambda _value: self.view.messages.inform("The model was unloaded."),
        )

    def remove(self) -> None:
        """Delete the chosen model from the disk, once the user agreed."""
        entry = self.chosen
        self.view.messages.clear()
        if entry is not None and not self.is_busy:
            self._ask(
                f"Delete {entry.name} from this computer, for every program that uses it?",
                "Delete",
                lambda: self._remove(entry),
            )

    def stop(self) -> None:
        """Stop what is going on."""
        if self._job is not None:
            self.view.show_busy("Stopping…")
            self._job.stop()

    def _download(self, entry: CatalogEntry) -> None:
        from ..models import download

        def work(report: Any, cancel: Event) -> Any:
            def tell(what: str, done: int, total: int) -> None:
                report(Report.COUNT, (what, done, total))

            return download.download(entry, agreed=True, on_progress=tell, cancel=cancel)

        def done(_folder: Any) -> None:
            now = self._entries.get(entry.name)
            convert = now is not None and now.status is Status.TO_CONVERT
            next_step = "convert it once, then it can be loaded" if convert else "load it to use it"
            self.view.messages.inform(f"{entry.name} was downloaded and checked; {next_step}.")

        self._start(work, "Asking huggingface.co…", done)

    def _convert(self, entry: CatalogEntry) -> None:
        def work(report: Any, cancel: Event) -> Any:
            from ..models.convert import convert

            return convert(
                entry.path,
                converted_folder(entry.name),
                on_progress=lambda line: report(Report.STAGE, line),
                cancel=cancel,
            )

        self._start(
            work,
            "Converting…",
            lambda _folder: self.view.messages.inform(f"{entry.name} was converted; load it."),
        )

    def _load(self, entry: CatalogEntry) -> None:
        name = key_of(entry)
        device, precision = self.view.device or None, self.view.precision or None

        def work(report: Any, cancel: Event) -> str:
            with self.models.use(name, device, precision, cancel=cancel) as model:
                return model.device

        def done(where: str) -> None:
            self._choose(model=name, device=device, precision=precision)
            self.view.messages.inform(
                f"{entry.name} is loaded on {where}; every panel uses it from the next question on."
            )

        self._start(work, f"Loading {entry.name}…", done)

    def _remove(self, entry: CatalogEntry) -> None:
        from ..models import download

        self._start(
            lambda report, cancel: download.remove(entry),
            f"Removing {entry.name}…",
            lambda freed: self.view.messages.inform(
                f"{entry.name} was removed; {readable_bytes(freed)} are free again."
            ),
        )

    def _start(self, work: Work, what: str, then: Callable[[Any], None]) -> None:
        if self.is_busy:
            return
        job = Job(work, Pool.MODELS)
        job.signals.reported.connect(self._reported)
        job.signals.ended.connect(self._ended)
        self._job, self._then = job, then
        self.view.show_busy(what)
        job.start()

    def _reported(self, job: Job, kind: Report, value: Any) -> None:
        if job is not self._job or job.cancelled.is_set():
            return
        if kind is Report.STAGE:
            self.view.show_busy(str(value))
            return
        what, done, total = value
        self.view.show_busy(
            f"{what}: {readable_bytes(done)} of {readable_bytes(total)}", done, total
        )

    def _ended(self, job: Job, outcome: Outcome) -> None:
        if job is not self._job:
            return
        self._job = None
        self.view.show_idle()
        self.refresh()
        self.look()
        if outcome.error:
            self.view.messages.warn(outcome.error)
        elif outcome.stopped:
            self.view.messages.inform("Stopped.")
        else:
            self._then(outcome.value)
        CHANGES.happened.emit()

    def _looked(self, job: Job, outcome: Outcome) -> None:
        if job is not self._looking:
            return
        self._looking = None
        if outcome.value is None:
            if outcome.error:
                self.view.messages.warn(outcome.error)
            return
        devices, place = outcome.value
        self._place = replace(place, loaded=self._place.loaded, counts=self._place.counts)
        self.view.show_devices(devices, self._place.free)
        self.refresh()

    def _ask(self, sentence: str, yes: str, then: Callable[[], None]) -> None:
        def answered(agreed: bool) -> None:
            if agreed:
                then()

        self.view.messages.ask(sentence, yes, "Not now", answered)

    def _show_card(self, name: str) -> None:
        entry = self._entries.get(name)
        if name != self._told:
            # What is said or asked there is about another model.
            self.view.messages.clear()
        self._told = name
        self.view.show_card(card_of(entry, self._place))

    def _name_of(self, key: str | None) -> str:
        """Return the name in the list of what is loaded under a key."""
        if key is None:
            return STUDENT.name
        return next(
            (name for name, e in self._entries.items() if key in (name, e.repo, str(e.path))), key
        )

    def _view_closed(self) -> None:
        self.close()

    def _view_deleted(self) -> None:
        self.close(deleted=True)


def _look(device: str, precision: str) -> tuple[list[tuple[str, str]], Place]:
    """Return devices as (name, label), and the chosen one with its memory."""
    from ..models.devices import bits_of, choose_device, devices
    from ..models.memory import free_memory

    known = devices()
    name = choose_device(device)
    label = next(each.label for each in known if each.name == name)
    listed = [(each.name, f"{each.name}: {each.label}") for each in known]
    return listed, Place(label, bits_of(name, precision), free_memory(name))
