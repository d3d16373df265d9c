"""Figures of saved web pages, from the files beside them: nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SourceError
from .captions import caption_start, clean_text
from .found import Found
from .local_images import local_image, need_lxml
from .repeats import is_no_figure

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["figures_of_html"]

_LARGEST_FILE = 64 * 2**20
"""A page with its pictures as text within it is smaller."""

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
_ADDRESSES = ("src", "data-src", "data-original", "data-lazy-src", "data")
_SKIPPED = ("script", "style", "noscript", "template", "math", "button")


def figures_of_html(path: Path) -> Iterator[Found]:
    """Yield the captioned figures of a saved page.

    ``<figure>`` with ``<figcaption>``, Wikipedia's thumbnails and galleries, and boxes whose class
    says that they are a caption are read, each with the picture nearest to it; of several files
    for a picture the largest that lies beside the page, or within it as a ``data:`` address, is
    taken.

    Parameters
    ----------
    path : Path
        The page; its pictures lie in the folder that the browser saved beside it.

    Raises
    ------
    SourceError
        If the page cannot be read, or was saved without its pictures.
    """
    root = _parsed(path)
    title, doi = _about(root)
    missing: list[str] = []
    count = 0
    for holder, captions in _captioned(root):
        text = clean_text(" ".join(map(_text, captions)))
        image, told = _largest(holder, path)
        if image is None:
            missing += [told] if told else []
            continue
        start = caption_start(text)
        label, caption = (start.label, start.rest) if start else (_label(holder), text)
        if not text or is_no_figure(image, text, labelled=bool(label)):
            continue
        count += 1
        yield Found(image, label, caption, doi=doi, title=title)
    if missing and not count:
        raise SourceError(
            f"{path.name} names {len(missing)} pictures that do not lie beside it, {missing[0]} "
            "among them; save the page again with its pictures (“Web page, complete”)."
        )


def _parsed(path: Path) -> Any:
    need_lxml()
    from lxml import etree, html

    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise SourceError(f"{path.name} is larger than any saved page; is it one?")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
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
    return [
        (holder, nodes if holder.tag == "figure" else nodes[:1])
        for holder, nodes in found.items()
        if not (holder.tag == "figure" and holder.xpath(".//figure[.//figcaption]"))
    ]


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
    parts = [node.text or ""]
    for child in node:
        parts += [_text(child), child.tail or ""]
    block = node.tag in ("p", "div", "li", "br", "td", "h1", "h2", "h3", "h4", "h5", "span") and (
        node.tag != "span" or "label" in classes
    )
    return f" {''.join(parts)} " if block else "".join(parts)


def _largest(holder: Any, page: Path) -> tuple[Image.Image | None, str]:
    """Return the largest picture of a figure that can be read, or what it is called."""
    best: Image.Image | None = None
    named = ""
    for source in _sources(holder):
        named = named or _short(source)
        image = local_image(source, page)
        if image is not None and (
            best is None or image.width * image.height > best.width * best.height
        ):
            best = image
    return best, named


def _sources(holder: Any) -> list[str]:
    """Return every address a figure gives for its picture: the files behind links, too."""
    found: list[str] = []
    for node in holder.iter("img", "source", "a", "object"):
        if node.tag == "a":
            address = node.get("href") or ""
            if re.search(r"\.(?:png|jpe?g|gif|tiff?|webp|bmp)$", address.split("?")[0], re.I):
                found.append(address)
            continue
        found += [node.get(name) for name in _ADDRESSES if node.get(name)]
        for name in ("srcset", "data-srcset"):
            # A data: address has commas of its own.
            parts = re.split(r"\s*,\s+|,(?=\S*/)(?!\S*base64)", node.get(name) or "")
            found += [part.split()[0] for part in parts if part.strip()]
    return list(dict.fromkeys(found))


def _short(address: str) -> str:
    return "a data: address" if address.startswith("data:") else address.split("?")[0][-60:]
