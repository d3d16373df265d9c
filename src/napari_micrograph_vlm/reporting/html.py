"""A run as one HTML file that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from .. import __version__
from ..runs.findings import Finding, Run, Status
from ..runs.merge import Places
from ..runs.tiles import NOTHING_TO_SEE
from ..whole_files import check_folder, replacing
from .charts import bar_chart, confusion_table, safe
from .methods import methods_sentence
from .rows import HEAD, item_row, skipped_row
from .table import Recorded

__all__ = ["write_report"]

PICTURE_BYTES = 48_000_000
"""All pictures of a report together; they get smaller, and then fewer, where that is not enough."""

LARGEST_PICTURE = 40_000
"""One picture, however few there are."""

MOST_ROWS = 20_000
"""Items listed one by one; the others are counted, and stand in the table file."""

MOST_SKIPPED = 1_000
"""Skipped items listed one by one."""

_FOLD = 250
"""Items in one fold; the first is open."""

# Whatever got through the escaping could still neither run nor fetch anything.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(recorded: Recorded, path: str | Path, *, title: str | None = None) -> None:
    """Write what a run found as one HTML file, for the screen and for paper.

    Parameters
    ----------
    recorded : Journal
        The run and what it found.
    path : path
        The file; one of the same name is replaced once the new one is complete.
    title : str, optional
        Heading. Default: the model's name and the run's date.

    Raises
    ------
    MicrographError
        If the folder is missing or read-only, or the disk is full.
    """
    path = Path(path)
    check_folder(path)
    run, page = recorded.run, _Page(title or "")
    count = getattr(recorded, "__len__", lambda: MOST_ROWS)()
    room = min(LARGEST_PICTURE, PICTURE_BYTES // max(min(count, MOST_ROWS), 1))
    root = str(run.source.get("root") or "")
    for found in recorded.findings():
        page.add(found, room, bool(run.source.get("tiles")), root)
        del found  # its map and thumbnail are large
    page.merge()
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{part}\n" for part in page.parts(run))


@dataclass
class _Page:
    """A report in the making: the rows and what is counted of them."""

    title: str
    rows: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    method: str = ""
    places: Places = field(default_factory=Places)

    def add(self, found: Finding, room: int, tiled: bool = False, root: str = "") -> None:
        """Count an item and write its row."""
        self.seconds += found.seconds
        if found.error == NOTHING_TO_SEE:
            self.numbers["empty"] += 1
            return
        if found.status == Status.SKIPPED:
            self.numbers["skipped"] += 1
            if self.numbers["skipped"] <= MOST_SKIPPED:
                self.skipped.append(skipped_row(found, root))
            return
        self.numbers["done"] += 1
        self.numbers["corrected"] += bool(found.corrected) and found.corrected != found.best
        self.numbers["seen"] += found.reviewed or bool(found.corrected)
        if found.final:
            self.classes[found.final] += 1
            if tiled:
                self.places.add(found)
            if found.reviewed or found.corrected:
                self.pairs[found.final, found.best or "no class"] += 1
        if found.maps and not self.method:
            self.method = found.maps[0].method
        if self.numbers["done"] <= MOST_ROWS:
            row, left_out = item_row(self.numbers["done"], found, room, root)
            self.rows.append(row)
            self.numbers["bare"] += left_out

    def merge(self) -> None:
        """Count once what neighbouring tiles saw in the strip that they share."""
        doubled = Counter(self.places.doubled())
        self.numbers["doubled"] = doubled.total()
        self.classes -= doubled

    def parts(self, run: Run) -> Iterator[str]:
        """Return the page from top to bottom."""
        title = self.title or f"{run.model}, {run.started[:10]}"
        css = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
        yield (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="referrer" content="no-referrer">'
            f"<title>{safe(title, 300)}</title>\n<style>\n{css}</style></head><body>"
        )
        yield f"<h1>{safe(title, 300)}</h1>"
        yield f'<p class="methods">{safe(methods_sentence(run, method=self.method), 5000)}</p>'
        # Before the tables, so that it can hide what comes after it.
        yield (
            '<input class="screen" type="checkbox" id="overlays" checked>'
            '<label class="screen" for="overlays">Show where the model looked (hold the pointer '
            "over a picture to see it bare)</label>\n<main>"
        )
        yield from self._summary(run)
        yield from self._items()
        if self.skipped:
            yield f"<h2>Skipped ({self.numbers['skipped']})</h2>"
            yield '<table class="items"><thead><tr><th>Item</th><th>Reason</th></tr></thead><tbody>'
            yield from self.skipped
            yield "</tbody></table>"
            yield _more(self.numbers["skipped"] - len(self.skipped))
        yield f'<p class="soft">napari-micrograph-vlm {safe(__version__)}</p></main></body></html>'

    def _summary(self, run: Run) -> Iterator[str]:
        numbers, looked = self.numbers, sum(self.pairs.values())
        shown = {
            "looked at": numbers["done"],
            "skipped": numbers["skipped"],
            "seen by a person": numbers["seen"],
            "corrected": numbers["corrected"],
        }
        if numbers["empty"]:
            shown["empty tiles"] = numbers["empty"]
        tiles = "".join(f"<li><b>{count}</b>{name}</li>" for name, count in shown.items())
        yield f'<ul class="numbers">{tiles}</ul>'
        yield "<h2>The run</h2>" + _facts(run, self.seconds, numbers["done"])
        labels = run.task.label_set
        names = labels.names if labels is not None else ()
        if self.classes:
            order = {name: self.classes[name] for name in names if self.classes[name]}
            chart = bar_chart({**order, **self.classes}, "How often each class was found")
            yield f'<h2>Classes</h2><div class="scroll">{chart}</div>'
            if numbers["doubled"]:
                yield (
                    '<p class="soft">Where neighbouring tiles saw the same thing in the strip they '
                    f"share, it is counted once here and listed for each below "
                    f"({numbers['doubled']} counted less).</p>"
                )
        if self.pairs:
            same = sum(count for (truth, guess), count in self.pairs.items() if truth == guess)
            yield (
                "<h2>The model and the person</h2>"
                f"<p>A person looked at {looked} of {numbers['done']} and kept the model’s class "
                f"of {same} ({100 * same / looked:.0f} %). Which ones they looked at is their "
                "choice, so this is not how often the model is right over the whole run.</p>"
                f'<div class="scroll">{confusion_table(self.pairs, names)}</div>'
            )

    def _items(self) -> Iterator[str]:
        yield f"<h2>Items ({self.numbers['done']})</h2>"
        if len(self.rows) > _FOLD:
            yield '<p class="soft">Folded items are printed if they are opened before.</p>'
        for start in range(0, len(self.rows), _FOLD):
            stop = min(start + _FOLD, len(self.rows))
            yield f"<details{'' if start else ' open'}><summary>{start + 1} to {stop}</summary>"
            yield HEAD
            yield from self.rows[start:stop]
            yield "</tbody></table></details>"
        yield _more(self.numbers["done"] - len(self.rows))
        if self.numbers["bare"]:
            yield (
                f'<p class="soft">{self.numbers["bare"]} pictures were left out, or the file '
                "would be too large to open.</p>"
            )


def _facts(run: Run, seconds: float, done: int) -> str:
    task = run.task
    labels = task.label_set
    tiled = {None: "where a region is large", True: "yes", False: "no"}[task.tiled]
    named = "none"
    if labels is not None:
        names = ", ".join(labels.names[:60]) + (", …" if len(labels.names) > 60 else "")
        named = f"{labels.name} ({labels.digest}): {names}"
    each = f", {seconds / done:.3g} s an item" if done else ""
    facts = {
        "Model": run.model,
        "Revision": run.revision,
        "Device": run.device,
        "Started": run.started,
        "Source": "\n".join(f"{name}: {value}" for name, value in run.source.items()),
        "Classes": named,
        "Unknown below": f"{task.threshold:g}",
        "Questions": "\n".join(task.questions[:60]) or "none",
        "Tiles": tiled,
        "Model’s time": f"{seconds:.1f} s{each}",
        "Version": run.version,
        "Digest of the run": run.digest,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{safe(str(v))}</dd>" for name, v in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _more(number: int) -> str:
    if number <= 0:
        return ""
    return f'<p class="soft">And {number} more; the table file holds all of them.</p>'
