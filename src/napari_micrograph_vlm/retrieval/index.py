"""An index of captioned figures: made once, brought up to date, asked for what is alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from os import PathLike
from os.path import isfile
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from ..citations import Citation
from ..errors import Cancelled, ModelError, QuestionError, RegionError, SourceError
from ..regions import Region
from .embedding import Rows, eyes, look, read
from .entries import Change, Entry, listed
from .ranking import IMAGE_SHARE, Ranking, check_extra
from .storing import Stored, index_folder, read_index, real, write_index
from .views import views_of

if TYPE_CHECKING:
    from ..models.base import Model, Sees

__all__ = ["FigureIndex"]

Place = str | PathLike[str]


class FigureIndex:
    """Figures of papers, what a model sees of them, and their captions.

    Made by :meth:`build` or :meth:`load`.

    Attributes
    ----------
    folders : list of str
        Folders of figures, absolute.
    entries : list of Entry
        The figures that were looked at.
    made_by, revision : str
        Name of the model that looked, and what identifies its weights.
    complete : bool
        Whether the last update came to its end; False: figures may be missing.
    place : Path or None
        The folder that it was read from; None: it was made anew.
    """

    def __init__(self, stored: Stored, model: Sees | None = None, device: str = "auto") -> None:
        self.folders = list(stored.folders)
        self.entries = list(stored.entries)
        self.made_by, self.revision = stored.model, stored.revision
        self.complete = stored.complete
        self.place: Path | None = None
        self._asked_as, self._device = stored.asked_as, device
        self._rows: Rows = dict(stored.rows)
        self._ranking: Ranking | None = None
        self._model: Sees | None = None
        if model is not None:
            self.use(model)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"FigureIndex({len(self)} figures, model={self.made_by!r})"

    @property
    def digest(self) -> str:
        """What tells it from an index of other figures, or other captions."""
        known = [(*one.key, one.figure.caption) for one in self.entries]
        return sha256(repr((self.revision, known)).encode(errors="replace")).hexdigest()[:12]

    @classmethod
    def build(
        cls,
        folders: Place | Sequence[Place],
        model: Model | Sees | str | PathLike[str] | None = None,
        *,
        device: str = "auto",
        on_figure: Callable[[int, int], None] | None = None,
        cancel: Event | None = None,
    ) -> FigureIndex:
        """Look at all figures of some folders.

        Parameters
        ----------
        folders : path or sequence of path
            Each holds ``figures.jsonl`` and ``images/``.
        model : Model or str, optional
            A loaded model or its name; one that shows what it sees. Default: the bundled student.
        device : str
            Where a model that is named is loaded.
        on_figure, cancel
            As for :meth:`update`.

        Raises
        ------
        SourceError
            If a folder holds no figures, or none of them can be looked at.
        ModelError
            If the model shows nothing of what it sees.
        Cancelled
            If ``cancel`` was set.
        """
        made = cls.empty(model, device=device)
        change = made.update(folders, on_figure=on_figure, cancel=cancel)
        if not made.entries:
            why = f": {change.skipped[0]}" if change.skipped else "."
            raise SourceError(f"There is no figure that can be looked at{why}")
        return made

    @classmethod
    def empty(
        cls, model: Model | Sees | str | PathLike[str] | None = None, *, device: str = "auto"
    ) -> FigureIndex:
        """Return an index without figures, to be filled by :meth:`update`."""
        check_extra()
        asked_as = "" if model is None or not isinstance(model, (str, PathLike)) else str(model)
        seeing = _loaded(model, device)
        return cls(Stored(seeing.name, seeing.revision, asked_as, [], [], {}), seeing, device)

    @classmethod
    def load(
        cls,
        place: Place,
        model: Model | Sees | str | PathLike[str] | None = None,
        *,
        device: str = "auto",
    ) -> FigureIndex:
        """Read an index; its model is loaded once a region is looked for.

        Parameters
        ----------
        place : path
            The folder of the index, or the folder of figures that it lies in.
        model : Model or str, optional
            The model that made it, where that is loaded already or has another name here.
        device : str
            Where the model is loaded.

        Raises
        ------
        SourceError
            If there is no index, or it is damaged.
        ModelError
            If another model made it.
        """
        made = cls(read_index(Path(place)), device=device)
        made.place = index_folder(Path(place))
        if model is not None:
            made.use(_loaded(model, device))
        return made

    def save(self, place: Place) -> None:
        """Write the index to a folder, in place of an earlier one.

        Raises
        ------
        SourceError
            If it cannot be written.
        """
        write_index(
            Path(place),
            Stored(
                self.made_by,
                self.revision,
                self._asked_as,
                self.folders,
                self.entries,
                self._rows,
                self.complete,
            ),
        )

    def use(self, model: Model | Sees) -> None:
        """Look with this model, the one that made the index.

        Raises
        ------
        ModelError
            If another model made it.
        """
        seeing = eyes(model)
        if (seeing.name, seeing.revision) != (self.made_by, self.revision):
            raise ModelError(
                f"This index was made by the model {self.made_by} (revision {self.revision}), and "
                f"{seeing.name} (revision {seeing.revision}) sees otherwise; choose that model, or "
                "make the index again with `napari-micrograph-vlm figures index FOLDER --again`."
            )
        self._model = seeing

    def update(
        self,
        folders: Place | Sequence[Place] | None = None,
        *,
        on_figure: Callable[[int, int], None] | None = None,
        on_some: Callable[[], object] | None = None,
        cancel: Event | None = None,
        every: int = 50,
    ) -> Change:
        """Look at what is new or changed, and forget what is gone.

        Parameters
        ----------
        folders : path or sequence of path, optional
            Folders of figures from now on. Default: those that the index has.
        on_figure : callable, optional
            Called with the number of figures done so far and of all.
        on_some : callable, optional
            Called after every few figures, to save the index as far as it has come.
        cancel : threading.Event, optional
            Once set, the work stops within one figure; what was looked at stays in the index.
        every : int
            Figures between two calls of ``on_some``.

        Raises
        ------
        SourceError
            If a folder holds no figures.
        Cancelled
            If ``cancel`` was set.
        """
        given = [folders] if isinstance(folders, (str, PathLike)) else folders
        places = self.folders if given is None else list(dict.fromkeys(map(real, given)))
        skipped: list[str] = []
        wanted = [each for folder in places for each in listed(Path(folder), skipped)]
        # Only now: where a folder holds no figures, the index stays as it was.
        self.folders, self.complete = places, False
        known = {entry.key: (entry, rows) for entry, rows in self._pieces()}
        kept = [(each, known.get(each.key)) for each in wanted]
        gone = len(known) - sum(found is not None for _, found in kept)
        pieces: list[tuple[Entry, Rows]] = []
        for entry, found in kept:
            if found is not None:  # the caption may be another one by now
                boxes = found[0].boxes
                pieces.append((_with(entry, boxes), found[1]))
        added, before = 0, len(pieces)
        try:
            for entry in (each for each, found in kept if found is None):
                if cancel is not None and cancel.is_set():
                    raise Cancelled
                try:
                    views = views_of(entry.figure, Path(entry.folder))
                    rows = _kept(look(self._seeing(), [view.region for view in views], cancel))
                except (SourceError, RegionError) as error:
                    skipped.append(str(error))
                    continue
                pieces.append((_with(entry, tuple(view.box for view in views)), rows))
                added += 1
                if on_figure is not None:
                    on_figure(before + added, len(wanted))
                if on_some is not None and added % every == 0:
                    self._put(pieces)
                    on_some()
            self.complete = True
        finally:
            self._put(pieces)
        return Change(added, before, gone, tuple(skipped))

    def similar(
        self,
        region: Region | Sequence[Region] | None = None,
        text: str = "",
        count: int = 3,
        *,
        share: float = IMAGE_SHARE,
        cancel: Event | None = None,
    ) -> list[Citation]:
        """Return the figures that are most like a region, fit a text, or both; best first.

        Parameters
        ----------
        region : Region or sequence of Region, optional
            What to compare pictures with; of several, the nearest counts.
        text : str
            What captions are searched for. Without a region it is also compared with the
            pictures themselves where the model has a way to.
        count : int
            Figures at most; those whose picture is gone only where there are too few others.
        share : float
            Say of the region where both are given, 0 to 1.
        cancel : threading.Event, optional
            Once set, the work stops.

        Raises
        ------
        QuestionError
            If neither is given.
        ModelError
            If the model that made the index cannot be loaded, or another one has its name.
        Cancelled
            If ``cancel`` was set.
        """
        regions = [region] if isinstance(region, Region) else list(region or ())
        if not regions and not text.strip():
            raise QuestionError("Give a region or a text to look for.")
        if not self.entries or count < 1:
            return []
        ranking = self._ranked()
        query = look(self._seeing(), regions, cancel) if regions else None
        # Beside a region, the pictures are compared already.
        told = None if regions else read(self._seeing(), text)
        found: list[Citation] = []
        lost: list[Citation] = []
        places = [box for entry in self.entries for box in entry.boxes]
        for one in ranking.best(query, text, told, count + len(self._missing()), share):
            entry = self.entries[one.entry]
            box = None if one.row < 0 else places[one.row]
            numbers = (one.score, one.image, one.text)
            made = Citation(0, entry.figure, entry.folder, *numbers, box)
            (found if isfile(made.image) else lost).append(made)
            if len(found) == count:
                break
        # Label, paper and page still tell where a figure is, without its picture.
        both = [*found, *lost][:count]
        return [replace(one, number=number) for number, one in enumerate(both, 1)]

    def _missing(self) -> list[int]:
        """Return the figures whose picture is gone."""
        return [
            i
            for i, each in enumerate(self.entries)
            if not isfile(Path(each.folder) / each.figure.image)
        ]

    def _seeing(self) -> Sees:
        if self._model is None:
            self.use(_loaded(self._asked_as or None, self._device))
        assert self._model is not None
        return self._model

    def _ranked(self) -> Ranking:
        if self._ranking is None:
            owners = np.repeat(np.arange(len(self)), [len(each.boxes) for each in self.entries])
            captions = [_words_of(each) for each in self.entries]
            self._ranking = Ranking(self._rows, owners, captions)
        return self._ranking

    def _pieces(self) -> list[tuple[Entry, Rows]]:
        found, start = [], 0
        for entry in self.entries:
            stop = start + len(entry.boxes)
            rows = {name: block[start:stop] for name, block in self._rows.items()}
            found.append((entry, rows))
            start = stop
        return found

    def _put(self, pieces: Sequence[tuple[Entry, Rows]]) -> None:
        # In the order of the folders, whatever was looked at first: an update gives what building
        # anew gives.
        order = {folder: place for place, folder in enumerate(self.folders)}
        pieces = sorted(pieces, key=lambda one: (order[one[0].folder], one[0].figure.id))
        self.entries = [entry for entry, _ in pieces]
        names = pieces[0][1] if pieces else {}
        self._rows = {name: np.concatenate([rows[name] for _, rows in pieces]) for name in names}
        self._ranking = None


def _kept(rows: Rows) -> Rows:
    """Return rows as they are read back, so that a new index is the same as a saved one."""
    most = float(np.finfo(np.float16).max)
    short = {name: np.clip(block, -most, most).astype(np.float16) for name, block in rows.items()}
    return {name: block.astype(np.float32) for name, block in short.items()}


def _with(entry: Entry, boxes: tuple[tuple[int, int, int, int] | None, ...]) -> Entry:
    return Entry(entry.figure, entry.folder, entry.stamp, boxes)


def _words_of(entry: Entry) -> str:
    figure = entry.figure
    return " ".join([figure.caption, figure.title, *(panel.caption for panel in figure.panels)])


def _loaded(model: Model | Sees | str | PathLike[str] | None, device: str) -> Sees:
    if model is None or isinstance(model, (str, PathLike)):
        from ..api import load_model
        from ..models.consent import is_remote

        if is_remote(model):
            raise ModelError(
                "A model behind a server does not show what it sees; make the index with one that "
                "runs here."
            )
        model = load_model(model, device)
    return eyes(model)
