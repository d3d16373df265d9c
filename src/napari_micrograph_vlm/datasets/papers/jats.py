"""Figures of articles in JATS, the XML in which PubMed Central and many publishers keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SourceError
from .captions import caption_start, clean_text
from .clean import lowered, raised, scripts
from .found import Found
from .local_images import (
    document_bytes,
    inside,
    need_lxml,
    read_image,
    refuse_bare,
    side_by_side,
)

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["figures_of_jats"]

_HREF = "{http://www.w3.org/1999/xlink}href"
_ENDINGS = ("", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
_FOLDERS = (".", "images", "figures", "graphic", "graphics", "media", "figs")
_FIGURES = ("fig", "fig-group")
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_BLOCKS = frozenset(("p", "title", "list-item", "label", "caption", "sec", "break"))


def figures_of_jats(
    path: Path, *, skipped: list[str] | None = None, missing: list[str] | None = None
) -> Iterator[Found]:
    """Yield the figures of an article whose pictures lie beside it.

    ``fig`` and ``fig-group`` are read with label, title and caption, and ``graphic`` with or
    without the file's ending, of ``alternatives`` the largest; several pictures of a figure are put
    side by side. Of entities only HTML's names of letters are known, and nothing outside the
    article's folder is read.

    Parameters
    ----------
    path : Path
    skipped : list of str, optional
        Gets one sentence for each figure without its picture.
    missing : list of str, optional
        Gets the names of pictures that do not lie beside the article.

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
    missing = [] if missing is None else missing
    told: list[str] = []
    count = 0
    for figure in (one for one in root.iter() if _name(one) in _FIGURES):
        if any(_name(up) in ("sub-article", "response") for up in figure.iterancestors()):
            continue
        images, absent = _pictures(figure, path, names)
        label, caption = _said(figure)
        if absent:
            missing += absent
            lie = "does not lie beside it" if len(absent) == 1 else "do not lie beside it"
            told.append(f"{path.name}: {label or 'A figure'}: {', '.join(absent[:3])} {lie}.")
        if not images:
            continue
        count += 1
        image, panels = side_by_side(images, caption)
        yield Found(image, label, caption, doi=doi, title=title, panels=panels)
    if not count:
        refuse_bare(path, missing, "unpack the article's archive into one folder")
    if skipped is not None:
        skipped += told


def _parsed(path: Path) -> Any:
    need_lxml()
    from lxml import etree

    data = document_bytes(path, "article")
    own = SourceError(
        f"{path.name} defines entities of its own, which may stand for other files; it is not "
        "read: save it without them."
    )
    if _ENTITY.search(_head(data)):
        raise own
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
    # What hid them from the look at the text, such as another encoding, cannot hide them here.
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and declared.entities():
        raise own
    if not any(True for _ in _all(root, "article")):
        raise SourceError(f"{path.name} is XML, but no article in JATS; give one of those.")
    return root


def _head(data: bytes) -> bytes:
    """Return what stands before an article's first element, without comments."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    data = re.sub(rb"<!--.*?-->", b"", data, flags=re.DOTALL)
    first = re.search(rb"<[A-Za-z_]", data)
    return data if first is None else data[: first.start()]


def _name(node: Any) -> str:
    return node.tag.rsplit("}", 1)[-1] if isinstance(node.tag, str) else ""


def _all(root: Any, name: str) -> Iterator[Any]:
    """Yield elements by their name, whatever namespace the publisher gave them."""
    return (node for node in root.iter() if _name(node) == name)


def _text(node: Any) -> str:
    return clean_text(_shown(node))


def _shown(node: Any) -> str:
    name = _name(node)
    if not name:
        # An entity of the publisher's own list, which is not read.
        return html5.get(str(node.text or "")[1:], "")
    if name in ("object-id", "graphic", "tex-math", "permissions", "attrib"):
        return ""
    parts = [node.text or ""]
    for child in node:
        parts += [_shown(child), child.tail or ""]
    if name in ("sup", "sub"):
        said = "".join(parts)
        if name == "sup" and any(_name(one) == "xref" for one in node):
            return said
        return raised(said) if name == "sup" else lowered(said)
    if name in ("msup", "msub", "msubsup"):
        return scripts(name, [_shown(child) for child in node])
    return f" {''.join(parts)} " if name in _BLOCKS else "".join(parts)


def _said(figure: Any) -> tuple[str, str]:
    """Return label and caption; a part of a group also gets what the group says."""
    label = next((_text(one) for one in figure if _name(one) == "label"), "")
    caption = next((_text(one) for one in figure if _name(one) == "caption"), "")
    group = figure.getparent()
    if _name(figure) == "fig-group":
        # Its parts without a picture say what its own picture shows.
        for part in (one for one in figure if _name(one) == "fig"):
            if not any(_name(one) == "graphic" for one in part.iter()):
                words = [_text(one) for one in part if _name(one) in ("label", "caption")]
                caption = " ".join((caption, *words)).strip()
    elif group is not None and _name(group) == "fig-group":
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


def _pictures(
    figure: Any, path: Path, names: dict[str, Path]
) -> tuple[list[Image.Image], list[str]]:
    """Return a figure's pictures, of alternatives the largest, and the names of those missing."""
    folder = path.resolve().parent
    groups: dict[Any, list[Any]] = {}
    own = [node for node in figure.iter() if _owner(node) is figure]
    graphics = [node for node in own if _name(node) == "graphic"]
    for node in graphics or [one for one in own if _name(one) == "inline-graphic"][:1]:
        above = node.getparent()
        groups.setdefault(above if _name(above) == "alternatives" else node, []).append(node)
    images: list[Image.Image] = []
    absent: list[str] = []
    for nodes in groups.values():
        best: Image.Image | None = None
        told = ""
        for node in nodes:
            href = (node.get(_HREF) or node.get("href") or "").strip()
            if not href:
                continue
            told = told or href[-60:]
            last = re.split(r"[/\\]", href)[-1]
            nearby = [names.get(f"{last}{ending}".lower()) for ending in _ENDINGS]
            for file in [folder / href, *(one for one in nearby if one is not None)]:
                image = read_image(file) if inside(file, folder) else None
                if image is not None and (best is None or _area(image) > _area(best)):
                    best = image
        if best is not None:
            images.append(best)
        elif told:
            absent.append(told)
    return images, absent


def _owner(node: Any) -> Any:
    return next((up for up in node.iterancestors() if _name(up) in _FIGURES), None)


def _area(image: Image.Image) -> int:
    return image.width * image.height
