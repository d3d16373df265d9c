"""Where captions begin, what their letters stand for, and text as it was meant."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.datasets.papers.captions import (
    caption_start,
    clean_text,
    sub_captions,
)


@pytest.mark.parametrize(
    ("line", "label", "rest"),
    [
        ("Figure 3. SEM images of gold.", "Figure 3", "SEM images of gold."),
        ("Fig. 3 SEM image", "Fig. 3", "SEM image"),
        ("FIG. 2. (color online) X", "FIG. 2", "(color online) X"),
        ("Fig. 1 | Overview of", "Fig. 1", "Overview of"),
        ("Figure 2—Foo", "Figure 2", "Foo"),
        ("Fig. 2.—Foo", "Fig. 2", "Foo"),
        ("Extended Data Fig. 2 | Foo", "Extended Data Fig. 2", "Foo"),
        ("Supplementary Figure S1: Foo", "Supplementary Figure S1", "Foo"),
        ("Scheme 1. Synthesis", "Scheme 1", "Synthesis"),
        ("Abb. 3 Rasterbild", "Abb. 3", "Rasterbild"),
        ("图1. 形貌", "图1", "形貌"),
        ("图 1 纳米颗粒的形貌", "图 1", "纳米颗粒的形貌"),
        ("Рис. 2. Снимок", "Рис. 2", "Снимок"),
        ("Figura 1. Imagen", "Figura 1", "Imagen"),
        ("3. ábra. Valami", "3. ábra", "Valami"),
        ("Şekil 3. Foo", "Şekil 3", "Foo"),
        ("Fig. 3 (a) SEM and (b) TEM", "Fig. 3", "(a) SEM and (b) TEM"),
        ("Fig. 1 a SEM image of x", "Fig. 1", "a SEM image of x"),
        ("Fig. 3 A view of", "Fig. 3", "A view of"),
        ("Figure 3", "Figure 3", ""),
        ("Fig. A.1. Foo", "Fig. A.1", "Foo"),
        ("Figure 2 3D view", "Figure 2", "3D view"),
    ],
)
def test_captions_are_found_by_their_label(line: str, label: str, rest: str) -> None:
    start = caption_start(line)
    assert start is not None
    assert (start.label, start.rest) == (label, rest)


@pytest.mark.parametrize(
    "line",
    [
        "Figure 3 shows the",
        "Figure 3, which",
        "Figure 3) and",
        "Fig. 3a shows",
        "Fig. 3(a) shows",
        "Figure 3 (a) and (b) show the",
        "Figure 3. However, we",
        "in Figure 3.",
        "Figures 3 and 4 show",
        "Table 1. Foo",
        "figure in the",
        "Figure of merit",
        "图3所示",
        "Рис. 2 показывает",
        "Abb. 3 zeigt",
        "Image 3 Foo",
        "fig. 3 shows",
        "",
    ],
)
def test_mentions_in_running_text_are_no_captions(line: str) -> None:
    assert caption_start(line) is None


def test_a_caption_says_that_it_goes_on() -> None:
    start = caption_start("Figure 1. (Continued)")
    assert start is not None
    assert start.continued


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("(a) SEM of gold, (b) TEM of silver.", {"a": "SEM of gold", "b": "TEM of silver"}),
        ("Gold (a), silver (b) and tin (c).", {"a": "Gold", "b": "silver", "c": "tin"}),
        ("(a–c) SEM. (d) TEM.", {"a": "SEM", "b": "SEM", "c": "SEM", "d": "TEM"}),
        ("(a)–(c) SEM; (d) TEM", {"a": "SEM", "b": "SEM", "c": "SEM", "d": "TEM"}),
        ("a, SEM. b,c, TEM (c) 2020.", {"a": "SEM", "b": "TEM (c) 2020", "c": "TEM (c) 2020"}),
        ("a SEM of foo, b TEM and c EDX", {"a": "SEM of foo", "b": "TEM", "c": "EDX"}),
        ("A) SEM B) TEM", {"A": "SEM", "B": "TEM"}),
        ("**a** SEM **b** TEM", {"a": "SEM", "b": "TEM"}),
        ("а) СЭМ б) ПЭМ", {"а": "СЭМ", "б": "ПЭМ"}),
        ("(i) one (ii) two", {"i": "one", "ii": "two"}),
        ("Left: SEM. Right: TEM.", {"left": "SEM", "right": "TEM"}),
        ("SEM of foo (left) and bar (right).", {"left": "SEM of foo", "right": "bar"}),
        ("Foo (a; bar = 5 µm) and baz (b; bar = 1 µm).", {"a": "Foo", "b": "baz"}),
        ("(a, b) Grains. (a) 5 kV. (b) 9 kV.", {"a": "Grains 5 kV", "b": "Grains 9 kV"}),
        ("(a), (b) and (c) SEM; (d) TEM", {"a": "SEM", "b": "SEM", "c": "SEM", "d": "TEM"}),
        ("(a) Foo as in (c), (b) bar.", {"a": "Foo as in (c)", "b": "bar"}),
        ("One micrograph of (nearly) everything.", {}),
        ("(a) alone", {}),
    ],
)  # fmt: skip
def test_parts_of_captions_go_to_their_letters(caption: str, said: dict[str, str]) -> None:
    assert sub_captions(caption) == said


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("diﬀerent ﬁne ﬂows", "different fine flows"),
        ("nano-\nparticles", "nanoparticles"),
        ("high-\nresolution X-\nray Al-\nTi", "high-resolution X-ray Al-Ti"),
        ("multi-layer, and a multi-\nlayer", "multi-layer, and a multi-layer"),
        ("parti\ufffecles", "particles"),
        ("70 \uf06dm \uf061-Fe at 5 \uf0b0C", "70 µm α-Fe at 5 °C"),
        ("5 μm", "5 µm"),
        ("µ and 𝛼", "µ and α"),
        ("K¨ohler", "Köhler"),
        ("5´end", "5´end"),
        ("20 ◦C", "20 °C"),
        ("a\u00adb\u200bc (cid:3)\x00d\u00a0e", "abc d e"),
        ("e\u0301", "é"),
    ],
)
def test_text_is_as_it_was_meant(printed: str, meant: str) -> None:
    assert clean_text(printed) == meant


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_cleaned_to_one_composed_line(text: str) -> None:
    clean = clean_text(text)
    assert clean == unicodedata.normalize("NFC", " ".join(clean.split()))
    assert clean.isprintable()
    clean.encode("utf-8")


@settings(max_examples=60)
@given(st.text(alphabet="abcABC()[].,;:–- \n01Fig", max_size=60))
def test_any_caption_is_read_without_error(text: str) -> None:
    said = sub_captions(text)
    assert len(said) != 1
    start = caption_start(f"Figure 3. {text}")
    assert start is None or start.label.startswith("Figure 3")
