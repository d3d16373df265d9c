"""From many papers of every format to one folder of figures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MicrographError, SourceError, one_line
from ...readers.limits import ordinary_path, shown
from ...whole_files import printable, replacing
from .figure import FIGURES_FILE, IMAGES, PaperFigure, read_figures, write_figures
from .found import Found
from .local_images import read_image
from .panels import split_panels
from .repeats import Repeats, is_no_figure

if TYPE_CHECKING:
    from threading import Event

    from PIL import Image

__all__ = ["PAPERS_FILE", "Extracted", "extract_figures", "papers_in"]

PAPERS_FILE = "papers.jsonl"
"""Which papers are finished, by their contents; beside the list of figures."""

SUFFIXES = {".pdf": "pypdfium2", ".html": "lxml", ".htm": "lxml", ".xml": "lxml", ".nxml": "lxml"}
"""What is read, and what it needs."""

_CRASHES = 2


@dataclass
class Extracted:
    """What a run made of its papers.

    Attributes
    ----------
    papers : int
        Looked at now, those that could not be read, too.
    before : int
        Finished by an earlier run.
    figures : int
        In the folder, those of earlier runs, too.
    skipped : list of str
        One sentence for each paper, page or figure that was passed over, now or before.
    stopped : bool
        Whether ``stop`` ended the run.
    """

    papers: int = 0
    before: int = 0
    figures: int = 0
    skipped: list[str] = field(default_factory=list)
    stopped: bool = False


def papers_in(paths: Sequence[Path], output: Path | None = None) -> list[Path]:
    """Return the papers among files and in folders, sorted.

    Raises
    ------
    SourceError
        If something named is no paper, or there is none at all.
    """
    found: list[Path] = []
    for given in paths:
        path = ordinary_path(given)
        if not path.is_dir():
            if path.suffix.lower() not in SUFFIXES:
                raise SourceError(f"{shown(path)} is no paper; give a PDF, HTML or JATS XML file.")
            found.append(path)
            continue
        inside = [one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES]
        # What a browser saved beside a page belongs to it.
        found += sorted(
            one
            for one in inside
            if one.is_file()
            and not any(part.endswith("_files") for part in one.relative_to(path).parts[:-1])
            and (output is None or output not in one.parents)
        )
    found = list(dict.fromkeys(found))
    if not found:
        raise SourceError(
            "There is no paper in these folders; give PDF files, saved HTML pages or JATS XML."
        )
    return found


def extract_figures(
    paths: Sequence[Path],
    output: Path,
    *,
    on_paper: Callable[[str, int], None] | None = None,
    on_page: Callable[[str, int, int], None] | None = None,
    stop: Event | None = None,
) -> Extracted:
    """Write the figures of papers into a folder.

    Each paper is on disk before the next begins. The same call goes on after a stop; a paper whose
    contents were read before is passed over, whatever its name is now. One that was read in part,
    since pictures were missing, the file could not be read or memory was short, is tried again:
    what is new is added.

    Parameters
    ----------
    paths : sequence of Path
        PDF files, saved HTML pages, JATS XML files, or folders of them.
    output : Path
        Gets ``figures.jsonl``, ``images/`` and ``papers.jsonl``.
    on_paper : callable, optional
        Called with a finished paper's name and the number of figures so far.
    on_page : callable, optional
        Called with a PDF file's name, the pages done and all its pages.
    stop : threading.Event, optional
        Ends the run before the next figure; the paper at hand is read again the next time.

    Raises
    ------
    SourceError
        If there are no papers, or the folder cannot be written.
    MicrographError
        If a package is missing; names the extra.
    """
    from filelock import FileLock, Timeout

    papers = papers_in(paths, output)
    for suffix in {paper.suffix.lower() for paper in papers}:
        if find_spec(SUFFIXES[suffix]) is None:
            raise MicrographError(
                f"Figures of {suffix} files need {SUFFIXES[suffix]}; install it with: "
                "pip install napari-micrograph-vlm[papers]"
            )
    try:
        (output / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{output} cannot be written: {error.strerror or error}.") from None
    try:
        with FileLock(output / ".figures.lock", timeout=0):
            return _Run(output, on_paper, on_page, stop).over(papers)
    except Timeout:
        raise SourceError(f"Another run writes to {output}; wait for it.") from None


class _Run:
    """One run over papers, with what earlier runs left in the folder."""

    def __init__(
        self,
        output: Path,
        on_paper: Callable[[str, int], None] | None,
        on_page: Callable[[str, int, int], None] | None,
        stop: Event | None,
    ) -> None:
        self.output, self.on_paper, self.on_page, self.stop = output, on_paper, on_page, stop
        self.result, self.repeats = Extracted(), Repeats(self._kept_picture)
        self.done: dict[str, list[str]] = {}
        self.partly: set[str] = set()
        self.there: dict[str, list[PaperFigure]] = {}
        self.open: Counter[str] = Counter()
        self._read_journal()
        self._tidy()

    def over(self, papers: Sequence[Path]) -> Extracted:
        """Read all papers that are not finished."""
        for paper in papers:
            if self._stopped():
                break
            try:
                with paper.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            except OSError as error:
                self.result.skipped.append(f"{shown(paper)}: {error.strerror or error}.")
                continue
            if digest in self.done and digest not in self.partly:
                self.result.before += 1
                self.result.skipped += self.done[digest]
            elif self.open[digest] >= _CRASHES:
                self.result.skipped.append(
                    f"{shown(paper.name)}: ended the program {_CRASHES} times; print it to a new "
                    "PDF file."
                )
            else:
                self._one(paper, digest)
            if self.on_paper is not None and not self.result.stopped:
                self.on_paper(paper.name, self.result.figures)
        return self.result

    def _one(self, paper: Path, digest: str) -> None:
        self._note({"digest": digest, "begun": True})
        earlier = self.there.get(digest, [])
        known = Counter(map(_said, earlier))
        number = max((int(one.id.rsplit("-", 1)[1]) for one in earlier), default=0)
        figures: list[PaperFigure] = []
        skipped: list[str] = []
        missing: list[str] = []
        complete = again = False
        try:
            for found in self._figures_of(paper, skipped, missing):
                if self._stopped():
                    return
                if known[_said(found)] > 0:
                    known[_said(found)] -= 1
                    continue
                name = f"{digest}-{number + len(figures) + 1:03d}"
                figure = self._kept(found, paper, name, skipped, {one.id for one in earlier})
                if figure is not None:
                    figures.append(figure)
            complete = not self._stopped()
            if complete and not (figures or skipped or earlier):
                skipped.append(f"{shown(paper.name)}: no figure with a caption was found.")
        except (MicrographError, OSError) as error:
            complete = True
            again = isinstance(error, OSError) or isinstance(error.__context__, OSError)
            said = one_line(error)
            named = said.startswith(paper.name)
            skipped.append(f"{said}." if named else f"{shown(paper.name)}: {said}.")
        except MemoryError:
            complete = again = True
            skipped.append(f"{shown(paper.name)}: not enough memory for it.")
        except Exception as error:
            # A damaged file must not end the run; what parsers raise is not known beforehand.
            complete = True
            skipped.append(f"{shown(paper.name)}: cannot be read ({one_line(error)}).")
        finally:
            if complete:
                self._append(FIGURES_FILE, *(figure.to_dict() for figure in figures))
            again |= bool(missing)
            self._note(
                {"digest": digest, "paper": printable(paper.name), "skipped": skipped}
                | {"figures": len(earlier) + len(figures), "again": again}
                if complete
                else {"digest": digest, "stopped": True}
            )
        if not complete:
            return
        self.done[digest] = skipped
        self.partly.discard(digest)
        self.result.papers += 1
        self.result.figures += len(figures)
        self.result.skipped += skipped

    def _figures_of(self, paper: Path, skipped: list[str], missing: list[str]) -> Iterator[Found]:
        suffix = paper.suffix.lower()
        if suffix == ".pdf":
            from .pdf import figures_of_pdf

            def on_page(done: int, total: int) -> None:
                if self.on_page is not None:
                    self.on_page(paper.name, done, total)

            yield from figures_of_pdf(paper, skipped=skipped, on_page=on_page, stop=self.stop)
        elif suffix in (".html", ".htm"):
            from .html import figures_of_html

            yield from figures_of_html(paper, skipped=skipped, missing=missing)
        else:
            from .jats import figures_of_jats

            yield from figures_of_jats(paper, skipped=skipped, missing=missing)

    def _kept(
        self, found: Found, paper: Path, name: str, skipped: list[str], before: set[str]
    ) -> PaperFigure | None:
        """Write a figure's picture; None where it is none, or one that is there already.

        ``before`` are this paper's own of an earlier run: to find them again is no news.
        """
        called = found.label or "A picture"
        where = f"{shown(paper.name)}: {called}"
        if is_no_figure(found.image, found.caption, labelled=bool(found.label)):
            skipped.append(f"{where} is empty, an icon or a logo.")
            return None
        earlier = self.repeats.add(found.image, name)
        if earlier in before:
            return None
        if earlier is not None:
            skipped.append(f"{where} repeats the picture {earlier}.")
            return None
        image = f"{IMAGES}/{name}.png"
        with replacing(self.output / image) as temporary:
            found.image.save(temporary, "PNG")
        return PaperFigure(
            name,
            image,
            printable(found.caption),
            printable(found.label),
            printable(paper.name),
            found.page,
            found.box,
            printable(found.doi),
            printable(found.title),
            found.image.size,
            found.panels or split_panels(found.image, found.caption),
        )

    def _stopped(self) -> bool:
        self.result.stopped |= self.stop is not None and self.stop.is_set()
        return self.result.stopped

    def _read_journal(self) -> None:
        with suppress(FileNotFoundError):
            # Not by str.splitlines: it ends a line at marks that a file's name may hold.
            for line in (self.output / PAPERS_FILE).read_bytes().split(b"\n"):
                with suppress(ValueError, TypeError, KeyError, RecursionError):
                    row = json.loads(line.decode("utf-8", "replace"))
                    digest = str(row["digest"])
                    if "skipped" in row:
                        self.done[digest] = [str(one) for one in row["skipped"]]
                        self.open.pop(digest, None)
                        (self.partly.add if row.get("again") else self.partly.discard)(digest)
                    else:
                        self.open[digest] += 1 if row.get("begun") else -1

    def _tidy(self) -> None:
        """Drop what a run that was killed left of a paper, and learn the pictures there."""
        if not (self.output / FIGURES_FILE).exists():
            write_figures(self.output, [])
        broken: list[str] = []
        figures = read_figures(self.output, broken)
        kept = [one for one in figures if one.id.rsplit("-", 1)[0] in self.done]
        if len(kept) < len(figures) or broken:
            write_figures(self.output, kept)
        names = {one.id for one in kept}
        for file in (self.output / IMAGES).glob("*-[0-9][0-9][0-9].png"):
            digest = file.stem.rsplit("-", 1)[0]
            if len(digest) == 16 and digest not in self.done and file.stem not in names:
                file.unlink()
        from PIL import Image

        for one in kept:
            self.there.setdefault(one.id.rsplit("-", 1)[0], []).append(one)
            with suppress(OSError, ValueError), Image.open(self.output / one.image) as image:
                self.repeats.add(image, one.id)
        self.result.figures = len(kept)

    def _kept_picture(self, name: str) -> Image.Image | None:
        """Return a picture in the folder, to compare another with it."""
        return read_image(self.output / IMAGES / f"{name}.png")

    def _note(self, row: dict[str, Any]) -> None:
        self._append(PAPERS_FILE, row)

    def _append(self, name: str, *rows: dict[str, Any]) -> None:
        try:
            with (self.output / name).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                file.flush()
        except OSError as error:
            raise SourceError(
                f"{self.output / name} cannot be written: {error.strerror or error}."
            ) from None


def _said(figure: Found | PaperFigure) -> tuple[str, str, int | None, tuple[int, int]]:
    """Return what tells a paper's figures apart when it is read again."""
    size = figure.size if isinstance(figure, PaperFigure) else figure.image.size
    return printable(figure.label), printable(figure.caption), figure.page, size
