"""Figures of a PDF file with their captions, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MicrographError, SourceError, one_line
from ...readers.limits import ordinary_path
from .captions import clean_text
from .found import Found
from .pdf_boxes import Box, area, gap, turned, union
from .pdf_captions import Style
from .pdf_facts import doi_in, title_of
from .pdf_images import picture_of
from .pdf_page import Page, Paired, open_page, pair_page
from .pdf_pairs import Habit, Pair

if TYPE_CHECKING:
    from threading import Event

__all__ = ["figures_of_pdf"]

MOST_WAITING = 300
"""Captions without a figure that are kept for figures that stand at a manuscript's end."""


def figures_of_pdf(
    path: Path,
    *,
    skipped: list[str] | None = None,
    on_page: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Iterator[Found]:
    """Find the figures of a paper.

    Three pages and one picture are in memory at a time, whatever the length of the paper.

    Parameters
    ----------
    path : Path
        Of a PDF file with text in it.
    skipped : list of str, optional
        Gets one sentence for each page or figure that is passed over.
    on_page : callable, optional
        Called with the number of pages done and of all pages.
    stop : threading.Event, optional
        Ends the search after the page at hand.

    Yields
    ------
    Found
        In the order of the pages.

    Raises
    ------
    SourceError
        If the file is none, is encrypted or broken, or holds no text (a scan).
    """
    skipped = [] if skipped is None else skipped
    document = _opened(path)
    try:
        yield from _Reader(path, document, skipped, on_page, stop).figures()
    finally:
        document.close()


def _opened(path: Path) -> Any:
    try:
        import pypdfium2
    except ImportError:
        raise MicrographError(
            "Figures of PDF files need pypdfium2; install it with: "
            "pip install napari-micrograph-vlm[papers]"
        ) from None
    path = ordinary_path(path)
    try:
        document = pypdfium2.PdfDocument(path)
        if len(document) == 0:
            raise SourceError(f"{path.name} has no pages; download it again.")
        return document
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise SourceError(
                f"{path.name} is encrypted and opens only with a password; save it without one."
            ) from None
        raise SourceError(f"{path.name} is broken or no PDF file; download it again.") from None


class _Reader:
    """Goes through one document."""

    def __init__(
        self,
        path: Path,
        document: Any,
        skipped: list[str],
        on_page: Callable[[int, int], None] | None,
        stop: Event | None,
    ) -> None:
        self.path, self.document, self.skipped = path, document, skipped
        self.on_page, self.stop = on_page, stop
        self.style, self.habit = Style(), Habit()
        self.waiting: dict[str, str] = {}
        self.doi = self.title = ""

    def figures(self) -> Iterator[Found]:
        count = len(self.document)
        before: Page | None = None
        last: Paired | None = None
        page = self._open(0)
        letters = scans = opened = 0
        try:
            for number in range(count):
                after = self._open(number + 1) if number + 1 < count else None
                if page is not None:
                    opened += 1
                    letters += page.letters
                    scans += page.scanned
                    if number < 2:
                        self._learn_paper(page)
                    neighbours = [one for one in (before, after) if one is not None]
                    found = pair_page(page, neighbours, self.style, self.habit)
                    if page.scanned:
                        found = []
                    yield from self._on_page(page, found, before, last)
                    last = found[0] if found else None
                else:
                    last = None
                if before is not None:
                    before.handle.close()
                before, page = page, after
                if self.on_page is not None:
                    self.on_page(number + 1, count)
                if self.stop is not None and self.stop.is_set():
                    return
        finally:
            for one in (before, page):
                if one is not None:
                    one.handle.close()
        if not opened:
            raise SourceError(f"{self.path.name} is broken: none of its pages can be read.")
        if letters == 0:
            raise SourceError(
                f"{self.path.name} holds no text, so it is a scan; run a text recognition (OCR) "
                "that sets its pages anew, or give the publisher's PDF."
            )
        if scans:
            kind = "pages are scans" if scans > 1 else "page is a scan"
            self.skipped.append(
                f"{self.path.name}: {scans} {kind}, where a figure is not told from its page."
            )

    def _open(self, number: int) -> Page | None:
        try:
            return open_page(self.document, number, self.style)
        except Exception as error:
            # PDFium and a damaged page: what it raises is not known beforehand.
            if isinstance(error, MemoryError):
                raise
            self.skipped.append(
                f"{self.path.name}, page {number + 1}: cannot be read ({one_line(error)})."
            )
            return None

    def _learn_paper(self, page: Page) -> None:
        metadata = self.document.get_metadata_dict() if page.number == 0 else {}
        lines = page.views[0].lines if page.views else []
        if not self.doi:
            texts = [metadata.get(key, "") for key in ("doi", "DOI", "Subject", "Keywords")]
            texts += ["\n".join(line.text for line in lines), *(line.text for line in lines)]
            self.doi = doi_in(texts)
        if page.number == 0:
            self.title = title_of(metadata, lines)

    def _on_page(
        self, page: Page, found: list[Paired], before: Page | None, last: Paired | None
    ) -> Iterator[Found]:
        if found and last is not None and before is not None:
            for pair in _backwards(last, found[0]):
                yield from self._drawn(before, last, pair)
            for pair in _forwards(last, found[0]):
                yield from self._drawn(page, found[0], pair)
        for paired in found:
            for pair in sorted(paired.pairs, key=lambda one: (one.box[1] // 40, one.box[0])):
                yield from self._drawn(page, paired, pair)
        for caption in (one for paired in found for one in paired.alone):
            if caption.text and len(self.waiting) < MOST_WAITING:
                self.waiting.setdefault(_key(caption.label), caption.text)

    def _drawn(self, page: Page, paired: Paired, pair: Pair) -> Iterator[Found]:
        turn = paired.view.turn
        quarters = turn.quarters - page.shown.quarters
        width, height = page.shown.size
        view = _grown(pair.box, pair.caption.box if pair.side else None)
        x0, y0, x1, y1 = turned(view, turn.size, -quarters)
        box = (max(0.0, x0), max(0.0, y0), min(width, x1), min(height, y1))
        images = [one for one in page.drawn if one.kind == "image" and _touches(one.box, box)]
        text = pair.caption.text or self.waiting.get(_key(pair.caption.label), "")
        try:
            image = picture_of(page.handle, box, images, quarters, self.path)
        except MicrographError as error:
            self.skipped.append(f"{pair.caption.label}, page {page.number + 1}: {one_line(error)}.")
            return
        rounded = tuple(round(side, 1) for side in box)
        yield Found(
            image,
            pair.caption.label,
            text,
            page.number + 1,
            (rounded[0], rounded[1], rounded[2], rounded[3]),
            self.doi,
            self.title,
        )


def _key(label: str) -> str:
    return "".join(c for c in clean_text(label).lower() if c.isdigit()) or label.lower()


def _touches(a: Box, b: Box) -> bool:
    return gap(a, b) == (0.0, 0.0)


def _grown(box: Box, caption: Box | None) -> Box:
    """Return a box a point wider, so that lines at its edge are whole, but not into a caption."""
    x0, y0, x1, y1 = box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1
    if caption is not None and caption[1] >= box[3] - 6:
        y1 = max(box[3] - 6, min(y1, caption[1]))
    if caption is not None and caption[3] <= box[1] + 6:
        y0 = min(box[1] + 6, max(y0, caption[3]))
    return x0, y0, x1, y1


def _backwards(last: Paired, now: Paired) -> list[Pair]:
    """Pair a page's first caption with a figure at the end of the page before."""
    large = [piece for piece in last.left if piece.large]
    first = [one for one in now.alone if one.text and not _anything(now, one.box, above=True)]
    if not large or not first:
        return []
    box = union(piece.box for piece in large)
    whole = area((0.0, 0.0, *last.view.turn.size))
    if area(box) < 0.06 * whole or _anything(last, box, above=False):
        return []
    now.alone.remove(first[0])
    last.left = []
    return [Pair(first[0], box, "", large)]


def _forwards(last: Paired, now: Paired) -> list[Pair]:
    """Pair the last caption of the page before with a figure at the top of this page."""
    large = [piece for piece in now.left if piece.large]
    final = [one for one in last.alone if one.text and not _anything(last, one.box, above=False)]
    if not large or not final:
        return []
    box = union(piece.box for piece in large)
    if area(box) < 0.06 * area((0.0, 0.0, *now.view.turn.size)):
        return []
    if _anything(now, box, above=True):
        return []
    last.alone.remove(final[-1])
    now.left = []
    return [Pair(final[-1], box, "", large)]


def _anything(paired: Paired, box: Box, *, above: bool) -> bool:
    """Tell whether text or a figure stands above or below a box, in its columns."""
    others = [block.box for block in paired.texts.body]
    others += [pair.box for pair in paired.pairs]
    others += [one.box for one in paired.texts.captions if one.box != box]
    for other in others:
        beyond = other[3] <= box[1] + 2 if above else other[1] >= box[3] - 2
        if beyond and gap((other[0], 0, other[2], 1), (box[0], 0, box[2], 1))[0] == 0:
            return True
    return False
