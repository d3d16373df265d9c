"""Marks in an answer: kept where the caption says it, taken out and told where it does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.retrieval.marks import checked_marks
from napari_micrograph_vlm.retrieval.support import repeats, supports
from napari_micrograph_vlm.retrieval.words import content_words
from retrieval.making_figures import CAPTIONS


def origins(text, question="What is this?"):
    checked = checked_marks(text, CAPTIONS, question)
    return [(checked.text[one.start : one.stop].strip(), one.sources) for one in checked.parts]


@pytest.mark.parametrize(
    ("claim", "number"),
    [
        ("The ligaments are 20 nm wide", 1),
        ("The ligaments of the gold are 0.02 µm wide", 1),
        ("Pt particles on a carbon support", 2),
        ("No cracks are visible", 2),
        ("Fibers with a diameter of 1200 nm", 3),
        ("It was dealloyed for 10 h", 1),
    ],
)
def test_what_a_caption_says_keeps_its_mark(claim, number):
    checked = checked_marks(f"{claim} [{number}].", CAPTIONS, "What is this?")
    assert checked.text == f"{claim} [{number}]."
    assert checked.parts[0].sources == (number,)
    assert not checked.removed


@pytest.mark.parametrize(
    ("claim", "number"),
    [
        ("The ligaments are 25 nm wide", 1),
        ("It was dealloyed for 12 h", 1),
        ("Cracks are visible on the particles", 2),
        ("There are no cracks in the coating", 4),
        ("Gold particles lie on the coating of steel", 3),
        ("As in", 1),
    ],
)
def test_what_no_caption_says_loses_its_mark_and_is_told(claim, number):
    checked = checked_marks(f"{claim} [{number}].", CAPTIONS, "What is this?")
    assert checked.text == f"{claim}."
    assert {part.sources for part in checked.parts} == {()}
    assert len(checked.removed) == 1
    assert f"[{number}]" in checked.removed[0]


def test_parts_are_from_the_image_or_from_a_source():
    assert origins("The surface is rough. The fibres are electrospun [3]. It shines. ") == [
        ("The surface is rough.", ()),
        ("The fibres are electrospun [3]", (3,)),
        (". It shines.", ()),
    ]


def test_marks_are_read_in_the_ways_that_models_write_them():
    assert origins("Polymer fibres (source 3).")[0] == ("Polymer fibres [3]", (3,))
    assert origins("Fibres of polymer. [3] It shines.")[0] == ("Fibres of polymer. [3]", (3,))
    assert origins("Ligaments of gold [1][2], electrospun fibres [Figure 3]")[0][1] == (1,)
    assert origins("Gold ligaments [1-3].")[0] == ("Gold ligaments [1]", (1,))


@pytest.mark.parametrize(
    "text", ["The [100] direction.", "The [1,1,1] axis.", "A pore (1).", "x [0]"]
)
def test_other_things_in_brackets_stay(text):
    checked = checked_marks(text, CAPTIONS)
    assert (checked.text, checked.removed) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "The lamellae grow along the [1-10] direction of the substrate.",
        "Zone axis is [11-2] here.",
        "The surface is cut along [10] and [01].",
        "Growth on (1-10) planes.",
        "The interval is [1, 2].",
        "Facets along the [1-2] direction.",
        "Seen with hkl = [1,2,3].",
        "The zone axis: [1]. A [2] plane. Direction [2-1], [1-1].",
        "A [2]catenane and [4]helicene.",
        "  two blanks first",
    ],
)
def test_indices_and_intervals_are_no_marks(text):
    checked = checked_marks(text, CAPTIONS)
    assert (checked.text, checked.removed) == (text, ())


def test_a_source_behind_a_direction_is_a_mark_all_the_same():
    checked = checked_marks("Gold ligaments lie in this plane [1]. Steel lies in it [2].", CAPTIONS)
    assert checked.text == "Gold ligaments lie in this plane [1]. Steel lies in it."


def test_a_number_that_no_source_has_stays_and_is_told():
    checked = checked_marks("It is made of zirconia [9].", CAPTIONS)
    assert checked.text == "It is made of zirconia [9]."
    assert checked.removed == ("The number [9] in the answer is no source's: there are 4.",)
    checked = checked_marks("It is made of zirconia [source 9].", CAPTIONS)
    assert checked.text == "It is made of zirconia."
    assert "no such source" in checked.removed[0]


_NO_MARKS = st.one_of(
    st.text(alphabet="ab ,.;-–\n()°", max_size=8),
    st.lists(st.integers(5, 99) | st.sampled_from(["0", "01", "02", "1-10", "2-1", "11-2"])).map(
        lambda parts: f"[{', '.join(map(str, parts))}]"
    ),
    st.tuples(st.integers(1, 4), st.integers(1, 4)).map(
        lambda ends: f"the interval is [{ends[0]}, {ends[1]}]"
    ),
    st.integers(1, 4).map(lambda number: f" [{number}] axis "),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_NO_MARKS, max_size=6).map("".join))
def test_a_text_without_marks_is_never_changed(text):
    assert checked_marks(text, CAPTIONS).text == text


@pytest.mark.parametrize(
    ("caption", "claim", "true"),
    [
        ("Imaged at 10 kV with a detector.", "Imaged at 10 eV with a detector", False),
        ("Imaged at 10 kV with a detector.", "Imaged at 10 KV with a detector", True),
        ("Steel annealed for 3 h.", "There are 3 steel particles", False),
        ("Steel annealed for 3 h.", "Steel annealed for 3", False),
        ("Steel annealed for 3 hours.", "Steel annealed for 3 h", True),
        ("Steel with 3 large platinum particles.", "3 platinum particles on steel", True),
        ("Steel with 3 large pores.", "3 particles in steel", False),
        ("Steel cycled for a) 10, b) 20 and c) 30 after polishing.", "Steel cycled for 20", True),
        ("Steel at 10, 20 and 30 kV.", "Steel at 10 kV", True),
        ("Steel with 5 wt% nickel.", "Steel with 5 wt.% nickel", True),
        ("Steel with 5 wt% nickel.", "Steel with 5 % nickel", False),
        ("Steel heated at 5 °C/min.", "Steel heated at 5 °C per minute", True),
        ("Steel heated at 5 °C/min.", "Steel heated at 5 °C", False),
        ("Steel held at -20 °C.", "Steel held at 20 °C", False),
        ("Steel at 5,000× zoom.", "Steel at 5000x zoom", True),
        ("Steel grown at 20 nm/s.", "Steel grown at 20 mm/s", False),
        ("Steel pores of 20 nm² area.", "Steel pores of 20 nm", False),
    ],
)
def test_a_number_needs_its_own_unit(caption, claim, true):
    assert supports(caption, claim) is true


def test_the_words_of_the_question_alone_support_nothing():
    assert supports(CAPTIONS[3], "There is a crack in the coating")
    assert not supports(CAPTIONS[3], "There is a crack", "Is there a crack?")


def test_a_copied_sentence_is_from_its_caption_without_a_mark():
    copied = "Nanoporous gold after dealloying for 10 h, it seems. I see pores."
    assert origins(copied)[0][1] == (1,)
    assert origins(copied)[1] == ("I see pores.", ())
    assert not repeats(CAPTIONS[0], "The gold is porous after 10 h of dealloying")


def test_words_are_alike_whatever_their_ending():
    assert content_words("Pores, cracking, coated fibers") == content_words("pore crack coat fibre")


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab 1234.[](),;-–\n", max_size=60))
def test_parts_cover_the_text_whatever_a_model_writes(text):
    checked = checked_marks(text, CAPTIONS)
    edges = [0, *(part.stop for part in checked.parts)]
    assert [part.start for part in checked.parts] == edges[:-1]
    assert edges[-1] == len(checked.text)
    for start, stop, now in checked.pieces:
        assert checked.text[now : now + stop - start] == text[start:stop]
