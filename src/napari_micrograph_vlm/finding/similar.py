"""More places that look like an example."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, RegionError
from ..models.base import Sees
from ..regions import Region
from .candidates import LEAST, MOST, Candidate, SimilarityMap, candidates_of, strongest
from .fields import Field, Fields, FieldSource, fields_of
from .likeness import Likeness, Template, template_of
from .windows import VIEW, Scale, choose_scale, look, windows_of

__all__ = ["Example", "Grids", "Search", "examples_of", "find_similar", "similarity"]

Floats = NDArray[np.float32]

SAMPLE = 12
"""Windows of an image from which its background is known."""

KEPT_BYTES = 256 * 2**20
"""Memory for windows that were looked at: searching again with more examples is then quick."""


@dataclass(frozen=True, eq=False)
class Example:
    """A place that shows what is looked for, or what is not.

    Attributes
    ----------
    field : Field
        Where it lies.
    box : (float, float, float, float)
        y0, x0, y1, x1 in full-resolution pixels.
    mask : (h, w) bool array or None
        True inside the drawn outline, on any grid over the box.
    """

    field: Field
    box: tuple[float, float, float, float]
    mask: NDArray[np.bool_] | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in pixels."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle, in pixels from the field's edge."""
        y0, x0, y1, x1 = self.box
        return (y0 + y1) / 2, (x0 + x1) / 2


class Grids:
    """Remembers windows that were looked at, up to so many bytes.

    Parameters
    ----------
    limit : int
        Bytes; features are kept in 16 bits.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[Any, NDArray[np.float16] | None] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], Floats | None]) -> Floats | None:
        """Return what was kept under a key, or make it and keep it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept = self._kept[key]
                return None if kept is None else kept.astype(np.float32)
        made = make()
        small = None if made is None else made.astype(np.float16)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = small
                self.size += 0 if small is None else small.nbytes
            while self.size > self.limit:
                _, gone = self._kept.popitem(last=False)
                self.size -= 0 if gone is None else gone.nbytes
        # As it will be remembered, so that searching again gives the very same.
        return None if small is None else small.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Search:
    """Looks for more of some examples.

    Attributes
    ----------
    model : Sees
        Whose image features are compared.
    examples : sequence of Example
        At least one.
    counter : sequence of Example
        What looks like them and is something else.
    view : float
        Side of a window over the longest side of an example.
    grids : Grids
        What was looked at before; share it between searches.
    cancel : Event or None
        Once set, the work stops within one window.
    """

    model: Sees
    examples: Sequence[Example]
    counter: Sequence[Example] = ()
    view: float = VIEW
    grids: Grids = field(default_factory=Grids)
    cancel: Event | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Height and width of a candidate: the median of the examples'."""
        sizes = np.array([each.size for each in self.examples], float)
        height, width = np.median(sizes, axis=0)
        return float(height), float(width)

    def maps(
        self, fields: Fields, on_progress: Callable[[float, str], None] | None = None
    ) -> Iterator[SimilarityMap]:
        """Look through fields, one map after the other.

        Parameters
        ----------
        fields : Fields
            Where to look.
        on_progress : callable, optional
            Gets the share that is done, 0 to 1, and the name of the field.

        Raises
        ------
        RegionError
            If there is no example, or nothing to see in it.
        Cancelled
            If ``cancel`` was set.
        """
        if not self.examples:
            raise RegionError("Draw round at least one example first.")
        first = self.examples[0]
        longest = float(max(max(each.size) for each in self.examples))
        scale = choose_scale(self.model, first.field, longest, first.centre, self.view, self.cancel)
        backgrounds: dict[int, Floats] = {}
        wanted, unwanted = (
            [self._template(each, scale, backgrounds) for each in group]
            for group in (self.examples, self.counter)
        )
        likeness = Likeness(wanted, unwanted)
        scale = scale.with_margin(likeness.reach)
        for number, where in enumerate(fields):

            def tell(share: float, number: int = number, name: str = where.name) -> None:
                if on_progress is not None:
                    on_progress((number + share) / len(fields), name)

            tell(0)
            yield self._map(where, scale, likeness, tell)
            tell(1)

    def _map(
        self, where: Field, scale: Scale, likeness: Likeness, tell: Callable[[float], None]
    ) -> SimilarityMap:
        shape = scale.cells_of(where)
        values = np.full(shape, -1, np.float32)
        background = self._background(where, scale)
        windows = list(windows_of(where, scale))
        inner = slice(scale.margin, scale.margin + scale.step)
        for done, window in enumerate(windows, start=1):
            grid = self._look(where, window.corner(scale), scale)
            if grid is not None:
                alike = likeness.of(grid, background)[inner, inner]
                rows, columns = shape[0] - window.row, shape[1] - window.column
                alike = alike[:rows, :columns]
                height, width = alike.shape
                values[window.row : window.row + height, window.column : window.column + width] = (
                    alike
                )
            tell(done / len(windows))
        return SimilarityMap(where, values, scale.cell)

    def _background(self, where: Field, scale: Scale) -> Floats:
        """Mean of the cells of some windows all over a field."""
        windows = list(windows_of(where, scale))
        some = np.unique(np.linspace(0, len(windows) - 1, SAMPLE).round().astype(int))
        means = []
        for i in some:
            grid = self._look(where, windows[i].corner(scale), scale)
            if grid is not None:
                means.append(grid.mean(axis=(0, 1), dtype=np.float64))
        if not means:
            return np.zeros(1, np.float32)  # nothing is to be seen in it
        return np.asarray(np.mean(means, axis=0), np.float32)

    def _template(self, example: Example, scale: Scale, backgrounds: dict[int, Floats]) -> Template:
        key = id(example.field)
        if key not in backgrounds:
            backgrounds[key] = self._background(example.field, scale)
        y0, x0 = (round(at - scale.side / 2) for at in example.centre)
        grid = self._look(example.field, (y0, x0), scale)
        if grid is None:
            raise RegionError("There is nothing to see in the example; draw round a defect.")
        a, b, c, d = example.box
        cell = scale.cell
        box = ((a - y0) / cell, (b - x0) / cell, (c - y0) / cell, (d - x0) / cell)
        return template_of(grid, backgrounds[key], box, example.mask)

    def _look(self, where: Field, corner: tuple[int, int], scale: Scale) -> Floats | None:
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled

        def make() -> Floats | None:
            return look(self.model, where, *corner, scale, self.cancel)

        if where.key is None:
            return make()
        model = (self.model.name, self.model.revision)
        return self.grids.get((model, where.key, corner, scale.side), make)


