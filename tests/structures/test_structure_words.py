"""What texts say of a structure, and what they say that is not of it."""

import math

import pytest

from napari_micrograph_vlm.structures.fields import StructureError, complete
from napari_micrograph_vlm.structures.reading import fields_of, kind_in, kind_named
from napari_micrograph_vlm.structures.units import length_in, unit_named


@pytest.mark.parametrize(
    ("name", "factor", "kept", "follows"),
    [
        ("density", 0.5, "size", "spacing"),
        ("size", 2, "density", "spacing"),
        ("spacing", 2, "density", "size"),
    ],
)
@pytest.mark.parametrize("kind", ["fibres", "gyroid", "pillars", "lines"])
def test_one_value_alone_is_taken_and_one_other_follows(kind, name, factor, kept, follows):
    fields = complete(kind=kind, density=0.3, spacing=200.0, width=1000.0)
    changed = fields.with_values(**{name: factor * getattr(fields, name)})
    assert getattr(changed, name) == pytest.approx(factor * getattr(fields, name))
    assert getattr(changed, kept) == pytest.approx(getattr(fields, kept))
    assert getattr(changed, follows) != pytest.approx(getattr(fields, follows))
    share = fields.of_kind.density_of(changed.size, changed.spacing)
    assert share == pytest.approx(changed.density)


def test_another_kind_takes_a_spacing_that_goes_with_it():
    fields = complete(kind="spheres", size=100.0).with_values(kind="gyroid", spacing=80.0)
    assert (fields.spacing, fields.density) == (80.0, 0.5)
    with pytest.raises(StructureError, match="no spacing"):
        fields.with_values(kind="film", spacing=80.0)


@pytest.mark.parametrize(
    ("text", "size", "density"),
    [
        ("fibres, mean diameter of 480 ± 120 nm, porosity of 85 %", 480, 0.15),
        ("fibres of 480 nm ± 120 nm, porosity of 85 ± 3 %", 480, 0.15),
        ("spheres, 100 +/- 10 nm in diameter", 100, None),
        ("spheres, (100 ± 10) nm in diameter", 100, None),
        ("spheres 100 nm ± 12 % in diameter, 30 % solid", 100, 0.3),
        ("spheres of 100 nm, standard deviation 10 nm", 100, None),
    ],
)
def test_a_deviation_is_no_size(text, size, density):
    fields = fields_of(text)
    assert fields.size == pytest.approx(size)
    assert density is None or fields.density == pytest.approx(density)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("200 nm lines", {"size": 200, "width": 4000}),
        ("100 nm layers", {"size": 100, "width": 1600}),
        ("gyroid of 500 nm unit cells", {"spacing": 500, "width": 2000}),
        ("powder of 20 nm cells", {"size": 20}),
        ("12 layers of 20 nm, 50 nm apart", {"width": 600}),
        ("200 nm lines and 300 nm spaces", {"size": 200, "spacing": 500, "density": 0.4}),
        ("trenches 300 nm wide, pitch 500 nm", {"size": 200, "density": 0.4}),
        ("fibre mat, 20 µm thick, fibre diameter 1 µm", {"size": 1, "depth": 20}),
        ("fibre mat 20 µm thick, fibres 2 µm in diameter", {"size": 2, "depth": 20}),
        ("solid film 50 nm thick", {"depth": 50}),
        ("cones 15 µm high with a base of 5 µm", {"size": 5, "depth": 15}),
        ("tips 15 µm high, foot 5 µm", {"size": 5, "depth": 15}),
        ("scale bar 500 nm, spheres 100 nm in diameter", {"size": 100, "density": 0.3}),
        ("spheres of 100 nm, 1 µm scale bar", {"size": 100, "density": 0.3}),
        ("fibres at 10 kV, WD 8 mm, 3 µm thick", {"size": 3, "density": 0.2}),
        ("fibres, working distance of 8.1 mm, 3 µm", {"size": 3, "density": 0.2}),
        ("particles of 20 nm on a substrate 500 µm thick", {"size": 20, "density": 0.3}),
        ("particles of 20 nm on a 500 µm thick silicon wafer", {"size": 20, "density": 0.3}),
        ("fibres 80 nm thick and 2 µm long", {"size": 80, "density": 0.2}),
        ("nanowires standing upright, 80 nm thick and 2 µm long", {"size": 80, "depth": 2000}),
        ("fibres 3 µm thick, coated with 5 nm of gold", {"size": 3, "density": 0.2}),
    ],
)
def test_each_length_is_of_what_it_is_said_of(text, values):
    fields = fields_of(text)
    for name, value in values.items():
        assert getattr(fields, name) == pytest.approx(value), name


