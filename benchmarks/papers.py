"""Figures of papers found: ``python -m benchmarks.papers [--latex HALF --count N] [--faults]``.

Papers set with reportlab as in the tests, and with ``--latex`` those of ``papers_latex`` (needs
pdflatex), as many as ``--count`` says from the ``--first`` on. Whoever tunes looks at the
``development`` half only; ``held-out`` is for the figure that is reported.

A pair counts when the caption is at least 0.9 similar and the boxes share at least 0.7 of what both
cover together.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from napari_micrograph_vlm.datasets.papers.captions import clean_text
from napari_micrograph_vlm.datasets.papers.pdf import figures_of_pdf
from napari_micrograph_vlm.datasets.papers.pdf_boxes import Box, area, overlap
from napari_micrograph_vlm.intervals import wilson

from . import papers_latex

SIMILAR = 0.9
COVERED = 0.7


@dataclass
class Score:
    """What was found of what is there; ``faults`` says what went wrong."""

    right: int = 0
    found: int = 0
    there: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        self.right += other.right
        self.found += other.found
        self.there += other.there
        self.faults += other.faults

    def text(self) -> str:
        rows = []
        for name, total in (("precision", self.found), ("recall", self.there)):
            low, high = wilson(self.right, total)
            share = self.right / max(1, total)
            rows.append(f"{name} {share:.3f} ({low:.3f} to {high:.3f}; {self.right} of {total})")
        return ", ".join(rows)


def shared(a: Box, b: Box) -> float:
    """Return what two boxes share of what both cover."""
    both = area(overlap(a, b))
    return both / (area(a) + area(b) - both)


def similar(a: str, b: str) -> float:
    """Return how alike two captions are, from 0 to 1."""
    first, second = ("".join(clean_text(one).lower().split()) for one in (a, b))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def score(path: Path, known: Sequence[Any]) -> Score:
    """Compare what is found in a paper with what is known of it.

    Parameters
    ----------
    path : Path
    known : sequence
        Each with ``page``, ``box`` and ``caption``.
    """
    left = list(known)
    result = Score(there=len(left))
    for one in figures_of_pdf(path, skipped=result.faults):
        result.found += 1
        assert one.box is not None
        for truth in left:
            alike = similar(one.caption, truth.caption)
            if (
                truth.page == one.page
                and alike >= SIMILAR
                and shared(one.box, truth.box) >= COVERED
            ):
                left.remove(truth)
                result.right += 1
                break
        else:
            result.faults.append(
                f"{path.name}: false {one.label} on page {one.page}, {one.box}: {one.caption[:70]}"
            )
    result.faults += [
        f"{path.name}: missed {truth.label} on page {truth.page}, {truth.box}: {truth.caption[:70]}"
        for truth in left
    ]
    return result


def measure(papers: Mapping[Path, Sequence[Any]], name: str) -> Score:
    """Measure and print one set of papers."""
    total, begun = Score(), time.perf_counter()
    for path, known in papers.items():
        total.add(score(path, known))
    seconds = time.perf_counter() - begun
    print(f"{name}: {len(papers)} papers, {total.text()}, {seconds:.0f} s")
    return total


def typeset(folder: Path) -> Mapping[Path, Sequence[Any]]:
    """Set the papers that the tests use."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "datasets" / "papers"))
    import layouts

    write: Callable[[Path], Mapping[Path, Sequence[Any]]] = layouts.write_all
    return write(folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.papers", description=__doc__)
    parser.add_argument("--faults", action="store_true", help="also print what went wrong")
    parser.add_argument("--latex", choices=papers_latex.HALVES, help="papers set with LaTeX")
    parser.add_argument("--count", type=int, default=papers_latex.EACH, help="LaTeX papers to set")
    parser.add_argument("--first", type=int, default=0, help="the first of them that is measured")
    chosen = parser.parse_args()
    if not 0 <= chosen.first < chosen.count:
        parser.error("--first must be less than --count, and not negative.")
    with TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.latex:
            known = papers_latex.make_papers(folder, chosen.latex, chosen.count)
            papers = {folder / paper.file: paper.figures for paper in known[chosen.first :]}
            total = measure(papers, f"Set with LaTeX, {chosen.latex} half")
        else:
            total = measure(typeset(folder), "Set with reportlab")
        if chosen.faults:
            print("\n".join(total.faults))


if __name__ == "__main__":
    main()
