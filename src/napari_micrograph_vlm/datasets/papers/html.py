"""Figures of saved web pages, from the files beside them: nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import SourceError
from .captions import caption_start, clean_text, is_table
from .clean import lowered, raised, scripts
from .found import Found
from .html_pictures import pictures_in, without_signs
from .local_images import document_bytes, need_lxml, refuse_bare, side_by_side

__all__ = ["figures_of_html"]


_CAPTION_CLASS = re.compile(
    r"(?:^|[\s_-])(?:thumb)?(?:captions?|gallerytext|legend|figcap|fig(?:ure)?[_-]{1,2}description)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_PICTURED = ".//img | .//source | .//object"
_MOST_STEPS = 5
"""Boxes between a caption and the one that also holds its picture."""

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"'<>]+[^\s\"'<>.,;)\]]")
_HIDDEN_CLASS = re.compile(
    r"(?:^|\s)(?:magnify|mw-editsection|reference|noprint|sr-only|visually-hidden)(?:\s|$)"
)
_SKIPPED = ("script", "style", "noscript", "template", "button")


def figures_of_html(
    path: Path, *, skipped: list[str] | None = None, missing: list[str] | None = None
) -> Iterator[Found]:
    """Yield the captioned figures of a saved page.

    ``<figure>`` with ``<figcaption>``, Wikipedia's thumbnails and galleries, and boxes whose class
    says that they are a caption are read, each with the picture nearest to it; of several files
    for a picture the largest that lies beside the page, or within it as a ``data:`` address, is
    taken. Several pictures under one caption are put side by side; figures within a figure are its
    panels.

    Parameters
    ----------
    path : Path
        The page; its pictures lie in the folder that the browser saved beside it.
    skipped : list of str, optional
        Gets one sentence for each captioned figure that is passed over.
    missing : list of str, optional
        Gets the names of pictures that do not lie beside the page.

    Raises
    ------
    SourceError
        If the page cannot be read, or was saved without its pictures.
    """
    root = _parsed(path)
    title, doi = _about(root)
    missing = [] if missing is None else missing
    told: list[str] = []
    count = 0
    for holder, captions in _captioned(root):
        text = clean_text(" ".join(map(_text, captions)))
        if not text or is_table(text):
            continue
        start = caption_start(text)
        label, caption = (start.label, start.rest) if start else (_label(holder), text)
        inner = _inner(holder)
        images, said, absent = pictures_in(holder, path, inner)
        if absent:
            missing += absent
            lie = (
                "does not lie beside the page" if len(absent) == 1 else "do not lie beside the page"
            )
            told.append(f"{path.name}: {label or 'A figure'}: {', '.join(absent[:3])} {lie}.")
        images, said = without_signs(images, said, text, labelled=bool(label))
        if not images:
            if not absent:
                told.append(f"{path.name}: {label or 'A picture'} is empty, an icon or a logo.")
            continue
        parts = [
            " ".join((f"({letter})" if letter else "", words)).strip() for letter, words in said
        ]
        caption = " ".join((caption, *filter(None, parts)))
        image, panels = side_by_side(images, caption, said)
        count += 1
        yield Found(image, label, caption, doi=doi, title=title, panels=panels)
    if not count:
        refuse_bare(path, missing, "save the page again with its pictures (“Web page, complete”)")
    if skipped is not None:
        skipped += told


def _parsed(path: Path) -> Any:
    need_lxml()
    from lxml import etree, html

    data = document_bytes(path, "saved page")
    # libxml2 takes a page without a declaration for Latin-1.
    encoding = "utf-8" if _is_utf8(data) else None
    parser = html.HTMLParser(no_network=True, encoding=encoding, huge_tree=False)
    try:
        root = html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        raise SourceError(f"{path.name} is no web page; save it again from the browser.") from None
    return root


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _about(root: Any) -> tuple[str, str]:
    """Return title and DOI as the page's head gives them."""
    named: dict[str, str] = {}
    for meta in root.xpath("//meta[@content]"):
        key = meta.get("name") or meta.get("property") or ""
        named.setdefault(key.lower(), meta.get("content").strip())
    title = next(
        (named[key] for key in ("citation_title", "dc.title", "og:title") if named.get(key)), ""
    )
    title = clean_text(title or root.findtext(".//title") or "")
    for key in ("citation_doi", "dc.identifier", "prism.doi", "bepress_citation_doi"):
        found = _DOI.search(named.get(key, ""))
        if found:
            return title, found.group()
    return title, ""


