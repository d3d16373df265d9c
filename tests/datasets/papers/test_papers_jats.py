"""Figures of articles in JATS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compounds import picture

from napari_micrograph_vlm.datasets.papers.jats import figures_of_jats
from napari_micrograph_vlm.errors import SourceError

_ARTICLE = """<?xml version="1.0"?>{doctype}
<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>
<article-id pub-id-type="doi">10.1234/x.7</article-id><title-group><article-title>Films of
<italic>gold</italic></article-title></title-group></article-meta></front><body>{body}</body>
</article>"""


def _article(folder: Path, body: str, doctype: str = "") -> Path:
    file = folder / "article.xml"
    file.write_text(_ARTICLE.format(body=body, doctype=doctype), encoding="utf-8")
    return file


def _picture(path: Path, width: int = 160, height: int = 120) -> None:
    path.parent.mkdir(exist_ok=True)
    picture(np.random.default_rng(1), width, height).save(path)


def test_figures_come_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    _picture(tmp_path / "fig1.JPG")
    article = _article(
        tmp_path,
        "<fig id='f1'><label>Figure 1.</label><caption><title>Films.</title><p>(a) Thin, "
        "<xref>2</xref> µm.</p><p>(b) Thick.</p></caption><graphic xlink:href='fig1'/></fig>",
    )
    (found,) = figures_of_jats(article)
    assert (found.label, found.doi, found.title) == ("Figure 1", "10.1234/x.7", "Films of gold")
    assert found.caption == "Films. (a) Thin, 2 µm. (b) Thick."
    assert found.image.size == (160, 120)


def test_parts_of_a_group_get_what_the_group_says(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _picture(tmp_path / "images" / "b.tif")
    article = _article(
        tmp_path,
        "<fig-group><label>Fig. 2</label><caption><p>Growth.</p></caption><fig><label>a</label>"
        "<caption><p>Day 1.</p></caption><graphic xlink:href='a.png'/></fig><fig><label>b</label>"
        "<caption><p>Day 2.</p></caption><graphic xlink:href='b.tif'/></fig></fig-group>",
    )
    found = list(figures_of_jats(article))
    assert [(one.label, one.caption) for one in found] == [
        ("Fig. 2 a", "Growth. Day 1."),
        ("Fig. 2 b", "Growth. Day 2."),
    ]


def test_the_largest_of_alternatives_is_taken(tmp_path: Path) -> None:
    _picture(tmp_path / "s.png", 60, 40)
    _picture(tmp_path / "l.png", 600, 400)
    article = _article(
        tmp_path,
        "<fig><label>Fig. 1</label><caption><p>X.</p></caption><alternatives><graphic "
        "xlink:href='s.png'/><graphic xlink:href='l.png'/></alternatives></fig>",
    )
    (found,) = figures_of_jats(article)
    assert found.image.size == (600, 400)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE article [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE article [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
def test_entities_are_refused(tmp_path: Path, doctype: str) -> None:
    article = _article(tmp_path, "<p>&x;</p>", doctype)
    with pytest.raises(SourceError, match="entities of its own"):
        list(figures_of_jats(article))


def test_a_public_doctype_alone_is_no_harm(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    article = _article(
        tmp_path,
        "<fig><label>Fig. 1</label><caption><p>X.</p></caption><graphic xlink:href='a'/></fig>",
        '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "JATS-archivearticle1.dtd">',
    )
    assert len(list(figures_of_jats(article))) == 1


def test_pictures_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    _picture(tmp_path / "secret.png")
    folder = tmp_path / "paper"
    folder.mkdir()
    article = _article(
        folder,
        "<fig><label>Fig. 1</label><caption><p>X.</p></caption>"
        "<graphic xlink:href='../secret.png'/></fig>",
    )
    with pytest.raises(SourceError, match="do not lie beside it"):
        list(figures_of_jats(article))


@pytest.mark.parametrize("text", ["<article><fig>", "<html><body/></html>", "", "no xml"])
def test_other_files_are_told_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(SourceError) as told:
        list(figures_of_jats(file))
    assert str(told.value).startswith("a.xml")
    assert "\n" not in str(told.value)
