"""From recorded attention to maps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.attention.relevance import (
    Method,
    Recorded,
    Settings,
    maps_of,
    relevance_of,
)
from napari_micrograph_vlm.attention.token_boxes import TokenBoxes


def grid(rows: int, columns: int) -> TokenBoxes:
    edges = [
        (y / rows, x / columns, (y + 1) / rows, (x + 1) / columns)
        for y in range(rows)
        for x in range(columns)
    ]
    return TokenBoxes(np.array(edges))


@pytest.fixture
def recorded():
    """Two tokens, three layers, 2 x 2 image tokens; layer 1 looks at token 3, layer 2 hardly."""
    attention = np.array(
        [
            [[0.2, 0.2, 0.2, 0.2], [0.0, 0.0, 0.0, 0.5], [0.01, 0.0, 0.0, 0.0]],
            [[0.1, 0.1, 0.1, 0.1], [0.0, 0.3, 0.0, 0.3], [0.0, 0.0, 0.02, 0.0]],
        ],
        np.float32,
    )
    return Recorded(attention, (grid(2, 2),), (4,))


def test_rows_sum_to_one_and_layers_count_alike_however_little_they_look(recorded):
    found = relevance_of(recorded, Settings(Method.MEAN))
    assert found.shape == (2, 4)
    assert found.sum(-1) == pytest.approx([1, 1])
    assert found[0] == pytest.approx([(0.25 + 0 + 1) / 3, 0.25 / 3, 0.25 / 3, (0.25 + 1) / 3])


def test_chosen_layers_alone_make_the_map(recorded):
    found = relevance_of(recorded, Settings(layers=(1,)))
    assert found[0] == pytest.approx([0, 0, 0, 1])
    assert found[1] == pytest.approx([0, 0.5, 0, 0.5])


def test_all_layers_alike_ignores_the_choice(recorded):
    chosen = relevance_of(recorded, Settings(Method.MEAN, (1,)))
    assert np.array_equal(chosen, relevance_of(recorded, Settings(Method.MEAN)))


def test_layers_of_another_version_of_a_model_are_left_out(recorded):
    found = relevance_of(recorded, Settings(layers=(1, 31)))
    assert np.array_equal(found, relevance_of(recorded, Settings(layers=(1,))))
    found = relevance_of(recorded, Settings(layers=(30, 31)))
    assert np.array_equal(found, relevance_of(recorded, Settings()))


def test_contrast_takes_off_what_is_always_looked_at():
    # Token 0 is looked at whatever is asked; token 2 only for this question.
    asked = np.array([[[0.6, 0.1, 0.3, 0.1]]], np.float32)
    always = np.array([[0.6, 0.1, 0.1, 0.1]], np.float32)
    recorded = Recorded(asked, (grid(2, 2),), (4,))
    assert relevance_of(recorded, Settings())[0].argmax() == 0
    found = relevance_of(recorded, Settings(Method.CONTRAST), neutral=lambda: always)
    assert found[0].argmax() == 2


def test_contrast_is_no_noise_where_nothing_was_looked_at_before():
    asked = np.array([[[0.5, 1e-6, 0.4, 0.1]]], np.float32)
    before = np.array([[0.5, 1e-9, 0.1, 0.4]], np.float32)
    recorded = Recorded(asked, (grid(2, 2),), (4,))
    found = relevance_of(recorded, Settings(Method.CONTRAST), neutral=lambda: before)
    assert found[0].argmax() == 2


def test_what_a_method_needs_must_be_given(recorded):
    for method in (Method.CONTRAST, Method.ROLLOUT, Method.GRADIENT, Method.OCCLUSION):
        with pytest.raises(ValueError, match=method.value):
            relevance_of(recorded, Settings(method))


def test_replayed_relevance_is_taken_as_it_comes_but_never_negative(recorded):
    given = np.array([[1.0, -1.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    asked_for = []

    def replayed(method):
        asked_for.append(method)
        return given

    found = relevance_of(recorded, Settings(Method.GRADIENT), replayed=replayed)
    assert asked_for == [Method.GRADIENT]
    assert found[0] == pytest.approx([0.25, 0, 0.75, 0])
    assert found[1].sum() == 0


def test_each_region_gets_its_own_map():
    recorded = Recorded(np.zeros((1, 1, 6), np.float32), (grid(2, 2), grid(1, 2)), (4, 2))
    first, second = maps_of(np.array([0, 0.1, 0.1, 0, 0.2, 0.6]), recorded, "attention")
    assert first.values == pytest.approx(np.array([[0, 0.5], [0.5, 0]]))
    assert second.values == pytest.approx(np.array([[0.25, 0.75]]))
    assert first.method == "attention"


def test_a_resampler_leads_back_to_patches():
    # Two image tokens, made of four patches: the first of the upper, the second of one lower.
    shares = np.array([[0.5, 0.5, 0, 0], [0, 0, 0, 1.0]], np.float32)
    recorded = Recorded(np.zeros((1, 1, 2), np.float32), (grid(2, 2),), (2,), (shares,))
    (found,) = maps_of(np.array([0.4, 0.6]), recorded, "attention")
    assert found.values == pytest.approx(np.array([[0.2, 0.2], [0, 0.6]]))


def test_looking_nowhere_is_an_even_map_without_focus(recorded):
    (found,) = maps_of(np.zeros(4), recorded, "attention")
    assert found.values == pytest.approx(np.full((2, 2), 0.25))
    assert not found.has_focus
