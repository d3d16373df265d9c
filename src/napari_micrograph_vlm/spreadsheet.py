"""Text in spreadsheets: nothing that was answered, named or drawn may run as a formula."""

from __future__ import annotations

import re

__all__ = ["escaped", "unescaped"]

# Full-width signs count, too: some spreadsheets take them for the plain ones. In countries that
# write 0,5 a spreadsheet begins a new cell at each semicolon.
_DANGER = "[ ']*[=+\\-@\t\r＝＋－＠]"
_RISK = re.compile(rf"(\A|[;\t\r\n])(?={_DANGER})")
_SAFE = re.compile(rf"(\A|[;\t\r\n])'(?={_DANGER})")


def escaped(text: str) -> str:
    """Put an apostrophe before whatever a spreadsheet could take for a formula."""
    return _RISK.sub(r"\1'", text)


def unescaped(text: str) -> str:
    """Take away the apostrophes that :func:`escaped` put there, and no other."""
    return _SAFE.sub(r"\1", text)
