"""What a statement about a figure must stand before it is kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from figure_teacher import LyingTeacher, make_world
from napari_micrograph_vlm.datasets.papers.believing import NO_VERDICT, TRUSTING
from napari_micrograph_vlm.datasets.papers.checks import (
    DOUBTED,
    NEITHER,
    NOT_SURE,
    OTHERWISE,
    UNSEEN,
    Checked,
    Statement,
    answer_again,
    check,
)
from napari_micrograph_vlm.datasets.papers.decoys import made_up
from napari_micrograph_vlm.datasets.papers.plain_checks import (
    agrees,
    is_quoted,
    numbers_of,
    plain_fault,
    sentences,
)
from napari_micrograph_vlm.datasets.papers.written import (
    parse_description,
    parse_questions,
    texts_of,
)
from napari_micrograph_vlm.datasets.teacher.reading import Unreadable

CAPTION = (
    "SEM image of Ti3C2Tx films annealed at 1,200 °C for 0.5 h. Pores are 5–10 nm wide "
    "(scale bar, 2 µm); the modulus rises with annealing."
)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("The films were annealed at 1200 °C.", ""),
        ("The films were annealed at 1 200 °C for 0,5 h.", ""),
        ("The pores are 5 to 10 nm wide.", ""),
        ("The pores are at most 10 nm wide.", ""),
        ("Three large pores lie at the left.", ""),
        ("The SEM image shows a film.", ""),
        ("Ti3C2Tx forms a film.", ""),
        ("The films were annealed at 1300 °C.", "measured value"),
        ("The pores are 5 to 12 nm wide.", "measured value"),
        ("The porosity is 40 %.", "measured value"),
        ("The pores are 5 to 10 µm wide.", "measured value"),
        ("The scale bar is 2 nm long.", "measured value"),
        ("The scale bar is 2000 nm long.", ""),
        ("It was annealed for 30 minutes.", ""),
        ("It was annealed for 0.5 s.", "measured value"),
        ("It was annealed at -1200 °C.", "measured value"),
        ("It was annealed at minus 1200 °C.", "measured value"),
        ("TiO2 covers the film.", "formula"),
        ("As shown in (b), the film is flat.", "paper"),
        ("Figure 2 shows a film.", "paper"),
        ("The authors annealed the film.", "paper"),
    ],
)
def test_letters_alone_tell_some_faults(statement, fault):
    found = plain_fault(statement, CAPTION)
    assert bool(found) == bool(fault)
    assert fault in found


@pytest.mark.parametrize(
    ("caption", "same", "others"),
    [
        ("Pores, 200 × 300 nm.", ("200 nm", "0.3 µm", "200 × 300 nm"), ("200 µm", "300 nm²")),
        ("At -20 to 40 °C.", ("-20 °C", "40 °C", "minus 20 °C"), ("20 °C", "-40 °C")),
        ("Loads of 5, 10 and 20 wt%.", ("5 wt%", "10 %", "20 wt.%"), ("20 vol%", "20 nm")),
        ("A stress of 1.2 GPa.", ("1200 MPa", "1.2 gigapascals"), ("1.2 MPa", "1.2 kV")),
        ("Taken at 500× and 10 kV.", ("500 times", "10 kV"), ("10 V", "10 keV")),
        ("An area of 5 µm².", ("5 µm²", "5 µm^2"), ("5 µm", "5 nm²")),
    ],
)
def test_a_measured_value_has_its_unit_and_its_sign(caption, same, others):
    for value in same:
        assert plain_fault(f"It was {value} there.", caption) == "", value
    for value in others:
        assert plain_fault(f"It was {value} there.", caption), value


def test_a_true_sentence_of_the_caption_has_no_fault():
    for seed in range(40):
        world = make_world(seed)
        for line in (*world.by_caption, *sentences(world.caption)):
            assert plain_fault(line, world.caption) == ""


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9999), st.sampled_from(("nm", "µm", "GPa", "°C", "%", "wt%", "h")))
def test_a_number_is_the_same_in_every_writing(number, unit):
    caption = f"The value was {number:,} {unit} in all."
    for written in (f"{number}", f"{number:,}", f"{number:,}".replace(",", " "), f"{number}.0"):
        assert plain_fault(f"It was {written} {unit}.", caption) == ""
    assert plain_fault(f"It was {number + 1} {unit}.", caption)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_checked(text):
    assert isinstance(plain_fault(text, text), str)
    assert all(isinstance(number, float) for number in numbers_of(text))
    assert " ".join(sentences(text)) == " ".join(text.split())
    made_up(text, 0)
    is_quoted(text, text, text)


def test_sentences_end_at_full_stops_that_end_them():
    text = "See Fig. 2 by Lee et al. The width is 2.5 nm, i.e. small. It grows! Does it?"
    assert sentences(text) == [
        "See Fig. 2 by Lee et al. The width is 2.5 nm, i.e. small.",
        "It grows!",
        "Does it?",
    ]


@pytest.mark.parametrize(
    ("words", "statement", "good"),
    [
        ("annealed at 1,200 °C", "The films were annealed hot.", True),
        ("Annealed at 1200 °C for 0.5h", "They were annealed for half an hour.", False),
        ("the modulus rises with annealing", "Annealing raises the modulus.", True),
        ("the modulus falls with cooling", "Annealing raises the modulus.", False),
        ("SEM image of Ti3C2Tx films", "A crack crosses the centre.", False),
        ("", "The films were annealed.", False),
    ],
)
def test_a_quotation_must_be_the_captions_own_and_about_the_statement(words, statement, good):
    assert is_quoted(words, CAPTION, statement) is good


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("At the left", "In the left part", True),
        ("Yes", "No", False),
        ("about 5 nm wide", "about 5 µm wide", False),
        ("about 5 µm wide", "about 5000 nm wide", True),
        ("It was held at -20 °C", "It was held at 20 °C", False),
        ("Pores formed during freeze drying of the aerogel", "During freeze drying pores formed in it", True),  # noqa: E501
        ("It was sintered at 900 °C for two hours", "It was sintered at 800 °C for two hours", False),  # noqa: E501
        ("Because the treatment opens the pores of the film", "It does not open the pores of the treated film", False),  # noqa: E501
    ],
)  # fmt: skip
def test_longer_answers_agree_where_one_says_more(first, second, same):
    assert agrees(first, second) is same


def test_a_decoy_is_never_true_of_the_figure():
    for seed in range(30):
        world = make_world(seed)
        for number in range(6):
            decoy = made_up(world.caption, number)
            assert decoy not in world.caption
            assert decoy not in (*world.by_caption, *world.by_picture)
            assert decoy == made_up(world.caption, number)


class Asked:
    """Asks a teacher without pictures, as ``check`` wants it."""

    def __init__(self, teacher):
        self.teacher = teacher

    def __call__(self, prompt, read, number):
        return read(self.teacher.ask(None, prompt, temperature=0, seed=number).text)


def statements_of(world):
    lines = [*world.by_caption, *world.by_picture, *world.false]
    return [Statement("description", line) for line in lines]


def test_an_honest_teacher_keeps_what_is_true_and_nothing_else():
    for seed in range(5):
        world = make_world(seed)
        made = check(
            Asked(LyingTeacher({world.caption: world})), statements_of(world), world.caption
        )
        kept = {one.statement.said: one.support for one in made if not one.why}
        assert kept == {
            **dict.fromkeys(world.by_caption, "caption"),
            **dict.fromkeys(world.by_picture, "picture"),
        }


def test_a_teacher_that_confirms_everything_is_not_believed():
    world = make_world(1)
    made = check(Asked(LyingTeacher({world.caption: world}, nods=True)), statements_of(world),
                 world.caption)  # fmt: skip
    left = [one for one in made if one.why == TRUSTING]
    assert left
    assert all(one.why for one in made)
    trusted = check(Asked(LyingTeacher({world.caption: world}, nods=True)), statements_of(world),
                    world.caption, decoys=False)  # fmt: skip
    assert not all(one.why for one in trusted)


class Scripted:
    """Answers each kind of prompt with what it is given; decoys get what is not a statement."""

    def __init__(self, **said):
        self.said, self.prompts = said, []

    def ask(self, shown, prompt, *, temperature, seed):
        from napari_micrograph_vlm.datasets.teacher.base import Reply

        self.prompts.append(prompt)
        name = next(n for n in ("verdicts", "checked", "shown", "answers") if f'"{n}"' in prompt)
        lines = [line.split(". ", 1)[1] for line in prompt.splitlines() if line[:1].isdigit()]
        given = self.said.get(name, {})
        return Reply(json.dumps({name: [given.get(line, "neither") for line in lines]}))


def test_each_reason_to_drop_a_statement_is_told_apart():
    lines = {name: f"The film is {name} all over." for name in
             ("held", "doubted", "unseen", "silent", "unsupported", "misquoted")}  # fmt: skip
    caption = "The film is shown, held and doubted, after it was made in the oven of a laboratory."
    by_caption = {"support": "caption", "words": "the film is shown"}
    seen = {"support": "picture", "words": ""}
    teacher = Scripted(
        verdicts={
            lines["held"]: by_caption,
            lines["doubted"]: by_caption,
            lines["unseen"]: seen,
            lines["silent"]: {"support": ""},
            lines["misquoted"]: {"support": "caption", "words": "the alloy was hammered flat"},
        },
        checked={line: "Holds." for name, line in lines.items() if name != "doubted"},
        shown={lines["misquoted"]: True},
    )
    made = check(Asked(teacher), [Statement("description", line) for line in lines.values()],
                 caption)  # fmt: skip
    assert {name: one.why for name, one in zip(lines, made, strict=True)} == {
        "held": "",
        "doubted": DOUBTED,
        "unseen": UNSEEN,
        "silent": NO_VERDICT,
        "unsupported": NEITHER,
        "misquoted": "",
    }
    assert [one.support for one in made if not one.why] == ["caption", "picture"]
    picture_prompt = next(prompt for prompt in teacher.prompts if '"shown"' in prompt)
    assert caption not in picture_prompt


def test_questions_are_asked_again_and_must_be_answered_alike():
    asked = {"What is it?": "A film", "Where is it?": "At the left", "How old is it?": "Old"}
    made = [Checked(Statement("question", said, q), "caption") for q, said in asked.items()]
    teacher = Scripted(answers={"What is it?": "a film.", "Where is it?": "At the right",
                                "How old is it?": "Cannot tell"})  # fmt: skip
    answer_again(Asked(teacher), made, CAPTION)
    assert [one.why for one in made] == ["", OTHERWISE, NOT_SURE]


def test_a_list_of_another_length_is_nobodys():
    class Short(Scripted):
        def ask(self, shown, prompt, *, temperature, seed):
            reply = super().ask(shown, prompt, temperature=temperature, seed=seed)
            found = json.loads(reply.text)
            return type(reply)(json.dumps({k: v[1:] for k, v in found.items()}))

    with pytest.raises(Unreadable, match="1 entries for 2"):
        check(Asked(Short()), [Statement("description", "A film is there.")], CAPTION)


def test_a_reasoning_ends_before_its_first_unfounded_step():
    steps = [Checked(Statement("reasoning", f"Step {i} holds here."), "both") for i in range(4)]
    steps[2] = Checked(steps[2].statement, "", NEITHER)
    texts, dropped = texts_of("f", "", steps)
    assert [text.said for text in texts] == ["Step 0 holds here. Step 1 holds here."]
    assert [one.statement.said[:6] for one in dropped] == ["Step 2", "Step 3"]
    lonely, dropped = texts_of("f", "", [steps[0], steps[2]])
    assert lonely == ()
    assert len(dropped) == 2


def test_a_text_knows_that_a_part_of_it_needs_the_caption():
    def support(*each):
        made = [Checked(Statement("description", f"Part {s} is there."), s) for s in each]
        return texts_of("f", "", made)[0][0].support

    assert support("caption", "picture") == support("caption", "both") == "mixed"
    assert support("both", "picture") == "both"
    assert support("caption", "caption") == "caption"


def test_what_a_teacher_writes_is_read_in_its_usual_disguises():
    text = 'Sure!\n```json\n{"belongs": "true", "picture": "Micrograph", "description": '
    text += (
        '"The film is flat. It is grey all over.", "reasoning": ["ok", 5, "So it was rolled."],}'
    )
    text += "\n```"
    written = parse_description(text)
    assert (written.belongs, written.picture) == (True, "micrograph")
    assert [(one.kind, one.said) for one in written.statements] == [
        ("description", "The film is flat."),
        ("description", "It is grey all over."),
        ("reasoning", "So it was rolled."),
    ]
    assert not parse_description('{"belongs": "No"}').belongs
    for bad in ("no JSON", '{"belongs": true}', '{"description": 5}'):
        with pytest.raises(Unreadable):
            parse_description(bad)
    pair = {"question": "Is it flat?", "answer": True}
    asked, lost = parse_questions(json.dumps({"questions": [pair, pair, {"question": "?"}, 7]}))
    assert [(one.asked, one.said) for one in asked] == [("Is it flat?", "Yes")]
    assert lost == {"question: asked before": 1, "question: incomplete": 2}
