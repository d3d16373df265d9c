"""Questions about the picture itself, and what a window of a synthetic picture keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.about_pictures import FAULTS
from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.datasets.questions import BUILDERS, KINDS, Asker, questions_about
from napari_micrograph_vlm.datasets.synthetic import Defect, Micrograph, synthesize


def answers(facts, kind, seeds=1):
    made = [BUILDERS[kind](Asker(facts, np.random.default_rng(seed))) for seed in range(seeds)]
    return [item.answer for item in made if item is not None]


def test_faults_of_imaging_are_named():
    clean, bad = Facts(quality=()), Facts(quality=("noisy", "drift"))
    assert answers(clean, "quality") == ["nothing"]
    assert answers(bad, "quality") == ["noisy and drift"]
    assert answers(Facts(), "quality") == []
    assert answers(clean, "noisy or blurred") == ["no"]
    assert answers(bad, "noisy or blurred") == ["yes, noisy"]
    assert answers(Facts(quality=("noisy", "blurred")), "noisy or blurred") == [
        "yes, noisy and blurred"
    ]
    # Astigmatism blurs: neither yes nor no is fair.
    assert answers(Facts(quality=("astigmatic",)), "noisy or blurred") == []


def test_a_fault_is_there_or_not():
    facts = Facts(quality=("charging",))
    seen = set()
    for seed in range(120):
        item = BUILDERS["is quality"](Asker(facts, np.random.default_rng(seed)))
        named = [fault for fault, names in FAULTS.items() for name in names
                 if name in item.question.lower()]  # fmt: skip
        if named:  # else a typing error is in the name
            assert item.answer == ("yes" if "charging" in named else "no")
            seen.add(item.answer)
    assert seen == {"yes", "no"}


def test_technique_and_order_by_yes_or_no():
    for seed in range(40):
        item = BUILDERS["is technique"](Asker(Facts(technique="TEM"), np.random.default_rng(seed)))
        asked = item.question.upper()
        if "SEM" in asked:
            assert item.answer == "no, TEM"
        elif "TEM" in asked:
            assert item.answer == "yes"
    assert answers(Facts(technique="STEM"), "is technique") == []
    assert answers(Facts(arrangement="ordered array"), "ordered") == ["yes"]
    assert answers(Facts(arrangement="dispersed"), "ordered") == ["no"]
    assert answers(Facts(arrangement="aligned"), "ordered") == []


def test_bar_and_width():
    facts = Facts(information_bar=True, field_of_view_nm=2000.0)
    assert answers(facts, "information bar") == ["yes"]
    assert answers(facts, "field of view") == ["100 % of the picture"]
    assert answers(Facts(), "field of view") == answers(Facts(), "information bar") == []


def made(**known):
    mask = np.zeros((100, 200), dtype=bool)
    mask[20:40, 60:90] = True
    return Micrograph(
        image=np.zeros((100, 200), np.uint8), category="films and coated surfaces",
        technique="SEM", objects="layers", count=3, object_mask=mask, size_class="small",
        density="dense", orientation="horizontal", contrast="mixed", arrangement="layered",
        defects=(Defect("crack", mask),), pixel_size_nm=2.0, bar_rows=10, object_size=10.0,
        quality=("noisy",), through=True, **known,
    )  # fmt: skip


def test_facts_of_a_whole_picture():
    facts = Facts.of(made())
    assert facts.object_size == pytest.approx(0.1)  # of the shorter side
    assert facts.object_extent == pytest.approx(0.05)  # of the longer one
    assert (facts.field_of_view_nm, facts.aspect) == (400.0, 2.0)
    assert facts.quality == ("noisy",)
    assert facts.information_bar is facts.through is True
    assert facts.covered == pytest.approx(20 * 30 / 20000)


def test_facts_of_a_window():
    facts = Facts.of(made(), (0, 0, 50, 100))
    assert facts.object_size == pytest.approx(0.2)
    assert (facts.field_of_view_nm, facts.aspect) == (200.0, 2.0)
    assert facts.information_bar is False
    assert facts.through is True
    # The window cuts the crack: it may end outside.
    assert Facts.of(made(), (0, 0, 50, 80)).through is None
    # Two of ten rows of the bar are neither a bar nor none.
    assert Facts.of(made(), (0, 0, 92, 200)).information_bar is None
    assert Facts.of(made(), (0, 0, 98, 200)).information_bar is True


def test_unknown_size_of_objects_stays_unknown():
    assert Facts.of(replace(made(), object_size=0.0)).object_size is None


def test_kinds_that_may_be_called_alike_are_not_denied():
    mask = np.zeros((50, 50), dtype=bool)
    mask[5:9, 5:9] = True
    facts = Facts(defects=(DefectFact("micro-bridge", mask),))
    for seed in range(200):
        asker = Asker(facts, np.random.default_rng(seed))
        assert "bridge" not in asker.absent
        assert "micro-bridge" not in asker.absent
        assert "break" in asker.absent


def test_every_kind_but_a_teachers_shape_comes_from_synthetic_pictures():
    kinds = set()
    for seed in range(70):
        facts = Facts.of(synthesize(seed, size=128))
        rng = np.random.default_rng(seed)
        kinds |= {item.kind for _ in range(3) for item in questions_about(facts, rng)}
    rare = {"shape", "through", "which larger", "largest where"}
    assert set(BUILDERS) - rare <= kinds
    assert len(KINDS) == len(set(KINDS)) >= 48
