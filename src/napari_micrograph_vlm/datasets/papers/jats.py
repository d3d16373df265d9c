"""Figures of articles in JATS, the XML in which PubMed Central and many publishers keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SourceError
from .captions import caption_start, clean_text
from .found import Found
from .local_images import inside, need_lxml, read_image

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["figures_of_jats"]

_LARGEST_FILE = 64 * 2**20
_HREF = "{http://www.w3.org/1999/xlink}href"
_ENDINGS = ("", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
_FOLDERS = (".", "images", "figures", "graphic", "graphics", "media", "figs")
_BLOCKS = frozenset(("p", "title", "list-item", "label", "caption", "sec", "break"))


def figures_of_jats(path: Path) -> Iterator[Found]:
    """Yield the figures of an article whose pictures lie beside it.

    ``fig`` and ``fig-group`` are read with label, title and caption, and ``graphic`` with or
    without the file's ending, in any of ``alternatives``. No entity is expanded and nothing
    outside the article's folder is read.

    Raises
    ------
    SourceError
        If the file is no article, defines entities of its own, or none of its pictures is there.
    """
    root = _parsed(path)
    ids = (one for one in _all(root, "article-id") if one.get("pub-id-type") == "doi")
    doi = next(map(_text, ids), "")
    title = next(map(_text, _all(root, "article-title")), "")
    names = _files(path)
    missing: list[str] = []
    count = 0
    for figure in _all(root, "fig"):
        if any(_name(up) in ("sub-article", "response") for up in figure.iterancestors()):
            continue
        image, href = _picture(figure, path, names)
        if image is None:
            missing += [href] if href else []
            continue
        label, caption = _said(figure)
        count += 1
        yield Found(image, label, caption, doi=doi, title=title)
    if missing and not count:
        raise SourceError(
            f"{path.name} names {len(missing)} pictures that do not lie beside it, {missing[0]} "
            "among them; unpack the article's archive into one folder."
        )


def _parsed(path: Path) -> Any:
    need_lxml()
    from lxml import etree

    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise SourceError(f"{path.name} is larger than any article; is it one?")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    if re.search(rb"<!ENTITY", data, re.IGNORECASE) or b"<\x00!\x00E\x00N\x00T\x00I" in data:
        raise SourceError(
            f"{path.name} defines entities of its own, which may stand for other files; it is not "
            "read: save it without them."
        )
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        told = " ".join(str(getattr(error, "msg", error)).split()).rstrip(".")
        raise SourceError(
            f"{path.name} is no whole XML file ({told}); download it again."
        ) from None
    if not any(True for _ in _all(root, "article")):
        raise SourceError(f"{path.name} is XML, but no article in JATS; give one of those.")
    return root


def _name(node: Any) -> str:
    return node.tag.rsplit("}", 1)[-1] if isinstance(node.tag, str) else ""


def _all(root: Any, name: str) -> Iterator[Any]:
    """Yield elements by their name, whatever namespace the publisher gave them."""
    return (node for node in root.iter() if _name(node) == name)


def _text(node: Any) -> str:
    return clean_text(_shown(node))


def _shown(node: Any) -> str:
    name = _name(node)
    if not name or name in ("object-id", "graphic", "tex-math", "permissions", "attrib"):
        return ""
    parts = [node.text or ""]
    for child in node:
        parts += [_shown(child), child.tail or ""]
    return f" {''.join(parts)} " if name in _BLOCKS else "".join(parts)


def _said(figure: Any) -> tuple[str, str]:
    """Return label and caption; a part of a group also gets what the group says."""
    label = next((_text(one) for one in figure if _name(one) == "label"), "")
    caption = next((_text(one) for one in figure if _name(one) == "caption"), "")
    group = figure.getparent()
    if group is not None and _name(group) == "fig-group":
        above = next((_text(one) for one in group if _name(one) == "label"), "")
        shared = next((_text(one) for one in group if _name(one) == "caption"), "")
        if above and above not in label:
            label = f"{above.rstrip('. ')} {label}".strip()
        caption = f"{shared} {caption}".strip()
    if not label:
        start = caption_start(caption)
        if start is not None:
            label, caption = start.label, start.rest
    return label.rstrip(".: |"), caption


def _files(path: Path) -> dict[str, Path]:
    """Return the files beside an article by their names in lower case, those nearest first."""
    found: dict[str, Path] = {}
    folder = path.resolve().parent
    for name in _FOLDERS:
        try:
            files = sorted((folder / name).iterdir())
        except OSError:
            continue
        for file in files:
            found.setdefault(file.name.lower(), file)
    return found


def _picture(figure: Any, path: Path, names: dict[str, Path]) -> tuple[Image.Image | None, str]:
    """Return the largest picture that a figure names and that is there, or what it is called."""
    folder = path.resolve().parent
    best: Image.Image | None = None
    told = ""
    for node in figure.iter():
        if _name(node) not in ("graphic", "inline-graphic"):
            continue
        owner = next((up for up in node.iterancestors() if _name(up) == "fig"), None)
        href = (node.get(_HREF) or node.get("href") or "").strip()
        if owner is not figure or not href:
            continue
        told = told or href[-60:]
        last = re.split(r"[/\\]", href)[-1]
        nearby = [names.get(f"{last}{ending}".lower()) for ending in _ENDINGS]
        for file in [folder / href, *(one for one in nearby if one is not None)]:
            image = read_image(file) if inside(file, folder) else None
            if image is not None and (best is None or _area(image) > _area(best)):
                best = image
    return best, told


def _area(image: Image.Image) -> int:
    return image.width * image.height
