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


def test_several_pictures_of_a_figure_are_put_side_by_side(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _picture(tmp_path / "b.png", 100, 80)
    article = _article(
        tmp_path,
        "<fig><label>Fig. 1</label><caption><p>(a) Thin, (b) thick.</p></caption><graphic "
        "xlink:href='a'/><graphic xlink:href='b'/></fig>",
    )
    (found,) = figures_of_jats(article)
    assert [(one.letter, one.box) for one in found.panels] == [
        ("a", (0, 0, 160, 120)),
        ("b", (170, 0, 270, 80)),
    ]
    assert found.image.size == (270, 120)


def test_a_group_with_a_picture_of_its_own_is_a_figure(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    article = _article(
        tmp_path,
        "<fig-group><label>Fig. 2</label><caption><p>Growth.</p></caption><graphic xlink:href='a'/>"
        "<fig><label>(a)</label><caption><p>Day 1.</p></caption></fig></fig-group>",
    )
    (found,) = figures_of_jats(article)
    assert (found.label, found.caption) == ("Fig. 2", "Growth. (a) Day 1.")


def test_figures_without_their_picture_are_named(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    one = (
        "<fig><label>Fig. {0}</label><caption><p>X.</p></caption><graphic xlink:href='{1}'/></fig>"
    )
    article = _article(tmp_path, one.format(1, "a") + one.format(2, "far.tif"))
    skipped: list[str] = []
    missing: list[str] = []
    found = list(figures_of_jats(article, skipped=skipped, missing=missing))
    assert [each.label for each in found] == ["Fig. 1"]
    assert skipped == ["article.xml: Fig. 2: far.tif does not lie beside it."]
    assert missing == ["far.tif"]


def test_letters_raised_lowered_and_of_the_publishers_names_are_kept(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    article = _article(
        tmp_path,
        "<p>The word &lt;!ENTITY <![CDATA[<!ENTITY x SYSTEM 'file:///x'>]]></p><!-- <!ENTITY -->"
        "<fig><label>Fig. 1</label><caption><p>a&nbsp;b, &alpha;-Fe, 10<sup>-3</sup>, H<sub>2</sub>"
        "O, <math><msup><mi>x</mi><mn>2</mn></msup></math>, known<sup><xref>3</xref></sup></p>"
        "</caption><graphic xlink:href='a'/></fig>",
        '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "JATS-archivearticle1.dtd">',
    )
    (found,) = figures_of_jats(article)
    assert found.caption == "a b, α-Fe, 10⁻³, H₂O, x², known3"


@pytest.mark.parametrize(
    "before",
    ["<!-- <article> -->", '<!DOCTYPE article [<!NOTATION n SYSTEM "<x"><!ENTITY x "y">]>'],
)
def test_entities_cannot_hide_behind_what_looks_like_the_article(
    tmp_path: Path, before: str
) -> None:
    hidden = "" if "ENTITY" in before else '<!DOCTYPE article [<!ENTITY x "y">]>'
    with pytest.raises(SourceError, match="entities of its own"):
        list(figures_of_jats(_article(tmp_path, "<p>&x;</p>", before + hidden)))
