"""Figures of saved web pages: what lies beside the page, and nothing else."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from compounds import picture
from PIL import Image

from napari_micrograph_vlm.datasets.papers.html import figures_of_html
from napari_micrograph_vlm.errors import SourceError


def _saved(path: Path, width: int = 200, height: int = 150, seed: int = 0) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture(np.random.default_rng(seed), width, height)
    image.save(path)
    return image


def _page(folder: Path, body: str, head: str = "<title>Gold foams</title>") -> Path:
    page = folder / "Foam.html"
    page.write_text(f"<html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return page


def test_figures_come_with_label_caption_title_and_doi(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "one.png", 320, 240)
    page = _page(
        tmp_path,
        '<figure><img src="Foam_files/one.png"><figcaption><b>Figure 2.</b> SEM image of '
        "a ﬁne <i>foam</i>.<script>no()</script></figcaption></figure>",
        '<meta name="citation_title" content="Gold foams"><meta name="citation_doi" '
        'content="doi:10.1234/foam.5">',
    )
    (found,) = figures_of_html(page)
    assert (found.label, found.caption) == ("Figure 2", "SEM image of a fine foam.")
    assert (found.title, found.doi) == ("Gold foams", "10.1234/foam.5")
    assert found.image.size == (320, 240)
    assert found.page is None


def test_wikipedias_thumbnails_and_galleries_are_figures(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "220px-A.png", 220, 160, 1)
    _saved(tmp_path / "Foam_files" / "B.png", 180, 140, 2)
    _saved(tmp_path / "Foam_files" / "C.png", 200, 140, 3)
    page = _page(
        tmp_path,
        '<div class="thumb tright"><div class="thumbinner"><a href="/wiki/File:A.png">'
        '<img src="//upload.wikimedia.org/thumb/A.png/220px-A.png"></a><div class="thumbcaption">'
        '<div class="magnify"><a>Enlarge</a></div>Grains of iron<sup class="reference">[3]</sup>'
        '</div></div></div><ul class="gallery"><li class="gallerybox"><div class="thumb">'
        '<img src="Foam_files/B.png"></div><div class="gallerytext"><p>Sponge of gold</p></div>'
        '</li></ul><figure typeof="mw:File/Thumb"><img src="./Foam_files/C.png">'
        "<figcaption>Wires of copper</figcaption></figure>",
    )
    found = list(figures_of_html(page))
    assert [one.caption for one in found] == ["Grains of iron", "Sponge of gold", "Wires of copper"]


def test_the_largest_file_that_was_saved_is_taken(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "small.png", 100, 75)
    _saved(tmp_path / "Foam_files" / "large.png", 400, 300)
    page = _page(
        tmp_path,
        '<figure><a href="Foam_files/large.png"><img src="Foam_files/small.png" srcset="'
        'Foam_files/small.png 1x, Foam_files/absent.png 2x"></a><figcaption>Foam</figcaption>'
        "</figure>",
    )
    (found,) = figures_of_html(page)
    assert found.image.size == (400, 300)


def test_pictures_within_the_page_are_read(tmp_path: Path) -> None:
    data = io.BytesIO()
    picture(np.random.default_rng(4), 120, 90).save(data, "PNG")
    code = base64.b64encode(data.getvalue()).decode()
    page = _page(
        tmp_path,
        f'<figure><img src="data:image/png;base64,{code}"><figcaption>Foam</figcaption></figure>',
    )
    (found,) = figures_of_html(page)
    assert found.image.size == (120, 90)


@pytest.mark.parametrize(
    "address", ["../secret.png", "/{0}/secret.png", "file://{0}/secret.png", "Foam_files/link.png"]
)
def test_files_outside_the_pages_folder_are_not_read(tmp_path: Path, address: str) -> None:
    _saved(tmp_path / "secret.png")
    folder = tmp_path / "page"
    _saved(folder / "Foam_files" / "mine.png", 210, 160)
    (folder / "Foam_files" / "link.png").symlink_to(tmp_path / "secret.png")
    page = _page(
        folder,
        f'<figure><img src="{address.format(tmp_path)}"><figcaption>Theirs</figcaption></figure>'
        '<figure><img src="Foam_files/mine.png"><figcaption>Mine</figcaption></figure>',
    )
    assert [one.caption for one in figures_of_html(page)] == ["Mine"]


def test_logos_and_pictures_without_captions_are_left_out(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "a.png")
    _saved(tmp_path / "Foam_files" / "icon.png", 24, 24)
    page = _page(
        tmp_path,
        '<img src="Foam_files/a.png"><figure><img src="Foam_files/icon.png"><figcaption>An icon'
        '</figcaption></figure><figure><img src="Foam_files/a.png"><figcaption>Publisher logo'
        "</figcaption></figure>",
    )
    assert list(figures_of_html(page)) == []


def test_a_page_saved_without_its_pictures_says_so(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        '<figure><img src="https://example.org/far.png"><figcaption>Foam</figcaption></figure>',
    )
    with pytest.raises(SourceError, match=r"far\.png.*Web page, complete"):
        list(figures_of_html(page))


def test_broken_pages_and_pictures_do_not_stop_the_rest(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "good.png")
    (tmp_path / "Foam_files" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    page = _page(
        tmp_path,
        '<figure><img src="Foam_files/bad.png"><figcaption>Bad</figcaption></figure><figure><div>'
        '<img src="Foam_files/good.png"><figcaption>Good</figcaption>',
    )
    assert [one.caption for one in figures_of_html(page)] == ["Good"]
    page.write_bytes(b"")
    with pytest.raises(SourceError, match="no web page"):
        list(figures_of_html(page))


def test_publishers_ways_of_marking_captions_are_read(tmp_path: Path) -> None:
    for number in range(5):
        _saved(tmp_path / "Foam_files" / f"{number}.png", seed=number)
    shown = '<img src="Foam_files/{}.png">'.format
    page = _page(
        tmp_path,
        f"<figure><figcaption><b>Fig. 1: Foam.</b></figcaption><div><a>{shown(0)}</a><div class="
        '"c-article-section__figure-description"><p>Made of gold.</p></div></div></figure>'
        f'<figure class="fig"><h4 class="obj_head">Figure 2.</h4><p>{shown(1)}</p><figcaption><p>'
        'Cracks.</p></figcaption></figure><div class="html-fig-wrap"><div class="html-fig_img">'
        f'{shown(2)}</div><div class="html-fig_description"><b>Figure 3.</b> Wires.</div></div>'
        f'<div class="thumb tmulti"><div class="thumbinner"><div class="tsingle">{shown(3)}<div '
        f'class="thumbcaption">Tips</div></div><div class="tsingle">{shown(4)}<div class='
        '"thumbcaption">Films</div></div></div></div>',
    )
    found = list(figures_of_html(page))
    assert [(one.label, one.caption) for one in found] == [
        ("Fig. 1", "Foam. Made of gold."),
        ("Figure 2", "Cracks."),
        ("Figure 3", "Wires."),
        ("", "Tips"),
        ("", "Films"),
    ]
    for number, one in enumerate(found):
        saved = Image.open(tmp_path / "Foam_files" / f"{number}.png").convert("RGB")
        assert one.image.convert("RGB").tobytes() == saved.tobytes()


_NESTED = (
    '<figure class="ltx_figure"><div class="ltx_flex_figure"><div><figure><img src="Foam_files/'
    '0.png"><figcaption><span class="ltx_tag">(a) </span>Before</figcaption></figure></div><figure>'
    '<img src="Foam_files/1.png"><figcaption>(b) After</figcaption></figure></div><figcaption>'
    '<span class="ltx_tag">Figure 1: </span>Foam.</figcaption></figure>'
)


def test_figures_within_a_figure_are_its_panels(tmp_path: Path) -> None:
    for number in range(2):
        _saved(tmp_path / "Foam_files" / f"{number}.png", seed=number)
    (found,) = figures_of_html(_page(tmp_path, _NESTED))
    assert (found.label, found.caption) == ("Figure 1", "Foam. (a) Before (b) After")
    assert [(one.letter, one.caption) for one in found.panels] == [("a", "Before"), ("b", "After")]
    for number, panel in enumerate(found.panels):
        saved = Image.open(tmp_path / "Foam_files" / f"{number}.png").convert("L")
        assert found.image.crop(panel.box).convert("L").tobytes() == saved.tobytes()


def test_one_figure_within_a_figure_gets_label_and_caption_of_the_outer(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "0.png")
    page = _page(
        tmp_path,
        '<figure><div><figure><img src="Foam_files/0.png"><figcaption>(a) One</figcaption></figure>'
        "</div><figcaption>Figure 1: Whole.</figcaption></figure>",
    )
    (found,) = figures_of_html(page)
    assert (found.label, found.caption, found.panels) == ("Figure 1", "Whole. (a) One", ())


def test_figures_with_labels_of_their_own_stay_apart_in_a_common_box(tmp_path: Path) -> None:
    for number in range(2):
        _saved(tmp_path / "Foam_files" / f"{number}.png", seed=number)
    inner = '<figure><img src="Foam_files/{0}.png"><figcaption>Figure {0}: x</figcaption></figure>'
    page = _page(
        tmp_path,
        f"<figure>{inner.format(0)}{inner.format(1)}<figcaption>Both</figcaption></figure>",
    )
    assert [one.label for one in figures_of_html(page)] == ["Figure 0", "Figure 1"]


def test_several_pictures_of_one_caption_are_put_side_by_side(tmp_path: Path) -> None:
    for number in range(5):
        _saved(tmp_path / "Foam_files" / f"{number}.png", seed=number)
    _saved(tmp_path / "Foam_files" / "icon.png", 24, 24)
    shown = "".join(f'<img src="Foam_files/{one}.png">' for one in (0, 1, 2, 3, 4, "icon"))
    page = _page(
        tmp_path,
        f"<figure>{shown}<figcaption>Fig. 1: (a) A, (b) B, (c) C, (d) D, (e) E.</figcaption>"
        f"</figure><figure>{shown}<figcaption>Fig. 2: Foams.</figcaption></figure>",
    )
    first, second = figures_of_html(page)
    assert [(one.letter, one.caption) for one in first.panels] == [(x, x.upper()) for x in "abcde"]
    assert [one.letter for one in second.panels] == [""] * 5
    assert first.image.size == (620, 310)
    for number, panel in enumerate(first.panels):
        saved = Image.open(tmp_path / "Foam_files" / f"{number}.png").convert("L")
        assert first.image.crop(panel.box).convert("L").tobytes() == saved.tobytes()


def test_two_sizes_of_one_picture_are_one_picture(tmp_path: Path) -> None:
    image = _saved(tmp_path / "Foam_files" / "large.png", 400, 300)
    image.resize((200, 150)).save(tmp_path / "Foam_files" / "small.png")
    page = _page(
        tmp_path,
        '<figure><img src="Foam_files/small.png"><img src="Foam_files/large.png"><figcaption>Foam'
        "</figcaption></figure>",
    )
    (found,) = figures_of_html(page)
    assert (found.image.size, found.panels) == ((400, 300), ())


def test_figures_without_their_picture_and_icons_are_named(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "good.png")
    _saved(tmp_path / "Foam_files" / "icon.png", 24, 24)
    page = _page(
        tmp_path,
        '<figure><img src="Foam_files/good.png"><figcaption>Figure 1. x</figcaption></figure>'
        '<figure><img src="Foam_files/far.png"><figcaption>Figure 2. y</figcaption></figure>'
        '<figure><img src="Foam_files/icon.png"><figcaption>A sign</figcaption></figure>',
    )
    skipped: list[str] = []
    missing: list[str] = []
    assert [one.label for one in figures_of_html(page, skipped=skipped, missing=missing)] == [
        "Figure 1"
    ]
    assert skipped == [
        "Foam.html: Figure 2: Foam_files/far.png does not lie beside the page.",
        "Foam.html: A picture is empty, an icon or a logo.",
    ]
    assert missing == ["Foam_files/far.png"]


def test_a_table_set_as_a_figure_is_none(tmp_path: Path) -> None:
    _saved(tmp_path / "Foam_files" / "a.png")
    page = _page(
        tmp_path,
        '<figure><img src="Foam_files/a.png"><figcaption>Table 1. Foams.</figcaption></figure>',
    )
    assert list(figures_of_html(page)) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10<sup>-3</sup> mol", "10⁻³ mol"),
        ("H<sub>2</sub>O", "H₂O"),
        ("T<sub>max</sub>", "T_{max}"),
        ("Ti<sup>4+</sup>", "Ti⁴⁺"),
        ("5 <sup>o</sup>C", "5 °C"),
        ("the 1<sup>st</sup> film", "the 1st film"),
        ("known<sup><a href='#r'>[1]</a></sup>", "known[1]"),
        ('<math class="ltx_Math"><msup><mi>x</mi><mn>2</mn></msup></math>', "x²"),
        ('<math class="ltx_Math"><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup></math>', "x₁²"),
    ],
)
def test_raised_and_lowered_letters_stay_so(tmp_path: Path, written: str, read: str) -> None:
    _saved(tmp_path / "Foam_files" / "a.png")
    page = _page(
        tmp_path,
        f'<figure><img src="Foam_files/a.png"><figcaption>Fig. 1: {written}</figcaption></figure>',
    )
    (found,) = figures_of_html(page)
    assert found.caption == read