def test_what_the_rest_leaves_no_room_for_is_named():
    text = "Open-cell foam, relative density 0.1, cell size 1 mm, strut thickness 100 µm"
    fields = fields_of(text)
    (sentence,) = fields.overridden
    assert sentence.startswith("cell diameter 1 mm: 677 µm goes with 10 % solid")
    assert fields.to_dict()["overridden"] == [sentence]
    assert fields.with_values().overridden == fields.with_values(depth=500.0).overridden
    assert fields.with_values().overridden == (sentence,)
    assert fields.with_values(density=0.2).overridden == ()
    assert fields_of("open-cell foam, relative density 0.1, cell size 1 mm").overridden == ()
    (sentence,) = fields_of("9 layers with a period of 100 nm, block 500 nm wide").overridden
    assert sentence.startswith("9 periods: 5 are in a width of 500 nm")


def test_lengths_that_do_not_fit_are_told_with_their_units():
    with pytest.raises(StructureError, match="size of 300 nm do not fit a spacing of 200 nm"):
        fields_of("pillars 300 nm in diameter, 200 nm apart")
    with pytest.raises(StructureError, match="gap of 500 nm"):
        fields_of("lines with gaps of 500 nm and a pitch of 300 nm")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Schwarz diamond, 2 mm unit cell", "schwarz d"),
        ("a Schwarz' diamond surface", "schwarz d"),
        ("Schwarz primitive", "schwarz p"),
        ("a Schwarz surface", "schwarz p"),
        ("No fibres; just spheres of 100 nm", "spheres"),
        ("There are no visible pores; solid film 50 nm thick", "film"),
        ("The sample is not a foam but a gyroid", "gyroid"),
        ("not a gyroid but a foam", "foam"),
        ("pillars without any holes", "pillars"),
        ("no fibres or wires, only grains", "spheres"),
        ("not ordered pillars", "pillars"),
        ("no fibres", None),
    ],
)
def test_what_is_not_there_is_not_the_kind(text, kind):
    assert kind_in(text) == kind


def test_a_kind_is_known_by_its_other_names():
    assert kind_named("Schwarz Diamond") == "schwarz d"
    assert kind_named("layers") == "layers"
    assert kind_named("knot") == "knot"


@pytest.mark.parametrize(
    "text",
    [
        "gyroid -30 % solid",
        "gyroid, \N{MINUS SIGN}30% solid",
        "a gyroid with a period of -5 nm",
        "gyroid, period 0 nm",
        "gyroid, period 0.0 µm",
        "gyroid, period: NaN nm",
        "foam of inf mm",
    ],
)
def test_what_is_no_length_or_share_is_one_sentence(text):
    with pytest.raises(StructureError, match=r"is no (length|share); give one") as raised:
        fields_of(text)
    assert str(raised.value).count(". ") == 0


def test_ranges_and_defocus_have_no_sign():
    assert fields_of("spheres of 100-400 nm diameter").size == pytest.approx(200)
    assert fields_of("spheres of 100 nm diameter, 10 -30 % solid").size == 100
    assert fields_of("spheres of 100 nm diameter, defocus -500 nm").size == 100
    assert fields_of("spheres of 10 nm diameter, 10.5 % of the area empty").size == 10


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"unit": "furlong"}, "“furlong” is no unit"),
        ({"unit": ""}, "“” is no unit"),
        ({"unit": "9**9**9*m"}, "is no unit"),
        ({"angle": 1e400}, "The angle is inf"),
        ({"angle": math.nan}, "The angle is nan"),
        ({"width": 1e-300}, "lies between 1 pm and 1 km"),
        ({"width": math.inf}, "above 0"),
        ({"width": 2e12}, "lies between 1 pm and 1 km"),
        ({"layers": 1e30}, "lies between 1 pm and 1 km"),
        ({"size": 10**400}, "above 0"),
        ({"density": 0.3, "spacing": 0.0}, "above 0"),
        ({"density": 30}, "lies between 0 and 100 %"),
        ({"unit": "pixel", "depth": 1e-9}, "lies between 0.001 pixel"),
    ],
)
def test_values_of_a_model_are_bounded(values, complaint):
    with pytest.raises(StructureError, match=complaint.replace("*", r"\*")) as raised:
        fields_of({"kind": "gyroid", **values})
    assert str(raised.value).count(". ") == 0


def test_units_are_written_one_way_and_the_usual_block_is_as_large_in_each():
    fields = fields_of('{"kind": "gyroid", "unit": "micrometers"}')
    assert fields.unit == "µm"
    assert fields.width == pytest.approx(1.0)
    assert unit_named("px") == "pixel"
    assert fields_of({"kind": "gyroid", "unit": "pixel"}).width == 1000


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("5Å", (5, "Å")),
        ("50 nm", (50, "nm")),
        (" 1,5µm ", (1.5, "µm")),
        (".2 um", (0.2, "µm")),
        ("1e-3 mm", (1e-3, "mm")),
        ("1,000 nm", (1000, "nm")),
        ("12 pixels", (12, "pixel")),
        ("7", (7, "nm")),
        ("-3 nm", None),
        ("0 nm", None),
        ("1e999 nm", None),
        ("nan nm", None),
        ("3 furlong", None),
        ("thick", None),
    ],
)
def test_a_length_is_read_with_its_unit(text, length):
    assert length_in(text, "nm") == length