def _captioned(root: Any) -> list[tuple[Any, list[Any]]]:
    """Return the boxes that hold a picture, each with its captions, in the page's order."""
    found: dict[Any, list[Any]] = {}
    known: set[Any] = set()
    for node in root.iter("figcaption", "div", "span", "p", "dd", "td"):
        marked = node.tag == "figcaption" or _CAPTION_CLASS.search(node.get("class") or "")
        if not marked or any(up in known for up in node.iterancestors()):
            continue
        known.add(node)
        holder = _holder(node)
        if holder is not None:
            found.setdefault(holder, []).append(node)
    # Two captions in a box of several pictures: nobody knows which is whose.
    chosen = [
        (holder, nodes if holder.tag == "figure" else nodes[:1]) for holder, nodes in found.items()
    ]
    whole = {holder for holder, _ in chosen if _inner(holder)}
    return [
        (holder, nodes)
        for holder, nodes in chosen
        if (holder in whole or not _holds_captions(holder))
        and not any(up in whole for up in holder.iterancestors("figure"))
    ]


def _holds_captions(holder: Any) -> bool:
    return holder.tag == "figure" and bool(holder.xpath(".//figure[.//figcaption]"))


def _inner(holder: Any) -> list[tuple[Any, str]]:
    """Return the figures within a figure that are its panels, with their captions.

    They are none where the outer one says nothing, or one of them has a label of its own.
    """
    if not _holds_captions(holder) or not any(
        next(one.iterancestors("figure")) is holder for one in holder.iter("figcaption")
    ):
        return []
    found: list[tuple[Any, str]] = []
    for one in holder.xpath(".//figure[not(.//figure)]"):
        said = " ".join(map(_text, one.iter("figcaption")))
        found.append((one, clean_text(said)))
        if caption_start(clean_text(said)) is not None:
            return []
    return found


def _holder(caption: Any) -> Any | None:
    """Return the smallest box around a caption that also holds a picture."""
    figure = next(caption.iterancestors("figure"), None)
    if figure is not None:
        return figure if figure.xpath(_PICTURED) else None
    for step, up in enumerate(caption.iterancestors()):
        if step >= _MOST_STEPS or up.tag in ("body", "article", "main"):
            return None
        inside = set(caption.xpath(_PICTURED))
        if any(one not in inside for one in up.xpath(_PICTURED)):
            return up
    return None


def _label(holder: Any) -> str:
    """Return a label that stands outside the caption, as a heading."""
    for node in holder.iter("h2", "h3", "h4", "h5", "h6", "b", "strong", "span"):
        start = caption_start(clean_text(_text(node)))
        if start is not None and not start.rest:
            return start.label
    return ""


def _text(node: Any) -> str:
    """Return a node's text as it is shown: no scripts, no formulas twice, no edit links."""
    if not isinstance(node.tag, str):
        return ""
    classes = node.get("class") or ""
    if "mwe-math-element" in classes:
        shown = node.xpath(".//annotation/text() | .//img/@alt")
        return re.sub(r"[{}\\]|displaystyle", "", shown[0]).strip() if shown else ""
    if node.tag in _SKIPPED or _HIDDEN_CLASS.search(classes):
        return ""
    if node.tag == "math" and "ltx_Math" not in classes:
        return ""
    if node.tag in ("annotation", "annotation-xml"):
        return ""
    parts = [node.text or ""]
    for child in node:
        parts += [_text(child), child.tail or ""]
    if node.tag in ("sup", "sub"):
        said = "".join(parts)
        # A raised link leads to a reference or a note.
        if node.tag == "sup" and next(node.iter("a"), None) is not None:
            return said
        return raised(said) if node.tag == "sup" else lowered(said)
    if node.tag in ("msup", "msub", "msubsup"):
        return scripts(node.tag, [_text(child) for child in node])
    block = node.tag in ("p", "div", "li", "br", "td", "h1", "h2", "h3", "h4", "h5", "span") and (
        node.tag != "span" or "label" in classes
    )
    return f" {''.join(parts)} " if block else "".join(parts)
