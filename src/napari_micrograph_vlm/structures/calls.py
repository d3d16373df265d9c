"""The public function ``structure``: a picture or a text becomes a shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from threading import Event
from typing import TYPE_CHECKING, Any

from .building import Structure, build
from .fields import StructureError, StructureFields
from .reading import fields_of, kind_named

if TYPE_CHECKING:
    from ..handle import Handle
    from ..models.base import Model

__all__ = ["structure"]


def structure(
    source: Any = None,
    region: Any = None,
    model: Model | str | PathLike[str] | None = None,
    *,
    text: str = "",
    shape: Sequence[int] | None = None,
    seed: int = 0,
    include_bar: bool | None = None,
    **values: Any,
) -> Structure | Handle[Structure]:
    """Make a structure in three dimensions of a micrograph, or of a text.

    Parameters
    ----------
    source : as for :func:`ask`, optional
        The micrograph; a model is asked what it shows.
    region : optional
        One region of it, as for :func:`ask`.
    model : Model or str, optional
        Who is asked. Default: the bundled student.
    text : str
        A description in words, in place of a micrograph: ``"a gyroid, 30 % solid, period 2 µm"``.
    shape : (int, int, int), optional
        Voxels along z, y and x; as many as needed by default.
    seed : int
        Of what is random in it.
    include_bar : bool, optional
        As for :func:`ask`.
    **values : Any
        Fields that shall be others than described: ``density=0.4``, ``spacing=120``; see
        :class:`~napari_micrograph_vlm.structures.fields.StructureFields`.

    Returns
    -------
    Structure or Handle
        With ``.volume``, ``.mesh()``, ``.save("x.stl")``, ``.picture()`` and ``.show()``; a
        handle where :func:`ask` gives one.

    Raises
    ------
    MicrographError
        With one sentence that says what was wrong and what to do.

    Examples
    --------
    >>> made = structure(text="array of pillars 100 nm in diameter, 250 nm apart, 200 nm high")
    >>> f"{made.density:.3f}"
    '0.126'
    """
    if (source is None) == (not text):
        raise StructureError("Give a micrograph or a text that describes one, and not both.")
    if source is None:
        return build(_changed(fields_of(text), values), shape, seed)
    from ..api import _loaded, _start, _would_freeze
    from ..planning import plan_of
    from .describing import describe_structure

    plan = plan_of(source, region, include_bar=include_bar)

    def work(write: Callable[[str], None], cancel: Event) -> Structure:
        regions = plan()
        if len(regions) != 1:
            raise StructureError(f"A structure is of one region, not of {len(regions)}.")
        fields = describe_structure(_loaded(model), regions[0], cancel=cancel)
        made = build(_changed(fields, values), shape, seed, cancel=cancel)
        write(str(made.fields))
        return made

    if _would_freeze(source):
        return _start(work, source, echo=True)
    return work(lambda _text: None, Event())


def _changed(fields: StructureFields, values: dict[str, Any]) -> StructureFields:
    known = StructureFields.__dataclass_fields__.keys() - {"assumed", "overridden", "said"}
    for name in values:
        if name not in known:
            raise StructureError(f"A structure has no “{name}”; it has {', '.join(sorted(known))}.")
    if isinstance(values.get("kind"), str):
        values = {**values, "kind": kind_named(values["kind"])}
    return fields.with_values(**values) if values else fields
