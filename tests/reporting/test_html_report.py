import re
import weakref
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_findings import attention, finding, journal_of, jpeg, run, skipped

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.reporting import html
from napari_micrograph_vlm.reporting.charts import bar_chart, confusion_table, safe
from napari_micrograph_vlm.reporting.html import write_report
from napari_micrograph_vlm.reporting.table import frame_of
from napari_micrograph_vlm.runs.findings import Said
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.tiles import NOTHING_TO_SEE

VOID = {"meta", "input", "br", "col"}
ELEMENTS = VOID | {
    *("html", "head", "title", "style", "body", "h1", "h2", "p", "main", "label", "ul", "li", "b"),
    *("dl", "dt", "dd", "div", "span", "table", "colgroup", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "svg", "text", "rect", "image", "use"),
}
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></svg></td><iframe src=//example.org>",
    "&lt;b&gt; &amp; <!-- ]]> -->",
    "javascript:alert(1)",
    "\u202egnp.exe\0\x1b[31m",
    "\udcff",
]


class Page(HTMLParser):
    """Reads a page and sees that nothing is in it that should not be."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found, self.words, self.ids, self.images = [], [], [], [], []
        self.cells = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in ELEMENTS, tag
        self.found.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")
        for name, value in attributes:
            assert not name.startswith("on"), name
            assert name not in ("src", "action", "formaction", "srcdoc"), name
            if name == "href":
                assert re.fullmatch(r"#t\d+|data:image/(jpeg|png);base64,[\w+/=]+", value)
                self.images.append(value)
            if name == "style":
                assert re.fullmatch(r"--share:[\d.]+", value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
            if self.cells and ("td" in self.open or "th" in self.open):
                self.cells[-1] += data

    def handle_comment(self, data):
        raise AssertionError(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def page_of(tmp_path, journal, **options):
    path = tmp_path / "report.html"
    write_report(journal, path, **options)
    return Page(path.read_text(encoding="utf-8"))


def test_a_report_shows_everything_of_a_run(tmp_path):
    with journal_of(finding("a"), finding("b", best="pore"), skipped("c")) as journal:
        journal.correct("b", "bridge")
        journal.review("a", True)
        page = page_of(tmp_path, journal)
    for words in (
        "student, ",
        "The vision-language model student (revision abc, on cpu)",
        "mapped by cross-attention",
        "root: /data",
        "/data/a.tif",
        "slice 3",
        "object 7",
        "rows 10–70, columns 20–100",
        "90 × 160 nm",
        "corrected by a person",
        "the model said pore 0.80",
        "agreed by a person",
        "What is it?",
        "a bridge (0.90)",
        "Skipped (1)",
        "c.tif",
        "It is damaged.",
        "kept the model’s class of 1 (50 %)",
        "2 (100 %)",
    ):
        assert words in page.text, words
    for count, name in (
        (2, "looked at"),
        (1, "skipped"),
        (2, "seen by a person"),
        (1, "corrected"),
    ):
        assert f"{count}{name}" in page.text
    assert len(page.ids) == len(set(page.ids))


def test_each_picture_is_there_once_with_its_overlay_and_beside_it_for_paper(tmp_path):
    with journal_of(finding("a"), finding("b", maps=()), finding("c", thumbnail=b"")) as journal:
        page = page_of(tmp_path, journal)
    thumbnails = [one for one in page.images if one.startswith("data:image/jpeg")]
    overlays = [one for one in page.images if one.startswith("data:image/png")]
    assert len(thumbnails) == 2
    assert len(overlays) == 2
    assert page.images.count("#t1") == 1
    assert "#t2" not in page.images


def test_the_overlay_can_be_hidden_without_a_script_and_paper_shows_both():
    css = files("napari_micrograph_vlm.reporting").joinpath("report.css").read_text("utf-8")
    assert "#overlays:not(:checked) ~ main .look" in css
    assert "@media print" in css
    assert "size: A4" in css
    assert "prefers-color-scheme: dark" in css
    assert "url(" not in css
    assert "@import" not in css
    assert css.count("{") == css.count("}")


def test_nothing_may_be_fetched_or_run(tmp_path):
    with journal_of(finding()) as journal:
        write_report(journal, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'content="{policy}"' in text
    assert text.index("Content-Security-Policy") < text.index("<title>")
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize("nasty", NASTY)
def test_no_text_becomes_an_element(tmp_path, nasty):
    names = (nasty[:200], "other")
    one = finding(
        item=Item("k", nasty),
        best=names[0],
        probabilities={names[0]: 0.9, "other": 0.1},
        said=(Said(nasty, nasty, 0.5),),
        unit=nasty,
        maps=(),
    )
    of = run(names if nasty.isprintable() else ("a", "b"), (nasty,))

    class Recorded:
        run = of

        def findings(self, keys=None, *, pictures=True):
            return iter([one, skipped(nasty, nasty)])

    page = page_of(tmp_path, Recorded(), title=nasty)
    if nasty.isprintable():
        assert page.text.count(" ".join(nasty.split())) >= 6


@settings(max_examples=40, deadline=None)
@given(text=st.one_of(st.sampled_from(NASTY), st.text(), st.text(alphabet="<>&\"'=/;#x -!")))
def test_any_text_stays_a_text(text):
    fragment = f'<p title="{safe(text)}">{safe(text)}</p>{bar_chart({text: 3}, text)}'
    page = Page(fragment + confusion_table({(text, "a"): 1}, (text,)))
    assert page.found.count("p") == 1
    assert set(page.found) <= {"p", "svg", "title", "text", "rect"} | {
        *("table", "thead", "tbody", "tr", "th", "td")
    }


def test_long_texts_are_cut():
    assert len(safe("x" * 10_000)) == 2000
    assert safe("<" * 10, 4) == "&lt;&lt;&lt;…"


def test_the_confusion_matrix_has_the_person_in_rows():
    pairs = {("pore", "bridge"): 3, ("pore", "pore"): 1, ("bridge", "bridge"): 5}
    page = Page(confusion_table(pairs, ("bridge", "pore", "never")))
    assert page.cells[0:2] == ["", "the model’s class"]
    assert page.cells[2:5] == ["a person’s class", "bridge", "pore"]
    assert page.cells[5:8] == ["bridge", "5", "·"]
    assert page.cells[8:] == ["pore", "3", "1"]


def test_many_classes_are_counted_together():
    counts = {f"class {i}": 1 + (i < 5) for i in range(500)}
    chart = Page(bar_chart(counts, "classes"))
    assert chart.found.count("rect") == 30
    assert "471 other classes" in chart.text
    pairs = {(f"class {i}", f"class {i + 1}"): 1 for i in range(100)}
    table = Page(confusion_table(pairs))
    assert table.found.count("tr") == 26
    assert sum(int(cell) for cell in table.cells if cell.isdigit()) == 100


def test_a_run_without_classes_or_items_has_a_report(tmp_path):
    with journal_of(of=run(names=None)) as journal:
        page = page_of(tmp_path, journal, title="Nothing yet")
    assert "Nothing yet" in page.text
    assert "Items (0)" in page.text
    with journal_of(finding(best="", probabilities={}), of=run(names=None)) as journal:
        page = page_of(tmp_path, journal)
    assert "a bridge (0.90)" in page.text


def test_many_items_are_folded_and_their_pictures_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "PICTURE_BYTES", 400_000)
    large = jpeg((160, 160))
    many = [finding(str(i), thumbnail=large) for i in range(300)]
    with journal_of(*many) as journal:
        page = page_of(tmp_path, journal)
    assert page.found.count("details") == 2
    assert sum(map(len, page.images)) < 2 * 400_000
    assert "pictures were left out" in page.text


def test_items_beyond_the_limit_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "MOST_ROWS", 3)
    monkeypatch.setattr(html, "MOST_SKIPPED", 1)
    items = [finding(str(i)) for i in range(5)] + [skipped("x"), skipped("y")]
    with journal_of(*items) as journal:
        page = page_of(tmp_path, journal)
    assert "And 2 more" in page.text
    assert "And 1 more" in page.text
    assert "5 (100 %)" in page.text


def test_odd_maps_and_pictures_do_no_harm(tmp_path):
    odd = [
        finding("a", thumbnail=b"<svg onload=alert(1)>"),
        finding("b", thumbnail=b"\xff\xd8\xff broken" * 5000),
        finding("c", maps=(attention((60, 3)),)),
        finding("d", maps=(attention((1, 1), (0, 0)),), shape=(0, 0)),
    ]
    with journal_of(*odd) as journal:
        page = page_of(tmp_path, journal)
    assert "2 pictures were left out" in page.text


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path):
    with (
        journal_of(finding()) as journal,
        pytest.raises(MicrographError, match="There is no folder"),
    ):
        write_report(journal, tmp_path / "no" / "report.html")


def test_a_class_nobody_listed_is_counted(tmp_path):
    with journal_of(finding(best="unknown")) as journal:
        page = page_of(tmp_path, journal)
    assert "1 (100 %)" in page.text
    assert "unknown" in page.text


def test_what_two_tiles_saw_is_counted_once_and_empty_tiles_are_not_listed(tmp_path):
    of = replace(run(), source={"kind": "folder", "tiles": {"side": 64, "overlap": 24}})
    with journal_of(*overlapping(), skipped("e", NOTHING_TO_SEE), of=of) as journal:
        page = page_of(tmp_path, journal)
        table = frame_of(journal)
    assert "(1 counted less)" in page.text
    assert "bridge" in page.text
    assert "1 (100 %)" in page.text
    assert "2looked at" in page.text
    assert "1empty tiles" in page.text
    assert "Skipped" not in page.text
    assert list(table["same_as"]) == ["", "a", ""]


def test_a_journal_of_tiles_is_never_whole_in_memory(tmp_path):
    class Streaming:
        run = replace(run(), source={"kind": "folder", "tiles": {"side": 64, "overlap": 24}})
        most = 0

        def __init__(self):
            self.alive = weakref.WeakSet()

        def findings(self, keys=None, *, pictures=True):
            for number in range(60):
                one = overlapping()[number % 2]
                one = replace(one, item=replace(one.item, key=f"{number}"))
                if pictures:
                    self.alive.add(one.maps[0])
                else:
                    one = replace(one, maps=(), thumbnail=b"")
                yield one
                del one
                self.most = max(self.most, len(self.alive))

    recorded = Streaming()
    table = frame_of(recorded)
    assert recorded.most <= 2
    assert sorted(table["same_as"].value_counts()) == [1, 59]
    write_report(recorded, tmp_path / "report.html")
    assert recorded.most <= 2
    assert "(59 counted less)" in (tmp_path / "report.html").read_text(encoding="utf-8")


def overlapping():
    """Two tiles whose models looked at one place in the strip that they share."""
    left = attention((8, 8), (4, 6))
    right = attention((8, 8), (4, 1))
    return (
        finding("a", item=Item("a", "w.tif", (), (0, 0, 64, 64)), maps=(left,), probability=0.9),
        finding("b", item=Item("b", "w.tif", (), (0, 40, 64, 104)), maps=(right,)),
    )
