"""DOI and title of a paper, from the file's own words or its first pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .clean import clean_text
from .pdf_lines import Line

__all__ = ["doi_in", "title_of"]

_DOI = re.compile(r"\b10\.\d{4,9}/[-._;()/:A-Z0-9<>\[\]]+", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"^(?:untitled.*|microsoft (?:word|powerpoint) ?- ?.*|.*\.(?:docx?|tex|dvi|indd|pdf|qxd|p65|"
    r"rtf|odt|eps|ps|fm|3d)|\(?anonymous\)?|template.*|title|document\d*|manuscript.*|"
    r"[\w\-.:/]*\d[\w\-.:/]*|(?:pii|doi|arxiv)\b.*|paper.{0,4}|)$",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"arxiv|journal|elsevier|springer|wiley|^\W*vol|issn|doi|https?:|www\.|research article|"
    r"^article$|^letter$|^communication$|open access|contents lists",
    re.IGNORECASE,
)


def doi_in(texts: Iterable[str]) -> str:
    """Return the first DOI in some texts, or ``""``."""
    for text in texts:
        # A line's end may part it after a slash or a hyphen.
        found = _DOI.search(re.sub(r"(?<=[/\-])[\r\n]+", "", text))
        if found is not None:
            doi = found.group().rstrip(".,;:>]")
            while doi.endswith(")") and doi.count(")") > doi.count("("):
                doi = doi[:-1].rstrip(".,;:")
            return doi
    return ""


def title_of(metadata: Mapping[str, str], lines: Iterable[Line]) -> str:
    """Return a paper's title.

    Parameters
    ----------
    metadata : mapping
        The file's, with ``"Title"``.
    lines : iterable of Line
        Of its first page: where the file has no title, the largest letters are taken.
    """
    named = clean_text(metadata.get("Title", ""))
    if not _NO_TITLE.match(named) and len(named.split()) > 1:
        return named
    usable = [line for line in lines if len(line.text) > 8 and not _FURNITURE.search(line.text)]
    # Above the middle of what is written; a title has several words.
    usable = sorted(usable, key=lambda line: line.base)[:25]
    words = [line for line in usable if len(line.text.split()) > 1]
    if not words:
        return ""
    largest = max(line.size for line in words)
    sizes = sorted(line.size for line in usable)
    if largest < 1.1 * sizes[len(sizes) // 2] and len(usable) > 3:
        return ""
    title: list[Line] = []
    for line in usable:
        if abs(line.size - largest) > 0.05 * largest:
            continue
        if title and line.base - title[-1].base > 2.2 * largest:
            break
        title.append(line)
    return clean_text("\n".join(line.text for line in title))[:300]
