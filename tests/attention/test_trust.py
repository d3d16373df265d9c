"""How far an answer can be trusted."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from fakes import FakeModel, picture
from napari_micrograph_vlm.attention.trust import Doubt, emptied, shifted, trust_of
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question

PIXELS = picture().astype(np.float32) / 255
REGION = Region(PIXELS, (0, 0, *PIXELS.shape))


class Sayer(FakeModel):
    """Says one thing about the picture, another about a moved or an empty one."""

    def __init__(self, text="a crack", empty="nothing", moved="a crack", **options):
        super().__init__(text, **options)
        self.empty, self.moved = empty, moved

    def ask(self, question, **options):
        answer = super().ask(question, **options)
        pixels = question.regions[0].pixels
        if pixels.std() < 1e-6:
            return replace(answer, text=self.empty)
        if not np.array_equal(pixels, PIXELS):
            return replace(answer, text=self.moved)
        return answer


def trust(model, region=REGION):
    return trust_of(model, model.ask(Question("What is it?", (region,))))


def test_an_answer_that_rests_on_the_picture():
    assert trust(Sayer()).kind is Doubt.NONE


def test_the_same_answer_about_an_empty_picture_is_a_guess():
    found = trust(Sayer(empty="A crack."))
    assert found.kind is Doubt.BLIND
    assert found.other == "A crack."


def test_another_answer_about_the_moved_picture_is_unsteady():
    found = trust(Sayer(moved="a pore"))
    assert found.kind is Doubt.UNSTABLE
    assert "a pore" in found.sentence


def test_a_map_without_focus():
    assert trust(Sayer(flat=True)).kind is Doubt.UNFOCUSED


def test_the_gravest_doubt_is_told():
    found = trust(Sayer(empty="a crack", moved="a pore", flat=True))
    assert found.kind is Doubt.BLIND


def test_long_answers_may_be_put_in_other_words():
    long = "the picture shows a thin crack that runs from the upper left to the lower right"
    other = long.replace("thin", "fine")
    assert trust(Sayer(long, moved=other)).kind is Doubt.NONE
    assert trust(Sayer(long, moved="a flat film without any defect")).kind is Doubt.UNSTABLE


def test_short_answers_must_name_the_same_place():
    found = trust(Sayer("a crack in the upper left", moved="a crack in the upper right"))
    assert found.kind is Doubt.UNSTABLE


def test_a_model_that_refuses_empty_pictures_is_made_to_answer():
    class Picky(Sayer):
        check_pictures = True

        def ask(self, question, **options):
            answer = super().ask(question, **options)
            empty = question.regions[0].pixels.std() < 1e-6
            refused = empty and self.check_pictures
            return replace(answer, text="not a micrograph") if refused else answer

    model = Picky(empty="a crack")
    assert trust(model).kind is Doubt.BLIND
    assert model.check_pictures is True


def test_stopping_leaves_the_model_as_it_was():
    model, cancel = Sayer(), Event()
    model.check_pictures = True
    answer = model.ask(Question("What is it?", (REGION,)))
    cancel.set()
    with pytest.raises(Cancelled):
        trust_of(model, answer, cancel)
    assert model.check_pictures is True
    assert len(model.questions) == 1


def test_an_emptied_region_has_the_brightness_inside_the_outline():
    mask = np.zeros(PIXELS.shape, dtype=bool)
    mask[:10] = True
    found = emptied(replace(REGION, mask=mask))
    assert found.pixels.shape == PIXELS.shape
    assert found.pixels.std() < 1e-6
    assert found.pixels[0, 0] == pytest.approx(PIXELS[:10].mean(), rel=1e-5)
    colour = emptied(Region(np.stack([PIXELS, PIXELS * 0, PIXELS], -1), REGION.box))
    assert colour.pixels[0, 0] == pytest.approx([PIXELS.mean(), 0, PIXELS.mean()], rel=1e-4)


def test_a_shifted_region_keeps_its_size_and_takes_its_outline_along():
    mask = np.zeros(PIXELS.shape, dtype=bool)
    mask[20:30, 20:30] = True
    found = shifted(replace(REGION, mask=mask))
    step = round(0.03 * 64)
    assert found.pixels.shape == PIXELS.shape
    assert np.array_equal(found.pixels[step:, step:], PIXELS[:-step, :-step])
    assert found.mask[20 + step : 30 + step, 20 + step : 30 + step].all()
    assert found.mask.sum() == mask.sum()
    tiny = shifted(Region(PIXELS[:8, :8], (0, 0, 8, 8)))
    assert np.array_equal(tiny.pixels[1:, 1:], PIXELS[:7, :7])


def test_an_answer_cut_off_by_its_length_is_not_unsteady():
    words = [f"word{i}" for i in range(60)]

    class Talker(FakeModel):
        """Says the same about whatever moves a little, as long as it may."""

        def ask(self, question, **options):
            answer = super().ask(question, **options)
            if question.regions[0].pixels.std() < 1e-6:
                return replace(answer, text="nothing is here")
            return replace(answer, text=" ".join(words[: options.get("max_tokens", 20) // 2]))

    model = Talker()
    answer = model.ask(Question("Describe it.", (REGION,)), max_tokens=20)
    assert len(answer.text.split()) == 10
    assert trust_of(model, answer).kind is Doubt.NONE
    # A short answer that goes on is another one.
    assert trust(Sayer("no", moved="no crack but a pore")).kind is Doubt.UNSTABLE
