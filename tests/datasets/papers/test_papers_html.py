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
