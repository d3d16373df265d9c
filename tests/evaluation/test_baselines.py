"""What is said without looking."""

from __future__ import annotations

import numpy as np

from fakes import FakeModel
from napari_micrograph_vlm.evaluation.baselines import Blind
from napari_micrograph_vlm.evaluation.items import Item
from napari_micrograph_vlm.regions import Region


class Careful(FakeModel):
    """Refuses every picture while it checks them."""

    check_pictures = True

    def ask(self, question, **options):
        self.checked = self.check_pictures
        return super().ask(question, **options)


def test_a_blind_model_guesses_instead_of_refusing_the_mean_picture():
    model = Careful()
    region = Region(np.full((8, 8), 0.5, np.float32), (0, 0, 8, 8))
    item = Item("defect", "What is it?", "crack", held_out=False)
    assert Blind(model, [region]).answer(item)
    assert model.checked is False
    assert model.check_pictures is True
