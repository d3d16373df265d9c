"""Structures in a shell."""

import json

import numpy as np
import pytest
from PIL import Image

from fakes import FakeModel
from napari_micrograph_vlm import api
from napari_micrograph_vlm.structures.describing import QUESTIONS

ANSWERS = {"objects": "pillars", "coverage": "about 20 % of the area", "size": "about 10 %"}


class Describing(FakeModel):
    def ask(self, question, **options):
        said = {QUESTIONS[name]: text for name, text in ANSWERS.items()}
        self.text = said.get(question.text, "no")
        return super().ask(question, **options)


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.setattr(api, "load_model", lambda *args, **options: Describing())
    path = tmp_path / "array.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80), np.uint8)).save(path)
    return path


def test_words_become_a_file_and_a_picture(run, tmp_path):
    target, picture = tmp_path / "it.stl", tmp_path / "it.png"
    words = "lines 40 nm wide at a pitch of 100 nm, block 400 nm wide"
    code, out, err = run(
        "structure", "--text", words, "--output", target, "--picture", picture, "--voxels", "48"
    )
    assert (code, err) == (0, "")
    assert "lines, 40 % solid, vertical; width 40 nm, pitch 100 nm" in out
    assert "not said, so taken as usual: depth" in out
    assert f"{target}: 1 in the file is 1 nm" in out
    assert target.stat().st_size > 84
    with Image.open(picture) as opened:
        assert opened.size == (384, 384)


def test_a_micrograph_is_described_and_can_be_corrected(run, image):
    code, out, _ = run("structure", image, "--json", "--voxels", "48", "--density", "30")
    assert code == 0
    found = json.loads(out)
    assert (found["kind"], found["unit"]) == ("pillars", "pixel")
    assert found["solid"] == pytest.approx(0.3, rel=0.02)
    assert found["size"] == pytest.approx(8)
    assert ["What objects are there?", "pillars"] in found["said"]
    code, out, _ = run("structure", image, "--size", "12 pixel", "--voxels", "48", "--json")
    assert json.loads(out)["size"] == 12


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "Give a micrograph, or a description with --text"),
        (("--text", "an elephant"), "names no structure"),
        (("--text", "gyroid", "--output", "it.ply"), ".stl or .obj"),
        (("--text", "gyroid", "--size", "thick"), "--size is a length with its unit"),
        (("--text", "gyroid", "--size", "-3 nm"), "--size is a length with its unit"),
        (("--text", "gyroid", "--kind", "knot"), "There is no structure “knot”"),
        (("--text", "gyroid", "--pixel-size", "2 nm"), "goes with a micrograph"),
        (("--text", "gyroid", "--plate", "1 m"), "too thick"),
        (("--text", "gyroid", "--plate", "nan"), "--plate is a length with its unit"),
        (("--text", "gyroid", "--plate", "-5 nm"), "--plate is a length with its unit"),
        (("--text", "fibres 1 nm thick", "--width", "1 mm"), "voxels"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(run, tmp_path, arguments, complaint):
    code, out, err = run("structure", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("size", ["2", "2 pixel", "-1 nm", "wide"])
def test_a_pixel_has_a_size_with_a_unit(run, image, size):
    code, out, err = run("structure", image, "--pixel-size", size)
    assert (code, out) == (2, "")
    assert "--pixel-size is a length with its unit" in err


def test_a_length_needs_the_scale_of_the_picture(run, image):
    code, _, err = run("structure", image, "--size", "50 nm")
    assert code == 2
    assert "give it with --pixel-size, or --size in pixels" in err
    arguments = ("--pixel-size", "2.5nm", "--size", "500Å", "--voxels", "48", "--json")
    code, out, _ = run("structure", image, *arguments)
    found = json.loads(out)
    assert (code, found["unit"], found["width"]) == (0, "nm", 200)
    assert found["size"] == pytest.approx(50)
    assert found["density"] == pytest.approx(0.2)


def test_a_spacing_alone_and_another_name_for_a_kind_are_taken(run):
    words = ("--text", "a foam, 30 % solid", "--kind", "schwarz diamond", "--voxels", "96")
    code, out, _ = run("structure", *words, "--spacing", "0.2 µm", "--json")
    found = json.loads(out)
    assert (code, found["kind"]) == (0, "schwarz d")
    assert found["spacing"] == pytest.approx(200)


def test_what_was_said_and_not_kept_is_printed(run):
    words = "foam, relative density 0.1, cell size 1 mm, strut thickness 100 µm"
    code, out, _ = run("structure", "--text", words, "--voxels", "96")
    assert code == 0
    assert "said, but not kept: cell diameter 1 mm: 677 µm goes with" in out
