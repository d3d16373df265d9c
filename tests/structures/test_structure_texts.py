"""A structure out of words and answers."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import FakeModel
from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.structures.describing import (
    QUESTIONS,
    describe_structure,
    fields_of_answers,
)
from napari_micrograph_vlm.structures.fields import StructureError, StructureFields, complete
from napari_micrograph_vlm.structures.kinds import KINDS, ORIENTATIONS
from napari_micrograph_vlm.structures.reading import fields_of, kind_in


def said(text, *names):
    fields = fields_of(text)
    return tuple(getattr(fields, name) for name in names)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("a gyroid, 30 % solid, period of 0.2 µm", "gyroid", {"density": 0.3, "spacing": 200}),
        (
            "fibres 50 nm thick, 15 % dense, aligned horizontally, field of view 2 µm",
            "fibres",
            {"size": 50, "density": 0.15, "width": 2000, "orientation": "horizontal"},
        ),
        (
            "array of pillars 100 nm in diameter, 200 nm apart and 1 µm high",
            "pillars",
            {"size": 100, "spacing": 200, "depth": 1000, "regularity": 1},
        ),
        ("open-cell foam with pores of 10 µm, porosity 90 %", "foam", {"density": 0.1}),
        ("open-cell foam with pores of 10 µm, porosity 90 %", "foam", {"spacing": 10}),
        ("8 layers of 20 nm, 50 nm apart", "layers", {"size": 20, "spacing": 50, "width": 400}),
        (
            "nanoporous gold, ligaments of 40 nm, porosity of 0.65",
            "sponge",
            {"size": 40, "density": 0.35},
        ),
        (
            "randomly oriented carbon fibres, radius 3.5 µm, volume fraction 0.3",
            "fibres",
            {"size": 7, "density": 0.3, "orientation": "random", "unit": "µm"},
        ),
        ("a grating at 30°, 80 nm wide, 200 nm period", "lines", {"angle": 30, "size": 80}),
        ("An SEM image of dense nanowires, vertical, no defect.", "fibres", {"density": 0.5}),
        ("pillars, pitch 100-140 nm, block 500 nm wide", "pillars", {"width": 500}),
        ("Schwarz D surface, relative density 0.25", "schwarz d", {"density": 0.25}),
        ("particles with a yield of 80 %, moderate", "spheres", {"density": 0.25}),
        ('{"kind": "spheres", "density": 0.4, "size": 120}', "spheres", {"size": 120}),
    ],
)
def test_a_text_says_kind_shares_and_lengths(text, kind, values):
    fields = fields_of(text)
    assert fields.kind == kind
    for name, value in values.items():
        found = getattr(fields, name)
        assert found == (pytest.approx(value) if isinstance(value, float | int) else value), name


def test_what_nobody_said_is_named():
    assert fields_of("a gyroid").assumed == ("density", "size", "spacing", "width", "depth")
    assert fields_of("a gyroid, period 200 nm, 30 % solid").assumed == ("width", "depth")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a happy elephant", "names no structure"),
        ("pillars, 90 % solid", "Pillars can be 0.5 to 75 % solid"),
        ("spheres, 0 % solid", "can be 0.5"),
        ('{"kind": "spheres", "size": "big"}', "has to be a number"),
        ('{"kind": "spheres", "size": -3}', "above 0"),
        ('{"kind": "layers", "layers": 0}', "at least one"),
        ('{"kind": "foam", "orientation": "sideways"}', "There is no orientation"),
        ("pillars 300 nm in diameter, 200 nm apart", "do not fit"),
    ],
)
def test_what_cannot_be_is_one_sentence(text, complaint):
    with pytest.raises(StructureError, match=complaint) as raised:
        fields_of(text)
    assert str(raised.value).endswith(".")


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 2000) | st.none()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(
            ("density", "size", "spacing", "width", "depth", "layers", "regularity", "angle")
        ),
        numbers,
    ),
)
def test_any_numbers_give_a_structure_or_a_sentence(kind, values):
    try:
        fields = fields_of({"kind": kind, **values})
    except MicrographError:
        return  # anything else would be a bug
    assert 0 < fields.density < 1
    assert fields.size > 0
    assert str(fields)
    json.dumps(fields.to_dict(), allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text):
    for words in (text, f"fibres {text}", f"{text} 50 nm gyroid"):
        with suppress(MicrographError):
            fields = fields_of(words)
            assert complete(kind=fields.kind).kind == fields.kind


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(set(KINDS) - {"film"})),
    st.floats(0.05, 0.2),
    st.sampled_from(ORIENTATIONS),
)
def test_density_size_and_spacing_always_agree(kind, density, orientation):
    density = density if not KINDS[kind].holes else 1 - density
    fields = complete(kind=kind, density=density, orientation=orientation, width=100)
    assert KINDS[kind].density_of(fields.size, fields.spacing) == pytest.approx(density)
    larger = fields.with_values(size=2 * fields.size)
    assert larger.density == pytest.approx(density)
    assert larger.spacing == pytest.approx(2 * fields.spacing)
    both = fields.with_values(size=fields.size, spacing=fields.spacing * 1.1)
    assert KINDS[kind].density_of(both.size, both.spacing) == pytest.approx(both.density)


def test_every_kind_is_found_by_the_name_it_is_printed_with():
    for name, kind in KINDS.items():
        assert kind_in(kind.plural) == name
        assert kind_in(name) == name


class Saying(FakeModel):
    """Answers the list of questions from a dictionary."""

    def __init__(self, **answers):
        super().__init__()
        self.answers = {QUESTIONS[name]: text for name, text in answers.items()}

    def ask(self, question, **options):
        self.text = self.answers.get(question.text, "no")
        return super().ask(question, **options)


def test_a_region_is_asked_about_and_keeps_its_scale():
    import numpy as np

    region = Cutout.of_array(
        np.random.default_rng(0).integers(0, 255, (100, 200)), pixel_size=(2.0, 2.0), unit="nm"
    ).read()
    told = []
    model = Saying(
        objects="contact holes",
        category="Patterned surfaces",
        coverage="About 30 % of the area",
        size="About 5 % of the picture (about 20 nm)",
        arrangement="ordered array",
    )
    fields = describe_structure(model, region, on_answer=told.append)
    assert len(told) == len(fields.said) == len(QUESTIONS)
    assert (fields.kind, fields.unit, fields.width) == ("holes", "nm", 200)
    assert fields.size == pytest.approx(20)
    assert fields.density == pytest.approx(0.7)
    assert fields.regularity == 1
    unscaled = Cutout.of_array(np.arange(10_000.0).reshape(100, 100)).read()
    assert describe_structure(model, unscaled).unit == "pixel"


@pytest.mark.parametrize(
    ("objects", "category", "kind"),
    [
        ("Ligaments", "Porous sponge", "sponge"),
        ("Pores", "Porous sponge", "foam"),
        ("Cells", "Biological", "spheres"),
        ("Nanowires", "Nanowires", "fibres"),
        ("Comb fingers", "MEMS devices and electrodes", "lines"),
        ("Layers", "Films and coated surfaces", "layers"),
        ("Nodules", "Films and coated surfaces", "film"),
        ("Something", "Tips", "tips"),
    ],
)
@pytest.mark.parametrize("covered", ["About 1 % of the area", "About 100 % of the area", ""])
def test_what_the_model_calls_things_can_be_built(objects, category, kind, covered):
    said = {"objects": objects, "category": category, "coverage": covered, "size": "100 %"}
    fields = fields_of_answers(said, 100.0, 120.0, "µm")
    assert isinstance(fields, StructureFields)
    assert fields.kind == kind
    assert fields.size < fields.width


def test_what_the_model_sees_and_nobody_can_build_is_said():
    with pytest.raises(StructureError, match="“elephants”"):
        fields_of_answers({"objects": "elephants", "category": "zoo"}, 1.0, 1.0, "nm")
