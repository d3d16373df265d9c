"""Charts as inline SVG: readable without a script, on screen and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..whole_files import printable

__all__ = ["bar_chart", "confusion_table", "probability_bar", "safe"]

MOST_BARS = 30
"""Classes drawn one by one; the rarer ones are counted together."""

MOST_CLASSES = 24
"""Classes in a confusion matrix; the rarer ones are counted together."""

_ROW, _LEFT, _LENGTH, _RIGHT = 22, 200, 380, 110
_NAME = 30

_NO_TEXT = dict.fromkeys([*range(32), *range(127, 160), 0xFFFE, 0xFFFF])
del _NO_TEXT[9], _NO_TEXT[10]


def safe(text: str, most: int = 2000) -> str:
    """Return a text that stays a text anywhere in HTML, also within quotes.

    Parameters
    ----------
    text : str
        Anything.
    most : int
        Longer texts are cut.
    """
    text = printable(text.replace("\r\n", "\n").replace("\r", "\n")).translate(_NO_TEXT)
    return escape(text if len(text) <= most else f"{text[: most - 1]}…", quote=True)


def bar_chart(counts: Mapping[str, int], title: str) -> str:
    """Draw a horizontal bar a class, in the order given.

    Parameters
    ----------
    counts : mapping of str to int
        How often each class was found.
    title : str
        What it shows; read out by screen readers.
    """
    bars = _together(counts, MOST_BARS)
    total = sum(bars.values())
    largest = max(bars.values(), default=0) or 1
    width, height = _LEFT + _LENGTH + _RIGHT, _ROW * max(len(bars), 1) + 4
    lines = [
        f'<svg class="bars" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><title>{safe(title)}</title>'
    ]
    for i, (name, count) in enumerate(bars.items()):
        y = i * _ROW + 2
        short = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
        share = f"{count} ({100 * count / total:.0f} %)" if total else "0"
        length = _LENGTH * count / largest
        lines.append(
            f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{safe(short)}'
            f"<title>{safe(name)}</title></text>"
            f'<rect x="{_LEFT}" y="{y + 2}" width="{length:.1f}" height="{_ROW - 6}"/>'
            f'<text x="{_LEFT + length + 6:.1f}" y="{y + 15}">{share}</text>'
        )
    return "\n".join([*lines, "</svg>"])


def probability_bar(probability: float) -> str:
    """Draw a bar as long as something is probable; nothing where that is not known."""
    if probability != probability:
        return ""
    width = 100 * min(max(probability, 0.0), 1.0)
    return (
        '<svg class="chance" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="8"/><rect width="{width:.1f}" height="8"/></svg>'
    )


def confusion_table(pairs: Mapping[tuple[str, str], int], order: Sequence[str] = ()) -> str:
    """Write how often a person gave each class where the model gave which.

    Parameters
    ----------
    pairs : mapping of (str, str) to int
        (a person's class, the model's class) -> how often.
    order : sequence of str
        The classes in the label set's order; others come after them.
    """
    often: dict[str, int] = dict.fromkeys(order, 0)
    for (truth, guess), count in pairs.items():
        for name in (truth, guess):
            often[name] = often.get(name, 0) + count
    often = {name: count for name, count in often.items() if count}
    shown = list(_together(often, MOST_CLASSES))
    other = shown[-1] if len(often) > MOST_CLASSES else ""
    cells: dict[tuple[str, str], int] = {}
    for (truth, guess), count in pairs.items():
        place = (truth if truth in shown else other, guess if guess in shown else other)
        cells[place] = cells.get(place, 0) + count
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in shown)
    lines = [
        '<table class="confusion"><thead><tr><td></td>'
        f'<th scope="colgroup" colspan="{len(shown)}">the model’s class</th></tr>',
        f'<tr><th scope="row">a person’s class</th>{head}</tr></thead><tbody>',
    ]
    for truth in shown:
        row = [cells.get((truth, guess), 0) for guess in shown]
        total = sum(row) or 1
        filled = "".join(
            f'<td class="{"same" if guess == truth else "other"}" '
            f'style="--share:{count / total:.2f}">{count or "·"}</td>'
            for guess, count in zip(shown, row, strict=True)
        )
        lines.append(f'<tr><th scope="row">{safe(truth)}</th>{filled}</tr>')
    return "\n".join([*lines, "</tbody></table>"])


def _together(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Keep the most frequent and count the others as one, at the end."""
    if len(counts) <= most:
        return dict(counts)
    frequent = set(sorted(counts, key=lambda name: -counts[name])[: most - 1])
    kept = {name: count for name, count in counts.items() if name in frequent}
    rest = len(counts) - len(kept)
    kept[f"{rest} other classes"] = sum(counts.values()) - sum(kept.values())
    return kept