def examples_of(source: Field | Region, boxes: Sequence[Sequence[float]] = ()) -> list[Example]:
    """Return boxes of a field as examples, or a region all of which is one.

    Of a region nothing around it is known, so its pixels are mirrored there; an example in its
    field is found better.
    """
    if isinstance(source, Field):
        return [Example(source, (b[0], b[1], b[2], b[3])) for b in boxes]
    (where,) = fields_of(source)
    height, width = where.shape
    return [Example(where, (0, 0, height, width), source.mask)]


def similarity(
    model: Sees,
    example: Sequence[Example | Region],
    source: FieldSource,
    *,
    counter: Sequence[Example | Region] = (),
    view: float = VIEW,
    grids: Grids | None = None,
    on_progress: Callable[[float, str], None] | None = None,
    cancel: Event | None = None,
) -> Iterator[SimilarityMap]:
    """Slide over a source and say how alike each place is to some examples.

    Parameters
    ----------
    model : Sees
        Whose image features are compared.
    example, counter : sequence of Example or Region
        What is looked for, and what looks like it but is something else.
    source : path, array, field, or sequence of them
        Where to look. It is read window by window.
    view : float
        Side of a window over the longest side of an example.

    Returns
    -------
    iterator of SimilarityMap
        One for each image; the next is made when it is asked for.

    Raises
    ------
    MicrographError
        With one sentence that says what was wrong and what to do.
    """
    wanted, unwanted = (
        [e for one in group for e in ([one] if isinstance(one, Example) else examples_of(one))]
        for group in (example, counter)
    )
    search = Search(model, wanted, unwanted, view, grids or Grids(), cancel)
    return search.maps(fields_of(source), on_progress)


def find_similar(
    search: Search,
    fields: Fields,
    *,
    most: int = MOST,
    least: float = LEAST,
    on_progress: Callable[[float, str], None] | None = None,
    on_map: Callable[[SimilarityMap], None] | None = None,
) -> list[Candidate]:
    """Return the places of all fields that look most like the examples, strongest first.

    Examples and counter-examples themselves are not among them. Of the maps only the current one
    is kept; ``on_map`` gets each.
    """
    found: list[Candidate] = []
    for each in search.maps(fields, on_progress):
        known = [
            one.box
            for one in (*search.examples, *search.counter)
            if one.field is each.field or one.field.same_as(each.field)
        ]
        if on_map is not None:
            on_map(each)
        found += candidates_of(each, search.size, most=most, least=least, known=known)
        found = strongest(found, most)
    return found
