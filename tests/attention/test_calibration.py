"""Layers that look at what is asked about."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.attention import calibration
from napari_micrograph_vlm.attention.calibration import (
    Example,
    calibrate,
    choose_layers,
    examples,
    measure,
    settings_for,
    user_file,
)
from napari_micrograph_vlm.attention.relevance import Recorded, Settings
from napari_micrograph_vlm.attention.token_boxes import TokenBoxes
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.regions import Region

SIDE = 6


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Keep what is found out of the user's folder."""
    monkeypatch.setattr(calibration, "user_data_dir", lambda _name: str(tmp_path / "data"))


def recorded_of(mask, rng, looking=(2, 4), depth=6):
    """Layers that look at the mask beside others that look anywhere."""
    boxes = [
        (y / SIDE, x / SIDE, (y + 1) / SIDE, (x + 1) / SIDE)
        for y in range(SIDE)
        for x in range(SIDE)
    ]
    attention = rng.random((1, depth, SIDE * SIDE)).astype(np.float32)
    for layer in looking:
        attention[0, layer] = 0.1 * attention[0, layer] + mask.ravel() * rng.random(SIDE * SIDE)
    return Recorded(attention, (TokenBoxes(np.array(boxes)),), (SIDE * SIDE,))


def pictures(count=12, looking=(2, 4)):
    rng = np.random.default_rng(3)
    made = []
    for _ in range(count):
        mask = np.zeros((SIDE, SIDE), dtype=bool)
        y, x = rng.integers(0, SIDE - 1, 2)
        mask[y : y + 2, x : x + 2] = True
        made.append((recorded_of(mask, rng, looking), mask))
    return made


def test_the_layers_that_look_are_chosen():
    chosen = choose_layers(pictures())
    assert chosen
    assert set(chosen) <= {2, 4}


def test_where_no_layer_looks_all_are_kept():
    # The best of them looks good by chance, but not on other pictures.
    found = measure("blind", pictures(looking=()))
    assert found.layers is None
    assert "all are kept" in str(found)
    even = [(each.of(np.ones_like(each.attention)), mask) for each, mask in pictures()]
    assert choose_layers(even) is None


def test_the_choice_is_measured_on_other_pictures():
    found = measure("toy", pictures())
    assert found.depth == 6
    assert found.pictures == 12
    assert set(found.layers) <= {2, 4}
    assert found.pointing == 1
    assert found.mass > 1.5 * found.mass_all
    assert found.chance == pytest.approx(4 / 36)
    # Nothing is gained where the choice was chance.
    chance = measure("blind", pictures(looking=()))
    assert chance.mass < 1.5 * chance.chance


class Recording(FakeModel):
    """Layer 1 of 3 looks at the bright square, and nothing else does."""

    relevance = Settings()

    def recorded(self, question, *, max_tokens=48, cancel=None):
        rng = np.random.default_rng(len(self.questions))
        self.questions.append(question)
        pixels = question.regions[0].pixels
        blocks = pixels.reshape(SIDE, 10, SIDE, 10).mean((1, 3)) > 0.6
        return recorded_of(blocks, rng, looking=(1,), depth=3)


@pytest.fixture
def few(monkeypatch):
    """Three bright squares instead of the pictures that ship."""
    made = []
    for i in range(3):
        pixels = np.full((60, 60), 0.3, np.float32)
        mask = np.zeros((60, 60), dtype=bool)
        mask[10 * i : 10 * i + 20, 20:40] = True
        pixels[mask] = 1
        made.append(Example(Region(pixels, (0, 0, 60, 60)), "Where is the square?", mask))
    monkeypatch.setattr(calibration, "examples", lambda: tuple(made))


def test_what_is_found_is_kept_and_used(few):
    model, counted = Recording(), []
    found = calibrate(model, on_picture=lambda *count: counted.append(count))
    assert found.layers == (1,)
    assert counted == [(1, 3), (2, 3), (3, 3)]
    assert model.relevance == Settings(layers=(1,))
    assert settings_for("fake") == Settings(layers=(1,))
    assert settings_for("another") == Settings()
    assert "layers 1 of 3" in str(found)


def test_a_second_model_leaves_the_first_in_place(few):
    calibrate(Recording())
    other = Recording()
    other.name = "other"
    calibrate(other)
    assert settings_for("fake") == settings_for("other") == Settings(layers=(1,))


def test_a_broken_file_is_no_obstacle(few):
    user_file().parent.mkdir(parents=True)
    user_file().write_text("{", encoding="utf-8")
    assert settings_for("fake") == Settings()
    calibrate(Recording())
    assert settings_for("fake") == Settings(layers=(1,))


def test_it_can_be_stopped_and_then_keeps_nothing(few):
    cancel = Event()
    with pytest.raises(Cancelled):
        calibrate(Recording(), on_picture=lambda *_: cancel.set(), cancel=cancel)
    assert not user_file().exists()


def test_a_model_without_recordings_is_told_so():
    with pytest.raises(ModelError, match="records no attention"):
        calibrate(FakeModel())


def test_the_pictures_that_ship_show_one_small_defect_each(monkeypatch):
    chosen = calibration._read(calibration.SHIPPED)["pictures"]
    monkeypatch.setattr(calibration, "_read", lambda _path: {"pictures": {**chosen, "count": 3}})
    examples.cache_clear()
    made = examples()
    examples.cache_clear()
    assert len(made) == 3
    for each in made:
        assert each.region.pixels.shape == each.mask.shape == (384, 384)
        assert 0 < each.mask.mean() <= 0.1
        assert "{kind}" not in each.question
